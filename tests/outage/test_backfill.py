"""``anymail_backfill``: against the suppression list of a local SES, over HTTP."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any

from django.core.management import CommandError
from django.test import TestCase, modify_settings, override_settings
from django.utils.timezone import now as timezone_now

from anymail import testing
from anymail.feedback.models import Bounce, Complaint, Lift, Suppression
from anymail.feedback.recording import record
from anymail.outbox.models import Entry, Recipient
from anymail.sandbox.aws.defaults import CREDENTIALS
from anymail.signals import EventType

from .. import feedback
from ..class_context import enter_class_context
from ..feedback import TRACKING_URL, sample
from ..local_ses import LocalSes, local_ses
from ..outbox import connect as connect_outbox
from ..outbox import disconnect as disconnect_outbox
from . import Heard, run

REGION = CREDENTIALS["region_name"]
NOW = datetime.now(timezone.utc)
FEEDBACK = "tests.feedback.DisconnectedFeedback"


class BackfillTestCase(TestCase):
    """The app for feedback is connected, and SES has an empty list."""

    amazon: LocalSes

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.amazon = enter_class_context(cls, local_ses())
        anymail = {
            "FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"],
            "AMAZON_SES_CLIENT_PARAMS": {**CREDENTIALS, "endpoint_url": cls.amazon.url},
        }
        enter_class_context(cls, override_settings(ANYMAIL=anymail))

    def setUp(self) -> None:
        feedback.connect()
        self.addCleanup(feedback.disconnect)
        self.addCleanup(self.amazon.state.suppression.entries.clear)

    def listed(
        self, address: str, reason: str = "BOUNCE", *, hours: float = 1, **attributes: str
    ) -> None:
        """SES puts an address on its list, so many hours ago."""
        lists = self.amazon.state.suppression
        lists.add(REGION, address, reason, **attributes)
        entry: Any = list(lists.entries.values())[-1]
        entry["LastUpdateTime"] = NOW - timedelta(hours=hours)

    def post(self, document: dict[str, Any]) -> None:
        """What SNS posts in the end."""
        with testing.trusted_sns():
            self.client.post(TRACKING_URL, **testing.sns_notification(document))


class BackfillTests(BackfillTestCase):
    def test_a_bounce_that_did_not_come_is_given_to_all_receivers(self) -> None:
        heard = Heard(self)
        self.listed("Ann@example.net", MessageId="m-1", FeedbackId="f-1")
        code, out, _ = run("anymail_backfill", "--since", "6h")
        self.assertEqual((code, out), (0, "1 event given to receivers: 1 bounced\n"))
        [event] = heard.events
        self.assertEqual(event.event_type, EventType.BOUNCED)
        self.assertEqual((event.recipient, event.message_id), ("Ann@example.net", "m-1"))
        self.assertEqual(event.occurred_at, event.timestamp)
        assert event.occurred_at is not None
        self.assertAlmostEqual(
            event.occurred_at, NOW - timedelta(hours=1), delta=timedelta(seconds=1)
        )
        self.assertTrue(event.is_verified and event.is_hard_bounce)
        self.assertFalse(event.recipient_uncertain)
        self.assertIsNone(event.bounce_subtype)
        self.assertEqual(event.description, "Permanent, from Amazon's suppression list")
        row = Bounce.objects.get()
        self.assertEqual((row.feedback_id, row.mail_id, row.hard), ("f-1", "m-1", True))
        self.assertEqual(Suppression.objects.get().address, "ann@example.net")

    def test_a_complaint(self) -> None:
        heard = Heard(self)
        self.listed("ann@example.net", "COMPLAINT", MessageId="m-1", FeedbackId="f-1")
        run("anymail_backfill", "--since", "6h")
        [event] = heard.events
        self.assertEqual(event.event_type, EventType.COMPLAINED)
        self.assertEqual(event.description, "from Amazon's suppression list")
        self.assertEqual(Complaint.objects.get().feedback_id, "f-1")

    def test_a_second_time_changes_nothing(self) -> None:
        self.listed("ann@example.net", MessageId="m-1", FeedbackId="f-1")
        self.listed("bob@example.net", MessageId="m-1", FeedbackId="f-1")
        run("anymail_backfill", "--since", "6h")
        heard = Heard(self)
        _, out, _ = run("anymail_backfill", "--since", "6h")
        self.assertEqual(heard.events, [])
        self.assertIn("2 known already", out)
        self.assertEqual(Bounce.objects.count(), 2)

    def test_what_came_is_known_by_the_feedback_id_or_by_message_and_address(self) -> None:
        document = sample("p-bounce-permanent-general")
        self.post(document)
        row, heard = Bounce.objects.get(), Heard(self)
        self.listed("other@example.net", MessageId=row.mail_id, FeedbackId=row.feedback_id or "")
        self.listed(row.address.upper(), MessageId=row.mail_id)
        run("anymail_backfill", "--since", "6h")
        self.assertEqual(heard.events, [])

    def test_a_permanent_bounce_is_not_known_by_a_transient_one(self) -> None:
        document = sample("p-bounce-permanent-general")
        document["bounce"]["bounceType"] = "Transient"
        self.post(document)
        row, heard = Bounce.objects.get(), Heard(self)
        self.listed(row.address, MessageId=row.mail_id, FeedbackId="f-2")
        for _ in range(2):
            run("anymail_backfill", "--since", "6h")
        self.assertEqual([event.is_hard_bounce for event in heard.events], [True])
        self.assertTrue(Suppression.objects.filter(address=row.address_key).exists())

    def test_without_feedback_the_outbox_knows_the_type_of_a_bounce(self) -> None:
        document = sample("p-bounce-permanent-general")
        [recipient] = document["bounce"]["bouncedRecipients"]
        connect_outbox()
        self.addCleanup(disconnect_outbox)
        feedback.disconnect()
        given = []
        for kind in ("Transient", "Permanent"):
            document["bounce"]["bounceType"] = kind
            with modify_settings(
                INSTALLED_APPS={"remove": ["tests.feedback.DisconnectedFeedback"]}
            ):
                self.post(document)
                self.listed(
                    recipient["emailAddress"],
                    MessageId=document["mail"]["messageId"],
                    FeedbackId="f-2",
                )
                _, out, _ = run("anymail_backfill", "--since", "6h", "--dry-run")
            given.append(out.splitlines()[0])
        self.assertEqual(
            given,
            [
                "1 event would be given to receivers: 1 bounced",
                "0 events would be given to receivers",
            ],
        )

    def test_a_complaint_is_not_known_by_a_bounce_of_the_same_message(self) -> None:
        self.post(sample("p-bounce-permanent-general"))
        row, heard = Bounce.objects.get(), Heard(self)
        self.listed(row.address, "COMPLAINT", MessageId=row.mail_id, FeedbackId="f-2")
        run("anymail_backfill", "--since", "6h")
        self.assertEqual([event.event_type for event in heard.events], [EventType.COMPLAINED])

    def test_an_address_that_somebody_put_there_has_not_bounced(self) -> None:
        self.listed("ann@example.net")
        heard = Heard(self)
        _, out, _ = run("anymail_backfill", "--since", "6h")
        self.assertEqual(heard.events, [])
        self.assertIn("1 put on Amazon's list by hand: no event", out)

    def test_what_was_lifted_since_is_not_suppressed_again(self) -> None:
        for name, hours in (("ann", 3), ("bob", 1)):
            Lift._default_manager.create(
                address=f"{name}@example.net", lifted_at=timezone_now() - timedelta(hours=2)
            )
            self.listed(
                f"{name}@example.net", hours=hours, MessageId=f"m-{name}", FeedbackId=f"f-{name}"
            )
        run("anymail_backfill", "--since", "6h")
        self.assertEqual(Bounce.objects.count(), 2)
        self.assertEqual(Suppression.objects.get().address, "bob@example.net")

    def test_an_address_that_ses_cannot_look_up_does_not_end_it(self) -> None:
        self.listed("ann@exa_mple.net", MessageId="m-1", FeedbackId="f-1")
        self.listed("bob@example.net", MessageId="m-2", FeedbackId="f-2")
        heard = Heard(self)
        code, out, _ = run("anymail_backfill", "--since", "6h")
        self.assertEqual([event.recipient for event in heard.events], ["bob@example.net"])
        self.assertEqual(code, 0)
        self.assertIn("1 refused by SES, which cannot look up such an address: no event", out)

    def test_only_what_happened_in_the_span(self) -> None:
        heard = Heard(self)
        for hours in (1, 3, 5):
            self.listed(f"a{hours}@example.net", hours=hours, FeedbackId=f"f-{hours}")
        run("anymail_backfill", "--since", "4h", "--until", "2h")
        self.assertEqual([event.recipient for event in heard.events], ["a3@example.net"])

    def test_a_rehearsal_only_counts(self) -> None:
        heard = Heard(self)
        self.listed("ann@example.net", MessageId="m-1", FeedbackId="f-1")
        _, out, _ = run("anymail_backfill", "--since", "6h", "--dry-run")
        self.assertEqual(out, "1 event would be given to receivers: 1 bounced\n")
        self.assertEqual((heard.events, Bounce.objects.count()), ([], 0))

    def test_a_receiver_that_fails_does_not_keep_others_from_their_events(self) -> None:
        heard = Heard(self, lambda event: event.recipient == "ann@example.net")
        for name in ("ann", "bob"):
            self.listed(f"{name}@example.net", MessageId=f"m-{name}", FeedbackId=f"f-{name}")
        with self.assertLogs("anymail.outage", "ERROR") as logs:
            code, out, _ = run("anymail_backfill", "--since", "6h")
        self.assertEqual(len(heard.events), 2)
        self.assertEqual(code, 1)
        self.assertIn("1 event failed: see the log", out)
        self.assertNotIn("ann@", logs.output[0])
        self.assertIn("no place for ***@example.net", logs.output[0])

    def test_the_message_tag_of_the_outbox_lets_its_message_know(self) -> None:
        connect_outbox()
        self.addCleanup(disconnect_outbox)
        entry = Entry.objects.create(state="sent", attempt=1, recipients_count=1, mailer="default")
        Recipient.objects.create(
            entry=entry,
            kind="to",
            address="ann@example.net",
            address_key="ann@example.net",
            message_id="m-1",
        )
        self.listed("ann@example.net", MessageId="m-1", FeedbackId="f-1")
        run("anymail_backfill", "--since", "6h")
        entry.refresh_from_db()
        self.assertEqual(entry.bounced_count, 1)

    @modify_settings(INSTALLED_APPS={"remove": [FEEDBACK]})
    def test_without_the_app_the_receivers_decide_by_an_id_that_stays_the_same(self) -> None:
        feedback.disconnect()
        heard = Heard(self)
        self.listed("ann@example.net", MessageId="m-1", FeedbackId="f-1")
        for _ in range(2):
            run("anymail_backfill", "--since", "6h")
        first, second = heard.events
        self.assertTrue(str(first.event_id).startswith("backfill:list:f-1:"))
        self.assertEqual(first.event_id, second.event_id)

    def test_a_span_that_ends_before_it_begins_is_refused(self) -> None:
        with self.assertRaisesRegex(CommandError, "--until must be later than --since"):
            run("anymail_backfill", "--since", "1h", "--until", "2h")

    def test_what_amazon_refuses_ends_it_with_code_2(self) -> None:
        self.amazon.faults.denied.add("ses:ListSuppressedDestinations")
        self.addCleanup(self.amazon.faults.denied.clear)
        with self.assertRaises(CommandError) as caught:
            run("anymail_backfill", "--since", "6h")
        self.assertEqual(caught.exception.returncode, 2)
        self.assertIn("AccessDenied", str(caught.exception))


class LateTests(BackfillTestCase):
    """The webhook gets the same bounce after all."""

    def test_a_bounce_that_comes_late_is_not_stored_again(self) -> None:
        document = sample("p-bounce-permanent-general")
        address = document["bounce"]["bouncedRecipients"][0]["emailAddress"]
        self.listed(
            address,
            MessageId=document["mail"]["messageId"],
            FeedbackId=document["bounce"]["feedbackId"],
        )
        run("anymail_backfill", "--since", "6h")
        self.post(document)
        self.assertEqual(Bounce.objects.count(), 1)

    def test_a_bounce_of_another_type_is_stored_and_suppresses(self) -> None:
        """Message insights knew of a transient one, and the permanent one comes late."""
        document = sample("p-bounce-permanent-general")
        early = deepcopy(document)
        early["bounce"]["bounceType"] = "Transient"
        record(feedback.events(early, id="backfill:insights:m-1:0", is_verified=True)[0])
        record(feedback.events(document, is_verified=True)[0])
        self.assertEqual(Bounce.objects.count(), 2)
        self.assertEqual(Suppression.objects.count(), 1)

    def test_another_bounce_of_the_same_message_is(self) -> None:
        document = sample("p-bounce-permanent-general")
        self.listed("bob@example.net", MessageId=document["mail"]["messageId"], FeedbackId="f-1")
        run("anymail_backfill", "--since", "6h")
        self.post(document)
        self.assertEqual(Bounce.objects.count(), 2)
