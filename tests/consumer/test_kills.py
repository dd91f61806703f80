"""kill -9 loses nothing and stores nothing twice. Run with ``--db postgres`` and ``mariadb``, too.

``python -m tests.benchmarks.consumer kills`` does the same with 10,000 events and 50 kills.
"""

from __future__ import annotations

from django.db import connection
from django.test import TransactionTestCase

from ..local_sqs import local_sqs
from .kills import Plan, run
from .processes import site


class KillTests(TransactionTestCase):
    def test_consumers_that_are_killed_lose_nothing_and_store_nothing_twice(self) -> None:
        # SQLite in memory is of one process.
        database = None if connection.vendor == "sqlite" else {"NAME": self.database_name()}
        plan = Plan(events=400, poison=8, kills=5)
        with local_sqs() as sqs:
            name = sqs.create_queue(visibility=3, max_receives=8)
            sqs.keeps_calls = False
            anymail = sqs.settings()
            with site(anymail, database, SITE_RETRY_DELAY="1", SITE_SLEEP="0.005") as made:
                result = run(sqs, made, name, plan)
        for what in ("lost", "invented", "double", "dead-letter"):
            found = {name: count for name, count in result.items() if what in name}
            self.assertEqual(set(found.values()), {0}, found)
        self.assertGreater(result["rows"], 200)
        self.assertEqual(result["poison"], 8)

    def database_name(self) -> str:
        return str(connection.settings_dict["NAME"])
