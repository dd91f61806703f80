"""The base of webhook views: POST only, a shared secret, and a signal for each event."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.dispatch import Signal
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from ..conf import Settings, SomeSettings, WebhookSettings, current_settings, values
from ..exceptions import (
    AnymailAPIError,
    AnymailInsecureWebhookWarning,
    AnymailWebhookValidationFailure,
    warn_of_removed_hooks,
)
from ..exceptions.tracebacks import clear_locals
from ..signals import dispatch
from .credentials import has_secret

logger: logging.Logger = logging.getLogger(__name__)

#: Django answers these with 4xx, and then the service would never send the event again.
CLIENT_ERRORS = (BadRequest, Http404, PermissionDenied, SuspiciousOperation)
CHALLENGE: str = 'Basic realm="Anymail WEBHOOK_SECRET"'
#: Hooks of django-anymail's views that nothing calls here, so that overriding them has no effect.
REMOVED_HOOKS = ("_parse_sns_message", "get_boto_client", "run_validators")


class UnprovenRequest(AnymailWebhookValidationFailure):
    """A request that was refused, and that anyone could have sent.

    The views answer 400 and log a warning. Any other
    :exc:`~anymail.exceptions.AnymailWebhookValidationFailure` reaches Django, which logs an error
    and writes to ``ADMINS``.
    """


@dataclass(frozen=True)
class SettingsOverrides:
    """Settings of one view. Not a dict: error reports show the arguments of ``as_view()``.

    :param values: by their lower-case names.
    """

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


class AnymailCoreWebhookView(View):
    """A view that turns POST requests into events.

    A subclass supplies :meth:`parse_events`.

    ``as_view()`` and the class itself also take settings by their names in lower case
    (``webhook_secret=...``); they win over the Django settings.
    """

    #: The signal of the events; None for that of each event's type.
    signal: ClassVar[Signal | None] = None
    #: The service's name, for receivers.
    esp_name: ClassVar[str] = ""
    http_method_names: list[str] = ["post", "head", "options"]
    #: The groups of settings that as_view() takes.
    settings_groups: ClassVar[tuple[type[Settings], ...]] = ()
    #: Those that as_view() was given.
    settings_overrides: SettingsOverrides = SettingsOverrides()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__module__.startswith("anymail."):
            warn_of_removed_hooks(cls, REMOVED_HOOKS)

    def __init__(self, **kwargs: Any) -> None:
        """Make a view, as ``as_view()`` does for each request.

        :param kwargs: settings by their lower-case names, and attributes of this class.
        :raises TypeError: an argument is neither a setting nor an attribute of this class.
        """
        kwargs = self._split_settings(kwargs)
        if unknown := [name for name in kwargs if not hasattr(type(self), name)]:
            raise TypeError(
                f"{type(self).__name__}() received an invalid keyword {unknown[0]!r}: it is not "
                "a setting of the webhooks, nor an attribute of the class."
            )
        super().__init__(**kwargs)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """The view function, exempt from CSRF checks and from ``LoginRequiredMiddleware``.

        :param initkwargs: settings by their lower-case names, and attributes of this class.
        :raises TypeError: an argument is neither a setting nor an attribute of this class.
        """
        view = super().as_view(**cls._split_settings(initkwargs))
        return login_not_required(csrf_exempt(view))

    @classmethod
    def _split_settings(cls, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The same keywords, with all settings in ``settings_overrides``."""
        names = {name for group in cls.settings_groups for name in group.field_names()}
        overrides = {name: kwargs[name] for name in kwargs if name in names}
        if not overrides:
            return kwargs
        others = {name: kwargs[name] for name in kwargs if name not in names}
        return {**others, "settings_overrides": SettingsOverrides(overrides)}

    def load_settings(self, group: type[SomeSettings]) -> SomeSettings:
        """A group of settings, as they are now for this view.

        :param group: one of the classes in ``anymail.conf``.
        :raises AnymailConfigurationError: one of them is wrong.
        """
        return current_settings().with_overrides(group, dict(self.settings_overrides.values))

    def head(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer 200: some services check that the URL exists."""
        return HttpResponse()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send a signal for each event in the request.

        :return: 200; 400 for an unproven request that is refused; 401 with a challenge; 503 where a
            retry may help.
        :raises AnymailWebhookValidationFailure: a subclass refuses the request, or a proven sender
            sent something unusable (Django answers 400).
        :raises AnymailConfigurationError: a setting is wrong (500).
        :raises AnymailAPIError: AWS refuses, and a retry will not help (500).
        :raises Exception: a receiver raised it (500).
        """
        try:
            if (challenge := self.authenticate(request)) is not None:
                return challenge
            self.validate_request(request)
            events = self.parse_events(request)
        except UnprovenRequest as err:
            about = {"anymail_error_code": type(err).__name__}
            logger.warning("A webhook refused a request: %s", err, extra=about)
            return HttpResponse(status=400)
        except AnymailAPIError as err:
            if not err.is_transient:
                clear_locals(err)
                raise
            # 5xx makes the service try again. It is not an error that needs attention.
            logger.warning(
                "A webhook cannot take a notification now: %s",
                err,
                extra={"anymail_error_code": err.error_code},
            )
            return HttpResponse(status=503)
        except Exception as err:
            clear_locals(err)
            raise
        self.dispatch_events(events)
        return HttpResponse(content_type="text/plain")

    def run_validators(self, request: HttpRequest) -> None:
        """Check the shared secret, and call :meth:`validate_request`.

        For code that uses a view without its URL.

        :raises AnymailWebhookValidationFailure: the request is refused.
        """
        if self.authenticate(request) is not None:
            raise UnprovenRequest("The request has no basic authentication.")
        self.validate_request(request)

    def authenticate(self, request: HttpRequest) -> HttpResponse | None:
        """Authenticate the client. Here everyone may post; subclasses override this.

        :return: None to go on, or a response that asks for credentials.
        :raises AnymailWebhookValidationFailure: the credentials are wrong.
        """
        return None

    def validate_request(self, request: HttpRequest) -> None:
        """Check a request whose secret is right. Does nothing here; subclasses override it.

        :raises AnymailWebhookValidationFailure: in subclasses, to refuse it.
        """

    def parse_events(self, request: HttpRequest) -> Sequence[Any]:
        """The events in a request.

        :raises AnymailWebhookValidationFailure: the request is refused.
        :raises AnymailAPIError: AWS has to be asked for something, and that failed.
        """
        raise NotImplementedError

    def dispatch_events(self, events: Sequence[Any]) -> None:
        """Call the receivers of each event, in order.

        :param events: the result of :meth:`parse_events`.
        :raises RuntimeError: a receiver raised one of ``CLIENT_ERRORS``. Other exceptions are
            passed on.
        """
        try:
            dispatch(events, sender=type(self), esp_name=self.esp_name, signal=self.signal)
        except CLIENT_ERRORS as err:
            raise RuntimeError(f"A receiver of an event raised {type(err).__name__}.") from err


class AnymailBasicAuthMixin(AnymailCoreWebhookView):
    """Requires HTTP basic authentication with ``WEBHOOK_SECRET``, if that is set.

    Source: RFC 7617. SNS sends the credentials of its subscription's URL only after a 401 answer
    with a challenge (Amazon SNS Developer Guide, "HTTP/HTTPS endpoint authentication").
    """

    settings_groups: ClassVar[tuple[type[Settings], ...]] = (WebhookSettings,)
    #: ``["user:password"]`` instead of ``WEBHOOK_SECRET``.
    basic_auth: str | Sequence[str] | None = None
    #: Whether to warn when there is no secret.
    warn_if_no_basic_auth: bool = True

    @classmethod
    def _split_settings(cls, kwargs: dict[str, Any]) -> dict[str, Any]:
        if kwargs.get("basic_auth") is not None:
            secrets = values.strings(kwargs["basic_auth"], "basic_auth")
            kwargs = {**kwargs, "basic_auth": None, "webhook_secret": secrets}
        return super()._split_settings(kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The same, with a challenge after a wrong secret: others may help (RFC 9110, section
        11.6.1)."""
        response = super().post(request, *args, **kwargs)
        if response.status_code == 400 and self.secrets and not self.knows_secret(request):
            response["WWW-Authenticate"] = CHALLENGE
        return response

    def authenticate(self, request: HttpRequest) -> HttpResponse | None:
        """Compare the ``Authorization`` header with every secret, if there are any.

        :return: None to go on; 401 with a challenge for a request without the header.
        :raises AnymailWebhookValidationFailure: it is none of the secrets.
        """
        if not self.secrets:
            self.warn_if_insecure()
            return None
        if not request.META.get("HTTP_AUTHORIZATION"):
            return HttpResponse(status=401, headers={"WWW-Authenticate": CHALLENGE})
        if not self.knows_secret(request):
            raise UnprovenRequest("The webhook's basic authentication is wrong.")
        return None

    def knows_secret(self, request: HttpRequest) -> bool:
        """Whether a request came with one of the secrets. False if there are none."""
        return has_secret(request, self.secrets)

    @property
    def secrets(self) -> Sequence[str]:
        """Strings like ``"user:password"``, each of which is accepted; empty to accept everyone.

        :raises AnymailConfigurationError: ``basic_auth`` has the wrong type.
        """
        if self.basic_auth is not None:
            return values.strings(self.basic_auth, "basic_auth")
        return self.load_settings(WebhookSettings).webhook_secret

    def warn_if_insecure(self) -> None:
        """Issue an :exc:`~anymail.exceptions.AnymailInsecureWebhookWarning`: there is no secret."""
        if self.warn_if_no_basic_auth:
            warnings.warn(
                "The webhook accepts requests from anybody. "
                'Set ANYMAIL["WEBHOOK_SECRET"] to "some-user:some-password".',
                AnymailInsecureWebhookWarning,
                stacklevel=2,
            )


class AnymailBaseWebhookView(AnymailBasicAuthMixin):
    """The base of webhook views: POST only, a shared secret, and a signal for each event."""
