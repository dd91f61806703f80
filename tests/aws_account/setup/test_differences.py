"""anymail_setup: what is there is kept; what it lacks is added, and what differs is reported."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError
from django.test import SimpleTestCase

from anymail.aws_account.setup.kinds.configuration_sets import compare_configuration_set
from anymail.aws_account.setup.kinds.identities import compare_identity
from anymail.aws_account.setup.kinds.topics import compare_topic, create_topic
from anymail.aws_account.setup.resources import ConfigurationSet, Identity, Place, Topic
from anymail.aws_account.setup.steps import Context, command
from anymail.sandbox.aws.defaults import ACCOUNT

from .. import REGION
from . import EVERYTHING, TOPIC, SetupTestCase

THEIRS = {
    "Sid": "Theirs",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/monitor"},
    "Action": "sns:Publish",
    "Resource": TOPIC,
}
SET = f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/ses-events"
MAKING = Context(place=Place(account=ACCOUNT, region=REGION, partition="aws"), tags={})


class RemarkTests(SetupTestCase):
    def assert_remark(self, text: str, *arguments: str, **settings: Any) -> None:
        """It is said, --apply leaves it as it is, and the printed command corrects it."""
        before = self.snapshot()
        output = self.apply(*arguments, **settings)
        self.assertEqual(self.snapshot(), before)
        lines = output.splitlines()
        [number] = [n for n, line in enumerate(lines) if line.startswith(f"  ! {text}")]
        command = lines[number + 1].strip()
        self.assertIn(f" --region {REGION} ", command)
        self.aws(command)
        self.assertNotEqual(self.snapshot(), before)
        self.assertNotIn(text, self.set_up(*arguments, **settings))

    def test_raw_message_delivery(self):
        self.apply("--queue")
        self.set_on_subscription("RawMessageDelivery", "true")
        self.assert_remark(
            "The subscription of the queue ses-events to ses-events has raw message", "--queue"
        )

    def test_a_filter_policy(self):
        self.apply("--queue")
        self.set_on_subscription("FilterPolicy", '{"store": ["shop"]}')
        self.assert_remark(
            "The subscription of the queue ses-events to ses-events has a filter", "--queue"
        )

    def set_on_subscription(self, name: str, value: str) -> None:
        [one] = self.subscriptions()
        arn = one["SubscriptionArn"]
        self.boto("sns").set_subscription_attributes(
            SubscriptionArn=arn, AttributeName=name, AttributeValue=value
        )

    def test_a_destination_without_bounces(self):
        self.apply()
        self.update_destination(MatchingEventTypes=["SEND", "OPEN"])
        self.assert_remark(
            "The event destination anymail of ses-events does not publish DELIVERY, "
        )
        [destination] = self.destinations()
        self.assertIn("OPEN", destination["MatchingEventTypes"])

    def test_a_destination_that_is_disabled(self):
        self.apply()
        self.update_destination(Enabled=False)
        self.assert_remark("The event destination anymail of ses-events is disabled")

    def update_destination(self, **changes: Any) -> None:
        [destination] = self.destinations()
        kept = ("Enabled", "MatchingEventTypes", "SnsDestination")
        self.boto("sesv2").update_configuration_set_event_destination(
            ConfigurationSetName="ses-events",
            EventDestinationName="anymail",
            EventDestination={**{name: destination[name] for name in kept}, **changes},
        )

    def test_an_identity_that_does_not_sign(self):
        self.apply()
        self.boto("sesv2").put_email_identity_dkim_attributes(
            EmailIdentity="example.com", SigningEnabled=False
        )
        self.assert_remark("The identity example.com does not sign")

    def test_another_mail_from_domain(self):
        self.apply("--domain", "example.com", "--mail-from-domain", "bounces.example.com")
        self.assert_remark(
            "The identity example.com has the MAIL FROM domain bounces.example.com",
            *("--domain", "example.com", "--mail-from-domain", "mail.example.com"),
        )

    def test_a_queue_that_shows_a_message_again_too_soon(self):
        attributes = {"VisibilityTimeout": "5", "MessageRetentionPeriod": "1209600"}
        self.boto("sqs").create_queue(QueueName="events", Attributes=attributes)
        settings = {"AMAZON_SES_QUEUES": ["events"]}
        self.apply(**settings)
        self.assert_remark("The queue events hides a received message", **settings)

    def test_a_queue_that_gives_up_too_soon(self):
        sqs, settings = self.boto("sqs"), {"AMAZON_SES_QUEUES": ["events"]}
        sqs.create_queue(QueueName="failed")
        dead = f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed"
        redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": "3"})
        attributes = {"RedrivePolicy": redrive, "MessageRetentionPeriod": "1209600"}
        sqs.create_queue(QueueName="events", Attributes=attributes)
        self.apply(**settings)
        self.assert_remark("The queue events gives a message up", **settings)
        found = json.loads(self.attributes_of_queue("events")["RedrivePolicy"])
        self.assertEqual(found["deadLetterTargetArn"], dead)

    def test_a_queue_that_forgets_too_soon(self):
        self.boto("sqs").create_queue(QueueName="events")
        settings = {"AMAZON_SES_QUEUES": ["events"]}
        self.apply(**settings)
        self.assert_remark("The queue events keeps messages for less than 14 days", **settings)

    def test_a_bucket_that_the_settings_name_gets_nothing_that_deletes_or_locks_out(self):
        self.boto("s3").create_bucket(Bucket="mail")
        arguments = ("--inbound", "--receive-domain", "example.org")
        output = self.apply(*arguments, AMAZON_SES_INBOUND_BUCKETS=["mail"])
        self.assertIn("The bucket mail lacks: deletion of mail after 90 days.", output)
        found = self.snapshot()
        self.assertEqual(
            found["get_bucket_lifecycle_configuration mail"], "NoSuchLifecycleConfiguration"
        )
        self.assertEqual(found["get_bucket_tagging mail"], "NoSuchTagSet")
        self.assertIn("AllowSESToPut", json.dumps(found["get_bucket_policy mail"]))


class ComparisonTests(SimpleTestCase):
    """What the sandbox cannot have."""

    def test_signature_version_1(self):
        for attributes, is_reported in (
            ({"SignatureVersion": "1"}, True),
            ({}, True),  # SNS's default
            ({"SignatureVersion": "2"}, False),
        ):
            policy = json.loads(
                create_topic(Topic(arn=TOPIC, source=SET), MAKING).params["Attributes"]["Policy"]
            )
            found = {"Attributes": {"Policy": json.dumps(policy), **attributes}}
            with self.subTest(attributes):
                outcomes = list(compare_topic(Topic(arn=TOPIC, source=SET), found, MAKING))
                self.assertEqual(len(outcomes), is_reported)
                for remark in outcomes:
                    self.assertIn(
                        "--attribute-name SignatureVersion --attribute-value 2", command(remark.fix)
                    )

    def test_a_configuration_set_that_does_not_send(self):
        found = {"SendingOptions": {"SendingEnabled": False}}
        spec = ConfigurationSet(name="events")
        [remark] = compare_configuration_set(spec, found, MAKING)
        self.assertEqual(
            command(remark.fix),
            "aws sesv2 put-configuration-set-sending-options --configuration-set-name events "
            "--sending-enabled",
        )

    def test_a_dkim_key_of_1024_bits(self):
        found = {"DkimAttributes": {"CurrentSigningKeyLength": "RSA_1024_BIT"}}
        [remark] = compare_identity(Identity(name="example.com"), found, MAKING)
        self.assertIn("RSA_2048_BIT", command(remark.fix))

    def test_a_key_of_aws_cannot_be_changed(self):
        key = {"Arn": "arn", "Manager": "AWS"}
        found = {"Attributes": {"SignatureVersion": "2"}, "Key": key}
        *_, remark = compare_topic(Topic(arn=TOPIC, source=SET), found, MAKING)
        self.assertIn("is encrypted with a key of AWS", remark.text)

    def test_a_policy_that_cannot_be_read_is_not_replaced(self):
        for text in ("{", "[]", '"policy"', "[" * 100_000):
            found = {"Attributes": {"SignatureVersion": "2", "Policy": text}}
            with self.subTest(text[:10]):
                [remark] = compare_topic(Topic(arn=TOPIC, source=SET), found, MAKING)
                self.assertIn("cannot be read", remark.text)


class AdditionTests(SetupTestCase):
    def test_a_policy_gets_a_statement_and_keeps_the_others(self):
        theirs = {"Version": "2012-10-17", "Id": "theirs", "Statement": [THEIRS]}
        self.boto("sns").create_topic(Name="ses-events", Attributes={"Policy": json.dumps(theirs)})
        output = self.apply(AMAZON_SES_SNS_TOPIC_ARNS=[TOPIC])
        self.assertIn("~ topic ses-events: a statement of its policy", output)
        self.assertIn("make 1 addition", output)
        policy = self.policy_of_topic()
        self.assertEqual(policy["Id"], "theirs")
        self.assertEqual(policy["Statement"][0], THEIRS)
        self.assertEqual(policy["Statement"][1]["Principal"], {"Service": "ses.amazonaws.com"})

    def test_a_policy_that_lets_ses_in_already_is_left_as_it_is(self):
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "ses.amazonaws.com"},
            "Action": "sns:*",
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:ses:*:{ACCOUNT}:*"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self.boto("sns").create_topic(Name="ses-events", Attributes={"Policy": policy})
        output = self.apply(AMAZON_SES_SNS_TOPIC_ARNS=[TOPIC])
        self.assertNotIn("~ topic ses-events", output)
        self.assertEqual(self.policy_of_topic(), json.loads(policy))

    def test_what_a_policy_denies_is_said(self):
        for condition, text in (
            ({}, "denies"),
            ({"StringNotEquals": {"AWS:SourceAccount": "123456789013"}}, "denies"),
            ({"StringEquals": {"aws:SourceOrgID": "o-1"}}, "may deny"),
            ({"StringEquals": {"AWS:SourceAccount": "123456789013"}}, None),
        ):
            deny = {**THEIRS, "Effect": "Deny", "Principal": "*", "Condition": condition}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
            self.empty()
            self.boto("sns").create_topic(Name="ses-events", Attributes={"Policy": policy})
            output = self.apply(AMAZON_SES_SNS_TOPIC_ARNS=[TOPIC])
            said = f"! The policy of the topic ses-events {text} ses.amazonaws.com sns:Publish"
            with self.subTest(condition):
                self.assertEqual(said in output, text is not None)
                self.assertEqual(self.policy_of_topic()["Statement"][0], deny)
                self.assertEqual(len(self.policy_of_topic()["Statement"]), 2)

    def test_the_key_of_an_encrypted_topic_lets_ses_in(self):
        root = {**THEIRS, "Action": "kms:*", "Resource": "*"}
        made = self.boto("kms").create_key(Policy=json.dumps({"Statement": [root]}))
        key, before = made["KeyMetadata"]["Arn"], [root]
        self.boto("sns").create_topic(Name="ses-events", Attributes={"KmsMasterKeyId": key})
        self.apply(AMAZON_SES_SNS_TOPIC_ARNS=[TOPIC])
        after = self.policy_of_key(key)["Statement"]
        self.assertEqual(after[: len(before)], before)
        self.assertEqual(
            [one["Principal"] for one in after[len(before) :]], [{"Service": "ses.amazonaws.com"}]
        )

    def policy_of_key(self, key: str) -> Any:
        return json.loads(
            self.boto("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        )

    def test_a_queue_gets_its_second_topic(self):
        self.apply("--queue")
        before = json.loads(self.attributes_of_queue()["Policy"])["Statement"]
        self.apply("--queue", "--inbound", "--receive-domain", "example.org")
        after = json.loads(self.attributes_of_queue()["Policy"])["Statement"]
        self.assertEqual(after[0], before[0])
        self.assertEqual(
            after[1]["Condition"], {"ArnEquals": {"aws:SourceArn": f"{TOPIC}-inbound"}}
        )

    def test_a_queue_keeps_its_own_dead_letter_queue(self):
        sqs = self.boto("sqs")
        sqs.create_queue(QueueName="failed")
        redrive = {
            "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed",
            "maxReceiveCount": "3",
        }
        attributes = {"RedrivePolicy": json.dumps(redrive)}
        sqs.create_queue(QueueName="events", Attributes=attributes)
        output = self.apply(AMAZON_SES_QUEUES=["events"])
        self.assertNotIn("events-dead", output)
        found = json.loads(self.attributes_of_queue("events")["RedrivePolicy"])
        self.assertEqual(found["deadLetterTargetArn"], redrive["deadLetterTargetArn"])

    def test_the_active_rule_set_of_somebody_else_gets_our_rule_at_its_end(self):
        ses = self.boto("ses")
        ses.create_receipt_rule_set(RuleSetName="theirs")
        ses.set_active_receipt_rule_set(RuleSetName="theirs")
        for name in ("second", "first"):  # each goes before those that are there
            rule = {
                "Name": name,
                "Enabled": True,
                "Actions": [{"StopAction": {"Scope": "RuleSet"}}],
            }
            ses.create_receipt_rule(RuleSetName="theirs", Rule=rule)
        self.apply(*EVERYTHING)
        active = ses.describe_active_receipt_rule_set()
        self.assertEqual(active["Metadata"]["Name"], "theirs")
        self.assertEqual(
            [rule["Name"] for rule in active["Rules"]], ["first", "second", "ses-events-inbound"]
        )
        names = [one["Name"] for one in ses.list_receipt_rule_sets()["RuleSets"]]
        self.assertEqual(names, ["theirs"])

    def test_what_others_have_in_the_account_stays_as_it_is(self):
        self.boto("sesv2").create_email_identity(EmailIdentity="example.net")
        self.boto("sesv2").create_configuration_set(ConfigurationSetName="theirs")
        self.boto("sns").create_topic(Name="theirs")
        self.boto("sqs").create_queue(QueueName="theirs")
        self.boto("s3").create_bucket(Bucket="theirs")
        before = self.snapshot()
        self.apply(*EVERYTHING)
        after = self.snapshot()
        for name, value in before.items():
            if name not in ("subscriptions", "active rule set"):
                with self.subTest(name):
                    self.assertEqual(after[name], value)


class RefusedTests(SetupTestCase):
    def test_a_bucket_in_another_region(self):
        self.amazon.client("s3", "eu-west-1").create_bucket(
            Bucket="mail", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        before = self.snapshot()
        with self.assertRaisesMessage(CommandError, "Nothing was changed."):
            self.apply(
                *("--inbound", "--receive-domain", "example.org"),
                AMAZON_SES_INBOUND_BUCKETS=["mail"],
            )
        self.assertEqual(self.snapshot(), before)
