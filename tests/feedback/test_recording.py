from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.signals import post_save, pre_save
from django.test import SimpleTestCase, TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import is_aware

from anymail import testing
from anymail.amazon_ses.feedback import recipient_details, sns_notification
from anymail.feedback import recording
from anymail.feedback.models import Bounce, Complaint, Delivery, MailEvent, Record, Suppression
from anymail.feedback.recording import MODELS, record
from anymail.feedback.signals import feedback
from anymail.signals import AnymailTrackingEvent

from . import EVENTS, FeedbackTestCase, FeedbackTransactionTestCase, events, sample


class Receiver:
    """Keeps what the ``feedback`` signal carries; raises what is in ``errors`` first."""

    def __init__(self, test: Any, *errors: Exception) -> None:
        self.calls: list[dict[str, Any]] = []
        self.errors = list(errors)
        feedback.connect(self.receive)
        test.addCleanup(feedback.disconnect, self.receive)

    def receive(self, **kwargs: Any) -> None:
        self.calls.append(kwargs)
        if self.errors:
            raise self.errors.pop(0)


class ColumnTests(FeedbackTestCase):
    """What a row holds: django-bouncy's fields, with its meaning."""

    def test_bounce(self) -> None:
        document = sample("p-bounce-permanent-general")
        self.post(document)
        row = Bounce.objects.get()
        detail, [recipient] = document["bounce"], document["bounce"]["bouncedRecipients"]
        self.assertEqual(row.address, recipient["emailAddress"])
        self.assertIs(row.hard, True)
        self.assertEqual((row.bounce_type, row.bounce_subtype), ("Permanent", "General"))
        self.assertEqual(row.reporting_mta, detail.get("reportingMTA"))
        self.assertEqual(row.action, recipient.get("action"))
        self.assertEqual(row.status, recipient.get("status"))
        self.assertEqual(row.diagnostic_code, recipient.get("diagnosticCode"))
        self.assertEqual(row.feedback_id, detail["feedbackId"])
        self.assertEqual(row.mail_id, document["mail"]["messageId"])
        self.assertEqual(row.mail_from, document["mail"]["source"])
        self.assertEqual(row.sns_topic, testing.DEFAULT_TOPIC)
        self.assertRegex(row.sns_messageid, r"^[0-9a-f-]{36}$")
        self.assertEqual(row.event, document)

    def test_complaint(self) -> None:
        document = sample("p-complaint-abuse")
        self.post(document)
        row = Complaint.objects.get()
        self.assertEqual(row.feedback_type, "abuse")
        self.assertEqual(row.useragent, document["complaint"]["userAgent"])
        self.assertEqual(row.feedback_id, document["complaint"]["feedbackId"])
        assert row.arrival_date is not None
        self.assertTrue(
            document["complaint"]["arrivalDate"].startswith(f"{row.arrival_date:%Y-%m-%dT%H:%M}")
        )

    def test_delivery(self) -> None:
        document = sample("p-delivery")
        self.post(document)
        row = Delivery.objects.get()
        self.assertEqual(row.processing_time, document["delivery"]["processingTimeMillis"])
        self.assertEqual(row.smtp_response, document["delivery"]["smtpResponse"])
        self.assertIsNotNone(row.delivered_time)
        self.assertIsNone(row.feedback_id)
        self.assertIsNone(row.feedback_timestamp)

    def test_times_are_aware_utc(self) -> None:
        self.post("bounce", timestamp="2009-12-03T04:24:21.000-05:00")
        row = Bounce.objects.get()
        self.assertEqual(
            row.feedback_timestamp, datetime(2009, 12, 3, 9, 24, 21, tzinfo=timezone.utc)
        )

    def test_text_forms_are_those_of_django_bouncy(self) -> None:
        self.post("bounce", recipient="a@example.com")
        self.post("complaint", recipient="b@example.com")
        self.post("delivery", recipient="c@example.com")
        self.assertEqual(
            [str(model.objects.get()) for model in (Bounce, Complaint, Delivery)],
            [
                "a@example.com Permanent Bounce (message from shop@example.org)",
                "b@example.com Complaint (message from shop@example.org)",
                "c@example.com Delivery (message from shop@example.org)",
            ],
        )

    def test_every_sample_of_ses_can_be_stored(self) -> None:
        stored = 0
        for path in sorted(EVENTS.glob("*.json")):
            document = json.loads(path.read_text())
            for event in events(document)[:1]:
                with self.subTest(path.name):
                    rows = record(event)
                    self.assertEqual(bool(rows), event.event_type in MODELS and "mail" in document)
                    for row in rows:
                        row.refresh_from_db()
                        self.assertTrue(row.address)
                    stored += len(rows)
        self.assertGreater(stored, 40)

    def test_other_events_are_not_stored(self) -> None:
        for kind in ("send", "open", "click", "subscription"):
            self.post(kind)
        with self.assertNumQueries(0):
            self.assertEqual(record(testing.tracking_event("opened")), [])
        self.assertFalse(any(model._default_manager.exists() for model in set(MODELS.values())))

    def test_refusals_and_delays_are_stored_in_one_table(self) -> None:
        for kind, detail in (
            ("reject", {"reason": "Bad content"}),
            ("rendering_failure", {"errorMessage": "Attribute 'name' is not present."}),
            ("delivery_delay", {"delayType": "MailboxFull"}),
        ):
            self.post(kind, recipient=["Ann@Example.com", "b@x.test"], message_id="m-1", **detail)
        rows = MailEvent.objects.filter(address_key="ann@example.com", mail_id="m-1")
        self.assertEqual(
            list(rows.order_by("id").values_list("event_type", "reject_reason", "description")),
            [
                ("rejected", "blocked", "Bad content"),
                ("failed", "", "Attribute 'name' is not present."),
                ("deferred", "", "MailboxFull"),
            ],
        )
        self.assertEqual(MailEvent.objects.count(), 6)
        row = rows.get(event_type="deferred")
        self.assertIsNotNone(row.occurred_at)
        self.assertEqual(row.sns_topic, testing.DEFAULT_TOPIC)
        self.assertEqual(row.event["deliveryDelay"]["delayType"], "MailboxFull")
        self.assertEqual(str(row), "Ann@Example.com deferred (message from shop@example.org)")

    def test_a_delay_keeps_what_the_server_said(self) -> None:
        document = testing.ses_event("delivery_delay")
        document["deliveryDelay"]["delayedRecipients"][0]["diagnosticCode"] = "smtp; 452 full"
        self.post(document)
        self.assertEqual(MailEvent.objects.get().mta_response, "smtp; 452 full")

    def test_other_events_are_stored_once_and_send_no_feedback_signal(self) -> None:
        receiver = Receiver(self)
        event = testing.tracking_event("rejected")
        self.assertEqual(len(record(event)), 1)
        self.assertEqual(record(event), [])
        self.assertEqual((MailEvent.objects.count(), receiver.calls), (1, []))

    def test_identity_notifications_are_stored_too(self) -> None:
        self.post(sample("n-bounce-permanent-noemail"))
        self.assertEqual(Bounce.objects.get().bounce_subtype, "NoEmail")


