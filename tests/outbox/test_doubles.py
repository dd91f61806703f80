"""The alarm: SES has accepted a message twice for the same recipient.

Also with ``--db postgres`` and ``--db mariadb``.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from anymail import outbox
from anymail.outbox.channel import Channel
from anymail.outbox.models import Entry, Recipient, State

from .loopback import LEASE, Answer, Call, FaultTestCase, bulk_answer

LOGS = "anymail.outbox.doubles"


class DoublesTests(FaultTestCase):
    anymail = {"OUTBOX_KEEP_CONTENT": 86_400}

    def released(self, *to: str) -> UUID:
        """A message that SES has, and that waits to be sent once more."""
        one = self.send(*to)
        self.posted()
        self.doubt()
        self.assertTrue(outbox.release(one))
        return one

    def check_alarm(self, second: dict[str, str]) -> None:
        self.assertEqual(Entry._default_manager.get().doubled_count, len(second))
        rows = Recipient._default_manager.exclude(second_message_id="")
        self.assertEqual({row.address: row.second_message_id for row in rows}, second)

    def check_none(self) -> None:
        self.check_alarm({})

    def test_the_answer_comes_first_and_then_an_event_about_the_first_call(self) -> None:
        one = self.released()
        with self.assertNoLogs(LOGS):
            self.deliver()
        self.check_none()
        first, second = self.ses.accepted
        with self.assertLogs(LOGS, "ERROR") as logs:
            self.post_event(first)
            self.post_event(first, "delivery")
            self.post_event(second, "delivery")
        self.check_alarm({"to@example.com": first.id})
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            [
                f"The message {one} in the outbox was sent twice: SES has accepted it as "
                f"{second.id}, and in attempt 1 as {first.id}"
            ],
        )

    def test_the_event_comes_first_and_then_the_answer_to_the_second_call(self) -> None:
        self.released()
        worker = self.posted()
        first, second = self.ses.accepted
        self.post_event(first)
        self.assertEqual(self.state(), State.SENT)
        self.check_none()
        with self.assertLogs(LOGS, "ERROR"):
            self.work(worker)
        self.check_alarm({"to@example.com": second.id})
        with self.assertNoLogs(LOGS):
            self.post_event(second)

    def test_two_events(self) -> None:
        self.released()
        self.posted()
        self.doubt()
        first, second = self.ses.accepted
        self.post_event(second)
        with self.assertLogs(LOGS, "ERROR"):
            self.post_event(first)
        self.check_alarm({"to@example.com": first.id})

    def test_two_events_after_somebody_has_ended_the_doubt(self) -> None:
        one = self.released()
        self.posted()
        self.doubt()
        self.assertTrue(outbox.mark_sent(one))
        first, second = self.ses.accepted
        with self.assertNoLogs(LOGS):
            self.post_event(first)
        self.check_none()
        with self.assertLogs(LOGS, "ERROR"):
            self.post_event(second)
        self.check_alarm({"to@example.com": second.id})

    def test_the_answer_to_a_worker_that_was_frozen(self) -> None:
        one = self.send()
        frozen = self.posted()
        self.doubt()
        outbox.release(one)
        self.deliver()
        with self.assertLogs(LOGS, "ERROR"):
            self.work(frozen, may_claim=False)
        self.check_alarm({"to@example.com": self.ses.accepted[0].id})

    def test_what_was_resent_without_a_person(self) -> None:
        self.send(on_doubt="resend")
        self.posted()
        self.doubt()
        self.clock.pass_by(LEASE)
        self.deliver()
        with self.assertLogs(LOGS, "ERROR"):
            self.post_event(self.ses.accepted[0])
        self.check_alarm({"to@example.com": self.ses.accepted[0].id})

    def test_each_recipient_counts(self) -> None:
        to = [f"to{number}@example.com" for number in range(3)]
        self.released(*to)
        self.deliver()
        with self.assertLogs(LOGS, "ERROR") as logs:
            self.post_event(self.ses.accepted[0])
        self.check_alarm(dict.fromkeys(to, self.ses.accepted[0].id))
        self.assertEqual(len(logs.records), 1)
        self.assertNotIn("@", logs.output[0])

    # No alarm

    def test_what_somebody_wanted_sent_again_is_no_mistake(self) -> None:
        one = self.send()
        self.deliver()
        self.assertTrue(outbox.send_again(one))
        self.deliver()
        with self.assertNoLogs(LOGS):
            for call in self.ses.accepted:
                self.post_event(call, "delivery")
        self.check_none()

    def test_but_what_follows_from_a_doubt_about_that_is(self) -> None:
        one = self.send()
        self.deliver()
        outbox.send_again(one)
        self.posted()
        self.doubt()
        outbox.release(one)
        self.deliver()
        first, second, third = self.ses.accepted
        with self.assertNoLogs(LOGS):
            self.post_event(first, "delivery")
            self.post_event(third)
        with self.assertLogs(LOGS, "ERROR"):
            self.post_event(second)
        self.check_alarm({"to@example.com": second.id})

    def test_a_doubt_that_was_none(self) -> None:
        one = self.send()
        worker: Channel = self.claimed()
        worker.step(may_claim=False)
        self.wait_until(lambda: not worker.posted)
        self.doubt()
        self.post_event(self.ses.accepted[0])
        self.assertFalse(outbox.release(one))
        self.deliver()
        self.check_none()


class CopiesTests(FaultTestCase):
    def test_copies_of_the_calls_to_others_are_no_mistake(self) -> None:

        def answer(call: Call) -> Answer:
            self.ses.accepted.append(call)
            return bulk_answer(call, {"b@example.com": "AccountThrottled"} if is_first else {})

        is_first = True
        self.ses.answer = answer
        data: dict[str, Any] = {"a@example.com": {}, "b@example.com": {}}
        self.send(
            "a@example.com", "b@example.com", template_id="t", merge_data=data, cc=["c@x.com"]
        )
        self.deliver()
        is_first = False
        self.clock.pass_by(60)
        self.deliver()
        self.assertEqual(self.state(), State.SENT)
        with self.assertNoLogs(LOGS):
            for call, address in zip(self.ses.accepted, data, strict=True):
                position = call.to.index(address)
                one = Call(id=f"{call.id}-{position}", to=[], tag=call.tag, form=call.form)
                self.post_event(one, to=[address, "c@x.com"])
        self.assertEqual(Entry._default_manager.get().doubled_count, 0)
