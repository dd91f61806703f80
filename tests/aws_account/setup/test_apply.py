"""anymail_setup --apply: makes what is missing, once, and goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from unittest import mock

from django.core.management.base import CommandError

from anymail.aws_account.setup.account import Caller
from anymail.aws_account.setup.steps import Call
from anymail.sandbox.aws.defaults import ACCOUNT

from ...local_ses import RAW
from .. import REGION
from . import BUCKET, EVERYTHING, TOPIC, SetupTestCase

TAG = {"Key": "created-by", "Value": "anymail_setup"}
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ses-events"


class Killed(BaseException):
    """What ends the process."""


class NothingIsThereTests(SetupTestCase):
    def test_the_plan_changes_nothing(self):
        before = self.snapshot()
        output = self.set_up(*EVERYTHING)
        self.assertEqual(self.snapshot(), before)
        self.assertIn("To do: create 16 resources.", output)
        self.assertIn("type the same command with --apply", output)

    def test_what_was_made_needs_nothing_more(self):
        self.apply(*EVERYTHING)
        self.confirm_webhooks()
        before = self.snapshot()
        output = self.apply(*EVERYTHING)
        self.assertIn("Everything is there; nothing to change.", output)
        self.assertEqual(self.snapshot(), before)

    def test_tags_are_on_everything_that_can_have_some(self):
        self.apply(*EVERYTHING, "--tag", "team=shop")
        tags = [{"Key": "team", "Value": "shop"}, TAG]
        sesv2, sns, s3 = self.boto("sesv2"), self.boto("sns"), self.boto("s3")
        queue = f"{self.amazon.url}/{ACCOUNT}/ses-events"
        found = {
            "identity": sesv2.get_email_identity(EmailIdentity="example.com")["Tags"],
            "set": sesv2.get_configuration_set(ConfigurationSetName="ses-events")["Tags"],
            "topic": sns.list_tags_for_resource(ResourceArn=TOPIC)["Tags"],
            "inbound": sns.list_tags_for_resource(ResourceArn=f"{TOPIC}-inbound")["Tags"],
            "bucket": s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"],
        }
        for name, present in found.items():
            with self.subTest(name):
                self.assertCountEqual(present, tags)
        for name in (queue, f"{queue}-dead"):
            with self.subTest(name):
                present = self.boto("sqs").list_queue_tags(QueueUrl=name)["Tags"]
                self.assertEqual(present, {"team": "shop", TAG["Key"]: TAG["Value"]})

    def test_the_topic_lets_ses_publish_for_this_account_only(self):
        self.apply()
        [statement] = self.policy_of_topic()["Statement"]
        self.assertEqual(statement["Principal"], {"Service": "ses.amazonaws.com"})
        self.assertEqual(statement["Condition"], {"StringEquals": {"AWS:SourceAccount": ACCOUNT}})

    def test_events_are_published_to_the_topic(self):
        self.apply()
        [destination] = self.destinations()
        self.assertTrue(destination["Enabled"])
        self.assertEqual(destination["SnsDestination"], {"TopicArn": TOPIC})
        self.assertCountEqual(
            destination["MatchingEventTypes"],
            [
                *("SEND", "DELIVERY", "DELIVERY_DELAY", "BOUNCE"),
                *("COMPLAINT", "REJECT", "RENDERING_FAILURE"),
            ],
        )

    def test_the_queue_is_one_that_anymail_consume_advises(self):
        self.apply("--queue")
        attributes = self.attributes_of_queue()
        self.assertEqual(attributes["MessageRetentionPeriod"], str(14 * 24 * 3600))
        self.assertEqual(attributes["VisibilityTimeout"], "60")
        redrive = json.loads(attributes["RedrivePolicy"])
        self.assertEqual(redrive["deadLetterTargetArn"], f"{QUEUE}-dead")
        self.assertEqual(int(redrive["maxReceiveCount"]), 50)
        [statement] = json.loads(attributes["Policy"])["Statement"]
        self.assertEqual(statement["Condition"], {"ArnEquals": {"aws:SourceArn": TOPIC}})

    def test_events_come_out_of_the_queue(self):
        self.apply("--sending", "--tracking", "--queue")
        self.boto("sesv2").send_email(
            FromEmailAddress="shop@example.com",
            Destination={"ToAddresses": ["bounce@simulator.amazonses.com"]},
            Content={"Raw": {"Data": RAW}},
            ConfigurationSetName="ses-events",
        )
        types: set[str] = set()
        while "Bounce" not in types:
            found = self.boto("sqs").receive_message(
                QueueUrl=f"{self.amazon.url}/{ACCOUNT}/ses-events", WaitTimeSeconds=10
            )
            for message in found["Messages"]:
                text = json.loads(message["Body"])["Message"]
                if text.startswith("{"):
                    types.add(json.loads(text)["eventType"])
        self.assertIn("Send", types)

    def test_received_mail_goes_to_a_bucket_that_is_not_public_and_forgets(self):
        self.apply(*EVERYTHING, "--keep-mail", "7")
        s3 = self.boto("s3")
        blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
        self.assertEqual(set(blocked.values()), {True})
        [rule] = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
        self.assertEqual(rule["Expiration"], {"Days": 7})
        active = self.boto("ses").describe_active_receipt_rule_set()
        [rule] = active["Rules"]
        self.assertEqual(rule["Recipients"], ["example.org"])
        action = rule["Actions"][0]["S3Action"]
        self.assertEqual((action["BucketName"], action["TopicArn"]), (BUCKET, f"{TOPIC}-inbound"))

    def test_the_webhook_gets_the_secret_which_is_printed_nowhere(self):
        output = self.apply(*EVERYTHING, WEBHOOK_SECRET="sns:s3/cr et")
        subscribed = self.boto("sns").list_subscriptions_by_topic(TopicArn=TOPIC)
        endpoints = [one["Endpoint"] for one in subscribed["Subscriptions"]]
        self.assertIn(
            "https://sns:s3%2Fcr%20et@127.0.0.1:9/anymail/amazon_ses/tracking/", endpoints
        )
        self.assertNotIn("cr et", output)
        self.assertNotIn("cr%20et", output)

    def test_a_webhook_on_this_machine_needs_no_tls(self):
        output = self.apply("--url", "http://127.0.0.1:9", WEBHOOK_SECRET="sns:s3cr3t")
        [one] = self.subscriptions()
        url = "http://sns:s3cr3t@127.0.0.1:9/anymail/amazon_ses/tracking/"
        self.assertEqual((one["Protocol"], one["Endpoint"]), ("http", url))
        self.assertIn("Next: python manage.py anymail_doctor --url http://127.0.0.1:9\n", output)
        self.confirm_webhooks()
        self.assertIn("nothing to change", self.set_up("--url", "http://127.0.0.1:9"))


class QuestionTests(SetupTestCase):
    def test_names_what_account_and_region(self):
        with mock.patch("builtins.input", return_value="y") as asked:
            self.set_up("--apply")
        question = "Do this (create 4 resources) in account 123456789012, region us-east-1? [y/N] "
        asked.assert_called_once_with(question)
        self.assertIn("nothing to change", self.set_up())

    def test_what_changes_before_the_answer_is_not_overwritten(self):
        self.aws("aws sns create-topic --name ses-events --tags Key=created-by,Value=anymail_setup")
        policy = json.dumps({"Version": "2012-10-17", "Statement": []})

        def answer(_question: str) -> str:
            self.amazon.client("sns").set_topic_attributes(
                TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy
            )
            return "y"

        with (
            mock.patch("builtins.input", side_effect=answer),
            self.assertRaisesMessage(CommandError, "has changed since the plan was made"),
        ):
            self.set_up("--apply", "--tracking")
        attributes = self.amazon.client("sns").get_topic_attributes(TopicArn=TOPIC)["Attributes"]
        self.assertEqual(json.loads(attributes["Policy"]), json.loads(policy))

    def test_anything_but_yes_changes_nothing(self):
        before = self.snapshot()
        with (
            mock.patch("builtins.input", return_value=""),
            self.assertRaisesMessage(CommandError, "Nothing was changed."),
        ):
            self.set_up("--apply")
        self.assertEqual(self.snapshot(), before)

    def test_is_not_asked_when_there_is_nothing_to_do(self):
        self.apply()
        with mock.patch("builtins.input", side_effect=AssertionError):
            self.set_up("--apply")

    def test_when_nobody_can_answer(self):
        with (
            mock.patch("builtins.input", side_effect=EOFError),
            self.assertRaisesMessage(CommandError, "Add --noinput"),
        ):
            self.set_up("--apply")


class GoesOnTests(SetupTestCase):
    def killed_after_a_change(self) -> Any:
        """The process ends before its second change."""
        changes: list[Call] = []

        def call(caller: Caller, made: Call) -> Mapping[str, Any]:
            if not made.operation.startswith(("get_", "list_", "describe_")):
                if changes:
                    raise Killed
                changes.append(made)
            return original(caller, made)

        original = Caller.__call__
        return mock.patch.object(Caller, "__call__", call)

    def is_killed(self) -> bool:
        try:
            with self.killed_after_a_change():
                self.apply(*EVERYTHING)
        except Killed:
            return True
        return False

    def test_after_it_was_killed_between_any_two_changes(self):
        self.apply(*EVERYTHING)
        complete, kills = self.snapshot(), 0
        self.empty()
        while self.is_killed():
            kills += 1
            self.confirm_webhooks()  # those that wait are asked again, which is a change
        self.assertEqual(self.snapshot(), complete)
        self.assertEqual(kills, 19)  # of 20 changes

    def test_after_any_resource_was_removed(self):
        self.apply(*EVERYTHING)
        complete = self.snapshot()
        for name, remove in self.removals().items():
            with self.subTest(name):
                remove()
                self.assertNotEqual(self.snapshot(), complete)
                self.apply(*EVERYTHING)
                self.assertEqual(self.snapshot(), complete)
                self.confirm_webhooks()
                self.assertIn("nothing to change", self.set_up(*EVERYTHING))

    def unsubscribe_all(self) -> None:
        for one in self.subscriptions():
            self.boto("sns").unsubscribe(SubscriptionArn=one["SubscriptionArn"])

    def delete_topic(self, arn: str) -> None:
        self.boto("sns").delete_topic(TopicArn=arn)

    def delete_rule_set(self, ses: Any) -> None:
        ses.set_active_receipt_rule_set()
        ses.delete_receipt_rule_set(RuleSetName="ses-events")

    def removals(self) -> dict[str, Any]:
        sesv2, ses = self.boto("sesv2"), self.boto("ses")
        sqs, s3 = self.boto("sqs"), self.boto("s3")
        queue = f"{self.amazon.url}/{ACCOUNT}/ses-events"
        return {
            "identity": lambda: sesv2.delete_email_identity(EmailIdentity="example.com"),
            "set": lambda: sesv2.delete_configuration_set(ConfigurationSetName="ses-events"),
            "destination": lambda: sesv2.delete_configuration_set_event_destination(
                ConfigurationSetName="ses-events", EventDestinationName="anymail"
            ),
            "topic": lambda: self.delete_topic(TOPIC),
            "inbound topic": lambda: self.delete_topic(f"{TOPIC}-inbound"),
            "subscriptions": self.unsubscribe_all,
            "queue": lambda: sqs.delete_queue(QueueUrl=queue),
            "dead-letter queue": lambda: sqs.delete_queue(QueueUrl=f"{queue}-dead"),
            "bucket": lambda: s3.delete_bucket(Bucket=BUCKET),
            "bucket policy": lambda: s3.delete_bucket_policy(Bucket=BUCKET),
            "public access": lambda: s3.delete_public_access_block(Bucket=BUCKET),
            "lifecycle": lambda: s3.delete_bucket_lifecycle(Bucket=BUCKET),
            "rule set": lambda: self.delete_rule_set(ses),
            "activation": lambda: ses.set_active_receipt_rule_set(),
        }
