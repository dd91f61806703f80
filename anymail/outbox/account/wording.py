"""How numbers are written on the page, in the user's language."""

from __future__ import annotations

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from .figures import Day, Totals

UNKNOWN = "-"

#: The counts and rates of a day, or of several, as people read them.
Words = dict[str, str]


def words(counts: Day | Totals, day: str) -> Words:
    """Everything about a day.

    :param day: its name; for several, how many they are.
    """
    return {
        "day": day,
        "sent": grouped(counts.sent),
        "delivered": grouped(counts.delivered),
        "bounced": grouped(counts.bounced),
        "complained": grouped(counts.complained),
        "bounce_rate": percent(counts.bounce_rate),
        "complaint_rate": percent(counts.complaint_rate),
    }


def words_of_days(days: list[Day]) -> list[Words]:
    """:func:`words` of each, with a date such as ``"30 Nov"``."""
    form = _("j M")
    return [words(day, date_format(day.day, form)) for day in days]


def percent(share: float | None) -> str:
    """``"2.51 %"``, with three digits at most."""
    if share is None:
        return UNKNOWN
    value = share * 100
    places = 1 if value >= 10 else 2 if value >= 1 else 3
    text = f"{value:.{places}f}".rstrip("0").rstrip(".")
    return _("%s\N{NO-BREAK SPACE}%%") % number_format(text)


def grouped(number: int | None) -> str:
    """``"1,000,000"``."""
    return UNKNOWN if number is None else number_format(number, force_grouping=True)


def compact(number: float) -> str:
    """``"250k"``, ``"1.5M"``: what fits beside a plot."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number_format(f'{number / size:g}')}{letter}"
    return f"{number:g}"
