"""Writes down whom calls are about, and what became of messages after an attempt."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from ..calls import ApiCall
from ..database.columns import address_key
from . import pausing
from .batches.counting import count_again
from .claiming import HELD
from .doubles import note_accepted
from .history.steps import note_steps, step, steps_of
from .ledger import database, entries, recipients
from .logs import OwnLogger
from .models import Entry, State, Step, StepKind
from .outcomes import Outcome, Result, Verdict
from .posting import Sending, refused_results
from .proof import prove
from .results import (
    ENDS,
    OPEN_STATUSES,
    by_value,
    count_refused,
    delete_content_files,
    ended,
    record_results,
)

logger: OwnLogger = OwnLogger(__name__)

#: States in which a posted message can be when its answer comes: late, perhaps, and after somebody
#: else has given it up. Its attempt still says that the answer is about it.
OPEN_STATES = (State.POSTING, State.IN_DOUBT, State.WAITING)
#: Seconds for which a doubt is left alone before a message with ``on_doubt="resend"`` is sent
#: again: events come after a second or two.
DOUBT_GRACE = 30.0


def note_recipients(sending: Sending, call: ApiCall) -> None:
    """Note who is left out, and whom a call of a split message is about, before it is posted:
    should the worker die, the events of SES are compared with that.

    Nothing if the call must not be posted any more: then the recipients are another worker's.
    """
    if call.cancelled.is_set():
        return
    if not sending.answers:
        if refused := refused_results(sending):
            record_results(sending.entry, refused)
        _note_left_out(sending)
    if sending.entry.is_split:
        keys = [address_key(recipient.addr_spec) for recipient in call.recipients]
        rows = recipients().filter(entry=sending.entry, address_key__in=keys, status="")
        rows.update(status="unknown")


def record(outcomes: Sequence[tuple[Entry, Outcome]], *, keeps_content: bool) -> None:
    """Write outcomes, all or none of them.

    :param outcomes: each with the message as it was claimed.
    :param keeps_content: whether the content of sent messages stays for now.
    """
    now = timezone.now()
    plain = [(entry, outcome) for entry, outcome in outcomes if _is_plain(entry, outcome)]
    others = [(entry, outcome) for entry, outcome in outcomes if not _is_plain(entry, outcome)]
    with transaction.atomic(using=database()):
        late = _record_sent(plain, now, keeps_content=keeps_content)
        steps: list[Step] = []
        for entry, outcome in others:
            made = _record_one(entry, outcome, now, keeps_content=keeps_content)
            if made is None:
                late.add(_attempt_of(entry))
            steps += made or []
        note_steps(steps)
        count_refused([entry.pk for entry, outcome in outcomes if _has_refused(entry, outcome)])
        count_again({entry.batch_id for entry, _ in outcomes}, only_finished=True)
    if not keeps_content:
        for entry, outcome in outcomes:
            if outcome.state == State.SENT and _attempt_of(entry) not in late:
                delete_content_files(entry)
    for entry, outcome in others:
        _log(entry, outcome)
    for entry, outcome in outcomes:
        _note_accepted(entry, outcome.results, is_late=_attempt_of(entry) in late)


def record_answers(entry: Entry, results: Mapping[str, Result]) -> None:
    """Write what became of some recipients of a message that takes several calls.

    :param entry: as it was claimed. If it was claimed again since, only what was accepted counts.
    """
    with transaction.atomic(using=database()):
        row = _of_attempt(entry.attempt).filter(pk=entry.pk).select_for_update()
        is_current = row.values_list("pk").first() is not None
        if is_current:
            record_results(entry, results)
    _note_accepted(entry, results, is_late=not is_current)


def _note_accepted(entry: Entry, results: Mapping[str, Result], *, is_late: bool) -> None:
    """Have what SES has accepted count, if the answer is late, and tell if somebody has got the
    message twice.
    """
    accepted = {
        address: result for address, result in results.items() if result.verdict is Verdict.ACCEPTED
    }
    if not is_late:
        if entry.attempt > 1:
            note_accepted(entry.pk, entry.attempt, accepted)
    elif accepted:
        if not entry.is_split and len(accepted) == len(results):  # also those in cc and bcc
            accepted[""] = next(iter(accepted.values()))
        prove(entry.pk, entry.attempt, accepted)


def end(entry: Entry, state: str, *, code: str = "", error: str = "") -> bool:
    """End a claimed message that was not posted.

    :return: False if somebody else has done something with it.
    """
    own = entries().filter(pk=entry.pk, attempt=entry.attempt, state=State.CLAIMED)
    changes = {"lease": None, "worker": "", "error_code": code, "error": error}
    return bool(own.update(state=state, done_at=timezone.now(), **changes))


def _has_refused(entry: Entry, outcome: Outcome) -> bool:
    """Whether a message may have come to an end without reaching everybody."""
    verdicts = [result.verdict for result in outcome.results.values()]
    return outcome.state in ENDS and verdicts.count(Verdict.ACCEPTED) < entry.recipients_count


def _note_left_out(sending: Sending) -> None:
    """Note whom a receiver of ``pre_send`` has taken out of the message."""
    to = {address_key(one.addr_spec) for call in sending.calls for one in call.recipients}
    copies = sending.calls[0].copies
    if len(to) + copies >= sending.entry.recipients_count:
        return
    rows = recipients().filter(entry=sending.entry, status="").exclude(address_key__in=to)
    if copies:  # they go to cc and bcc, who are not recipients of the call
        rows = rows.filter(kind="to")
    rows.update(status="rejected", error_code="LeftOut")


def _is_plain(entry: Entry, outcome: Outcome) -> bool:
    """Whether one call was accepted for all recipients, as it nearly always is."""
    if outcome.state != State.SENT or entry.is_split:
        return False
    return len({(r.message_id, r.stored_status) for r in outcome.results.values()}) == 1


def _record_sent(
    sent: Sequence[tuple[Entry, Outcome]], now: datetime, *, keeps_content: bool
) -> set[tuple[UUID, int]]:
    """Write down those of which all is well.

    :return: the attempts of which the answer is late.
    """
    late: set[tuple[UUID, int]] = set()
    by_attempt: dict[int, list[UUID]] = {}
    for entry, _ in sent:
        by_attempt.setdefault(entry.attempt, []).append(entry.pk)
    for attempt, ids in by_attempt.items():
        own = _of_attempt(attempt).filter(pk__in=ids)
        changes = ended(State.SENT, now, keeps_content=keeps_content)
        if own.filter(state__in=HELD).update(**changes) < len(ids):
            late |= {(pk, attempt) for pk in _record_late(own, set(ids), attempt, changes)}
    first = {
        entry.pk: next(iter(outcome.results.values()))
        for entry, outcome in sent
        if _attempt_of(entry) not in late
    }
    rows = recipients().filter(status__in=OPEN_STATUSES)
    for status in {result.stored_status for result in first.values()}:
        values = {pk: r.message_id or "" for pk, r in first.items() if r.stored_status == status}
        message_id = by_value("entry", values)
        rows.filter(entry__in=list(values)).update(status=status, message_id=message_id)
    return late


def _record_late(
    own: QuerySet[Entry], ids: set[UUID], attempt: int, changes: dict[str, Any]
) -> set[UUID]:
    """Write down that messages were sent, some of which others have given up.

    :param own: those that were not claimed since.
    :return: the ids of the others.
    """
    given_up = own.exclude(state=State.SENT)
    found = list(given_up.select_for_update().values_list("pk", flat=True))
    given_up.filter(pk__in=found).update(**changes)
    note_steps([step(str(StepKind.PROVEN), pk, attempt) for pk in found])
    return ids.difference(own.values_list("pk", flat=True))


def _record_one(
    entry: Entry, outcome: Outcome, now: datetime, *, keeps_content: bool
) -> list[Step] | None:
    """Write down one that is not as simple.

    :return: the steps to note; None if the answer is late, and nothing is written.
    """
    own = _open(entry, outcome)
    problem = outcome.problem
    about: dict[str, Any] = {"failures": outcome.failures}
    if problem is not None:
        about |= {
            "error_code": problem.code,
            "error": problem.text,
            "scope": problem.scope,
        }
    if outcome.state in ENDS:
        changes = ended(outcome.state, now, keeps_content=keeps_content)
    elif outcome.state == State.IN_DOUBT:
        grace = now + timedelta(seconds=DOUBT_GRACE)
        changes = {"state": State.IN_DOUBT, "lease": grace, "worker": ""}
    else:
        later = {"not_before": now + timedelta(seconds=outcome.pause)} if outcome.pause else {}
        changes = {"state": State.WAITING, "lease": None, "worker": "", **later}
    changes |= about
    is_held = own.filter(state__in=HELD).update(**changes)
    if not (is_held or own.update(**changes)):
        return None
    record_results(entry, outcome.results)
    if outcome.state == State.SENT:
        return [] if is_held else [step(str(StepKind.PROVEN), entry.pk, entry.attempt)]
    return steps_of(entry, outcome)


def _open(entry: Entry, outcome: Outcome) -> QuerySet[Entry]:
    """The row of a message, unless somebody else has done something else with it."""
    states = OPEN_STATES if entry.state == State.POSTING else (State.CLAIMED,)
    open_states = Q(state__in=states)
    if outcome.state == State.SENT:
        open_states = ~Q(state=State.SENT)
    row: QuerySet[Entry] = _of_attempt(entry.attempt).filter(open_states, pk=entry.pk)
    return row


def _attempt_of(entry: Entry) -> tuple[UUID, int]:
    """What a worker had claimed; perhaps it has claimed the same message again since."""
    return entry.pk, entry.attempt


def _of_attempt(attempt: int) -> QuerySet[Entry]:
    """Messages that were not claimed since, and that nobody has wanted sent once more since."""
    rows: QuerySet[Entry] = entries().filter(attempt=attempt, sent_again_after__lt=attempt)
    return rows


def _log(entry: Entry, outcome: Outcome) -> None:
    problem = outcome.problem
    if problem is None or outcome.state == State.SENT:
        return
    level = logging.INFO if outcome.state == State.WAITING else logging.WARNING
    logger.log(
        level,
        "The message %s in the outbox is %s: %s",
        entry.pk,
        outcome.state.replace("_", " "),
        problem.text or problem.code,
        extra={
            "anymail_outbox_id": str(entry.pk),
            "anymail_error_code": problem.code,
            "anymail_error_scope": problem.scope,
        },
    )


def pause_for(entry: Entry, outcome: Outcome) -> None:
    """Pause the mailer or lane of a message, if that is what its outcome asks for."""
    for result in outcome.results.values():
        if result.verdict is Verdict.PAUSED:
            trouble = pausing.Trouble(
                lane=entry.lane if result.scope == "sender" else "",
                scope=result.scope,
                error_code=result.code,
                reason=result.text,
            )
            pausing.pause(entry.mailer, trouble)
            return
