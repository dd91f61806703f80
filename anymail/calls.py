"""ApiCall, and the protocol of a send API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Protocol

from .addresses import EmailAddress
from .conf import AmazonSESSettings, SendSettings
from .message import AnymailRecipientStatus
from .outgoing import OutgoingMessage

Statuses = dict[str, AnymailRecipientStatus]


def _cannot_parse(call: ApiCall, response: Mapping[str, Any]) -> Statuses:
    raise NotImplementedError


@dataclass(frozen=True, kw_only=True, repr=False)
class ApiCall:
    """One request to SES, not yet sent.

    Its ``repr`` has neither recipients nor content: error reports show it.

    :param operation: the method of the boto3 client, for example ``"send_raw_email"``.
    :param params: its keyword arguments, as boto3 takes them.
    :param recipients: whom the response is about, in its order.
    :param parse: takes this call and the dict that boto3 returned for it, and returns a status for
        each recipient, by addr-spec. It raises ``AnymailAPIError`` if the response is not what SES
        documents. Not needed by a backend that overrides ``parse_response()``.
    :param positions: where its recipients are among those of the message, if the calls of a message
        do not follow its order.
    :param senders: the addresses that have to be verified for it: From, and where bounces go.
    :param copies: how many addresses (cc and bcc) get a copy of what each recipient gets.
    :param cancelled: set by the sender: the call gives up waiting, and is not posted.
    """

    operation: str
    params: dict[str, Any]
    recipients: tuple[EmailAddress, ...]
    parse: Callable[[ApiCall, Mapping[str, Any]], Statuses] = _cannot_parse
    positions: tuple[int, ...] | None = None
    senders: tuple[str, ...] = ()
    copies: int = 0
    cancelled: Event = field(default_factory=Event, compare=False)

    def __repr__(self) -> str:
        return (
            f"<ApiCall {self.operation}: {len(self.recipients)} recipients, "
            f"{_size(self.params):,} bytes>"
        )

    @property
    def weight(self) -> int:
        """The number of recipients that SES counts against the send rate.

        Source: Amazon SES Developer Guide, "Managing your Amazon SES sending limits".
        """
        return len(self.recipients) * (1 + self.copies)


def _size(value: Any) -> int:
    """How many bytes or characters it holds, roughly."""
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    size = getattr(value, "size", None)  # of a StreamedFile
    if isinstance(size, int):
        return size
    return len(value) if isinstance(value, (str, bytes)) else 0


class SendApi(Protocol):
    """A module that turns messages into calls, without any I/O."""

    #: The boto3 service.
    SERVICE: str

    def build_calls(
        self,
        message: OutgoingMessage,
        settings: AmazonSESSettings,
        send_settings: SendSettings,
        make_data: Callable[..., Any] = ...,
    ) -> Sequence[ApiCall]:
        """Turn a message into calls.

        :param message: with at least one recipient.
        :param settings: for Amazon SES.
        :param send_settings: for any service.
        :param make_data: makes the MIME; or only checks what it would be made of, for calls that
            nobody will send.
        :return: the calls, in order.
        :raises AnymailError: the message cannot be sent with this API; the text says why.
        """
        ...

    def sends_apart(self, message: OutgoingMessage, settings: AmazonSESSettings) -> bool:
        """Whether each recipient in ``to`` gets a message of its own.

        :param message: may have no recipients yet.
        :param settings: for Amazon SES.
        """
        ...
