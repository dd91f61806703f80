"""Text of received mail that can be stored and shown: no NUL, no halves of surrogate pairs."""

from __future__ import annotations

import re

from ..mime.charsets import decode
from ..mime.encoded_words import decode_encoded_words

_LINE_BREAKS = re.compile(r"[\r\n]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_META_CHARSET = re.compile(
    rb"""<meta\s[^>]{0,200}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z0-9_.:-]{1,40})""",
    re.IGNORECASE,
)
#: Bytes at the beginning of an HTML document in which its charset is looked for.
META_LENGTH = 1024


def encode_source(source: str) -> bytes:
    """The bytes of a mail that is given as text. Surrogates never make it raise."""
    try:
        return source.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return source.encode("utf-8", "replace")


def unfold(source: str) -> str:
    """A header on one line, without the white space around it (RFC 5322 section 2.2.3)."""
    if "\n" in source or "\r" in source:
        source = source.replace("\r", "").replace("\n", "")
    return source.strip(" \t")


def with_line_ends(text: str, line_end: str) -> str:
    """A text with its line ends replaced."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if line_end == "\n" else text.replace("\n", line_end)


def storable(text: str) -> str:
    """A text without NUL, and with U+FFFD in place of halves of surrogate pairs."""
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Storable text with a space in place of line breaks."""
    text = storable(text)
    return _LINE_BREAKS.sub(" ", text) if "\n" in text or "\r" in text else text


def raw_text(source: str) -> str:
    """The text of a header, with bytes that are not ASCII read as UTF-8 or windows-1252."""
    if source.isascii():
        return one_line(source)
    return one_line(decode(encode_source(source), None))


def decoded_text(source: str) -> str:
    """The text of a header, with encoded-words (RFC 2047) decoded."""
    if source.isascii() and "=?" not in source:
        return one_line(source)
    return one_line(decode_encoded_words(source))


def safe_filename(name: str) -> str:
    """The last component of a file name, without what a file system or a log may choke on."""
    last = re.split(r"[/\\]", name)[-1]
    cleaned = "".join(character for character in last if character.isprintable()).strip()
    return cleaned if cleaned.strip(".") else "attachment"


def html_charset(content: bytes) -> str | None:
    """The charset that an HTML document declares itself (HTML standard, "prescan"), or None."""
    match = _META_CHARSET.search(content[:META_LENGTH])
    if match is None:
        return None
    label = match[1].decode("ascii").lower()
    return "utf-8" if label.startswith("utf-16") else label
