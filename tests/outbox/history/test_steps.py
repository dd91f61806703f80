"""What a message's own columns forget is noted: what went wrong, and what people did."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from django.db import connection
from django.test import SimpleTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from anymail import outbox
from anymail.message import AnymailMessage
from anymail.outbox.asking import Wish
from anymail.outbox.history.steps import LAST_NOTED, steps_of
from anymail.outbox.interventions import INTERVENTIONS
from anymail.outbox.ledger import entries, steps
from anymail.outbox.models import NAME_LENGTH, Entry, State
from anymail.outbox.outcomes import Outcome, Result, Verdict

from .. import OutboxTestCase, use_outbox
from ..loopback import LEASE, FaultTestCase, refusing

THROTTLED = Result(verdict=Verdict.THROTTLED, code="Throttling", text="Too fast.")


def noted() -> list[tuple[str, int, str, str]]:
    """Kind, attempt, error code and person of all steps."""
    rows = steps().order_by("pk")
    return list(rows.values_list("kind", "attempt", "error_code", "by"))


class OutcomeTests(SimpleTestCase):
    """Which outcomes of an attempt are noted."""

    later = Outcome(state=State.WAITING, failures=0, pause=1.0, results={}, problem=THROTTLED)

    def kinds(self, outcome: Outcome, **entry: object) -> list[str]:
        return [step.kind for step in steps_of(Entry(**{"attempt": 1, **entry}), outcome)]

    def test_the_same_trouble_is_noted_once(self) -> None:
        self.assertEqual(self.kinds(self.later), ["put_off"])
        self.assertEqual(self.kinds(self.later, attempt=2, error_code="Throttling"), [])
        self.assertEqual(self.kinds(self.later, attempt=2, error_code="Other"), ["put_off"])

    def test_trouble_that_changes_all_the_time_is_not_noted_for_ever(self) -> None:
        for attempt, count in ((LAST_NOTED, 1), (LAST_NOTED + 1, 0)):
            found = self.kinds(self.later, attempt=attempt, error_code="Other")
            self.assertEqual(len(found), count)

    def test_every_failure_is_noted(self) -> None:
        """``OUTBOX_MAX_ATTEMPTS`` limits them."""
        failed = replace(self.later, failures=1)
        self.assertEqual(self.kinds(failed, attempt=99, error_code="Throttling"), ["put_off"])

    def test_a_pause_says_so(self) -> None:
        paused = replace(THROTTLED, verdict=Verdict.PAUSED)
        [step] = steps_of(Entry(attempt=1), replace(self.later, problem=paused))
        self.assertEqual(step.text, "Sending is paused: Too fast.")

    def test_what_the_columns_of_the_message_say_is_not_noted(self) -> None:
        for state in (State.SENT, State.FAILED):
            self.assertEqual(self.kinds(replace(self.later, state=state)), [])


class WayTests(FaultTestCase):
    """Steps of messages that SES gets, or does not get."""

    def test_a_message_that_is_sent_at_once_has_none_and_costs_no_query(self) -> None:
        self.send()
        with CaptureQueriesContext(connection) as queries:
            self.deliver()
        self.assertEqual(self.state(), State.SENT)
        self.assertFalse([one for one in queries if "anymail_outbox_step" in one["sql"]])

    def test_ses_has_trouble(self) -> None:
        self.send()
        self.ses.answer = refusing("Throttling")
        worker = self.channel()
        for _ in range(3):
            with self.assertLogs("anymail.outbox", "INFO"):
                self.work(worker)
            self.clock.pass_by(3)
        self.ses.answer = self.ses.accept
        self.work(worker)
        self.assertEqual((self.state(), len(self.ses.calls)), (State.SENT, 4))
        self.assertEqual(noted(), [("put_off", 1, "Throttling", "")])

    def test_a_worker_dies_before_it_posts(self) -> None:
        self.send()
        self.claimed()
        self.lease_is_over()
        self.assertEqual(noted(), [("worker_died", 1, "", "")])

    def test_an_event_ends_a_doubt(self) -> None:
        self.send()
        self.posted()
        self.doubt()
        self.post_event(self.ses.accepted[0])
        self.assertEqual(self.state(), State.SENT)
        self.assertEqual(noted(), [("in_doubt", 1, "LeaseOver", ""), ("proven", 1, "", "")])

    def test_an_event_that_is_faster_than_the_answer_ends_no_doubt(self) -> None:
        self.send()
        worker = self.posted()
        self.post_event(self.ses.accepted[0])
        self.work(worker)
        self.assertEqual((self.state(), noted()), (State.SENT, []))

    def test_a_late_answer_ends_a_doubt(self) -> None:
        for to in (["a@example.com"], [f"{n}@example.com" for n in range(60)]):  # one call, two
            entries().all().delete()
            self.send(*to, merge_data={} if len(to) > 1 else None, template_id="news")
            worker = self.posted()
            self.doubt()
            self.work(worker)
            self.assertEqual(self.state(), State.SENT)
            self.assertEqual([step[0] for step in noted()][-1], "proven")

    def test_a_doubt_that_need_not_be_held_is_released_by_itself(self) -> None:
        self.send(on_doubt="resend")
        self.posted()
        self.doubt()
        self.clock.pass_by(LEASE)
        self.reap()
        self.assertEqual(noted()[1:], [("released", 1, "", "")])


class PeopleTests(OutboxTestCase):
    def setUp(self) -> None:
        super().setUp()
        settings = use_outbox()
        settings.enable()
        self.addCleanup(settings.disable)
        message = AnymailMessage("Hello", "Text", "from@example.com", ["a@example.com"])
        message.send()
        self.message = entries().get()

    def test_what_people_do_in_the_admin(self) -> None:
        before = {
            "cancel": State.WAITING,
            "send-again": State.CANCELLED,
            "release": State.IN_DOUBT,
            "mark-sent": State.IN_DOUBT,
        }
        for name, state in before.items():
            entries().update(state=state, attempt=2)
            self.assertTrue(INTERVENTIONS[name].act(self.message, Wish(by="Ann")))
        kinds = ["cancelled", "sent_again", "released", "marked_sent"]
        self.assertEqual(noted(), [(kind, 2, "", "Ann") for kind in kinds])

    def test_what_code_does(self) -> None:
        moment = timezone.now() + timedelta(days=1)
        self.assertTrue(outbox.reschedule(self.message.pk, moment))
        self.assertTrue(outbox.cancel(self.message.pk, by="x\x00" * 200))
        self.assertFalse(outbox.cancel(self.message.pk, by="too late"))
        self.assertFalse(outbox.reschedule(self.message.pk, moment))
        self.assertEqual(
            noted(),
            [("rescheduled", 0, "", ""), ("cancelled", 0, "", ("x\ufffd" * 200)[:NAME_LENGTH])],
        )
        text = steps().order_by("pk")[0].text
        self.assertEqual(text, moment.isoformat(" ", "seconds"))

    def test_of_a_batch_that_is_cancelled_the_batch_says_it(self) -> None:
        message = AnymailMessage("Hello", "Text", "from@example.com")
        outbox.send_many(message, ["b@example.com", "c@example.com"], name="news")
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.assertEqual(outbox.cancel_batch("news"), 2)
        self.assertEqual(noted(), [])
