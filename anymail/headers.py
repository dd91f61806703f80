"""Header fields: names that ignore case, dates, angle brackets (RFC 5322)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import django


class CaseInsensitiveCasePreservingDict(MutableMapping[str, Any]):
    """Header fields by name: ``h["reply-to"]`` finds ``Reply-To``.

    The spelling that was set first stays.

    :param items: fields: a mapping, or pairs of name and value.
    """

    def __init__(self, items: Any = (), **kwargs: Any) -> None:
        self._fields: dict[str, tuple[str, Any]] = {}
        self.update(items, **kwargs)

    def __setitem__(self, name: str, value: Any) -> None:
        spelling = self._fields.get(name.lower(), (name,))[0]
        self._fields[name.lower()] = (spelling, value)

    def __getitem__(self, name: str) -> Any:
        return self._fields[name.lower()][1]

    def __delitem__(self, name: str) -> None:
        del self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (spelling for spelling, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"

    def copy(self) -> CaseInsensitiveCasePreservingDict:
        """Another one with the same fields."""
        return type(self)(self)


def angle_wrap(text: str) -> str:
    """``<text>``, whether or not it has the brackets already."""
    return f"<{text.removeprefix('<').removesuffix('>')}>"


def rfc2822date(moment: datetime) -> str:
    """A datetime as it stands in a Date header (RFC 5322 section 3.3).

    :param moment: a naive one is taken for UTC, and gets the zone ``-0000``.
    """
    return format_datetime(moment)


def parse_rfc2822date(value: str) -> datetime | None:
    """The datetime in a Date header (RFC 5322 section 3.3).

    :return: aware, naive for the zone ``-0000``, or None if it cannot be read.
    """
    try:
        return parsedate_to_datetime(value)
    except (IndexError, OverflowError, TypeError, ValueError):
        return None


def getfirst(mapping: Mapping[str, Any], keys: list[str], default: Any = ...) -> Any:
    """The value of the first key that is there.

    :param keys: in this order.
    :param default: returned if none is there.
    :raises KeyError: none is there, and there is no default.
    """
    for key in keys:
        if key in mapping:
            return mapping[key]
    if default is ...:
        raise KeyError(keys)
    return default


def check_no_line_break(name: str, value: str) -> None:
    """Refuse what would inject a header.

    :param name: of the header, for the error.
    :raises ValueError: a line break in it (``BadHeaderError`` before Django 6.0).
    """
    if "\n" in value or "\r" in value:
        raise bad_header(f"Header values can't contain newlines: {name!r} does.")


def bad_header(text: str) -> ValueError:
    """The exception that Django itself raises for a bad header, with this text."""
    if django.VERSION >= (6, 0):
        return ValueError(text)
    from django.core.mail import BadHeaderError

    return BadHeaderError(text)
