"""The errors and warnings that this package raises.

.. code-block:: text

    Exception
    ├── AnymailError                            swallowed by fail_silently
    │   ├── AnymailAPIError                     SES, SNS, S3 or KMS said no, or could not be reached
    │   │   ├── AnymailRequestsAPIError         (kept for applications that catch it)
    │   │   └── AnymailBotoClientAPIError       in anymail.webhooks.amazon_ses: also a ClientError
    │   ├── AnymailRecipientsRefused            no recipient was accepted
    │   ├── AnymailInvalidAddress               also a ValueError
    │   ├── AnymailUnsupportedFeature           also a ValueError
    │   ├── AnymailSerializationError           also a TypeError
    │   ├── AnymailIdempotencyConflict          also a ValueError
    │   ├── AnymailCancelSend                   for pre_send receivers to raise
    │   └── AnymailWebhookValidationFailure     also a SuspiciousOperation: HTTP 400
    └── ImproperlyConfigured (Django)           never swallowed
        └── AnymailConfigurationError
            ├── AnymailInvalidMailer
            └── AnymailImproperlyInstalled      also an ImportError
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation

if TYPE_CHECKING:
    from .requests_error import AnymailRequestsAPIError as AnymailRequestsAPIError


#: What else will fail for the same reason: see :class:`AnymailAPIError`.
ErrorScope = Literal["message", "recipient", "sender", "account", "service"]


class AnymailError(Exception):
    """The base of all errors that ``fail_silently`` silences.

    :param args: the text, in one or more parts.
    :param email_message: the Django message that was being sent.
    :param status_code: an HTTP status, where one was received.
    :param backend: the e-mail backend instance.
    :param payload: what was about to be sent.
    :param response: the service's response: botocore's error dict, or None.
    :param esp_name: the service's name; that of the backend unless given.
    """

    def __init__(
        self,
        *args: object,
        email_message: Any = None,
        status_code: int | None = None,
        backend: Any = None,
        payload: Any = None,
        response: Any = None,
        esp_name: str | None = None,
    ) -> None:
        Exception.__init__(self, *args)  # not super(): a sibling base may want other arguments
        self.email_message = email_message
        self.status_code = status_code
        self.backend = backend
        self.payload = payload
        self.response = response
        self.esp_name: str | None = esp_name or getattr(backend, "esp_name", None)

    def __str__(self) -> str:
        return "\n".join(str(arg) for arg in self.args)

    def __reduce__(self) -> Any:
        return type(self), self.args, self.picklable()

    def picklable(self) -> dict[str, Any]:
        """The attributes to pickle (Celery stores errors), without the backend and the message's
        connection, which hold AWS keys."""
        message = self.email_message
        state = getattr(message, "__dict__", {})
        # From Django 6.1 on, to look at the attribute gives a warning.
        held = [name for name in ("connection", "_connection") if state.get(name) is not None]
        if held:
            message = copy(message)
            vars(message).update(dict.fromkeys(held))
        return {**vars(self), "backend": None, "email_message": message}


class AnymailAPIError(AnymailError):
    """A call to an AWS service failed, or its response made no sense.

    ``response`` holds botocore's error dict (``response["Error"]["Code"]``) or None, and
    ``__cause__`` the botocore exception. The text masks the local part of every address that AWS
    names.

    :param error_code: AWS's error code (``"Throttling"``), or the name of the botocore exception
        where no answer came (``"ReadTimeoutError"``).
    :param is_transient: the same call may succeed a little later.
    :param is_throttled: refused for a rate or a quota. A daily quota is throttled, but not
        transient.
    :param is_unsent: the service surely accepted nothing of what the error is about, so nothing can
        arrive twice when it is sent again. False for a message of several calls as soon as one of
        them was accepted, or may have been.
    :param scope: what else will fail for the same reason. ``"message"``: this message only.
        ``"recipient"``: mail to the address that was refused. ``"sender"``: mail with the same
        identity, configuration set or tenant. ``"account"``: all mail that is sent with the same
        account, credentials and region. ``"service"``: SES has trouble, or cannot be reached. None
        if AWS's answer does not say, and for errors of other services than SES.
    """

    def __init__(
        self,
        *args: object,
        error_code: str | None = None,
        is_transient: bool = False,
        is_throttled: bool = False,
        is_unsent: bool = False,
        scope: ErrorScope | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.error_code = error_code
        self.is_transient = is_transient
        self.is_throttled = is_throttled
        self.is_unsent = is_unsent
        self.scope: ErrorScope | None = scope


class AnymailRecipientsRefused(AnymailError):
    """Every recipient was refused; ``email_message.anymail_status`` says why.

    SES itself refuses no recipient of a call: a receiver of ``recipients_resolved`` (such as the
    suppression list) or ``pre_send`` gave them the status ``rejected`` or ``invalid``.
    """

    #: As in :class:`AnymailAPIError`.
    scope: ClassVar[ErrorScope] = "recipient"

    def __init__(self, *args: object, **kwargs: Any) -> None:
        super().__init__(*(args or ("All message recipients were rejected or invalid",)), **kwargs)


class AnymailInvalidAddress(AnymailError, ValueError):
    """An address that cannot be parsed, or that SES cannot deliver to. Names the field."""


class AnymailUnsupportedFeature(AnymailError, ValueError):
    """The message uses something that this API of SES cannot express.

    ``ANYMAIL["IGNORE_UNSUPPORTED_FEATURES"]`` drops the feature instead.
    """


class AnymailSerializationError(AnymailError, TypeError):
    """Metadata or merge data that JSON cannot hold, or text that cannot be encoded.

    :param message: the text.
    :param orig_err: the exception of :func:`json.dumps`; used for the text if there is none.
    """

    def __init__(
        self, message: str | None = None, orig_err: Exception | None = None, **kwargs: Any
    ) -> None:
        if message is None:
            message = f"The data cannot be written as JSON: {orig_err}"
        super().__init__(message, **kwargs)


class AnymailIdempotencyConflict(AnymailError, ValueError):
    """The outbox has another message with the same idempotency key. Nothing was stored."""


class AnymailCancelSend(AnymailError):
    """Raised by a ``pre_send`` receiver: the message is not sent, and that is not an error."""


class AnymailWebhookValidationFailure(AnymailError, SuspiciousOperation):
    """A request to a webhook that cannot be trusted. Django answers 400.

    SNS does not repeat a request that was answered with 4xx (Amazon SNS Developer Guide, "Amazon
    SNS message delivery retries").
    """


class AnymailConfigurationError(ImproperlyConfigured):
    """A setting is missing or wrong. Never silenced by ``fail_silently``."""


class AnymailInvalidMailer(AnymailConfigurationError):
    """A ``MAILERS`` entry that names one of our backends cannot be used.

    ``MAILERS`` is Django's setting from version 6.1 on.
    """


class AnymailImproperlyInstalled(AnymailConfigurationError, ImportError):
    """A package that is needed is not installed.

    :param missing_package: its name.
    :param backend: (accepted for compatibility) the backend that needs it.
    :param install_extra: the extra of this distribution that brings it.
    """

    def __init__(
        self, missing_package: str, backend: str = "<backend>", install_extra: str = "amazon-ses"
    ) -> None:
        self._arguments = (missing_package, backend, install_extra)
        super().__init__(
            f"The {missing_package} package is required to use Amazon SES, but isn't installed.\n"
            f'Install it with: python -m pip install "django-anymail-ses[{install_extra}]"'
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments


class AnymailWarning(Warning):
    """The base of this package's warnings."""


class AnymailInsecureWebhookWarning(AnymailWarning):
    """A webhook accepts requests from anybody."""


class AnymailDeprecationWarning(AnymailWarning, DeprecationWarning):
    """A feature that a later version will not support."""


class AnymailNotSupportedWarning(AnymailWarning):
    """A feature that has no effect in this package."""


def warn_of_removed_hooks(subclass: type, names: Iterable[str]) -> None:
    """Warn about methods of a subclass that django-anymail calls and this package does not.

    :param names: of the removed methods.
    """
    for name in names:
        if name in vars(subclass):
            warnings.warn(
                f"{subclass.__module__}.{subclass.__qualname__} has {name}(), which is never "
                'called. What to use instead is in the documentation, on the page "Migrating".',
                AnymailNotSupportedWarning,
                stacklevel=3,
            )


def __getattr__(name: str) -> Any:
    if name == "AnymailRequestsAPIError":
        from .requests_error import AnymailRequestsAPIError

        return AnymailRequestsAPIError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
