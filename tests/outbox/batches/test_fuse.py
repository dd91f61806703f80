"""A batch stops itself when too many of its recipients bounce or complain."""

from __future__ import annotations

from typing import Any

from django.test import override_settings

from anymail import outbox, testing
from anymail.outbox.batches import upkeep
from anymail.outbox.ids import TAG, tag_value
from anymail.outbox.models import Batch, BatchState, Entry, Recipient, State
from anymail.outbox.signals import batch_stopped

from ...sns_samples import TRACKING_URL
from .. import OutboxTestCase
from .rows import add_entry, make_batch

UPKEEP = "anymail.outbox.batches.upkeep"
SECRET = "sns:secret"


class FuseTests(OutboxTestCase):
    def sent(self, count: int, bounced: int = 0, complained: int = 0) -> Batch:
        batch = make_batch(stored_at=None)
        add_entry(batch, State.SENT, ("sent",) * (count - 1), bounced_count=bounced)
        add_entry(batch, State.SENT, ("sent",), complained_count=complained)
        add_entry(batch)
        return batch

    def after_a_count(self, batch: Batch) -> Batch:
        Batch._default_manager.update(counted_at=None)
        upkeep.look_after()
        batch.refresh_from_db()
        return batch

    def check_stops(self, batch: Batch, reason: str) -> None:
        with self.assertLogs(UPKEEP, "WARNING") as logs:
            self.after_a_count(batch)
        self.assertEqual((batch.state, batch.reason, batch.by), (BatchState.STOPPED, reason, ""))
        self.assertIn(f"The batch news in the outbox stops itself: {reason}", logs.output[0])

    def check_runs(self, batch: Batch) -> None:
        with self.assertNoLogs(UPKEEP, "WARNING"):
            self.after_a_count(batch)
        self.assertEqual(batch.state, BatchState.RUNNING)

    def test_bounces(self) -> None:
        self.check_stops(
            self.sent(200, bounced=11),
            "11 of 200 recipients have bounced (5.50%). OUTBOX_MAX_BOUNCE_RATE allows 5.00%.",
        )

    def test_complaints(self) -> None:
        self.check_stops(
            self.sent(1000, complained=2),
            "2 of 1000 recipients have complained (0.20%). OUTBOX_MAX_COMPLAINT_RATE allows 0.10%.",
        )

    def test_what_is_allowed(self) -> None:
        self.check_runs(self.sent(1000, bounced=50, complained=1))

    def test_too_few_to_tell(self) -> None:
        self.check_runs(self.sent(199, bounced=199, complained=199))

    def test_a_single_complaint_is_no_rate(self) -> None:
        self.check_runs(self.sent(200, complained=1))

    def test_a_limit_that_is_off(self) -> None:
        off = {"OUTBOX_MAX_BOUNCE_RATE": None, "OUTBOX_MAX_COMPLAINT_RATE": None}
        with override_settings(ANYMAIL=off):
            self.check_runs(self.sent(200, bounced=200, complained=200))

    def test_one_that_is_paused_stays_so(self) -> None:
        batch = self.sent(200, bounced=200)
        with self.assertLogs("anymail.outbox.batches.actions"):
            outbox.pause_batch(batch)
        self.after_a_count(batch)
        self.assertEqual(batch.state, BatchState.PAUSED)

    def test_what_is_forgiven_does_not_count(self) -> None:
        batch = self.sent(200, bounced=20)
        with self.assertLogs("anymail.outbox.batches"):
            self.after_a_count(batch)
            outbox.resume_batch(batch)
        self.check_runs(batch)
        add_entry(batch, State.SENT, ("sent",) * 199, bounced_count=199)
        self.check_runs(batch)
        add_entry(batch, State.SENT, ("sent",))
        self.check_stops(
            batch,
            "199 of 200 recipients have bounced (99.50%). OUTBOX_MAX_BOUNCE_RATE allows 5.00%.",
        )

    def test_a_signal_has_the_batch(self) -> None:
        heard = []

        def hear(sender: Any, batch: Batch, **kwargs: Any) -> None:
            heard.append((sender, batch.name, batch.state))
            raise ZeroDivisionError

        batch_stopped.connect(hear)
        self.addCleanup(batch_stopped.disconnect, hear)
        batch = self.sent(200, bounced=20)
        with self.assertLogs("django.dispatch"), self.assertLogs(UPKEEP):
            self.after_a_count(batch)
            self.after_a_count(batch)
        self.assertEqual(heard, [(Batch, "news", BatchState.STOPPED)])


@override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET})
class EventTests(OutboxTestCase):
    """SES tells the webhook."""

    def setUp(self) -> None:
        super().setUp()
        self.batch = make_batch()
        self.message = add_entry(self.batch, State.SENT, ("sent",) * 3, attempt=1)

    def post(self, kind: str, *, to: str = "to0@example.com", **kwargs: Any) -> None:
        tags = {TAG: [tag_value(self.message.pk, 1)]}
        kwargs = {"message_id": "m-1", "recipient": to, "message_tags": tags, **kwargs}
        with testing.trusted_sns():
            request = testing.sns_notification(kind, **kwargs)
            self.assertEqual(self.client.post(TRACKING_URL, **request).status_code, 200)

    def check(self, bounced: int, complained: int, **events: str) -> None:
        entry = Entry._default_manager.get()
        self.assertEqual((entry.bounced_count, entry.complained_count), (bounced, complained))
        rows = Recipient._default_manager.exclude(event="")
        found = {row.address.partition("@")[0]: row.event for row in rows}
        self.assertEqual(found, events)

    def test_a_hard_bounce_counts_once(self) -> None:
        self.post("bounce")
        self.post("bounce")
        self.check(1, 0, to0="bounced")

    def test_any_spelling_of_the_address(self) -> None:
        self.post("bounce", to="To0@EXAMPLE.com")
        self.check(1, 0, to0="bounced")

    def test_a_complaint_counts(self) -> None:
        self.post("complaint", to="to1@example.com")
        self.post("complaint", to="to2@example.com")
        self.check(0, 2, to1="complained", to2="complained")

    def test_a_delivery_does_not(self) -> None:
        self.post("delivery")
        self.check(0, 0)

    def test_an_address_that_it_was_not_sent_to_does_not(self) -> None:
        self.post("bounce", to="other@example.com")
        self.check(0, 0)

    def test_a_batch_that_is_done_is_counted_again(self) -> None:
        with self.assertLogs(UPKEEP):
            upkeep.look_after()
        self.post("bounce")
        upkeep.look_after()
        self.batch.refresh_from_db()
        self.assertEqual((self.batch.state, self.batch.bounced), (BatchState.DONE, 1))
