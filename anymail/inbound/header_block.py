"""The headers of a part of a mail, read line by line (RFC 5322 section 2.2)."""

from __future__ import annotations

import re
from email import errors

from .forgiving import ForgivingMessage
from .limits import MAX_HEADER_LENGTH, HeaderTooLongDefect, MailLimits, OddHeaderLineDefect

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


class HeaderBlock:
    """The headers of a part, while they are read.

    :param part: gets them.
    :param limits: of the mail.
    :param is_message: they are the headers of a message, not of a part of a multipart.
    """

    __slots__ = (
        "_headers",
        "_is_full",
        "_is_message",
        "_is_skipping",
        "_limits",
        "body",
        "is_complete",
        "is_fresh",
        "part",
        "text",
    )

    def __init__(self, part: ForgivingMessage, limits: MailLimits, is_message: bool) -> None:
        self.part: ForgivingMessage = part
        #: Nothing was read yet.
        self.is_fresh: bool = True
        #: The content of the part follows.
        self.is_complete: bool = False
        #: The text from the first odd line on.
        self.text: list[str] = []
        #: Of that, what turned out to belong to the content.
        self.body: list[str] = []
        self._limits = limits
        self._is_message = is_message
        self._is_full = False  # there are too many headers: the others are skipped
        self._is_skipping = False  # the rest of a header that is too long is skipped
        self._headers = 0  # how many there were before the first odd line

    def read(self, text: str, position: int, is_last: bool) -> int:
        """Read one header, or lines in its place.

        :return: the position after it; -1 if more text is needed.
        """
        if self._is_skipping and text[position] in " \t":
            return self._skip_rest_of_header(text, position)
        self._is_skipping = False
        if self._is_byte_order_mark(text, position):
            self.is_fresh = False
            self.part.note_defect(OddHeaderLineDefect("a byte order mark before the headers"))
            return position + len(BOM)
        match = _HEADER.match(text, position)
        kind = match.lastgroup if match else "odd"
        if match and kind == "blank":
            self._end_at_blank_line()
            return match.end()
        if kind == "dashes":
            self._end_without_blank_line()
            return position
        if kind == "envelope" and self.is_fresh:
            end = _end(_END_OF_LINE, text, position)
            self.part.set_unixfrom(text[position:end].rstrip("\r\n"))
            self.is_fresh = False
            return end
        return self._read_line(match if kind == "name" else None, text, position, is_last)

    def close(self) -> None:
        """End the headers: there is no more text."""
        if self.text:
            self._end_without_blank_line()
        self.is_complete = True

    def _is_byte_order_mark(self, text: str, position: int) -> bool:
        return self.is_fresh and self._is_message and text.startswith(BOM, position)

    def _skip_rest_of_header(self, text: str, position: int) -> int:
        end = _end(_END_OF_HEADER, text, position)
        self._is_skipping = end == len(text)
        return end

    def _read_line(
        self, name: re.Match[str] | None, text: str, position: int, is_last: bool
    ) -> int:
        """Read a header, or lines that are not headers."""
        end = _end(_END_OF_HEADER if name else _END_OF_ODD_LINES, text, position)
        if end == len(text) and not is_last:
            if end - position <= MAX_HEADER_LENGTH:
                return -1
            self._is_skipping = True
        if name:
            end = self._add_header(name["name"], name.end(), end, text)
        elif not self._skip_odd_lines(text[position:end], text, end):
            self._end_without_blank_line()
            return position
        self.is_fresh = False
        return end

    def _add_header(self, name: str, start: int, end: int, text: str) -> int:
        self._is_full = self._is_full or not self._limits.add_header()
        if self._is_full:
            self.part.note_defect(HeaderTooLongDefect("too many headers"))
            return _end(_END_OF_HEADERS, text, start)
        self.part.set_raw(name, text[start:end].lstrip(" \t").rstrip("\r\n"))
        if self.text:
            self.text.append(f"{name}:{text[start:end]}")
        return end

    def _skip_odd_lines(self, lines: str, text: str, end: int) -> bool:
        """Skip lines that are not headers, unless the body begins with them.

        That is certain where no header came before. Otherwise it shows at the end of the headers:
        if there is no blank line, the body began here.
        """
        if not len(self.part) and not self.text:
            is_one = len(lines.splitlines()) == 1
            if not (is_one and self._is_message and _HEADER_BEGINS.match(text, end)):
                return False
        if not self.text:
            self._headers = len(self.part)
        self.text.append(lines)
        return True

    def _end_at_blank_line(self) -> None:
        if self.text:
            self.part.note_defect(OddHeaderLineDefect("a line among the headers is not one"))
        self.is_complete = True

    def _end_without_blank_line(self) -> None:
        self.part.note_defect(errors.MissingHeaderBodySeparatorDefect())
        if self.text:
            self.part.cut_headers(self._headers)
        self.body = self.text
        self.is_complete = True


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    """The end of the next match, or of the text if there is none."""
    match = pattern.search(text, position)
    return match.end() if match else len(text)
