"""Bytes -> text, by the charset label that a mail declares.

Labels mean what the Encoding standard of the WHATWG says (``gb2312`` is GB 18030, ``iso-8859-1`` is
windows-1252), since this is what mail programs write and read. A few charsets of mail that the
standard leaves out are added: code pages of DOS and the Macintosh, UTF-7, UTF-32, ISO-2022-KR
(RFC 1557) and HZ (RFC 1843). The list is closed: other codecs of Python are never used, for some
take quadratic time (``punycode``) and some run their input (``unicode-escape``).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache

from webencodings.labels import LABELS

#: The charsets of text that does not declare one, or an unknown one.
FALLBACK = ("utf-8", "cp1252")
#: Names of the Encoding standard to codecs of Python: each is tried, the last one forgivingly.
CODECS: dict[str, tuple[str, ...]] = {
    "big5": ("cp950", "big5hkscs"),
    "euc-jp": ("euc_jp", "euc_jis_2004"),
    "euc-kr": ("cp949",),
    "gbk": ("gb18030",),
    "iso-8859-8-i": ("iso8859-8",),
    "macintosh": ("mac-roman",),
    "replacement": FALLBACK,
    "shift_jis": ("cp932",),
    "utf-16be": ("utf-16-be",),
    "utf-16le": ("utf-16-le",),
    "windows-874": ("cp874",),
    "x-mac-cyrillic": ("mac-cyrillic",),
    "x-user-defined": FALLBACK,
}
#: Labels that are not in the standard, without punctuation, to codecs of Python.
FURTHER_LABELS = {
    "cp936": "gb18030",
    "ms936": "gb18030",
    "windows936": "gb18030",
    "eucjpms": "euc_jis_2004",
    "hz": "hz",
    "hzgb2312": "hz",
    "iso2022kr": "iso2022_kr",
    "csiso2022kr": "iso2022_kr",
    "johab": "johab",
    "koi8ru": "koi8-u",
    "macroman": "mac-roman",
    "sjiswin": "cp932",
    "unicode11utf7": "utf-7",
    "utf7": "utf-7",
    "utf8mb4": "utf-8",
    "utf32": "utf-32",
    "utf32be": "utf-32-be",
    "utf32le": "utf-32-le",
    "xmacce": "mac-latin2",
    "xmacgreek": "mac-greek",
    "xmaciceland": "mac-iceland",
    "xmacroman": "mac-roman",
    "xmacturkish": "mac-turkish",
}
#: Code pages that Python decodes as ``cp…``.
CODE_PAGES = frozenset(
    {437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874}
    | {932, 949, 950, 1125, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258}
)
#: Most 8-bit text with one of these is UTF-8.
ASCII_LABELS = frozenset({"ansix341968", "ascii", "usascii"})
#: No label is longer.
MAX_LABEL = 50

#: Escape sequences of any text in ISO-2022-JP. If there are more than one for each 16 bytes
#: beyond these, no mail program wrote it.
MIN_ESCAPES = 1000

_PUNCTUATION = re.compile(r"[^a-z0-9]+")
_CODE_PAGE = re.compile(r"x?(?:cp|ibm|ms|dos|oem|win|windows|codepage)?0*([1-9][0-9]{2,3})")
_ISO_2022_JP = re.compile(r"(?:cs)?iso2022jp\w*|cp5022[0-2]")
_ESCAPE = re.compile(rb"\x1b([($][@-Z])")
_SURROGATES = re.compile("[\ud800-\udfff]")


def decode(data: bytes, label: str | None, guess: bool = False) -> str:
    """The text that bytes stand for. Never raises, takes linear time, and holds no surrogates.

    :param data: a whole text or header word. A byte order mark outweighs the label, and is left
        out of the text.
    :param label: the charset as a mail declares it, in any case; None for none. Text in an unknown
        charset, in none or in US-ASCII is read as UTF-8 if it is valid UTF-8, and as windows-1252
        if not.
    :param guess: do the same with bytes that are invalid in the declared charset. Otherwise each
        becomes U+FFFD.
    """
    *attempts, last = _candidates(label) + (FALLBACK if guess else ())
    if data.startswith(codecs.BOM_UTF8):
        attempts, last = [], "utf-8"
    elif data.startswith(codecs.BOM_UTF16_BE) and last == "utf-16-le":
        last = "utf-16-be"
    for codec in attempts:
        try:
            text = _decode(data, codec, "strict")
        except UnicodeError:
            continue
        break
    else:
        text = _decode(data, last, "replace")
    return _SURROGATES.sub("\ufffd", text.removeprefix("\ufeff"))


def is_known(label: str) -> bool:
    """Whether a label names a charset that :func:`decode` knows."""
    return bool(_codecs_of(label))


def python_codec(label: str | None) -> str:
    """The codec of Python for a charset that a mail declares; UTF-8 for an unknown one."""
    try:
        return codecs.lookup(label).name if label and is_known(label) else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"


def _candidates(label: str | None) -> tuple[str, ...]:
    if label is None or _squashed(label) in ASCII_LABELS:
        return FALLBACK
    return _codecs_of(label) or FALLBACK


@lru_cache(maxsize=256)
def _codecs_of(label: str) -> tuple[str, ...]:
    """The codecs for a label, in the order to try them; none if it is unknown."""
    squashed = _squashed(label)
    if squashed in FURTHER_LABELS:
        return (FURTHER_LABELS[squashed],)
    if _ISO_2022_JP.fullmatch(squashed):
        return ("iso-2022-jp",)
    name = _SQUASHED_LABELS.get(squashed)
    if name is not None:
        return CODECS.get(name, (name,))
    page = _CODE_PAGE.fullmatch(squashed)
    return (f"cp{page[1]}",) if page and int(page[1]) in CODE_PAGES else ()


def _squashed(label: str) -> str:
    """A label in lower case, without punctuation: programs disagree on that."""
    return _PUNCTUATION.sub("", label[:MAX_LABEL].lower())


_SQUASHED_LABELS = {_squashed(label): name for label, name in LABELS.items()}


def _decode(data: bytes, codec: str, errors: str) -> str:
    if codec == "iso-2022-jp" and data.count(b"\x1b") <= MIN_ESCAPES + len(data) // 16:
        return "".join(_iso_2022_jp(data, errors))
    return data.decode(codec, errors)


def _iso_2022_jp(data: bytes, errors: str) -> Iterator[str]:
    """ISO-2022-JP (RFC 1468) with what Microsoft's programs add to it: ``①``, ``㈱``, half-width
    katakana. Python has no codec for that, but one for the same characters in Shift_JIS.
    """
    for line in data.splitlines(keepends=True):
        escape = b"(B"  # each line begins in ASCII
        for position, piece in enumerate(_ESCAPE.split(line)):
            if position % 2:
                escape = piece
            else:
                yield _in_shift_jis(piece, escape).decode("cp932", errors)


def _in_shift_jis(piece: bytes, escape: bytes) -> bytes:
    """A piece of one line of ISO-2022-JP in Shift_JIS.

    :param escape: the escape sequence that it follows, without ESC.
    """
    text = piece.rstrip(b"\r\n")
    line_end = piece[len(text) :]
    if escape == b"(I":
        return bytes(byte | 0x80 for byte in text) + line_end
    if escape[:1] != b"$":
        return piece
    shifted = bytearray()
    for row, cell in zip(text[::2], text[1::2], strict=False):
        row, cell = row & 0x7F, cell & 0x7F
        shifted.append((row + 1) // 2 + (0x70 if row < 0x5F else 0xB0))
        shifted.append(cell + (0x7E if row % 2 == 0 else 0x1F if cell < 0x60 else 0x20))
    if len(text) % 2:
        shifted.append(0x81)  # half of a character
    return bytes(shifted) + line_end
