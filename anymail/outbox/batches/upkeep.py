"""What time does to batches: they are counted, they stop themselves, and they come to an end.

Every worker does this about once a second; of each batch, one at a time.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from ...conf import OutboxSettings, current_settings
from ..ledger import batches, database, entries, recipients
from ..logs import OwnLogger
from ..models import Batch, BatchState, State
from ..signals import batch_done, batch_stopped
from .counting import Numbers, count
from .fuse import why_to_stop

logger: OwnLogger = OwnLogger(__name__)

#: Seconds between two counts of a batch: at least, and for each of its messages. To count takes a
#: twentieth of that or less.
INTERVAL, INTERVAL_PER_MESSAGE = 2.0, 40e-6
#: States that something follows, or that have to be counted until nothing does.
NOT_DONE = (BatchState.RUNNING, BatchState.PAUSED, BatchState.STOPPED, BatchState.CANCELLED)
#: How many messages are cancelled at once: old versions of SQLite take 999 parameters.
MAX_ROWS = 900


def look_after(only: Collection[int] | None = None) -> None:
    """Count the batches that are due.

    :param only: these at once, due or not; None for all that are due.
    """
    rows = _due() if only is None else batches().filter(pk__in=only)
    for batch in rows.defer("content"):
        if only is not None or _is_due(batch):
            settle(batch)


def settle(batch: Batch) -> None:
    """Count a batch, and write down what follows from that.

    :param batch: its row as it was read. If it has been counted since, nothing is done.
    """
    now = timezone.now()
    if not _change(batch, Q(counted_at=batch.counted_at), counted_at=now):
        return
    if batch.state == BatchState.CANCELLED:
        cancel_waiting(batch.pk)
    numbers = count(batch.pk)
    # Whoever has changed something since wants it counted again.
    unchanged = Q(counted_at=now, chunks=batch.chunks)
    if numbers.messages >= batch.chunks:  # of those that were deleted since, the old numbers stay
        _change(batch, Q(counted_at=now) | Q(counted_at=None), **numbers.columns)
    is_stored = batch.stored_at is not None or batch.state == BatchState.CANCELLED
    if is_stored and not numbers.unfinished:
        _end(batch, numbers, unchanged)
    elif batch.state == BatchState.DONE:
        _change(batch, Q(state=BatchState.DONE), state=BatchState.RUNNING, done_at=None)
    elif batch.state == BatchState.RUNNING:
        _stop_if_harmful(batch, numbers)


def cancel_waiting(batch: int) -> int:
    """Cancel messages of a batch that are not about to be posted.

    :param batch: its primary key.
    :return: how many recipients do not get them; 0 if there are no more, or workers are busy with
        them.
    """
    waiting = entries().filter(batch=batch, state__in=(State.WAITING, State.CLAIMED))
    with transaction.atomic(using=database()):
        rows = waiting.order_by("pk")
        if connections[database()].features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        found = dict(rows.values_list("pk", "recipients_count")[:MAX_ROWS])
        changes = {"state": State.CANCELLED, "done_at": timezone.now(), "lease": None, "worker": ""}
        waiting.filter(pk__in=list(found)).update(**changes)
        # A call that SES has refused for the rate may have reached some before that.
        tried = recipients().filter(entry__in=list(found), entry__attempt__gt=0)
        reached: int = tried.filter(status__in=("queued", "sent")).count()
    return sum(found.values()) - reached


def _due() -> QuerySet[Batch]:
    """Those that may be due."""
    before = timezone.now() - timedelta(seconds=INTERVAL)
    late = Q(counted_at__lte=before, state__in=NOT_DONE, done_at=None)
    # Written by a machine with a wrong clock.
    wrong = Q(counted_at__gt=timezone.now() + timedelta(days=1), done_at=None)
    rows: QuerySet[Batch] = batches().filter(Q(counted_at=None) | late | wrong)
    return rows


def _is_due(batch: Batch) -> bool:
    if batch.counted_at is None:
        return True
    seconds = max(INTERVAL, INTERVAL_PER_MESSAGE * batch.chunks)
    return abs((timezone.now() - batch.counted_at).total_seconds()) >= seconds


def _change(batch: Batch, condition: Q, **changes: Any) -> bool:
    """Change the row of a batch, if a condition holds and nobody has locked it: ``send_many()`` may
    keep it for as long as the transaction around it takes.

    :return: whether it was changed.
    """
    rows = batches().filter(condition, pk=batch.pk)
    if not connections[database()].features.has_select_for_update_skip_locked:
        return bool(rows.update(**changes))
    with transaction.atomic(using=database()):
        is_free = rows.select_for_update(skip_locked=True).values_list("pk").first() is not None
        return is_free and bool(rows.update(**changes))


def _end(batch: Batch, numbers: Numbers, unchanged: Q) -> None:
    """End a batch of which nothing is on its way any more."""
    now = timezone.now()
    if batch.state == BatchState.CANCELLED:
        _change(batch, unchanged & Q(done_at=None), done_at=now)
        return
    running = Q(state__in=(BatchState.RUNNING, BatchState.PAUSED, BatchState.STOPPED))
    if not _change(batch, unchanged & running, state=BatchState.DONE, done_at=now):
        return
    logger.info(
        "The batch %s in the outbox is done: %d sent, %d failed, %d in doubt, %d expired",
        batch.name,
        numbers.sent,
        numbers.failed,
        numbers.in_doubt,
        numbers.expired,
        extra={"anymail_batch": batch.name},
    )
    batch_done.send_robust(Batch, batch=batches().get(pk=batch.pk))


def _stop_if_harmful(batch: Batch, numbers: Numbers) -> None:
    why = why_to_stop(batch, numbers, current_settings().get(OutboxSettings))
    running = Q(state=BatchState.RUNNING, forgiven_sent=batch.forgiven_sent)
    if not why or not _change(batch, running, state=BatchState.STOPPED, reason=why, by=""):
        return
    logger.warning(
        "The batch %s in the outbox stops itself: %s",
        batch.name,
        why,
        extra={"anymail_batch": batch.name},
    )
    batch_stopped.send_robust(Batch, batch=batches().get(pk=batch.pk))
