"""What time does to messages: leases end, messages expire, doubts are over.

Every worker does this about once a second. Rows that another one has locked are left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from .batches.counting import count_again
from .counts import Counts
from .history.steps import note_steps, step
from .ledger import database, entries, recipients
from .logs import OwnLogger
from .models import Entry, State, Step, StepKind
from .outcomes import retry_pause
from .recording import DOUBT_GRACE
from .results import delete_content_files

logger: OwnLogger = OwnLogger(__name__)

#: How many rows are changed at once.
MAX_ROWS = 500
WORKERS_DIED = (
    "Again and again, a worker that had claimed this message died before it posted it: perhaps the "
    "message is too large for its memory. Mend that, and send it again."
)
LEASE_OVER = "LeaseOver"
LOST_WORKER = (
    "The worker that posted this message has not written down SES's answer: it died, or the "
    "database was away. If SES has the message, an event will say so."
)


def reap(*, lease: float, max_attempts: int) -> Counts:
    """Take from dead workers what they had, and end what is over.

    :param lease: seconds; the length of a lease, to tell those that a wrong clock has written.
    :param max_attempts: how many attempts may fail before a doubt is not resent any more.
    """
    now = timezone.now()
    over = Q(lease__lte=now) | Q(lease__gt=now + timedelta(seconds=3 * lease + DOUBT_GRACE))
    release = partial(_release, now=now, max_attempts=max_attempts)
    _change(entries().filter(over, state=State.CLAIMED), release)
    doubts = _change(entries().filter(over, state=State.POSTING), partial(_doubt, now=now))
    resend = Q(on_doubt="resend", failures__lt=max_attempts)
    _change(entries().filter(over & resend, state=State.IN_DOUBT), _resend)
    late = entries().filter(state=State.WAITING, expires_at__lte=now)
    expired = _change(late, partial(_expire, now=now))
    return Counts(in_doubt=doubts, expired=expired)


def delete_old_content(before: datetime, since: datetime | None) -> int:
    """Delete the content of some messages that were sent before a time.

    :param since: those that were sent before that have been looked at; None if nobody has.
    :return: of how many; less than :data:`MAX_ROWS` if there are no more.
    """
    sent = entries().filter(state=State.SENT, done_at__lt=before, content__isnull=False)
    if since is not None:
        sent = sent.filter(done_at__gte=since)
    with transaction.atomic(using=database()):
        found = list(_unlocked(sent.order_by("done_at"))[:MAX_ROWS])
        # Those that are sent again in the meantime need it.
        rows = entries().filter(pk__in=[entry.pk for entry in found], state=State.SENT)
        rows.update(content=None)
    for entry in found:
        delete_content_files(entry)
    return len(found)


def _change(rows: QuerySet[Entry], change: Callable[[QuerySet[Entry], list[Entry]], None]) -> int:
    """Change some rows that nobody else is changing.

    :param change: is given a queryset of them, and the rows without their content.
    :return: how many.
    """
    with transaction.atomic(using=database()):
        found = list(_unlocked(rows).defer("content")[:MAX_ROWS])
        if found:
            change(entries().filter(pk__in=[entry.pk for entry in found]), found)
    return len(found)


def _unlocked(rows: QuerySet[Entry]) -> QuerySet[Entry]:
    """Those that nobody else has locked, then locked; all where a database cannot tell."""
    if connections[database()].features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    return rows


def _release(
    rows: QuerySet[Entry], found: list[Entry], *, now: datetime, max_attempts: int
) -> None:
    """Let others have what a dead worker had claimed.

    A message may be what kills them, by its size for example. So it waits longer each time, apart
    from those that were claimed with it, and fails in the end.
    """
    rows = rows.filter(state=State.CLAIMED)
    freed: dict[str, Any] = {"lease": None, "worker": "", "deaths": F("deaths") + 1}
    steps: list[Step] = []
    for entry in found:
        end = _killed_by(entry, now) if entry.deaths >= max_attempts - 1 else None
        steps.append(_death(entry, end))
        if end is not None:
            rows.filter(pk=entry.pk).update(**freed, **end)
        elif entry.deaths:
            later = now + timedelta(seconds=retry_pause(entry.deaths))
            rows.filter(pk=entry.pk).update(state=State.WAITING, not_before=later, **freed)
    rows.update(state=State.WAITING, **freed)
    note_steps(steps)


def _death(entry: Entry, end: Mapping[str, Any] | None) -> Step:
    if end is None:
        return step(str(StepKind.WORKER_DIED), entry.pk, entry.attempt)
    kind = str(StepKind.IN_DOUBT if end["state"] == State.IN_DOUBT else StepKind.WORKER_DIED)
    return step(kind, entry.pk, entry.attempt, code=end["error_code"], text=end["error"])


def _killed_by(entry: Entry, now: datetime) -> dict[str, Any]:
    """The end of a message that has killed too many workers."""
    is_in_doubt = recipients().filter(entry=entry, status="unknown").exists()
    end = {"state": State.IN_DOUBT} if is_in_doubt else {"state": State.FAILED, "done_at": now}
    return {**end, "error_code": "WorkersDied", "error": WORKERS_DIED}


def _doubt(rows: QuerySet[Entry], found: list[Entry], *, now: datetime) -> None:
    rows = rows.filter(state=State.POSTING)
    split = [entry for entry in found if entry.is_split]
    # Of these it is known which calls had begun. The others can go out.
    unposted = recipients().filter(entry__in=split, status="")
    waiting = set(unposted.values_list("entry", flat=True))
    changes: dict[str, Any] = {"worker": "", "error_code": LEASE_OVER, "error": LOST_WORKER}
    rows.filter(pk__in=waiting).update(state=State.WAITING, lease=None, **changes)
    grace = now + timedelta(seconds=DOUBT_GRACE)
    rows.filter(on_doubt="hold").update(state=State.IN_DOUBT, lease=None, **changes)
    rows.update(state=State.IN_DOUBT, lease=grace, **changes)
    whole = [entry for entry in found if not entry.is_split]
    recipients().filter(entry__in=whole, status="").update(status="unknown")
    note_steps([_lost(entry, is_waiting=entry.pk in waiting) for entry in found])
    for entry in found:
        logger.warning(
            "The message %s in the outbox is in doubt: its worker %s does not answer",
            entry.pk,
            entry.worker,
            extra={"anymail_outbox_id": str(entry.pk)},
        )


def _lost(entry: Entry, *, is_waiting: bool) -> Step:
    kind = str(StepKind.WORKER_DIED if is_waiting else StepKind.IN_DOUBT)
    return step(kind, entry.pk, entry.attempt, code=LEASE_OVER, text=LOST_WORKER)


def _resend(rows: QuerySet[Entry], found: list[Entry]) -> None:
    rows.filter(state=State.IN_DOUBT).update(
        state=State.WAITING, lease=None, failures=F("failures") + 1
    )
    recipients().filter(entry__in=found, status="unknown").update(status="")
    note_steps([step(str(StepKind.RELEASED), entry.pk, entry.attempt) for entry in found])
    count_again({entry.batch_id for entry in found}, only_finished=True)


def _expire(rows: QuerySet[Entry], found: list[Entry], *, now: datetime) -> None:
    rows.filter(state=State.WAITING).update(state=State.EXPIRED, done_at=now)
