"""Header fields: names that ignore case, dates, angle brackets (RFC 5322)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime, timezone
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import django

#: Characters of a date that are read.
MAX_DATE_LENGTH = 200
#: Names of zones that mail programs write, besides those of RFC 5322, which email.utils knows.
ZONES = {
    "AEDT": "+1100",
    "AEST": "+1000",
    "BST": "+0100",
    "CEST": "+0200",
    "CET": "+0100",
    "EEST": "+0300",
    "EET": "+0200",
    "HKT": "+0800",
    "IST": "+0530",
    "JST": "+0900",
    "KST": "+0900",
    "MEST": "+0200",
    "MET": "+0100",
    "MEZ": "+0100",
    "MSK": "+0300",
    "NZDT": "+1300",
    "NZST": "+1200",
    "SAST": "+0200",
    "SGT": "+0800",
    "WEST": "+0100",
    "WET": "+0000",
}

_COMMENT = re.compile(r"\([^()]*\)")
_ZONE_OFFSET = re.compile(
    r"(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]{1,9})?)\s*(?:GMT|UTC?|Z)?\s*"
    r"(?P<sign>[+-])(?P<hours>[0-9]{1,2}?):?(?P<minutes>[0-9]{2})?(?![0-9:])",
    re.IGNORECASE,
)
_ZONE_NAME = re.compile(r"(?<=[0-9]\s)([A-Za-z]{3,5})$")
_UNKNOWN_ZONE = re.compile(r"-0000\b")


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
    """A datetime as it appears in a Date header (RFC 5322 section 3.3).

    :param moment: a naive one is taken for UTC, and gets the zone ``-0000``.
    """
    return format_datetime(moment)


def parse_rfc2822date(value: str) -> datetime | None:
    """The datetime in a Date header (RFC 5322 section 3.3).

    Zones are read as they are found in mail: ``+01:00``, ``GMT+1``, ``CET``. A zone that is missing
    or not known is taken for UTC.

    :return: aware, naive for the zone ``-0000``, or None if it cannot be read.
    """
    value = _COMMENT.sub(" ", str(value)[:MAX_DATE_LENGTH])
    value = _ZONE_OFFSET.sub(_offset, value, count=1)
    value = _ZONE_NAME.sub(_named_offset, value.rstrip(" .;"))
    try:
        moment = parsedate_to_datetime(value)
    except (IndexError, OverflowError, TypeError, ValueError):
        return None
    if moment.tzinfo is None and not _UNKNOWN_ZONE.search(value):
        return moment.replace(tzinfo=timezone.utc)
    return moment


def _offset(match: re.Match[str]) -> str:
    hours, minutes = match["hours"].zfill(2), match["minutes"] or "00"
    return f"{match['time']} {match['sign']}{hours}{minutes}"


def _named_offset(match: re.Match[str]) -> str:
    return ZONES.get(match[1].upper(), match[1])


def getfirst(mapping: Mapping[str, Any], keys: list[str], default: Any = ...) -> Any:
    """The value of the first key that is there.

    :param keys: in this order.
    :param default: returned if none is there.
    :raises KeyError: none of the keys is there, and no default is given.
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
