"""Which e-mail backend delivers what the outbox holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.core import mail
from django.utils.module_loading import import_string

from ..amazon_ses.masking import mask_addresses
from ..backends.amazon_ses import EmailBackend as AmazonSESBackend
from ..backends.base import AnymailBaseBackend
from ..conf import OutboxSettings, current_settings, django_setting
from ..exceptions import AnymailConfigurationError, AnymailError
from .claiming import waiting_mailers
from .other_backend import OtherBackend

#: The name that a mailer has where there is no MAILERS.
DEFAULT = "default"
#: The backend that stores messages for the others.
OUTBOX = "anymail.backends.outbox.EmailBackend"


def deliverer(
    mailer: str, *, keeps_rate: bool = True
) -> tuple[AnymailBaseBackend, float | str | None]:
    """A new backend for a mailer, ready for workers: it does not wait for a rate by itself, and
    what SES throttles comes back at once.

    :param mailer: an alias in ``MAILERS``, or ``"default"``.
    :param keeps_rate: False for no rate at all, whatever the settings say.
    :return: the backend, and the send rate: recipients per second; ``"account"`` for the account's;
        None if there is none. ``AMAZON_SES_RATE_LIMIT_CACHE`` keeps it, or else workers have to.
    :raises AnymailConfigurationError: there is no such mailer, or it cannot be used.
    """
    backend = delivering_backend(mailer)
    if not isinstance(backend, AnymailBaseBackend):
        return OtherBackend(backend), None
    backend.fail_silently = False
    if not isinstance(backend, AmazonSESBackend):
        return backend, None
    rate = backend.settings.max_send_rate
    rate = "account" if rate is None else rate
    is_kept_elsewhere = backend.settings.rate_limit_cache is not None and keeps_rate
    backend.settings = replace(
        backend.settings, throttle_timeout=0.0, max_send_rate=rate if is_kept_elsewhere else None
    )
    return backend, rate if keeps_rate else None


def delivering_backend(mailer: str) -> Any:
    """A new backend as it is configured for a mailer.

    :raises AnymailConfigurationError: as :func:`deliverer`.
    """
    backend = _configured_backend(mailer)
    if (other := _mailer_of_outbox(backend)) is not None:  # stored before there was MAILERS
        backend = _configured_backend(other)
    if _mailer_of_outbox(backend) is not None:
        raise AnymailConfigurationError(
            f"The outbox is to deliver with itself: the mailer {mailer!r} is an outbox, too. Name "
            'one that sends, for example in MAILERS["default"]["OPTIONS"] = {"mailer": "ses"}.'
        )
    return backend


def unusable(mailer: str, error: Exception) -> Exception:
    """Why a mailer cannot be used, in words for an operator.

    :param error: whatever making or opening its backend has raised.
    :return: the error itself if it is one of this package, which says what to do.
    """
    if isinstance(error, (AnymailError, AnymailConfigurationError)):
        return error
    wrong = AnymailConfigurationError(
        f"The e-mail backend of the mailer {mailer!r} cannot be used: {type(error).__name__}: "
        f"{mask_addresses(str(error))}"
    )
    wrong.__cause__ = error
    return wrong


def default_mailer() -> str:
    """Who sends what Django's default mailer stores.

    :return: an alias in ``MAILERS``, or ``"default"``.
    :raises AnymailConfigurationError: the default mailer cannot be used.
    """
    return (_mailer_of_outbox(_configured_backend(DEFAULT)) if uses_mailers() else None) or DEFAULT


def _mailer_of_outbox(backend: Any) -> str | None:
    """Who sends what a backend stores; None for a backend that sends by itself."""
    return getattr(backend, "stores_for", None)


def _configured_backend(mailer: str) -> Any:
    if uses_mailers():
        from django.core.mail import MailerDoesNotExist, mailers  # from Django 6.1 on

        try:
            return mailers[mailer]
        except MailerDoesNotExist as err:
            raise AnymailConfigurationError(
                f"The outbox sends with the mailer {mailer!r}, which MAILERS does not have. Add "
                "it; what is stored for it waits."
            ) from err
    path = current_settings().get(OutboxSettings).outbox_backend
    if path is None:
        raise AnymailConfigurationError(
            "The outbox does not know what to deliver with. Set "
            'ANYMAIL["OUTBOX_BACKEND"] = "anymail.backends.amazon_sesv2.EmailBackend".'
        )
    try:
        return import_string(path)()
    except ImportError as err:
        raise AnymailConfigurationError(
            f'ANYMAIL["OUTBOX_BACKEND"] is {path!r}, which cannot be imported: {err}'
        ) from err


def known_mailers() -> list[str]:
    """The names of all mailers that send, as they are configured, and those of waiting messages."""
    names = {DEFAULT}
    if uses_mailers():
        mailers: Mapping[str, Mapping[str, Any]] = django_setting("MAILERS")
        names = {name for name, one in mailers.items() if one.get("BACKEND") != OUTBOX}
    return sorted(names | set(waiting_mailers()))


def chosen_mailers(mailer: str | None) -> list[str]:
    """The mailer that somebody named; all that are known for None.

    :raises ValueError: there is no such mailer, or it is the outbox.
    """
    known = known_mailers()
    if mailer is None:
        return known
    if mailer not in known:
        names = ", ".join(map(repr, known)) or "none"
        raise ValueError(
            f"The outbox sends nothing with a mailer {mailer!r}. Those that send: {names}."
        )
    return [mailer]


def uses_mailers() -> bool:
    """Whether the project has ``MAILERS`` (from Django 6.1 on)."""
    return hasattr(mail, "mailers") and isinstance(django_setting("MAILERS"), dict)