class NaiveTimeTests(FeedbackTransactionTestCase):
    @override_settings(USE_TZ=False)
    def test_without_use_tz_times_are_naive_utc(self) -> None:
        connection.close()  # the connection has a time zone
        self.addCleanup(connection.close)
        [row] = record(testing.tracking_event("bounced"))
        assert row.feedback_timestamp is not None
        self.assertFalse(is_aware(row.feedback_timestamp))
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        self.assertLess(abs(row.feedback_timestamp - now), timedelta(seconds=60))
        stored = Bounce.objects.get()
        self.assertEqual(stored.feedback_timestamp, row.feedback_timestamp)


class OnceTests(FeedbackTestCase):
    """A notification is stored once, and its signals are sent once."""

    def test_every_recipient_gets_a_row_and_a_signal(self) -> None:
        receiver = Receiver(self)
        self.post("bounce", recipient=["a@example.com", "b@example.com", "c@example.com"])
        rows = list(Bounce.objects.order_by("id"))
        self.assertEqual([row.address[0] for row in rows], ["a", "b", "c"])
        self.assertEqual([call["instance"] for call in receiver.calls], rows)

    def test_the_first_event_stores_all_rows_before_any_signal(self) -> None:
        counts: list[int] = []

        def count(**kwargs: Any) -> None:
            counts.append(Bounce.objects.count())

        feedback.connect(count)
        self.addCleanup(feedback.disconnect, count)
        document = testing.ses_event("bounce", recipient=["a@x.test", "b@x.test"])
        first, *others = events(document)
        record(first)
        self.assertEqual(counts, [2, 2])
        for event in others:
            self.assertEqual(record(event), [])
        self.assertEqual(counts, [2, 2])

    def test_a_repetition_stores_and_sends_nothing(self) -> None:
        receiver = Receiver(self)
        with testing.trusted_sns():
            request = testing.sns_notification("complaint", recipient=["a@x.test", "b@x.test"])
            for _ in range(3):
                self.assertEqual(self.client.post("/bouncy/", **request).status_code, 200)
        self.assertEqual(Complaint.objects.count(), 2)
        self.assertEqual(len(receiver.calls), 2)

    def test_a_repetition_costs_one_query_per_event(self) -> None:
        event = testing.tracking_event("bounced")
        record(event)
        with self.assertNumQueries(1):
            record(event)

    def test_who_loses_the_race_for_the_insertion_does_nothing(self) -> None:
        receiver = Receiver(self)
        event = testing.tracking_event("bounced")
        record(event)
        with mock.patch.object(recording, "is_stored", side_effect=[False, True]):
            self.assertEqual(record(event), [])
        self.assertEqual((Bounce.objects.count(), len(receiver.calls)), (1, 1))

    def test_an_integrity_error_of_something_else_is_passed_on(self) -> None:
        """If it were taken for a repetition, the notification would be lost."""
        with (
            mock.patch.object(QuerySet, "bulk_create", side_effect=IntegrityError("other")),
            self.assertRaises(IntegrityError),
        ):
            record(testing.tracking_event("bounced"))

    def test_the_database_itself_refuses_a_second_row(self) -> None:
        for model in (Bounce, Complaint, Delivery):
            names = {c.name for c in model._meta.constraints}
            self.assertEqual(names, {f"anymail_{model._meta.model_name}_once"})
        [row] = record(testing.tracking_event("bounced", recipient="Ann@Example.com"))
        row.pk, row.address, row.address_key = None, "ann@example.COM", ""
        with self.assertRaises(IntegrityError):
            row.save(force_insert=True)

    def test_the_same_address_twice_in_a_notification_is_one_row(self) -> None:
        receiver = Receiver(self)
        self.post("bounce", recipient=["Ann@example.com", "ann@EXAMPLE.com", "Ann@example.com"])
        self.assertEqual(Bounce.objects.get().address, "Ann@example.com")
        self.assertEqual(len(receiver.calls), 1)

    def test_different_notifications_about_one_address_are_different_rows(self) -> None:
        self.post("bounce")
        self.post("bounce")
        self.assertEqual(Bounce.objects.count(), 2)

    def test_two_addresses_that_a_collation_finds_equal_are_two_rows(self) -> None:
        """MariaDB's default collation takes no notice of accents."""
        self.post("bounce", recipient=["jose@example.com", "josé@example.com"])
        self.assertEqual(Bounce.objects.count(), 2)

    def test_a_receiver_that_raises_rolls_everything_back_and_the_retry_repeats_it(self) -> None:
        receiver = Receiver(self, RuntimeError("once"))
        self.client.raise_request_exception = False
        with testing.trusted_sns():
            request = testing.sns_notification("bounce", recipient=["a@x.test", "b@x.test"])
            self.assertEqual(self.client.post("/bouncy/", **request).status_code, 500)
            self.assertEqual(Bounce.objects.count(), 0)
            self.assertEqual(self.client.post("/bouncy/", **request).status_code, 200)
        self.assertEqual(Bounce.objects.count(), 2)
        called = [call["instance"].address[0] for call in receiver.calls]
        self.assertEqual(called, ["a", "a", "b"])

    def test_an_event_without_an_id_is_recognised_by_its_content(self) -> None:
        event = replace(testing.tracking_event("bounced"), event_id=None)
        self.assertEqual(len(record(event)), 1)
        self.assertEqual(record(event), [])
        self.assertEqual(len(record(replace(event, message_id="another"))), 1)

    def test_an_event_whose_recipient_is_not_in_the_document_is_stored_alone(self) -> None:
        event = replace(testing.tracking_event("bounced"), recipient="other@example.com")
        self.assertEqual([row.address for row in record(event)], ["other@example.com"])

    def test_an_event_without_a_document_is_stored(self) -> None:
        event = AnymailTrackingEvent(event_type="bounced", recipient="a@x.example", event_id="1")
        [row] = record(event)
        row.refresh_from_db()
        self.assertEqual((row.event, row.mail_timestamp), ({}, None))


