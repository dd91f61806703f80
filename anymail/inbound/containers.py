"""The multiparts and message parts that a parser is in, and the lines that end them (RFC 2046)."""

from __future__ import annotations

import re
from email import errors
from typing import NamedTuple

from .forgiving import ForgivingMessage
from .source import SourceSlice, SourceText

_DELIMITER = re.compile(r"--([^\r\n]*)(?:(?:\r\n|\r(?!\n)|\n)|\Z)")
_DASHES = re.compile(r"--(?<=[\r\n]--)([^\r\n]*)")  # the literal first: it is searched for


class Container:
    """A part that holds others, and is not complete yet.

    :param part: a multipart or a message part.
    :param boundary: of a multipart.
    :param start: where a message part's content begins in the source.
    """

    __slots__ = ("boundary", "is_digest", "part", "start")

    def __init__(self, part: ForgivingMessage, boundary: str | None = None, start: int = 0) -> None:
        self.part: ForgivingMessage = part
        self.boundary: str | None = boundary
        self.start: int = start
        self.is_digest: bool = part.get_content_type() == "multipart/digest"


class Delimiter(NamedTuple):
    """A line between parts: of which container, from outside in; and where the next line begins."""

    depth: int
    is_last: bool
    end: int


class OpenContainers:
    """The containers of the current part, from outside in."""

    def __init__(self) -> None:
        #: The source of the outermost message part.
        self.source: SourceText | None = None
        self._containers: list[Container] = []
        self._depths: dict[str, list[int]] = {}  # by boundary, of the containers with one

    @property
    def innermost(self) -> Container | None:
        """The last that was opened, if there is any."""
        return self._containers[-1] if self._containers else None

    def open_message(self, part: ForgivingMessage) -> None:
        """Add a message part."""
        if self.source is None:
            self.source = SourceText()
        self._containers.append(Container(part, start=self.source.length))

    def open_multipart(self, part: ForgivingMessage, boundary: str) -> None:
        """Add a multipart."""
        self._depths.setdefault(boundary, []).append(len(self._containers))
        self._containers.append(Container(part, boundary))

    def close(self, depth: int, is_boundary: bool) -> None:
        """Remove the containers inside of a depth, whose text ends here.

        :param is_boundary: a delimiter follows.
        """
        while len(self._containers) > depth:
            container = self._containers.pop()
            part = container.part
            if container.boundary is not None:
                self._forget(container.boundary)
                if part.is_multipart():
                    part.note_defect(errors.CloseBoundaryNotFoundDefect())
            elif self.source is not None:
                source = self.source
                part.keep_source(SourceSlice(source, container.start, source.length, is_boundary))
        if all(container.boundary is not None for container in self._containers):
            self.source = None

    def close_innermost(self) -> ForgivingMessage:
        """Remove the innermost, a multipart that ends with its last delimiter, and return it."""
        container = self._containers.pop()
        self._forget(container.boundary or "")
        return container.part

    def delimiter_at(self, text: str, position: int) -> Delimiter | None:
        """The delimiter at the beginning of a line; the innermost, where several have it."""
        if not self._depths or not text.startswith("--", position):
            return None
        match = _DELIMITER.match(text, position)
        if match is None:
            return None
        line = match[1].rstrip(" \t")
        depth = self._depths.get(line, (-1,))[-1]
        last = self._depths.get(line[:-2], (-1,))[-1] if line.endswith("--") else -1
        if depth < 0 and last < 0:
            return None
        return Delimiter(max(depth, last), last > depth, match.end())

    def find_delimiter(self, text: str, position: int) -> int:
        """The beginning of the next delimiter; the end of the text if there is none."""
        for match in _DASHES.finditer(text, position) if self._depths else ():
            line = match[1].rstrip(" \t")
            if line in self._depths or (line.endswith("--") and line[:-2] in self._depths):
                return match.start()
        return len(text)

    def is_innermost(self, delimiter: Delimiter) -> bool:
        """Whether a delimiter is that of the innermost container."""
        return delimiter.depth == len(self._containers) - 1

    def _forget(self, boundary: str) -> None:
        depths = self._depths[boundary]
        depths.pop()
        if not depths:
            del self._depths[boundary]
