"""The table of permissions, against the calls in the source, AWS's reference and the documents."""

from __future__ import annotations

import json
from typing import Any

from django.test import SimpleTestCase

from anymail.aws_account.actions import ACTIONS, actions_of
from anymail.aws_account.permissions import TABLE, full_policy, minimal_policy
from anymail.aws_account.permissions.row import Holder
from anymail.aws_account.permissions.usage import Resource, Usage, arns, queue_arn
from anymail.conf import AmazonSESSettings

from ..docs_pages import ROOT, blocks
from .aws_calls import calls_in, known_calls

#: A folder, what is left out of it, and who makes the calls in it.
FOLDERS: dict[str, tuple[tuple[str, ...], tuple[Holder, ...]]] = {
    "anymail": (
        ("anymail/aws_account/", "anymail/sandbox/", "anymail/testing/"),
        (Holder.APPLICATION, Holder.CALLER),
    ),
    "anymail/aws_account/doctor": ((), (Holder.DOCTOR,)),
    "anymail/aws_account/setup": ((), (Holder.SETUP,)),
}
#: "No permissions are required" (AWS STS API Reference, "GetCallerIdentity").
FREE = {"sts:GetCallerIdentity"}
ASKS_FOR_RATE = "AskForTheSendRate"
HOLDERS = {row.holder for row in TABLE}
#: AWS's: actions, the types of resources that each is about, and whether it needs one.
REFERENCE = json.loads((ROOT / "tests" / "service_authorization.json").read_text())["actions"]
#: What that reference calls our kinds of resources.
TYPES = {
    Resource.IDENTITY: "identity",
    Resource.CONFIGURATION_SET: "configuration-set",
    Resource.TEMPLATE: "template",
    Resource.TENANT: "tenant",
    Resource.EXPORT_JOB: "export-job",
    Resource.TOPIC: "topic",
    Resource.QUEUE: "queue",
    Resource.DEAD_LETTER_QUEUE: "queue",
    Resource.BUCKET: "bucket",
    Resource.OBJECT: "object",
    Resource.KEY: "key",
    Resource.ROLE: "role",
    Resource.PRINCIPAL: "role",  # or a user, or a group
}


def usage(**changes: Any) -> Usage:
    """A project.

    :param changes: settings, and fields of ``Usage``.
    """
    fields = Usage.__dataclass_fields__
    settings = {name: value for name, value in changes.items() if name not in fields}
    given = {name: value for name, value in changes.items() if name in fields}
    return Usage(
        settings=AmazonSESSettings.load(settings),
        **{"account": "123456789012", "region": "us-east-1", **given},
    )


#: The project of the documentation.
DOCUMENTED = usage(
    identities=("example.com",),
    configuration_set_name="events",
    sns_topic_arns=["arn:aws:sns:us-east-1:123456789012:ses-*"],
    inbound_buckets=["my-inbound-bucket"],
    inbound_kms_key_id="my-key-id",
    queues=["ses-events"],
    role_arn="arn:aws:iam::123456789012:role/mail",
)


def actions(policy: dict[str, Any]) -> set[str]:
    """The actions that a policy allows."""
    found: set[str] = set()
    for statement in policy["Statement"]:
        action = statement["Action"]
        found |= {action} if isinstance(action, str) else set(action)
    return found


def resources_of(policy: dict[str, Any], sid: str) -> Any:
    """The resources in a statement."""
    return next(each["Resource"] for each in policy["Statement"] if each["Sid"] == sid)


class CallTests(SimpleTestCase):
    def test_every_call_has_a_permission(self):
        for folder, (without, holders) in FOLDERS.items():
            known = {call for row in TABLE if row.holder in holders for call in row.calls} | FREE
            for candidates, where in calls_in(folder, without=without).items():
                with self.subTest(where):
                    self.assertTrue(candidates & known, f"{where}: {set(candidates)}")

    def test_every_permission_is_for_a_call(self):
        for folder, (without, holders) in FOLDERS.items():
            made = set().union(*calls_in(folder, without=without))
            for row in TABLE:
                if row.holder in holders:
                    with self.subTest(row.why):
                        self.assertEqual(set(row.calls) & known_calls() - made, set())

    def test_the_calls_of_every_holder_are_looked_at(self):
        looked_at = {holder for _, holders in FOLDERS.values() for holder in holders}
        self.assertEqual(looked_at, HOLDERS)


