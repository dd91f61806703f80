"""ApiCall, and what a module must have to be a send API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Protocol

from .addresses import EmailAddress
from .conf import AmazonSESSettings, SendSettings
from .message import AnymailRecipientStatus
from .outgoing import OutgoingMessage


@dataclass(frozen=True, kw_only=True, repr=False)
class ApiCall:
    """One request to SES, not yet sent.

    Its ``repr`` has neither recipients nor content: error reports show it.

    :param operation: the method of the boto3 client, for example ``"send_raw_email"``.
    :param params: its keyword arguments, as boto3 takes them.
    :param recipients: whom the response is about, in its order.
    :param copies: how many addresses (cc and bcc) get a copy of what each recipient gets.
    :param cancelled: set by the sender: whatever of the call waits gives up.
    """

    operation: str
    params: dict[str, Any]
    recipients: tuple[EmailAddress, ...]
    copies: int = 0
    cancelled: Event = field(default_factory=Event, init=False, compare=False)

    def __repr__(self) -> str:
        return (
            f"<ApiCall {self.operation}: {len(self.recipients)} recipients, "
            f"{_size(self.params):,} bytes>"
        )

    @property
    def weight(self) -> int:
        """How many recipients SES counts against the send rate.

        Source: Amazon SES Developer Guide, "Managing your Amazon SES sending limits".
        """
        return len(self.recipients) * (1 + self.copies)


def _size(value: Any) -> int:
    """How much it holds, roughly."""
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    size = getattr(value, "size", None)  # of a ChunkFile
    if isinstance(size, int):
        return size
    return len(value) if isinstance(value, (str, bytes)) else 0


class SendApi(Protocol):
    """A module that turns messages into calls and responses into statuses, without any I/O."""

    #: The boto3 service.
    SERVICE: str

    def build_calls(
        self, message: OutgoingMessage, settings: AmazonSESSettings, sending: SendSettings
    ) -> Sequence[ApiCall]:
        """What to send.

        :param message: with at least one recipient.
        :param settings: for Amazon SES.
        :param sending: for whatever service.
        :return: the calls, in order.
        :raises AnymailError: the message cannot be sent with this API; the text says why.
        """
        ...

    def parse_response(
        self, call: ApiCall, response: Mapping[str, Any]
    ) -> dict[str, AnymailRecipientStatus]:
        """What became of each recipient of a call, by addr-spec.

        :param call: one of those that :meth:`build_calls` made.
        :param response: the dict that boto3 returned for it.
        :raises AnymailAPIError: the response is not what SES documents.
        """
        ...
