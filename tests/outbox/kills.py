"""Workers that are killed again and again: which mail is lost, which is sent twice?"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core import mail

from anymail import outbox
from anymail.message import AnymailMessage
from anymail.outbox.ids import TAG, parse_tag
from anymail.outbox.ledger import entries, recipients
from anymail.outbox.models import State

from .events import posted_events
from .processes import Site, Workers
from .ses_process import SES, Accepted

#: Seconds within which an event has to end a doubt.
PROOF = 10.0
#: Seconds without any progress after which it is said to stand still.
PATIENCE = 60.0
MOVING = (State.WAITING, State.CLAIMED, State.POSTING)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do.

    :param messages: each to a recipient of its own.
    :param kills: how often a worker is killed while it holds messages.
    """

    messages: int
    kills: int
    workers: int = 4
    seed: int = 0


@dataclass(kw_only=True)
class Orphans:
    """The messages that killed workers were posting.

    :param killed: when their worker was killed.
    :param sent: when it became known that they are sent.
    """

    killed: dict[UUID, float] = field(default_factory=dict)
    sent: dict[UUID, float] = field(default_factory=dict)

    def add(self, ids: Iterable[UUID]) -> None:
        """Note the messages of a worker that was just killed."""
        self.killed |= dict.fromkeys(ids, time.monotonic())

    def look(self) -> None:
        """Note which of them are known to be sent by now."""
        open_ones = self.killed.keys() - self.sent.keys()
        sent = entries().filter(pk__in=list(open_ones), state=State.SENT)
        now = time.monotonic()
        self.sent |= {pk: now - self.killed[pk] for pk in sent.values_list("pk", flat=True)}

    def report(self, accepted: set[UUID]) -> dict[str, float]:
        """What became of those that SES has, and how many it has not.

        :param accepted: the messages that SES has.
        """
        provable = self.killed.keys() & accepted
        seconds = [taken for pk, taken in self.sent.items() if pk in provable]
        return {
            "in doubt": len(self.killed),
            "in doubt, and SES has the mail": len(provable),
            f"resolved by events within {PROOF:.0f} s": sum(taken <= PROOF for taken in seconds),
            "not resolved, though SES has the mail": len(provable) - len(seconds),
            "longest doubt in seconds": round(max(seconds, default=0.0), 1),
        }


def store(count: int) -> list[str]:
    """Store messages; gives their recipients."""
    to = [f"to{number}@example.com" for number in range(count)]
    messages = [AnymailMessage("Hello", "Text", "from@example.com", [one]) for one in to]
    assert mail.get_connection().send_messages(messages) == count
    return to


def run(ses: SES, made: Site, plan: Plan) -> dict[str, Any]:
    """Do what the plan says; gives what is to be looked at."""
    to, start, orphans = store(plan.messages), time.monotonic(), Orphans()
    workers = Workers(made, plan.workers)
    try:
        with posted_events(ses) as events:
            _kill(ses, workers, plan, orphans)
            _wait_until_moved(ses, orphans)
            _wait_for_proofs(ses, orphans)
        found = orphans.report(ids_of(ses.accepted()))
        held = list(entries().filter(state=State.IN_DOUBT).values_list("pk", flat=True))
        seconds = round(time.monotonic() - start, 1)
        for pk in held:  # no event has come: a person decides
            outbox.release(pk)
        _wait_until_moved(ses, Orphans())
        workers.end()
    finally:
        workers.kill()
    return {
        "messages": plan.messages,
        "kills": plan.kills,
        "seconds": seconds,
        **found,
        "held in doubt, and released by hand": len(held),
        "events that were tried again": events.failed,
        **compare(to, ses.accepted()),
    }


def _kill(ses: SES, workers: Workers, plan: Plan, orphans: Orphans) -> None:
    chance = random.Random(plan.seed)
    share = plan.messages / (plan.kills + 1)
    for number in range(plan.kills):
        wanted = (number + chance.random()) * share
        wait_for(lambda wanted=wanted: ses.count() >= wanted, ses, orphans)
        orphans.add(workers.kill_one(chance))


def _wait_until_moved(ses: SES, orphans: Orphans) -> None:
    wait_for(lambda: not entries().filter(state__in=MOVING).exists(), ses, orphans)


def wait_for(
    is_so: Callable[[], bool], ses: SES, orphans: Orphans, patience: float = PATIENCE
) -> None:
    """Wait until something is so, for as long as there is progress.

    :param patience: seconds without any.
    """
    seen, deadline = -1, time.monotonic() + patience
    while not is_so():
        orphans.look()
        if (count := ses.count()) > seen:
            seen, deadline = count, time.monotonic() + patience
        assert time.monotonic() < deadline, states()
        time.sleep(0.05)


def _wait_for_proofs(ses: SES, orphans: Orphans) -> None:
    """Give events their time, for what SES has."""
    deadline = time.monotonic() + PROOF
    while time.monotonic() < deadline:
        orphans.look()
        if not ids_of(ses.accepted()) & (orphans.killed.keys() - orphans.sent.keys()):
            break
        time.sleep(0.2)


def ids_of(accepted: Iterable[Accepted]) -> set[UUID]:
    """The messages that SES has."""
    found = (parse_tag(one.tags[TAG]) for one in accepted)
    return {one[0] for one in found if one is not None}


def states() -> dict[str, int]:
    """How many messages are in which state."""
    return dict(Counter(entries().values_list("state", flat=True)))


def compare(to: Iterable[str], accepted: list[Accepted]) -> dict[str, int]:
    """What is wrong: nothing is lost, sent twice or unknown, if nothing is."""
    got = Counter(address for one in accepted for address in one.to)
    ids = dict(recipients().values_list("address", "message_id"))
    unknown = [address for one in accepted for address in one.to if ids.get(address) != one.id]
    return {
        "mails lost": len(set(to) - set(got)),
        "mails sent twice": sum(count > 1 for count in got.values()),
        "entries that are not sent": entries().exclude(state=State.SENT).count(),
        "recipients without the id of their mail": len(unknown),
    }
