"""The send rate of an account, kept by all workers together without any other service than the
database.

Each group of calls gets a stretch of time of its own, in which the calls are spread. What nobody
used in time is not lost at once: SES grants one second's worth of recipients at any moment (Amazon
SES Developer Guide, "Managing your Amazon SES sending limits").

There are two lines of such stretches, which together are the rate: all messages may use the first,
and only those that are urgent enough for ``OUTBOX_RESERVE`` the second.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Case, F, Min, Q, QuerySet, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone

from .ledger import database, seconds_since_1970
from .models import Pace

#: Seconds' worth of recipients that may go out at once, of the one that SES grants. The rest is
#: margin for calls that overtake each other, and clocks that differ.
BURST = 0.5
#: The same for a single call, after which nothing else may go out for as long as the rest of it
#: takes.
CALL_BURST = 0.8
#: Seconds. Until a turn is as near as that, a call can be cancelled, a crash leaves no doubt about
#: it, and what is more urgent goes first.
AHEAD = 0.25
#: Seconds, and stretches of the largest call. More cannot be given out: another machine's clock was
#: wrong.
HORIZON, LARGEST_CALLS = 120.0, 2 * 50
#: The columns of the two lines.
COMMON, RESERVED = "free_at", "reserve_free_at"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A part of an account's rate.

    :param column: :data:`COMMON` or :data:`RESERVED`.
    :param rate: recipients per second.
    :param whole: those of the account.
    """

    column: str
    rate: float
    whole: float

    @property
    def horizon(self) -> float:
        """Seconds: no more of it than that is given out."""
        return max(HORIZON, LARGEST_CALLS / self.rate)


def lowest_rate() -> float | None:
    """The lowest rate that SES is known to grant an account; None if none is known yet."""
    rows = Pace._default_manager.using(database()).filter(rate__gt=0)
    found: float | None = rows.aggregate(found=Min("rate"))["found"]
    return found


def pace_of(owner: str) -> Pace:
    """The row of an account, which is made if there is none.

    :param owner: whose it is: see :func:`~anymail.amazon_ses.quota.rate_limit_key`.
    """
    row = _rows(owner).first()
    if row is None:
        with transaction.atomic(using=database()):
            paces().bulk_create([Pace(owner=owner)], ignore_conflicts=True)
        row = _rows(owner).get()
    return row


def reserve(owner: str, line: Line, recipients: int, *, limit: float | None = None) -> float | None:
    """Take the next stretch of time, if it is near.

    :param owner: as in :func:`pace_of`; it has a row.
    :param recipients: how many will get mail in that time.
    :param limit: how many there may be in 24 hours, with these; None for no limit.
    :return: seconds until it begins, less than 0 if it has begun already; None if it is not near,
        or the limit is reached.
    """
    now, column = now_in_seconds(), line.column
    is_wrong = Q(**{f"{column}__gt": now + line.horizon})
    is_near = Q(**{f"{column}__lte": now + AHEAD}) | is_wrong
    rows = _rows(owner).filter(is_near)
    if limit is not None:
        rows = rows.filter(sent_today__lte=limit - recipients)
    given_out = Case(
        When(is_wrong, then=Value(now)),
        default=Greatest(F(column), Value(now - BURST)),
    )
    # MySQL takes what is already set for F(): the column of this line comes after the other.
    changes = {
        **_debt(line, recipients, now),
        column: given_out + recipients / line.rate,
        "sent_today": F("sent_today") + recipients,
    }
    with transaction.atomic(using=database()):  # the row is this worker's until it is read
        if not rows.update(**changes):
            return None
        free_at: float = _rows(owner).values_list(column, flat=True)[0]
    return free_at - recipients / line.rate - now


def _debt(line: Line, recipients: int, now: float) -> dict[str, Greatest]:
    """How a call to more than SES grants at once holds up the other line."""
    other = RESERVED if line.column == COMMON else COMMON
    seconds = recipients / line.whole - CALL_BURST
    if seconds <= 0 or line.rate == line.whole:
        return {}
    return {other: Greatest(F(other), Greatest(F(line.column), Value(now)) + seconds)}


def wait(row: Pace, line: Line) -> float:
    """Seconds until the next stretch of a line is near; 0 if it is."""
    free_at: float = getattr(row, line.column)
    seconds = free_at - now_in_seconds() - AHEAD
    return seconds if 0.0 < seconds < line.horizon else 0.0


def slow_down(owner: str, seconds: float) -> None:
    """Give out nothing for a while: SES has refused a call for the rate.

    :param owner: as in :func:`pace_of`.
    """
    now = Value(now_in_seconds())
    later = {column: Greatest(F(column), now) + seconds for column in (COMMON, RESERVED)}
    _rows(owner).update(**later)


def now_in_seconds() -> float:
    """Seconds since 1970."""
    return seconds_since_1970(timezone.now())


def paces() -> QuerySet[Pace]:
    """The rows of all accounts."""
    rows: QuerySet[Pace] = Pace._default_manager.using(database())
    return rows


def _rows(owner: str) -> QuerySet[Pace]:
    rows: QuerySet[Pace] = paces().filter(owner=owner)
    return rows
