"""Limits for reading a mail, and the defects that note what was wrong or left out.

The limits are for the mail as a whole, all its parts included: a limit for each header would still
let a mail of many headers take any time.
"""

from __future__ import annotations

from email.errors import HeaderDefect, MessageDefect

#: Characters of one header, folded; what is beyond is cut off.
MAX_HEADER_LENGTH = 96 * 1024
#: Characters of a header's name.
MAX_NAME_LENGTH = 1000
#: Headers of a mail of any size; there may be one more for each 32 characters of the mail.
MAX_HEADERS = 2_000
#: Characters in a mail for each further header.
CHARACTERS_PER_HEADER = 32
#: Parts of a mail of any size; there may be one more for each 1,024 characters of the mail.
MAX_PARTS = 1_000
#: Characters in a mail for each further part.
CHARACTERS_PER_PART = 1024
#: Levels of multipart and message parts; what is nested deeper stays unparsed.
MAX_NESTING = 50
#: Characters of the address headers of a mail that are read.
MAX_ADDRESS_TEXT = 96 * 1024
#: Addresses of a mail that are read.
MAX_ADDRESSES = 10_000
#: Characters of headers with encoded-words that are decoded, those of file names included.
MAX_ENCODED_TEXT = 128 * 1024
#: Parameters of one header that are read.
MAX_PARAMETERS = 200
#: Headers of a mail that may have more parameters than the next limit.
MAX_LONG_LISTS = 50
#: Parameters of other headers.
MAX_USUAL_PARAMETERS = 20


class HeaderTooLongDefect(HeaderDefect):
    """A header was cut off, or headers were skipped, at the documented length."""


class InvalidAddressDefect(HeaderDefect):
    """Something in an address header is not an address."""


class TooManyParametersDefect(HeaderDefect):
    """A header has more parameters than are read."""


class OddHeaderLineDefect(HeaderDefect):
    """A line among the headers that is not one was skipped."""


class TooManyLinesDefect(MessageDefect):
    """Uuencoded text has more lines than are read; no program makes them so short."""


class UnknownCharsetDefect(MessageDefect):
    """Text was decoded with another charset than the one declared."""


class NestingTooDeepDefect(MessageDefect):
    """Parts were nested too deep, or were too many; the rest is one unparsed part."""


class MailLimits:
    """Counts the parts and headers of a mail, and says when there are too many."""

    def __init__(self) -> None:
        #: Characters.
        self.length = 0
        self._headers = 0
        self._parts = 0

    def add_header(self) -> bool:
        """Count a header: False if it is one too many."""
        self._headers += 1
        return self._headers <= MAX_HEADERS + self.length // CHARACTERS_PER_HEADER

    def add_part(self) -> bool:
        """Count a part: False if it is the last one that there may be."""
        self._parts += 1
        return self._parts < MAX_PARTS + self.length // CHARACTERS_PER_PART
