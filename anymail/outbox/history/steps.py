"""Steps on a message's way -> :class:`.models.Step` rows, in the transactions that make them.

A message that is sent at the first attempt has none, and costs no query. Of a batch that somebody
cancels, the batch says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from ...database.columns import storable_text
from ..ledger import steps
from ..models import NAME_LENGTH, Entry, State, Step, StepKind
from ..outcomes import Outcome, Verdict

#: The last attempt of a message of which it is noted that it was put off for nobody's failure.
LAST_NOTED = 50
PAUSED = "Sending is paused: "


def note_steps(new: Sequence[Step]) -> None:
    """Write steps down: one INSERT, none if there are none."""
    if new:
        steps().bulk_create(new)


def step(
    kind: str, entry_id: UUID, attempt: int, *, code: str = "", text: str = "", by: str = ""
) -> Step:
    """A step that happens now, not saved.

    :param entry_id: of the message.
    :param attempt: the number of the one that it is about.
    :param code: of the error.
    :param text: about it, without addresses.
    :param by: the person who wants it; empty for the package itself, and for code.
    """
    return Step(
        kind=kind,
        entry_id=entry_id,
        at=timezone.now(),
        attempt=attempt,
        error_code=code,
        text=text,
        by=storable_text(by)[:NAME_LENGTH],
    )


def steps_of(entry: Entry, outcome: Outcome) -> list[Step]:
    """The step that the outcome of an attempt is, if there is anything to note.

    While SES has trouble, a message may be put off for days. It is noted once, and again if there
    is another error, but not after :data:`LAST_NOTED` attempts.

    :param entry: as it was claimed, with the error of the attempt before.
    """
    problem = outcome.problem
    code, text = (problem.code, problem.text) if problem else ("", "")
    if outcome.state == State.IN_DOUBT:
        return [step(str(StepKind.IN_DOUBT), entry.pk, entry.attempt, code=code, text=text)]
    if outcome.state != State.WAITING or problem is None:
        return []
    if outcome.failures == entry.failures and _is_known(entry, code):
        return []
    if problem.verdict is Verdict.PAUSED:
        text = PAUSED + text
    return [step(str(StepKind.PUT_OFF), entry.pk, entry.attempt, code=code, text=text)]


def _is_known(entry: Entry, code: str) -> bool:
    is_repeated = entry.attempt > 1 and entry.error_code == code
    return is_repeated or entry.attempt > LAST_NOTED
