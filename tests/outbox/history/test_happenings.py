"""Rows of events -> values, from the outbox's own table and those of the feedback app."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.test import TestCase, modify_settings, override_settings
from django.test.utils import CaptureQueriesContext

from anymail.feedback.models import Delivery
from anymail.outbox.history.happenings import (
    Happening,
    happenings_of_address,
    happenings_of_messages,
)
from anymail.outbox.models import Event

from .rows import ANN, NOON, add_events, add_feedback

#: Details of a bounce with a report of the recipient's server.
REPORT = {
    "bounceSubType": "NoEmail",
    "bouncedRecipients": [
        {"emailAddress": ANN, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 no such user"}
    ],
}


def kinds(found: Iterable[Happening]) -> list[str]:
    return [one.kind for one in found]


def of_m1(limit: int = 10) -> list[Happening]:
    return happenings_of_messages(["m1"], limit)


class MessageTests(TestCase):
    def test_both_apps_are_asked_and_the_oldest_comes_first(self) -> None:
        add_feedback("delivery", NOON + timedelta(seconds=2))
        add_events("open", NOON + timedelta(seconds=9))
        add_events("send")
        self.assertEqual(kinds(of_m1()), ["sent", "delivered", "opened"])

    def test_only_the_messages_that_are_asked_for(self) -> None:
        for message_id in ("m2", "m3"):
            add_events("send", message_id=message_id)
            add_feedback("delivery", message_id=message_id)
        self.assertEqual(of_m1(), [])
        self.assertEqual(len(happenings_of_messages(["m2", "m3"], 10)), 4)

    def test_what_a_bounce_tells_in_either_table(self) -> None:
        add_feedback("bounce", **REPORT)
        add_events("bounce", message_id="m2", **REPORT)
        for message_id in ("m1", "m2"):
            [found] = happenings_of_messages([message_id], 10)
            expected = Happening(
                at=NOON,
                kind="bounced",
                address=ANN,
                message_id=message_id,
                is_hard=True,
                bounce_type="Permanent",
                bounce_subtype="NoEmail",
                smtp_status="5.1.1",
                answer="smtp; 550 5.1.1 no such user",
                description="Permanent: NoEmail",
            )
            self.assertEqual(found, expected)

    def test_a_bounce_because_of_the_suppression_list(self) -> None:
        add_feedback("bounce", bounceSubType="OnAccountSuppressionList")
        add_events("bounce", message_id="m2", bounceSubType="OnAccountSuppressionList")
        found = happenings_of_messages(["m1", "m2"], 10)
        self.assertEqual([one.is_suppressed for one in found], [True, True])

    def test_an_out_of_office_reply(self) -> None:
        reply = {"bounceType": "Transient", "reportingMTA": None}
        add_feedback("bounce", **reply)
        add_events("bounce", message_id="m2", **reply)
        found = happenings_of_messages(["m1", "m2"], 10)
        self.assertEqual([one.is_autoreply for one in found], [True, True])

    def test_what_the_other_types_tell_in_either_table(self) -> None:
        for kind, names in (
            ("delivery", ("processing_ms", "answer")),
            ("complaint", ("complaint_type", "user_agent")),
            ("delivery_delay", ("delay_type",)),
            ("rendering_failure", ("description",)),
        ):
            detail = {"userAgent": "Hotmail"} if kind == "complaint" else {}
            add_feedback(kind, message_id=kind, **detail)
            add_events(kind, message_id=f"{kind}2", **detail)
            [one] = happenings_of_messages([kind], 10)
            [other] = happenings_of_messages([f"{kind}2"], 10)
            self.assertEqual({**vars(other), "message_id": kind}, vars(one))
            self.assertTrue(all(getattr(one, name) for name in names), one)

    def test_what_a_click_of_one_of_several_tells(self) -> None:
        add_events("click", recipient=[ANN, "bob@example.com"])
        click, other = of_m1()
        self.assertEqual(click.click_url, "https://example.com/")
        self.assertEqual(click.user_agent, "Mozilla/5.0")
        self.assertEqual({click.address, other.address}, {ANN, "bob@example.com"})
        self.assertTrue(click.uncertain)

    def test_a_document_that_says_nothing_leaves_what_the_columns_say(self) -> None:
        documents: tuple[Any, ...] = ({}, [], "text", {"mail": 7}, {"bounce": [1]})
        for number, document in enumerate(documents):
            at = NOON + timedelta(seconds=number)
            add_events("bounce", at)
            Event._default_manager.filter(occurred_at=at).update(document=document)
        found = of_m1()
        self.assertEqual(kinds(found), ["bounced"] * 5)
        self.assertEqual(found[0].at, NOON)

    def test_a_time_that_cannot_be_leaves_that_of_the_row(self) -> None:
        add_events("open", timestamp="0001-01-01T00:00:00Z")
        self.assertEqual(of_m1()[0].at, NOON)

    def test_an_event_in_two_tables_is_one(self) -> None:
        add_feedback("delivery_delay")
        add_events("delivery_delay")
        add_events("delivery_delay", NOON + timedelta(hours=4))
        self.assertEqual(len(of_m1()), 2)

    def test_many_opens_hide_nothing_else(self) -> None:
        for number in range(8):
            add_events("open", NOON + timedelta(seconds=number))
        add_events("bounce", NOON + timedelta(hours=1))
        self.assertEqual(kinds(of_m1(3)), ["opened", "opened", "bounced"])

    def test_of_many_rows_only_those_that_are_shown_are_read_with_their_documents(self) -> None:
        for number in range(8):
            add_events("open", NOON + timedelta(seconds=number))
        with CaptureQueriesContext(connection) as captured:
            of_m1(3)
        statements: list[Any] = [query["sql"] for query in captured.captured_queries]
        [documented] = [one for one in statements if '"document"' in one or "`document`" in one]
        self.assertEqual(len(statements), 6)
        statements.remove(documented)
        self.assertTrue(all("LIMIT" in statement for statement in statements))

    def test_without_ids_nothing_is_asked(self) -> None:
        with self.assertNumQueries(0):
            self.assertEqual(happenings_of_messages(["", ""], 10), [])

    @modify_settings(INSTALLED_APPS={"remove": "tests.feedback.DisconnectedFeedback"})
    def test_without_the_feedback_app(self) -> None:
        add_events("send")
        self.assertEqual(kinds(of_m1()), ["sent"])
        self.assertEqual(kinds(happenings_of_address(ANN, 10).happenings), ["sent"])

    @override_settings(USE_TZ=False, TIME_ZONE="Europe/Berlin")
    def test_without_time_zones_all_times_are_local(self) -> None:
        add_feedback("delivery")
        add_events("open")
        add_events("open", message_id="m1", timestamp="nonsense")
        self.assertEqual({one.at for one in of_m1()}, {datetime(2026, 6, 1, 14, 0)})
        Delivery._default_manager.update(delivered_time=None, created_at=datetime(2026, 6, 1, 15))
        self.assertEqual(of_m1()[-1].at, datetime(2026, 6, 1, 15))


class AddressTests(TestCase):
    def test_the_newest_comes_first_in_any_spelling(self) -> None:
        add_events("send", NOON - timedelta(days=1), message_id="m0")
        add_feedback("bounce")
        add_events("open", NOON + timedelta(seconds=9), recipient="bob@example.com")
        found = happenings_of_address("Ann <ANN@Example.com>", 10).happenings
        self.assertEqual(kinds(found), ["bounced", "sent"])
        self.assertEqual(kinds(happenings_of_address(ANN, 1).happenings), ["bounced"])

    def test_a_page_ends_between_two_moments(self) -> None:
        for kind, minutes in (("send", 0), ("open", 5), ("click", 5)):
            add_events(kind, NOON + timedelta(minutes=minutes), message_id=f"m{minutes}")
        add_events("open", NOON + timedelta(minutes=9), message_id="m9")
        newest = happenings_of_address(ANN, 2)
        self.assertEqual(kinds(newest.happenings), ["opened"])
        following = happenings_of_address(ANN, 2, newest.older)
        self.assertEqual(set(kinds(following.happenings)), {"opened", "clicked"})
        last = happenings_of_address(ANN, 2, following.older)
        self.assertEqual((kinds(last.happenings), last.older), (["sent"], None))

    def test_each_table_is_asked_once_for_no_more_than_the_limit_and_one(self) -> None:
        with CaptureQueriesContext(connection) as captured:
            happenings_of_address(ANN, 7)
        statements = [query["sql"] for query in captured.captured_queries]
        self.assertEqual(len(statements), 5)
        self.assertTrue(all("LIMIT 8" in statement for statement in statements))
