"""Events of SES, and answers that come late, prove what became of messages.

Each call has a message tag with the id of the message and the number of the attempt. An event with
that tag, whichever it is and whatever brings it, says that SES accepted the call. That no event
comes says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ..conf import OutboxSettings, current_settings
from .batches.counting import count_again
from .doubles import note_accepted
from .history.steps import note_steps, step
from .ledger import database, entries, recipients
from .logs import OwnLogger
from .models import Entry, State, StepKind
from .outcomes import Result
from .results import OPEN_STATUSES, count_refused, delete_content_files, ended, record_results

logger: OwnLogger = OwnLogger(__name__)


def prove(entry_id: UUID, attempt: int, accepted: Mapping[str, Result]) -> bool:
    """Record that SES has accepted a message for some recipients, even if it has refused a later
    attempt.

    :param entry_id: of the message.
    :param attempt: the one that is proven.
    :param accepted: by address. The empty address is everybody of whom nothing is known, unless the
        message takes several calls.
    :return: whether a batch is to be counted again, for which a worker may have to be woken.
    """
    # Of most messages everything is known, and they were posted once.
    if not entries().filter(pk=entry_id).exclude(state=State.SENT, attempt=1).exists():
        return False
    is_to_be_counted = _end_doubt(entry_id, attempt, accepted)
    note_accepted(entry_id, attempt, accepted)
    return is_to_be_counted


def _end_doubt(entry_id: UUID, attempt: int, accepted: Mapping[str, Result]) -> bool:
    with transaction.atomic(using=database()):
        entry = entries().filter(pk=entry_id).select_for_update().first()
        if entry is None or not entry.sent_again_after < attempt <= entry.attempt:
            return False
        if not _record(entry, accepted) and entry.state == State.SENT:
            return False
        is_to_be_counted = count_again([entry.batch_id], only_finished=True)
        if recipients().filter(entry=entry, status__in=OPEN_STATUSES).exists():
            return is_to_be_counted
        _end(entry, attempt)
    if not _keeps_content():
        delete_content_files(entry)
    logger.info(
        "It is proven that SES has the message %s",
        entry_id,
        extra={
            "anymail_outbox_id": str(entry_id),
            "anymail_message_id": next(iter(accepted.values())).message_id or "",
        },
    )
    return is_to_be_counted


def _record(entry: Entry, accepted: Mapping[str, Result]) -> int:
    """Write for whom SES has accepted a message.

    :return: of how many it was not known.
    """
    changed = record_results(entry, accepted)
    if len(accepted) >= entry.recipients_count or ("" in accepted and not entry.is_split):
        one = next(iter(accepted.values()))
        rest = recipients().filter(entry=entry, status__in=OPEN_STATUSES)
        changes = {
            "status": one.stored_status,
            "error_code": "",
            "message_id": one.message_id or "",
        }
        changed += rest.update(**changes)
    return changed


def _end(entry: Entry, attempt: int) -> None:
    if entry.state not in (State.POSTING, State.SENT):  # nobody has thought anything else
        note_steps([step(str(StepKind.PROVEN), entry.pk, attempt)])
    changes = ended(State.SENT, timezone.now(), keeps_content=_keeps_content())
    entries().filter(pk=entry.pk).update(**changes, refused_count=0)
    count_refused([entry.pk])


def _keeps_content() -> bool:
    return current_settings().get(OutboxSettings).outbox_keep_content > 0
