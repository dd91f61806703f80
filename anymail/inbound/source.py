"""The source of attached messages, kept as it came."""

from __future__ import annotations

from typing import NamedTuple


class SourceText:
    """The source of an attached message, and of those that are attached to it."""

    def __init__(self) -> None:
        self.length: int = 0
        self._pieces: list[str] = []
        self._source = b""

    def add(self, text: str) -> None:
        """Append text."""
        self._pieces.append(text)
        self.length += len(text)

    def cut(self, start: int, end: int) -> bytes:
        """The piece between two positions."""
        if self._pieces:
            self._source = "".join(self._pieces).encode("ascii", "surrogateescape")
            self._pieces.clear()
        return self._source[start:end]


class SourceSlice(NamedTuple):
    """The source of one attached message: where it is, and whether a delimiter follows."""

    source: SourceText
    start: int
    end: int
    is_before_delimiter: bool

    def content(self) -> bytes:
        """The message, without the line end that belongs to the delimiter."""
        content = self.source.cut(self.start, self.end)
        if not self.is_before_delimiter:
            return content
        return content[:-2] if content.endswith(b"\r\n") else content[:-1]
