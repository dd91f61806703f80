"""Message -> raw MIME: 7-bit, CRLF, with X-Tag and X-Metadata headers that survive SES."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from copy import copy as shallow_copy
from email.message import Message
from typing import Any

import django
from django.core.mail import EmailMessage

from ..addresses.parser import CONTROL_CHARACTER, has_control_character
from ..exceptions import AnymailInvalidAddress
from ..mime.attachments import (
    normalise_attachments,
    replace_large_attachments,
    restore_large_attachments,
)
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
from ..mime.sizes import check_texts, least_size
from ..mime.streaming import StreamedFile, join
from ..outgoing import OutgoingMessage
from .encoded_addresses import EncodedAddresses
from .tags_and_metadata import tags_and_metadata_headers

#: Headers that every message gets from its attributes; RFC 5322 section 3.6 allows one of each.
WRITTEN = frozenset({"content-transfer-encoding", "content-type", "mime-version", "subject"})


def build_mime(message: OutgoingMessage, addresses: EncodedAddresses) -> bytes | StreamedFile:
    """Build the whole message as SES wants it, without a Bcc header.

    Up to 1 MB it is ``bytes``; above that a seekable binary file, which encodes attachments while
    it is read.

    Every line ends in CRLF and has at most 998 bytes, all of them ASCII: SES corrupts 8-bit
    parts where it rewrites the body for open and click tracking (Amazon SES Developer Guide,
    "Raw email").

    :param message: its ``source`` is left alone.
    :param addresses: the addresses for its headers, from
        :func:`.encode_addresses`.
    :raises AnymailInvalidAddress: a control character in a header that holds addresses.
    :raises AnymailSerializationError: metadata that JSON cannot hold, text that cannot be encoded.
    :raises ValueError: a line break in a header or file name, or a header that is there twice
        (``BadHeaderError`` before Django 6.0).
    """
    with text_errors():
        copy = _prepared(message, addresses)
        attachments = copy.attachments
        large = replace_large_attachments(copy)
        pieces = restore_large_attachments(_serialise(copy, message), large)
        if pieces is None:  # a part was encoded in another way, and the tokens cannot be found
            copy.attachments = attachments
            pieces = [_serialise(copy, message)]
        return join(pieces)


def check_mime(message: OutgoingMessage, addresses: EncodedAddresses) -> int:
    """Refuse what :func:`build_mime` refuses, without building it.

    :param message: its ``source`` is left alone.
    :param addresses: the addresses for its headers.
    :return: a size in bytes that the message surely has.
    :raises Exception: what :func:`build_mime` raises.
    """
    with text_errors():
        copy = _prepared(message, addresses)
        deque(tags_and_metadata_headers(message), maxlen=0)
        check_texts(copy)
    return least_size(copy)


def _prepared(message: OutgoingMessage, addresses: EncodedAddresses) -> EmailMessage:
    """A copy of the Django message, checked, that every Django can build."""
    check_headers(message)
    check_not_written_twice(message)
    copy = _with_encoded_headers(message, addresses)
    normalise_attachments(copy, message)
    return copy


def _serialise(copy: Any, message: OutgoingMessage) -> bytes:
    # Django 5.2 always builds with the old policy; later versions take ours.
    mime = copy.message() if django.VERSION < (6, 0) else copy.message(policy=SES_POLICY)
    for name, value in tags_and_metadata_headers(message):
        mime[name] = value
    del mime["Bcc"]  # of a class that builds its MIME in a way of its own
    make_seven_bit(mime)
    return as_bytes(mime)


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
        # SES refuses messages without a To header. All recipients are hidden here.
        copy.extra_headers["To"] = "undisclosed-recipients:;"
    return copy
