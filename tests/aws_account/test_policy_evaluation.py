"""What policies of resources allow, as IAM judges them."""

from __future__ import annotations

import json
import time
from typing import Any

from django.test import SimpleTestCase

from anymail.aws_account import policies
from anymail.aws_account.policy_conditions import arn_matches, matches
from anymail.aws_account.policy_evaluation import (
    Decision,
    Request,
    allows,
    evaluate,
    service_request,
)

ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:ses-events"
SOURCE = f"arn:aws:ses:eu-west-1:{ACCOUNT}:configuration-set/events"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/shop"
PUBLISH = service_request("ses.amazonaws.com", "sns:Publish", TOPIC, account=ACCOUNT, source=SOURCE)
BY_ROLE = Request(principal=ROLE, action="sns:Publish", resource=TOPIC)
ALLOW: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "ses.amazonaws.com"},
    "Action": "sns:Publish",
    "Resource": TOPIC,
}
DENY = {**ALLOW, "Effect": "Deny"}
#: What Amazon SNS gives a new topic.
DEFAULT_POLICY = {
    "Version": "2008-10-17",
    "Id": "__default_policy_ID",
    "Statement": [
        {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["SNS:GetTopicAttributes", "SNS:Publish"],
            "Resource": TOPIC,
            "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
        }
    ],
}
YES, NO, MAYBE, DENIED = (
    Decision.ALLOWED,
    Decision.NOT_ALLOWED,
    Decision.UNKNOWN,
    Decision.DENIED,
)


def judged(*statements: Any, request: Request = PUBLISH) -> Decision:
    return evaluate({"Version": "2012-10-17", "Statement": list(statements)}, request)


class EvaluationCases(SimpleTestCase):
    def check(self, expected: Decision, request: Request = PUBLISH, **changes: Any) -> None:
        with self.subTest(expected=expected, **changes):
            self.assertIs(judged({**ALLOW, **changes}, request=request), expected)


class StatementTests(EvaluationCases):
    def test_what_nobody_allows_is_not_allowed(self):
        self.assertIs(evaluate({}, PUBLISH), NO)
        self.assertIs(judged(), NO)
        self.assertIs(judged(ALLOW), YES)
        self.assertIs(judged({**ALLOW, "Effect": "Deny"}), DENIED)

    def test_a_denial_wins(self):
        for order in [(ALLOW, DENY), (DENY, ALLOW)]:
            self.assertIs(judged(*order), DENIED)

    def test_a_denial_of_something_else_does_not_count(self):
        self.assertIs(judged(ALLOW, {**DENY, "Action": "sns:Subscribe"}), YES)

    def test_a_single_statement_need_not_be_a_list(self):
        self.assertIs(evaluate({"Statement": ALLOW}, PUBLISH), YES)

    def test_a_denial_that_may_apply_leaves_doubt(self):
        sometimes = {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}
        self.assertIs(judged(ALLOW, {**DENY, "Condition": sometimes}), MAYBE)
        self.assertIs(judged(ALLOW, {**ALLOW, "Condition": sometimes}), YES)
        self.assertIs(judged({**ALLOW, "Condition": sometimes}), MAYBE)

    def test_only_what_is_sure_is_allowed(self):
        self.assertTrue(allows({"Statement": [ALLOW]}, PUBLISH))
        self.assertFalse(allows({"Statement": ["?", ALLOW]}, PUBLISH))


class PrincipalTests(EvaluationCases):
    def test_a_service(self):
        self.check(YES, Principal="*")
        self.check(YES, Principal={"AWS": "*"})
        self.check(YES, Principal={"Service": ["sns.amazonaws.com", "ses.amazonaws.com"]})
        self.check(NO, Principal={"Service": "sns.amazonaws.com"})
        self.check(NO, Principal={"AWS": "ses.amazonaws.com"})
        self.check(NO, Principal={"AWS": ACCOUNT})
        self.check(NO, Principal={"Federated": "ses.amazonaws.com"})

    def test_a_role(self):
        for name in [ROLE, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "*"]:
            self.check(YES, BY_ROLE, Principal={"AWS": ["arn:aws:iam::1:root", name]})
        for name in ["arn:aws:iam::210987654321:root", ROLE.replace("shop", "*"), "AIDAEXAMPLE"]:
            self.check(NO, BY_ROLE, Principal={"AWS": name})
        self.check(NO, BY_ROLE, Principal={"Service": "*"})

    def test_everybody_but_some(self):
        but = {name: value for name, value in ALLOW.items() if name != "Principal"}
        others = {**but, "NotPrincipal": {"Service": "ses.amazonaws.com"}}
        self.assertIs(judged(others), NO)
        self.assertIs(judged(others, request=BY_ROLE), YES)
        self.assertIs(judged(but), MAYBE)


