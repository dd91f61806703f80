"""send_many() is killed, or runs twice at once. Needs ``--db postgres`` or ``mariadb``."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter
from unittest import skipIf

from django.db import connection, transaction

from anymail.outbox.ledger import entries, recipients
from anymail.outbox.models import Batch

from ...command_processes import ROOT, end
from ...consumer import wait_until
from ...ses import V2
from .. import OutboxTransactionTestCase, use_outbox
from ..processes import Site, settings_for, site
from . import people, send
from .storing_process import recipients as generated

PEOPLE = 6000


def start(made: Site, first: int, last: int) -> subprocess.Popen[str]:
    """Store a batch in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.outbox.batches.storing_process", str(first), str(last)],
        cwd=ROOT,
        env=made.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@skipIf(connection.vendor == "sqlite", "SQLite in memory is of one process.")
class ResumingTests(OutboxTransactionTestCase):
    def setUp(self) -> None:
        super().setUp()
        anymail = settings_for("http://127.0.0.1:9", V2)
        for context in (use_outbox(V2, **anymail), made := site(anymail)):
            value = context.__enter__()
            self.addCleanup(context.__exit__, None, None, None)
            if context is made:
                self.site: Site = value

    def check(self, wanted: list[str]) -> Batch:
        """Each of them is stored once, and the numbers are right."""
        self.assertEqual(Counter(recipients().values_list("address", flat=True)), Counter(wanted))
        batch: Batch = Batch._default_manager.get()
        self.assertEqual((batch.recipients_count, batch.chunks), (len(wanted), entries().count()))
        self.assertIsNotNone(batch.stored_at)
        return batch

    def test_killed_again_and_again(self) -> None:
        chance = random.Random(7)
        for number in range(1, 4):
            process = start(self.site, 0, PEOPLE)
            self.addCleanup(process.kill)
            wait_until(lambda number=number: recipients().count() >= number * 950)
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, 0.3))
            process.kill()
            process.communicate()
        self.assertIsNone(Batch._default_manager.get().stored_at)
        process = start(self.site, PEOPLE + 500, 999)  # the list has changed
        self.assertEqual(end(process)[:2], (0, ""))
        known = set(recipients().values_list("address", flat=True))
        before = [one for one in people(1000) if one in known]
        self.assertGreater(len(before), 900)
        batch = self.check([*before, *people(PEOPLE - 500 + 1, 1000)[: PEOPLE + 500 - 999]])
        self.assertEqual(batch.repeated, 0)

    def test_two_at_once(self) -> None:
        both = [start(self.site, 0, PEOPLE), start(self.site, PEOPLE - 1, -1)]
        self.assertEqual([end(process)[:2] for process in both], [(0, ""), (0, "")])
        self.check(people(PEOPLE))

    def test_two_at_once_that_read_with_a_snapshot(self) -> None:
        """Within transactions, which see what was there when they began."""
        met, over = threading.Barrier(2, timeout=30), []

        def store(to: list[str]) -> None:
            try:
                with transaction.atomic():
                    entries().count()  # the snapshot is made
                    met.wait()
                    send(to)
                over.append(None)
            finally:
                connection.close()

        send(people(1))
        threads = [
            threading.Thread(target=store, args=(to,)) for to in (people(300), people(300, 100))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(over, [None, None])
        self.check(people(400))

    def test_workers_begin_while_it_is_stored(self) -> None:
        stored: list[int] = []

        def watched() -> object:
            for one in generated(0, 2000):
                stored.append(entries().count())
                yield one

        send(watched())
        self.assertGreater(max(stored), 0)
