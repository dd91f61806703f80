"""The standard library's MIME parser, fed with blocks of text in place of single lines.

``email.feedparser`` keeps every line of a mail as an object of its own until it joins them: a mail
of short lines takes 25 times its size in memory, and one with a large attachment spends its time
on lines that cannot mean anything. Only lines that begin with ``--`` can end a body (RFC 2046
section 5.1.1), so here everything between them comes in one piece. The tree that comes out is the
same, which the tests compare.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from email.errors import MessageDefect
from email.feedparser import BytesFeedParser, NeedMoreData  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, cast

from .inbound_headers import INBOUND, MAX_HEADER_LINES, HeaderTooLongDefect

if TYPE_CHECKING:
    from .inbound import AnymailInboundMessage

    _Parser = BytesFeedParser["AnymailInboundMessage"]
else:
    _Parser = BytesFeedParser

#: Levels of multipart and message parts; what is nested deeper stays unparsed.
MAX_NESTING = 50
#: Parts of one mail; what comes after them belongs to the last.
MAX_PARTS = 50_000

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)?")
_DASHES = re.compile(r"--(?<=[\r\n]--)")  # the literal first: the regex engine searches for it
_HEADER = re.compile(r"[!-9;-~]*:|[\t ]|From ")


class NestingTooDeepDefect(MessageDefect):
    """Parts were nested too deep, or were too many; the rest is one unparsed part."""


def parse_chunks(
    factory: type[AnymailInboundMessage],
    chunks: Iterable[bytes | memoryview],
    headersonly: bool = False,
) -> Any:
    """A message from its bytes, which need not all be in memory.

    :param factory: the class of the message and of its parts.
    :param chunks: of any size.
    :param headersonly: everything after the headers is the body.
    :return: a ``factory``; whatever was wrong is in the ``defects`` of its parts.
    """
    parser = InboundParser(factory, headersonly)
    for chunk in chunks:
        parser.feed(bytes(chunk))
    return parser.close()


class InboundParser(_Parser):
    """Parses the bytes of a mail, and notes what it had to leave out in ``defects``.

    :param factory: the class of the message and of its parts.
    :param headersonly: everything after the headers is the body.
    """

    _cur: AnymailInboundMessage
    _msgstack: list[AnymailInboundMessage]

    def __init__(self, factory: type[AnymailInboundMessage], headersonly: bool = False) -> None:
        super().__init__(factory, policy=cast(Any, INBOUND))
        self._input = BlockInput(self._keep_body)
        self._bodies: list[tuple[AnymailInboundMessage, list[str]]] = []
        self._parts = 0
        if headersonly:
            self._set_headersonly()  # type: ignore[attr-defined]

    def close(self) -> AnymailInboundMessage:
        """There is no more text: the message."""
        root = super().close()
        while self._bodies:
            part, blocks = self._bodies.pop()
            blocks.append(part._payload)
            part._payload = "".join(blocks)
        return root

    def _keep_body(self, blocks: list[str]) -> None:
        """Keep what the current part's content begins with until the message is complete."""
        self._bodies.append((self._cur, blocks))

    def _new_message(self) -> None:
        super()._new_message()  # type: ignore[misc]
        self._parts += 1
        self._input.expect_headers()
        if self._parts == MAX_PARTS:
            self._input.ignore_boundaries()
        if self._parts >= MAX_PARTS:
            self._cur.nesting = MAX_NESTING

    def _parse_headers(self, lines: list[str]) -> None:
        super()._parse_headers(lines)  # type: ignore[misc]
        part = self._cur
        if self._input.has_skipped_headers:
            part.defects.append(HeaderTooLongDefect(f"headers beyond {MAX_HEADER_LINES} lines"))
        kind = part.get_content_type()
        if part.is_nested_too_deep():
            part.defects.append(NestingTooDeepDefect("nested too deep, or too many parts"))
        parent = self._msgstack[-2] if len(self._msgstack) > 1 else None
        # The blocks of a delivery status end with a blank line, not with a boundary.
        part.is_in_status = kind == "message/delivery-status" or bool(
            parent and parent.is_in_status
        )
        self._input.expect_body(
            is_line_by_line=part.is_in_status,
            is_leaf=not kind.startswith(("multipart/", "message/")),
        )


