"""Error reports about webhooks: no secret, no address and no content in any variable of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

from django.test import RequestFactory, SimpleTestCase, override_settings

from anymail import testing
from anymail.amazon_ses import aws
from anymail.amazon_ses.carriers import parse_notifications
from anymail.amazon_ses.sns import SnsEnvelope
from anymail.conf import WebhookSettings
from anymail.exceptions import AnymailAPIError
from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, inbound, tracking
from anymail.webhooks.amazon_ses import AmazonSESInboundWebhookView, AmazonSESTrackingWebhookView

from ..backends.test_backends import connected
from ..error_reports import ErrorReportTests, raised_by
from ..sns_samples import ignore_insecure_webhooks

PASSWORD, PERSON, CONTENT = "hunter2-of-the-webhook", "mallory.mc-secret", "password 4711"
SECRET = f"sns:{PASSWORD}"
PRIVATE = (PASSWORD, PERSON, CONTENT)
ADDRESS = f"{PERSON}@example.com"
MAIL = f"From: {ADDRESS}\r\nSubject: {CONTENT}\r\n\r\n{CONTENT}\r\n"
RECEIVED = {
    **testing.ses_received(MAIL, recipient=ADDRESS),
    "receipt": {
        "recipients": [ADDRESS],
        "action": {"type": "S3", "bucketName": "mails", "objectKey": "key"},
    },
}


def fail(event: Any, **kwargs: Any) -> None:
    raise ZeroDivisionError


def posted(view: Callable[..., Any], event: Any, **detail: Any) -> Callable[[], Any]:
    request = RequestFactory().post("/", **testing.sns_notification(event, **detail))
    return lambda: view(request)


class WebhookTests(ErrorReportTests, SimpleTestCase):
    private = PRIVATE

    def errors(self) -> dict[str, BaseException]:
        keyed = {"secret": SECRET, "recipient": ADDRESS}
        views = {
            "settings": (AmazonSESTrackingWebhookView.as_view(), AmazonSESInboundWebhookView),
            "as_view": (
                AmazonSESTrackingWebhookView.as_view(webhook_secret=SECRET),
                AmazonSESInboundWebhookView,
            ),
            "basic_auth": (
                AmazonSESTrackingWebhookView.as_view(basic_auth=[SECRET]),
                AmazonSESInboundWebhookView,
            ),
        }
        errors = {}
        refusal = AnymailAPIError("denied", error_code="AccessDenied")
        for name, (view, inbound_view) in views.items():
            with connected(tracking, fail):
                errors[f"receiver {name}"] = raised_by(posted(view, "bounce", **keyed))
            errors[f"garbage {name}"] = raised_by(posted(view, {"mail": ADDRESS, "a": _deep()}))
            errors[f"wrong webhook {name}"] = raised_by(posted(view, RECEIVED))
            with mock.patch.object(aws, "client", side_effect=refusal):
                errors[f"S3 {name}"] = raised_by(posted(inbound_view.as_view(), RECEIVED))
            with mock.patch.object(aws, "client", side_effect=KeyError):
                errors[f"bug {name}"] = raised_by(posted(inbound_view.as_view(), RECEIVED))
        with connected(inbound, fail):
            received = testing.ses_received(MAIL, recipient=ADDRESS)
            errors["mail"] = raised_by(posted(AmazonSESInboundWebhookView.as_view(), received))
        return errors

    def setUp(self) -> None:
        for context in (
            testing.trusted_sns(),
            override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}),
        ):
            context.enable()
            self.addCleanup(context.disable)


class ReprTests(SimpleTestCase):
    def test_no_repr_has_anything(self) -> None:
        request = testing.sns_notification("bounce", recipient=ADDRESS, metadata={"a": CONTENT})
        envelope = SnsEnvelope.from_json(request["data"])
        shown: list[Any] = [
            testing.tracking_event("bounced", recipient=ADDRESS, mta_response=CONTENT),
            testing.inbound_event(MAIL, envelope_recipient=ADDRESS),
            envelope,
            *parse_notifications(request["data"], proof=lambda envelope: True),
            testing.inbound_event(MAIL).message,
            WebhookSettings.load({"webhook_secret": SECRET}),
        ]
        for value in shown:
            with self.subTest(type(value)):
                for private in PRIVATE:
                    self.assertNotIn(private, f"{value!r}")
        for event in shown[:2]:
            self.assertEqual(str(event), repr(event))

    def test_an_event_prints_what_finds_it(self) -> None:
        event = AnymailTrackingEvent(event_type="bounced", event_id="sns-1")
        self.assertEqual(str(event), "<AnymailTrackingEvent bounced, event_id='sns-1'>")
        self.assertLess(len(repr(AnymailInboundEvent(event_id="x" * 10_000))), 200)


class HashTests(SimpleTestCase):
    def test_equal_events_have_one_hash(self) -> None:
        for make in (
            lambda: AnymailTrackingEvent(
                event_type="sent", tags=["a"], metadata={"a": 1}, esp_event={"a": []}
            ),
            lambda: AnymailInboundEvent(event_id="x", esp_event={"a": []}),
        ):
            one, two = make(), make()
            self.assertEqual(len({one, two}), 1)
            self.assertEqual({one: "found"}[two], "found")

    def test_events_of_the_webhooks_have_a_hash(self) -> None:
        ignore_insecure_webhooks(self)
        for event in (testing.tracking_event("bounced"), testing.inbound_event()):
            self.assertIsInstance(hash(event), int)
            self.assertEqual({event}, {event})


def _deep() -> Any:
    value: Any = CONTENT
    for _ in range(100):
        value = [value]
    return value
