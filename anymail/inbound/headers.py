"""Headers of received mail. Reading them never raises.

A header is a ``str``: its text, decoded, on one line. It also has those attributes of the standard
library's header objects that applications use: ``addresses`` of address headers, ``datetime`` of
dates, ``params``. Their parsers are not used, since they take quadratic time or worse.
"""

from __future__ import annotations

from datetime import datetime as Datetime
from email.errors import MessageDefect
from email.policy import EmailPolicy
from typing import Any

from ..addresses import EmailAddress
from ..addresses.parser import parse_mailboxes
from ..mime.encoded_words import encode_words
from ..mime.headers import parse_rfc2822date, rfc2822date
from .limits import (
    MAX_ADDRESS_TEXT,
    MAX_ADDRESSES,
    MAX_ENCODED_TEXT,
    MAX_LONG_LISTS,
    MAX_PARAMETERS,
    MAX_USUAL_PARAMETERS,
    HeaderTooLongDefect,
    InvalidAddressDefect,
    TooManyParametersDefect,
)
from .parameters import content_type, disposition, parse_parameters
from .text import decoded_text, encode_source, one_line, raw_text, unfold, with_line_ends

ADDRESS_HEADERS = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "resent-")
    for name in ("from", "sender", "reply-to", "to", "cc", "bcc")
)
DATE_HEADERS = frozenset({"date", "resent-date", "orig-date"})
#: Programs read them, and do not decode encoded-words.
RAW_HEADERS = frozenset(
    {
        "content-disposition",
        "content-id",
        "content-transfer-encoding",
        "content-type",
        "in-reply-to",
        "message-id",
        "mime-version",
        "received",
        "references",
        "resent-message-id",
    }
)


class ReceivedHeader(str):
    """A header of a received mail: its text.

    :param name: as it was spelled.
    :param source: the value in the mail, unfolded.
    """

    name: str
    source: str
    #: That of the mail.
    reader: HeaderReader
    #: Everything wrong with it.
    defects: tuple[MessageDefect, ...] = ()

    @property
    def content_type(self) -> str:
        """Of a Content-Type: type and subtype, in lower case."""
        return content_type(self.source) or "text/plain"

    @property
    def maintype(self) -> str:
        """Of a Content-Type: the type."""
        return self.content_type.partition("/")[0]

    @property
    def subtype(self) -> str:
        """Of a Content-Type: the subtype."""
        return self.content_type.partition("/")[2]

    @property
    def content_disposition(self) -> str | None:
        """Of a Content-Disposition: the disposition, in lower case."""
        return disposition(self.source)

    @property
    def params(self) -> dict[str, str]:
        """Of a Content-Type or Content-Disposition: its parameters, decoded."""
        return self.reader.parameters(self.source)[0].copy()

    @property
    def addresses(self) -> tuple[EmailAddress, ...]:
        """Of an address header: the valid addresses in it."""
        return tuple(self.reader.addresses(self.name, self.source)[0])

    @property
    def datetime(self) -> Datetime | None:
        """Of a date: the moment, or None."""
        return parse_rfc2822date(self.source)

    def fold(self, *, policy: Any) -> str:
        """The header's line, for a message that is written again.

        :param policy: of the standard library; only its line ends count.
        """
        return header_source(self.name, self, policy.linesep).decode()


#: Addresses and defects.
Addresses = tuple[list[EmailAddress], tuple[MessageDefect, ...]]
#: Parameters and defects.
ReadParameters = tuple[dict[str, str], tuple[MessageDefect, ...]]