class BlockInput:
    """What the parser reads from; replaces ``email.feedparser.BufferedSubFile``.

    Headers come line by line. What is around parts comes in blocks of lines, of which only the
    first can begin with ``--``, and then the block is that one line. Of a part's content, only the
    last two characters come this way, because the parser searches what it gets for a line end to
    strip; the rest goes to ``keep_body``.

    :param keep_body: called with the pieces of the current part's content.
    """

    def __init__(self, keep_body: Callable[[list[str]], None]) -> None:
        self._keep_body = keep_body
        self._text = ""  # complete lines, until the end of the mail
        self._position = 0
        self._partial: list[str] = []
        self._closed = False
        self._eof_matchers: list[Callable[[str], Any]] = []
        self._has_boundaries = True
        self.expect_headers()

    def expect_headers(self) -> None:
        """What follows is the headers of a part."""
        self._is_header = self._is_line_by_line = True
        self._is_leaf = False
        self.has_skipped_headers: bool = False
        self._header_lines = 0
        self._body: list[str] = []

    def expect_body(self, is_line_by_line: bool, is_leaf: bool) -> None:
        """What follows is a body.

        :param is_line_by_line: no blocks.
        :param is_leaf: it has no parts: a line that begins with ``--`` but is no boundary of an
            enclosing part belongs to the block around it.
        """
        self._is_header = False
        self._is_line_by_line = is_line_by_line
        self._is_leaf = is_leaf and not is_line_by_line

    def ignore_boundaries(self) -> None:
        """Everything that follows belongs to the current part."""
        self._has_boundaries = False

    def push_eof_matcher(self, matcher: Callable[[str], Any]) -> None:
        """Have a line that matches end the current part.

        :param matcher: called with a line; anything true for a match.
        """
        self._eof_matchers.append(matcher)

    def pop_eof_matcher(self) -> Callable[[str], Any]:
        """Undo the last :meth:`push_eof_matcher`, and return what it was given."""
        return self._eof_matchers.pop()

    def push(self, data: str) -> None:
        """Add text, which need not end where a line ends."""
        # A CR at the end may be the first half of a CRLF.
        end = max(data.rfind("\n"), data.rfind("\r", 0, len(data) - 1)) + 1
        if end:
            self._set_text("".join([*self._partial, data[:end]]))
            self._partial.clear()
        if end < len(data):
            self._partial.append(data[end:])

    def close(self) -> None:
        """There is no more text."""
        self._set_text("".join(self._partial))
        self._partial.clear()
        self._closed = True

    def unreadline(self, line: str) -> None:
        """Put back what :meth:`readline` gave, or another line."""
        if self._text.startswith(line, self._position - len(line)):
            self._position -= len(line)
        else:
            self._text = line + self._text[self._position :]
            self._position = 0

    def readline(self) -> Any:
        """The next line or block; ``""`` at the end of the part, ``NeedMoreData`` for a wait."""
        return self._read_leaf() if self._is_leaf else self._read_around()

    def _read_leaf(self) -> Any:
        while self._position < len(self._text):
            end = self._find_block_end(self._position)
            if end == self._position:
                break  # a boundary
            self._body.append(self._take(end))
        else:
            if not self._closed:
                return NeedMoreData
        self._is_leaf = False
        if not self._body:
            return ""
        last = self._body.pop()
        if self._body or len(last) > 2:
            self._keep_body([*self._body, last[:-2]])
        return last[-2:]

    def _read_around(self) -> Any:
        while True:
            if self._position >= len(self._text):
                return "" if self._closed else NeedMoreData
            if not self._is_line_by_line and not self._text.startswith("--", self._position):
                return self._take(self._find_block_end(self._position))
            line = self._line_at(self._position)
            if self._ends_part(line):
                return ""
            if not self._is_skipped_header(line):
                return self._take(self._position + len(line))
            self._position += len(line)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if line == "":
            raise StopIteration
        return line

    def _set_text(self, more: str) -> None:
        self._text = self._text[self._position :] + more
        self._position = 0

    def _take(self, end: int) -> str:
        block = self._text[self._position : end]
        self._position = end
        return block

    def _line_at(self, position: int) -> str:
        match = _LINE.match(self._text, position)
        return match.group() if match else ""

    def _find_block_end(self, start: int) -> int:
        """Where the next line stands that the parser must see by itself."""
        if start == 0 and self._text.startswith("--") and self._ends_part(self._line_at(0)):
            return 0
        for match in _DASHES.finditer(self._text, start):
            position = match.start()
            if not self._is_leaf or self._ends_part(self._line_at(position)):
                return position
        return len(self._text)

    def _ends_part(self, line: str) -> bool:
        return self._has_boundaries and any(matches(line) for matches in self._eof_matchers)

    def _is_skipped_header(self, line: str) -> bool:
        if not self._is_header:
            return False
        self._header_lines += 1
        if self._header_lines <= MAX_HEADER_LINES or not _HEADER.match(line):
            return False
        self.has_skipped_headers = True
        return True
