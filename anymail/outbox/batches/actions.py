"""What people and applications do with batches."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from ...database.columns import storable_text
from ..bells import ring_on_commit
from ..ids import name_digest
from ..ledger import batches, database
from ..logs import OwnLogger
from ..models import NAME_LENGTH, Batch, BatchState
from . import upkeep
from .counting import count

logger: OwnLogger = OwnLogger(__name__)


def get_batch(name: str) -> Batch:
    """See :func:`anymail.outbox.get_batch`."""
    batch: Batch | None = batches().filter(name_digest=name_digest(name)).first()
    if batch is None:
        raise Batch.DoesNotExist(f"The outbox has no batch with the name {name!r}.")
    return batch


def pause_batch(batch: Batch | str, *, reason: str = "", by: str = "code") -> bool:
    """See :func:`anymail.outbox.pause_batch`."""
    found = _found(batch)
    changes = {"reason": storable_text(reason), "by": storable_text(by)[:NAME_LENGTH]}
    rows = batches().filter(pk=found.pk, state=BatchState.RUNNING)
    if not rows.update(state=BatchState.PAUSED, **changes):
        return False
    logger.warning(
        "The batch %s in the outbox pauses: %s",
        found.name,
        reason or f"requested by {by}",
        extra={"anymail_batch": found.name},
    )
    return True


def resume_batch(batch: Batch | str) -> bool:
    """See :func:`anymail.outbox.resume_batch`."""
    found = _found(batch)
    changes: dict[str, Any] = {"state": BatchState.RUNNING, "reason": "", "by": ""}
    rows = batches().filter(pk=found.pk)
    is_over = rows.filter(state=BatchState.PAUSED).update(**changes)
    if not is_over and rows.filter(state=BatchState.STOPPED).exists():
        numbers = count(found.pk)
        is_over = rows.filter(state=BatchState.STOPPED).update(
            **changes,
            forgiven_sent=numbers.sent,
            forgiven_bounced=numbers.bounced,
            forgiven_complained=numbers.complained,
        )
    if is_over:
        logger.warning(
            "The batch %s in the outbox goes on", found.name, extra={"anymail_batch": found.name}
        )
        ring_on_commit(database(), [timezone.now()])
    return bool(is_over)


def cancel_batch(batch: Batch | str) -> int:
    """See :func:`anymail.outbox.cancel_batch`."""
    found = _found(batch)
    # A cancelled one, too, in case that was interrupted.
    rows = batches().exclude(state=BatchState.DONE).filter(pk=found.pk)
    if not rows.update(state=BatchState.CANCELLED, counted_at=None, done_at=None):
        return 0
    cancelled = 0
    while recipients := upkeep.cancel_waiting(found.pk):
        cancelled += recipients
    upkeep.look_after([found.pk])
    logger.warning(
        "The batch %s in the outbox is cancelled: %d recipients do not get it",
        found.name,
        cancelled,
        extra={"anymail_batch": found.name},
    )
    return cancelled


def goes_on(batch: int | None) -> bool:
    """Let a batch run again that may be done, because one of its messages is to be sent again.

    :param batch: its primary key; None if the message is in none.
    :return: False if it was cancelled.
    """
    if batch is None:
        return True
    rows = batches().filter(pk=batch)
    rows.filter(state=BatchState.DONE).update(state=BatchState.RUNNING)
    not_cancelled = rows.exclude(state=BatchState.CANCELLED)
    return bool(not_cancelled.update(counted_at=None, done_at=None))


def _found(batch: Batch | str) -> Batch:
    return get_batch(batch) if isinstance(batch, str) else batch
