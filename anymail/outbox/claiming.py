"""Claims: which messages a worker takes, and for how long they are its own.

A message belongs to whoever changed its row from WAITING to CLAIMED, until the lease is over. Each
claim raises the number of its attempt, and everything that a worker writes afterwards names that
number. So whoever comes too late changes nothing, whatever the clocks say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from .ledger import batches, database, entries
from .models import BatchState, Entry, State
from .paused_lanes import PausedLanes

#: How many a worker takes at most.
MAX_CLAIM = 50
#: The states of messages that a worker has.
HELD = (State.CLAIMED, State.POSTING)
#: Batches in these states send nothing.
HALTED = (BatchState.PAUSED, BatchState.STOPPED, BatchState.CANCELLED)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a worker asks for.

    :param mailer: messages of this mailer.
    :param size: how many at most.
    :param worker: the name that is written into the rows; no other claim has it.
    :param lease: seconds.
    :param lane: of this lane only; None for all.
    :param without: lanes that are paused.
    :param min_priority: no messages of a lower priority; None for all.
    """

    mailer: str
    size: int
    worker: str
    lease: float
    lane: str | None = None
    without: Collection[str] = ()
    min_priority: int | None = None


def waiting_mailers() -> Iterator[str]:
    """The mailers that have waiting messages, due or not.

    One short query for each: to ask for the distinct ones would read the whole index. From its end,
    for at its beginning is what was sent last, until PostgreSQL vacuums it.
    """
    waiting = entries().filter(state=State.WAITING).order_by("-mailer")
    names = waiting.values_list("mailer", flat=True)
    name = names.first()
    while name is not None:
        yield name
        name = names.filter(mailer__lt=name).first()


def claim(wanted: Wanted, paused: PausedLanes | None = None) -> list[Entry]:
    """Take the most urgent messages that are due.

    :param paused: what this worker knows about paused lanes.
    :return: those that this worker now has, with their content.
    """
    now = timezone.now()
    paused = paused or PausedLanes()
    claimed: list[Entry] = []
    for priority, batch in _queues(wanted, now):
        rows = _due(wanted.mailer, priority, now).filter(batch=batch)
        take = partial(_take, size=wanted.size - len(claimed), wanted=wanted, now=now)
        if batch is None and wanted.lane is not None:
            claimed += take(rows.filter(lane=wanted.lane))
        elif batch is None and wanted.without:
            claimed += paused.take_others(rows, priority, wanted.without, take)
        else:
            claimed += take(rows)
        if len(claimed) >= wanted.size:
            break
    return claimed


def halted_batches(claimed: Iterable[Entry]) -> set[int]:
    """The batches of messages that somebody has paused or cancelled since, or that have stopped.

    :param claimed: if none of them is in a batch, there is no query.
    """
    ids = {entry.batch_id for entry in claimed if entry.batch_id is not None}
    if not ids:
        return set()
    return set(batches().filter(pk__in=ids, state__in=HALTED).values_list("pk", flat=True))


def begin_posting(claimed: Sequence[Entry], *, lease: float) -> set[UUID]:
    """Write down that calls are about to be posted. To be committed before the first of them.

    :param claimed: by this worker, all in the same claim or not.
    :param lease: seconds.
    :return: the ids of those that are still this worker's: others were cancelled or put off, or
        their lease was over. These have the new state.
    """
    now = timezone.now()
    changes = {
        "state": State.POSTING,
        "posted_at": now,
        "lease": now + timedelta(seconds=lease),
    }
    begun: set[UUID] = set()
    for is_split in (False, True):
        for (worker, attempt), ids in _by_claim(claimed, is_split).items():
            # POSTING if the answer to this very query was lost before.
            own = entries().filter(pk__in=ids, worker=worker, attempt=attempt, state__in=HELD)
            begun |= _changed(own, ids, {**changes, "is_split": is_split})
    for entry in claimed:
        if entry.pk in begun:
            entry.state = State.POSTING
    return begun


def give_back(claimed: Sequence[Entry]) -> None:
    """Let others have messages that were claimed, and of which nothing was posted."""
    for (worker, attempt), ids in _by_claim(claimed, None).items():
        # POSTING if the database went away between that and the first call.
        own = entries().filter(pk__in=ids, worker=worker, attempt=attempt, state__in=HELD)
        own.update(state=State.WAITING, lease=None, worker="")


def renew(held: Sequence[Entry], *, lease: float) -> set[UUID]:
    """Keep messages for longer.

    :param lease: seconds from now.
    :return: the ids of those that are still this worker's.
    """
    until = timezone.now() + timedelta(seconds=lease)
    kept: set[UUID] = set()
    for (worker, attempt), ids in _by_claim(held, None).items():
        own = entries().filter(pk__in=ids, worker=worker, attempt=attempt, state__in=HELD)
        kept |= _changed(own, ids, {"lease": until})
    return kept


