"""Message -> raw MIME: 7-bit, CRLF, X-Tag and X-Metadata headers that survive the way back."""

from __future__ import annotations

import copy
import json
import re
import secrets
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Sequence
from email.encoders import encode_base64
from email.message import Message
from typing import Any

import django
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.message import EmailAlternative

from ..addresses import EmailAddress, IdnaEncoder, encode_words
from ..conf import django_setting
from ..exceptions import AnymailInvalidAddress, AnymailSerializationError
from ..outgoing import OutgoingMessage, force_non_lazy
from .content import Base64Lines, ChunkFile, join
from .wire import (
    MAX_LINE,
    STRUCTURED_HEADERS,
    WIRE,
    as_bytes,
    bad_header,
    check_no_line_break,
    encode_header,
    longest_word,
)

#: In bytes. Smaller ones are not worth the detour.
LARGE_ATTACHMENT = 32 * 1024
#: Their Base64 fits on one line, and looks like nothing else.
TOKEN_BYTES = 48


def build_mime(message: OutgoingMessage, idna_encode: IdnaEncoder) -> bytes | ChunkFile:
    """The whole message as SES wants it, without a Bcc header.

    Up to 1 MB it is ``bytes``; above that a seekable binary file, which encodes attachments while
    it is read.

    Every line ends in CRLF and has at most 998 bytes, all of them ASCII: SES corrupts 8-bit
    parts where it rewrites the body for open and click tracking (Amazon SES Developer Guide,
    "Raw email").

    :raises AnymailInvalidAddress: an address that SES cannot deliver to.
    :raises AnymailSerializationError: metadata that JSON cannot hold, text that cannot be encoded.
    :raises ValueError: a line break in a header or file name (``BadHeaderError`` before
        Django 6.0).
    """
    check_headers(message)
    try:
        stand_in = _with_encoded_addresses(message, idna_encode)
        _make_content_plain(stand_in)
        attachments = stand_in.attachments
        large = set_aside_attachments(stand_in)
        data = _serialise(stand_in, message)
        pieces = split_at_tokens(data, large)
        if pieces is None:  # not where they belong: a part was encoded in another way
            stand_in.attachments = attachments
            pieces = [_serialise(stand_in, message)]
        return join(pieces)
    except UnicodeEncodeError as err:
        raise AnymailSerializationError(
            f"The message holds text that {err.encoding} cannot encode: {err.reason}."
        ) from err


def _serialise(stand_in: Any, message: OutgoingMessage) -> bytes:
    # Django 5.2 has only the old policy; the later ones take ours while building already.
    mime = stand_in.message() if django.VERSION < (6, 0) else stand_in.message(policy=WIRE)
    for name, value in anymail_headers(message):
        mime[name] = value
    del mime["Bcc"]  # of a class that builds its MIME in a way of its own
    make_seven_bit(mime)
    return as_bytes(mime)


def set_aside_attachments(message: EmailMessage) -> dict[bytes, bytes]:
    """Replace large binary attachments by random tokens; return Base64 of token to content.

    Django would encode them as a whole, in Python. A class that builds its MIME in a way of its
    own (to sign or encrypt it) gets to see the real content.
    """
    if not _is_built_by_django(type(message)):
        return {}
    large = {}
    attachments: list[Any] = list(message.attachments)
    for position, attachment in enumerate(attachments):
        if _is_large(attachment):
            token = secrets.token_bytes(TOKEN_BYTES)
            large[b64encode(token)] = attachment[1]
            attachments[position] = (attachment[0], token, attachment[2])
    message.attachments = attachments
    return large


def split_at_tokens(data: bytes, large: dict[bytes, bytes]) -> list[bytes | Base64Lines] | None:
    """The serialised message with the real attachments; None if a token is not where it belongs.

    :param large: in the order of the attachments.
    """
    pieces: list[bytes | Base64Lines] = []
    for token, content in large.items():
        before, found, data = data.partition(b"\r\n" + token + b"\r\n")
        if not found:
            return None
        pieces += [before + b"\r\n", Base64Lines(content)]
        data = b"\r\n" + data
    return [*pieces, data]


