"""The bytes of a mail -> the tree of its parts (RFC 5322, RFC 2046), in linear time.

The tree is the one that the standard library's parser makes of a mail without faults, which the
tests compare. That parser is not used: its time grows with the product of two numbers that a sender
chooses (lines that begin with ``--``, levels of nesting), and it ends the headers at the first line
that is not one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email import errors
from typing import Any, TypeVar, cast

from .containers import Delimiter, OpenContainers
from .encodings import decode_message, is_identity
from .forgiving import ForgivingMessage
from .header_block import HeaderBlock
from .headers import policy_for_one_mail
from .limits import MAX_NESTING, MailLimits, NestingTooDeepDefect

M = TypeVar("M", bound=ForgivingMessage)

#: Characters that are collected before they are looked at.
MIN_BLOCK = 16 * 1024
#: Levels of messages that are encoded as a whole, each within the content of another.
MAX_ENCODED_MESSAGES = 2

_BLANK_LINES = re.compile(r"(?:\r\n|\r(?!\n)|\n){2,}")


def parse_chunks(
    factory: type[M], chunks: Iterable[bytes | memoryview], headersonly: bool = False
) -> M:
    """A message from its bytes, which need not all be in memory.

    :param factory: the class of the message and of its parts.
    :param chunks: of any size.
    :param headersonly: everything after the headers is the body.
    :return: everything wrong with it is in the ``defects`` of its parts.
    """
    parser = MailParser(factory, is_flat=headersonly)
    for chunk in chunks:
        parser.feed(str(chunk, "ascii", "surrogateescape"))
    return cast(M, parser.close())


def parse_content(part: ForgivingMessage, content: bytes) -> None:
    """Make a message the content of a part.

    :param part: a message part without content.
    :param content: the source of the message.
    """
    parser = MailParser(type(part), parent=part)
    parser.feed(str(content, "ascii", "surrogateescape"))
    parser.close()


class TextBlock:
    """The text before, in or after a part, while it is read.

    :param part: whose.
    :param attribute: of the part, where the text goes.
    """

    __slots__ = ("attribute", "part", "text")

    def __init__(self, part: ForgivingMessage, attribute: str) -> None:
        self.part: ForgivingMessage = part
        self.attribute: str = attribute
        self.text: list[str] = []


class MailParser:
    """Parses a mail, and notes everything that it leaves out in ``defects``.

    :param factory: the class of the message and of its parts.
    :param is_flat: everything after the headers is the body.
    :param parent: the message part that the text is the content of; None for a whole mail.
    :param outer: the parser of the mail around it; None for a whole mail.
    """

    def __init__(
        self,
        factory: type[ForgivingMessage],
        is_flat: bool = False,
        parent: ForgivingMessage | None = None,
        outer: MailParser | None = None,
    ) -> None:
        self._factory = factory
        self._is_flat = is_flat
        self._limits: MailLimits = outer._limits if outer else MailLimits()
        self._policy: Any = outer._policy if outer else policy_for_one_mail()
        self._encoded: int = outer._encoded + 1 if outer else 0
        self._is_full: bool = outer._is_full if outer else False
        self._containers = OpenContainers()
        self._waiting: list[str] = []
        self._waiting_length = 0
        self._block: HeaderBlock | TextBlock
        if parent is not None:
            self._open_message(parent)
        else:
            self._begin_part()
        self._root: ForgivingMessage = self._block.part if parent is None else parent

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

    def close(self) -> ForgivingMessage:
        """Read the rest, and return the message."""
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
            source = self._containers.source
            end = self._read(text, position, is_last)
            if end < 0:
                break
            if source is not None and source is self._containers.source:
                source.add(text[position:end])
            position = end
        return text[position:]

    def _read(self, text: str, position: int, is_last: bool) -> int:
        """Read a delimiter, a header, or text up to the next delimiter.

        :return: the position after it; -1 if more text is needed.
        """
        block = self._block
        delimiter = None if self._is_full else self._containers.delimiter_at(text, position)
        if delimiter is not None:
            return self._pass(delimiter, text, position)
        if isinstance(block, HeaderBlock):
            end = block.read(text, position, is_last)
            if block.is_complete:
                self._end_headers(block)
            return end
        end = len(text)
        if not self._is_full:
            end = self._containers.find_delimiter(text, position + 1)
        block.text.append(text[position:end])
        return end

    def _begin_part(self) -> None:
        part = self._factory(self._policy)
        container = self._containers.innermost
        if container is not None:
            if container.is_digest:
                part.set_default_type("message/rfc822")
            container.part.attach(part)
        if not self._is_full and not self._limits.add_part():
            self._is_full = True
            part.nesting = MAX_NESTING
            part.note_defect(NestingTooDeepDefect("too many parts: the rest is in this one"))
        is_message = container is None or container.boundary is None
        self._block = HeaderBlock(part, self._limits, is_message)

    def _end_headers(self, block: HeaderBlock) -> None:
        self._begin_content(block.part)
        self._block.text += block.body

    def _begin_content(self, part: ForgivingMessage) -> None:
        kind = part.get_content_type()
        self._block = TextBlock(part, "_payload")
        if part.is_nested_too_deep():
            part.note_defect(NestingTooDeepDefect("nested too deep"))
        elif self._is_flat:
            pass
        elif kind.startswith("message/"):
            if kind != "message/delivery-status" and is_identity(part.transfer_encoding):
                self._open_message(part)
        elif kind.startswith("multipart/"):
            self._open_multipart(part)

    def _open_message(self, part: ForgivingMessage) -> None:
        self._containers.open_message(part)
        self._begin_part()

    def _open_multipart(self, part: ForgivingMessage) -> None:
        boundary = part.raw_boundary()
        if not boundary:
            part.note_defect(errors.NoBoundaryInMultipartDefect())
            part.note_defect(errors.MultipartInvariantViolationDefect())
            return
        if not is_identity(part.transfer_encoding):
            part.note_defect(errors.InvalidMultipartContentTransferEncodingDefect())
        self._containers.open_multipart(part, boundary)
        self._block = TextBlock(part, "preamble")

    def _pass(self, delimiter: Delimiter, text: str, position: int) -> int:
        """Begin a new part, or end the multipart.

        :return: the beginning of the next line.
        """
        block = self._block
        is_innermost = self._containers.is_innermost(delimiter)
        if isinstance(block, HeaderBlock):
            if is_innermost and block.is_fresh and not delimiter.is_last:
                line, end = text[position : delimiter.end], delimiter.end
                while text.startswith(line, end):  # several in a row are one
                    end += len(line)
                return end
        elif is_innermost and block.attribute == "preamble":
            self._end_preamble(block, has_parts=not delimiter.is_last)
            return self._begin_after(delimiter)
        self._close_containers(delimiter.depth + 1, is_boundary=True)
        return self._begin_after(delimiter)

    def _begin_after(self, delimiter: Delimiter) -> int:
        if delimiter.is_last:
            self._block = TextBlock(self._containers.close_innermost(), "epilogue")
        else:
            self._begin_part()
        return delimiter.end

    def _end_preamble(self, block: TextBlock, has_parts: bool) -> None:
        part, text = block.part, without_line_end("".join(block.text))
        if has_parts:
            part.preamble = text or None
        else:
            part.note_defect(errors.StartBoundaryNotFoundDefect())
            part.set_payload(text)

    def _close_containers(self, depth: int, is_boundary: bool) -> None:
        """End the current part, and the containers inside of a depth.

        :param is_boundary: a delimiter follows, to which the last line end belongs (RFC 2046
            section 5.1.1); otherwise, nothing does.
        """
        while isinstance(self._block, HeaderBlock):
            self._block.close()
            self._end_headers(self._block)
        self._end_text(self._block, is_boundary)
        self._containers.close(depth, is_boundary)

    def _end_text(self, block: TextBlock, is_boundary: bool) -> None:
        part, text = block.part, "".join(block.text)
        is_empty = not text
        if is_boundary:
            text = without_line_end(text)
        if block.attribute == "preamble":
            part.note_defect(errors.StartBoundaryNotFoundDefect())
            part.note_defect(errors.MultipartInvariantViolationDefect())
            part.set_payload(text)
        elif block.attribute == "epilogue":
            part.epilogue = None if is_boundary and is_empty else text
        else:
            part.set_payload(text)
            if part.get_content_maintype() == "message" and not self._is_flat:
                self._parse_message(part, text)

    def _parse_message(self, part: ForgivingMessage, text: str) -> None:
        """Replace the content of a message part by what is in it.

        RFC 2046 section 5.2.1 forbids encoding it, but well-known programs do.
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

    def _parse_status(self, part: ForgivingMessage, text: str) -> None:
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
    """The blocks between blank lines; at least one, which may be empty."""
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
