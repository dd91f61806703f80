"""Message -> raw MIME: 7-bit, CRLF, with X-Tag and X-Metadata headers that survive SES."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy as shallow_copy
from dataclasses import dataclass
from email.message import Message
from typing import Any

import django
from django.core.mail import EmailMessage

from ..addresses import EmailAddress, IdnaEncoder
from ..addresses.parser import CONTROL_CHARACTER, has_control_character
from ..exceptions import AnymailInvalidAddress, AnymailSerializationError
from ..mime.attachments import (
    normalise_attachments,
    replace_large_attachments,
    restore_large_attachments,
)
from ..mime.encoded_words import encode_words
from ..mime.headers import bad_header, check_no_line_break
from ..mime.policy import (
    ADDRESS_HEADERS,
    MAX_LINE,
    SES_POLICY,
    STRUCTURED_HEADERS,
    as_bytes,
    encode_header,
    longest_word,
    text_errors,
)
from ..mime.seven_bit import make_seven_bit
from ..mime.streaming import StreamedFile, join
from ..outgoing import OutgoingMessage

#: Headers that every message gets from its attributes; RFC 5322 section 3.6 allows one of each.
WRITTEN = frozenset({"content-transfer-encoding", "content-type", "mime-version", "subject"})


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


def build_mime(message: OutgoingMessage, addresses: EncodedAddresses) -> bytes | StreamedFile:
    """Build the whole message as SES wants it, without a Bcc header.

    Up to 1 MB it is ``bytes``; above that a seekable binary file, which encodes attachments while
    it is read.

    Every line ends in CRLF and has at most 998 bytes, all of them ASCII: SES corrupts 8-bit
    parts where it rewrites the body for open and click tracking (Amazon SES Developer Guide,
    "Raw email").

    :param message: its ``source`` is left alone.
    :param addresses: the addresses for its headers, from :func:`encode_addresses`.
    :raises AnymailInvalidAddress: a control character in a header that holds addresses.
    :raises AnymailSerializationError: metadata that JSON cannot hold, text that cannot be encoded.
    :raises ValueError: a line break in a header or file name, or a header that is there twice
        (``BadHeaderError`` before Django 6.0).
    """
    check_headers(message)
    check_not_written_twice(message)
    with text_errors():
        copy = _with_encoded_headers(message, addresses)
        normalise_attachments(copy, message)
        attachments = copy.attachments
        large = replace_large_attachments(copy)
        pieces = restore_large_attachments(_serialise(copy, message), large)
        if pieces is None:  # not where they belong: a part was encoded in another way
            copy.attachments = attachments
            pieces = [_serialise(copy, message)]
        return join(pieces)


def _serialise(copy: Any, message: OutgoingMessage) -> bytes:
    # Django 5.2 has only the old policy; the later ones take ours while building already.
    mime = copy.message() if django.VERSION < (6, 0) else copy.message(policy=SES_POLICY)
    for name, value in anymail_headers(message):
        mime[name] = value
    del mime["Bcc"]  # of a class that builds its MIME in a way of its own
    make_seven_bit(mime)
    return as_bytes(mime)


def anymail_headers(message: OutgoingMessage) -> Iterator[tuple[str, str]]:
    """The X-Metadata and X-Tag headers; :mod:`.tags_and_metadata` reads them.

    :return: pairs of name and value.
    """
    if message.metadata is not None:
        yield "X-Metadata", metadata_value(message.metadata)
    for tag in message.tags or ():
        yield "X-Tag", tag_value(tag)


def metadata_value(metadata: dict[str, Any]) -> str:
    """Metadata as a header value: ASCII JSON without adjacent spaces.

    A header is folded at its spaces, and some software keeps only one of several when it unfolds.

    :param metadata: what JSON can hold.
    :raises AnymailSerializationError: JSON cannot hold it.
    """
    return dump_json(metadata, "metadata").replace("  ", " \\u0020")


def dump_json(data: Any, name: str) -> str:
    """Serialise data as ASCII JSON.

    :param data: without NaN and infinity, which are not valid JSON (RFC 8259).
    :param name: names the data in the error.
    :raises AnymailSerializationError: JSON cannot hold it.
    """
    try:
        return json.dumps(data, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as err:
        raise AnymailSerializationError(
            f"The {name} of the message cannot be written as JSON: {err}. "
            "Convert the values to str, int, float, bool, None, list or dict first.",
            orig_err=err,
        ) from err


def tag_value(tag: str) -> str:
    """A tag as a header value: itself, or encoded-words (RFC 2047) where it would not survive.

    :raises ValueError: a line break in it.
    :raises AnymailSerializationError: it has half of a surrogate pair.
    """
    check_no_line_break("X-Tag", tag)
    plain = re.fullmatch(r"[!-~]+( [!-~]+)*", tag) and "=?" not in tag
    if plain and len(tag) < MAX_LINE - len("X-Tag: "):
        return tag
    try:
        return encode_words(tag, first_column=len("X-Tag: "))
    except UnicodeEncodeError as err:
        raise AnymailSerializationError(f"A tag cannot be encoded: {err.reason}.") from err


def check_headers(message: OutgoingMessage) -> None:
    """Refuse text that would end a header early or cannot be in one, and a Bcc header.

    :raises AnymailInvalidAddress: a control character in a header that holds addresses.
    :raises ValueError: names the header or the attachment.
    """
    check_no_line_break("Subject", message.subject)
    _check_fields(message.headers, "extra_headers")
    for fields in (message.merge_headers or {}).values():
        _check_fields(fields, "merge_headers")
    _check_fields({} if message.header_to is None else {"To": message.header_to}, "extra_headers")
    for position, attachment in enumerate(message.attachments, start=1):
        if not isinstance(attachment, Message):
            _check_mime(f"file name of attachment {position}", attachment[0])
            _check_mime(f"media type of attachment {position}", *attachment[2:3])
    for position, (_, mimetype) in enumerate(message.alternatives, start=1):
        _check_mime(f"media type of alternative {position}", mimetype)


def check_not_written_twice(message: OutgoingMessage) -> None:
    """Refuse extra headers that are also written from the message: SES refuses duplicates.

    :raises ValueError: names the header.
    """
    for name in message.headers:
        if name.lower() in WRITTEN:
            raise bad_header(
                f"{name!r} in `extra_headers` would be there twice: the header is written from the "
                "message. Set the subject, body, content_subtype or encoding instead."
            )


def _check_mime(what: str, value: Any = None) -> None:
    text = str(value or "")
    check_no_line_break(what, text)
    if has_control_character(text.replace("\t", " ")):
        raise bad_header(f"The {what} can't contain control characters.")


def _check_fields(fields: Mapping[str, Any], attribute: str) -> None:
    for name, value in fields.items():
        if not isinstance(name, str) or not re.fullmatch(r"[!-9;-~]+", name):
            raise bad_header(f"{name!r} in `{attribute}` is not a valid header name (RFC 5322).")
        if name.lower() == "bcc":
            raise bad_header(
                'Use the "bcc" argument for blind copies: every recipient can read a Bcc header.'
            )
        check_no_line_break(name, str(value))
        if name.lower() in ADDRESS_HEADERS and has_control_character(str(value)):
            raise AnymailInvalidAddress(f"The {name} header in `{attribute}`: {CONTROL_CHARACTER}.")
        if name.lower() in STRUCTURED_HEADERS and longest_word(str(value).split(), name) > MAX_LINE:
            raise bad_header(f"A word in the {name} header is too long for a line (RFC 5322: 998).")


def _with_encoded_headers(message: OutgoingMessage, addresses: EncodedAddresses) -> EmailMessage:
    """A copy of the Django message whose headers are ASCII; the caller's is left alone."""
    copy = shallow_copy(message.source)
    # Encoded here: Django 5.2 takes more characters for line breaks than CR and LF.
    copy.subject = encode_header("Subject", message.subject)
    copy.body = message.body
    copy.from_email = ", ".join(addresses.from_emails)
    copy.to = list(addresses.to)
    copy.cc = list(addresses.cc)
    copy.bcc = []
    copy.reply_to = list(addresses.reply_to)
    copy.extra_headers = {
        name: encode_header(name, str(value)) for name, value in message.headers.items()
    }
    if message.header_to is not None:
        copy.extra_headers["To"] = encode_header("To", str(message.header_to))
    elif not message.to:
        # SES refuses messages without a To header, where all recipients are hidden.
        copy.extra_headers["To"] = "undisclosed-recipients:;"
    return copy
