"""Received mail: D21 to D24."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from anymail.aws_account.doctor.check import Result
from anymail.aws_account.doctor.findings import FixKind, Status
from anymail.aws_account.doctor.receipt_rules import covers
from anymail.sandbox.aws.defaults import ACCOUNT

from . import DoctorTestCase, fixes

BUCKET = "received-mail"


class InboundTestCase(DoctorTestCase):
    """A rule set with a rule that stores mail; a test breaks it."""

    def setUp(self) -> None:
        super().setUp()
        self.ses = self.amazon.client("ses")
        self.s3 = self.amazon.client("s3")
        for name in (BUCKET, "other"):
            self.s3.create_bucket(Bucket=name)  # or SES refuses a rule
        self.topic: str = self.amazon.client("sns").create_topic(Name="mail")["TopicArn"]

    def context(self, **settings: Any) -> Any:
        return super().context(
            **{
                "AMAZON_SES_SNS_TOPIC_ARNS": [self.topic],
                "AMAZON_SES_INBOUND_BUCKETS": [BUCKET],
                **settings,
            }
        )

    def create_rules(self, *rules: dict[str, Any], is_active: bool = True) -> None:
        self.ses.create_receipt_rule_set(RuleSetName="mail")
        for rule in reversed(rules):
            self.ses.create_receipt_rule(RuleSetName="mail", Rule=rule)
        if is_active:
            self.ses.set_active_receipt_rule_set(RuleSetName="mail")

    def rule(self, **changes: Any) -> dict[str, Any]:
        stored = {"BucketName": BUCKET, "TopicArn": self.topic}
        return {
            "Name": "store",
            "Enabled": True,
            "ScanEnabled": True,
            "Recipients": ["example.com"],
            "Actions": [{"S3Action": stored}],
            **changes,
        }

    def assert_fixed(self, id_: str, text: str, status: Status = Status.ERROR) -> None:
        """A check is red, and green after its printed commands."""
        result = self.check(id_)
        self.assertIn(text, " ".join(finding.text for finding in result.findings))
        self.assert_status(status, result)
        self.run_commands(result)
        self.assert_status(Status.OK, self.check(id_))

    def run_commands(self, result: Result) -> None:
        for fix in fixes(result, FixKind.COMMAND):
            self.aws(fix.text)


class RulesTests(InboundTestCase):
    def test_a_project_that_receives_nothing(self):
        for check in ("D21", "D22", "D23", "D24"):
            context = self.context(AMAZON_SES_INBOUND_BUCKETS=[])
            self.assert_status(Status.NOT_USED, self.check(check, context), "no mail is received")

    def test_a_good_rule(self):
        self.create_rules(self.rule())
        self.assert_status(Status.OK, self.check("D21"), "store receives for example.com")

    def test_a_rule_that_leads_to_a_topic_of_the_settings_is_ours(self):
        self.create_rules(self.rule())
        context = self.context(AMAZON_SES_INBOUND_BUCKETS=[])
        self.assert_status(Status.OK, self.check("D21", context))

    def test_no_active_set(self):
        self.create_rules(self.rule(), is_active=False)
        self.assert_fixed("D21", "no receipt rule set is active")

    def test_several_sets_of_which_none_is_active(self):
        self.create_rules(self.rule(), is_active=False)
        self.ses.create_receipt_rule_set(RuleSetName="other")
        result = self.check("D21")
        [fix] = fixes(result, FixKind.ADVICE)
        where, _, text = fix.text.partition(": ")
        self.assertIn("mail, other", where)
        self.aws(text.replace("NAME", "mail"))
        self.assert_status(Status.OK, self.check("D21"))

    def test_no_set(self):
        result = self.check("D21")
        self.assert_status(Status.ERROR, result, "no receipt rule set is active")
        [fix] = fixes(result, FixKind.COMMAND)
        self.assertIn("anymail_setup --apply --inbound", fix.text)

    def test_no_permission_to_list_sets(self):
        self.amazon.faults.denied.add("ses:ListReceiptRuleSets")
        [fix] = fixes(self.check("D21"), FixKind.ADVICE)
        self.assertIn("set-active-receipt-rule-set", fix.text)

    def test_a_set_of_somebody_else(self):
        topic = self.amazon.client("sns").create_topic(Name="other")["TopicArn"]
        other = {"S3Action": {"BucketName": "other", "TopicArn": topic}}
        self.create_rules(self.rule(Actions=[other]))
        result = self.check("D21")
        self.assert_status(Status.ERROR, result, "no rule of the active set mail brings mail")
        [fix] = fixes(result, FixKind.COMMAND)
        self.assertIn("anymail_setup --apply --inbound", fix.text)

    def test_a_disabled_rule(self):
        self.create_rules(self.rule(Enabled=False))
        self.assert_fixed("D21", "the rule store is disabled")

    def test_a_rule_that_does_not_scan(self):
        self.create_rules(self.rule(ScanEnabled=False))
        self.assert_fixed("D21", "scanned for spam", Status.WARNING)

    def test_an_action_that_tells_nobody(self):
        self.create_rules(self.rule(Actions=[{"S3Action": {"BucketName": BUCKET}}]))
        self.assert_status(Status.ERROR, self.check("D21"), "tells nobody")

    def test_another_action_that_tells(self):
        stored = {"S3Action": {"BucketName": BUCKET}}
        told = {"SNSAction": {"TopicArn": self.topic, "Encoding": "Base64"}}
        self.create_rules(self.rule(Actions=[stored, told]))
        self.assert_status(Status.OK, self.check("D21"))

    def test_a_stop_before_the_action(self):
        stop = {"StopAction": {"Scope": "RuleSet"}}
        self.create_rules(self.rule(Actions=[stop, *self.rule()["Actions"]]))
        self.assert_fixed("D21", "stops before the action")

    def test_a_rule_before_it_that_stops(self):
        stop = {"StopAction": {"Scope": "RuleSet"}}
        header = {"AddHeaderAction": {"HeaderName": "X", "HeaderValue": "x"}}
        first = self.rule(Name="first", Recipients=[], Actions=[header, stop])
        self.create_rules(first, self.rule())
        result = self.check("D21")
        self.assert_status(Status.ERROR, result, "the rule first comes before store, and stops")

    def test_a_rule_before_it_that_stops_for_others(self):
        stop = {"StopAction": {"Scope": "RuleSet"}}
        first = self.rule(Name="first", Recipients=["example.org"], Actions=[stop])
        self.create_rules(first, self.rule())
        self.assert_status(Status.OK, self.check("D21"))

    def test_recipients(self):
        for recipients, recipient, wanted in (
            ([], "example.com", True),
            (["Example.com"], "ann@example.COM", True),
            (["ann@example.com"], "bob@example.com", False),
            (["ann@example.com"], "example.com", False),
            ([".example.com"], "mail.example.com", True),
            ([".example.com"], "example.com", False),
        ):
            with self.subTest(recipients=recipients, recipient=recipient):
                self.assertIs(covers(recipients, recipient), wanted)


class BucketTests(InboundTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.create_rules(self.rule())

    def test_no_bucket(self):
        self.s3.delete_bucket(Bucket=BUCKET)
        self.assert_status(Status.ERROR, self.check("D23"), f"there is no bucket {BUCKET}")
        self.run_commands(self.check("D23"))
        self.assertNotIn("there is no bucket", self.check("D23").findings[0].text)

    def test_a_bucket_in_another_region_than_the_first(self):
        ses = self.amazon.client("ses", "eu-west-1")
        ses.create_receipt_rule_set(RuleSetName="mail")
        stored = {"S3Action": {"BucketName": BUCKET}}
        ses.create_receipt_rule(RuleSetName="mail", Rule=self.rule(Actions=[stored]))
        ses.set_active_receipt_rule_set(RuleSetName="mail")
        self.s3.delete_bucket(Bucket=BUCKET)
        params = {"endpoint_url": self.amazon.url, "region_name": "eu-west-1"}
        self.run_commands(self.check("D23", self.context(AMAZON_SES_CLIENT_PARAMS=params)))
        where = self.s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"]
        self.assertEqual(where, "eu-west-1")

    def test_a_new_bucket_is_green_after_what_is_printed(self):
        self.assert_fixed("D23", "does not allow ses.amazonaws.com the action s3:PutObject")

    def test_the_policy_of_another_account(self):
        self.secure()
        policy = json.loads(self.s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
        text = json.dumps(policy).replace(ACCOUNT, "999999999999")
        self.s3.put_bucket_policy(Bucket=BUCKET, Policy=text)
        self.assert_fixed("D23", "does not allow ses.amazonaws.com the action s3:PutObject")

    def test_a_statement_that_denies(self):
        self.secure()
        policy = json.loads(self.s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
        policy["Statement"].append(
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        )
        self.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
        self.assert_status(Status.ERROR, self.check("D23"), "denies ses.amazonaws.com")

    def test_public_access(self):
        self.secure()
        self.s3.delete_public_access_block(Bucket=BUCKET)
        self.assert_fixed("D23", "Block Public Access is not on", Status.WARNING)

    def test_mail_that_is_kept_for_ever(self):
        self.secure()
        self.s3.delete_bucket_lifecycle(Bucket=BUCKET)
        self.assert_fixed("D23", "mail is kept for ever", Status.WARNING)

    def test_mail_that_is_deleted_by_the_project(self):
        self.secure()
        self.s3.delete_bucket_lifecycle(Bucket=BUCKET)
        context = self.context(AMAZON_SES_INBOUND_DELETE_S3_OBJECT=True)
        self.assert_status(Status.OK, self.check("D23", context))

    def secure(self) -> None:
        """What is printed for a new bucket is done."""
        self.run_commands(self.check("D23"))
        self.assert_status(Status.OK, self.check("D23"))


class KeyTests(InboundTestCase):
    def create_rule_with_key(self, arn: str) -> None:
        stored = {"BucketName": BUCKET, "TopicArn": self.topic, "KmsKeyArn": arn}
        self.create_rules(self.rule(Actions=[{"S3Action": stored}]))

    def test_no_key(self):
        self.create_rules(self.rule())
        self.assert_status(Status.NOT_USED, self.check("D24"))

    def test_the_key_of_ses(self):
        kms = self.amazon.client("kms")
        kms.create_alias(
            AliasName="alias/aws/ses", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"]
        )
        self.create_rule_with_key(f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/aws/ses")
        self.assert_status(Status.OK, self.check("D24"))

    def test_a_key_that_ses_may_not_use(self):
        key = self.amazon.client("kms").create_key()["KeyMetadata"]
        self.create_rule_with_key(key["Arn"])
        self.assert_fixed("D24", "does not allow ses.amazonaws.com the action kms:GenerateDataKey")

    def test_a_key_that_the_project_may_not_use(self):
        kms = self.amazon.client("kms")
        key = kms.create_key()["KeyMetadata"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "ses.amazonaws.com"},
            "Action": "kms:*",
            "Resource": "*",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)
        self.create_rule_with_key(key["Arn"])
        self.assert_fixed("D24", "the action kms:Decrypt")

    def test_a_key_that_nobody_may_use_is_green_after_both_commands(self):
        kms = self.amazon.client("kms")
        key = kms.create_key()["KeyMetadata"]
        statement = {"Effect": "Allow", "Action": "kms:PutKeyPolicy", "Resource": "*"}
        statement["Principal"] = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/admin"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)
        self.create_rule_with_key(key["Arn"])
        self.assertEqual(len(self.check("D24").findings), 2)
        self.assert_fixed("D24", "the action kms:Decrypt")

    def test_a_key_that_does_not_exist(self):
        kms = self.amazon.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/mail", TargetKeyId=key)
        self.create_rule_with_key(f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/mail")
        kms.delete_alias(AliasName="alias/mail")
        self.assert_status(Status.ERROR, self.check("D24"), "a key that does not exist")

    def test_a_key_that_is_disabled(self):
        kms = self.amazon.client("kms")
        key = kms.create_key()["KeyMetadata"]
        self.create_rule_with_key(key["Arn"])
        self.run_commands(self.check("D24"))
        kms.disable_key(KeyId=key["KeyId"])
        self.assert_fixed("D24", "is disabled")

    def test_another_key_than_that_of_the_settings(self):
        key = self.amazon.client("kms").create_key()["KeyMetadata"]
        self.create_rule_with_key(key["Arn"])
        self.run_commands(self.check("D24"))
        other = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{UUID(int=0)}"
        result = self.check("D24", self.context(AMAZON_SES_INBOUND_KMS_KEY_ID=other))
        self.assert_status(Status.ERROR, result, "the settings allow another one only")
        [fix] = fixes(result, FixKind.SETTING)
        anymail: dict[str, str] = {}
        exec(fix.text, {"ANYMAIL": anymail})
        self.assert_status(Status.OK, self.check("D24", self.context(**anymail)))


class MxTests(InboundTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.create_rules(self.rule(Recipients=["ann@Example.com", ".example.org"]))

    def test_no_record(self):
        self.amazon.dns.replace("example.com", "MX")
        self.assert_fixed_by_records("D22", "example.com: it has no MX record")

    def test_another_server(self):
        self.amazon.dns.replace("example.com", "MX", "10 mail.example.net.")
        self.assert_fixed_by_records("D22", "its MX is mail.example.net.: replace it")

    def test_another_region(self):
        self.amazon.dns.replace("example.com", "MX", "10 inbound-smtp.eu-west-1.amazonaws.com.")
        self.assert_status(Status.ERROR, self.check("D22"), "inbound-smtp.eu-west-1")

    def test_rules_for_everybody(self):
        self.ses.update_receipt_rule(RuleSetName="mail", Rule=self.rule(Recipients=[]))
        self.assert_status(Status.NOT_USED, self.check("D22"), "the rules name no domain")
