"""Send a probe, and wait for its events."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .... import probes
from ....exceptions import AnymailError
from ....message import AnymailMessage
from ....signals import EventType
from .listening import Listener, start_listening
from .messages import Probe, build_messages, check_mailer, send

#: Seconds between two looks.
PAUSE = 0.1
#: Statuses of recipients that SES, or the outbox, has accepted.
ACCEPTED = ("sent", "queued")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a probe.

    :param times: the type of an event -> the seconds until it was heard of; and ``"sent"``, or
        ``"stored"`` if the outbox delivers.
    :param missing: the types of events that have not come.
    :param problems: why something was not sent.
    :param waited: seconds, from the beginning.
    :param received: the note about the mail that came back; None if none did.
    :param outbox_ids: of the messages that the outbox has.
    """

    times: Mapping[str, float] = field(default_factory=dict)
    missing: Sequence[str] = ()
    problems: Sequence[str] = ()
    waited: float = 0.0
    received: Mapping[str, Any] | None = None
    outbox_ids: Sequence[Any] = ()

    @property
    def is_complete(self) -> bool:
        """Whether everything came."""
        return not self.missing and not self.problems


def run(probe: Probe, *, pause: Callable[[float], None] = time.sleep) -> Outcome:
    """Send the messages of a probe, and wait until all of their events have come, or time is over.

    :param pause: waits for that many seconds.
    :raises AnymailConfigurationError: the messages would not go to Amazon SES, or nothing tells of
        their events.
    :raises Exception: the cache, the database, or the project's code for messages raised it.
    """
    check_mailer(probe)
    try:
        found = start_listening(probe.nonce, hears_inbound=probe.inbound_domain is not None)
        return _run(probe, found, pause)
    finally:
        probes.forget(probe.nonce)


def _run(probe: Probe, found: Sequence[Listener], pause: Callable[[float], None]) -> Outcome:
    messages, start = build_messages(probe), time.monotonic()
    problems = _send(messages, probe.mailer)
    stored = [message.outbox_id for message in messages if message.outbox_id is not None]
    times = {"stored" if stored else "sent": time.monotonic() - start}
    if problems:
        return Outcome(problems=problems, missing=probe.expected)
    notes = _wait(probe, found, times, start, pause)
    return Outcome(
        times=times,
        missing=[event_type for event_type in probe.expected if event_type not in times],
        waited=time.monotonic() - start,
        received=notes.get(EventType.INBOUND),
        outbox_ids=stored,
    )


def _send(messages: Sequence[AnymailMessage], mailer: str | None) -> list[str]:
    """Send messages; gives why some were not."""
    try:
        send(messages, mailer)
    except AnymailError as err:
        return [str(one) for one in err.args if one]
    statuses = {str(status) for message in messages for status in _statuses(message)}
    return [f"the status of a recipient is {status}" for status in sorted(statuses - {*ACCEPTED})]


def _statuses(message: AnymailMessage) -> set[Any]:
    """Those of its recipients; None for a message that nobody has sent."""
    return message.anymail_status.status or {None}


def _wait(
    probe: Probe,
    found: Sequence[Listener],
    times: dict[str, float],
    start: float,
    pause: Callable[[float], None],
) -> dict[str, Any]:
    """Wait, with the times of events entered into ``times``; gives their notes."""
    notes: dict[str, Any] = {}
    while True:
        for listener in found:
            notes.update(listener())
        now = time.monotonic() - start
        for event_type in probe.expected:
            if event_type in notes:
                times.setdefault(event_type, now)
        if now >= probe.timeout or all(one in times for one in probe.expected):
            return notes
        pause(PAUSE)
