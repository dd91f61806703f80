"""What dies or fails where, and what becomes of the mail: the fault table, row by row.

Also with ``--db postgres`` and ``--db mariadb``.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest import mock

from django.db import transaction
from django.utils import timezone

from anymail import outbox, testing
from anymail.amazon_ses.queued import handle_message
from anymail.amazon_ses.receive import queue_proof
from anymail.amazon_ses.sqs import SqsMessage
from anymail.conf import AmazonSESSettings, current_settings
from anymail.message import AnymailRecipientStatus
from anymail.outbox import claiming
from anymail.outbox.ids import TAG
from anymail.outbox.ledger import entries
from anymail.outbox.models import Entry, State
from anymail.signals import pre_send, recipients_resolved

from .loopback import LEASE, PATIENCE, Call, FaultTestCase, refusing

QUEUE = "arn:aws:sqs:us-east-1:123456789012:events"


class Died(BaseException):
    """The process ends here."""


class DyingWorkerTests(FaultTestCase):
    def test_what_is_rolled_back_is_not_sent(self) -> None:
        with suppress(ZeroDivisionError), transaction.atomic():
            self.send()
            raise ZeroDivisionError
        self.deliver()
        self.assertEqual((self.ses.calls, entries().count()), ([], 0))

    def test_what_is_not_committed_yet_is_not_sent(self) -> None:
        with transaction.atomic():
            self.send()
            self.assertEqual(self.ses.calls, [])
        self.deliver()
        self.assertEqual(self.state(), State.SENT)

    def test_a_bell_that_fails_loses_nothing(self) -> None:
        def bell(run_after: Any = None) -> None:
            raise ConnectionError

        changed = self.settings(ANYMAIL=self.with_anymail(OUTBOX_BELL=bell))
        with changed, self.assertLogs("anymail.outbox.bells", "ERROR"):
            self.send()
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_after_a_claim_another_worker_takes_over_when_the_lease_is_over(self) -> None:
        self.send()
        self.claimed()
        self.deliver()
        self.assertEqual((self.state(), self.ses.calls), (State.CLAIMED, []))
        self.clock.pass_by(LEASE + 1)
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_after_posting_was_committed_the_message_is_held(self) -> None:
        self.send()
        worker = self.claimed()
        dying = mock.patch.object(worker._pool, "submit", side_effect=Died)
        with dying, self.assertRaises(Died):
            worker.step(may_claim=False)
        self.assertEqual(self.state(), State.POSTING)
        self.doubt()
        self.clock.pass_by(3600)
        self.deliver()
        self.assertEqual((self.state(), self.ses.calls), (State.IN_DOUBT, []))
        self.assertEqual(self.statuses(), {"to@example.com": "unknown"})

    def test_it_is_sent_if_that_was_asked_for(self) -> None:
        self.send(on_doubt="resend")
        worker = self.claimed()
        dying = mock.patch.object(worker._pool, "submit", side_effect=Died)
        with dying, self.assertRaises(Died):
            worker.step(may_claim=False)
        self.doubt()
        self.clock.pass_by(31)
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))


class ProofTests(FaultTestCase):
    """SES has accepted a message, and the worker died before it could write that down."""

    def accepted(self, *to: str, **kwargs: Any) -> Call:
        self.send(*to, **kwargs)
        self.posted()
        [call] = self.ses.accepted
        return call

    def doubted(self, *to: str, **kwargs: Any) -> Call:
        call = self.accepted(*to, **kwargs)
        self.doubt()
        self.assertEqual(self.state(), State.IN_DOUBT)
        return call

    def check_sent(self, call: Call) -> None:
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))
        self.assertEqual(self.message_ids(), dict.fromkeys(call.to, call.id))
        self.assertEqual(set(self.statuses().values()), {"queued"})
        self.assertIsNone(entries().get().content)

    def test_an_event_before_the_lease_is_over(self) -> None:
        call = self.accepted()
        self.post_event(call)
        self.check_sent(call)
        self.lease_is_over()
        self.check_sent(call)

    def test_an_event_after_it(self) -> None:
        call = self.doubted()
        self.post_event(call)
        self.check_sent(call)

    def test_any_kind_of_event(self) -> None:
        for kind in ("delivery", "bounce", "complaint", "open", "click", "delivery_delay"):
            with self.subTest(kind):
                Entry._default_manager.all().delete()
                self.ses.accepted.clear()
                call = self.doubted()
                self.post_event(call, kind)
                self.check_sent(call)

    def test_events_that_come_twice(self) -> None:
        call = self.doubted()
        for kind in ("send", "send", "delivery", "open"):
            self.post_event(call, kind)
        self.check_sent(call)

    def test_an_event_from_a_queue(self) -> None:
        call = self.doubted()
        document = testing.ses_event(
            "send", recipient=call.to, message_id=call.id, message_tags={TAG: [call.tag]}
        )
        settings = current_settings().get(AmazonSESSettings)
        body = json.dumps(document)
        message = SqsMessage(
            id="1", receipt="r", body=body, receive_count=1, sent_at=timezone.now()
        )
        handle_message(message, QUEUE, settings, proof=queue_proof(settings), sender=type(self))
        self.check_sent(call)

    def test_an_event_in_time_keeps_a_message_from_being_resent(self) -> None:
        call = self.doubted(on_doubt="resend")
        self.clock.pass_by(31)
        self.reap()
        self.assertEqual(self.state(), State.WAITING)
        self.post_event(call)
        self.check_sent(call)

    def test_even_when_it_is_claimed_already(self) -> None:
        call = self.doubted(on_doubt="resend")
        self.clock.pass_by(31)
        self.reap()
        worker = self.claimed()
        self.assertEqual(self.state(), State.CLAIMED)
        self.post_event(call)
        self.work(worker)
        self.check_sent(call)

    def test_even_when_a_later_attempt_was_refused(self) -> None:
        call = self.doubted()
        self.ses.answer = refusing("MessageRejected")
        outbox.release(entries().get().pk)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual((self.state(), entries().get().refused_count), (State.FAILED, 1))
        self.post_event(call)
        self.check_sent(call)
        self.assertEqual(entries().get().refused_count, 0)

    def test_an_event_with_another_id_changes_nothing(self) -> None:
        call = self.doubted()
        for tag in ("", "x-1", "0" * 32 + "-1", call.tag.replace("-1", "-2"), call.tag + "9"):
            self.post_event(Call(id="m-x", to=call.to, tag=tag, form={}))
        self.assertEqual(self.state(), State.IN_DOUBT)

    def test_somebody_who_was_left_out_does_not_keep_the_doubt(self) -> None:
        def leave_out(sender: Any, message: Any, recipients: Any, **kwargs: Any) -> None:
            refused = outbox_refused("suppressed@example.com")
            message.anymail_status.set_recipient_status(refused)

        recipients_resolved.connect(leave_out)
        self.addCleanup(recipients_resolved.disconnect, leave_out)
        call = self.doubted("suppressed@example.com", cc=["to@example.com"])
        self.assertEqual(call.to, ["to@example.com"])
        self.post_event(call)
        self.assertEqual(self.state(), State.SENT)
        self.assertEqual(
            self.statuses(), {"suppressed@example.com": "rejected", "to@example.com": "queued"}
        )

    def test_nor_does_somebody_whom_pre_send_has_taken_out(self) -> None:
        def take_out(sender: Any, message: Any, **kwargs: Any) -> None:
            message.to.remove("out@example.com")

        pre_send.connect(take_out)
        self.addCleanup(pre_send.disconnect, take_out)
        call = self.doubted("to@example.com", "out@example.com", "other@example.com")
        self.assertEqual(call.to, ["to@example.com", "other@example.com"])
        self.post_event(call)
        self.assertEqual((self.state(), self.statuses()["out@example.com"]), ("sent", "rejected"))

    def test_copies_of_a_template_are_not_left_out(self) -> None:
        call = self.doubted("to@example.com", cc=["copy@example.com"], template_id="t")
        self.post_event(call, to=["to@example.com", "copy@example.com"])
        self.assertEqual((self.state(), set(self.statuses().values())), ("sent", {"queued"}))


def outbox_refused(address: str) -> dict[str, Any]:
    return {address: AnymailRecipientStatus(None, "rejected", "Suppressed")}


class FrozenWorkerTests(FaultTestCase):
    """A worker that does nothing for longer than its lease, and then goes on."""

    def slow_channel(self) -> Any:
        """A worker that has written down that it posts, and waits for its turn."""
        worker = self.claimed(name="frozen")
        patch = mock.patch.object(worker._rate, "take", return_value=time.monotonic() + PATIENCE)
        patch.start()
        self.addCleanup(patch.stop)
        worker.step(may_claim=False)
        return worker

    def test_it_does_not_post_what_it_has_claimed(self) -> None:
        self.send()
        frozen = self.claimed(name="frozen")
        self.lease_is_over()
        self.deliver()
        self.work(frozen, may_claim=False)
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_it_does_not_post_what_it_was_about_to_post(self) -> None:
        self.send(on_doubt="resend")
        frozen = self.slow_channel()
        self.doubt()
        self.clock.pass_by(31)
        self.deliver()
        self.assertEqual(len(self.ses.accepted), 1)
        self.work(frozen, may_claim=False)
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_what_was_surely_not_posted_is_not_in_doubt(self) -> None:
        self.send()
        frozen = self.slow_channel()
        self.doubt()
        self.assertEqual(self.state(), State.IN_DOUBT)
        self.work(frozen, may_claim=False)
        self.assertEqual((self.state(), self.ses.calls), (State.WAITING, []))
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_it_keeps_what_nobody_has_taken(self) -> None:
        self.send()
        frozen = self.claimed(name="frozen")
        self.clock.pass_by(LEASE + 1)
        self.work(frozen, may_claim=False)
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_a_late_answer_ends_the_doubt(self) -> None:
        self.send()
        frozen = self.posted(name="frozen")
        self.doubt()
        self.assertEqual(self.state(), State.IN_DOUBT)
        self.work(frozen, may_claim=False)
        self.assertEqual(
            (self.state(), self.message_ids()), (State.SENT, {"to@example.com": "m-1"})
        )

    def test_a_late_answer_counts_even_if_the_message_was_cancelled_since(self) -> None:
        entry_id = self.send(on_doubt="resend")
        frozen = self.posted(name="frozen")
        self.doubt()
        self.clock.pass_by(31)
        self.reap()
        self.assertTrue(outbox.cancel(entry_id))
        self.work(frozen, may_claim=False)
        self.assertEqual(
            (self.state(), self.statuses()), (State.SENT, {"to@example.com": "queued"})
        )

    def test_a_late_answer_counts_even_if_a_later_attempt_was_refused(self) -> None:
        self.check_late_answer_after_refusal("to@example.com")

    def test_also_the_answer_to_one_of_several_calls(self) -> None:
        with self.settings(ANYMAIL=self.with_anymail(AMAZON_SES_SPLIT_RECIPIENTS=True)):
            to = [f"to{number}@example.com" for number in range(60)]
            self.check_late_answer_after_refusal(*to)

    def test_also_for_those_who_get_copies_of_a_template(self) -> None:
        self.check_late_answer_after_refusal(
            "to@example.com", cc=["copy@example.com"], template_id="t"
        )
        self.assertEqual(self.statuses()["copy@example.com"], "queued")

    def check_late_answer_after_refusal(self, *to: str, **kwargs: Any) -> None:
        entry_id = self.send(*to, **kwargs)
        frozen = self.posted(name="frozen")
        self.doubt()
        self.assertTrue(outbox.release(entry_id))
        self.ses.answer = refusing("MessageRejected")
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(self.state(), State.FAILED)
        self.work(frozen, may_claim=False)
        expected = {**dict.fromkeys(to, "failed"), **dict.fromkeys(self.ses.got, "queued")}
        statuses = self.statuses()
        self.assertEqual((self.state(), {one: statuses[one] for one in to}), ("sent", expected))
        self.assertEqual(entries().get().refused_count, len(to) - len(self.ses.got))

    def test_a_late_answer_does_not_count_for_what_is_sent_once_more(self) -> None:
        self.check_late_answer_after_send_again("to@example.com")

    def test_nor_does_the_answer_to_one_of_several_calls(self) -> None:
        with self.settings(ANYMAIL=self.with_anymail(AMAZON_SES_SPLIT_RECIPIENTS=True)):
            self.check_late_answer_after_send_again("a@example.com", "b@example.com")

    def check_late_answer_after_send_again(self, *to: str) -> None:
        entry_id = self.send(*to)
        frozen = self.posted(name="frozen")
        with self.settings(ANYMAIL=self.with_anymail(OUTBOX_KEEP_CONTENT=86_400)):
            for call in list(self.ses.accepted):
                self.post_event(call)
            self.assertEqual(self.state(), State.SENT)
            self.assertTrue(outbox.send_again(entry_id))
            self.work(frozen, may_claim=False)
            self.assertEqual(self.state(), State.WAITING)
            self.deliver()
        self.assertEqual((self.state(), self.ses.got), (State.SENT, dict.fromkeys(to, 2)))

    def test_a_late_refusal_does_not_count_for_the_next_attempt(self) -> None:
        self.send(on_doubt="resend")
        self.ses.answer = refusing("MessageRejected", "Email address is on the suppression list.")
        frozen = self.posted(name="frozen")
        self.doubt()
        self.clock.pass_by(31)
        self.ses.answer = self.ses.accept
        self.reap()
        next_one = self.posted()
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.work(frozen, may_claim=False)
        self.assertEqual(self.state(), State.POSTING)
        self.work(next_one, may_claim=False)
        self.assertEqual(
            (self.state(), self.statuses()), (State.SENT, {"to@example.com": "queued"})
        )

    def test_it_posts_no_more_calls_of_a_message_that_another_has_taken(self) -> None:
        to = [f"to{number}@example.com" for number in range(200)]
        with self.settings(ANYMAIL=self.with_anymail(AMAZON_SES_SPLIT_RECIPIENTS=True)):
            self.send(*to)
            frozen = self.posted(name="frozen")
            self.assertGreater(len(self.ses.accepted), 0)
            self.doubt()
            self.deliver()
            self.assertEqual(set(self.ses.got.values()), {1})
            self.assertEqual(self.state(), State.IN_DOUBT)
            self.work(frozen, may_claim=False)
        self.assertEqual(self.ses.got, dict.fromkeys(to, 1))
        self.assertEqual((self.state(), set(self.statuses().values())), (State.SENT, {"queued"}))

    def test_a_rescheduled_message_stays_so_whatever_comes_of_its_claim(self) -> None:
        entry_id = self.send()
        worker = self.claimed()
        later = timezone.now() + timedelta(days=1)
        self.assertTrue(outbox.reschedule(entry_id, later))
        failing = mock.patch("anymail.outbox.channel.prepare", side_effect=OSError("storage"))
        with failing, self.assertLogs("anymail.outbox", "WARNING"):
            self.work(worker, may_claim=False)
        self.assertEqual((self.state(), entries().get().not_before), (State.WAITING, later))

    def test_one_that_is_rescheduled_while_it_is_claimed_is_not_taken(self) -> None:
        """By a database that compares instead of locking."""
        entry_id = self.send()
        later = timezone.now() + timedelta(days=1)
        take = claiming._take_by_comparison
        real_filter = claiming.QuerySet.update
        done = []

        def update(rows: Any, **changes: Any) -> int:
            if changes.get("state") == State.CLAIMED and not done:
                done.append(outbox.reschedule(entry_id, later))
            return real_filter(rows, **changes)

        with (
            mock.patch.object(claiming, "_take_locked", take),
            mock.patch.object(claiming.QuerySet, "update", update),
        ):
            self.deliver()
        self.assertEqual((done, self.state(), self.ses.calls), ([True], State.WAITING, []))
