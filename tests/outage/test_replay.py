"""``anymail_replay``: one receiver, over rows that the webhook has stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from django.core.management import CommandError
from django.test import TestCase, override_settings
from django.utils.timezone import is_naive

from anymail import testing
from anymail.feedback.models import Bounce, Delivery
from anymail.outage import stored
from anymail.outbox.history.recording import on_tracking as outbox_on_tracking
from anymail.signals import AnymailTrackingEvent, tracking

from .. import feedback
from ..feedback import EVENTS, TRACKING_URL, sample
from . import Heard, run

PATH = f"{__name__}.receive"
GOT: list[AnymailTrackingEvent] = []
FAILS: list[str] = []


def receive(sender: Any, event: AnymailTrackingEvent, esp_name: str, **kwargs: Any) -> None:
    """The receiver that is called again."""
    GOT.append(event)
    if event.recipient in FAILS:
        raise ValueError(f"no place for {event.recipient}")


async def receive_later(event: AnymailTrackingEvent, **kwargs: Any) -> None:
    """The same as a coroutine function."""
    GOT.append(event)


def replayed(*args: str, since: str = "1h") -> list[AnymailTrackingEvent]:
    """What the receiver gets."""
    GOT.clear()
    run("anymail_replay", "--since", since, "--receiver", PATH, *args)
    return list(GOT)


class ReplayTestCase(TestCase):
    """Both apps store what the webhook gets."""

    @classmethod
    def post(cls, document: dict[str, Any]) -> None:
        """What SNS posts."""
        client = cls.client_class()
        with testing.trusted_sns():
            client.post(TRACKING_URL, **testing.sns_notification(document))

    @classmethod
    def setUpClass(cls) -> None:
        feedback.connect()
        tracking.connect(outbox_on_tracking)
        cls.addClassCleanup(tracking.disconnect, outbox_on_tracking)
        cls.addClassCleanup(feedback.disconnect)
        super().setUpClass()

    def setUp(self) -> None:
        GOT.clear()
        FAILS.clear()


def comparable(event: AnymailTrackingEvent, *, is_reduced: bool) -> AnymailTrackingEvent:
    """Without what the tables do not have."""
    changes: dict[str, Any] = {"timestamp": None, "sns_message": None, "is_verified": False}
    if is_reduced:
        changes |= {"topic_arn": None, "esp_event": None}
    return replace(event, **changes)


class SampleTests(ReplayTestCase):
    """All documents of SES that there are: what the webhook sent is what comes again."""

    sent: ClassVar[list[AnymailTrackingEvent]] = []

    @classmethod
    def setUpTestData(cls) -> None:
        cls.sent = []

        def keep(event: AnymailTrackingEvent, **kwargs: Any) -> None:
            cls.sent.append(event)

        tracking.connect(keep)
        for path in sorted(EVENTS.glob("*.json")):
            cls.post(sample(path.stem))
        tracking.disconnect(keep)

    def test_the_same_events_come_in_the_same_order(self) -> None:
        kept = [one for one in self.sent if self.is_stored(one)]
        again = replayed()
        self.assertGreater(len(again), 80)
        for event, other in zip(kept, again, strict=True):
            is_reduced = other.topic_arn is None
            self.assertEqual(
                vars(comparable(event, is_reduced=is_reduced)),
                vars(comparable(other, is_reduced=is_reduced)),
            )

    def test_the_first_of_each_notification_is_marked(self) -> None:
        again = replayed()
        firsts = [str(one.event_id) for one in again if one.is_first_in_notification]
        self.assertEqual(sorted(firsts), sorted({str(one.event_id) for one in again}))

    def test_no_other_receiver_is_called_and_nothing_is_stored(self) -> None:
        heard, before = Heard(self), self.counts()
        replayed()
        self.assertEqual((heard.events, self.counts()), ([], before))

    def test_only_one_type_one_recipient_one_message(self) -> None:
        everything = replayed()
        first = everything[0]
        for name, option in (
            ("event_type", str(first.event_type)),
            ("recipient", str(first.recipient).upper()),
            ("message_id", str(first.message_id)),
        ):
            with self.subTest(name):
                wanted = getattr(first, name)
                expected = [one for one in everything if getattr(one, name) == wanted]
                self.assertLess(len(expected), len(everything))
                self.assertEqual(replayed(f"--{name.replace('_', '-')}", option), expected)

    def test_pages_are_read_without_gaps(self) -> None:
        whole = replayed()
        size, stored.BATCH_SIZE = stored.BATCH_SIZE, 2
        try:
            self.assertEqual(replayed(), whole)
        finally:
            stored.BATCH_SIZE = size

    def test_a_rehearsal_only_counts(self) -> None:
        _, out, _ = run("anymail_replay", "--since", "1h", "--receiver", PATH, "--dry-run")
        self.assertEqual(GOT, [])
        self.assertRegex(out, r"^\d+ events would be replayed: \d+ bounced, .* delivered")

    @staticmethod
    def is_stored(event: AnymailTrackingEvent) -> bool:
        return any(table.find(event_id=event.event_id).exists() for table in stored.TABLES)

    @staticmethod
    def counts() -> list[int]:
        return [table.rows.count() for table in stored.TABLES]


class ReceiverTests(ReplayTestCase):
    """Two deliveries, the older one first."""

    @classmethod
    def setUpTestData(cls) -> None:
        for name in ("ann", "bob"):
            document = sample("p-delivery")
            document["delivery"]["recipients"] = [f"{name}@example.net"]
            cls.post(document)

    def recipients(self) -> list[str | None]:
        return [event.recipient for event in GOT]

    def test_one_that_fails_is_logged_counted_and_left_behind(self) -> None:
        FAILS.append("ann@example.net")
        with self.assertLogs("anymail.outage", "ERROR") as logs:
            code, out, _ = run("anymail_replay", "--since", "1h", "--receiver", PATH)
        self.assertEqual((code, self.recipients()), (1, ["ann@example.net", "bob@example.net"]))
        self.assertIn("1 event replayed: 1 delivered\n1 event failed: see the log", out)
        self.assertNotIn("ann@", logs.output[0])

    def test_it_can_stop_there_and_say_how_to_go_on(self) -> None:
        FAILS.append("ann@example.net")
        with self.assertLogs("anymail.outage", "ERROR"):
            code, _, err = run(
                "anymail_replay", "--since", "1h", "--receiver", PATH, "--stop-on-error"
            )
        self.assertEqual((code, self.recipients()), (1, ["ann@example.net"]))
        FAILS.clear()
        since = err.partition("Go on with: --since ")[2].strip()
        self.assertEqual(len(replayed(since=since)), 2)

    def test_a_coroutine_function(self) -> None:
        run("anymail_replay", "--since", "1h", "--receiver", f"{__name__}.receive_later")
        self.assertEqual(len(GOT), 2)

    def test_events_are_verified_if_their_topic_is_in_the_setting(self) -> None:
        self.assertEqual([one.is_verified for one in replayed()], [False, False])
        with override_settings(ANYMAIL={"AMAZON_SES_SNS_TOPIC_ARNS": [testing.DEFAULT_TOPIC]}):
            self.assertEqual([one.is_verified for one in replayed()], [True, True])
            with override_settings(
                ANYMAIL={
                    "AMAZON_SES_SNS_TOPIC_ARNS": [testing.DEFAULT_TOPIC],
                    "AMAZON_SES_VERIFY_SNS_SIGNATURES": False,
                }
            ):
                self.assertEqual([one.is_verified for one in replayed()], [False, False])

    def test_somebody_can_vouch_for_them(self) -> None:
        self.assertEqual([one.is_verified for one in replayed("--verified")], [True, True])

    def test_only_what_was_stored_in_the_span(self) -> None:
        first = Delivery.objects.earliest()
        Delivery.objects.filter(pk=first.pk).update(created_at=first.created_at - timedelta(days=2))
        self.assertEqual([one.recipient for one in replayed()], ["bob@example.net"])
        found = replayed("--until", "1d", since="3d")
        self.assertEqual([one.recipient for one in found], ["ann@example.net"])

    def test_a_row_without_a_document_cannot_be_replayed(self) -> None:
        Delivery.objects.update(event={})
        _, out, _ = run("anymail_replay", "--since", "1h", "--receiver", PATH)
        self.assertIn("2 without SES's document: not replayed", out)
        self.assertEqual(GOT, [])

    def test_a_receiver_that_is_not_there_is_refused(self) -> None:
        for path, text in (
            ("shop.receivers.tell", "--receiver cannot be imported: "),
            (f"{__name__}.GOT", "--receiver is not callable"),
        ):
            with self.assertRaisesRegex(CommandError, text) as caught:
                run("anymail_replay", "--since", "1h", "--receiver", path)
            self.assertEqual(caught.exception.returncode, 2)

    @override_settings(INSTALLED_APPS=["anymail"])
    def test_without_a_table_of_events_it_says_which_apps_have_one(self) -> None:
        with self.assertRaisesRegex(CommandError, "No installed app stores events"):
            run("anymail_replay", "--since", "1h", "--receiver", PATH)


class ManyRecipientsTests(ReplayTestCase):
    """Only the first row of a notification about more than 50 recipients has the document."""

    @classmethod
    def setUpTestData(cls) -> None:
        document = sample("p-bounce-permanent-general")
        names = [f"r{number}@example.net" for number in range(60)]
        document["mail"]["destination"] = names
        document["bounce"]["bouncedRecipients"] = [{"emailAddress": name} for name in names]
        cls.post(document)

    def test_each_of_them_comes_again(self) -> None:
        self.assertEqual(len(Bounce.objects.filter(event={})), 59)
        found = replayed()
        self.assertEqual([one.recipient for one in found], [f"r{n}@example.net" for n in range(60)])
        self.assertEqual([one.is_first_in_notification for one in found], [True] + 59 * [False])

    def test_one_of_the_others_alone(self) -> None:
        [event] = replayed("--recipient", "r59@example.net")
        self.assertFalse(event.is_first_in_notification)


@override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo")
class NaiveTimesTests(ReplayTestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        with override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo"):
            cls.post(sample("p-delivery"))

    def test_events_of_the_last_hour_are_found_and_their_times_are_aware(self) -> None:
        self.assertTrue(is_naive(Delivery.objects.get().created_at))
        [event] = replayed()
        assert event.timestamp is not None
        age = datetime.now(timezone.utc) - event.timestamp
        self.assertLess(abs(age), timedelta(minutes=10))
