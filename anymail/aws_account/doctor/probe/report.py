"""What became of a probe, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import apps

from ....processes.wording import counted, spoken
from ....signals import EventType
from .dkim import covers_one_click
from .loop import Outcome
from .messages import MAILBOXES, Probe

#: The words for events, where they are others than SES's.
WORDS = {EventType.INBOUND: "received"}
#: The end of every message in the outbox that SES has taken.
SENT = "sent"


def as_lines(outcome: Outcome) -> Iterator[str]:
    """A line that says what came, and when; then what is missing, and where to look."""
    times = ", ".join(f"{_word(name)} {spoken(time)}" for name, time in outcome.times.items())
    if outcome.problems:
        yield "mail loop: not sent"
        yield from (f"  {problem}" for problem in outcome.problems)
        return
    missing = ", ".join(map(_word, outcome.missing))
    rest = f"; missing after {spoken(outcome.waited)}: {missing}" if missing else ""
    yield f"mail loop: {times}{rest}"
    if outcome.received is not None:
        yield f"  {_received(outcome.received)}"
    yield from (f"  {text}" for text in advice(outcome))


def as_json(probe: Probe, outcome: Outcome) -> dict[str, Any]:
    """The same for programs: seconds are rounded to milliseconds."""
    received = outcome.received and {
        "verdicts": outcome.received["verdicts"],
        "covers_one_click": covers_one_click(outcome.received["signatures"]),
        "description": outcome.received["description"],
    }
    return {
        "nonce": probe.nonce,
        "complete": outcome.is_complete,
        "times": {name: round(time, 3) for name, time in outcome.times.items()},
        "missing": list(outcome.missing),
        "problems": list(outcome.problems),
        "received": received,
        "advice": list(advice(outcome)),
    }


def advice(outcome: Outcome) -> Iterator[str]:
    """Where to look for what is missing."""
    if outcome.problems:
        return
    if outcome.missing and (waiting := _waiting(outcome.outbox_ids)):
        held = counted(waiting, "message")
        yield f"The outbox has not sent {held}: is manage.py anymail_deliver running?"
        return
    lost = [name for name in outcome.missing if name in MAILBOXES.values()]
    if len(lost) == len(MAILBOXES):
        yield "No event came: manage.py anymail_doctor D10 D11 D12 D13 D14 D15 D19 D20, and --url"
        yield "for the webhook. The process that receives them must use the same cache or database."
    elif lost:
        yield "Some types of events came, others did not: manage.py anymail_doctor D11 D15"
    if EventType.INBOUND in outcome.missing:
        yield "No mail came back: manage.py anymail_doctor D21 D22 D23 D24"


def _word(name: str) -> str:
    return WORDS.get(name, name)


def _received(note: Mapping[str, Any]) -> str:
    verdicts = ", ".join(f"{name} {verdict}" for name, verdict in note["verdicts"].items())
    if note["description"]:
        return f"received, but not readable ({note['description']}): {verdicts}"
    covered = "covers" if covers_one_click(note["signatures"]) else "does not cover"
    signature = f"DKIM {covered} List-Unsubscribe and List-Unsubscribe-Post"
    return f"received: {verdicts}; {signature if note['signatures'] else 'no DKIM signature'}"


def _waiting(outbox_ids: Sequence[Any]) -> int:
    """How many of these messages the outbox has not sent."""
    if not outbox_ids:
        return 0
    from ....conf import OutboxSettings

    entries = apps.get_model("anymail_outbox", "Entry")._default_manager
    entries = entries.using(OutboxSettings.load().outbox_database)
    return int(entries.filter(pk__in=outbox_ids).exclude(state=SENT).count())