def _changed(own: QuerySet[Entry], ids: Collection[UUID], changes: dict[str, Any]) -> set[UUID]:
    """Change rows.

    :param own: those of these ids that are to be changed; they still are when they are.
    :return: the ids of those that were changed.
    """
    if own.update(**changes) == len(ids):
        return set(ids)
    return set(own.values_list("pk", flat=True))


def _priorities(wanted: Wanted) -> Iterator[int]:
    """The priorities of waiting messages, the highest first: as in :func:`waiting_mailers`."""
    waiting = entries().filter(state=State.WAITING, mailer=wanted.mailer).order_by("-priority")
    if wanted.min_priority is not None:
        waiting = waiting.filter(priority__gte=wanted.min_priority)
    priorities = waiting.values_list("priority", flat=True)
    priority = priorities.first()
    while priority is not None:
        yield priority
        priority = priorities.filter(priority__lt=priority).first()


def _queues(wanted: Wanted, now: datetime) -> Iterator[tuple[int, int | None]]:
    """The priorities and batches that may have messages, in the order in which they are to be
    taken: of each priority what is in no batch first, then one batch after the other. So what is in
    batches that are paused is not even read, however much it is.
    """
    for priority in _priorities(wanted):
        yield priority, None
        for batch in _batches(wanted, priority, now):
            yield priority, batch


def _batches(wanted: Wanted, priority: int, now: datetime) -> Iterator[int]:
    """The batches that run and have messages that are due, the oldest first.

    One query, however many have only messages for later. Of each batch it reads the first one in
    the index; a join could read all of them.
    """
    waiting = entries().filter(batch=OuterRef("pk"), state=State.WAITING).order_by("not_before")
    running = batches().filter(state=BatchState.RUNNING, mailer=wanted.mailer, priority=priority)
    if wanted.lane is not None:
        running = running.filter(lane=wanted.lane)
    rows = running.exclude(lane__in=wanted.without)
    rows = rows.alias(first=Subquery(waiting.values("not_before")[:1])).filter(first__lte=now)
    yield from rows.order_by("pk").values_list("pk", flat=True)[:MAX_CLAIM]


def _due(mailer: str, priority: int, now: datetime) -> QuerySet[Entry]:
    rows = entries().filter(
        Q(expires_at=None) | Q(expires_at__gt=now),
        state=State.WAITING,
        mailer=mailer,
        priority=priority,
        not_before__lte=now,
    )
    # The order of the index. With the batch, MariaDB would sort all; without it, PostgreSQL.
    batch = [] if connections[database()].vendor == "mysql" else ["batch_id"]
    ordered: QuerySet[Entry] = rows.order_by(*batch, "not_before", "id")
    return ordered


def _take(rows: QuerySet[Entry], size: int, wanted: Wanted, now: datetime) -> list[Entry]:
    until = now + timedelta(seconds=wanted.lease)
    changes = {"state": State.CLAIMED, "worker": wanted.worker, "lease": until}
    if connections[database()].features.has_select_for_update_skip_locked:
        return _take_locked(rows, size, changes)
    return _take_by_comparison(rows, size, changes)


def _take_locked(rows: QuerySet[Entry], size: int, changes: dict[str, object]) -> list[Entry]:
    with transaction.atomic(using=database()):
        found = list(rows.select_for_update(skip_locked=True)[:size])
        if found:
            ids = [entry.pk for entry in found]
            entries().filter(pk__in=ids).update(**changes, attempt=F("attempt") + 1)
    for entry in found:
        entry.attempt += 1
        for name, value in changes.items():
            setattr(entry, name, value)
    return found


def _take_by_comparison(
    rows: QuerySet[Entry], size: int, changes: dict[str, object]
) -> list[Entry]:
    """For databases that cannot skip locked rows: SQLite, and MariaDB before 10.6."""
    ids = list(rows.values_list("pk", flat=True)[:size])
    # The same conditions again: meanwhile one may have been taken, or put off.
    mine = rows.order_by().filter(pk__in=ids)
    if not ids or not mine.update(**changes, attempt=F("attempt") + 1):
        return []
    taken = entries().filter(pk__in=ids, state=State.CLAIMED, worker=changes["worker"])
    return list(taken.order_by("not_before", "id"))


def _by_claim(claimed: Sequence[Entry], is_split: bool | None) -> dict[tuple[str, int], list[UUID]]:
    """The ids of messages by what their rows have in common.

    :param is_split: only those that are split, or only the others; None for all.
    """
    found: dict[tuple[str, int], list[UUID]] = {}
    for entry in claimed:
        if is_split is None or entry.is_split is is_split:
            found.setdefault((entry.worker, entry.attempt), []).append(entry.pk)
    return found