class ReferenceTests(SimpleTestCase):
    def test_every_action_exists(self):
        known = set(REFERENCE)
        self.assertEqual({action for row in TABLE for action in row.actions} - known, set())

    def test_resources_are_of_the_types_that_an_action_is_about(self):
        for row in TABLE:
            given = {TYPES[kind] for kind in row.resources if kind is not Resource.ANY}
            for action in row.actions:
                types = REFERENCE[action]
                with self.subTest(row.why, action=action):
                    self.assertLessEqual(given, set(types))
                    self.assertLessEqual({name for name in types if types[name]}, given)


class DocumentationTests(SimpleTestCase):
    def test_the_policies_are_those_of_the_table(self):
        shown = [
            json.loads(block.text)
            for block in blocks(ROOT / "docs" / "amazon_ses.rst")
            if block.language == "json"
        ]
        for holder in HOLDERS:
            with self.subTest(holder):
                self.assertIn(full_policy(DOCUMENTED, holder), shown)


class MinimalPolicyTests(SimpleTestCase):
    def test_a_project_that_only_sends(self):
        project = usage(
            has_inbound=False, has_webhook=False, has_templates=False, has_validators=False
        )
        self.assertEqual(actions(minimal_policy(project)), {"ses:SendRawEmail"})

    def test_what_nobody_can_tell_is_allowed(self):
        found = actions(minimal_policy(usage()))
        self.assertLessEqual(
            {"ses:SendBulkTemplatedEmail", "ses:GetEmailAddressInsights", "s3:GetObject"}, found
        )

    def test_the_api_decides_how_mail_is_sent(self):
        one, two, both = (
            actions(minimal_policy(usage(api_versions=versions))) for versions in ({1}, {2}, {1, 2})
        )
        self.assertEqual(two - one, {"ses:SendEmail", "ses:SendBulkEmail"})
        self.assertEqual(one - two, set())
        self.assertEqual(both, one | two)

    def test_the_rate_is_asked_for_if_it_is_used(self):
        for changes in [{"max_send_rate": "account"}, {"has_outbox": True}]:
            for version, action in [(1, "ses:GetSendQuota"), (2, "ses:GetAccount")]:
                policy = minimal_policy(usage(api_versions={version}, **changes))
                [found] = [each for each in policy["Statement"] if each["Sid"] == ASKS_FOR_RATE]
                self.assertEqual(found["Action"], action, (version, changes))
        self.assertNotIn("ses:GetSendQuota", actions(minimal_policy(usage(max_send_rate=5))))

    def test_the_account_may_be_looked_at_with_the_outbox(self):
        for has_outbox in (True, False):
            found = actions(minimal_policy(usage(has_outbox=has_outbox)))
            self.assertEqual("ses:ListRecommendations" in found, has_outbox)

    def test_subscriptions_are_confirmed_if_they_may_be(self):
        for expected, changes in [
            (True, {"has_webhook": True}),
            (True, {"has_webhook": None}),
            (False, {"has_webhook": False}),
            (False, {"has_webhook": True, "auto_confirm_sns_subscriptions": False}),
        ]:
            found = "sns:ConfirmSubscription" in actions(minimal_policy(usage(**changes)))
            self.assertIs(found, expected, changes)

    def test_received_mail_is_deleted_if_the_setting_says_so(self):
        for is_on in (True, False):
            project = usage(has_inbound=True, inbound_delete_s3_object=is_on)
            self.assertIs("s3:DeleteObject" in actions(minimal_policy(project)), is_on)

    def test_received_mail_may_be_encrypted(self):
        for expected, changes in [
            (True, {"has_inbound": False, "inbound_kms_key_id": "1"}),
            (True, {"has_inbound": True}),
            (False, {"has_inbound": False}),
        ]:
            found = "kms:Decrypt" in actions(minimal_policy(usage(**changes)))
            self.assertIs(found, expected, changes)

    def test_queues_are_consumed_if_there_are_any(self):
        for queues in ([], ["ses-events"]):
            found = {a for a in actions(minimal_policy(usage(queues=queues))) if "sqs:" in a}
            self.assertIs(bool(found), bool(queues))

    def test_the_role_is_assumed_by_another_one(self):
        project = usage(role_arn="arn:aws:iam::123456789012:role/mail")
        policy = minimal_policy(project, Holder.CALLER)
        self.assertEqual(resources_of(policy, "AssumeTheRole"), project.settings.role_arn)
        self.assertNotIn("sts:AssumeRole", actions(minimal_policy(project)))
        self.assertEqual(minimal_policy(usage(), Holder.CALLER)["Statement"], [])