class ActionTests(EvaluationCases):
    def test_case_does_not_count(self):
        self.check(YES, Action="SNS:publish")

    def test_wildcards(self):
        for action in ["*", "sns:*", "sns:Pub*", "sns:?ublish", ["sns:Get*", "s*:*sh"]]:
            self.check(YES, Action=action)
        for action in ["", "sns", "sns:Publis", "sns:Publish?", "sqs:*", []]:
            self.check(NO, Action=action)

    def test_all_but_some(self):
        but = {name: value for name, value in ALLOW.items() if name != "Action"}
        self.assertIs(judged({**but, "NotAction": "sns:Pub*"}), NO)
        self.assertIs(judged({**but, "NotAction": "sns:Subscribe"}), YES)
        self.assertIs(judged(but), MAYBE)


class ResourceTests(EvaluationCases):
    def test_case_counts(self):
        self.check(NO, Resource=TOPIC.replace("ses-events", "SES-events"))

    def test_wildcards(self):
        for resource in ["*", "arn:aws:sns:*:*:ses-*", ["arn:aws:sqs:*", TOPIC], f"{TOPIC}*"]:
            self.check(YES, Resource=resource)
        for resource in [f"{TOPIC}?", f"{TOPIC}:*", "arn:aws:sns:us-*", ""]:
            self.check(NO, Resource=resource)

    def test_all_but_some(self):
        but = {name: value for name, value in ALLOW.items() if name != "Resource"}
        self.assertIs(judged({**but, "NotResource": TOPIC}), NO)
        self.assertIs(judged({**but, "NotResource": f"{TOPIC}-other"}), YES)

    def test_variables_are_not_known(self):
        self.check(MAYBE, Resource="arn:aws:sns:*:*:${aws:PrincipalTag/team}")


