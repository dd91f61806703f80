"""What AMAZON_SES_QUEUE_TRUST believes."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any
from unittest import mock

from django.test import SimpleTestCase

from anymail.amazon_ses.carriers import parse_notifications
from anymail.amazon_ses.notifications import SesNotification
from anymail.amazon_ses.receive import queue_proof
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailAPIError, AnymailWebhookValidationFailure

from ..sns_samples import EVENTS_TOPIC, certificate, freeze_time, read_json, read_text
from .test_carriers import BOUNCE, in_eventbridge, in_s3, in_sns

FETCH = "anymail.amazon_ses.receive.fetch_certificate"
SIGNED = "sns/notification-v2.json"
STRICT = {"queue_trust": "signature", "sns_topic_arns": [EVENTS_TOPIC]}


def parse(body: str, pem: str = "valid", **settings: Any) -> list[SesNotification]:
    """With a certificate of the samples, which are older than any webhook takes."""
    with mock.patch(FETCH, return_value=certificate(pem)):
        return parse_notifications(body, proof=queue_proof(AmazonSESSettings.load(settings)))


class QueueTests(SimpleTestCase):
    def test_everything_is_believed(self):
        for body in (in_sns(BOUNCE), BOUNCE, in_eventbridge(BOUNCE), in_s3("a")):
            with self.subTest(body):
                [found] = parse(json.dumps(body), sns_topic_arns=["arn:aws:sns:x:1:another"])
                self.assertTrue(found.is_verified)

    def test_nothing_is_fetched(self):
        with mock.patch(FETCH) as fetch:
            parse_notifications(read_text(SIGNED), proof=queue_proof(AmazonSESSettings.load()))
        fetch.assert_not_called()


class SignatureTests(SimpleTestCase):
    def test_every_sample_is_accepted_or_refused_as_expected_whatever_its_age(self):
        for name, wanted in read_json("expected-sns.json")["files"].items():
            if not name.startswith(("notification", "bad-", "replay-old")):
                continue
            with self.subTest(name):
                try:
                    topic = "arn:aws:sns:us-east-1:123456789012:ses-inbound"
                    parse(
                        read_text(f"sns/{name}"),
                        queue_trust="signature",
                        sns_topic_arns=[EVENTS_TOPIC, topic],
                    )
                except AnymailWebhookValidationFailure:
                    self.assertEqual(wanted["signature"], "invalid")
                else:
                    self.assertEqual(wanted["signature"], "valid")

    def test_a_certificate_may_expire_while_the_message_waits_in_the_queue(self):
        with freeze_time(datetime(2051, 1, 1, tzinfo=timezone.utc)):
            [found] = parse(read_text(SIGNED), **STRICT)
        self.assertTrue(found.is_verified)

    def test_a_certificate_that_had_expired_before_proves_nothing(self):
        with self.assertRaisesMessage(AnymailWebhookValidationFailure, "certificate"):
            parse(read_text(SIGNED), "expired", **STRICT)

    def test_signatures_are_checked_even_if_the_webhooks_check_none(self):
        with self.assertRaises(AnymailWebhookValidationFailure):
            parse(read_text("sns/bad-message-changed.json"), **STRICT, verify_sns_signatures=False)

    def test_a_topic_that_is_not_on_the_list_is_refused(self):
        with self.assertRaisesMessage(AnymailWebhookValidationFailure, "SNS_TOPIC_ARNS"):
            parse(read_text("sns/foreign-topic-validly-signed.json"), **STRICT)

    def test_a_signature_proves_nothing_without_a_list_of_topics(self):
        for topics, is_verified in (([EVENTS_TOPIC], True), ([], False)):
            with self.subTest(topics):
                [found] = parse(read_text(SIGNED), queue_trust="signature", sns_topic_arns=topics)
                self.assertIs(found.is_verified, is_verified)

    def test_what_has_no_signature_is_refused(self):
        for body in (BOUNCE, in_eventbridge(BOUNCE), in_s3("a"), in_sns(BOUNCE)):
            with self.subTest(body), self.assertRaises(AnymailWebhookValidationFailure):
                parse(json.dumps(body), **STRICT)

    def test_a_certificate_that_cannot_be_fetched_now_is_no_poison(self):
        settings = AmazonSESSettings.load(dict(STRICT))
        error = AnymailAPIError("It cannot be fetched.", is_transient=True)
        with mock.patch(FETCH, side_effect=error), self.assertRaises(AnymailAPIError):
            parse_notifications(read_text(SIGNED), proof=queue_proof(settings))
