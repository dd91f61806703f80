"""Addresses in ASCII, as Amazon SES takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..addresses import EmailAddress, IdnaEncoder
from ..exceptions import AnymailInvalidAddress
from ..mime.policy import text_errors
from ..outgoing import OutgoingMessage


@dataclass(frozen=True, kw_only=True, repr=False)
class EncodedAddresses:
    """The addresses of a message in ASCII, as headers and calls show them."""

    from_emails: tuple[str, ...]
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    reply_to: tuple[str, ...]

    @property
    def recipients(self) -> tuple[str, ...]:
        """To, Cc and Bcc, in this order."""
        return self.to + self.cc + self.bcc


def encode_addresses(message: OutgoingMessage, idna_encode: IdnaEncoder) -> EncodedAddresses:
    """Check and encode every address of a message but the envelope sender.

    :param idna_encode: encodes domains.
    :raises AnymailInvalidAddress: SES cannot deliver to one of them.
    :raises AnymailSerializationError: a display name has half of a surrogate pair.
    """

    def encoded(addresses: Iterable[EmailAddress], field: str) -> tuple[str, ...]:
        return tuple(encode_address(address, idna_encode, field) for address in addresses)

    with text_errors():
        return EncodedAddresses(
            to=encoded(message.to, "to"),
            cc=encoded(message.cc, "cc"),
            bcc=encoded(message.bcc, "bcc"),
            from_emails=encoded(message.from_emails, "from_email"),
            reply_to=encoded(message.reply_to, "reply_to"),
        )


def encode_address(address: EmailAddress, idna_encode: IdnaEncoder, field: str) -> str:
    """A whole address in ASCII.

    :param idna_encode: encodes its domain.
    :param field: where it comes from, for the error.
    :raises AnymailInvalidAddress: SES cannot deliver to it: its local part is not ASCII (Amazon SES
        API reference, "Destination").
    """
    if not address.username.isascii():
        raise AnymailInvalidAddress(
            f"An address in `{field}` has a character before the @ that is not ASCII. "
            "Amazon SES cannot send to or from such addresses (it does not support SMTPUTF8)."
        )
    return address.format(idna_encode=idna_encode)
