"""Subscriptions to topics of SNS, as its lists have them."""

from __future__ import annotations

from django.test import SimpleTestCase

from anymail.aws_account.subscriptions import Subscription, parse_subscription

TOPIC = "arn:aws:sns:us-east-1:123456789012:events"


def parse(endpoint: str) -> Subscription:
    """A webhook's subscription that has not been confirmed."""
    return parse_subscription(
        {
            "SubscriptionArn": "PendingConfirmation",
            "TopicArn": TOPIC,
            "Protocol": "https",
            "Endpoint": endpoint,
        }
    )


class ParseTests(SimpleTestCase):
    def test_nothing_secret_is_in_an_endpoint(self):
        one = parse("https://us%40er:p%3Aw@WWW.example.com/a/?token=secret")
        self.assertEqual(one.endpoint, "https://www.example.com/a/")
        self.assertEqual((one.user, one.password, one.arn), ("us@er", "p:w", None))

    def test_somebody_elses_that_is_no_url(self):
        one = parse("https://[www.example.com")
        self.assertEqual((one.host, one.path, one.user), ("", "", None))