class ArnTests(SimpleTestCase):
    def test_without_names_all_of_the_account_are_meant(self):
        for resource in Resource:
            with self.subTest(resource):
                for arn in arns(resource, usage()):
                    self.assertRegex(arn, r"\*")

    def test_an_identity_of_another_account_is_one_more(self):
        other = "arn:aws:ses:eu-west-1:210987654321:identity/example.org"
        project = usage(identities=("example.com",), source_arn=other, from_arn=other)
        self.assertEqual(
            arns(Resource.IDENTITY, project),
            ["arn:aws:ses:us-east-1:123456789012:identity/example.com", other],
        )

    def test_a_queue_by_its_name_url_or_arn(self):
        arn = "arn:aws:sqs:eu-west-1:210987654321:events"
        for name, expected in [
            ("events", "arn:aws:sqs:us-east-1:123456789012:events"),
            (arn, arn),
            ("https://sqs.eu-west-1.amazonaws.com/210987654321/events", arn),
            ("https://eu-west-1.queue.amazonaws.com/210987654321/events", arn),
            ("http://127.0.0.1:8025/210987654321/events", arn.replace("eu-west-1", "us-east-1")),
        ]:
            with self.subTest(name):
                self.assertEqual(queue_arn(name, usage()), expected)

    def test_sqs_may_have_a_region_of_its_own(self):
        project = usage(sqs_client_params={"region_name": "eu-west-1"})
        self.assertEqual(queue_arn("events", project), "arn:aws:sqs:eu-west-1:123456789012:events")

    def test_the_queues_of_dead_letters_may_be_given(self):
        arn = "arn:aws:sqs:eu-west-1:123456789012:failed"
        project = usage(queues=["events"], dead_letter_queues=(arn,))
        self.assertEqual(arns(Resource.DEAD_LETTER_QUEUE, project), [arn])

    def test_a_policy_cannot_name_a_key_by_its_alias(self):
        arn = "arn:aws:kms:us-east-1:123456789012:key/1"
        for key, expected in [
            (arn, arn),
            ("1", arn),
            ("alias/mail", arn.replace("/1", "/*")),
            ("arn:aws:kms:us-east-1:123456789012:alias/mail", arn.replace("/1", "/*")),
        ]:
            self.assertEqual(arns(Resource.KEY, usage(inbound_kms_key_id=key)), [expected], key)

    def test_another_partition(self):
        for resource in Resource:
            for arn in arns(resource, usage(partition="aws-us-gov")):
                self.assertRegex(arn, r"^(\*|arn:aws-us-gov:.*)$")


class ActionTests(SimpleTestCase):
    def test_actions_of_calls(self):
        for service, operation, expected in [
            ("sesv2", "GetAccount", ("ses:GetAccount",)),
            ("sesv2", "SendEmail", ("ses:SendRawEmail", "ses:SendEmail")),
            ("s3", "HeadBucket", ("s3:ListBucket",)),
            ("sqs", "DeleteMessageBatch", ("sqs:DeleteMessage",)),
        ]:
            self.assertEqual(actions_of(service, operation), expected)

    def test_every_call_with_other_actions_is_one(self):
        self.assertEqual(set(ACTIONS) - known_calls(), set())