class ManyRecipientsTests(FeedbackTestCase):
    """A notification is recorded once, however many recipients it names."""

    @override_settings(
        ANYMAIL={
            "FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"],
            "AMAZON_SES_SNS_TOPIC_ARNS": [testing.DEFAULT_TOPIC],
        }
    )
    def test_fifty_recipients_take_at_most_twelve_queries(self) -> None:
        receiver = Receiver(self)
        recipients = [f"user{number}@example.com" for number in range(50)]
        with CaptureQueriesContext(connection) as queries:
            self.post("bounce", recipient=recipients)
        self.assertLessEqual(len(queries), 12)
        self.assertEqual([call["instance"].address for call in receiver.calls], recipients)
        self.assertEqual(Bounce.objects.count(), 50)
        self.assertEqual(Suppression.objects.count(), 50)

    def test_only_the_first_event_of_a_notification_records(self) -> None:
        document = testing.ses_event("bounce", recipient=["a@x.test", "b@x.test"])
        first, second = events(document)
        recording.on_tracking(second)
        self.assertFalse(Bounce.objects.exists())
        recording.on_tracking(first)
        self.assertEqual(Bounce.objects.count(), 2)

    def test_four_thousand_recipients(self) -> None:
        """As many as SNS lets through. Generous: it takes about 2 s here, and took hours."""
        receiver = Receiver(self)
        recipients = [f"user{number}@example.com" for number in range(4_000)]
        document = testing.ses_event("bounce", recipient=recipients)
        started = time.process_time()
        self.post(document)
        self.assertLess(time.process_time() - started, 30)
        self.assertEqual(len(receiver.calls), 4_000)
        rows = Bounce.objects.order_by("id")
        self.assertEqual([row.address for row in rows.only("address")], recipients)

    def test_all_that_sns_lets_through_in_values_that_take_the_longest(self) -> None:
        """Generous: at most 2 s now."""
        for value in (
            "a " * 300 + "<b@c.example>",
            ("x:" + "a@b," * 100)[:300] + "<>",
            "a" + "\u0301\u0316" * 150 + "@x.example",
            "\u0301" * 50_000 + "@x.example",
        ):
            recipients = [f"{number}{value}" for number in range(120_000 // len(value.encode()))]
            document = testing.ses_event("bounce", recipient=recipients)
            document["mail"]["destination"] = [f"x{recipient}" for recipient in recipients]
            started = time.process_time()
            self.assertTrue(record(events(document)[0]))
            self.assertLess(time.process_time() - started, 10)

    def test_the_document_of_a_notification_with_thousands_of_recipients_is_stored_once(
        self,
    ) -> None:
        for count, stored in ((50, 50), (51, 1)):
            recipients = [f"{number}@x.test" for number in range(count)]
            document = testing.ses_event("bounce", recipient=recipients)
            rows = record(events(document)[0])
            self.assertEqual(rows[0].event, document)
            self.assertEqual(sum(row.event != {} for row in rows), stored)

    def test_large_documents_are_inserted_a_few_at_a_time(self) -> None:
        """MariaDB refuses statements of more than 16 MB."""
        recipients = [f"{number}@x.test" for number in range(8)]
        document = testing.ses_event("bounce", recipient=recipients, filler="x" * 2**18)
        with CaptureQueriesContext(connection) as queries:
            record(events(document)[0])
        insertions = [query for query in queries if query["sql"].startswith("INSERT")]
        self.assertEqual(len(insertions), 3)
        self.assertEqual(Bounce.objects.count(), 8)

    def test_rows_know_their_ids_where_the_database_does_not_return_them(self) -> None:
        """MySQL does not."""
        recipients = ["b@x.test", "a@x.test"]
        event = events(testing.ses_event("bounce", recipient=recipients))[0]
        name = "can_return_rows_from_bulk_insert"
        with mock.patch.object(type(connection.features), name, False):
            rows = record(event)
        self.assertEqual(
            [(row.pk, row.address) for row in rows],
            list(Bounce.objects.order_by("id").values_list("pk", "address")),
        )

    def test_djangos_signals_of_the_model_are_sent_as_save_sends_them(self) -> None:
        calls: list[tuple[str, bool]] = []

        def before(instance: Any, **kwargs: Any) -> None:
            calls.append((instance.address, instance.pk is not None))

        def after(instance: Any, created: bool, **kwargs: Any) -> None:
            self.assertTrue(created)
            calls.append((instance.address, instance.pk is not None))

        for signal, receiver in ((pre_save, before), (post_save, after)):
            signal.connect(receiver, sender=Bounce)
            self.addCleanup(signal.disconnect, receiver, sender=Bounce)
        self.post("bounce", recipient=["a@x.test", "b@x.test"])
        self.assertEqual(
            calls,
            [("a@x.test", False), ("b@x.test", False), ("a@x.test", True), ("b@x.test", True)],
        )


class DeadlockTests(FeedbackTransactionTestCase):
    """MariaDB ends all but one of those that waited for a delivery that was rolled back."""

    def failing(self, *errors: Exception) -> Any:
        insert, left = recording._insert, list(errors)

        def fail_first(*args: Any) -> bool:
            if left:
                raise left.pop(0)
            return insert(*args)

        return mock.patch.object(recording, "_insert", fail_first)

    def test_recording_begins_again_once(self) -> None:
        for number, error in enumerate(
            (
                OperationalError(1213, "Deadlock found when trying to get lock"),
                postgres_error("40P01"),
            ),
            start=1,
        ):
            with self.failing(error):
                self.assertEqual(len(record(testing.tracking_event("bounced"))), 1)
            self.assertEqual(Bounce.objects.count(), number)

    def test_a_second_deadlock_and_other_errors_are_passed_on(self) -> None:
        deadlock = OperationalError(1213, "Deadlock found when trying to get lock")
        for errors in ([deadlock, deadlock], [OperationalError(2006, "gone away")]):
            with self.failing(*errors), self.assertRaises(OperationalError):
                record(testing.tracking_event("bounced"))
        self.assertFalse(Bounce.objects.exists())

    def test_within_the_callers_transaction_it_is_for_the_caller_to_begin_again(self) -> None:
        deadlock = OperationalError(1213, "Deadlock found when trying to get lock")
        with (
            self.failing(deadlock),
            self.assertRaises(OperationalError),
            transaction.atomic(),
        ):
            record(testing.tracking_event("bounced"))


def postgres_error(state: str) -> OperationalError:
    """What Django raises for an error of psycopg's, which has ``sqlstate``."""
    cause = Exception("deadlock detected")
    cause.sqlstate = state  # type: ignore[attr-defined]
    error = OperationalError("deadlock detected")
    error.__cause__ = cause
    return error


class SignalTests(FeedbackTestCase):
    def test_a_receiver_of_django_bouncy_works(self) -> None:
        found: list[Any] = []

        def process(
            sender: Any, instance: Any, message: Any, notification: Any, **kwargs: Any
        ) -> None:
            if instance.hard:
                found.append((sender, instance, message, notification))

        feedback.connect(process, sender=Bounce)
        self.addCleanup(feedback.disconnect, process, sender=Bounce)
        document = sample("n-bounce-permanent-noemail")
        self.post(document)
        self.post("complaint")
        [(sender, instance, message, notification)] = found
        self.assertIs(sender, Bounce)
        self.assertEqual(instance, Bounce.objects.get())
        self.assertEqual(message, document)
        self.assertEqual(notification["TopicArn"], testing.DEFAULT_TOPIC)
        self.assertEqual(notification["MessageId"], instance.sns_messageid)
        self.assertEqual(json.loads(notification["Message"]), document)
        self.assertRegex(notification["Timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_the_notification_is_what_sns_sent(self) -> None:
        """Its text unchanged, so that what a receiver computes from it stays the same."""
        receiver = Receiver(self)
        with testing.trusted_sns():
            request = testing.sns_notification(sample("n-bounce-permanent-noemail"))
            self.client.post("/bouncy/", **request)
        [call] = receiver.calls
        self.assertEqual(call["notification"], json.loads(request["data"]))
        self.assertEqual(call["notification"]["Message"][-1], "\n")
        self.assertEqual(call["notification"]["Subject"], "Amazon SES Email Event Notification")

    def test_the_document_of_sns_is_not_in_the_text_of_an_event(self) -> None:
        event = replace(testing.tracking_event("bounced"), sns_message={"Message": "secret"})
        self.assertNotIn("secret", repr(event))

    def test_notification_of_an_event_without_time(self) -> None:
        event = AnymailTrackingEvent(event_type="bounced", timestamp=None)
        self.assertIsNone(sns_notification(event)["Timestamp"])


class HostileTests(FeedbackTestCase):
    """Whatever SES sends is stored: a refused row would be refused for ever."""

    def check(self, **detail: Any) -> Record:
        document = testing.ses_event("bounce", **detail)
        [row, *_] = record(events(document)[0])
        row.refresh_from_db()
        return row

    def test_long_values(self) -> None:
        long = "x" * 3_000
        row = self.check(
            recipient=[f"{long}@{long}.example", f"{long}@{long}.example2"],
            feedbackId=long,
            bounceType=long,
            bounceSubType=long,
            message_id=long,
        )
        self.assertEqual(len(row.address), 320)
        self.assertEqual(Bounce.objects.count(), 2)

    def test_long_ids_are_told_apart(self) -> None:
        document = testing.ses_event("bounce")
        for end in "ab":
            self.assertTrue(record(events(document, id="i" * 400 + end)[0]))
            self.assertFalse(record(events(document, id="i" * 400 + end)[0]))
        self.assertEqual(Bounce.objects.count(), 2)

    def test_nul_characters(self) -> None:
        row = self.check(recipient="a\x00b@example.com", bounceSubType="\x00", reportingMTA="d\x00")
        self.assertEqual(row.address, "a\ufffdb@example.com")
        self.assertEqual(row.event["bounce"]["bounceSubType"], "\ufffd")

    def test_lone_surrogates(self) -> None:
        row = self.check(recipient="a\ud800@example.com", reportingMTA="\udfff", **{"k\ud800": 1})
        self.assertEqual(row.address, "a\ufffd@example.com")

    def test_emoji(self) -> None:
        row = self.check(recipient="😀@example.com", bounceSubType="😀", reportingMTA="😀")
        self.assertEqual(row.address, "😀@example.com")
        self.assertEqual(row.reporting_mta, "😀")  # type: ignore[attr-defined]

    def test_numbers_that_json_does_not_know(self) -> None:
        row = self.check(bounceX=float("nan"), bounceY=float("inf"), bounceZ=10**400)
        self.assertIsNone(row.event["bounce"]["bounceX"])

    def test_deep_nesting(self) -> None:
        deep: Any = "end"
        for _ in range(200):
            deep = {"a": [deep]}
        [event] = events(testing.ses_event("bounce"))
        event.esp_event["deep"] = deep  # as somebody's own code may make an event
        [row] = record(event)
        row.refresh_from_db()
        self.assertIn("bounce", row.event)

    def test_times_beyond_what_a_database_holds(self) -> None:
        for value in ("0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "x", None, 5):
            self.assertIsNone(self.check(timestamp=value).feedback_timestamp)  # type: ignore[attr-defined]

    def test_no_mail_object(self) -> None:
        """Nobody could tell which message it is about: nothing is stored, as in django-bouncy."""
        for kind in ("bounce", "complaint", "delivery", "delivery_delay"):
            for mail in (None, "x", [], 1):
                document = testing.ses_event(kind)
                found = events(document)
                document["mail"] = mail
                self.assertEqual(record(found[0]), [])

    def test_no_recipients_at_all_is_no_event(self) -> None:
        document = testing.ses_event("bounce", recipient=[])
        self.assertEqual(events(document), [])
        self.assertEqual(self.post(document).status_code, 200)

    def test_processing_time_of_any_kind(self) -> None:
        for value, stored in ((12, 12), ("34", 34), (None, 0), ("x", 0), (10**30, 2**31 - 1)):
            document = testing.ses_event("delivery", processingTimeMillis=value)
            [row] = record(events(document)[0])
            row.refresh_from_db()
            self.assertEqual(row.processing_time, stored)  # type: ignore[attr-defined]

    def test_wrong_types_everywhere(self) -> None:
        for junk in (None, 1, "x", [], {}, [None], [[1]], {"a": 1}, True):
            for name in ("bounce", "mail"):
                document = testing.ses_event("bounce")
                document[name] = junk
                for event in events(document)[:1]:
                    self.assertEqual(bool(record(event)), isinstance(document["mail"], dict))
            for name in ("bounceType", "bounceSubType", "reportingMTA", "feedbackId", "timestamp"):
                self.check(**{name: junk})


class DetailsTests(SimpleTestCase):
    def test_details_of_another_event_are_an_error(self) -> None:
        with self.assertRaises(KeyError):
            recipient_details(testing.tracking_event("opened"))


class MigrationTests(TestCase):
    def test_models_and_migrations_agree(self) -> None:
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)
