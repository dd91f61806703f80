"""Tags of messages in the outbox are kept for searching."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from anymail.outbox.models import Entry, EntryTag, State
from anymail.outbox.pruning import delete_ended

from ...ses import V1, simple_message
from .. import OutboxTestCase, outbox_backend, use_outbox
from ..batches import V2, letter, people, send


class TagTests(OutboxTestCase):
    def tags_of(self, entry: Entry | None = None) -> list[str]:
        rows = EntryTag._default_manager.order_by("pk")
        if entry is not None:
            rows = rows.filter(entry=entry)
        return [*rows.values_list("tag", flat=True)]

    def test_they_cost_one_insert_however_many_messages_there_are(self) -> None:
        messages = [simple_message(tags=["receipt", "shop"]) for _ in range(3)]
        with use_outbox(V1), CaptureQueriesContext(connection) as queries:
            outbox_backend().send_messages(messages)
        self.assertEqual([query["sql"].split()[0] for query in queries], ["INSERT"] * 3)
        self.assertEqual(self.tags_of(Entry._default_manager.all()[1]), ["receipt", "shop"])

    def test_each_is_there_once_and_none_is_empty(self) -> None:
        with use_outbox(V1, SEND_DEFAULTS={"tags": ["shop"]}):
            simple_message(tags=["receipt", "shop"]).send()
        self.assertEqual(self.tags_of(), ["shop", "receipt"])

    def test_a_long_one_is_cut_off(self) -> None:
        with use_outbox(V1):
            simple_message(tags=["ä" * 255, "b" * 256]).send()
        whole, cut = self.tags_of()
        self.assertEqual((whole, cut[:190], len(cut)), ("ä" * 255, "b" * 190, 255))

    def test_a_message_that_is_repeated_adds_none(self) -> None:
        with use_outbox(V1):
            for _ in range(2):
                simple_message(tags=["receipt"], idempotency_key="order/17").send()
        self.assertEqual(self.tags_of(), ["receipt"])

    def test_every_entry_of_a_batch_has_those_of_the_batch(self) -> None:
        with use_outbox(V2, AMAZON_SES_MAX_SEND_RATE=1):
            send(people(3), letter(tags=["news"]))
        self.assertEqual(
            [self.tags_of(entry) for entry in Entry._default_manager.all()], [["news"]] * 3
        )

    def test_they_go_with_their_messages_in_one_query(self) -> None:
        with use_outbox(V1):
            outbox_backend().send_messages([simple_message(tags=["a", "b"]) for _ in range(5)])
        then = timezone.now() - timedelta(days=400)
        Entry._default_manager.update(state=State.SENT, done_at=then)
        ids = [*Entry._default_manager.values_list("pk", flat=True)]
        with CaptureQueriesContext(connection) as queries:
            self.assertEqual(delete_ended(ids), 5)
        self.assertEqual(self.tags_of(), [])
        tables = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
        self.assertEqual(sum("entrytag" in sql for sql in tables), 1)
        self.assertLessEqual(len(tables), 4)  # recipients, steps, tags, entries
