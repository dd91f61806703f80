"""Policies of topics, queues, buckets and keys, and adding to those that are there."""

from __future__ import annotations

import copy
import json

from django.test import SimpleTestCase

from anymail.aws_account import policies

from ..docs_pages import ROOT, blocks

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:ses-events"
ACCOUNT = "123456789012"
STRANGERS = {"Sid": "Strangers", "Effect": "Deny", "Principal": "*", "Action": "sns:*"}


def documented(page: str, action: str) -> list[dict[str, object]]:
    """The statements with an action in the JSON of a page of the documentation."""
    documents = [
        json.loads(block.text) for block in blocks(ROOT / "docs" / page) if block.language == "json"
    ]
    return [
        statement
        for document in documents
        if isinstance(document, dict)
        for statement in document.get("Statement", [document])
        if statement.get("Action") == action
    ]


class StatementTests(SimpleTestCase):
    def test_the_documentation_shows_what_is_made(self):
        topic = policies.allow_ses_to_publish(TOPIC, ACCOUNT)
        rules = policies.receipt_rules(ACCOUNT, "eu-west-1")
        bucket = policies.allow_ses_to_put("example-inbound-mail", ACCOUNT, rules)
        for page, statement in [("tracking.rst", topic), ("inbound.rst", bucket)]:
            shown = documented(page, statement["Action"])
            self.assertTrue(shown, page)
            for each in shown:
                with self.subTest(page):
                    self.assertTrue(policies.has_statement({"Statement": [statement]}, each))

    def test_a_queue_takes_messages_of_its_topics_only(self):
        condition = policies.allow_sns_to_send(QUEUE, [TOPIC])["Condition"]
        self.assertEqual(condition, {"ArnEquals": {"aws:SourceArn": TOPIC}})
        condition = policies.allow_sns_to_send(QUEUE, [TOPIC, QUEUE])["Condition"]
        self.assertEqual(condition, {"ArnEquals": {"aws:SourceArn": [TOPIC, QUEUE]}})

    def test_other_partitions_have_other_arns(self):
        rules = policies.receipt_rules(ACCOUNT, "eusc-de-east-1", "mail", partition="aws-eusc")
        statement = policies.allow_ses_to_put("mail", ACCOUNT, rules, partition="aws-eusc")
        self.assertEqual(statement["Resource"], "arn:aws-eusc:s3:::mail/*")
        self.assertEqual(
            statement["Condition"]["ArnLike"]["AWS:SourceArn"],
            "arn:aws-eusc:ses:eusc-de-east-1:123456789012:receipt-rule-set/mail:receipt-rule/*",
        )

    def test_every_sid_is_one(self):
        """SNS, SQS, S3 and KMS take letters and digits only, all of them."""
        rules = policies.receipt_rules(ACCOUNT, "eu-west-1")
        for statement in [
            policies.allow_ses_to_publish(TOPIC, ACCOUNT),
            policies.allow_sns_to_send(QUEUE, [TOPIC]),
            policies.allow_eventbridge_to_send(QUEUE, [TOPIC]),
            policies.allow_ses_to_put("mail", ACCOUNT, rules),
            policies.allow_ses_to_encrypt(ACCOUNT, rules),
            policies.allow_use_of_key(policies.SES),
            policies.allow_use_of_key(policies.SNS),
            policies.allow_use_of_key(policies.EVENTBRIDGE),
        ]:
            self.assertRegex(statement["Sid"], r"^[A-Za-z0-9]+$")


class AddingTests(SimpleTestCase):
    ours = policies.allow_ses_to_publish(TOPIC, ACCOUNT)

    def test_the_statements_of_others_stay_as_they_are(self):
        before = {"Version": "2008-10-17", "Id": "theirs", "Statement": [STRANGERS]}
        kept = copy.deepcopy(before)
        after = policies.with_statement(before, self.ours)
        self.assertEqual(before, kept)
        self.assertEqual(after, {**before, "Statement": [STRANGERS, self.ours]})

    def test_a_single_statement_need_not_be_a_list(self):
        after = policies.with_statement({"Statement": STRANGERS}, self.ours)
        self.assertEqual(after["Statement"], [STRANGERS, self.ours])

    def test_nothing_is_added_twice(self):
        policy = policies.with_statement({}, self.ours)
        self.assertEqual(policy, {"Version": "2012-10-17", "Statement": [self.ours]})
        self.assertEqual(policies.with_statement(policy, self.ours), policy)

    def test_the_same_in_other_words_is_there_already(self):
        words = {
            "Sid": "another",
            "Effect": "Allow",
            "Principal": {"Service": ["ses.amazonaws.com"]},
            "Action": ["SNS:Publish"],
            "Resource": [TOPIC],
            "Condition": {"StringEquals": {"aws:sourceaccount": [ACCOUNT]}},
        }
        policy = {"Version": "2012-10-17", "Statement": [words]}
        self.assertEqual(policies.with_statement(policy, self.ours), policy)

    def test_what_says_something_else_is_not_there(self):
        for change in [
            {"Effect": "Deny"},
            {"Principal": {"AWS": "ses.amazonaws.com"}},
            {"Action": ["sns:Publish", "sns:Subscribe"]},
            {"Resource": TOPIC.upper()},
            {"Condition": {"StringLike": {"aws:SourceAccount": ACCOUNT}}},
            {"Condition": {"StringEquals": {"aws:SourceAccount": "210987654321"}}},
            {"Condition": {}},
            {"NotAction": "sns:*"},
        ]:
            with self.subTest(change):
                policy = {"Statement": [{**self.ours, **change}]}
                self.assertFalse(policies.has_statement(policy, self.ours))

    def test_a_sid_that_is_taken_gets_a_number(self):
        """SNS and SQS refuse a policy in which two statements have the same."""
        other = {**self.ours, "Resource": "*"}
        policy = policies.with_statement({"Statement": [other]}, self.ours)
        policy = policies.with_statement(policy, {**self.ours, "Action": "sns:Get*"})
        sids = [statement["Sid"] for statement in policy["Statement"]]
        self.assertEqual(sids, ["AllowSESToPublish", "AllowSESToPublish2", "AllowSESToPublish3"])

    def test_garbage_among_the_statements_stays(self):
        for garbage in ["", 1, None, [], {"Sid": []}, {"Action": {"a": [1, None]}}]:
            with self.subTest(garbage=garbage):
                after = policies.with_statement({"Statement": [garbage]}, self.ours)
                self.assertEqual(after["Statement"], [garbage, self.ours])


class ParsingTests(SimpleTestCase):
    def test_no_policy_is_an_empty_one(self):
        self.assertEqual(policies.parse_policy(None), {})
        self.assertEqual(policies.parse_policy(""), {})
        self.assertEqual(policies.statements({}), [])

    def test_what_is_no_policy_is_none(self):
        for text in ["no", "[]", '"x"', "{", "[" * 100_000, '{"a":' * 100 + "1" + "}" * 100]:
            with self.subTest(text[:20]):
                self.assertIsNone(policies.parse_policy(text))
