"""MIME: what SES checks in messages, what it changes, and the messages that it composes itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from email.header import Header as EncodedHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from ..headers import Header, first, parse_fields
from .errors import invalid

_ONCE = """
auto-submitted content-description content-disposition content-id content-language content-location
content-transfer-encoding content-type date disposition-notification-to dkim-signature errors-to
from importance in-reply-to list-id list-unsubscribe message-id mime-version organization precedence
priority references reply-to return-path sender sensitivity subject thread-index thread-topic
user-agent
"""
#: What a message has only once: the usual ones of Amazon SES Developer Guide, "Header fields in
#: Amazon SES".
ONCE = frozenset(_ONCE.split())
#: SES puts its own in their place, or reads them (SES API reference, "SendRawEmail").
DROPPED = re.compile(rb"message-id|date|x-ses-.*", re.IGNORECASE)
#: RFC 5322 section 2.1.1, with the line break.
MAX_LINE = 1000
LONG_LINE = re.compile(rb"^[^\n]{%d}." % MAX_LINE, re.MULTILINE | re.DOTALL)
MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", re.ASCII)
#: SES API reference v2, "MessageHeader".
HEADER_NAME = re.compile(r"[!-9;-@A-~]{1,126}")
HEADER_VALUE = re.compile(r"[ -~]{1,995}")
MAX_HEADERS = 15

#: A text and its character set.
Body = tuple[bytes, str]


def check_headers(headers: Iterable[Header]) -> None:
    """Refuse headers without a name, and those that are there twice and may not be."""
    names = Counter(name.lower() for name, _ in headers)
    if "" in names:
        raise invalid("Empty header names are illegal.")
    for name in filter(lambda name: names[name] > 1, ONCE):
        raise invalid(f"Duplicate header '{name}'.")


def check_custom_headers(headers: Sequence[Header]) -> None:
    """Refuse headers that v2 does not take for messages that SES composes."""
    if len(headers) > MAX_HEADERS:
        raise invalid(f"A message has at most {MAX_HEADERS} headers of its own.")
    for name, value in headers:
        if not (HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value)):
            raise invalid(f"Invalid header <{name}>.")


def notes(headers: Iterable[Header], raw: bytes) -> Iterator[str]:
    """What SES accepts, and the developer should know."""
    if first(headers, "bcc") is not None:
        yield "It has a Bcc header. Do not count on Amazon SES to hide it from others."
    if LONG_LINE.search(raw):
        yield f"It has a line of more than {MAX_LINE} bytes, which SMTP forbids."


def delivered(raw: bytes, message_id: str, region: str, at: datetime) -> bytes:
    """A message as SES sends it: with its own ``Message-ID`` and ``Date``, without ``X-SES-*``."""
    raw = re.sub(rb"\r?\n", b"\r\n", raw) if raw.count(b"\n") != raw.count(b"\r\n") else raw
    kept, end = [], 0
    for name, _, place in parse_fields(raw):
        end = place.stop
        if not DROPPED.fullmatch(name):
            kept.append(raw[place])
    host = "email" if region == "us-east-1" else region
    own = f"Message-ID: <{message_id}@{host}.amazonses.com>\r\nDate: {format_datetime(at)}\r\n"
    return b"".join([*kept, own.encode(), raw[end:]])


def compose(
    headers: Iterable[Header], bodies: Mapping[str, Body], attachments: Iterable[Mapping[str, Any]]
) -> bytes:
    """A message that SES composes, of ``plain`` and ``html``, with attachments as v2 takes them."""
    message = EmailMessage(SMTP)
    for subtype, (content, charset) in (bodies or {"plain": (b"", "utf-8")}).items():
        add = message.add_alternative if "Content-Type" in message else message.set_content
        lines = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
        add(lines, "text", subtype, params={"charset": charset})
    for attachment in attachments:
        _attach(message, attachment)
    return b"".join([*(_header(name, value) for name, value in headers), message.as_bytes()])


def _header(name: str, value: str) -> bytes:
    if re.search(r"[\r\n]", value):
        raise invalid(f"Header '{name}' contains a line break.")
    charset = "us-ascii" if value.isascii() else "utf-8"
    folded = EncodedHeader(value, charset, header_name=name).encode(linesep="\r\n")
    return f"{name}: {folded}\r\n".encode()


def _attach(message: EmailMessage, given: Mapping[str, Any]) -> None:
    media_type = given.get("ContentType") or "application/octet-stream"
    if not MEDIA_TYPE.fullmatch(media_type):
        raise invalid(f"Invalid content type <{media_type}>.")
    parsed: Any = SMTP.header_factory("Content-Type", media_type)
    description = re.sub(r"[\r\n]", " ", given.get("ContentDescription", ""))
    content_id = re.sub(r"[\r\n]", " ", given.get("ContentId", "")).strip("<>")
    message.add_attachment(
        given["RawContent"],
        parsed.maintype,
        parsed.subtype,
        disposition=given.get("ContentDisposition", "ATTACHMENT").lower(),
        filename=re.sub(r"[\x00-\x1f\x7f]", "_", given["FileName"]),
        cid=f"<{content_id}>" if content_id else None,
        params=dict(parsed.params),
        headers=[f"Content-Description: {description}"] if description else None,
    )
