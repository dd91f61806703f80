"""Delivers with the e-mail backends of Django and of other packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from copy import copy
from smtplib import (
    SMTPAuthenticationError,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from typing import Any, ClassVar

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend

from ..amazon_ses.masking import mask_addresses
from ..backends.base import AnymailBaseBackend
from ..calls import ApiCall
from ..exceptions import AnymailAPIError
from ..message import AnymailRecipientStatus
from ..outgoing import OutgoingMessage

_is_delivering: ContextVar[bool] = ContextVar("anymail_outbox_is_delivering", default=False)


def is_delivering() -> bool:
    """Whether what is sent in this thread is a message of the outbox, and another package's backend
    sends it with one of ours."""
    return _is_delivering.get()


class OtherBackend(AnymailBaseBackend):
    """Sends with an e-mail backend that has no statuses, one message at a time.

    What fails before the connection is open is tried again, and so is what Django's SMTP backend
    says that the server refused for now. Whatever else is raised leaves a message in doubt: it does
    not say whether the message was sent.

    :param backend: an e-mail backend of Django or another package.
    """

    esp_name: ClassVar[str] = "Other"

    def __init__(self, backend: BaseEmailBackend) -> None:
        super().__init__()
        backend.fail_silently = False
        self._backend = backend

    def defaults_for(self, message: EmailMessage) -> Mapping[str, Any]:
        """None: ``SEND_DEFAULTS`` are for Anymail's backends."""
        return {}

    def build_calls(self, message: OutgoingMessage) -> Sequence[ApiCall]:
        """Build one call for the whole message."""
        django_message = _for_recipients_of(message)
        params = {"message": django_message}
        return [ApiCall(operation="send", params=params, recipients=message.recipients)]

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        """Send the message, with a connection of its own.

        :raises AnymailAPIError: whatever the backend raised.
        """
        with _api_errors(_meaning_before_sending):
            opened = self._backend.open()
        try:
            with _api_errors(self._meaning), _delivering():
                sent: Any = self._backend.send_messages([call.params["message"]])
        finally:
            if opened:
                with suppress(Exception):  # the message is sent
                    self._backend.close()
        if sent == 0:  # None is common
            name = type(self._backend).__module__
            raise AnymailAPIError(f"The e-mail backend of {name} says that it has sent nothing.")
        return {}

    def parse_response(
        self, call: ApiCall, response: Mapping[str, Any]
    ) -> dict[str, AnymailRecipientStatus]:
        """``sent``, for every recipient."""
        sent = AnymailRecipientStatus(None, "sent")
        return {recipient.addr_spec: sent for recipient in call.recipients}

    def _meaning(self, error: Exception) -> dict[str, Any]:
        # Another class may send a message in parts: then what one says is not about all of them.
        is_djangos = type(self._backend) is smtp.EmailBackend
        return _meaning_of_smtp(error) if is_djangos else {}


def _for_recipients_of(message: OutgoingMessage) -> EmailMessage:
    """The Django message, without the recipients that receivers of signals have left out."""
    django_message = copy(message.source)
    django_message.to = [str(address) for address in message.to]
    django_message.cc = [str(address) for address in message.cc]
    django_message.bcc = [str(address) for address in message.bcc]
    return django_message


@contextmanager
def _delivering() -> Iterator[None]:
    token = _is_delivering.set(True)
    try:
        yield
    finally:
        _is_delivering.reset(token)


@contextmanager
def _api_errors(meaning: Any) -> Iterator[None]:
    try:
        yield
    except AnymailAPIError:  # of a backend that sends with one of ours
        raise
    except Exception as err:
        name = type(err).__name__
        text = f"{name}: {mask_addresses(str(err))}"
        raise AnymailAPIError(text, error_code=name, **meaning(err)) from err


def _meaning_before_sending(error: Exception) -> dict[str, Any]:
    """What an error says before there is a connection: nothing about the message."""
    is_away = isinstance(error, OSError) and not isinstance(error, SMTPAuthenticationError)
    scope = "service" if is_away else "account"
    return {"is_unsent": True, "is_transient": True, "scope": scope}


def _meaning_of_smtp(error: Exception) -> dict[str, Any]:
    """What an error of :mod:`smtplib` says about a message: nothing, unless the server refused it.

    Source: RFC 5321, 4.2.1: what is answered with 4yz or 5yz is not accepted, and 4yz may pass.
    """
    if isinstance(error, SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    elif isinstance(error, SMTPResponseException):
        codes = [error.smtp_code]
    elif isinstance(error, SMTPNotSupportedError):
        codes = []
    else:
        return {}
    return {"is_unsent": True, "is_transient": any(400 <= code < 500 for code in codes)}
