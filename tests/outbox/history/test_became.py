"""What became of a mail, in one sentence."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from django.test import SimpleTestCase
from django.utils.timezone import override

from anymail.outbox.history.became import reason_of, sentence, stages
from anymail.outbox.history.happenings import Happening
from anymail.outbox.models import Entry, Recipient, State

DAY = datetime(2026, 5, 1, tzinfo=timezone.utc)


def at(hour: int) -> datetime:
    return DAY.replace(hour=hour)


def row(state: str = State.SENT, status: str = "sent", code: str = "", **columns: Any) -> Recipient:
    times = {"created_at": at(1), "posted_at": at(2), "done_at": at(3), "not_before": at(4)}
    entry = Entry(state=state, recipients_count=1, **{**times, **columns})
    return Recipient(entry=entry, status=status, error_code=code)


def event(kind: str, hour: int, **fields: Any) -> Happening:
    common = {"address": "ann@example.com", "message_id": "1"}
    return Happening(at=at(hour), kind=kind, **{**common, **fields})


class BecameTests(SimpleTestCase):
    def kinds(self, one: Recipient, *events: Happening) -> list[str]:
        return [stage.kind for stage in stages(one, events)]

    def said(self, one: Recipient, *events: Happening) -> str:
        with override("UTC"):
            return sentence("Hi", stages(one, events))

    def test_what_was_reported_is_told_in_the_order_of_time(self) -> None:
        events = [event("complained", 9), event("opened", 6), event("delivered", 5)]
        self.assertEqual(self.kinds(row(), *events), ["delivered", "opened", "complained"])
        self.assertEqual(
            self.said(row(), *events[1:]),
            "The last mail, “Hi”, was delivered on May 1, 2026, 5 a.m., and was opened on "
            "May 1, 2026, 6 a.m.",
        )

    def test_the_first_open_and_the_last_bounce_count(self) -> None:
        events = [event("opened", 7), event("opened", 6), event("bounced", 8), event("bounced", 9)]
        reached = stages(row(), events)
        self.assertEqual(
            [(one.kind, one.at) for one in reached], [("opened", at(6)), ("bounced", at(9))]
        )

    def test_a_delay_is_told_while_it_lasts(self) -> None:
        self.assertEqual(self.kinds(row(), event("deferred", 5)), ["deferred"])
        for end in ("delivered", "bounced", "rejected", "failed"):
            self.assertEqual(self.kinds(row(), event("deferred", 5), event(end, 6)), [end])

    def test_what_was_only_accepted_counts_as_sent(self) -> None:
        self.assertEqual(self.kinds(row(), event("sent", 5), event("unknown", 6)), ["sent"])
        self.assertIn("was sent on May 1, 2026, 2 a.m., and nothing", self.said(row()))

    def test_each_state_before_and_instead_of_that(self) -> None:
        for state, status, code, kind in (
            (State.WAITING, "", "", "waiting"),
            (State.CLAIMED, "", "", "waiting"),
            (State.POSTING, "", "", "posting"),
            (State.IN_DOUBT, "unknown", "", "in_doubt"),
            (State.FAILED, "", "", "not_sent"),
            (State.EXPIRED, "", "", "expired"),
            (State.CANCELLED, "", "", "cancelled"),
            (State.SENT, "rejected", "Suppressed", "suppressed"),
            (State.SENT, "failed", "MessageRejected", "refused"),
            (State.SENT, "invalid", "InvalidAddress", "refused"),
        ):
            with self.subTest(state, status=status):
                one = row(state, status, code)
                self.assertEqual(self.kinds(one), [kind])
                self.assertRegex(self.said(one), r"^The last mail, “Hi”, .+\.$")

    def test_earlier_events_say_nothing_of_a_mail_that_waits_again(self) -> None:
        self.assertEqual(self.kinds(row(State.WAITING, ""), event("bounced", 5)), ["waiting"])

    def test_why_it_was_not_sent(self) -> None:
        one = row(State.FAILED, "", error_code="MessageRejected", error="Not verified.")
        self.assertEqual(
            self.said(one), "The last mail, “Hi”, was not sent: MessageRejected: Not verified."
        )
        self.assertIn(
            "was not accepted: InvalidAddress",
            self.said(row(status="invalid", code="InvalidAddress")),
        )

    def test_the_reason_of_a_bounce_has_what_the_server_said(self) -> None:
        types = {"bounce_type": "Permanent", "bounce_subtype": "NoEmail"}
        for fields, expected in (
            ({}, "Permanent, NoEmail"),
            ({"smtp_status": "5.1.1"}, "5.1.1 (Permanent, NoEmail)"),
            ({"answer": "550 No"}, "550 No (Permanent, NoEmail)"),
            (
                {"smtp_status": "5.1.1", "answer": "550 5.1.1 No"},
                "550 5.1.1 No (Permanent, NoEmail)",
            ),
        ):
            self.assertEqual(reason_of(event("bounced", 1, **types, **fields)), expected)
        self.assertEqual(reason_of(event("complained", 1, description="abuse")), "abuse")
        self.assertEqual(reason_of(event("delivered", 1, answer="250 OK")), "")

    def test_what_another_recipient_may_have_done_is_told_as_such(self) -> None:
        opened = event("opened", 5, uncertain=True)
        self.assertIn("(perhaps by another recipient)", self.said(row(), opened))

    def test_without_the_subject(self) -> None:
        self.assertRegex(sentence("", stages(row(), ())), "^The last mail was sent")
