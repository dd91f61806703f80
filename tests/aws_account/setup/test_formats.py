"""anymail_setup --format: what an empty account needs, for other tools, without a call of AWS."""

from __future__ import annotations

import io
import json
import shlex
from typing import Any
from unittest import mock

from cfnlint import lint as cfn_lint
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import SimpleTestCase, override_settings

from anymail.sandbox.aws.defaults import ACCOUNT

from .. import REGION
from . import BUCKET, EVERYTHING, TOPIC, SetupTestCase

OFFLINE = ("--account", ACCOUNT, "--region", REGION)
#: What may stand before the @ of an address (RFC 5322, "Atom"), and means something to a shell,
#: to Terraform or to CloudFormation.
ODD = "${HOME}%{if}'`id`'@example.net"


def lint(template: str) -> list[Any]:
    """What cfn-lint finds, offline."""
    return list(cfn_lint(template, regions=[REGION]))


class FormatTestCase(SimpleTestCase):
    """Tests that print; nobody answers if AWS is asked."""

    def setUp(self) -> None:
        super().setUp()
        blocked = mock.patch("socket.socket.connect", side_effect=AssertionError("AWS was asked"))
        blocked.start()
        self.addCleanup(blocked.stop)

    def printed(self, name: str, *arguments: str, **settings: Any) -> str:
        output = io.StringIO()
        with override_settings(ANYMAIL=settings, DEFAULT_FROM_EMAIL="shop@example.com"):
            call_command("anymail_setup", "--format", name, *OFFLINE, *arguments, stdout=output)
        return output.getvalue()


class CloudFormationTests(FormatTestCase):
    def template(self, *arguments: str, **settings: Any) -> Any:
        return json.loads(self.printed("cloudformation", *arguments, **settings))

    def test_cfn_lint_accepts_it(self):
        for arguments in (
            [],
            EVERYTHING,
            [*EVERYTHING, "--mail-from-domain", "m.example.com", "--domain", "example.com"],
            [*EVERYTHING, "--tag", "team=shop + café"],
        ):
            with self.subTest(arguments):
                found = lint(self.printed("cloudformation", *arguments))
                self.assertEqual([str(one) for one in found], [])

    def test_cfn_lint_refuses_a_property_that_does_not_exist(self):
        template = self.template(*EVERYTHING)
        kinds = {"EventsTopic", "EventDestination", "Queue", "Bucket", "Rule"}
        for kind in kinds:
            template["Resources"][kind]["Properties"]["Squirrel"] = "Ruby"
        refused = [one for one in lint(json.dumps(template)) if one.rule.id == "E3002"]
        self.assertEqual({one.path[1] for one in refused}, kinds)

    def test_everything_but_the_activation_is_there(self):
        template = self.template(*EVERYTHING, "--mail-from-domain", "mail.example.com")
        found = sorted({one["Type"] for one in template["Resources"].values()})
        self.assertEqual(
            found,
            [
                "AWS::S3::Bucket",
                "AWS::S3::BucketPolicy",
                "AWS::SES::ConfigurationSet",
                "AWS::SES::ConfigurationSetEventDestination",
                "AWS::SES::EmailIdentity",
                "AWS::SES::ReceiptRule",
                "AWS::SES::ReceiptRuleSet",
                "AWS::SNS::Subscription",
                "AWS::SNS::Topic",
                "AWS::SNS::TopicPolicy",
                "AWS::SQS::Queue",
                "AWS::SQS::QueuePolicy",
            ],
        )
        self.assertEqual(
            template["Outputs"]["ActiveRuleSet"]["Value"],
            "aws ses set-active-receipt-rule-set --rule-set-name ses-events",
        )

    def test_policies_are_there_before_who_needs_them(self):
        resources = self.template(*EVERYTHING)["Resources"]
        for name, needed in {
            "EventDestination": "EventsTopicPolicy",
            "Rule": "BucketPolicy",
            "QueueEventsTopic": "QueuePolicy",
        }.items():
            with self.subTest(name):
                self.assertIn(needed, resources[name]["DependsOn"])

    def test_the_secret_is_a_parameter(self):
        template = self.template(*EVERYTHING, WEBHOOK_SECRET="sns:s3cr3t")
        self.assertTrue(template["Parameters"]["WebhookSecret"]["NoEcho"])
        endpoint = template["Resources"]["EventsWebhook"]["Properties"]["Endpoint"]["Fn::Sub"]
        self.assertTrue(endpoint.startswith("https://${WebhookSecret}@127.0.0.1:9/anymail/"))
        self.assertNotIn("s3cr3t", json.dumps(template))


