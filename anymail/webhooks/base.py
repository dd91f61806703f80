"""What every webhook has: POST only, a shared secret, and a signal for each event."""

from __future__ import annotations

import base64
import hmac
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.dispatch import Signal
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.generic import View

from ..conf import Settings, SomeSettings, WebhookSettings, current_settings, text_list
from ..exceptions import (
    AnymailAPIError,
    AnymailInsecureWebhookWarning,
    AnymailWebhookValidationFailure,
)
from ..signals import dispatch

logger = logging.getLogger(__name__)

#: What Django answers with 4xx, so that the service would never send the event again.
CLIENT_ERRORS = (BadRequest, Http404, PermissionDenied, SuspiciousOperation)


class AnymailCoreWebhookView(View):
    """Turns POST requests into events.

    ``as_view()`` also takes settings by their names in lower case (``webhook_secret=...``); they
    win over the Django settings.
    """

    #: The signal of the events.
    signal: ClassVar[Signal | None] = None
    #: The service's name, for receivers.
    esp_name: ClassVar[str] = ""
    http_method_names = ["post", "head", "options"]
    #: The groups of settings that as_view() takes.
    settings_groups: ClassVar[tuple[type[Settings], ...]] = ()
    #: What as_view() was given of them.
    settings_overrides: Mapping[str, Any] = {}

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """The view function: exempt from CSRF checks, and from ``LoginRequiredMiddleware``.

        :raises TypeError: an argument is neither a setting nor an attribute of this class.
        """
        names = {name for group in cls.settings_groups for name in group.field_names()}
        overrides = {name: initkwargs.pop(name) for name in names & initkwargs.keys()}
        if overrides:
            initkwargs["settings_overrides"] = overrides
        view = super().as_view(**initkwargs)
        # What csrf_exempt() and login_not_required() set, without their wrappers.
        view.csrf_exempt = True  # type: ignore[attr-defined]
        view.login_required = False  # type: ignore[attr-defined]
        return view

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.current_settings = current_settings()

    def load_settings(self, group: type[SomeSettings]) -> SomeSettings:
        """A group of settings, as they are for this request.

        :raises AnymailConfigurationError: one of them is wrong.
        """
        overrides = self.settings_overrides
        return group.load(dict(overrides)) if overrides else self.current_settings.get(group)

    def head(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer 200: some services look whether the URL is there."""
        return HttpResponse()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send a signal for each event in the request.

        :raises AnymailWebhookValidationFailure: the request is not to be believed (400).
        """
        if (challenge := self.authenticate(request)) is not None:
            return challenge
        self.validate_request(request)
        try:
            events = self.parse_events(request)
        except AnymailAPIError as err:
            if not err.is_transient:
                raise
            # 5xx makes the service try again. Not an exception: nobody need be woken for it.
            logger.warning(
                "A webhook cannot take a notification now: %s",
                err,
                extra={"anymail_error_code": err.error_code},
            )
            return HttpResponse(status=503)
        self.dispatch_events(events)
        return HttpResponse(content_type="text/plain")

    def authenticate(self, request: HttpRequest) -> HttpResponse | None:
        """Raise, or return a response that asks for credentials, unless the client has them."""
        return None

    def validate_request(self, request: HttpRequest) -> None:
        """For subclasses: raise AnymailWebhookValidationFailure to refuse a request.

        Called after the shared secret was checked. It does nothing here.
        """

    def parse_events(self, request: HttpRequest) -> Sequence[Any]:
        """The events in a request.

        :raises AnymailWebhookValidationFailure: the request is not to be believed.
        """
        raise NotImplementedError

    def dispatch_events(self, events: Sequence[Any]) -> None:
        """Call the receivers of each event.

        :raises RuntimeError: a receiver raised what Django would answer with 4xx, and then the
            service would not repeat the notification. Other exceptions are passed on.
        """
        try:
            dispatch(events, sender=type(self), esp_name=self.esp_name)
        except CLIENT_ERRORS as err:
            raise RuntimeError(f"A receiver of an event raised {type(err).__name__}.") from err


class AnymailBasicAuthMixin(AnymailCoreWebhookView):
    """Asks for HTTP basic authentication with ``WEBHOOK_SECRET``, if it is set.

    Source: RFC 7617. SNS sends the credentials in its subscription's URL only after an answer of
    401 with a challenge (Amazon SNS Developer Guide, "HTTP/HTTPS endpoint authentication").
    """

    settings_groups: ClassVar[tuple[type[Settings], ...]] = (WebhookSettings,)
    #: ``["user:password"]`` instead of ``WEBHOOK_SECRET``.
    basic_auth: str | Sequence[str] | None = None
    #: Whether to warn when there is no secret.
    warn_if_no_basic_auth: bool = True

    def authenticate(self, request: HttpRequest) -> HttpResponse | None:
        secrets = self.secrets
        if not secrets:
            self.warn_if_insecure()
            return None
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            challenge = HttpResponse(status=401)
            challenge["WWW-Authenticate"] = 'Basic realm="Anymail WEBHOOK_SECRET"'
            return challenge
        given = basic_credentials(header)
        # Every secret is compared, and each in constant time.
        matches = [hmac.compare_digest(given, secret.encode()) for secret in secrets]
        if not any(matches):
            raise AnymailWebhookValidationFailure("The webhook's basic authentication is wrong.")
        return None

    @property
    def secrets(self) -> Sequence[str]:
        """Any of these is accepted."""
        if self.basic_auth is not None:
            return text_list(self.basic_auth, "basic_auth")
        return self.load_settings(WebhookSettings).webhook_secret

    def warn_if_insecure(self) -> None:
        """Warn that anybody can post events."""
        if self.warn_if_no_basic_auth:
            warnings.warn(
                "The webhook accepts requests from anybody. "
                'Set ANYMAIL["WEBHOOK_SECRET"] to "some-user:some-password".',
                AnymailInsecureWebhookWarning,
                stacklevel=2,
            )


class AnymailBaseWebhookView(AnymailBasicAuthMixin):
    """The base of webhook views."""


def basic_credentials(header: str) -> bytes:
    """``user:password`` in an ``Authorization`` header; empty if it has no such thing.

    Source: RFC 7617.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return b""


def get_request_basic_auth(request: HttpRequest) -> str | None:
    """The ``user:password`` that a request was sent with, or None."""
    credentials = basic_credentials(request.META.get("HTTP_AUTHORIZATION", ""))
    return credentials.decode("utf-8", "replace") or None


def get_request_uri(request: HttpRequest) -> str:
    """The URL that was called, with the ``user:password`` that it was called with."""
    url = request.build_absolute_uri()
    credentials = get_request_basic_auth(request)
    if credentials is None:
        return url
    scheme, _, rest = url.partition("://")
    user, _, password = credentials.partition(":")
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}"
