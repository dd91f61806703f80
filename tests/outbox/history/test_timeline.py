"""A message, its steps and events -> moments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.test import SimpleTestCase

from anymail.outbox.history.happenings import Happening
from anymail.outbox.history.harm_advice import harm_advice, harms
from anymail.outbox.history.timeline import MAX_FREQUENT, Moment, timeline
from anymail.outbox.models import Entry, State, Step, StepKind

from .rows import ANN, NOON

BOB = "bob@example.com"


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def entry(state: str = State.SENT, **columns: Any) -> Entry:
    """A message that was stored at noon, posted after a second, and was done after two."""
    if state in (State.SENT, State.FAILED):
        columns = {"posted_at": after(1), "done_at": after(2), "attempt": 1, **columns}
    columns = {"created_at": NOON, "not_before": NOON, "recipients_count": 1, **columns}
    return Entry(state=state, **columns)


def happening(kind: str, seconds: float, address: str = ANN, **fields: Any) -> Happening:
    fields.setdefault("message_id", "m1")
    return Happening(kind=kind, at=after(seconds), address=address, **fields)


def titles(moments: list[Moment]) -> list[str]:
    return [moment.title for moment in moments]


class TimelineTests(SimpleTestCase):
    def test_a_message_that_was_delivered_and_read(self) -> None:
        told = [
            happening("clicked", 99, click_url="https://example.com/", user_agent="Firefox"),
            happening("delivered", 3, processing_ms=1_200, answer="250 OK"),
            happening("opened", 60),
        ]
        moments = timeline(entry(), [], told)
        expected = ["Stored in the outbox", "Posted to Amazon SES", "Accepted by Amazon SES"]
        expected += ["Delivered after 1.2 s", "Opened", "Clicked"]
        self.assertEqual(titles(moments), expected)
        self.assertEqual(moments[3].details, ("250 OK",))
        self.assertEqual(moments[5].details, ("https://example.com/", "Firefox"))
        self.assertEqual({moment.address for moment in moments}, {""})

    def test_a_delivery_that_the_outbox_heard_of_before_it_wrote_down_the_answer(self) -> None:
        moments = timeline(entry(), [], [happening("delivered", 1.5)])
        self.assertEqual(titles(moments)[-2:], ["Accepted by Amazon SES", "Delivered"])
        self.assertEqual(moments[-2].at, after(1.5))

    def test_an_event_never_comes_before_the_post_however_wrong_a_clock_is(self) -> None:
        moments = timeline(entry(), [], [happening("delivered", -300)])
        self.assertEqual(titles(moments)[1:3], ["Posted to Amazon SES", "Delivered"])
        self.assertEqual(moments[2].at, after(-300))

    def test_that_ses_accepted_it_is_said_once(self) -> None:
        told = [happening("sent", 1.2)]
        self.assertEqual(titles(timeline(entry(), [], told)).count("Accepted by Amazon SES"), 1)
        doubtful = entry(State.IN_DOUBT, posted_at=after(1), attempt=1)
        self.assertEqual(titles(timeline(doubtful, [], told))[-1], "Accepted by Amazon SES")

    def test_steps_are_in_it_with_their_reasons_and_who_did_them(self) -> None:
        steps = [
            Step(kind=StepKind.PUT_OFF, at=after(2), attempt=1, error_code="Throttling"),
            Step(kind=StepKind.IN_DOUBT, at=after(9), attempt=2),
            Step(kind=StepKind.RELEASED, at=after(20), by="zoe"),
        ]
        moments = timeline(entry(posted_at=after(21), done_at=after(22), attempt=3), steps, [])
        expected = ["Stored in the outbox", "Attempt 1 failed; to be tried again"]
        expected += ["In doubt: it was posted, and no answer is known"]
        expected += ["Released from doubt, to be sent", "Posted to Amazon SES, attempt 3"]
        self.assertEqual(titles(moments), [*expected, "Accepted by Amazon SES"])
        self.assertEqual(moments[1].details, ("Throttling",))
        self.assertEqual(moments[3].details, ("by zoe",))

    def test_an_end_that_a_step_tells_is_said_once(self) -> None:
        for kind, state in (
            (StepKind.MARKED_SENT, State.SENT),
            (StepKind.PROVEN, State.SENT),
            (StepKind.CANCELLED, State.CANCELLED),
        ):
            steps = [Step(kind=kind, at=after(9))]
            found = titles(timeline(entry(state, done_at=after(9)), steps, []))
            self.assertNotIn("Accepted by Amazon SES", found)
            self.assertLess(found.count("Cancelled"), 2)

    def test_other_ends(self) -> None:
        failed = entry(State.FAILED, error_code="MessageRejected", error="Not verified.")
        self.assertEqual(timeline(failed, [], [])[-1].details, ("MessageRejected: Not verified.",))
        for state in (State.EXPIRED, State.CANCELLED):
            over = entry(state, done_at=after(9))
            self.assertEqual(len(timeline(over, [], [])), 2, state)

    def test_a_time_to_be_sent(self) -> None:
        late = entry(State.WAITING, not_before=after(3_600))
        self.assertEqual(titles(timeline(late, [], []))[-1], "Due")
        again = entry(State.WAITING, not_before=after(60), error="Throttled")
        self.assertEqual(titles(timeline(again, [], []))[-1], "Due to be tried again")
        sent = entry(not_before=after(60), posted_at=after(61), done_at=after(62))
        self.assertEqual(titles(timeline(sent, [], []))[1], "Due")

    def test_what_waits_once_more_is_due_after_it_was_posted(self) -> None:
        again = entry(State.WAITING, not_before=after(60), posted_at=after(9), attempt=1)
        found = titles(timeline(again, [], []))
        self.assertEqual(found, ["Stored in the outbox", "Posted to Amazon SES", "Due"])

    def test_the_clock_of_a_worker_changes_no_order(self) -> None:
        early = entry(posted_at=after(-20), done_at=after(-19))
        found = titles(timeline(early, [], []))
        self.assertEqual(found[1:], ["Posted to Amazon SES", "Accepted by Amazon SES"])

    def test_a_message_that_was_sent_directly(self) -> None:
        direct = entry(attempt=0, posted_at=NOON, done_at=NOON)
        found = titles(timeline(direct, [], [happening("delivered", -0.2)]))
        self.assertEqual(found, ["Sent directly, and accepted by Amazon SES", "Delivered"])

    def test_of_several_recipients_each_moment_names_its_own(self) -> None:
        told = [happening("delivered", 3), happening("bounced", 4, BOB)]
        moments = timeline(entry(recipients_count=2), [], told)
        self.assertEqual([moment.address for moment in moments[-2:]], [ANN, BOB])

    def test_what_may_have_been_anybody_is_one_moment_without_a_name(self) -> None:
        told = [happening("opened", 9, address, uncertain=True) for address in (ANN, BOB)]
        moments = timeline(entry(recipients_count=2), [], told)
        self.assertEqual(titles(moments).count("Opened"), 1)
        self.assertEqual((moments[-1].address, moments[-1].is_uncertain), ("", True))

    def test_many_opens_are_counted_instead_of_shown(self) -> None:
        told = [happening("opened", 10 + number) for number in range(MAX_FREQUENT + 40)]
        moments = timeline(entry(), [], told)
        self.assertEqual(titles(moments).count("Opened"), MAX_FREQUENT)
        self.assertEqual(moments[-1].title, "40 more opens until then")
        self.assertEqual(moments[-1].at, told[-1].at)

    def test_each_kind_of_bounce(self) -> None:
        for fields, start in (
            ({"is_hard": True}, "Bounced for good"),
            ({}, "Bounced, perhaps for now"),
            ({"is_hard": True, "is_suppressed": True}, "Bounced: Amazon SES did not try"),
            ({"is_autoreply": True}, "An automatic reply came"),
        ):
            moment = timeline(entry(), [], [happening("bounced", 4, **fields)])[-1]
            self.assertTrue(moment.title.startswith(start), moment.title)
            self.assertEqual(moment.tone, "" if "is_autoreply" in fields else "bad")

    def test_every_type_of_event_has_a_title(self) -> None:
        for kind in ("deferred", "rejected", "failed", "complained", "unsubscribed", "unknown"):
            self.assertTrue(timeline(entry(), [], [happening(kind, 4)])[-1].title)


class AdviceTests(SimpleTestCase):
    def told(self, kind: str, *suppressed: str, **fields: Any) -> str:
        return "".join(harm_advice(harms([happening(kind, 4, **fields)]), suppressed))

    def test_a_bounce_says_why_and_what_to_do(self) -> None:
        text = self.told("bounced", is_hard=True, answer="550 no such user")
        self.assertIn(f"{ANN} bounced for good: correct the address", text)
        self.assertIn("550 no such user", text)
        self.assertIn("send the message again later", self.told("bounced"))
        self.assertIn("at Amazon", self.told("bounced", is_suppressed=True))
        self.assertIn("reported the message as spam", self.told("complained"))

    def test_it_says_that_the_address_is_suppressed_here(self) -> None:
        self.assertIn("on the suppression list here", self.told("bounced", ANN))
        self.assertNotIn("on the suppression list here", self.told("bounced", BOB))

    def test_what_harms_nobody_needs_no_advice(self) -> None:
        for kind, fields in (
            ("delivered", {}),
            ("bounced", {"uncertain": True}),
            ("bounced", {"is_autoreply": True}),
            ("complained", {"complaint_type": "not-spam"}),
        ):
            self.assertEqual(self.told(kind, **fields), "")
