"""The source of a mail -> what there is to show of it. Nothing here raises, whatever the mail."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from os.path import splitext
from typing import Any

from ...amazon_ses.tags_and_metadata import parse_tags_and_metadata
from ...inbound import AnymailInboundMessage
from ...inbound.text import safe_filename

#: Attachments and other parts of one mail that are listed.
MAX_FILES = 200
#: Characters of a file name, and of its extension.
MAX_NAME, MAX_EXTENSION = 200, 20
_TAG = re.compile(r"<[^<>]*>")
#: Tags that begin a line.
_BLOCK = re.compile(r"<(?:br|/?(?:p|div|h[1-6]|li|tr|table|blockquote))\b[^<>]*>", re.IGNORECASE)
#: Images that browsers show without running anything, even when they are opened by themselves.
IMAGES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True, kw_only=True)
class File:
    """A part of a mail that is not its text.

    :param number: its place in the mail, for the URL.
    :param name: without folders and control characters.
    :param content_id: without angle brackets; empty if it has none.
    """

    part: AnymailInboundMessage
    number: int
    name: str
    content_type: str
    size: int
    content_id: str

    @property
    def is_image(self) -> bool:
        return self.content_type in IMAGES

    @property
    def content(self) -> bytes:
        return _bytes_of(self.part)


@dataclass(frozen=True, kw_only=True)
class Content:
    """What there is to show of a mail.

    :param unlisted: how many files there are besides.
    """

    message: AnymailInboundMessage
    html: str | None
    text: str | None
    files: list[File]
    unlisted: int

    @property
    def headers(self) -> list[tuple[str, str]]:
        return list(self.message.items())


@lru_cache(maxsize=8)
def content_of(raw: bytes) -> Content:
    """Everything about a mail; the last ones are remembered, for pages ask again and again."""
    message = parsed(raw)
    parts = list(leaves(message))
    html, text = _body(parts, "text/html"), _body(parts, "text/plain")
    others = [(i, part) for i, part in enumerate(parts) if part is not html and part is not text]
    return Content(
        message=message,
        html=None if html is None else html.get_content_text(),
        text=None if text is None else text.get_content_text(),
        files=[_file(number, part) for number, part in others[:MAX_FILES]],
        unlisted=max(0, len(others) - MAX_FILES),
    )


@lru_cache(maxsize=4)
def parsed(raw: bytes) -> AnymailInboundMessage:
    """The mail. It is shared: do not change it."""
    return AnymailInboundMessage.parse_raw_mime_bytes(raw)


def leaves(message: AnymailInboundMessage) -> Iterator[AnymailInboundMessage]:
    """The parts that have content of their own, attached messages as a whole."""
    stack: list[Any] = [message]
    while stack:
        part = stack.pop()
        if part.get_content_maintype() == "multipart":
            stack.extend(reversed(part.get_payload() if part.is_multipart() else []))
        else:
            yield part


def tags_and_metadata(raw: bytes) -> dict[str, Any]:
    """The tags and the metadata that a message was sent with, as they come back in events."""
    headers = parsed(raw).raw_items()
    tags, metadata = parse_tags_and_metadata(
        [{"name": name, "value": value} for name, value in headers]
    )
    return {"tags": tags, "metadata": metadata if isinstance(metadata, dict) else {"": metadata}}


def text_of_html(html: str) -> str:
    """What can be read in HTML, more or less."""
    for element in ("title", "script", "style"):
        html = _without(html, element)
    text = unescape(_TAG.sub("", _BLOCK.sub("\n", html)))
    return "\n".join(filter(None, (line.strip() for line in text.splitlines())))


def _without(html: str, element: str) -> str:
    start, end = (re.compile(rf"<{slash}{element}\b[^<>]*>", re.IGNORECASE) for slash in ("", "/"))
    first, *others = start.split(html)
    pieces = [end.split(other, maxsplit=1) for other in others]
    return first + "".join(piece[1] for piece in pieces if len(piece) > 1)


def _body(parts: list[AnymailInboundMessage], kind: str) -> AnymailInboundMessage | None:
    found = (p for p in parts if p.get_content_type() == kind and not p.is_attachment())
    return next(found, None)


def _file(number: int, part: AnymailInboundMessage) -> File:
    kind = part.get_content_type()
    return File(
        part=part,
        number=number,
        name=_name(part, kind, number),
        content_type=kind[:100],
        size=len(_bytes_of(part)),
        content_id=str(part.get("Content-ID", "")).strip().strip("<>")[:500],
    )


def _bytes_of(part: AnymailInboundMessage) -> bytes:
    try:
        return part.get_content_bytes()
    except ValueError:  # a multipart that claims to be something else
        return part.as_bytes()


def _name(part: AnymailInboundMessage, kind: str, number: int) -> str:
    if name := part.get_filename():
        stem, extension = splitext(safe_filename(str(name)))
        extension = extension[:MAX_EXTENSION]
        return stem[: MAX_NAME - len(extension)] + extension
    extension = ".eml" if kind == "message/rfc822" else mimetypes.guess_extension(kind) or ".bin"
    return f"part-{number + 1}{extension}"
