"""Topics, and the list of them in the settings: D13 and D14."""

from __future__ import annotations

import json

from anymail.aws_account.doctor.findings import FixKind, Status
from anymail.aws_account.policies import allow_ses_to_publish, document
from anymail.sandbox.aws.defaults import ACCOUNT

from . import fixes
from .events import TOPIC, EventsTestCase

FOREIGN = TOPIC.replace(ACCOUNT, "210987654321")
LOCKED = json.dumps(document(allow_ses_to_publish(TOPIC, "210987654321")))


class TopicTests(EventsTestCase):
    def broken(self, name: str, value: str) -> None:
        sns = self.amazon.client("sns")
        sns.set_topic_attributes(TopicArn=TOPIC, AttributeName=name, AttributeValue=value)

    def assert_fixed(self, status: Status, text: str, id_: str = "D13") -> None:
        result = self.check(id_)
        self.assert_status(status, result, text)
        self.fix(result)
        self.assert_status(Status.OK, self.check(id_))

    def create_key(self, policy: str | None = None) -> str:
        given = {"Policy": policy} if policy else {}
        return self.amazon.client("kms").create_key(**given)["KeyMetadata"]["KeyId"]

    def test_a_good_one(self):
        self.assert_status(Status.OK, self.check("D13"), "SES may publish to events")

    def test_one_that_does_not_exist(self):
        self.amazon.client("sns").delete_topic(TopicArn=TOPIC)
        self.assert_fixed(Status.ERROR, "there is no topic events")

    def test_one_of_the_settings_that_does_not_exist(self):
        self.use(AMAZON_SES_SNS_TOPIC_ARNS=[TOPIC, f"{TOPIC}-old"])
        self.assert_status(Status.ERROR, self.check("D13"), "there is no topic events-old")

    def test_signatures_with_sha_1(self):
        self.broken("SignatureVersion", "1")
        self.assert_fixed(Status.WARNING, "messages of events are signed with SHA-1")

    def test_a_policy_that_lets_another_account_publish(self):
        self.broken("Policy", LOCKED)
        self.assert_fixed(Status.ERROR, "does not allow ses.amazonaws.com the action sns:Publish")
        attributes = self.aws(f"aws sns get-topic-attributes --topic-arn {TOPIC}")["Attributes"]
        first, _ = json.loads(attributes["Policy"])["Statement"]
        self.assertEqual(first, json.loads(LOCKED)["Statement"][0])

    def test_a_policy_that_denies_it(self):
        denial = {**allow_ses_to_publish(TOPIC, ACCOUNT), "Effect": "Deny"}
        self.broken("Policy", json.dumps(document(denial)))
        self.assert_status(Status.ERROR, self.check("D13"), "denies ses.amazonaws.com")

    def test_a_key_of_aws_own(self):
        kms = self.amazon.client("kms")
        key = self.create_key()
        kms.create_alias(AliasName="alias/aws-sns", TargetKeyId=key)
        from moto.kms.models import kms_backends

        kms_backends[ACCOUNT]["us-east-1"].keys[key].key_manager = "AWS"
        self.broken("KmsMasterKeyId", "alias/aws-sns")
        self.assert_fixed(Status.ERROR, "which ses.amazonaws.com may not use")

    def test_a_key_whose_policy_does_not_know_ses(self):
        root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        everything = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
        self.broken("KmsMasterKeyId", self.create_key(json.dumps(document(everything))))
        self.assert_fixed(Status.ERROR, "the policy of the key of events does not allow")

    def test_a_key_that_is_disabled(self):
        key = self.create_key()
        self.broken("KmsMasterKeyId", key)
        self.fix(self.check("D13"))
        self.aws(f"aws kms disable-key --key-id {key}")
        self.assert_fixed(Status.ERROR, "a key that is disabled")

    def test_a_key_that_does_not_exist(self):
        self.broken("KmsMasterKeyId", "11111111-2222-3333-4444-555555555555")
        self.assert_fixed(Status.ERROR, "a key that does not exist")

    def test_a_fifo_topic(self):
        self.use(AMAZON_SES_SNS_TOPIC_ARNS=[TOPIC, f"{TOPIC}.fifo"])
        self.assert_fixed(Status.ERROR, "events.fifo is a FIFO topic")

    def test_another_region(self):
        self.use(AMAZON_SES_SNS_TOPIC_ARNS=[TOPIC, TOPIC.replace("us-east-1", "eu-west-1")])
        self.assert_status(
            Status.WARNING, self.check("D13"), "is in eu-west-1, and SES in us-east-1"
        )

    def test_the_configuration_set_of_somebody_else(self):
        self.use(AMAZON_SES_SNS_TOPIC_ARNS=[FOREIGN])
        result = self.check("D13")
        self.assert_status(Status.WARNING, result, "belongs to another account, 210987654321")
        [fix] = fixes(result, FixKind.POLICY)
        self.assertEqual(json.loads(fix.text), allow_ses_to_publish(FOREIGN, ACCOUNT))


class AllowListTests(EventsTestCase):
    def test_it_is_not_needed_with_a_secret(self):
        self.assert_status(Status.OK, self.check("D14"), "knows the secret")

    def test_neither_list_nor_secret(self):
        self.use(WEBHOOK_SECRET=None)
        result = self.check("D14")
        self.assert_status(Status.WARNING, result, "of any AWS account's topics")
        self.fix(result)
        self.assert_status(Status.OK, self.check("D14"), "it has events")

    def test_a_topic_that_is_missing(self):
        self.use(AMAZON_SES_SNS_TOPIC_ARNS=[f"{TOPIC}-old"])
        result = self.check("D14")
        self.assert_status(Status.ERROR, result, "its events are refused")
        self.fix(result)
        self.assert_status(Status.OK, self.check("D14"))
