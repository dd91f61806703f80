"""Batches are counted, and come to an end.

Also with ``--db postgres`` and ``--db mariadb``.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from unittest import mock

from django.db import connection, transaction
from django.test import skipUnlessDBFeature
from django.utils import timezone

from anymail import outbox
from anymail.outbox.batches import upkeep
from anymail.outbox.batches.counting import Numbers, count
from anymail.outbox.models import Batch, BatchState, Entry, Recipient, State
from anymail.outbox.pruning import delete_ended
from anymail.outbox.signals import batch_done

from .. import OutboxTestCase, OutboxTransactionTestCase
from ..loopback import PATIENCE, FaultTestCase
from . import NAME, people, send
from .rows import add_entry, make_batch

UPKEEP = "anymail.outbox.batches.upkeep"
ACTIONS = "anymail.outbox.batches.actions"


class CountTests(OutboxTestCase):
    def check(self, batch: Batch, **numbers: int) -> None:
        Batch._default_manager.update(counted_at=None)
        upkeep.look_after()
        batch.refresh_from_db()
        names = ("sent", "failed", "in_doubt", "expired", "cancelled", "waiting")
        found = {name: getattr(batch, name) for name in names if getattr(batch, name)}
        self.assertEqual(found, numbers)

    def test_by_the_state_of_messages(self) -> None:
        batch = make_batch()
        add_entry(batch, State.WAITING, ("",) * 2)
        add_entry(batch, State.CLAIMED, ("",) * 3)
        add_entry(batch, State.POSTING, ("",) * 4)
        add_entry(batch, State.SENT, ("queued",) * 5)
        add_entry(batch, State.FAILED, ("failed",) * 6)
        add_entry(batch, State.EXPIRED, ("",) * 7)
        add_entry(batch, State.CANCELLED, ("",) * 8)
        self.check(batch, waiting=9, sent=5, failed=6, expired=7, cancelled=8)

    def test_those_that_were_refused(self) -> None:
        batch = make_batch()
        add_entry(batch, State.SENT, ("queued", "rejected", "failed"), refused_count=2)
        self.check(batch, sent=1, failed=2)

    def test_by_recipient_where_only_some_have_got_it(self) -> None:
        batch = make_batch()
        add_entry(batch, State.IN_DOUBT, ("queued", "unknown", "unknown", "failed"), attempt=1)
        add_entry(batch, State.CANCELLED, ("queued", "", ""), attempt=2)
        add_entry(batch, State.EXPIRED, ("queued", "", "", ""), attempt=2)
        self.check(batch, sent=3, in_doubt=2, failed=1, cancelled=2, expired=3)

    def test_by_recipient_where_ses_has_refused_the_others_for_the_rate(self) -> None:
        batch = make_batch()
        add_entry(batch, State.WAITING, ("queued", "queued", "failed", ""), attempt=1)
        add_entry(batch, State.CLAIMED, ("queued", ""), attempt=2)
        add_entry(batch, State.POSTING, ("", ""), attempt=1)
        self.check(batch, sent=3, failed=1, waiting=4)
        self.assertEqual(batch.state, BatchState.RUNNING)

    def test_addresses_that_are_none_are_no_recipients(self) -> None:
        batch = make_batch()
        entry = add_entry(batch, State.IN_DOUBT, ("unknown",), attempt=1)
        Recipient._default_manager.create(
            entry=entry, kind="to", address="x", status="invalid", error_code="InvalidAddress"
        )
        self.check(batch, in_doubt=1)

    def test_messages_that_were_deleted_since_keep_their_numbers(self) -> None:
        batch = make_batch()
        old = add_entry(batch, State.SENT, ("queued", "queued"))
        add_entry(batch, State.IN_DOUBT, ("unknown",), attempt=1)
        self.check(batch, sent=2, in_doubt=1)
        delete_ended([old.pk])
        self.check(batch, sent=2, in_doubt=1)

    def test_a_count_that_took_long_does_not_replace_a_later_one(self) -> None:
        batch = make_batch()
        add_entry(batch, State.POSTING)
        read = Batch._default_manager.get()

        def slow_count(pk: int) -> Numbers:
            numbers = count(pk)
            Entry._default_manager.update(state=State.SENT)
            self.check(batch, sent=2)
            return numbers

        counts = iter([slow_count, count])
        with (
            mock.patch.object(upkeep, "count", side_effect=lambda pk: next(counts)(pk)),
            self.assertLogs(UPKEEP, "INFO"),
        ):
            upkeep.settle(read)
        batch.refresh_from_db()
        self.assertEqual((batch.state, batch.sent), (BatchState.DONE, 2))

    def test_not_more_often_than_every_two_seconds(self) -> None:
        batch = make_batch()
        add_entry(batch)
        now = timezone.now()
        for seconds, is_due in ((1, False), (3, True)):
            counted_at = now - timedelta(seconds=seconds)
            Batch._default_manager.update(counted_at=counted_at)
            upkeep.look_after()
            batch.refresh_from_db()
            self.assertEqual(batch.counted_at != counted_at, is_due)

    def test_a_large_one_less_often(self) -> None:
        batch = make_batch(chunks=1_000_000)
        add_entry(batch)
        counted_at = timezone.now() - timedelta(seconds=30)
        Batch._default_manager.update(counted_at=counted_at)
        upkeep.look_after()
        batch.refresh_from_db()
        self.assertEqual(batch.counted_at, counted_at)

    def test_one_that_is_done_only_if_something_has_happened(self) -> None:
        batch = make_batch()
        with self.assertLogs(UPKEEP, "INFO"):
            upkeep.look_after()
        batch.refresh_from_db()
        self.assertEqual(batch.state, BatchState.DONE)
        Batch._default_manager.update(counted_at=timezone.now() - timedelta(days=2))
        with self.assertNumQueries(1):
            upkeep.look_after()


class EndTests(FaultTestCase):
    anymail = {"OUTBOX_KEEP_CONTENT": 86_400, "AMAZON_SES_MAX_CONCURRENCY": 2}

    def batch(self) -> Batch:
        return outbox.get_batch(NAME)

    def test_when_nothing_is_on_its_way_any_more(self) -> None:
        ended: list[Any] = []

        def hear(sender: Any, batch: Batch, **kwargs: Any) -> None:
            ended.append((sender, batch.state, batch.sent))

        batch_done.connect(hear)
        self.addCleanup(batch_done.disconnect, hear)
        send(people(120))
        with self.assertLogs(UPKEEP, "INFO") as logs:
            self.deliver()
            self.deliver()
        batch = self.batch()
        self.assertEqual((batch.state, batch.sent), (BatchState.DONE, 120))
        self.assertIsNotNone(batch.done_at)
        self.assertEqual(ended, [(Batch, BatchState.DONE, 120)])
        self.assertEqual(len(logs.records), 1)
        self.assertIn("120 sent, 0 failed, 0 in doubt", logs.output[0])

    def test_not_while_more_is_to_be_stored(self) -> None:
        send(people(50))
        Batch._default_manager.update(stored_at=None)
        self.deliver()
        self.assertEqual((self.batch().state, self.batch().sent), (BatchState.RUNNING, 50))

    def test_one_that_is_done_runs_again_for_a_message_that_is_sent_again(self) -> None:
        send(people(50))
        with self.assertLogs(UPKEEP, "INFO"):
            self.deliver()
            [pk] = Entry._default_manager.values_list("pk", flat=True)
            self.assertTrue(outbox.send_again(pk))
            self.assertEqual((self.batch().state, self.batch().done_at), ("running", None))
            self.deliver()
        self.assertEqual((self.batch().state, len(self.ses.accepted)), (BatchState.DONE, 2))

    def test_of_one_that_was_cancelled_nothing_is_sent_again(self) -> None:
        send(people(50))
        with self.assertLogs(ACTIONS):
            outbox.cancel_batch(NAME)
        [pk] = Entry._default_manager.values_list("pk", flat=True)
        self.assertFalse(outbox.send_again(pk))
        self.assertEqual((self.state(), self.batch().state), ("cancelled", "cancelled"))

    def test_a_doubt_that_ends_later(self) -> None:
        send(people(2))
        self.posted()
        self.doubt()
        with self.assertLogs(UPKEEP, "INFO"):
            upkeep.look_after()
        self.assertEqual((self.batch().state, self.batch().in_doubt), (BatchState.DONE, 2))
        for address in people(2):
            self.post_event(self.ses.accepted[0], to=[address])
        upkeep.look_after()
        self.assertEqual((self.batch().sent, self.batch().in_doubt), (2, 0))


class PauseTests(FaultTestCase):
    anymail = {"AMAZON_SES_MAX_CONCURRENCY": 1}

    def pause(self) -> None:
        with self.assertLogs(ACTIONS):
            self.assertTrue(outbox.pause_batch(NAME))

    def resume(self) -> None:
        with self.assertLogs(ACTIONS):
            self.assertTrue(outbox.resume_batch(NAME))

    def test_nothing_is_claimed(self) -> None:
        send(people(50))
        self.pause()
        self.deliver()
        self.assertEqual((self.ses.calls, self.state()), ([], State.WAITING))
        self.resume()
        self.deliver()
        self.assertEqual((len(self.ses.calls), self.state()), (1, State.SENT))

    def test_what_is_claimed_goes_back(self) -> None:
        send(people(100))
        worker = self.claimed()
        self.pause()
        self.work(worker, may_claim=False)
        self.assertEqual((self.ses.calls, worker.counts.cancelled), ([], 0))
        states = set(Entry._default_manager.values_list("state", "worker"))
        self.assertEqual(states, {(State.WAITING, "")})

    def test_what_is_cancelled_while_it_is_claimed_is_not_sent(self) -> None:
        send(people(100))
        worker = self.claimed()
        with self.assertLogs(ACTIONS):
            self.assertEqual(outbox.cancel_batch(NAME), 100)
        self.work(worker, may_claim=False)
        self.assertEqual((self.ses.calls, outbox.get_batch(NAME).cancelled), ([], 100))

    def test_others_go_on(self) -> None:
        send(people(50))
        send(people(50), name="other")
        self.pause()
        self.deliver()
        self.assertEqual(len(self.ses.calls), 1)
        self.assertEqual(outbox.get_batch("other").sent, 50)


class LockTests(OutboxTransactionTestCase):
    @skipUnlessDBFeature("has_select_for_update_skip_locked")
    def test_a_worker_does_not_wait_for_whoever_stores_more(self) -> None:
        batch = make_batch(state=BatchState.RUNNING, stored_at=None)
        add_entry(batch)
        done = threading.Event()

        def work() -> None:
            upkeep.look_after()
            connection.close()
            done.set()

        with transaction.atomic():
            Batch._default_manager.select_for_update().get(pk=batch.pk)
            thread = threading.Thread(target=work)
            thread.start()
            is_done = done.wait(PATIENCE / 3)
        thread.join()
        self.assertTrue(is_done)