class ConditionTests(EvaluationCases):
    def holds(self, expected: Decision, **operators: Any) -> None:
        self.check(
            expected, Condition={name.replace("_", ":"): keys for name, keys in operators.items()}
        )

    def test_names_of_keys_ignore_case(self):
        for key in ["aws:SourceAccount", "AWS:SourceAccount", "aws:sourceaccount"]:
            self.holds(YES, StringEquals={key: ACCOUNT})

    def test_values_do_not(self):
        self.holds(NO, StringEquals={"aws:SourceArn": SOURCE.upper()})
        self.holds(YES, StringEqualsIgnoreCase={"aws:SourceArn": SOURCE.upper()})
        self.holds(NO, StringNotEqualsIgnoreCase={"aws:SourceArn": SOURCE.upper()})

    def test_one_value_of_many(self):
        self.holds(YES, StringEquals={"aws:SourceAccount": ["210987654321", ACCOUNT]})
        self.holds(NO, StringEquals={"aws:SourceAccount": []})

    def test_every_key_and_every_operator(self):
        right, wrong = {"aws:SourceAccount": ACCOUNT}, {"aws:SourceOwner": "1"}
        self.holds(NO, StringEquals={**right, **wrong})
        self.holds(NO, StringEquals=right, StringLike=wrong)
        self.holds(YES, StringEquals=right, StringNotLike=wrong)

    def test_none_of_the_values(self):
        self.holds(NO, StringNotEquals={"aws:SourceAccount": ["210987654321", ACCOUNT]})
        self.holds(YES, StringNotEquals={"aws:SourceAccount": ["210987654321", "1"]})

    def test_wildcards_are_for_like(self):
        self.holds(NO, StringEquals={"aws:SourceAccount": "1234*"})
        self.holds(YES, StringLike={"aws:SourceAccount": "1234*"})
        self.holds(NO, StringNotLike={"aws:SourceAccount": "1234*"})

    def test_arns_are_compared_part_by_part(self):
        for operator in ["ArnEquals", "ArnLike"]:
            self.holds(YES, **{operator: {"aws:SourceArn": f"arn:aws:ses:*:{ACCOUNT}:*"}})
            self.holds(NO, **{operator: {"aws:SourceArn": "arn:aws:ses:*:configuration-set/*"}})
            self.holds(NO, **{operator: {"aws:SourceArn": "*"}})
        self.holds(YES, ArnNotEquals={"aws:SourceArn": TOPIC})
        self.holds(NO, ArnNotLike={"aws:SourceArn": f"arn:aws:ses:*:{ACCOUNT}:*"})

    def test_a_key_that_is_missing(self):
        self.holds(NO, StringEquals={"aws:PrincipalOrgID": "o-1"})
        self.holds(YES, StringEqualsIfExists={"aws:PrincipalOrgID": "o-1"})
        self.holds(YES, StringNotEquals={"aws:PrincipalOrgID": "o-1"})
        self.holds(NO, StringEqualsIfExists={"aws:SourceAccount": "1"})

    def test_a_key_that_may_be_there(self):
        for operator in ["StringEquals", "StringNotEquals", "StringEqualsIfExists", "Null"]:
            self.holds(MAYBE, **{operator: {"aws:SourceOrgID": "true"}})

    def test_whether_a_key_is_there(self):
        self.holds(YES, Null={"aws:SourceAccount": "false", "aws:PrincipalOrgID": "true"})
        self.holds(YES, Null={"aws:SourceAccount": False})
        self.holds(NO, Null={"aws:SourceAccount": "true"})

    def test_true_and_false(self):
        self.holds(YES, Bool={"aws:SecureTransport": "true"})
        self.holds(YES, Bool={"aws:SecureTransport": True})
        self.holds(NO, Bool={"aws:SecureTransport": "false"})

    def test_sets(self):
        self.holds(YES, ForAnyValue_StringEquals={"aws:SourceAccount": [ACCOUNT]})
        self.holds(NO, ForAnyValue_StringEquals={"aws:PrincipalOrgPaths": "o-1/*"})
        self.holds(NO, ForAnyValue_StringNotEquals={"aws:PrincipalOrgPaths": "o-1/*"})
        self.holds(YES, ForAllValues_StringEquals={"aws:PrincipalOrgPaths": "o-1/*"})
        self.holds(NO, ForAllValues_StringEquals={"aws:SourceAccount": "1"})

    def test_an_account_may_be_a_number(self):
        self.holds(YES, StringEquals={"aws:SourceAccount": int(ACCOUNT)})

    def test_other_operators_are_not_known(self):
        for operator in ["IpAddress", "NumericLessThan", "stringequals", "ForSome_StringEquals"]:
            self.holds(MAYBE, **{operator: {"aws:SourceAccount": ACCOUNT}})

    def test_one_that_is_not_known_does_not_matter_beside_a_false_one(self):
        self.holds(NO, IpAddress={"aws:SourceIp": "::"}, Bool={"aws:SecureTransport": "false"})


