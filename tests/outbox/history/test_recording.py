"""Events of SES that no table of feedback has: each is stored once, whatever is in it."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.test import SimpleTestCase, override_settings
from django.test.utils import CaptureQueriesContext

from anymail import testing
from anymail.amazon_ses.notifications import SesNotification
from anymail.amazon_ses.tracking import tracking_events
from anymail.conf import values
from anymail.database import inserting
from anymail.feedback.models import Bounce, Delivery
from anymail.outbox.history import recording
from anymail.outbox.history.recording import build_rows, on_tracking
from anymail.outbox.models import Event
from anymail.signals import AnymailTrackingEvent, EventType, dispatch

from ...feedback import EVENTS, connect, disconnect, events, sample
from .. import OutboxTestCase, OutboxTransactionTestCase

#: What a stored event is compared by; its document is another one.
WITHOUT = {"esp_event": None, "sns_message": None}


def without_feedback() -> Any:
    """As if ``anymail.feedback`` were not installed."""
    return mock.patch.object(recording.apps, "is_installed", return_value=False)


def record(document: dict[str, Any], **fields: Any) -> list[Event]:
    """Have the events in a document received; gives all rows."""
    for event in events(document, **fields):
        on_tracking(event)
    return list(Event._default_manager.order_by("pk"))


def replayed(row: Event, event: AnymailTrackingEvent) -> list[AnymailTrackingEvent]:
    """The events in the document of a row."""
    notification = SesNotification(
        id=event.event_id, timestamp=event.timestamp, body=row.document, topic_arn=event.topic_arn
    )
    return [replace(one, **WITHOUT) for one in tracking_events(notification, "campaign")]


class SampleTests(OutboxTestCase):
    def test_the_parser_makes_the_same_events_of_what_is_stored(self) -> None:
        seen = set()
        for path in sorted(EVENTS.glob("*.json")):
            body = json.loads(path.read_text())
            notification = SesNotification(id=path.name, timestamp=None, body=body)
            found = tracking_events(notification, "campaign")
            for event in found[:1]:
                with self.subTest(path.name), without_feedback():
                    on_tracking(event)
                    rows = Event._default_manager.filter(message_id=event.message_id or "")
                    row = rows.order_by("-pk")[0]
                    self.assertEqual(
                        replayed(row, event), [replace(one, **WITHOUT) for one in found]
                    )
                    seen.add(row.event_type)
        self.assertEqual(len(seen), 12, seen)

    def test_headers_that_say_nothing_about_the_event_are_not_stored(self) -> None:
        document = sample("p-click")
        document["mail"]["headers"] = [
            {"name": "Subject", "value": "A secret"},
            {"name": "x-TAG", "value": "spring"},
            "junk",
        ]
        document["mail"]["commonHeaders"] = {"subject": "A secret"}
        [row] = record(document)
        self.assertEqual(row.document["mail"]["headers"], [{"name": "x-TAG", "value": "spring"}])
        self.assertNotIn("A secret", json.dumps(row.document))
        self.assertEqual(row.document["click"], document["click"])

    def test_columns(self) -> None:
        document = testing.ses_event(
            "open", recipient=["Ann@Example.com", "b@x.test"], message_id="m-1"
        )
        rows = record(document, id="n-1")
        self.assertEqual(
            [(row.address, row.address_key, row.recipient_uncertain) for row in rows],
            [("Ann@Example.com", "ann@example.com", True), ("b@x.test", "b@x.test", True)],
        )
        [event, _] = events(document)
        self.assertEqual(
            {(row.event_id, row.event_type, row.message_id, row.occurred_at) for row in rows},
            {("n-1", "opened", "m-1", event.occurred_at)},
        )


class WhichEventsTests(OutboxTestCase):
    KINDS = ("send", "open", "click", "delivery", "bounce", "complaint", "reject")

    def types(self) -> list[str]:
        for kind in self.KINDS:
            record(testing.ses_event(kind))
        return list(Event._default_manager.order_by("pk").values_list("event_type", flat=True))

    def test_what_feedback_stores_is_left_to_it(self) -> None:
        self.assertEqual(self.types(), ["sent", "opened", "clicked"])

    def test_a_bounce_that_comes_after_it_was_backfilled_is_not_kept_again(self) -> None:
        document = sample("p-bounce-permanent-general")
        with without_feedback():
            [early] = record(document, id="backfill:list:f-1:0")
            self.assertEqual(record(document), [early])
            document["mail"]["messageId"] = "another"
            self.assertEqual(len(record(document)), 2)

    def test_a_bounce_of_another_type_is_another_one(self) -> None:
        document = sample("p-bounce-permanent-general")
        early = deepcopy(document)
        early["bounce"]["bounceType"] = "Transient"
        with without_feedback():
            record(early, id="backfill:insights:m-1:0")
            self.assertEqual(len(record(document)), 2)

    def test_without_feedback_all_are_kept(self) -> None:
        with without_feedback():
            self.assertEqual(len(self.types()), len(self.KINDS))

    def test_what_feedback_does_not_store_is_kept(self) -> None:
        """It wants to know which message it was."""
        connect()
        self.addCleanup(disconnect)
        document = testing.ses_event("bounce")
        del document["mail"]
        for one in (document, testing.ses_event("delivery")):
            dispatch(events(one), sender=object, esp_name="Amazon SES")
        self.assertEqual((Bounce.objects.count(), Delivery.objects.count()), (0, 1))
        row = Event._default_manager.get()
        self.assertEqual((row.event_type, row.message_id), ("bounced", ""))

    def test_only_those_of_the_setting(self) -> None:
        for wanted in (["sent"], "sent", ()):
            Event._default_manager.all().delete()
            with override_settings(ANYMAIL={"OUTBOX_EVENTS": wanted}):
                self.assertEqual(self.types(), ["sent"] if wanted else [])

    def test_what_is_left_out_costs_no_query(self) -> None:
        with override_settings(ANYMAIL={"OUTBOX_EVENTS": ["sent"]}), self.assertNumQueries(0):
            on_tracking(events(testing.ses_event("open"))[0])

    def test_a_type_that_is_none_is_not_kept(self) -> None:
        for event_type in ("x" * 500, ["sent"], None):
            on_tracking(AnymailTrackingEvent(event_type=event_type))  # type: ignore[arg-type]
        self.assertFalse(Event._default_manager.exists())


class OnceTests(OutboxTestCase):
    def test_a_repetition_is_ignored(self) -> None:
        document = testing.ses_event("send", recipient=["a@x.test", "b@x.test"])
        for _ in range(3):
            self.assertEqual(len(record(document, id="n-1")), 2)

    def test_another_notification_is_another_event(self) -> None:
        document = testing.ses_event("open")
        record(document, id="n-1")
        self.assertEqual(len(record(document, id="n-2")), 2)

    def test_without_an_id_the_document_tells(self) -> None:
        document = testing.ses_event("open")
        for _ in range(2):
            self.assertEqual(len(record(document, id=None)), 1)
        document["open"]["userAgent"] = "another"
        self.assertEqual(len(record(document, id=None)), 2)

    def test_an_address_that_is_named_twice_has_one_row(self) -> None:
        document = testing.ses_event("send", recipient=["a@x.test", "A@X.TEST"])
        self.assertEqual(len(record(document)), 1)

    def test_one_insert_for_all_recipients(self) -> None:
        document = testing.ses_event("send", recipient=[f"{n}@x.test" for n in range(50)])
        with CaptureQueriesContext(connection) as queries:
            rows = record(document)[:1]
        self.assertEqual(rows[0].document["mail"]["destination"][49], "49@x.test")
        texts = [query["sql"] for query in queries if "anymail_outbox_event" in query["sql"]]
        self.assertEqual(len([text for text in texts if text.startswith("INSERT")]), 1)
        self.assertEqual(len(texts), 2)  # and that of this test


class DeadlockTests(OutboxTransactionTestCase):
    def test_it_begins_again_once(self) -> None:
        error = OperationalError(1213, "Deadlock found when trying to get lock")
        insert, errors = QuerySet.bulk_create, [error]

        def fail_first(*args: Any, **kwargs: Any) -> Any:
            if errors:
                raise errors.pop()
            return insert(*args, **kwargs)

        with mock.patch.object(QuerySet, "bulk_create", fail_first):
            self.assertEqual(len(record(testing.ses_event("open"))), 1)
            errors += [error, error]
            with self.assertRaises(OperationalError):
                record(testing.ses_event("open"))

    @override_settings(USE_TZ=False)
    def test_without_use_tz_times_are_naive_utc(self) -> None:
        connection.close()  # the connection has a time zone
        self.addCleanup(connection.close)
        [row] = record(testing.ses_event("open", timestamp="2009-12-03T04:24:21.000-05:00"))
        self.assertEqual(row.occurred_at, datetime(2009, 12, 3, 9, 24, 21))


class HostileTests(OutboxTestCase):
    """Whoever can post to the webhook: no content is refused, for it would be for ever."""

    def test_long_values(self) -> None:
        long = "x" * 3_000
        document = testing.ses_event(
            "click", recipient=[f"{long}@x.test", f"{long}@y.test"], message_id=long, link=long
        )
        for end in "ab":
            for _ in range(2):
                rows = record(document, id="i" * 400 + end)
        self.assertEqual(len(rows), 4)
        self.assertEqual(len({row.address_key for row in rows}), 2)

    def test_characters_that_no_database_stores(self) -> None:
        document = testing.ses_event(
            "click", recipient="a\x00\ud800@x.test", message_id="m\x00\udfff", link="\x00😀"
        )
        [row] = record(document, id="i\ud800\x00")
        self.assertEqual((row.address, row.message_id), ("a\ufffd\ufffd@x.test", "m\ufffd\ufffd"))
        self.assertEqual(row.document["click"]["link"], "\ufffd😀")

    def test_deep_nesting(self) -> None:
        deep: Any = "end"
        for _ in range(200):
            deep = {"a": [deep]}
        [event] = events(testing.ses_event("open"))
        event.esp_event["deep"] = deep  # as somebody's own code may make an event
        on_tracking(event)
        self.assertIn("open", Event._default_manager.get().document)

    def test_thousands_of_recipients(self) -> None:
        document = testing.ses_event("send", recipient=[f"{n}@x.test" for n in range(2_000)])
        with CaptureQueriesContext(connection) as queries:
            rows = record(document)
        self.assertEqual(len(rows), 2_000)
        self.assertEqual([bool(row.document) for row in rows[:2]], [True, False])
        if connection.vendor != "sqlite":  # which takes fewer parameters
            inserts = [one for one in queries if one["sql"].startswith("INSERT")]
            self.assertEqual(len(inserts), 4)

    def test_times_that_no_database_holds(self) -> None:
        now = datetime.now(timezone.utc)
        for moment in ("0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "x", None, 5):
            *_, row = record(testing.ses_event("open", timestamp=moment))
            self.assertLess(abs(row.occurred_at - now), timedelta(minutes=10))

    def test_types_that_nobody_expects(self) -> None:
        junk: list[Any] = [None, 1, "x", [], {}, [None], [[1]], {"a": 1}, True, float("nan")]
        for one in junk:
            for kind in ("open", "click", "subscription", "send"):
                document = testing.ses_event(kind, timestamp=one, link=one)
                document["mail"].update(messageId=one, headers=one, tags=one, commonHeaders=one)
                document[kind] = one
                record(document)
                record(testing.ses_event(kind, userAgent=one), id=one)
        self.assertGreater(Event._default_manager.count(), 10)

    def test_events_of_ones_own(self) -> None:
        for fields in ({}, {"recipient": "a@x.test"}, {"esp_event": [1]}, {"event_id": "1"}):
            on_tracking(AnymailTrackingEvent(event_type="opened", **fields))  # type: ignore[arg-type]
        self.assertEqual(Event._default_manager.count(), 4)


class WordsTests(SimpleTestCase):
    def test_the_setting_knows_every_type_of_a_sent_message(self) -> None:
        inbound = {EventType.INBOUND, EventType.INBOUND_FAILED}
        self.assertEqual(set(values.OUTBOX_EVENTS), set(EventType) - inbound)

    def test_the_document_of_many_recipients_is_stored_once(self) -> None:
        for count, stored in ((50, 50), (51, 1)):
            found = testing.ses_event("send", recipient=[f"{n}@x.test" for n in range(count)])
            rows = build_rows(events(found)[0])
            self.assertEqual(sum(bool(row.document) for row in rows), stored)

    def test_large_documents_are_inserted_a_few_at_a_time(self) -> None:
        """MariaDB refuses statements of more than 16 MB."""
        self.assertEqual(inserting.batch_size(8, {"a": "x" * 2**18}), 3)
        self.assertEqual(inserting.batch_size(2, {"a": "x" * 2**22}), 1)
