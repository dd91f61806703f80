"""The bytes of a mail -> the tree of its parts (RFC 5322, RFC 2046), in linear time.

The tree is the one that the standard library's parser makes of a mail without faults, which the
tests compare. That parser is not used: its time grows with the product of what a sender may choose
(lines that begin with ``--``, levels of nesting), and for it the headers end at the first line that
is not one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email import errors
from typing import TYPE_CHECKING, Any, NamedTuple

from .encodings import decode_message, is_identity
from .headers import policy_for_one_mail
from .limits import (
    MAX_HEADER_LENGTH,
    MAX_NESTING,
    HeaderTooLongDefect,
    MailLimits,
    NestingTooDeepDefect,
    OddHeaderLineDefect,
)

if TYPE_CHECKING:
    from . import AnymailInboundMessage

#: Characters that are collected before they are looked at.
MIN_BLOCK = 16 * 1024
#: Levels of messages that are encoded as a whole, each within the content of another.
MAX_ENCODED_MESSAGES = 2
#: A byte order mark: the bytes of UTF-8.
BOM = b"\xef\xbb\xbf".decode("ascii", "surrogateescape")

_END = r"(?:\r\n|\r(?!\n)|\n)"
_NAME = r"[!-9;-~]+[ \t]*:"
_HEADER = re.compile(
    rf"(?P<blank>{_END})|(?P<dashes>--)|(?P<name>[!-9;-~]+)[ \t]*:|(?P<envelope>From )"
)
_HEADER_BEGINS = re.compile(_NAME)
#: Searched for, not matched: a repeated group takes memory for each repetition.
_END_OF_LINE = re.compile(_END)
_END_OF_HEADER = re.compile(rf"{_END}(?![ \t])")
_END_OF_ODD_LINES = re.compile(rf"{_END}(?=--|[\r\n]|{_NAME})")
_END_OF_HEADERS = re.compile(rf"{_END}(?=--|[\r\n])")
_DELIMITER = re.compile(rf"--([^\r\n]*)(?:{_END}|\Z)")
_DASHES = re.compile(r"--(?<=[\r\n]--)([^\r\n]*)")  # the literal first: it is searched for
_BLANK_LINES = re.compile(rf"{_END}{_END}+")


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
    parser = MailParser(factory, is_flat=headersonly)
    for chunk in chunks:
        parser.feed(str(chunk, "ascii", "surrogateescape"))
    return parser.close()


def parse_content(part: AnymailInboundMessage, content: bytes) -> None:
    """Make a message the content of a part.

    :param part: a message part without content.
    :param content: the source of the message.
    """
    parser = MailParser(type(part), parent=part)
    parser.feed(str(content, "ascii", "surrogateescape"))
    parser.close()


class SourceText:
    """The source of an attached message, and of those that are attached to it."""

    def __init__(self) -> None:
        self.length: int = 0
        self._pieces: list[str] = []
        self._source = b""

    def add(self, text: str) -> None:
        """What comes next."""
        self._pieces.append(text)
        self.length += len(text)

    def cut(self, start: int, end: int) -> bytes:
        """A piece of it, from and to these positions."""
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


class Container:
    """A part that holds others, and is not complete yet.

    :param part: a multipart or a message part.
    :param boundary: of a multipart.
    :param start: where a message part's content begins in the source.
    """

    __slots__ = ("boundary", "is_digest", "part", "start")

    def __init__(
        self, part: AnymailInboundMessage, boundary: str | None = None, start: int = 0
    ) -> None:
        self.part: AnymailInboundMessage = part
        self.boundary: str | None = boundary
        self.start: int = start
        self.is_digest: bool = part.get_content_type() == "multipart/digest"


class Block:
    """The headers of a part, or the text before, in or after it, while they are read.

    :param part: whose.
    :param attribute: of the part, where the text goes; None for headers.
    :param is_message: they are the headers of a message, not of a part of a multipart.
    """

    __slots__ = (
        "attribute",
        "headers",
        "is_fresh",
        "is_full",
        "is_message",
        "is_skipping",
        "part",
        "text",
    )

    def __init__(
        self, part: AnymailInboundMessage, attribute: str | None, is_message: bool = False
    ) -> None:
        self.part: AnymailInboundMessage = part
        self.attribute: str | None = attribute
        self.is_message: bool = is_message
        self.is_fresh: bool = True
        #: There are too many headers: the others are skipped.
        self.is_full: bool = False
        #: The rest of a header that is too long is skipped.
        self.is_skipping: bool = False
        #: The text; of headers, that from the first odd line on.
        self.text: list[str] = []
        #: How many headers there were before that line.
        self.headers: int = 0


class Delimiter(NamedTuple):
    """A line between parts: of which container, from outside in; and where the next line begins."""

    depth: int
    is_last: bool
    end: int


class MailParser:
    """Parses a mail, and notes what it had to leave out in ``defects``.

    :param factory: the class of the message and of its parts.
    :param is_flat: everything after the headers is the body.
    :param parent: the message part that the text is the content of; None for a whole mail.
    :param outer: the parser of the mail around it, likewise.
    """

    def __init__(
        self,
        factory: type[AnymailInboundMessage],
        is_flat: bool = False,
        parent: AnymailInboundMessage | None = None,
        outer: MailParser | None = None,
    ) -> None:
        self._factory = factory
        self._is_flat = is_flat
        self._limits: MailLimits = outer._limits if outer else MailLimits()
        self._policy: Any = outer._policy if outer else policy_for_one_mail()
        self._encoded: int = outer._encoded + 1 if outer else 0
        self._is_full: bool = outer._is_full if outer else False
        self._containers: list[Container] = []
        self._depths: dict[str, list[int]] = {}  # of the containers with a boundary
        self._waiting: list[str] = []
        self._waiting_length = 0
        self._source: SourceText | None = None
        self._block: Block
        if parent is not None:
            self._open_message(parent)
        else:
            self._begin_part()
        self._root = self._block.part if parent is None else parent

    def feed(self, text: str) -> None:
        """Add text.

        :param text: of any length; bytes that are not ASCII are surrogates.
        """
        if not self._encoded:  # what is decoded has been counted as it came
            self._limits.length += len(text)
        self._waiting.append(text)
        self._waiting_length += len(text)
        if self._waiting_length < MIN_BLOCK or not ("\n" in text or "\r" in text):
            return
        text = "".join(self._waiting)
        # A CR at the end may be the first half of a CRLF.
        end = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
        rest = self._consume(text[:end], is_last=False) + text[end:]
        self._waiting = [rest]
        self._waiting_length = 0

    def close(self) -> AnymailInboundMessage:
        """There is no more text: the message."""
        self._consume("".join(self._waiting), is_last=True)
        self._close_containers(0, is_boundary=False)
        return self._root

    def _consume(self, text: str, is_last: bool) -> str:
        """Read complete lines.

        :return: the last of them, if more may belong to it.
        """
        text = "\n" + text  # each line comes after a line end, the first as well
        position = 1
        while position < len(text):
            source = self._source
            if delimiter := self._delimiter_at(text, position):
                end = self._pass(delimiter, text, position)
            elif self._block.attribute is not None:
                end = self._read_text(text, position)
            else:
                end = self._read_header(text, position, is_last)
                if end < 0:
                    break
            if source is not None and source is self._source:
                source.add(text[position:end])
            position = end
        return text[position:]

    # Headers

    def _read_header(self, text: str, position: int, is_last: bool) -> int:
        """Read one header, or what stands in its place.

        :return: where it ends; -1 if that cannot be told before there is more text.
        """
        block = self._block
        if block.is_skipping:
            end = position if text[position] not in " \t" else _end(_END_OF_HEADER, text, position)
            block.is_skipping = end == len(text)
            if end > position:
                return end
        if block.is_fresh and block.is_message and text.startswith(BOM, position):
            block.is_fresh = False
            block.part.note_defect(OddHeaderLineDefect("a byte order mark before the headers"))
            return position + len(BOM)
        match = _HEADER.match(text, position)
        kind = match.lastgroup if match else "odd"
        if match and kind == "blank":
            self._end_headers()
            return match.end()
        if kind == "dashes":
            self._begin_text()
            return position
        if kind == "envelope" and block.is_fresh:
            end = _end(_END_OF_LINE, text, position)
            block.part.set_unixfrom(text[position:end].rstrip("\r\n"))
            block.is_fresh = False
            return end
        return self._read_line(match if kind == "name" else None, text, position, is_last)

    def _read_line(
        self, name: re.Match[str] | None, text: str, position: int, is_last: bool
    ) -> int:
        """Read a header, or lines that are none."""
        block = self._block
        end = _end(_END_OF_HEADER if name else _END_OF_ODD_LINES, text, position)
        if end == len(text) and not is_last:
            if end - position <= MAX_HEADER_LENGTH:
                return -1
            block.is_skipping = True
        if name:
            end = self._add_header(name["name"], name.end(), end, text)
        elif not self._skip_odd_lines(text[position:end], text, end):
            self._begin_text()
            return position
        block.is_fresh = False
        return end

    def _add_header(self, name: str, start: int, end: int, text: str) -> int:
        block = self._block
        block.is_full = block.is_full or not self._limits.add_header()
        if block.is_full:
            block.part.note_defect(HeaderTooLongDefect("too many headers"))
            return _end(_END_OF_HEADERS, text, start)
        block.part.set_raw(name, text[start:end].lstrip(" \t").rstrip("\r\n"))
        if block.text:
            block.text.append(f"{name}:{text[start:end]}")
        return end

    def _skip_odd_lines(self, lines: str, text: str, end: int) -> bool:
        """Skip lines that are not headers, unless the body begins with them.

        That is certain where no header came before. Otherwise it shows at the end of the headers:
        if there is no blank line, the body began here.
        """
        block = self._block
        if not len(block.part) and not block.text:
            is_one = len(lines.splitlines()) == 1
            if not (is_one and block.is_message and _HEADER_BEGINS.match(text, end)):
                return False
        if not block.text:
            block.headers = len(block.part)
        block.text.append(lines)
        return True

    def _end_headers(self) -> None:
        """There is a blank line."""
        part = self._block.part
        if self._block.text:
            part.note_defect(OddHeaderLineDefect("a line among the headers is not one"))
        self._begin_content(part)

    def _begin_text(self) -> None:
        """The body begins without a blank line before it."""
        part, text, count = self._block.part, self._block.text, self._block.headers
        part.note_defect(errors.MissingHeaderBodySeparatorDefect())
        if text:
            part.cut_headers(count)
        self._begin_content(part)
        self._block.text += text

    # Contents

    def _begin_part(self) -> None:
        part = self._factory(self._policy)
        is_message = True
        if self._containers:
            container = self._containers[-1]
            is_message = container.boundary is None
            if container.is_digest:
                part.set_default_type("message/rfc822")
            container.part.attach(part)
        if not self._is_full and not self._limits.add_part():
            self._is_full = True
            part.nesting = MAX_NESTING
            part.note_defect(NestingTooDeepDefect("too many parts: the rest is in this one"))
        self._block = Block(part, None, is_message)

    def _begin_content(self, part: AnymailInboundMessage) -> None:
        kind = part.get_content_type()
        self._block = Block(part, "_payload")
        if part.is_nested_too_deep():
            part.note_defect(NestingTooDeepDefect("nested too deep"))
        elif self._is_flat:
            pass
        elif kind.startswith("message/"):
            if kind != "message/delivery-status" and is_identity(part.transfer_encoding):
                self._open_message(part)
        elif kind.startswith("multipart/"):
            self._open_multipart(part)

    def _open_message(self, part: AnymailInboundMessage) -> None:
        if self._source is None:
            self._source = SourceText()
        self._containers.append(Container(part, start=self._source.length))
        self._begin_part()

    def _open_multipart(self, part: AnymailInboundMessage) -> None:
        boundary = part.raw_boundary()
        if not boundary:
            part.note_defect(errors.NoBoundaryInMultipartDefect())
            part.note_defect(errors.MultipartInvariantViolationDefect())
            return
        if not is_identity(part.transfer_encoding):
            part.note_defect(errors.InvalidMultipartContentTransferEncodingDefect())
        self._depths.setdefault(boundary, []).append(len(self._containers))
        self._containers.append(Container(part, boundary))
        self._block.attribute = "preamble"

    def _read_text(self, text: str, position: int) -> int:
        """Read text up to the next delimiter."""
        end = len(text)
        depths = {} if self._is_full else self._depths
        for match in _DASHES.finditer(text, position + 1) if depths else ():
            line = match[1].rstrip(" \t")
            if line in depths or (line[-2:] == "--" and line[:-2] in depths):
                end = match.start()
                break
        self._block.text.append(text[position:end])
        self._block.is_fresh = False
        return end

    # Delimiters

    def _delimiter_at(self, text: str, position: int) -> Delimiter | None:
        """The delimiter at the beginning of a line; the innermost, where several have it."""
        if not self._depths or self._is_full or not text.startswith("--", position):
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

    def _pass(self, delimiter: Delimiter, text: str, position: int) -> int:
        """Begin a new part, or end the multipart.

        :return: where the next line begins.
        """
        block, container = self._block, self._containers[delimiter.depth]
        is_innermost = delimiter.depth == len(self._containers) - 1
        if is_innermost and block.attribute is None and block.is_fresh and not delimiter.is_last:
            line, end = text[position : delimiter.end], delimiter.end
            while text.startswith(line, end):  # several in a row are one
                end += len(line)
            return end
        if is_innermost and block.attribute == "preamble":
            self._end_preamble(has_parts=not delimiter.is_last)
        else:
            self._close_containers(delimiter.depth + 1, is_boundary=True)
        if delimiter.is_last:
            self._containers.pop()
            self._forget(container)
            self._block = Block(container.part, "epilogue")
        else:
            self._begin_part()
        return delimiter.end

    def _end_preamble(self, has_parts: bool) -> None:
        part, text = self._block.part, without_line_end("".join(self._block.text))
        if has_parts:
            part.preamble = text or None
        else:
            part.note_defect(errors.StartBoundaryNotFoundDefect())
            part.set_payload(text)

    def _close_containers(self, depth: int, is_boundary: bool) -> None:
        """There is no more text for the current part and the containers inside of a depth.

        :param is_boundary: a delimiter follows, to which the last line end belongs (RFC 2046
            section 5.1.1); otherwise, nothing does.
        """
        self._end_block(is_boundary)
        while len(self._containers) > depth:
            container = self._containers.pop()
            part = container.part
            if container.boundary is not None:
                self._forget(container)
                if part.is_multipart():
                    part.note_defect(errors.CloseBoundaryNotFoundDefect())
            elif self._source is not None:
                source = self._source
                part.keep_source(SourceSlice(source, container.start, source.length, is_boundary))
        if all(container.boundary is not None for container in self._containers):
            self._source = None

    def _forget(self, container: Container) -> None:
        boundary = container.boundary or ""
        depths = self._depths[boundary]
        depths.pop()
        if not depths:
            del self._depths[boundary]

    def _end_block(self, is_boundary: bool) -> None:
        while self._block.attribute is None:
            if self._block.text:
                self._begin_text()
            else:
                self._begin_content(self._block.part)
        block = self._block
        text = "".join(block.text)
        is_empty = not text
        if is_boundary:
            text = without_line_end(text)
        if block.attribute == "preamble":
            block.part.note_defect(errors.StartBoundaryNotFoundDefect())
            block.part.note_defect(errors.MultipartInvariantViolationDefect())
            block.part.set_payload(text)
        elif block.attribute == "epilogue":
            block.part.epilogue = None if is_boundary and is_empty else text
        else:
            block.part.set_payload(text)
            if block.part.get_content_maintype() == "message" and not self._is_flat:
                self._parse_message(block.part, text)

    def _parse_message(self, part: AnymailInboundMessage, text: str) -> None:
        """Replace the content of a message part by what is in it.

        RFC 2046 section 5.2.1 forbids to encode it, but well-known programs do.
        """
        if self._encoded >= MAX_ENCODED_MESSAGES or part.is_nested_too_deep() or self._is_full:
            return
        decoded = decode_message(text, part.transfer_encoding, part.note_defect)
        part.keep_transferred(text)
        if part.get_content_type() == "message/delivery-status":
            self._parse_status(part, decoded)
            return
        part._payload = None
        parser = MailParser(self._factory, parent=part, outer=self)
        parser.feed(decoded)
        parser.close()
        self._is_full = parser._is_full

    def _parse_status(self, part: AnymailInboundMessage, text: str) -> None:
        """The blocks of headers of a delivery status (RFC 3464), as the standard library has it."""
        part.set_payload([])
        for block in _blocks(text):
            parser = MailParser(self._factory, is_flat=True, outer=self)
            parser.feed(block)
            part.attach(parser.close())
            if parser._is_full:
                self._is_full = True
                break


def _blocks(text: str) -> Iterator[str]:
    """What stands between blank lines; at least one block, which may be empty."""
    position = 0
    while gap := _BLANK_LINES.search(text, position):
        if gap.start() > position:
            yield text[position : gap.start()]
        position = gap.end()
    if position < len(text) or not text:
        yield text[position:]


def without_line_end(text: str) -> str:
    """The text without the line end that it may end with."""
    for end in ("\r\n", "\r", "\n"):
        if text.endswith(end):
            return text[: -len(end)]
    return text


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Where the next match ends; the end of the text if there is none."""
    match = pattern.search(text, position)
    return match.end() if match else len(text)
