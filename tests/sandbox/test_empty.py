"""``python -m anymail.sandbox --empty``: an account in which nothing is set up."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from django.test import SimpleTestCase

from anymail.sandbox.aws.defaults import CREDENTIALS
from anymail.sandbox.options import Options, project_command
from anymail.sandbox.settings import sandboxed, settings_snippet

from ..class_context import enter_class_context
from ..local_ses import RAW, SENDER
from . import run, running_sandbox


class EmptyAccountTests(SimpleTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.sandbox = enter_class_context(cls, running_sandbox("--empty"))

    def boto(self, service: str) -> Any:
        url = self.sandbox.ready["amazon"]
        return boto3.client(service, endpoint_url=url, **CREDENTIALS)

    def test_nothing_is_set_up(self):
        sesv2, ses = self.boto("sesv2"), self.boto("ses")
        for name, found in (
            ("EmailIdentities", sesv2.list_email_identities()),
            ("ConfigurationSets", sesv2.list_configuration_sets()),
            ("RuleSets", ses.list_receipt_rule_sets()),
            ("TemplatesMetadata", ses.list_templates()),
            ("Topics", self.boto("sns").list_topics()),
            ("Subscriptions", self.boto("sns").list_subscriptions()),
            ("QueueUrls", self.boto("sqs").list_queues()),
            ("Buckets", self.boto("s3").list_buckets()),
            ("Keys", self.boto("kms").list_keys()),
        ):
            self.assertEqual(found.get(name, []), [], name)

    def test_senders_need_a_verified_identity(self):
        send = self.boto("sesv2").send_email
        with self.assertRaisesMessage(ClientError, "Email address is not verified"):
            send(Content={"Raw": {"Data": RAW}})
        self.boto("sesv2").create_email_identity(EmailIdentity=SENDER)
        self.addCleanup(self.boto("sesv2").delete_email_identity, EmailIdentity=SENDER)
        send(Content={"Raw": {"Data": RAW}})

    def test_its_settings_name_nothing(self):
        named = set(self.sandbox.ready["anymail"])
        self.assertFalse({"AMAZON_SES_CONFIGURATION_SET_NAME", "AMAZON_SES_SNS_TOPIC_ARNS"} & named)
        self.assertIn("AMAZON_SES_SNS_CERTIFICATES", named)


class OptionTests(SimpleTestCase):
    def test_options_that_set_something_up(self):
        done = run("--empty", "--domain=a.example", "--site=http://127.0.0.1:8000")
        self.assertEqual(done.returncode, 1)
        self.assertIn("With --empty, nothing is set up: leave out --site, --domain.", done.stderr)

    def test_the_names_of_a_project_stay(self):
        own = {
            "AMAZON_SES_CONFIGURATION_SET_NAME": "mine",
            "AMAZON_SES_SNS_TOPIC_ARNS": ["arn:aws:sns:us-east-1:123456789012:mine"],
            "AMAZON_SES_ROLE_ARN": "arn:aws:iam::123456789012:role/mine",
            "AMAZON_SES_CLIENT_PARAMS": {"region_name": "eu-central-1", "use_ssl": True},
        }
        with tempfile.TemporaryDirectory() as folder:
            found = sandboxed(own, "http://127.0.0.1:1", Path(folder) / "key.pem", empty=True)
        self.assertEqual(found["AMAZON_SES_CONFIGURATION_SET_NAME"], "mine")
        self.assertEqual(found["AMAZON_SES_SNS_TOPIC_ARNS"], own["AMAZON_SES_SNS_TOPIC_ARNS"])
        self.assertIsNone(found["AMAZON_SES_ROLE_ARN"])
        params = {"endpoint_url": "http://127.0.0.1:1", "region_name": "eu-central-1"}
        self.assertEqual(found["AMAZON_SES_CLIENT_PARAMS"], params)

    def test_the_command_to_paste_names_no_site(self):
        self.assertNotIn("--site", project_command(vars(Options(empty=True))))

    def test_the_settings_to_paste_say_so(self):
        text = settings_snippet("http://x", command="c", backend="", key_file=None, empty=True)
        self.assertIn('sandboxed(globals().get("ANYMAIL", {}), "http://x", empty=True)', text)
