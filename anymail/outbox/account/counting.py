"""How much was sent, delivered, bounced and complained on a day.

A day that is over is counted once, one kind at a time, and kept: rows are pruned, and a page does
not wait for millions of them. Whoever comes first counts it: a worker, ``anymail_prune`` before it
deletes, or the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.db import router
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from ...signals import EventType
from ..ledger import database, entries, events
from ..models import DailyCount, State
from .days import ONE, is_over, last_days, start_of
from .remembering import keep, recall

KINDS = ("sent", "delivered", "bounced", "complained")
#: How many days are counted and shown at most.
MAX_DAYS = 90
#: Seconds for which the numbers of a day that goes on are kept.
LIVE_LIFETIME = 60

#: Counts what happened from a moment until another.
Counter = Callable[[datetime, datetime], int]
#: A day and a kind.
Cell = tuple[date, str]


def missing(days: Sequence[date], now: datetime) -> list[Cell]:
    """What of days that are over is not counted yet, the newest first.

    :param days: the oldest first.
    :param now: as in :mod:`.days`.
    """
    known = kept(days)
    over = [day for day in reversed(days) if is_over(day, now)]
    return [(day, kind) for day in over for kind in KINDS if (day, kind) not in known]


def kept(days: Sequence[date]) -> dict[Cell, int]:
    """The counts of days that are over, as far as there are any.

    :param days: without gaps, the oldest first.
    """
    rows = _rows().filter(day__gte=days[0], day__lte=days[-1])
    return {(day, kind): count for day, kind, count in rows.values_list("day", "kind", "count")}


def count_for_good(day: date, kind: str) -> None:
    """Count a kind on a day that is over, unless somebody else has."""
    if not _rows().filter(day=day, kind=kind).exists():
        row = DailyCount(day=day, kind=kind, count=_count(day, kind))
        _rows().bulk_create([row], ignore_conflicts=True)


def count_missing(seconds: float | None = None) -> bool:
    """Count what is missing, for some time at most.

    :param seconds: None for as long as it takes.
    :return: whether all is counted.
    """
    ends_at = None if seconds is None else time.monotonic() + seconds
    now = timezone.now()
    for cell in missing(last_days(now, MAX_DAYS), now):
        if ends_at is not None and time.monotonic() >= ends_at:
            return False
        count_for_good(*cell)
    return True


def live(day: date) -> Mapping[str, int]:
    """The counts of a day that goes on, by kind; they are up to a minute old."""
    name = f"day {day.isoformat()}"
    found = recall(name)
    if not isinstance(found, dict) or found.keys() != set(KINDS):
        found = {kind: _count(day, kind) for kind in KINDS}
        keep(name, found, LIVE_LIFETIME)
    return found


def _count(day: date, kind: str) -> int:
    return _counters()[kind](start_of(day), start_of(day + ONE))


def _counters() -> Mapping[str, Counter]:
    has_feedback = apps.is_installed("anymail.feedback")
    return {"sent": _sent, **(IN_FEEDBACK if has_feedback else IN_EVENTS)}


def _rows() -> QuerySet[DailyCount]:
    rows: QuerySet[DailyCount] = DailyCount._default_manager.using(database())
    return rows


def _sent(start: datetime, end: datetime) -> int:
    """Recipients for whom SES has accepted a message."""
    rows = entries().filter(done_at__gte=start, done_at__lt=end)
    # Not a condition of the rows: without statistics, PostgreSQL reads the index of states as well.
    is_sent = Q(state=State.SENT)
    found = rows.aggregate(
        all=Sum("recipients_count", filter=is_sent), refused=Sum("refused_count", filter=is_sent)
    )
    return max((found["all"] or 0) - (found["refused"] or 0), 0)


def _in_feedback(model: str, start: datetime, end: datetime) -> QuerySet[Any]:
    found: Any = apps.get_model("anymail_feedback", model)
    rows = found._default_manager.using(router.db_for_write(found))
    of_day: QuerySet[Any] = rows.filter(created_at__gte=start, created_at__lt=end).order_by()
    return of_day


def _in_events(event_type: str, start: datetime, end: datetime) -> QuerySet[Any]:
    rows = events().filter(event_type=event_type)
    of_day: QuerySet[Any] = rows.filter(created_at__gte=start, created_at__lt=end)
    return of_day


def _distinct(rows: QuerySet[Any], column: str) -> int:
    """SES names everybody who may have complained: together they are one complaint."""
    found: int = rows.values(column).distinct().count()
    return found


#: Only bounces for good count for Amazon (Amazon SES Developer Guide, "Amazon SES Sending review
#: process FAQs").
IN_FEEDBACK: Mapping[str, Counter] = {
    "delivered": lambda start, end: _in_feedback("Delivery", start, end).count(),
    "bounced": lambda start, end: _in_feedback("Bounce", start, end).filter(hard=True).count(),
    "complained": lambda start, end: _distinct(
        _in_feedback("Complaint", start, end), "sns_messageid"
    ),
}
IN_EVENTS: Mapping[str, Counter] = {
    "delivered": lambda start, end: _in_events(EventType.DELIVERED, start, end).count(),
    "bounced": lambda start, end: (
        _in_events(EventType.BOUNCED, start, end)
        .filter(document__bounce__bounceType="Permanent")
        .count()
    ),
    "complained": lambda start, end: _distinct(
        _in_events(EventType.COMPLAINED, start, end), "message_id"
    ),
}
