"""The events, their vocabularies, and who receives them."""

from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError
from datetime import datetime, timezone

from django.test import SimpleTestCase

from anymail.inbound import AnymailInboundMessage
from anymail.signals import (
    AnymailEvent,
    AnymailInboundEvent,
    AnymailTrackingEvent,
    EventType,
    RejectReason,
    dispatch,
    inbound,
    tracking,
)


class VocabularyTests(SimpleTestCase):
    def test_members_are_strings(self):
        for member in (*EventType, *RejectReason):
            with self.subTest(member=member):
                self.assertIsInstance(member, str)
                self.assertEqual(member, member.value)
                self.assertEqual(member.value, member.name.lower())

    def test_members_print_and_serialise_as_their_value(self):
        self.assertEqual(f"{EventType.BOUNCED} {RejectReason.SPAM}", "bounced spam")
        self.assertEqual(json.dumps({"type": EventType.BOUNCED}), '{"type": "bounced"}')

    def test_members_are_found_by_their_value(self):
        self.assertIs(EventType("inbound_failed"), EventType.INBOUND_FAILED)
        self.assertIn("timed_out", RejectReason.values)


class EventTests(SimpleTestCase):
    def test_an_event_cannot_be_changed(self):
        """Receivers cannot disturb each other."""
        for event in (AnymailTrackingEvent(event_type="sent"), AnymailInboundEvent()):
            with self.subTest(event=event), self.assertRaises(FrozenInstanceError):
                event.event_id = "x"

    def test_an_unknown_keyword_is_refused(self):
        for kind in (AnymailTrackingEvent, AnymailInboundEvent, AnymailEvent):
            with self.subTest(kind=kind), self.assertRaisesMessage(TypeError, "reciepient"):
                kind(event_type="sent", reciepient="ann@example.com")

    def test_a_tracking_event_needs_a_type_and_nothing_else(self):
        with self.assertRaises(TypeError):
            AnymailTrackingEvent()
        event = AnymailTrackingEvent(event_type=EventType.SENT)
        self.assertEqual((event.metadata, event.tags, event.message_tags), ({}, [], {}))
        for name in (
            "timestamp",
            "event_id",
            "esp_event",
            "message_id",
            "recipient",
            "reject_reason",
            "description",
            "mta_response",
            "user_agent",
            "click_url",
            "occurred_at",
            "bounce_type",
            "bounce_subtype",
            "complaint_type",
            "delay_type",
            "smtp_status",
        ):
            with self.subTest(name=name):
                self.assertIsNone(getattr(event, name))
        for name in ("is_hard_bounce", "is_suppressed", "is_autoreply", "recipient_uncertain"):
            with self.subTest(name=name):
                self.assertIs(getattr(event, name), False)

    def test_events_do_not_share_their_empty_lists(self):
        one, two = (AnymailTrackingEvent(event_type="sent") for _ in range(2))
        one.tags.append("a")
        one.metadata["a"] = 1
        self.assertEqual((two.tags, two.metadata), ([], {}))

    def test_an_inbound_event_is_inbound(self):
        self.assertEqual(AnymailInboundEvent().event_type, "inbound")
        message = AnymailInboundMessage()
        self.assertIs(AnymailInboundEvent(message=message).message, message)

    def test_an_event_can_be_pickled(self):
        """For a task that handles it later."""
        event = AnymailTrackingEvent(
            event_type=EventType.BOUNCED,
            timestamp=datetime(2025, 1, 2, tzinfo=timezone.utc),
            esp_event={"eventType": "Bounce"},
            tags=["a"],
        )
        self.assertEqual(pickle.loads(pickle.dumps(event)), event)


class DispatchTests(SimpleTestCase):
    def setUp(self):
        self.calls = []
        for name, signal in (("tracking", tracking), ("inbound", inbound)):
            receiver = self.receiver(name)
            signal.connect(receiver, weak=False)
            self.addCleanup(signal.disconnect, receiver)

    def receiver(self, name):
        def receive(**kwargs):
            self.calls.append((name, kwargs))
            if kwargs["event"].event_id == "fail":
                raise ZeroDivisionError

        return receive

    def test_the_type_of_an_event_chooses_its_signal(self):
        one, two = AnymailTrackingEvent(event_type="inbound"), AnymailInboundEvent()
        dispatch([one, two], sender=type(self), esp_name="Amazon SES")
        self.assertEqual(
            [(name, kwargs["event"]) for name, kwargs in self.calls],
            [("tracking", one), ("inbound", two)],
        )

    def test_receivers_get_sender_event_and_the_name_of_the_service(self):
        event = AnymailTrackingEvent(event_type="sent")
        dispatch([event], sender=type(self), esp_name="Amazon SES")
        [(_, kwargs)] = self.calls
        self.assertEqual(
            kwargs,
            {"signal": tracking, "sender": type(self), "event": event, "esp_name": "Amazon SES"},
        )

    def test_a_receiver_that_raises_ends_it(self):
        """The whole notification is repeated then."""
        events = [
            AnymailTrackingEvent(event_type="sent", event_id=name) for name in ("1", "fail", "3")
        ]
        with self.assertRaises(ZeroDivisionError):
            dispatch(events, sender=type(self), esp_name="Amazon SES")
        self.assertEqual([kwargs["event"].event_id for _, kwargs in self.calls], ["1", "fail"])
