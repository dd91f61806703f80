from __future__ import annotations

from anymail.checks.queues import check_queue_settings

from ..sns_samples import EVENTS_TOPIC
from .test_webhooks import CheckTestCase


class QueueTests(CheckTestCase):
    def found(self, **anymail: object) -> list[str | None]:
        return self.ids(check_queue_settings, **anymail)

    def test_names_urls_and_arns_are_good(self):
        good = [
            "ses-events",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/ses-events",
            "http://127.0.0.1:4566/123456789012/ses-events",
            "arn:aws:sqs:eu-west-1:123456789012:ses-events",
        ]
        self.assertEqual(self.found(AMAZON_SES_QUEUES=good), [])
        self.assertEqual(self.found(), [])

    def test_e122_what_cannot_be_a_queue_of_ses(self):
        for name in (
            "ses events",
            "ses-events.fifo",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/ses-events.fifo",
            "arn:aws:sqs:eu-west-1:123456789012:ses-events.fifo",
            "arn:aws:sns:eu-west-1:123456789012:ses-events",
            "https://sqs.eu-west-1.amazonaws.com",
        ):
            with self.subTest(name):
                self.assertEqual(self.found(AMAZON_SES_QUEUES=["good", name]), ["anymail.E122"])

    def test_w123_signatures_of_anybodys_topics(self):
        self.assertEqual(self.found(AMAZON_SES_QUEUE_TRUST="signature"), ["anymail.W123"])
        good = {"AMAZON_SES_QUEUE_TRUST": "signature", "AMAZON_SES_SNS_TOPIC_ARNS": EVENTS_TOPIC}
        self.assertEqual(self.found(**good), [])