class TerraformTests(FormatTestCase):
    def configuration(self, *arguments: str, **settings: Any) -> Any:
        return json.loads(self.printed("terraform", *arguments, **settings))

    def test_says_that_nobody_has_validated_it(self):
        self.assertIn("terraform validate", self.configuration()["//"])

    def test_every_dependency_is_there(self):
        resources = self.configuration(*EVERYTHING, "--mail-from-domain", "m.example.com")[
            "resource"
        ]
        addresses = {f"{kind}.{label}" for kind in resources for label in resources[kind]}
        needed = {
            address
            for kind in resources.values()
            for arguments in kind.values()
            for address in arguments.get("depends_on", ())
        }
        self.assertEqual(needed - addresses, set())
        self.assertIn("aws_sns_topic.events_topic", needed)

    def test_the_values_are_those_that_apply_uses(self):
        resources = self.configuration(*EVERYTHING)["resource"]
        topic = resources["aws_sns_topic"]["events_topic"]
        self.assertEqual((topic["name"], topic["signature_version"]), ("ses-events", 2))
        [statement] = json.loads(topic["policy"])["Statement"]
        self.assertEqual(statement["Resource"], TOPIC)
        self.assertEqual(resources["aws_s3_bucket"]["bucket"]["bucket"], BUCKET)

    def test_what_looks_like_a_template_is_taken_as_it_is(self):
        found = self.configuration("--from", ODD)["resource"]["aws_sesv2_email_identity"]
        expected = ODD.replace("${", "$${").replace("%{", "%%{")
        self.assertEqual(found["identity"]["email_identity"], expected)

    def test_the_secret_is_a_variable(self):
        configuration = self.configuration(*EVERYTHING, WEBHOOK_SECRET="sns:s3cr3t")
        self.assertTrue(configuration["variable"]["webhook_secret"]["sensitive"])
        webhook = configuration["resource"]["aws_sns_topic_subscription"]["events_webhook"]
        self.assertTrue(webhook["endpoint"].startswith("https://${var.webhook_secret}@127.0.0.1"))
        self.assertNotIn("s3cr3t", json.dumps(configuration))


class AwsCliTests(SetupTestCase):
    """The commands are run against the account on loopback."""

    def commands(self, *arguments: str) -> list[str]:
        script = self.set_up("--format", "awscli", *arguments)
        return [line for line in script.splitlines() if line.startswith("aws ")]

    def test_makes_what_apply_makes(self):
        arguments = [*EVERYTHING, "--from", ODD, "--domain", "example.com"]
        arguments += ["--mail-from-domain", "mail.example.com"]
        self.apply(*arguments)
        expected = self.snapshot()
        self.empty()
        for command in self.commands(*arguments):
            words = shlex.split(command)  # variables are not replaced
            self.aws(shlex.join(word.replace("$WEBHOOK_SECRET@", "") for word in words))
        self.assertEqual(self.snapshot(), expected)
        self.assertIn("To do: make 2 additions.", self.set_up(*arguments))  # webhooks confirm

    def test_a_webhook_without_tls(self):
        script = self.set_up("--format", "awscli", "--url", "http://127.0.0.1:9")
        self.assertIn('http://"$WEBHOOK_SECRET"@127.0.0.1:9/', script)

    def test_the_secret_is_a_variable(self):
        script = self.set_up("--format", "awscli", *EVERYTHING, WEBHOOK_SECRET="sns:s3cr3t")
        self.assertIn('https://"$WEBHOOK_SECRET"@127.0.0.1:9/', script)
        self.assertNotIn("s3cr3t", script)


class IamTests(FormatTestCase):
    def policy(self, *arguments: str, **settings: Any) -> dict[str, Any]:
        found = json.loads(self.printed("iam", *arguments, **settings))
        return {one["Sid"]: one for one in found["Statement"]}

    def test_allows_what_was_set_up(self):
        found = self.policy("--domain", "example.com")
        self.assertCountEqual(
            found["Send"]["Resource"][:2],
            [
                f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/example.com",
                f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/ses-events",
            ],
        )
        self.assertEqual(found["ConfirmWebhookSubscriptions"]["Resource"], TOPIC)
        self.assertNotIn("ConsumeQueues", found)
        self.assertNotIn("FetchInboundMail", found)

    def test_of_every_part(self):
        found = self.policy(*EVERYTHING)
        self.assertEqual(found["FetchInboundMail"]["Resource"], f"arn:aws:s3:::{BUCKET}/*")
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ses-events"
        self.assertEqual(found["ConsumeQueues"]["Resource"], queue)

    def test_for_another_command(self):
        for holder, sid in [("doctor", "LookAtTopics"), ("setup", "SetUpTopics")]:
            with self.subTest(holder):
                found = self.policy("--for", holder)
                self.assertEqual(found[sid]["Resource"], f"arn:aws:sns:{REGION}:{ACCOUNT}:*")
                self.assertNotIn("Send", found)

    def test_to_set_up_received_mail_is_needed_only_for_that(self):
        self.assertNotIn("SetUpBuckets", self.policy("--for", "setup"))
        self.assertIn("SetUpBuckets", self.policy("--for", "setup", *EVERYTHING))

    def test_only_a_policy_is_for_somebody(self):
        with self.assertRaisesMessage(CommandError, "--for is only for --format iam."):
            self.printed("awscli", "--for", "doctor")


class WithoutAnAccountTests(SetupTestCase):
    def test_aws_is_asked(self):
        self.assertIn(ACCOUNT, self.set_up("--format", "iam"))

    def test_an_option_does_not_choose_the_account_to_change(self):
        with self.assertRaisesMessage(CommandError, "the credentials decide"):
            self.apply("--account", "123456789013")

    def test_an_account_that_is_none(self):
        with self.assertRaisesMessage(CommandError, "12 digits"):
            self.set_up("--format", "iam", "--account", "1234")
