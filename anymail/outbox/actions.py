"""What people and applications do with messages in the outbox."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ..attributes.outbox import moment_of
from ..conf import OutboxSettings, current_settings
from . import pausing
from .batches.actions import goes_on as batch_goes_on
from .batches.counting import count_again
from .bells import ring_on_commit
from .history.steps import note_steps, step
from .ledger import database, entries, recipients, storable, with_content
from .models import INVALID_ADDRESS, Entry, Recipient, State, StepKind
from .results import ACCEPTED_STATUSES, count_refused, delete_content_files, ended

#: States that :func:`send_again` goes on from.
OVER = (State.SENT, State.FAILED, State.EXPIRED, State.CANCELLED)


def cancel(entry_id: UUID, by: str = "") -> bool:
    """See :func:`anymail.outbox.cancel`."""
    with transaction.atomic(using=database()):
        rows = entries().filter(pk=entry_id, state__in=(State.WAITING, State.CLAIMED))
        changes = {"state": State.CANCELLED, "done_at": timezone.now()}
        if not rows.update(**changes, lease=None, worker=""):
            return False
        _note(str(StepKind.CANCELLED), entry_id, by)
    return True


def reschedule(entry_id: UUID, when: datetime | date | float, by: str = "") -> bool:
    """See :func:`anymail.outbox.reschedule`."""
    rows = entries().filter(pk=entry_id, state__in=(State.WAITING, State.CLAIMED))
    moment = storable(moment_of(when, "when"))
    with transaction.atomic(using=database()):
        if not rows.update(state=State.WAITING, not_before=moment, lease=None, worker=""):
            return False
        _note(str(StepKind.RESCHEDULED), entry_id, by, moment.isoformat(" ", "seconds"))
    ring_on_commit(database(), [moment])
    return True


def send_again(entry_id: UUID, by: str = "") -> bool:
    """See :func:`anymail.outbox.send_again`."""
    with transaction.atomic(using=database()):
        rows = with_content(entries().filter(pk=entry_id, state__in=OVER))
        entry = rows.select_for_update().defer("content").first()
        if entry is None or not batch_goes_on(entry.batch_id):
            return False
        rows = recipients().filter(entry=entry).exclude(error_code=INVALID_ADDRESS)
        others = rows.exclude(status__in=(*ACCEPTED_STATUSES, "unknown"))
        if others.exists():
            _wait_again(entry, others)
        else:
            # What SES has accepted until now is no mistake beside what it accepts from now on.
            _wait_again(entry, rows, sent_again_after=entry.attempt)
        _note(str(StepKind.SENT_AGAIN), entry_id, by)
    return True


def release(entry_id: UUID, by: str = "") -> bool:
    """See :func:`anymail.outbox.release`."""
    with transaction.atomic(using=database()):
        rows = with_content(entries().filter(pk=entry_id, state=State.IN_DOUBT))
        entry = rows.select_for_update().defer("content").first()
        if entry is None or not batch_goes_on(entry.batch_id):
            return False
        _wait_again(entry, recipients().filter(entry=entry, status="unknown"))
        _note(str(StepKind.RELEASED), entry_id, by)
    return True


def mark_sent(entry_id: UUID, by: str = "") -> bool:
    """See :func:`anymail.outbox.mark_sent`."""
    with transaction.atomic(using=database()):
        rows = entries().filter(pk=entry_id, state=State.IN_DOUBT)
        entry = rows.select_for_update().first()
        keeps = current_settings().get(OutboxSettings).outbox_keep_content > 0
        changes = ended(State.SENT, timezone.now(), keeps_content=keeps)
        if entry is None or not rows.update(**changes):
            return False
        rows_in_doubt = recipients().filter(entry=entry_id, status="unknown")
        rows_in_doubt.update(status="sent", message_id="")
        count_refused([entry_id])
        _note(str(StepKind.MARKED_SENT), entry_id, by)
        if count_again([entry.batch_id]):
            ring_on_commit(database(), [timezone.now()])
    if not keeps:
        delete_content_files(entry)
    return True


def resume(mailer: str | None, lane: str) -> bool:
    """See :func:`anymail.outbox.resume`."""
    paused = pausing.paused_mailers(lane) if mailer is None else [mailer]
    over = [pausing.resume(name, lane) for name in paused]
    if any(over):
        ring_on_commit(database(), [timezone.now()])
    return any(over)


def _note(kind: str, entry_id: UUID, by: str, text: str = "") -> None:
    attempt = entries().values_list("attempt", flat=True).get(pk=entry_id)
    note_steps([step(kind, entry_id, attempt, text=text, by=by)])


def _wait_again(entry: Entry, rows: QuerySet[Recipient], **changes: Any) -> None:
    """Let a message wait as if it were new.

    :param rows: the recipients that are to get it.
    :param changes: of other columns.
    """
    now = timezone.now()
    is_late = entry.expires_at is not None and entry.expires_at <= now
    entries().filter(pk=entry.pk).update(
        state=State.WAITING,
        not_before=now,
        expires_at=None if is_late else entry.expires_at,
        failures=0,
        refused_count=0,
        deaths=0,
        done_at=None,
        lease=None,
        worker="",
        error_code="",
        error="",
        scope="",
        **changes,
    )
    # The message id stays until there is another: events about it say nothing about this time.
    rows.update(status="", error_code="")
    ring_on_commit(database(), [now])