def anymail_headers(message: OutgoingMessage) -> Iterator[tuple[str, str]]:
    """The X-Metadata and X-Tag headers; :func:`.tracking.custom_headers` reads them."""
    if message.metadata is not None:
        yield "X-Metadata", metadata_value(message.metadata)
    for tag in message.tags or ():
        yield "X-Tag", tag_value(tag)


def metadata_value(metadata: dict[str, Any]) -> str:
    """Metadata as a header value: ASCII JSON, in which every space stands alone.

    A header is folded at its spaces, and not everything that unfolds it keeps several of them.

    :raises AnymailSerializationError: JSON cannot hold it.
    """
    return dump_json(metadata, "metadata").replace("  ", " \\u0020")


def dump_json(data: Any, name: str) -> str:
    """ASCII JSON.

    :param name: what the data is, for the error.
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
    """A tag as a header value: itself, or encoded-words where it would not survive.

    :raises ValueError: a line break in it.
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
    """Refuse line breaks where they would end a header early, and a Bcc header.

    :raises ValueError: names the header or the attachment.
    """
    check_no_line_break("Subject", message.subject)
    for name, value in message.headers.items():
        if not re.fullmatch(r"[!-9;-~]+", name):
            raise bad_header(f"{name!r} in `extra_headers` is no header name (RFC 5322).")
        if name.lower() == "bcc":
            raise bad_header('Use the "bcc" argument for blind copies: a Bcc header is no secret.')
        check_no_line_break(name, str(value))
        if name.lower() in STRUCTURED_HEADERS and longest_word(str(value).split(), name) > MAX_LINE:
            raise bad_header(f"A word in the {name} header is too long for a line (RFC 5322: 998).")
    check_no_line_break("To", str(message.header_to or ""))
    for position, attachment in enumerate(message.attachments, start=1):
        if not isinstance(attachment, Message) and attachment[0]:
            check_no_line_break(f"file name of attachment {position}", str(attachment[0]))


def format_for_wire(address: EmailAddress, idna_encode: IdnaEncoder, field: str) -> str:
    """A whole address in ASCII.

    :param field: where it comes from, for the error.
    :raises AnymailInvalidAddress: SES cannot deliver to it.
    """
    check_deliverable(address, field)
    return address.format(idna_encode=idna_encode)


def check_deliverable(address: EmailAddress, field: str) -> None:
    """Refuse a local part that is not ASCII (Amazon SES API reference, "Destination").

    :raises AnymailInvalidAddress: names the field.
    """
    if not address.username.isascii():
        raise AnymailInvalidAddress(
            f"An address in `{field}` has a character before the @ that is not ASCII. "
            "Amazon SES cannot send to or from such addresses (it does not support SMTPUTF8)."
        )


def make_seven_bit(mime: Message) -> None:
    """Encode every part that is not ASCII, or has too long lines, in place.

    Text becomes quoted-printable, everything else Base64. What a signature covers (RFC 1847) is
    left alone: it is 7-bit already, and any change breaks the signature.
    """
    if mime.get_content_type() == "multipart/signed":
        return
    if mime.is_multipart():
        for part in _subparts(mime):
            make_seven_bit(part)
        if mime.get("Content-Transfer-Encoding", "7bit").lower() in ("8bit", "binary"):
            mime.replace_header("Content-Transfer-Encoding", "7bit")
        return
    if mime.get("Content-Transfer-Encoding", "7bit").lower() in ("7bit", "8bit", "binary"):
        _encode_leaf(mime)
    elif not _is_wire_ready(mime.get_payload()):  # encoded by the user, and not well
        _encode_leaf(mime, may_stay=False)


