"""A batch through everything that can go wrong at once: does each recipient get it once?"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from anymail import outbox
from anymail.outbox.ledger import entries
from anymail.outbox.models import Batch, Entry, State

from ...command_processes import ROOT
from ..events import posted_events
from ..kills import MOVING, Orphans, compare, ids_of, wait_for
from ..processes import Site, Workers
from ..ses_process import SES
from . import people

#: Seconds without any progress after which it is said to stand still: longer than a pause, after
#: which a message is tried once a minute.
PATIENCE = 180.0
#: What stores the batch, in a process of its own.
SENDER = """
import sys, django
django.setup()
from tests.outbox.batches import people, send
send(people(int(sys.argv[1])))
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do to it.

    :param kills: how often a worker is killed while it holds messages.
    :param troubles: what else is done, spread evenly over the batch.
    :param silence: seconds after which an operator takes it for certain that SES has not got what
        it has sent no event about.
    """

    recipients: int
    kills: int
    workers: int = 4
    troubles: Sequence[Callable[[], None]] = ()
    silence: float = 30.0
    seed: int = 0


def run(ses: SES, made: Site, plan: Plan) -> dict[str, float]:
    """Do what the plan says; gives what is to be looked at."""
    start, orphans = time.monotonic(), Orphans()
    workers = Workers(made, plan.workers)
    try:
        with posted_events(ses, only_open=True) as events:
            stored = store_in_part(made, plan)
            with _stored_in_the_end(made, plan) as runs:
                _disturb(ses, workers, plan, orphans)
            _wait_until_moved(ses, orphans)
            had = orphans.killed.keys() & ids_of(ses.accepted())
            released = _release_after(plan.silence)
            _wait_until_moved(ses, orphans)
        workers.end()
    finally:
        workers.kill()
    return {
        "recipients": plan.recipients,
        "stored when send_many() was killed": stored,
        "calls of send_many() after that": len(runs),
        "workers killed": plan.kills,
        "seconds": round(time.monotonic() - start),
        "messages that killed workers were posting": len(orphans.killed),
        "of which SES had": len(had),
        "in doubt, SES silent, released by hand": released,
        "requests of SNS that were tried again": events.failed,
        **compare(people(plan.recipients), ses.accepted()),
    }


def store_in_part(made: Site, plan: Plan) -> int:
    """Begin to store the batch, in a process that is killed.

    :return: the recipients that were stored when it died.
    """
    process = _sender(made, plan.recipients)
    deadline = time.monotonic() + PATIENCE
    while _stored() < plan.recipients / 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "Nothing is stored."
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return _stored()


@contextmanager
def _stored_in_the_end(made: Site, plan: Plan) -> Iterator[list[str]]:
    """Store the batch beside what is done in a block, as often as it takes; gives what each process
    printed."""
    runs: list[str] = []

    def store() -> None:
        is_over = False
        while not is_over and len(runs) < 20:
            process = _sender(made, plan.recipients)
            runs.append(process.communicate()[0])
            is_over = not process.returncode

    thread = threading.Thread(target=store)
    thread.start()
    try:
        yield runs
    finally:
        thread.join(PATIENCE)
    assert not thread.is_alive(), runs


def _sender(made: Site, recipients: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SENDER, str(recipients)],
        cwd=ROOT,
        env=made.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _stored() -> int:
    return Batch._default_manager.values_list("recipients_count", flat=True).first() or 0


def _disturb(ses: SES, workers: Workers, plan: Plan, orphans: Orphans) -> None:
    chance = random.Random(plan.seed)
    for wanted, trouble in _troubles(workers, plan, orphans, chance):
        wait_for(lambda wanted=wanted: ses.count() >= wanted, ses, orphans, PATIENCE)
        trouble()


def _troubles(
    workers: Workers, plan: Plan, orphans: Orphans, chance: random.Random
) -> Iterator[tuple[float, Callable[[], None]]]:
    """What is done, and after how many recipients."""

    def kill() -> None:
        orphans.add(workers.kill_one(chance))

    share = plan.recipients / (plan.kills + 1)
    kills = [((number + chance.random()) * share, kill) for number in range(plan.kills)]
    step = plan.recipients / (len(plan.troubles) + 1)
    troubles = [(step * number, one) for number, one in enumerate(plan.troubles, start=1)]
    yield from sorted([*kills, *troubles], key=lambda one: one[0])


def _wait_until_moved(ses: SES, orphans: Orphans) -> None:
    wait_for(lambda: not entries().filter(state__in=MOVING).exists(), ses, orphans, PATIENCE)


def _release_after(silence: float) -> int:
    """Wait for events, and release from doubt those that SES says nothing about."""
    before = timezone.now() + timedelta(seconds=silence)
    while timezone.now() < before and _in_doubt().exists():
        time.sleep(0.2)
    held = list(_in_doubt().values_list("pk", flat=True))
    return sum(outbox.release(pk) for pk in held)


def _in_doubt() -> QuerySet[Entry]:
    return entries().filter(state=State.IN_DOUBT)


def cut_connections() -> None:
    """Have the server close all connections of this database, except that of this thread."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return
        cursor.execute(
            "SELECT id FROM information_schema.processlist "
            "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        )
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {int(number)}")
