"""Encoded-words in headers (RFC 2047): text -> words, and words -> text.

Reading takes linear time, and never raises.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from email.charset import BASE64, QP, Charset
from itertools import groupby

from .charsets import decode

# No repetition overlaps with what follows it, and a word cannot begin inside another one that
# failed to match: each character is looked at a few times at most.
_WORD = re.compile(
    r"=\?([^?*\s]+)(?:\*[^?\s]*)?"  # the charset, maybe with a language (RFC 2231 section 5)
    r"\?([BbQq])"
    r"\?([^?=]*(?:(?:=(?!\?(?!=))|\?(?!=))[^?=]*)*)\?="
)
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})")
_PADDING = re.compile(rb"=+")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_RAW_BYTES = re.compile("[\udc80-\udcff]+")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_UNICODE = re.compile("[^\x00-\x7f\udc80-\udcff]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def encode_words(value: str, charset: str = "utf-8", first_column: int = 0) -> str:
    """Any text as RFC 2047 encoded-words, with single spaces between them.

    Each is at most 75 characters long, so that it can stand on a line of its own; a decoder drops
    the spaces and gets back exactly ``value``.

    :param charset: of the words; UTF-8 instead of one that cannot hold the text.
    :param first_column: where the first encoded-word will stand on its line, from 0.
    :raises UnicodeEncodeError: the text has half of a surrogate pair.
    """
    try:
        value.encode(charset)
    except (UnicodeEncodeError, LookupError):
        charset = "utf-8"
    words = Charset(charset)
    # The standard library writes its codec's name as the charset ("eucgb2312_cn").
    words.output_charset = words.output_codec = words.input_charset
    quoted = sum(not (c.isascii() and c.isalnum()) for c in value)
    words.header_encoding = QP if quoted * 3 < len(value) else BASE64
    lines = words.header_encode_lines(value, _widths(first_column))
    return " ".join(line for line in lines if line)


def decode_encoded_words(text: str) -> str:
    """A header value as a person reads it. Never raises.

    White space between two encoded-words is dropped (RFC 2047 section 6.2). Adjacent words of one
    charset are decoded together, since many senders cut characters in two. Words inside of quoted
    strings and next to other text are decoded too, since senders put them there.

    :param text: unfolded. Bytes that are not ASCII may be in it as they came, escaped as
        surrogates: those inside of a word are of its charset, else UTF-8, else windows-1252.
    :return: without NUL and without surrogates; what cannot be decoded is U+FFFD.
    """
    if "=?" in text:
        text = "".join(_pieces(text))
    return decode_raw_bytes(text).replace("\x00", "")


def decode_raw_bytes(text: str) -> str:
    """A text with surrogate-escaped bytes read as UTF-8 or else windows-1252.

    :return: without surrogates; other ones become U+FFFD.
    """
    if text.isascii():
        return text
    text = _RAW_BYTES.sub(lambda raw: decode(_raw(raw[0]), None), text)
    return _SURROGATES.sub("\ufffd", text)


def decode_base64(data: bytes) -> bytes:
    """Base64, forgivingly (RFC 2045 section 6.8). Never raises.

    Characters that are not of its alphabet are skipped, several padded pieces are read one after
    the other, and a single letter at the end of a piece, which holds no whole byte, is left out.
    """
    pieces = _PADDING.split(_NOT_BASE64.sub(b"", data))
    whole = (piece[:-1] if len(piece) % 4 == 1 else piece for piece in pieces)
    return b"".join(binascii.a2b_base64(piece + b"=" * (-len(piece) % 4)) for piece in whole)


def _widths(first_column: int) -> Iterator[int]:
    yield max(75 - first_column, 40)
    while True:
        yield 75


def _pieces(text: str) -> Iterator[str]:
    """The text between the words as it is, and the words decoded."""
    for is_word, tokens in groupby(_tokens(text), key=lambda token: isinstance(token, re.Match)):
        if is_word:
            yield from _decode_words(list(tokens))  # type: ignore[arg-type]
        else:
            yield from tokens  # type: ignore[misc]


def _tokens(text: str) -> Iterator[str | re.Match[str]]:
    """Words, and the text between them unless it is white space between two words."""
    start = 0
    for word in _WORD.finditer(text):
        between = text[start : word.start()]
        if between and (start == 0 or not between.isspace()):
            yield between
        yield word
        start = word.end()
    if start < len(text):
        yield text[start:]


def _decode_words(words: list[re.Match[str]]) -> Iterator[str]:
    """Adjacent words: those of one charset together."""
    for charset, run in groupby(words, key=lambda word: word[1].lower()):
        contents = [(word[3], word[2]) for word in run]
        data = b"".join(_decode_transfer(_encoded(text), encoding) for text, encoding in contents)
        raw = "".join(text for text, _ in contents if not text.isascii())
        # Text that was decoded before has no charset; it was encoded as UTF-8 here.
        label = None if _UNICODE.search(raw) else charset
        yield decode(data, label, guess=bool(raw))


def _encoded(text: str) -> bytes:
    return _NO_BYTE.sub("\ufffd", text).encode("utf-8", "surrogateescape")


def _decode_transfer(data: bytes, encoding: str) -> bytes:
    return decode_base64(data) if encoding in "Bb" else _decode_q(data)


def _decode_q(data: bytes) -> bytes:
    return _QUOTED.sub(lambda match: bytes((int(match[1], 16),)), data.replace(b"_", b" "))


def _raw(escaped: str) -> bytes:
    return escaped.encode("ascii", "surrogateescape")