class RealPolicyTests(EvaluationCases):
    def test_ses_may_publish_to_a_new_topic(self):
        self.assertIs(evaluate(DEFAULT_POLICY, PUBLISH), YES)
        stranger = service_request(
            "ses.amazonaws.com", "sns:Publish", TOPIC, account="210987654321", source=SOURCE
        )
        self.assertIs(evaluate(DEFAULT_POLICY, stranger), NO)

    def test_what_we_add_is_enough(self):
        rules = policies.receipt_rules(ACCOUNT, "eu-west-1", "mail")
        rule = rules.replace("/*", "/inbound")
        for statement, service, action, source, resource in [
            (
                policies.allow_ses_to_publish(TOPIC, ACCOUNT),
                policies.SES,
                "sns:Publish",
                SOURCE,
                TOPIC,
            ),
            (
                policies.allow_sns_to_send("arn:queue", [TOPIC]),
                policies.SNS,
                "sqs:SendMessage",
                TOPIC,
                "arn:queue",
            ),
            (
                policies.allow_ses_to_put("mail", ACCOUNT, rules),
                policies.SES,
                "s3:PutObject",
                rule,
                "arn:aws:s3:::mail/in/1",
            ),
            (
                policies.allow_ses_to_encrypt(ACCOUNT, rules),
                policies.SES,
                "kms:GenerateDataKeyWithoutPlaintext",
                rule,
                "arn:key",
            ),
            (
                policies.allow_use_of_key(policies.SNS),
                policies.SNS,
                "kms:Decrypt",
                TOPIC,
                "arn:key",
            ),
        ]:
            with self.subTest(statement["Sid"]):
                request = service_request(service, action, resource, account=ACCOUNT, source=source)
                policy = policies.with_statement({}, statement)
                self.assertIs(evaluate(policy, request), YES)

    def test_plain_http_may_be_denied(self):
        no_http = {
            **DENY,
            "Principal": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        self.assertIs(judged(ALLOW, no_http), YES)

    def test_all_but_services_may_be_denied(self):
        others = {
            **DENY,
            "Principal": "*",
            "Condition": {
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        }
        self.assertIs(judged(ALLOW, others), YES)


class GarbageTests(SimpleTestCase):
    values = (None, 0, True, 1.5, "", "x", "*", [], [[]], [None], {}, {"": {"": ""}}, {"a": [{}]})

    def test_no_element_raises(self):
        """And nothing but a pattern for everything allows anything."""
        for name in [*ALLOW, "NotPrincipal", "NotAction", "NotResource", "Condition"]:
            for value in self.values:
                statement = {**ALLOW, name: value}
                if name.startswith("Not"):
                    statement.pop(name.removeprefix("Not"))
                with self.subTest(name=name, value=value):
                    json.dumps(statement)
                    found = judged(statement)
                    self.assertIsInstance(found, Decision)
                    if name in ("Principal", "Action", "Resource") and value != "*":
                        self.assertIsNot(found, YES)

    def test_no_statement_raises(self):
        for value in self.values:
            with self.subTest(value=value):
                self.assertIsNot(evaluate({"Statement": value}, PUBLISH), YES)
                self.assertIn(judged(value, ALLOW), (MAYBE, YES))

    def test_an_effect_that_there_is_not_may_be_a_denial(self):
        self.assertIs(judged(ALLOW, {**ALLOW, "Effect": "deny"}), MAYBE)

    def test_wildcards_cost_little(self):
        """A regular expression would take years."""
        start = time.perf_counter()
        self.assertFalse(matches("a*" * 2000 + "b", "a" * 2000))
        self.assertLess(time.perf_counter() - start, 10)


class WildcardTests(SimpleTestCase):
    def test_texts(self):
        for pattern, text, expected in [
            ("", "", True),
            ("", "a", False),
            ("*", "", True),
            ("?", "", False),
            ("a*", "a", True),
            ("*a", "ba", True),
            ("*a", "ab", False),
            ("a*b*c", "aXbXbXc", True),
            ("a*b*c", "aXbXbX", False),
            ("a?c", "abc", True),
            ("a?c", "ac", False),
            ("**", "x", True),
            ("*ab", "aab", True),
            ("a[b]c", "abc", False),
            ("a.c", "abc", False),
            ("*", "a*b", True),
            ("a*b", "a*b", True),
        ]:
            with self.subTest(pattern=pattern, text=text):
                self.assertIs(matches(pattern, text), expected)

    def test_arns(self):
        self.assertTrue(arn_matches("arn:*:s?s:*:*:a:*", "arn:aws:ses:r:1:a:b:c"))
        self.assertFalse(arn_matches("arn:aws:ses:*", "arn:aws:ses:r:1:a"))
        self.assertFalse(arn_matches("arn:*:a", "arn:aws:ses:r:1:a"))
