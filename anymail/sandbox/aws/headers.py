"""Reads the headers of a message, and the mailboxes in them, as SES does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header, make_header

Header = tuple[str, str]
#: ``name: value`` with its continuation lines.
FIELD = re.compile(rb"([^\s:]*)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
#: Quoted text, a comment, what is in brackets, what separates, everything else. What is not closed
#: reaches to the end.
TOKEN = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"?|\((?:[^()\\]|\\.)*\)?|<[^>]*>?|\[[^\]]*\]?|[,;:]|[^\",;:(<\[]+",
    re.DOTALL,
)


def parse_headers(raw: bytes) -> list[Header]:
    """The headers of a message as they are written, encoded-words and line breaks included."""
    return [
        (name.decode("utf-8", "replace"), value.decode("utf-8", "replace").lstrip(" \t"))
        for name, value, _ in parse_fields(raw)
    ]


def parse_fields(raw: bytes) -> Iterator[tuple[bytes, bytes, slice]]:
    """Name, value and place of each header; the first line that is not a header ends them."""
    position = 0
    while (found := FIELD.match(raw, position)) is not None:
        yield found[1], found[2].rstrip(b"\r"), slice(*found.span())
        position = found.end()


def values(headers: Iterable[Header], *names: str) -> list[str]:
    """The values of the headers with one of these names (in lower case), unfolded."""
    return [unfold(value) for name, value in headers if name.lower() in names]


def first(headers: Iterable[Header], name: str) -> str | None:
    """The value of the first header with this name (in lower case), unfolded."""
    return next(iter(values(headers, name)), None)


def mailboxes(headers: Iterable[Header], *names: str) -> list[str]:
    """The mailboxes in the headers with one of these names (in lower case)."""
    return [part for value in values(headers, *names) for part in split(value)]


def unfold(value: str) -> str:
    """The value of a header on one line."""
    return re.sub(r"\r?\n(?=[ \t])", "", value)


def decoded(value: str) -> str:
    """The value of a header without encoded-words; as it is if they are broken."""
    text = unfold(value)
    with suppress(LookupError, MessageError, ValueError):
        text = str(make_header(decode_header(text)))
    return text.encode("utf-8", "replace").decode()


def split(text: str) -> list[str]:
    """The mailboxes in an address header, without comments; of groups too, without their names."""
    mailboxes: list[list[str]] = [[]]
    for part in TOKEN.findall(text):
        if part in (",", ";"):
            mailboxes.append([])
        elif part == ":":
            mailboxes[-1] = []  # it was the name of a group
        elif not part.startswith("("):
            mailboxes[-1].append(part)
    return [found for tokens in mailboxes if (found := "".join(tokens).strip())]