def _with_encoded_addresses(message: OutgoingMessage, idna_encode: IdnaEncoder) -> EmailMessage:
    """A copy of the Django message whose addresses are ASCII; the caller's is left alone."""

    def encoded(addresses: Sequence[EmailAddress], field: str) -> list[str]:
        return [format_for_wire(address, idna_encode, field) for address in addresses]

    stand_in = copy.copy(message.source)
    stand_in.subject = message.subject
    stand_in.body = message.body
    stand_in.from_email = ", ".join(encoded(message.from_emails, "from_email"))
    stand_in.to = encoded(message.to, "to")
    stand_in.cc = encoded(message.cc, "cc")
    stand_in.bcc = []
    stand_in.reply_to = encoded(message.reply_to, "reply_to")
    stand_in.extra_headers = {
        name: encode_header(name, str(value)) for name, value in message.headers.items()
    }
    if message.header_to is not None:
        stand_in.extra_headers["To"] = encode_header("To", str(message.header_to))
    elif not message.to:
        # SES refuses messages without a To header, where all recipients are hidden.
        stand_in.extra_headers["To"] = "undisclosed-recipients:;"
    return stand_in


def _make_content_plain(message: Any) -> None:
    """Attachments and alternatives as every Django can build them: with a media type, text as str,
    everything else as bytes (Django 5.2 writes a str with backslashes there)."""
    encoding = str(message.encoding or django_setting("DEFAULT_CHARSET"))
    if django.VERSION >= (6, 0):
        message.encoding = encoding  # it may be a Charset, which only the old policy knows
    message.attachments = [_plain_attachment(a, encoding) for a in message.attachments]
    if alternatives := getattr(message, "alternatives", None):
        message.alternatives = [
            EmailAlternative(_plain_content(content, mimetype, encoding), mimetype)
            for content, mimetype in alternatives
        ]


def _plain_attachment(attachment: Any, encoding: str) -> Any:
    if isinstance(attachment, Message):
        return attachment
    holder = EmailMessage()
    holder.attach(*map(force_non_lazy, attachment))  # guesses the media type
    name, content, mimetype = holder.attachments[0]
    return name, _plain_content(content, mimetype, encoding), mimetype


def _plain_content(content: Any, mimetype: str, encoding: str) -> Any:
    content = force_non_lazy(content)
    if mimetype.startswith("text/"):
        return content.decode(encoding) if isinstance(content, bytes) else content
    is_text = isinstance(content, str) and not mimetype.startswith("message/")
    return content.encode(encoding) if is_text else content


def _is_built_by_django(kind: type[EmailMessage]) -> bool:
    base = EmailMultiAlternatives if issubclass(kind, EmailMultiAlternatives) else EmailMessage
    builders = [name for name in dir(base) if name.startswith(("_create_", "_add_"))]
    return all(getattr(kind, name) is getattr(base, name) for name in ("message", *builders))


def _is_large(attachment: Any) -> bool:
    if isinstance(attachment, Message) or not isinstance(attachment[1], bytes):
        return False
    maintype = (attachment[2] or "").partition("/")[0]
    return len(attachment[1]) >= LARGE_ATTACHMENT and maintype not in ("text", "message", "")


def _subparts(mime: Message) -> Iterable[Message]:
    parts: Any = mime.get_payload()
    return [part for part in parts if isinstance(part, Message)]


def _is_wire_ready(payload: Any) -> bool:
    return not isinstance(payload, str) or (
        payload.isascii() and max(map(len, payload.splitlines()), default=0) <= MAX_LINE
    )


def _encode_leaf(part: Message, *, may_stay: bool = True) -> None:
    data: Any = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return
    is_text = part.get_content_maintype() == "text"
    if is_text:
        data = re.sub(rb"\r\n?", b"\n", data)
    if may_stay and data.isascii() and b"\0" not in data and _fits_lines(data):
        if "Content-Transfer-Encoding" in part:
            part.replace_header("Content-Transfer-Encoding", "7bit")
    elif is_text:
        part.set_payload(b2a_qp(data).decode("ascii"))
        del part["Content-Transfer-Encoding"]
        part["Content-Transfer-Encoding"] = "quoted-printable"
    else:
        part.set_payload(data)
        del part["Content-Transfer-Encoding"]
        encode_base64(part)


def _fits_lines(data: bytes) -> bool:
    return len(data) <= MAX_LINE or max(map(len, data.split(b"\n"))) <= MAX_LINE
