"""Raw messages: what SES reads in their headers, and what it makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import format_datetime

from .refusals import invalid

Header = tuple[str, str]
#: ``name: value`` with its continuation lines.
FIELD = re.compile(rb"([^\s:]*)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_ONCE = """
accept-language acceptlanguage archived-at auto-submitted bounces-to comments
content-alternative content-base content-class content-description content-disposition
content-duration content-id content-language content-length content-location content-md5
content-transfer-encoding content-type date delivered-to disposition-notification-options
disposition-notification-to dkim-signature domainkey-signature errors-to from importance
in-reply-to keywords list-archive list-help list-id list-owner list-post list-subscribe
list-unsubscribe message-context message-id mime-version organization original-from
original-message-id original-recipient original-subject precedence priority references
reply-to return-path return-receipt-to sender solicitation sensitivity subject
thread-index thread-topic user-agent vbr-info
"""
#: What a message has only once (Amazon SES Developer Guide, "Header fields in Amazon SES").
ONCE = frozenset(_ONCE.split())
#: SES puts its own in their place (SES API reference, "SendRawEmail").
REPLACED = frozenset({"message-id", "date"})
CONFIGURATION_SET = "x-ses-configuration-set"
MESSAGE_TAGS = "x-ses-message-tags"
#: RFC 5322 section 2.1.1, with the line break.
MAX_LINE = 1000


def parse_headers(raw: bytes) -> list[Header]:
    """The headers of a message as they are written, encoded-words and line breaks included."""
    return [
        (name.decode("utf-8", "replace"), value.decode("utf-8", "replace").lstrip(" \t"))
        for name, value, _ in _fields(raw)
    ]


def check_once(headers: Iterable[Header]) -> None:
    """Refuse headers without a name, and those that are there twice and may not be.

    :raises Refused: there is one.
    """
    seen: set[str] = set()
    for name, _ in headers:
        if not name:
            raise invalid("Empty header names are illegal.")
        if name.lower() in seen & ONCE:
            raise invalid(f"Duplicate header '{name}'.")
        seen.add(name.lower())


def check_required(headers: Iterable[Header]) -> None:
    """Refuse a message that does not say who it is from and to.

    :raises Refused: it does not.
    """
    names = {name.lower() for name, _ in headers}
    for name in ("From", "To"):
        if name.lower() not in names:
            raise invalid(f"Missing required header '{name}'.")


def values(headers: Iterable[Header], *names: str) -> list[str]:
    """The values of the headers with one of these names (in lower case), unfolded."""
    return [unfold(value) for name, value in headers if name.lower() in names]


def first(headers: Iterable[Header], name: str) -> str | None:
    """The value of the first header with this name (in lower case), unfolded."""
    return next(iter(values(headers, name)), None)


def unfold(value: str) -> str:
    """The value of a header on one line."""
    return re.sub(r"\r?\n(?=[ \t])", "", value)


def decoded(value: str) -> str:
    """The value of a header without encoded-words; as it is if they are broken."""
    text = unfold(value)
    with suppress(LookupError, MessageError, ValueError):
        text = str(make_header(decode_header(text)))
    return text.encode("utf-8", "replace").decode()


def parse_tags(value: str) -> dict[str, list[str]]:
    """The message tags in an ``X-SES-MESSAGE-TAGS`` header: ``a=1, b=2``."""
    tags: dict[str, list[str]] = {}
    for pair in filter(None, map(str.strip, value.split(","))):
        name, _, content = pair.partition("=")
        tags.setdefault(name.strip(), []).append(content.strip())
    return tags


def delivered(raw: bytes, message_id: str, region: str, at: datetime) -> bytes:
    """A message as SES sends it: with its own ``Message-ID`` and ``Date``, without ``X-SES-*``."""
    raw = re.sub(rb"\r?\n", b"\r\n", raw) if raw.count(b"\n") != raw.count(b"\r\n") else raw
    kept, end = [], 0
    for name, _, span in _fields(raw):
        end = span[1]
        lowered = name.decode("latin-1").lower()
        if lowered not in REPLACED and not lowered.startswith("x-ses-"):
            kept.append(raw[slice(*span)])
    own = f"Message-ID: {internet_id(message_id, region)}\r\nDate: {format_datetime(at)}\r\n"
    return b"".join([*kept, own.encode(), raw[end:]])


def internet_id(message_id: str, region: str) -> str:
    """The ``Message-ID`` header of what SES sends."""
    host = "email" if region == "us-east-1" else region
    return f"<{message_id}@{host}.amazonses.com>"


def has_long_line(raw: bytes) -> bool:
    """Whether a line is longer than SMTP allows."""
    start = 0
    while (end := raw.find(b"\n", start)) >= 0:
        if end + 1 - start > MAX_LINE:
            return True
        start = end + 1
    return len(raw) - start > MAX_LINE


def _fields(raw: bytes) -> Iterator[tuple[bytes, bytes, tuple[int, int]]]:
    """Name, value and place of each header; what is no header ends them."""
    position = 0
    while (found := FIELD.match(raw, position)) is not None:
        yield found[1], found[2].rstrip(b"\r"), found.span()
        position = found.end()
