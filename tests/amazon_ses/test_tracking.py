from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.test import SimpleTestCase

from anymail.amazon_ses.notifications import SesNotification
from anymail.amazon_ses.receive import receive_tracking
from anymail.amazon_ses.timestamps import parse_timestamp
from anymail.amazon_ses.tracking import (
    DESCRIBERS,
    is_autoreply,
    subscription_change,
    tracking_events,
)
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailConfigurationError
from anymail.signals import AnymailTrackingEvent, EventType

from ..clock import cpu_growth
from ..sns_samples import EVENTS_TOPIC, PAYLOADS, read_json


def notification(body: Any) -> SesNotification:
    return SesNotification(
        id="sns-id",
        timestamp=parse_timestamp("2025-03-04T05:06:08.123Z"),
        topic_arn=EVENTS_TOPIC,
        body=body,
    )


def events(body: Any, message_tag_name: str | None = None) -> list[AnymailTrackingEvent]:
    return tracking_events(notification(body), message_tag_name)


def sample(name: str, **changes: Any) -> dict[str, Any]:
    return {**read_json(f"events/{name}.json"), **changes}


def observed(event: AnymailTrackingEvent, name: str) -> Any:
    value = getattr(event, name)
    if not isinstance(value, datetime):
        return value
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class SampleTests(SimpleTestCase):
    def test_every_document_gives_the_expected_events(self):
        expected = read_json("expected-events.json")["files"]
        files = {path.name for path in PAYLOADS.glob("events/*.json")}
        self.assertEqual(files - expected.keys(), set())
        for name, wanted in expected.items():
            if name == "n-setup-subscription-succeeded.json":
                continue  # the envelope drops it
            with self.subTest(name):
                found = events(read_json(f"events/{name}"))
                self.assertEqual(
                    [
                        {key: observed(event, key) for key in row}
                        for event, row in zip(found, wanted, strict=False)
                    ],
                    wanted,
                )
                self.assertEqual(len(found), len(wanted))

    def test_every_event_is_as_its_constructor_would_make_it(self):
        for path in PAYLOADS.glob("events/*.json"):
            for event in events(json.loads(path.read_text(encoding="utf-8"))):
                self.assertEqual(AnymailTrackingEvent(**vars(event)), event)
                self.assertEqual(vars(AnymailTrackingEvent(**vars(event))), vars(event))


class CommonFieldsTests(SimpleTestCase):
    def test_ids_times_and_the_document_are_passed_on(self):
        body = sample("p-delivery")
        [event] = events(body)
        self.assertEqual(event.event_id, "sns-id")
        self.assertEqual(observed(event, "timestamp"), "2025-03-04T05:06:08.123Z")
        self.assertEqual(event.message_id, body["mail"]["messageId"])
        self.assertIs(event.esp_event, body)

    def test_message_tags_are_without_those_of_ses(self):
        [event] = events(sample("p-delivery"))
        self.assertEqual(event.message_tags, {"app_tag": ["welcome"], "campaign": ["spring-2025"]})

    def test_a_message_tag_stands_in_for_missing_tags(self):
        self.assertEqual(events(sample("p-delivery"), "campaign")[0].tags, ["spring-2025"])
        self.assertEqual(events(sample("p-delivery"), "other")[0].tags, [])
        self.assertEqual(events(sample("p-delivery"))[0].tags, [])

    def test_tags_in_the_headers_win(self):
        body = sample("p-delivery")
        body["mail"]["headers"].append({"name": "X-Tag", "value": "mine"})
        self.assertEqual(events(body, "campaign")[0].tags, ["mine"])

    def test_without_recipients_there_is_no_event(self):
        for kind in DESCRIBERS:
            with self.subTest(kind):
                self.assertEqual(events({"eventType": kind}), [])

    def test_a_delivery_without_recipients_is_about_everybody_it_was_sent_to(self):
        body = {"eventType": "Delivery", "mail": {"destination": ["a@x.com", "b@x.com"]}}
        for delivery in ({}, {"delivery": {"smtpResponse": "250 ok"}}):
            with self.subTest(delivery):
                found = events({**body, **delivery})
                self.assertEqual([event.recipient for event in found], ["a@x.com", "b@x.com"])

    def test_addresses_lose_their_names_but_nothing_else(self):
        for text, expected in {
            "ann@example.net": "ann@example.net",
            "Ann <Ann@Example.net>": "Ann@Example.net",
            '"A, B" <ann@example.net>': "ann@example.net",
            "<>": "<>",
            "<" + "(" * 50_000: "<" + "(" * 50_000,
        }.items():
            with self.subTest(text[:30]):
                [event] = events({"eventType": "Send", "mail": {"destination": [text]}})
                self.assertEqual(event.recipient, expected)

    def test_time_grows_with_the_length_of_an_address_alone(self):
        """The recipient's server writes those of bounces."""

        def read(text: str) -> None:
            for address in (f"x:{text}<", f"{text}@example.com", f"Ann {text}<ann@example.com>"):
                bounce = {"bouncedRecipients": [{"emailAddress": address}]}
                mail = {"destination": [address]}
                self.assertEqual(
                    len(events({"eventType": "Bounce", "bounce": bounce, "mail": mail})), 1
                )

        for unit in ("a@b,", "\u0301\u0316", "(a", '"', "<", "=?a?q?"):
            with self.subTest(unit):
                self.assertLess(cpu_growth(read, unit), 10)


