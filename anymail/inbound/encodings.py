"""Content-Transfer-Encoding (RFC 2045 section 6), undone forgivingly and in linear time."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from email.errors import MessageDefect

from .limits import TooManyLinesDefect

_COMMENT = re.compile(r"\([^()]*\)")
_TOKEN = re.compile(r"[\s\"']*([A-Za-z0-9_/. -]*)")
#: By their letters and digits.
_NAMES = {
    "": "",
    "7bit": "",
    "8bit": "",
    "binary": "",
    "base64": "base64",
    "quotedprintable": "quoted-printable",
    "xuuencode": "uuencode",
    "uuencode": "uuencode",
    "uue": "uuencode",
    "xuue": "uuencode",
}
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_BASE64_LINE = re.compile(rb"^([A-Za-z0-9+/=]+)[ \t]*$", re.MULTILINE)
#: Padded pieces of base64 in a row that are decoded one by one.
MAX_PIECES = 1000
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\r\n]*[\r\n]+", re.MULTILINE)
_UU_END = re.compile(rb"^end[ \t]*\r?$", re.MULTILINE)
_NOT_UU = bytes({*range(256)} - {*range(32, 97)} - {10, 13})
_LINE = re.compile(rb"[^\r\n]+")


def transfer_encoding(value: str) -> str:
    """The encoding that a Content-Transfer-Encoding header names.

    Anything that programs write around it is ignored: comments, quotation marks, parameters.

    :param value: the header's value.
    :return: ``"base64"``, ``"quoted-printable"``, ``"uuencode"``, an empty string for content that
        is not encoded, or the name, in lower case, of an unknown one.
    """
    match = _TOKEN.match(_COMMENT.sub(" ", value[:1000]))
    name = match[1].strip().lower() if match else ""
    for candidate in (name, name.split(" ")[0]):
        letters = re.sub("[^a-z0-9]", "", candidate)
        if letters in _NAMES:
            return _NAMES[letters]
    return name


def is_identity(encoding: str) -> bool:
    """Whether an encoding leaves content unchanged.

    :param encoding: what :func:`transfer_encoding` returns.
    """
    return encoding not in ("base64", "quoted-printable", "uuencode")


def decode_transfer(
    content: bytes, encoding: str, note: Callable[[MessageDefect], object]
) -> bytes:
    """Decode content. It never raises.

    :param content: as it was transferred.
    :param encoding: what :func:`transfer_encoding` returns; with an unknown one, the content is
        returned unchanged.
    :param note: called with a defect for anything that was left out.
    """
    if encoding == "base64":
        return decode_base64(content)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(content)
    if encoding == "uuencode":
        return decode_uu(content, note)
    return content


def decode_message(text: str, encoding: str, note: Callable[[MessageDefect], object]) -> str:
    """The source of a message that was encoded as a whole, or is only said to be.

    :param text: as it was transferred; bytes that are not ASCII are surrogates.
    :param encoding: what :func:`transfer_encoding` returns.
    :param note: called with a defect for anything that was left out.
    """
    content = text.encode("ascii", "surrogateescape")
    if encoding == "base64" and _NOT_BASE64.search(b"".join(content.split())):
        return text
    return decode_transfer(content, encoding, note).decode("ascii", "surrogateescape")


def decode_base64(content: bytes) -> bytes:
    """The bytes that base64 stands for (RFC 2045 section 6.8).

    Other characters are ignored, and so are missing or excess padding and a single letter at the
    end. Another piece may follow the padding; but there, only lines of base64 count, since mailing
    lists append footers.
    """
    try:
        return base64.b64decode(content.translate(None, b"\r\n"), validate=True)
    except ValueError:
        pass
    head, _, tail = content.replace(b"\r", b"\n").partition(b"=")
    line, _, lines = tail.partition(b"\n")
    tail = line + b"".join(_BASE64_LINE.findall(lines))
    pieces = _NOT_BASE64.sub(b"", head + b"=" + tail).split(b"=")
    if len(pieces) > MAX_PIECES:
        pieces = [b"".join(pieces)]
    return b"".join(_decode_piece(piece) for piece in pieces)


def decode_uu(content: bytes, note: Callable[[MessageDefect], object]) -> bytes:
    """The bytes that uuencoded text stands for; the text itself if it is not uuencoded.

    :param content: as it was transferred. Other characters are ignored.
    :param note: called if there are more lines than 1,000 and one for each 8 characters; the others
        are not read.
    """
    begin = _UU_BEGIN.search(content)
    if begin is None:
        return content
    end = _UU_END.search(content, begin.end())
    encoded = content[begin.end() : end.start() if end else len(content)]
    lines = _LINE.findall(encoded.translate(None, _NOT_UU))
    limit = 1000 + len(content) // 8
    if len(lines) > limit:
        del lines[limit:]
        note(TooManyLinesDefect(f"lines beyond {limit} are not read"))
    return b"".join(_decode_uu_line(line) for line in lines)


def _decode_piece(piece: bytes) -> bytes:
    length = len(piece) % 4
    if length == 1:  # six bits are not a byte
        return binascii.a2b_base64(piece[:-1])
    return binascii.a2b_base64(piece + b"=" * (-length % 4))


def _decode_uu_line(line: bytes) -> bytes:
    length = (line[0] - 32) & 63
    return binascii.a2b_uu(line[: (length * 4 + 5) // 3])
