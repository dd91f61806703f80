from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.test import SimpleTestCase, override_settings

from anymail import testing
from anymail.amazon_ses.timestamps import iso_time
from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, EventType, inbound, tracking
from anymail.testing import (
    inbound_event,
    ses,
    ses_event,
    ses_received,
    sns_notification,
    sns_request,
    tracking_event,
    trusted_sns,
)

from .sns_samples import INBOUND_URL, TRACKING_URL, fetch_sample, ignore_insecure_webhooks


class TrackingEventTests(SimpleTestCase):
    def test_every_type_can_be_made(self):
        for event_type in EventType.values:
            with self.subTest(event_type):
                event = tracking_event(event_type, recipient="a@b.example")
                self.assertIsInstance(event, AnymailTrackingEvent)
                self.assertEqual((event.event_type, event.recipient), (event_type, "a@b.example"))

    def test_it_is_as_the_webhook_would_make_it(self):
        event = tracking_event("bounced")
        self.assertTrue(event.is_hard_bounce)
        self.assertEqual(event.reject_reason, "bounced")
        self.assertEqual(event.esp_event["eventType"], "Bounce")
        self.assertIsNotNone(event.timestamp)

    def test_two_have_different_ids(self):
        self.assertNotEqual(tracking_event().event_id, tracking_event().event_id)

    def test_any_field_can_be_given(self):
        event = tracking_event("clicked", click_url="https://x.example", metadata={"a": 1})
        self.assertEqual((event.click_url, event.metadata), ("https://x.example", {"a": 1}))

    def test_a_field_that_does_not_exist_is_a_type_error(self):
        with self.assertRaises(TypeError):
            tracking_event(reciepient="a@b.example")


class InboundEventTests(SimpleTestCase):
    def test_the_mail_may_be_bytes_text_or_a_path(self):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "mail.eml"
            path.write_bytes(b"Subject: Hi\r\n\r\nText\r\n")
            for mail in (path.read_bytes(), path.read_text(), path):
                with self.subTest(type(mail)):
                    event = inbound_event(mail, envelope_recipient="in@b.example")
                    assert event.message is not None
                    self.assertEqual(event.message.subject, "Hi")
                    self.assertEqual(event.message.envelope_recipient, "in@b.example")
                    self.assertEqual(event.message.envelope_recipients, ["in@b.example"])

    def test_it_has_the_type_inbound(self):
        self.assertIsInstance(inbound_event(), AnymailInboundEvent)
        self.assertEqual(inbound_event().event_type, "inbound")
        self.assertEqual(inbound_event(event_id="x").event_id, "x")


class SesEventTests(SimpleTestCase):
    def test_details_are_in_the_words_of_ses(self):
        found = ses_event("bounce", bounceType="Transient")
        self.assertEqual(found["bounce"]["bounceType"], "Transient")

    def test_the_time_can_be_given(self):
        moment = datetime(2025, 3, 4, 5, 6, 7, 89_000, tzinfo=timezone.utc)
        found = ses_event("open", occurred_at=moment)
        self.assertEqual(found["open"]["timestamp"], "2025-03-04T05:06:07.089Z")

    def test_an_unknown_kind_is_a_key_error(self):
        with self.assertRaises(KeyError):
            ses_event("bounced")


class RequestTests(SimpleTestCase):
    def setUp(self) -> None:
        ignore_insecure_webhooks(self)
        self.events: list[Any] = []
        for signal in (tracking, inbound):
            signal.connect(self.receive)
            self.addCleanup(signal.disconnect, self.receive)

    def receive(self, event: Any, **kwargs: Any) -> None:
        self.events.append(event)

    def post(self, request: dict[str, Any], url: str = TRACKING_URL) -> int:
        status: int = self.client.post(url, **request).status_code
        return status

    def test_every_kind_reaches_the_receivers(self):
        for kind in ses.KINDS:
            with self.subTest(kind), trusted_sns():
                self.events.clear()
                request = sns_notification(
                    kind,
                    recipient=["a@b.example", "c@d.example"],
                    message_id="m-1",
                    tags=["t"],
                    metadata={"n": 1},
                    message_tags={"x": ["y"]},
                )
                self.assertEqual(self.post(request), 200)
                self.assertEqual(
                    [event.recipient for event in self.events], ["a@b.example", "c@d.example"]
                )
                event = self.events[0]
                self.assertEqual(
                    (event.message_id, event.tags, event.metadata, event.message_tags),
                    ("m-1", ["t"], {"n": 1}, {"x": ["y"]}),
                )

    def test_received_mail_reaches_the_receivers(self):
        document = ses_received(b"Subject: Hi\r\n\r\nText\r\n", recipient="in@b.example")
        with trusted_sns():
            self.assertEqual(self.post(sns_notification(document), INBOUND_URL), 200)
        [event] = self.events
        self.assertEqual(event.message.subject, "Hi")
        self.assertEqual(event.message.envelope_recipient, "in@b.example")

    def test_both_signature_versions_are_possible(self):
        fields = {
            "Type": "Notification",
            "MessageId": "m",
            "TopicArn": testing.DEFAULT_TOPIC,
            "Message": '{"eventType": "Send"}',
            "Timestamp": iso_time(datetime.now(timezone.utc)),
        }
        for version in ("1", "2"):
            with self.subTest(version), trusted_sns():
                self.assertEqual(self.post(sns_request(fields, signature_version=version)), 200)

    def test_the_key_is_trusted_within_the_block_only(self):
        request = sns_notification("send")
        with trusted_sns():
            self.assertEqual(self.post(request), 200)
        with fetch_sample():
            self.assertEqual(self.post(request), 400)

    @trusted_sns()
    def test_it_is_a_decorator_too(self):
        self.assertEqual(self.post(sns_notification("send")), 200)

    def test_the_projects_settings_are_heeded(self):
        topic = "arn:aws:sns:eu-west-1:123456789012:own"
        own = {
            "WEBHOOK_SECRET": "a:b",
            "AMAZON_SES_SNS_TOPIC_ARNS": [topic],
            "AMAZON_SES_SNS_CERTIFICATES": {},
        }
        with override_settings(ANYMAIL=own), trusted_sns():
            self.assertEqual(self.post(sns_notification("send")), 200)
            self.assertEqual(self.post(sns_notification("send", secret="")), 401)
            self.assertEqual(self.post(sns_notification("send", topic=testing.DEFAULT_TOPIC)), 400)
