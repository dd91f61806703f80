"""Counts of days -> rates and sums. Pure.

Amazon recommends to keep bounces below 5 % and complaints below 0.1 %, reviews accounts above, and
may pause them from 10 % and 0.5 % on. Source: Amazon SES Developer Guide, "Amazon SES Sending
review process FAQs".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

BOUNCE_LIMIT, COMPLAINT_LIMIT = 0.05, 0.001
#: Days whose sums make a rate: a single complaint among few messages is none.
WINDOW = 7


@dataclass(frozen=True, kw_only=True)
class Day:
    """The counts of a day; None for what is not counted yet.

    :param sent: recipients for whom SES has accepted a message.
    :param bounced: for good.
    :param is_over: False while more may come.
    """

    day: date
    sent: int | None = None
    delivered: int | None = None
    bounced: int | None = None
    complained: int | None = None
    is_over: bool = True

    @property
    def bounce_rate(self) -> float | None:
        """The share of recipients that bounced; None if nothing was sent."""
        return rate(self.bounced, self.sent)

    @property
    def complaint_rate(self) -> float | None:
        """The share of recipients that complained; None if nothing was sent."""
        return rate(self.complained, self.sent)


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The sums of some days, of those that are counted."""

    sent: int
    delivered: int
    bounced: int
    complained: int

    @property
    def bounce_rate(self) -> float | None:
        """As :attr:`Day.bounce_rate`."""
        return rate(self.bounced, self.sent)

    @property
    def complaint_rate(self) -> float | None:
        """As :attr:`Day.complaint_rate`."""
        return rate(self.complained, self.sent)


def rate(count: int | None, sent: int | None) -> float | None:
    """A share; None if it is not known."""
    return count / sent if count is not None and sent else None


def totals(days: Sequence[Day]) -> Totals:
    """The sums of days."""
    return Totals(
        sent=sum(day.sent or 0 for day in days),
        delivered=sum(day.delivered or 0 for day in days),
        bounced=sum(day.bounced or 0 for day in days),
        complained=sum(day.complained or 0 for day in days),
    )


def days_from(
    days: Sequence[date],
    kept: Mapping[tuple[date, str], int],
    live: Mapping[date, Mapping[str, int]],
) -> list[Day]:
    """The counts of days.

    :param days: which, the oldest first.
    :param kept: counts of days that are over, by day and kind.
    :param live: counts of the others, by kind.
    """
    return [_day(day, kept, live.get(day)) for day in days]


def weekly(days: Sequence[Day]) -> list[Totals | None]:
    """For each day the sums of the :data:`WINDOW` days that end with it; None if one of them is not
    counted."""
    windows = [days[max(end - WINDOW, 0) : end] for end in range(1, len(days) + 1)]
    return [totals(window) if all(map(_is_counted, window)) else None for window in windows]


def _day(day: date, kept: Mapping[tuple[date, str], int], live: Mapping[str, int] | None) -> Day:
    def count(kind: str) -> int | None:
        return kept.get((day, kind)) if live is None else live.get(kind)

    return Day(
        day=day,
        sent=count("sent"),
        delivered=count("delivered"),
        bounced=count("bounced"),
        complained=count("complained"),
        is_over=live is None,
    )


def _is_counted(day: Day) -> bool:
    return None not in (day.sent, day.delivered, day.bounced, day.complained)
