"""The send loop: signals, statuses, errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from ..amazon_ses.calls import ApiCall
from ..amazon_ses.errors import describe_status
from ..conf import SendDefaults, SendSettings
from ..exceptions import (
    AnymailAPIError,
    AnymailCancelSend,
    AnymailError,
    AnymailRecipientsRefused,
)
from ..message import AnymailRecipientStatus, AnymailStatus
from ..outgoing import OutgoingMessage
from ..signals import post_send, pre_send


class AnymailBaseBackend(BaseEmailBackend):
    """An e-mail backend with signals and per-recipient statuses.

    A subclass supplies :meth:`build_calls`, :meth:`run` and :meth:`parse_response`.

    :param fail_silently: :exc:`~anymail.exceptions.AnymailError` is not raised. Statuses tell.
    :param kwargs: settings by their lower-case names; what is left over goes to Django's class.
    """

    esp_name: ClassVar[str]

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        esp_send_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.sending = SendSettings.load(kwargs)
        # Not passed on: from Django 6.1 the base class deprecates it.
        super().__init__(**kwargs)
        self.fail_silently = fail_silently
        self.send_defaults = {**SendDefaults.load().send_defaults, **(esp_send_defaults or {})}

    @property
    def ignore_unsupported_features(self) -> bool:
        """The setting."""
        return self.sending.ignore_unsupported_features

    @property
    def ignore_recipient_status(self) -> bool:
        """The setting."""
        return self.sending.ignore_recipient_status

    @property
    def debug_api_requests(self) -> bool:
        """The setting."""
        return self.sending.debug_api_requests

    def build_calls(self, message: OutgoingMessage) -> Sequence[ApiCall]:
        """What to send for a message.

        :raises AnymailError: it cannot be sent.
        """
        raise NotImplementedError

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        """Send it, and return the response.

        :raises AnymailAPIError: that failed.
        """
        raise NotImplementedError

    def parse_response(
        self, call: ApiCall, response: Mapping[str, Any]
    ) -> dict[str, AnymailRecipientStatus]:
        """What became of each recipient, by addr-spec.

        :raises AnymailAPIError: the response makes no sense.
        """
        raise NotImplementedError

    def send_messages(self, email_messages: Iterable[EmailMessage] | None) -> int:
        """Send messages, one after the other.

        :param email_messages: any iterable of Django messages; it is consumed as they go.
        :return: how many were sent.
        :raises AnymailError: the first failure, unless ``fail_silently``. Messages before it are
            sent, those after it are not tried.
        """
        sent = 0
        opened = False
        try:
            for position, message in enumerate(email_messages or ()):
                if position == 0:
                    opened = bool(self.open())
                sent += self._send(message)
        finally:
            if opened:
                self.close()
        return sent

    def _send(self, message: EmailMessage) -> bool:
        try:
            return self._send_one(message)
        except AnymailError as err:
            err.email_message = err.email_message or message
            err.backend = err.backend or self
            err.esp_name = err.esp_name or self.esp_name
            if self.fail_silently:
                return False
            raise

    def _send_one(self, message: Any) -> bool:
        status = message.anymail_status = AnymailStatus()
        if not self.run_pre_send(message):
            return False
        if not message.recipients():
            return self._finish(message) if status.recipients else False
        outgoing = OutgoingMessage.from_django(message, self.send_defaults)
        failure = self._run_all(self.build_calls(outgoing), status)
        if failure and not _accepted(status):
            raise failure
        return self._finish(message, failure)

    def _finish(self, message: Any, failure: AnymailAPIError | None = None) -> bool:
        """Tell the world what became of the message."""
        self.run_post_send(message)
        if failure:
            raise failure
        self.raise_for_recipient_status(message.anymail_status, message)
        return bool(message.anymail_status.esp_response)

    def _run_all(self, calls: Sequence[ApiCall], status: AnymailStatus) -> AnymailAPIError | None:
        """Run calls in order, up to the first that fails, and record what becomes of everyone."""
        for position, call in enumerate(calls):
            try:
                status.esp_response = self.run(call)
                status.set_recipient_status(self.parse_response(call, status.esp_response))
            except AnymailAPIError as err:
                if position > 0:
                    _record_failure(status, calls[position:], err)
                return err
        return _common_failure(status)

    def run_pre_send(self, message: EmailMessage) -> bool:
        """Send the ``pre_send`` signal.

        :return: False if a receiver cancelled the message.
        """
        try:
            pre_send.send(type(self), message=message, esp_name=self.esp_name)
        except AnymailCancelSend:
            return False
        return True

    def run_post_send(self, message: Any) -> None:
        """Send the ``post_send`` signal.

        :raises Exception: the first that a receiver raised, after all receivers ran.
        """
        for _, result in post_send.send_robust(
            type(self), message=message, status=message.anymail_status, esp_name=self.esp_name
        ):
            if isinstance(result, Exception):
                raise result

    def raise_for_recipient_status(self, anymail_status: AnymailStatus, message: Any) -> None:
        """Refuse to call it sent when nobody will get it.

        :raises AnymailRecipientsRefused: every recipient is invalid or rejected.
        """
        refused = anymail_status.status and anymail_status.status <= {"invalid", "rejected"}
        if refused and not self.ignore_recipient_status:
            raise AnymailRecipientsRefused(
                email_message=message, backend=self, response=anymail_status.esp_response
            )


def _accepted(status: AnymailStatus) -> int:
    return sum(r.status in ("queued", "sent") for r in status.recipients.values())


def _record_failure(
    status: AnymailStatus, calls: Sequence[ApiCall], error: AnymailAPIError
) -> None:
    """Note why the rest got nothing, so that nobody has to send to everyone again.

    Where the outcome of the failed call is not known, neither is what became of its recipients.
    """
    outcome = "failed" if error.is_unsent else "unknown"
    text = str(error)
    for position, call in enumerate(calls):
        result = AnymailRecipientStatus(
            None, outcome if position == 0 else "failed", error.error_code, text
        )
        status.set_recipient_status({r.addr_spec: result for r in call.recipients})
    rest = sum(len(call.recipients) for call in calls)
    error.args = (
        *error.args,
        f"{_accepted(status)} recipients were accepted before this, {rest} were not: "
        "the message's anymail_status.recipients tells which.",
    )


def _common_failure(status: AnymailStatus) -> AnymailAPIError | None:
    """The error, if all recipients failed with the same."""
    results = list(status.recipients.values())
    reasons = {(result.error_code, result.error_message) for result in results}
    if status.status != {"failed"} or len(reasons) > 1:
        return None
    code, text = reasons.pop()
    return AnymailAPIError(
        f"{code}: {text}" if text else str(code),
        response=status.esp_response,
        **describe_status(code),
    )
