"""Days of the project's time zone (``TIME_ZONE``): when they begin, and which are over."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.utils import timezone

#: What a process has begun to write before midnight may be committed so much later.
SETTLED = timedelta(minutes=10)
ONE = timedelta(days=1)


def day_of(moment: datetime) -> date:
    """The day of a moment.

    :param moment: aware, or naive with ``USE_TZ = False``, as in columns.
    """
    zone = timezone.get_default_timezone()
    return (moment.astimezone(zone) if timezone.is_aware(moment) else moment).date()


def start_of(day: date) -> datetime:
    """When a day begins, as columns have it: aware, or naive with ``USE_TZ = False``."""
    midnight = datetime.combine(day, time())
    if timezone.is_naive(timezone.now()):
        return midnight
    return midnight.replace(tzinfo=timezone.get_default_timezone())


def last_days(now: datetime, count: int) -> list[date]:
    """Today and the days before it, the oldest first.

    :param now: as for :func:`day_of`.
    :param count: how many.
    """
    today = day_of(now)
    return [today - ONE * ago for ago in reversed(range(count))]


def is_over(day: date, now: datetime) -> bool:
    """Whether nothing more is written about a day.

    :param now: as for :func:`day_of`.
    """
    return now >= start_of(day + ONE) + SETTLED
