"""People and applications pause, resume and cancel batches."""

from __future__ import annotations

from unittest import mock

from anymail import outbox
from anymail.outbox.batches import upkeep
from anymail.outbox.models import Batch, BatchState, Entry, State

from .. import OutboxTestCase
from .rows import add_entry, make_batch

LOGS = "anymail.outbox.batches.actions"


class BatchTestCase(OutboxTestCase):
    def check(self, batch: Batch, state: str, **columns: object) -> None:
        batch.refresh_from_db()
        found = {name: getattr(batch, name) for name in ("state", *columns)}
        self.assertEqual(found, {"state": state, **columns})

    def states(self) -> list[str]:
        return sorted(Entry._default_manager.values_list("state", flat=True))


class ActionTests(BatchTestCase):
    def test_a_batch_has_a_name(self) -> None:
        batch = make_batch("news/17")
        make_batch("news/18")
        self.assertEqual(outbox.get_batch("news/17"), batch)

    def test_a_name_that_is_not_there_is_an_error_that_says_it(self) -> None:
        make_batch("News")
        for function in (outbox.get_batch, outbox.pause_batch, outbox.resume_batch):
            with self.assertRaisesMessage(Batch.DoesNotExist, "no batch with the name 'news'"):
                function("news")

    def test_pause_and_resume(self) -> None:
        batch = make_batch()
        with self.assertLogs(LOGS, "WARNING") as logs:
            self.assertTrue(outbox.pause_batch("news", reason="Wrong price", by="Ann"))
            self.check(batch, BatchState.PAUSED, reason="Wrong price", by="Ann")
            self.assertFalse(outbox.pause_batch(batch))
            self.assertTrue(outbox.resume_batch(batch))
        self.check(batch, BatchState.RUNNING, reason="", by="")
        self.assertFalse(outbox.resume_batch(batch))
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            [
                "The batch news in the outbox pauses: Wrong price",
                "The batch news in the outbox goes on",
            ],
        )

    def test_what_does_not_run_is_not_paused(self) -> None:
        for state in (BatchState.STOPPED, BatchState.CANCELLED, BatchState.DONE):
            batch = make_batch(state, state=state, reason="Why")
            self.assertFalse(outbox.pause_batch(batch))
            self.check(batch, state, reason="Why")

    def test_what_has_an_end_is_not_resumed(self) -> None:
        for state in (BatchState.CANCELLED, BatchState.DONE):
            batch = make_batch(state, state=state)
            self.assertFalse(outbox.resume_batch(batch))
            self.check(batch, state)

    def test_what_has_stopped_itself_goes_on_and_is_forgiven(self) -> None:
        batch = make_batch(state=BatchState.STOPPED)
        for _ in range(2):
            add_entry(batch, State.SENT, ("sent",) * 3, bounced_count=2, complained_count=1)
        with self.assertLogs(LOGS, "WARNING"):
            self.assertTrue(outbox.resume_batch(batch))
        self.check(
            batch,
            BatchState.RUNNING,
            forgiven_sent=6,
            forgiven_bounced=4,
            forgiven_complained=2,
        )

    def test_a_pause_forgives_nothing(self) -> None:
        batch = make_batch(state=BatchState.PAUSED)
        add_entry(batch, State.SENT, ("sent",) * 3, bounced_count=2)
        with self.assertLogs(LOGS, "WARNING"):
            self.assertTrue(outbox.resume_batch(batch))
        self.check(batch, BatchState.RUNNING, forgiven_sent=0, forgiven_bounced=0)


class CancelTests(BatchTestCase):
    def test_what_waits_is_cancelled_and_what_is_posted_is_not(self) -> None:
        batch, other = make_batch(), make_batch("other")
        for state in (State.WAITING, State.CLAIMED, State.POSTING):
            add_entry(batch, state)
        add_entry(batch, State.SENT, ("sent", "sent"))
        add_entry(other)
        with self.assertLogs(LOGS, "WARNING"):
            self.assertEqual(outbox.cancel_batch("news"), 4)
        self.check(batch, BatchState.CANCELLED, cancelled=4, sent=2, done_at=None)
        self.assertEqual(self.states(), ["cancelled", "cancelled", "posting", "sent", "waiting"])

    def test_more_than_one_step(self) -> None:
        batch = make_batch()
        for _ in range(5):
            add_entry(batch)
        with self.assertLogs(LOGS, "WARNING"), mock.patch.object(upkeep, "MAX_ROWS", 2):
            self.assertEqual(outbox.cancel_batch(batch), 10)
        self.check(batch, BatchState.CANCELLED, cancelled=10)
        self.assertIsNotNone(batch.done_at)

    def test_those_who_have_got_it_already_are_not_among_the_cancelled(self) -> None:
        batch = make_batch()
        add_entry(batch, State.WAITING, ("queued", "", ""), attempt=1)
        with self.assertLogs(LOGS, "WARNING"):
            self.assertEqual(outbox.cancel_batch(batch), 2)
        self.check(batch, BatchState.CANCELLED, cancelled=2, sent=1)

    def test_nobody_counts_it_for_ever_though_not_all_of_it_was_stored(self) -> None:
        batch = make_batch(stored_at=None)
        add_entry(batch)
        with self.assertLogs(LOGS, "WARNING"):
            outbox.cancel_batch(batch)
        self.check(batch, BatchState.CANCELLED, cancelled=2)
        self.assertIsNotNone(batch.done_at)

    def test_what_is_done_is_not_cancelled(self) -> None:
        batch = make_batch(state=BatchState.DONE)
        self.assertEqual(outbox.cancel_batch(batch), 0)
        self.check(batch, BatchState.DONE)

    def test_one_that_was_interrupted_is_finished(self) -> None:
        batch = make_batch(state=BatchState.CANCELLED)
        for _ in range(3):
            add_entry(batch)
        upkeep.look_after()
        self.check(batch, BatchState.CANCELLED, cancelled=6)
        self.assertEqual(self.states(), ["cancelled"] * 3)

    def test_what_a_worker_gives_back_later_is_cancelled_too(self) -> None:
        batch = make_batch()
        entry = add_entry(batch, State.POSTING)
        with self.assertLogs(LOGS, "WARNING"):
            self.assertEqual(outbox.cancel_batch(batch), 0)
        Entry._default_manager.filter(pk=entry.pk).update(state=State.WAITING)
        Batch._default_manager.update(counted_at=None)
        upkeep.look_after()
        self.check(batch, BatchState.CANCELLED, cancelled=2)
        self.assertIsNotNone(batch.done_at)