class DescriptionTests(SimpleTestCase):
    def only(self, name: str) -> AnymailTrackingEvent:
        return events(sample(name))[0]

    def test_a_delivery_says_what_the_server_said(self):
        self.assertEqual(self.only("p-delivery").mta_response, "250 2.0.0 OK queued as 4711")

    def test_a_bounce_says_its_type_and_what_the_server_said(self):
        event = self.only("p-bounce-permanent-general")
        self.assertEqual(event.description, "Permanent: General")
        self.assertEqual(event.mta_response, "smtp; 550 5.1.1 <ann@example.net>: no such user")

    def test_a_bounce_without_a_type_has_no_description(self):
        self.assertIsNone(self.only("p-bounce-missing-classification").description)

    def test_a_complaint_says_who_says_what(self):
        event = self.only("p-complaint-abuse")
        body = sample("p-complaint-abuse")["complaint"]
        self.assertEqual((event.description, event.user_agent), ("abuse", body["userAgent"]))

    def test_a_delay_says_why(self):
        event = self.only("p-deliverydelay-mailboxfull")
        self.assertEqual(event.description, "MailboxFull")

    def test_a_delay_has_the_recipients_status(self):
        body = sample("p-deliverydelay-general")
        body["deliveryDelay"]["delayedRecipients"] = [
            {"emailAddress": "a@b.example", "status": "4.4.1", "diagnosticCode": "smtp; 421"}
        ]
        [event] = events(body)
        self.assertEqual((event.smtp_status, event.mta_response), ("4.4.1", "smtp; 421"))

    def test_a_reject_says_why(self):
        self.assertEqual(self.only("p-reject").description, "Bad content")

    def test_a_rendering_failure_says_what_was_missing(self):
        wanted = sample("p-renderingfailure")["failure"]["errorMessage"]
        self.assertEqual(self.only("p-renderingfailure").description, wanted)

    def test_a_click_says_what_with(self):
        self.assertEqual(self.only("p-click").user_agent, sample("p-click")["click"]["userAgent"])
        self.assertIsNone(self.only("p-open-no-useragent").user_agent)

    def test_a_subscription_says_which_list(self):
        self.assertEqual(self.only("p-subscription-mixed").description, "customers")

    def test_an_unknown_kind_is_named(self):
        kind = sample("p-unknown-kind")["eventType"]
        self.assertIn(repr(kind), self.only("p-unknown-kind").description or "")


class AutoreplyTests(SimpleTestCase):
    bounce = {"bounceType": "Transient", "bounceSubType": "General"}

    def test_a_transient_bounce_without_a_report_looks_like_one(self):
        self.assertTrue(is_autoreply(self.bounce, [{"emailAddress": "a@b.example"}]))

    def test_any_part_of_a_report_speaks_against_it(self):
        self.assertFalse(is_autoreply({**self.bounce, "reportingMTA": "dns; x"}, []))
        for name in ("action", "status", "diagnosticCode"):
            self.assertFalse(is_autoreply(self.bounce, [{}, {name: "x"}]))

    def test_other_bounces_are_none(self):
        self.assertFalse(is_autoreply({**self.bounce, "bounceSubType": "MailboxFull"}, []))
        self.assertFalse(is_autoreply({**self.bounce, "bounceType": "Permanent"}, []))


class SubscriptionTests(SimpleTestCase):
    def test_unsubscribing_from_everything_counts_most(self):
        on, off = {"unsubscribeAll": False}, {"unsubscribeAll": True}
        self.assertEqual(subscription_change(on, off), EventType.UNSUBSCRIBED)
        self.assertEqual(subscription_change(off, on), EventType.SUBSCRIBED)
        self.assertEqual(subscription_change(off, off), EventType.UNKNOWN)

    def test_an_explicit_status_wins_over_the_default(self):
        default = {"topicDefaultSubscriptionStatus": self.status(news="OptIn")}
        out = {**default, "topicSubscriptionStatus": self.status(news="OptOut")}
        self.assertEqual(subscription_change(default, out), EventType.UNSUBSCRIBED)
        self.assertEqual(subscription_change(out, default), EventType.SUBSCRIBED)

    def test_an_opt_out_outweighs_opt_ins(self):
        old = {"topicSubscriptionStatus": self.status(a="OptIn", b="OptOut", c="OptOut")}
        new = {"topicSubscriptionStatus": self.status(a="OptOut", b="OptIn", c="OptIn")}
        self.assertEqual(subscription_change(old, new), EventType.UNSUBSCRIBED)

    def status(self, **topics: str) -> list[dict[str, str]]:
        return [{"topicName": k, "subscriptionStatus": v} for k, v in topics.items()]


class ReceiveTrackingTests(SimpleTestCase):
    def test_received_mail_is_a_configuration_error_that_names_the_topic(self):
        with self.assertRaisesMessage(AnymailConfigurationError, EVENTS_TOPIC):
            receive_tracking(notification({"notificationType": "Received"}), AmazonSESSettings())

    def test_the_setting_names_the_message_tag(self):
        settings = AmazonSESSettings.load({"message_tag_name": "campaign"})
        [event] = receive_tracking(notification(sample("p-delivery")), settings)
        self.assertEqual(event.tags, ["spring-2025"])