class HeaderReader:
    """Reads the headers of one mail, within the limits."""

    def __init__(self) -> None:
        self._address_text_left = MAX_ADDRESS_TEXT
        self._addresses_left = MAX_ADDRESSES
        self._encoded_text_left = MAX_ENCODED_TEXT
        self._addresses: dict[str, Addresses] = {}
        self._texts: dict[str, str] = {}
        self._long_lists_left = MAX_LONG_LISTS
        self._parameters: dict[str, ReadParameters] = {}

    def __call__(self, name: str, value: Any) -> ReceivedHeader:
        """A header.

        :param name: of any header.
        :param value: in the mail, unfolded; or set by an application: text, an address, a list of
            addresses, a datetime.
        """
        source = value if isinstance(value, str) else header_text(value)
        lowered = name.lower()
        defects: tuple[MessageDefect, ...] = ()
        if lowered in ADDRESS_HEADERS:
            addresses, defects = self.addresses(name, source)
            # Decoded names in the midst of what cannot be read could look like addresses.
            is_clear = addresses and not defects
            text = ", ".join(map(str, addresses)) if is_clear else raw_text(source)
        elif "=?" not in source or lowered in RAW_HEADERS:
            text = raw_text(source)
        else:
            text, defects = self._decoded(name, source)
        header = ReceivedHeader(text)
        header.name, header.source, header.defects = name, source, defects
        header.reader = self
        return header

    def parameters(self, source: str) -> ReadParameters:
        """The parameters of a header, and the defects.

        :param source: the value in the mail, unfolded.
        """
        if source not in self._parameters:
            self._parameters[source] = self._read_parameters(source)
        return self._parameters[source]

    def addresses(self, name: str, source: str) -> Addresses:
        """The valid addresses in a header, and the defects.

        :param name: the header's name; any, also of one that holds no addresses by the standards.
        :param source: the value in the mail, unfolded.
        """
        if source in self._addresses:
            return self._addresses[source]
        if len(source) > self._address_text_left:
            too_long = f"{name}: address headers beyond {MAX_ADDRESS_TEXT} characters are not read"
            return [], (HeaderTooLongDefect(too_long),)
        self._address_text_left -= len(source)
        mailboxes, problems = parse_mailboxes(source) if source else ([], [])
        found = [EmailAddress(one_line(name), address) for name, address in mailboxes]
        if len(found) > self._addresses_left:
            found = found[: self._addresses_left]
            problems = [*problems, f"more than {MAX_ADDRESSES} addresses"]
        self._addresses_left -= len(found)
        defects = tuple(InvalidAddressDefect(f"{name}: {problem}") for problem in problems)
        self._addresses[source] = found, defects
        return self._addresses[source]

    def _decoded(self, name: str, source: str) -> tuple[str, tuple[MessageDefect, ...]]:
        if source not in self._texts:
            if not self._may_decode(source):
                return raw_text(source), (_not_decoded(name),)
            self._texts[source] = decoded_text(source)
        return self._texts[source], ()

    def _may_decode(self, source: str) -> bool:
        """Whether the encoded-words in a header may still be decoded."""
        length = len(source) if "=?" in source else 0
        if length > self._encoded_text_left:
            return False
        self._encoded_text_left -= length
        return True

    def _read_parameters(self, source: str) -> ReadParameters:
        limit = MAX_PARAMETERS
        if source.count(";") > MAX_USUAL_PARAMETERS:
            self._long_lists_left -= 1
            limit = limit if self._long_lists_left >= 0 else MAX_USUAL_PARAMETERS
        may_decode = self._may_decode(source)
        found = parse_parameters(source, limit, decoded_text if may_decode else raw_text)
        defects: tuple[MessageDefect, ...] = () if may_decode else (_not_decoded("parameters"),)
        if not found.are_complete:
            defects += (TooManyParametersDefect(f"parameters beyond {limit} are not read"),)
        return found.values, defects


def _not_decoded(name: str) -> MessageDefect:
    limit = MAX_ENCODED_TEXT
    return HeaderTooLongDefect(f"{name}: encoded-words beyond {limit} characters are not decoded")


class InboundPolicy(EmailPolicy):
    """The standard library's modern policy, with headers of our own.

    Any header may occur any number of times, and headers are written again as they came.
    """

    #: Headers are checked when they are set; received ones are written as they came.
    verify_generated_headers = False

    def header_max_count(self, name: str) -> int | None:
        """None: a header may occur any number of times."""
        return None

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """The header object for a value in the mail."""
        return value if hasattr(value, "name") else self.header_factory(name, unfold(value))

    def fold_binary(self, name: str, value: str) -> bytes:
        """The header's lines, for a message that is written again."""
        return header_source(name, value, self.linesep)


def header_source(name: str, value: str, line_end: str) -> bytes:
    """The lines of a header: those that came, or new ones for a header that was set."""
    if isinstance(value, ReceivedHeader):
        value = _encode(value)
    return encode_source(f"{name}: {with_line_ends(value, line_end)}{line_end}")


def policy_for_one_mail() -> InboundPolicy:
    """The policy for a mail and all of its parts."""
    return InboundPolicy(header_factory=HeaderReader(), refold_source="none")


def header_text(value: Any) -> str:
    """The text of a header for a value.

    :param value: an :class:`~anymail.addresses.EmailAddress`, a datetime, a list, or any text.
    """
    if isinstance(value, EmailAddress):
        return value.address
    if isinstance(value, Datetime):
        return rfc2822date(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(header_text(item) for item in value)
    return str(value)


def _encode(header: ReceivedHeader) -> str:
    """The encoded text of a header that was set."""
    name = header.name.lower()
    if header.source.isascii() or name in RAW_HEADERS:
        return header.source
    if name in ADDRESS_HEADERS and header.addresses:
        return ", ".join(address.formataddr() for address in header.addresses)
    return encode_words(header).replace(" ", "\n ")
