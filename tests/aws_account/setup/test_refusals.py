"""anymail_setup: what it does not do, and what it says then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from botocore.awsrequest import AWSResponse
from django.core.management.base import CommandError
from django.test import override_settings

from anymail.amazon_ses import aws
from anymail.conf import AmazonSESSettings
from anymail.sandbox.aws.defaults import ACCOUNT, CREDENTIALS

from ...botocore_data import botocore_without
from .. import REGION
from ..doctor.test_account import NO_CREDENTIALS
from . import EVERYTHING, TOPIC, SetupTestCase

DESTINATION = "sesv2.CreateConfigurationSetEventDestination"


def bad_request(message: str) -> AWSResponse:
    """What version 2 of the API of SES answers to a bad request."""
    body = json.dumps({"message": message}).encode()
    raw = mock.Mock(stream=lambda **_kwargs: iter([body]))
    return AWSResponse("https://127.0.0.1/", 400, {"x-amzn-ErrorType": "BadRequestException"}, raw)


class BadInputTests(SetupTestCase):
    def refusal(self, *arguments: str, **settings: Any) -> str:
        """What it says instead of doing something."""
        before = self.snapshot()
        with self.assertRaises(CommandError) as raised:
            self.apply(*arguments, **settings)
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(raised.exception.returncode, 1)
        return str(raised.exception)

    def test_options(self):
        for arguments, text in (
            (["--domain", "example"], "--domain is not a domain"),
            (["--domain=-a.example.com"], "--domain is not a domain"),
            (["--domain", "a..example.com"], "--domain is not a domain"),
            (["--domain", "exa mple.com; rm -rf /"], "--domain is not a domain"),
            (["--domain", ""], "--domain is not a domain"),
            (["--domain", "x" * 300 + ".com"], "--domain is not a domain"),
            (["--from", "example.com"], "--from is not an address"),
            (["--from", "ann@example"], "--from is not a domain"),
            (["--mail-from-domain", "http://example.com"], "--mail-from-domain is not a domain"),
            (["--mail-from-domain", "mail.example.net"], "must be below a domain"),
            (["--mail-from-domain", "example.com"], "must be below a domain"),
            (["--mail-from-domain", "notexample.com"], "must be below a domain"),
            (["--inbound"], "--receive-domain example.com"),
            (["--inbound", "--receive-domain", "*"], "--receive-domain is not a domain"),
            (["--name", "Ses_Events"], "--name 'Ses_Events' cannot be used"),
            (["--name", "a" * 26], "lower-case letters"),
            (["--tag", "team"], "KEY=VALUE"),
            (["--tag", "=shop"], "KEY=VALUE"),
            (["--tag", "team=$(id)"], "KEY=VALUE"),
            (["--tag", "team=" + "x" * 257], "KEY=VALUE"),
            (["--url", "http://www.example.com"], "begins with http://"),
            (["--url", "http://localhost.example.com"], "begins with http://"),
            (["--url", "http://127.0.0.1@www.example.com"], "begins with http://"),
            (["--url", "http://user:s3cr3t@127.0.0.1"], "without user name"),
            (["--url", "www.example.com"], "https://www.example.com"),
            (["--url", "https://user:s3cr3t@www.example.com"], "without user name"),
            (["--url", "https://www.example.com/anymail/"], "path"),
            (["--url", "https://[www.example.com"], "https://www.example.com"),
            (["--url", "https://www.example.com?next=1"], "https://www.example.com"),
        ):
            with self.subTest(arguments):
                found = self.refusal(*arguments)
                self.assertIn(text, found)
                self.assertNotIn("s3cr3t", found)

    def test_settings(self):
        other = "123456789013"
        for name, value, text in (
            ("SNS_TOPIC_ARNS", ["ses-events"], "not the ARN of a standard topic"),
            ("SNS_TOPIC_ARNS", [f"{TOPIC}.fifo"], "not the ARN of a standard topic"),
            ("SNS_TOPIC_ARNS", [TOPIC.replace(ACCOUNT, other)], f"is in account {other}"),
            ("SNS_TOPIC_ARNS", [TOPIC.replace(REGION, "eu-west-1")], "region eu-west-1"),
            ("QUEUES", [f"arn:aws:sqs:{REGION}:{other}:ses-events"], f"is in account {other}"),
            ("QUEUES", [f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/q"], "region eu-west-1"),
            ("QUEUES", ["https://example.com/q"], "cannot be told"),
            ("QUEUES", ["events.fifo"], "FIFO"),
            ("CONFIGURATION_SET_NAME", "events; rm -rf /", "ASCII letters"),
            ("INBOUND_BUCKETS", ["Mail"], "lower-case letters"),
        ):
            with self.subTest(name, value=value):
                self.assertIn(text, self.refusal(**{f"AMAZON_SES_{name}": value}))
        found = self.refusal("--url", "https://www.example.com", WEBHOOK_SECRET="s3cr3t")
        self.assertIn("has no colon", found)
        self.assertNotIn("s3cr3t", found)

    def test_without_a_domain_to_send_from(self):
        for value in ("webmaster@localhost", "", "Shop"):
            with self.subTest(value), override_settings(DEFAULT_FROM_EMAIL=value):
                self.assertIn("--domain example.com", self.refusal())

    def test_without_webhooks_in_the_urlconf(self):
        with override_settings(ROOT_URLCONF="django.contrib.auth.urls"):
            found = self.refusal("--url", "https://www.example.com")
        self.assertIn('include("anymail.urls")', found)

    def test_without_credentials(self):
        with mock.patch.dict("os.environ", NO_CREDENTIALS):
            found = self.refusal(AMAZON_SES_SESSION_PARAMS={"region_name": REGION})
        self.assertIn("Unable to locate credentials", found)
        self.assertIn("AWS_ACCESS_KEY_ID", found)

    def test_a_region_without_ses(self):
        params = {**CREDENTIALS, "region_name": "eu-nowhere-1"}
        with mock.patch.dict("os.environ", {"HTTPS_PROXY": "", "https_proxy": ""}):
            found = self.refusal(
                AMAZON_SES_SESSION_PARAMS=params,
                AMAZON_SES_CLIENT_PARAMS={"config": {"retries": {"total_max_attempts": 1}}},
            )
        self.assertIn("botocore knows no Amazon SES there", found)


class SomebodyElsesTests(SetupTestCase):
    def assert_untouched(self) -> None:
        """Nothing is changed, not even what does not concern what is there."""
        before = self.snapshot()
        with self.assertRaisesMessage(CommandError, "Nothing was changed."):
            self.apply(*EVERYTHING)
        self.assertEqual(self.snapshot(), before)

    def test_a_configuration_set_of_the_same_name(self):
        self.make_set()
        self.assert_untouched()

    def test_a_topic_of_the_same_name(self):
        self.boto("sns").create_topic(Name="ses-events")
        self.assert_untouched()

    def test_a_queue_of_the_same_name(self):
        self.boto("sqs").create_queue(QueueName="ses-events", tags={"created-by": "somebody"})
        self.assert_untouched()

    def make_set(self) -> None:
        self.boto("sesv2").create_configuration_set(ConfigurationSetName="ses-events")

    def test_is_used_if_the_settings_name_it(self):
        self.make_set()
        self.boto("sns").create_topic(Name="ses-events")
        self.apply(
            AMAZON_SES_CONFIGURATION_SET_NAME="ses-events", AMAZON_SES_SNS_TOPIC_ARNS=[TOPIC]
        )
        [destination] = self.destinations()
        self.assertEqual(destination["SnsDestination"], {"TopicArn": TOPIC})


class NoPermissionTests(SetupTestCase):
    def test_to_make_something(self):
        self.amazon.faults.denied = {"sns:CreateTopic"}
        with self.assertRaises(CommandError) as raised:
            self.apply()
        text = str(raised.exception)
        self.assertIn("Stopped after 2 of 4 changes, at: topic ses-events.", text)
        self.assertIn("need the IAM permission sns:CreateTopic.", text)
        self.assertIn("set ses-events", self.snapshot())
        self.amazon.faults.denied = set()
        self.assertIn("create 2 resources", self.apply())

    def test_to_look(self):
        for action in (
            *("ses:GetEmailIdentity", "ses:GetConfigurationSet", "sns:GetTopicAttributes"),
            *("sqs:GetQueueUrl", "s3:GetBucketLocation", "ses:DescribeActiveReceiptRuleSet"),
        ):
            self.amazon.faults.denied = {action}
            with self.subTest(action), self.assertRaises(CommandError) as raised:
                self.set_up(*EVERYTHING)
            self.assertIn(f"need the IAM permission {action}.", str(raised.exception))


class PassingRefusalTests(SetupTestCase):
    """AWS refuses what needs something that was made a moment before."""

    @contextmanager
    def refused(self, operation: str, answer: AWSResponse, times: int) -> Iterator[None]:
        """AWS answers so for the first calls of an operation."""
        service, _, name = operation.partition(".")
        events = aws.client(service, AmazonSESSettings.load(), region_name=REGION).meta.events
        answers = iter([answer] * times)

        def handler(**_kwargs: Any) -> AWSResponse | None:
            return next(answers, None)

        events.register(f"before-send.{service}.{name}", handler)
        try:
            yield
        finally:
            events.unregister(f"before-send.{service}.{name}", handler)

    def test_is_tried_again(self):
        with self.refused(DESTINATION, bad_request("Could not publish message"), 1):
            output = self.apply()
        waiting = "  waiting up to 20 s until AWS accepts: event destination anymail of ses-events"
        self.assertEqual(output.splitlines().count(waiting), 1)
        self.assertIn("nothing to change", self.set_up())

    def test_of_what_does_not_pass_is_not(self):
        with (
            self.refused("sesv2.CreateConfigurationSet", bad_request("bad"), 1),
            self.assertRaisesMessage(CommandError, "Stopped after 1 of 4 changes"),
        ):
            self.apply()

    def test_is_not_tried_for_ever(self):
        with (
            self.refused(DESTINATION, bad_request("Could not publish message"), 100),
            mock.patch("anymail.aws_account.setup.applying.PASSING_TIME", 0.1),
            self.assertRaises(CommandError) as raised,
        ):
            self.apply()
        self.assertIn("Stopped after 3 of 4 changes", str(raised.exception))
        self.assertIn("Could not publish message", str(raised.exception))


class OldBotocoreTests(SetupTestCase):
    def test_dkim_records_that_botocore_does_not_know_are_not_left_out_in_silence(self):
        with (
            botocore_without("sesv2", "DkimAttributes", "SigningHostedZone"),
            self.assertRaisesMessage(CommandError, "is too old to tell the DKIM records"),
        ):
            self.apply("--sending")
        self.assertIn("_domainkey.example.com. CNAME", self.apply("--sending"))
