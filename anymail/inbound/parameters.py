"""A structured header and its parameters, read in linear time (RFC 2045 section 5.1, RFC 2231).

They are read as mail programs write them, which is not always by the standards: a value without
quotation marks goes up to the next semicolon.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from ..mime.charsets import decode
from .limits import MAX_PARAMETERS
from .text import decoded_text, encode_source, one_line

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
_COMMENTS = r"(?:\s*\([^()]*\))*\s*"
_TYPE = re.compile(rf"{_COMMENTS}\"?({_WORD}\s?/\s?{_WORD})\"?")
_DISPOSITION = re.compile(rf"{_COMMENTS}\"?({_WORD})(?!{_WORD})\"?(?!\s*=)")
_SEPARATORS = re.compile(r"[\s;,]*")
_NAME = re.compile(r"(?P<name>[^\s;,=\"()]+)\s*=\s*")
_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_AFTER_QUOTE = re.compile(r"\s*(?:\Z|;|\(|(?<=\s)[\w*-]+\s*=)")
_ESCAPED = re.compile(r'\\(["\\])')
_SECTION = re.compile(r"(?P<name>[^*]+)\*(?P<number>[0-9]{1,4})?(?P<encoded>\*)?")
#: Their values may have brackets in them.
_FREE_TEXT = frozenset({"filename", "name"})
#: Characters of a Content-Type in which the type is looked for.
MAX_TYPE_LENGTH = 300
#: Quotation marks within a quoted value that may be part of it.
_MAX_INNER_QUOTES = 20


class Parameters(NamedTuple):
    """The parameters of a header, and whether these are all of them."""

    values: dict[str, str]
    are_complete: bool


def content_type(value: str) -> str | None:
    """The type and subtype in a Content-Type, in lower case; None if there is none.

    :param value: of the header, unfolded.
    """
    return _content_type(value[:MAX_TYPE_LENGTH])


# The type of a part is read many times.
@lru_cache(maxsize=256)
def _content_type(value: str) -> str | None:
    match = _TYPE.match(value)
    return match[1].lower().replace(" ", "").replace("\t", "") if match else None


def disposition(value: str) -> str | None:
    """The disposition in a Content-Disposition, in lower case; None if there is none.

    Where there are only parameters, it is ``attachment``, as for an unknown one (RFC 2183
    section 2.8).

    :param value: of the header, unfolded.
    """
    if match := _DISPOSITION.match(value):
        return match[1].lower()
    return "attachment" if _NAME.match(value, _SEPARATORS.match(value).end()) else None  # type: ignore[union-attr]


def parse_parameters(
    value: str, limit: int = MAX_PARAMETERS, decode_words: Callable[[str], str] = decoded_text
) -> Parameters:
    """The parameters of a header, decoded; their names in lower case.

    Of several with the same name the first counts; the one that RFC 2231 encodes counts more than
    the one for old programs.

    :param value: the header's value, unfolded; bytes that are not ASCII may be surrogates.
    :param limit: how many are read.
    :param decode_words: what to do with encoded-words in values.
    """
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    found = list(islice(split_parameters(value), limit + 1))
    for name, text in found[:limit]:
        if match := _SECTION.fullmatch(name):
            is_encoded = match["number"] is None or match["encoded"] is not None
            section = (text, is_encoded)
            sections.setdefault(match["name"], {}).setdefault(int(match["number"] or 0), section)
        else:
            plain.setdefault(name, decode_words(text))
    for name, pieces in sections.items():
        in_order = [pieces[number] for number in sorted(pieces)]
        plain[name] = one_line(_join(in_order, decode_words))
    plain.pop("", None)
    return Parameters(plain, len(found) <= limit)


def split_parameters(value: str) -> Iterator[tuple[str, str]]:
    """The parameters of a header as they appear there, without quotation marks.

    :param value: of the header, unfolded.
    :return: names in lower case, and values; an empty name for what is not a parameter.
    """
    main = _TYPE.match(value) or _DISPOSITION.match(value)
    position = main.end() if main else 0
    while position < len(value):
        separators = _SEPARATORS.match(value, position)
        position = separators.end() if separators else position
        match = _NAME.match(value, position)
        if match is None:
            position = value.find(";", position)
            if position < 0:
                return
            yield "", ""
            continue
        name, start = match["name"].lower(), match.end()
        if value.startswith('"', start):
            end = _closing_quote(value, start + 1)
            yield name, _ESCAPED.sub(r"\1", value[start + 1 : end])
            position = end + 1
        else:
            end = value.find(";", start)
            end = len(value) if end < 0 else end
            text = value[start:end].rstrip()
            yield name, text if name in _FREE_TEXT else text.partition(" (")[0].rstrip()
            position = end


def _closing_quote(value: str, start: int) -> int:
    """The end of a quoted value: the quotation mark with nothing of a value after it."""
    first = -1
    for count, match in enumerate(_QUOTE.finditer(value, start)):
        position = match.start()
        if match.group() != '"':
            continue
        if first >= 0 and (count > _MAX_INNER_QUOTES or value.find(";", first, position) >= 0):
            break
        if _AFTER_QUOTE.match(value, position + 1):
            return position
        first = position if first < 0 else first
    if first >= 0:
        return first
    semicolon = value.find(";", start)
    return len(value) if semicolon < 0 else semicolon


def _join(sections: list[tuple[str, bool]], decode_words: Callable[[str], str]) -> str:
    """The value that is split into sections, or percent-encoded, or both."""
    text, is_encoded = sections[0]
    charset = None
    if is_encoded and text.count("'") >= 2:
        charset, _, text = text.split("'", 2)
    pieces = [(text, is_encoded), *sections[1:]]
    if not any(is_encoded for _, is_encoded in pieces):
        return decode_words("".join(text for text, _ in pieces))
    content = b"".join(
        unquote_to_bytes(encode_source(text)) if is_encoded else encode_source(text)
        for text, is_encoded in pieces
    )
    return decode(content, charset or None)
