"""The source of a mail -> what there is to show of it. Nothing here raises, whatever the mail."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from ...amazon_ses.tags_and_metadata import parse_tags_and_metadata
from ...inbound import AnymailInboundMessage
from ...inbound.parts import BODY_TYPES, content_id_of, find_body
from ...inbound.text import safe_filename

#: Characters of a file name, from its end.
MAX_NAME = 200
#: Images that browsers show without running anything, even when they are opened by themselves.
IMAGES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True)
class File:
    """A part of a mail that is not its text.

    :param number: its place in the mail, for the URL.
    """

    part: AnymailInboundMessage
    number: int

    @property
    def name(self) -> str:
        """Without folders and control characters."""
        if name := self.part.get_filename():
            return safe_filename(str(name))[-MAX_NAME:]
        kind = self.content_type
        extension = ".eml" if kind == "message/rfc822" else mimetypes.guess_extension(kind)
        return f"part-{self.number + 1}{extension or '.bin'}"

    @property
    def content_type(self) -> str:
        return self.part.get_content_type()[:100]

    @property
    def content_id(self) -> str:
        return content_id_of(self.part)[:500]

    @property
    def is_image(self) -> bool:
        return self.content_type in IMAGES

    @cached_property
    def content(self) -> bytes:
        try:
            return self.part.get_content_bytes()
        except ValueError:  # a multipart that claims to be something else
            return self.part.as_bytes()

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass(frozen=True, kw_only=True)
class Content:
    """What there is to show of a mail."""

    message: AnymailInboundMessage
    html: str | None
    text: str | None
    files: list[File]

    @property
    def headers(self) -> list[tuple[str, str]]:
        return list(self.message.items())


@lru_cache(maxsize=8)
def content_of(raw: bytes) -> Content:
    """Everything about a mail; the last ones are remembered, for pages ask again and again."""
    message = AnymailInboundMessage.parse_raw_mime_bytes(raw)
    bodies = [find_body(message, kind) for kind in BODY_TYPES]
    return Content(
        message=message,
        html=message.html,
        text=message.text,
        files=[
            File(part, number)
            for number, part in enumerate(_leaves(message))
            if not any(part is body for body in bodies)
        ],
    )


def _leaves(message: AnymailInboundMessage) -> Iterator[AnymailInboundMessage]:
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
    headers = content_of(raw).message.raw_items()
    tags, metadata = parse_tags_and_metadata(
        [{"name": name, "value": value} for name, value in headers]
    )
    return {"tags": tags, "metadata": metadata if isinstance(metadata, dict) else {"": metadata}}
