"""Which messages a claim takes first, and how it finds them."""

from __future__ import annotations

from datetime import timedelta
from unittest import skipIf

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from anymail.message import AnymailMessage
from anymail.outbox.claiming import Wanted, claim
from anymail.outbox.ledger import entries
from anymail.outbox.models import Batch, Entry, State

from . import OutboxTestCase, outbox_backend, use_outbox


@use_outbox()
class ClaimTests(OutboxTestCase):
    def setUp(self) -> None:
        super().setUp()
        messages = [
            AnymailMessage(f"{number}", "Text", "from@example.com", ["to@example.com"])
            for number in range(6)
        ]
        outbox_backend().send_messages(messages)
        self.mailer = entries().values_list("mailer", flat=True)[0]

    def claim(self, size: int) -> list[str]:
        """Claim messages; gives their subjects."""
        wanted = Wanted(mailer=self.mailer, size=size, worker="worker", lease=60)
        return [entry.subject for entry in claim(wanted)]

    def make_batches(self, count: int) -> None:
        """Of one message each, the youngest message in the oldest batch."""
        for number in range(count):
            batch = Batch._default_manager.create(
                name=f"{number}", name_digest=f"{number}", mailer=self.mailer
            )
            entries().filter(subject=f"{5 - number}").update(batch=batch)

    def test_batches_come_after_what_is_in_none_the_oldest_first(self) -> None:
        self.make_batches(3)
        self.assertEqual(self.claim(2), ["0", "1"])
        self.assertEqual(self.claim(3), ["2", "5", "4"])
        self.assertEqual(self.claim(2), ["3"])

    def test_many_batches_for_later_cost_no_more_than_one(self) -> None:
        counts = []
        for count in (1, 5):
            self.make_batches(count)
            later = entries().exclude(batch=None).update(not_before=now() + timedelta(hours=1))
            with CaptureQueriesContext(connection) as queries:
                self.assertEqual(len(self.claim(6)), 6 - later)
            counts.append(len(queries))
            entries().update(state=State.WAITING, batch=None, not_before=now())
            Batch._default_manager.all().delete()
        self.assertEqual(counts[0], counts[1])

    @skipIf(connection.vendor == "sqlite", "A plan of SQLite says something else.")
    def test_nothing_is_sorted_for_a_claim(self) -> None:
        self.make_batches(1)
        self.prefer_indexes()
        with CaptureQueriesContext(connection) as queries:
            self.claim(6)
        sorted_ones = [query["sql"] for query in queries if "ORDER BY" in query["sql"]]
        self.assertGreater(len(sorted_ones), 3)
        for sql in sorted_ones:
            self.assertNotIn("sort", self.plan(sql).lower(), sql)

    def prefer_indexes(self) -> None:
        """Have the server plan as for a large table."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL enable_seqscan = off")
                cursor.execute("SET LOCAL enable_sort = off")

    def plan(self, sql: str) -> str:
        """How the server does a query, with an index that a small table needs not."""
        table = Entry._meta.db_table
        if connection.vendor == "mysql":
            use = f"FROM `{table}` FORCE INDEX (anymail_entry_waiting) WHERE"
            sql = sql.replace(f"FROM `{table}` WHERE", use)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}")
            return "\n".join(str(row[-1]) for row in cursor.fetchall())
