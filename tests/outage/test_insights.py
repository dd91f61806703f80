"""``anymail_backfill --ask-insights``: against a local SES, over HTTP."""

from __future__ import annotations

from typing import Any
from unittest import mock

from django.core.management import CommandError
from django.test import modify_settings
from django.utils import timezone

from anymail.exceptions import AnymailAPIError
from anymail.feedback.models import Bounce, Delivery
from anymail.outage import asking
from anymail.outage.insights import insights_notifications
from anymail.outage.tally import Tally
from anymail.outbox.models import Entry, Recipient
from anymail.sandbox.aws.ses.errors import ErrorCode, SesError
from anymail.sandbox.aws.ses.operations import OPERATIONS

from . import AmazonTestCase, Heard, run

ANN, GONE = "ann@example.net", "bounce@simulator.amazonses.com"


class InsightsTests(AmazonTestCase):
    def sent(self, *addresses: str, kinds: str = "Send Delivery") -> str:
        """A message of the outbox that SES has accepted, and whose events did not come."""
        message_id: str = self.amazon.client("sesv2").send_email(
            FromEmailAddress="shop@example.com",
            Destination={"ToAddresses": list(addresses)},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
            EmailTags=[{"Name": "topic", "Value": "news"}],
        )["MessageId"]
        entry = Entry.objects.create(state="sent", done_at=timezone.now(), recipients_count=1)
        for address in addresses:
            Recipient.objects.create(
                entry=entry, kind="to", address=address, address_key=address, message_id=message_id
            )
        self.amazon.wait_for(message_id, *kinds.split())
        return message_id

    def test_what_happened_to_a_message_is_given_in_the_order_of_time(self) -> None:
        message_id, heard = self.sent(ANN), Heard(self)
        code, out, _ = run("anymail_backfill", "--since", "1h", "--ask-insights")
        self.assertEqual(code, 0)
        self.assertEqual(out, "2 events given to receivers: 1 delivered, 1 sent\n")
        self.assertEqual([one.event_type for one in heard.events], ["sent", "delivered"])
        for event in heard.events:
            self.assertEqual((event.message_id, event.recipient), (message_id, ANN))
            self.assertTrue(event.is_verified and event.is_first_in_notification)
            self.assertEqual(event.message_tags, {"topic": ["news"]})
            self.assertEqual(event.occurred_at, event.timestamp)
        self.assertEqual(Delivery.objects.get().mail_id, message_id)

    def test_bounces_have_what_insights_say_of_them(self) -> None:
        self.sent(GONE, kinds="Send Bounce")
        run("anymail_backfill", "--since", "1h", "--ask-insights")
        row = Bounce.objects.get()
        self.assertEqual((row.address, row.hard), (GONE, True))
        self.assertTrue(row.diagnostic_code)

    def test_a_second_time_changes_nothing(self) -> None:
        self.sent(ANN)
        for _ in range(2):
            run("anymail_backfill", "--since", "1h", "--ask-insights")
        self.assertEqual(Delivery.objects.count(), 1)

    def test_a_message_of_which_something_came_is_not_asked_about(self) -> None:
        message_id, heard = self.sent(ANN), Heard(self)
        Delivery.objects.create(mail_id=message_id, sns_messageid="by SNS", address=ANN)
        run("anymail_backfill", "--since", "1h", "--ask-insights")
        self.assertEqual(heard.events, [])

    def test_a_message_that_ses_does_not_know_is_counted(self) -> None:
        entry = Entry.objects.create(state="sent", done_at=timezone.now(), recipients_count=1)
        Recipient.objects.create(entry=entry, kind="to", address=ANN, message_id="0100-unknown")
        _, out, _ = run("anymail_backfill", "--since", "1h", "--ask-insights")
        self.assertIn("1 not known to message insights", out)

    @modify_settings(INSTALLED_APPS={"remove": ["tests.outbox.DisconnectedOutbox"]})
    def test_without_the_outbox_there_is_nothing_to_ask_about(self) -> None:
        with self.assertRaisesRegex(CommandError, "--ask-insights asks about the messages"):
            run("anymail_backfill", "--since", "1h", "--ask-insights")

    def test_it_waits_between_two_calls(self) -> None:
        waits: list[float] = []
        client = self.amazon.client("sesv2")
        with mock.patch.object(asking, "INTERVAL", 1000.0):
            found = asking.ask_insights(["a", "b"], client, Tally(), wait=waits.append)
            self.assertEqual(list(found), [None, None])
        self.assertEqual(waits[0], 0)
        self.assertGreater(waits[1], 500)

    def test_a_message_is_asked_about_once(self) -> None:
        tally, client = Tally(), self.amazon.client("sesv2")
        found = asking.ask_insights(["a", None, "a"], client, tally, wait=lambda seconds: None)
        self.assertEqual(list(found), [None, None, None])
        self.assertEqual(tally.skipped, {asking.NOT_KNOWN: 1})

    def test_what_ses_refuses_is_an_error(self) -> None:
        self.amazon.faults.denied.add("ses:GetMessageInsights")
        self.addCleanup(self.amazon.faults.denied.clear)
        client = self.amazon.client("sesv2")
        with self.assertRaises(AnymailAPIError):
            list(asking.ask_insights(["a"], client, Tally(), wait=lambda seconds: None))

    def test_a_command_that_is_to_end_does_not_repeat_a_call_for_long(self) -> None:
        calls: list[float] = []

        def wait(seconds: float) -> bool:
            calls.append(seconds)
            return True

        client = self.amazon.client("sesv2")
        with (
            mock.patch.dict(OPERATIONS, {"GetMessageInsights": throttle}),
            self.assertRaises(AnymailAPIError),
        ):
            asking.call(client, "get_message_insights", wait, MessageId="a")
        self.assertEqual(len(calls), 1)

    def test_answers_that_make_no_sense_give_nothing(self) -> None:
        for answer in odd_answers():
            with self.subTest(answer):
                self.assertEqual(insights_notifications(answer), [])


def throttle(*_: Any) -> Any:
    raise SesError(ErrorCode.THROTTLED, "Too many requests.")


def odd_answers() -> list[dict[str, Any]]:
    """Answers without anything to make an event of."""
    return [
        {},
        {"Insights": None},
        {"Insights": [None, {}, {"Destination": ANN}]},
        {"Insights": [{"Destination": ANN, "Events": [{"Type": "SEND"}, {"Type": "NEW"}, 7]}]},
        {"Insights": [{"Events": [{"Type": "SEND", "Timestamp": timezone.now()}]}]},
    ]
