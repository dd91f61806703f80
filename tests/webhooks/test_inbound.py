"""From a notification to the mail and to the event, without a network."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from django.test import SimpleTestCase

from anymail.amazon_ses.inbound import (
    S3Object,
    UnreadableMail,
    failed_event,
    inbound_event,
    is_setup,
    locate_content,
)
from anymail.amazon_ses.notifications import SesNotification
from anymail.exceptions import AnymailConfigurationError
from anymail.inbound import AnymailInboundMessage
from anymail.signals import EventType

PAYLOADS = Path(__file__).parent.parent / "payloads"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-inbound"
PUBLISHED = datetime(2025, 3, 4, 5, 6, 8, tzinfo=timezone.utc)


def notification(body: dict[str, Any], topic_arn: str | None = TOPIC) -> SesNotification:
    return SesNotification(id="sns-id", timestamp=PUBLISHED, topic_arn=topic_arn, body=body)


def sample(name: str) -> SesNotification:
    return notification(json.loads((PAYLOADS / "inbound" / f"{name}.json").read_text()))


def received(**action: Any) -> dict[str, Any]:
    content = action.pop("content", None)
    return {
        "notificationType": "Received",
        "mail": {"messageId": "m1"},
        "receipt": {"action": action},
        "content": content,
    }


class LocateContentTests(SimpleTestCase):
    def test_base64_content_is_byte_exact(self):
        expected = (PAYLOADS / "inbound" / "latin1-8bit.eml").read_bytes()
        self.assertEqual(locate_content(sample("sns-base64-latin1")), expected)

    def test_base64_content_may_be_wrapped(self):
        expected = (PAYLOADS / "inbound" / "plain.eml").read_bytes()
        self.assertEqual(locate_content(sample("sns-base64-wrapped-lines")), expected)

    def test_text_content_is_encoded_as_utf8(self):
        expected = (PAYLOADS / "inbound" / "utf8-8bit.eml").read_bytes()
        self.assertEqual(locate_content(sample("sns-utf8-8bit-nonascii")), expected)

    def test_content_without_encoding_is_text_unless_it_cannot_be_a_mail(self):
        expected = (PAYLOADS / "inbound" / "plain.eml").read_bytes()
        for name in ("sns-no-encoding-field", "sns-no-encoding-but-base64"):
            with self.subTest(name):
                self.assertEqual(locate_content(sample(name)), expected)

    def test_text_without_encoding_that_is_no_base64_is_text(self):
        body = received(type="SNS", content="no header, no base64")
        self.assertEqual(locate_content(notification(body)), b"no header, no base64")

    def test_lone_surrogates_in_the_content_do_no_harm(self):
        body = received(type="SNS", encoding="UTF8", content="Subject: \ud800\n\nx")
        self.assertTrue(locate_content(notification(body)).startswith(b"Subject: "))

    def test_content_that_is_missing_or_broken_is_unreadable(self):
        for name in ("sns-missing-content", "sns-bad-base64"):
            with self.subTest(name), self.assertRaises(UnreadableMail):
                locate_content(sample(name))

    def test_s3_object_has_the_key_as_it_is_and_the_region_of_the_topic(self):
        found = locate_content(sample("s3-prefix-special-characters"))
        self.assertEqual(
            found,
            S3Object(
                bucket="example-inbound-mail",
                key="in box/ä+b%20/1loen55qip5l9tgg5magf8vl0k3pd55msample01",
                region="eu-west-1",
                message_id="1loen55qip5l9tgg5magf8vl0k3pd55msample01",
            ),
        )

    def test_region_comes_from_the_action_if_the_carrier_names_no_topic(self):
        body = json.loads((PAYLOADS / "inbound" / "s3-plain.json").read_text())
        self.assertEqual(locate_content(notification(body, topic_arn=None)).region, "us-east-1")

    def test_s3_object_without_usable_bucket_or_key_is_unreadable(self):
        for bucket, key in (
            (None, "key"),
            ("bucket", None),
            ("bucket", ""),
            ("bucket", "\ud800"),
            ("bucket", "key\nCRITICAL all is lost"),
            ("arn:aws:s3:us-east-1:123456789012:accesspoint/x", "key"),
            ("../bucket", "key"),
        ):
            with self.subTest(bucket=bucket, key=ascii(key)), self.assertRaises(UnreadableMail):
                body = received(type="S3", bucketName=bucket, objectKey=key)
                locate_content(notification(body))

    def test_actions_without_mail_are_configuration_errors_that_name_the_action(self):
        for name, action in (
            ("bounce", "Bounce"),
            ("lambda", "Lambda"),
            ("stop", "Stop"),
            ("workmail", "WorkMail"),
        ):
            error = self.assertRaisesMessage(AnymailConfigurationError, repr(action))
            with self.subTest(name), error:
                locate_content(sample(f"alert-{name}-action"))

    def test_errors_are_one_line_whatever_the_action_is_called(self):
        with self.assertRaises(AnymailConfigurationError) as raised:
            locate_content(notification(received(type="Stop\nCRITICAL all is lost")))
        self.assertNotIn("\n", str(raised.exception))

    def test_broken_documents_are_unreadable(self):
        for receipt in (None, [], {}, {"action": None}, {"action": {}}):
            with self.subTest(receipt), self.assertRaises(UnreadableMail):
                locate_content(notification({"receipt": receipt, "mail": receipt}))

    def test_setup_is_recognised_by_message_id_or_key(self):
        self.assertTrue(is_setup(sample("setup-s3")))
        self.assertTrue(is_setup(sample("setup-sns")))
        key = received(type="S3", objectKey="a/AMAZON_SES_SETUP_NOTIFICATION")
        self.assertTrue(is_setup(notification(key)))
        self.assertFalse(is_setup(sample("s3-plain")))


class InboundEventTests(SimpleTestCase):
    def test_every_sample_gives_the_expected_envelope_and_spam_verdict(self):
        expected = json.loads((PAYLOADS / "expected-inbound.json").read_text())["files"]
        for name, outcome in expected.items():
            if outcome["outcome"] != "inbound":
                continue
            with self.subTest(name):
                message = inbound_event(sample(name.removesuffix(".json")), b"").message
                self.assertEqual(message.envelope_sender, outcome["envelope_sender"])
                self.assertEqual(message.envelope_recipients, outcome["envelope_recipients"])
                self.assertEqual(message.envelope_recipient, outcome["envelope_recipients"][0])
                self.assertIs(message.spam_detected, outcome["spam_detected"])

    def test_event_has_the_id_and_the_time_of_the_mail(self):
        event = inbound_event(sample("s3-plain"), b"Subject: x\r\n\r\ny")
        self.assertEqual(event.event_type, EventType.INBOUND)
        self.assertEqual(event.event_id, "1loen55qip5l9tgg5magf8vl0k3pd55msample01")
        expected = datetime(2025, 3, 4, 5, 6, 7, 89000, tzinfo=timezone.utc)
        self.assertEqual(event.timestamp, expected)
        self.assertEqual(event.esp_event["notificationType"], "Received")
        self.assertEqual(event.message.subject, "x")

    def test_event_has_the_id_and_the_time_of_the_carrier_if_the_mail_has_none(self):
        event = inbound_event(notification({"mail": {"timestamp": "soon"}}), b"")
        self.assertEqual((event.event_id, event.timestamp), ("sns-id", PUBLISHED))

    def test_parsed_message_is_taken_as_it_is(self):
        message = AnymailInboundMessage.construct(text="x")
        self.assertIs(inbound_event(sample("s3-plain"), message).message, message)

    def test_verdicts_come_from_the_receipt_not_from_the_mail(self):
        forged = (PAYLOADS / "inbound" / "forged-verdict-headers.eml").read_bytes()
        message = inbound_event(sample("s3-verdicts-fail-dmarc-reject"), forged).message
        self.assertEqual((message.spam_detected, message.virus_detected), (True, True))
        self.assertEqual((message.spf_verdict, message.dmarc_verdict), ("FAIL", "FAIL"))
        self.assertEqual(message.dmarc_policy, "reject")

    def test_passed_verdicts(self):
        message = inbound_event(sample("s3-plain"), b"").message
        self.assertEqual((message.spam_detected, message.virus_detected), (False, False))
        verdicts = {message.spf_verdict, message.dkim_verdict, message.dmarc_verdict}
        self.assertEqual(verdicts, {"PASS"})
        self.assertIsNone(message.dmarc_policy)

    def test_missing_or_other_verdict_is_never_a_pass(self):
        others: list[Any] = ["GRAY", "DISABLED", "PROCESSING_FAILED", "pass", "", None, 1, []]
        for verdict in [*({"status": other} for other in others), None, "PASS", ["PASS"]]:
            with self.subTest(verdict):
                names = ("spamVerdict", "virusVerdict", "spfVerdict", "dkimVerdict", "dmarcVerdict")
                receipt = {**dict.fromkeys(names, verdict), "dmarcPolicy": verdict}
                message = inbound_event(notification({"receipt": receipt}), b"").message
                self.assertIsNone(message.spam_detected)
                self.assertIsNone(message.virus_detected)
                self.assertIsNone(message.spf_verdict)
                self.assertIsNone(message.dkim_verdict)
                self.assertIsNone(message.dmarc_verdict)
                self.assertIsNone(message.dmarc_policy)

    def test_recipients_that_are_no_strings_are_left_out(self):
        for recipients, expected in ((None, []), ("a@x", []), ([None, "a@x", 1], ["a@x"])):
            with self.subTest(recipients):
                body = {"receipt": {"recipients": recipients}}
                message = inbound_event(notification(body), b"").message
                self.assertEqual(message.envelope_recipients, expected)

    def test_failed_event_has_no_message(self):
        event = failed_event(sample("sns-bad-base64"), "no valid base64")
        self.assertEqual((event.event_type, event.message), (EventType.INBOUND_FAILED, None))
        self.assertEqual(event.description, "no valid base64")
        self.assertIsNotNone(event.event_id)

    def test_content_survives_the_way_through_base64(self):
        mail = bytes(range(256))
        body = received(type="SNS", encoding="BASE64", content=base64.b64encode(mail).decode())
        self.assertEqual(locate_content(notification(body)), mail)
