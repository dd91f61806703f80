"""What IAM allows the project: D26."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any
from unittest import mock

from django.core.management import CommandError, call_command
from django.test import override_settings

from anymail.aws_account.doctor.context import Context, Options
from anymail.aws_account.doctor.findings import FixKind, Status
from anymail.aws_account.doctor.principals import principal_arn

from ..local_iam import ACCOUNT, ROLE, SESSION, LocalIam, local_iam
from . import DoctorTestCase, fixes


def allow(*actions: str, resource: Any = "*", effect: str = "Allow") -> dict[str, Any]:
    return {"Statement": [{"Effect": effect, "Action": list(actions), "Resource": resource}]}


@override_settings(DEFAULT_FROM_EMAIL="Shop <orders@example.com>", ROOT_URLCONF="")
class PermissionTestCase(DoctorTestCase):
    iam: LocalIam

    def setUp(self) -> None:
        super().setUp()
        started = local_iam()
        self.iam = started.__enter__()
        self.addCleanup(started.__exit__, None, None, None)
        self.aws("aws sesv2 create-email-identity --email-identity example.com")

    def attach(self, policy: dict[str, Any]) -> None:
        self.iam.entities[ROLE].append(policy)

    def texts(self, context: Context | None = None) -> list[tuple[Status, str]]:
        return [(one.status, one.text) for one in self.check("D26", context).findings]


class AllowedTests(PermissionTestCase):
    def test_all_that_is_needed(self):
        self.attach(allow("ses:*"))
        found = self.texts()
        self.assertEqual(found[0], (Status.OK, "role/shop may do what the settings need"))

    def test_only_what_is_needed_is_asked_for(self):
        self.attach(allow("ses:SendRawEmail", "ses:GetSendQuota"))
        found = dict.fromkeys(status for status, _ in self.texts())
        self.assertEqual(list(found), [Status.OK, Status.NOT_USED])
        asked = [value for form in self.iam.asked for value in form.values()]
        self.assertNotIn("sqs:ReceiveMessage", asked)
        self.assertNotIn("s3:GetObject", asked)

    def test_the_identity_of_the_sender_counts(self):
        identity = f"arn:aws:ses:us-east-1:{ACCOUNT}:identity/example.com"
        events = f"arn:aws:ses:us-east-1:{ACCOUNT}:configuration-set/events"
        self.attach(allow("ses:GetSendQuota"))
        self.attach(allow("ses:SendRawEmail", resource=[identity, events]))
        context = self.context(AMAZON_SES_CONFIGURATION_SET_NAME="events")
        self.assert_status(Status.OK, self.check("D26", context))

    def test_a_configuration_set_is_needed_by_whom_it_is_used(self):
        self.attach(allow("ses:GetSendQuota"))
        self.attach(allow("ses:SendRawEmail", resource="arn:aws:ses:*:*:identity/*"))
        self.assert_status(Status.OK, self.check("D26"))
        context = self.context(AMAZON_SES_CONFIGURATION_SET_NAME="events")
        self.assert_status(Status.ERROR, self.check("D26", context), "configuration-set/events")

    def test_many_results_come_in_pages(self):
        self.iam.page_size = 1
        self.attach(allow("ses:*", "sqs:*", "cloudwatch:*"))
        context = self.context(AMAZON_SES_QUEUES=["events"])
        self.assert_status(Status.OK, self.check("D26", context))
        self.assertTrue(any("Marker" in form for form in self.iam.asked))


class DeniedTests(PermissionTestCase):
    def test_the_printed_policy_is_enough(self):
        for settings in [
            {},
            {"AMAZON_SES_API_VERSION": 2, "AMAZON_SES_CONFIGURATION_SET_NAME": "events"},
            {"AMAZON_SES_MAX_SEND_RATE": "account"},
            {"AMAZON_SES_QUEUES": ["ses-events"]},
            {
                "AMAZON_SES_INBOUND_BUCKETS": ["mail"],
                "AMAZON_SES_INBOUND_KMS_KEY_ID": "1234",
                "AMAZON_SES_INBOUND_DELETE_S3_OBJECT": True,
            },
        ]:
            with self.subTest(settings):
                self.iam.entities[ROLE] = []
                result = self.check("D26", self.context(**settings))
                self.assert_status(Status.ERROR, result, "role/shop may not use ses:Send")
                [policy] = fixes(result, FixKind.POLICY)
                [command] = fixes(result, FixKind.COMMAND)
                self.assertIn("put-role-policy --role-name shop ", command.text)
                self.attach(json.loads(policy.text))
                self.assert_status(Status.OK, self.check("D26", self.context(**settings)))

    def test_a_denial_is_named(self):
        self.attach(allow("ses:*"))
        self.attach(allow("ses:SendRawEmail", effect="Deny"))
        result = self.check("D26")
        self.assert_status(Status.ERROR, result, "since a policy denies it")
        self.assertIn("Deny", fixes(result, FixKind.ADVICE)[0].text)

    def test_the_organization_may_not_allow_it(self):
        self.attach(allow("ses:*"))
        self.iam.organization = False
        self.assert_status(Status.ERROR, self.check("D26"), "a policy of the AWS organization")

    def test_the_boundary_may_not_allow_it(self):
        self.attach(allow("ses:*"))
        self.iam.boundary = False
        self.assert_status(Status.ERROR, self.check("D26"), "the permissions boundary")

    def test_another_identity_is_not_enough(self):
        other = f"arn:aws:ses:us-east-1:{ACCOUNT}:identity/example.org"
        self.attach(allow("ses:SendRawEmail", resource=other))
        self.assert_status(Status.ERROR, self.check("D26"), "on identity/example.com")

    def test_without_the_rate_mail_is_sent_all_the_same(self):
        self.attach(allow("ses:SendRawEmail"))
        context = self.context(AMAZON_SES_MAX_SEND_RATE="account")
        result = self.check("D26", context)
        self.assert_status(Status.WARNING, result, "may not use ses:GetSendQuota (for the send")
        self.assertTrue(fixes(result, FixKind.POLICY))

    def test_what_is_refused_on_the_identity_does_not_depend_on_the_template(self):
        self.attach(allow("ses:SendRawEmail", "ses:GetSendQuota"))
        context = self.context(AMAZON_SES_SEND_DEFAULTS={"template_id": "welcome"})
        result = self.check("D26", context)
        self.assert_status(Status.ERROR, result, "may not use ses:SendBulkTemplatedEmail")

    def test_no_local_part_is_shown(self):
        self.aws("aws sesv2 create-email-identity --email-identity orders@example.com")
        result = self.check("D26")
        self.assert_status(Status.ERROR, result, "identity/***@example.com")
        self.assertNotIn("orders@", str([one.text for one in result.findings]))


class DoubtTests(PermissionTestCase):
    def test_the_policy_of_a_queue_may_allow_it(self):
        self.attach(allow("ses:*"))
        context = self.context(AMAZON_SES_QUEUES=["events"])
        result = self.check("D26", context)
        self.assert_status(Status.WARNING, result, "unless a policy of the resource allows it")

    def test_without_a_look_at_identities_some_of_them_may_be_allowed(self):
        self.amazon.faults.denied.add("ses:GetEmailIdentity")
        self.attach(allow("ses:GetSendQuota"))
        result = self.check("D26")
        self.assert_status(Status.NOT_CHECKED, result, "on those that are used, but is not on all")
        self.attach(allow("ses:SendRawEmail"))
        self.assert_status(Status.OK, self.check("D26"))

    def test_it_may_depend_on_a_real_request(self):
        self.iam.missing = ("aws:SourceIp",)
        self.assert_status(Status.NOT_CHECKED, self.check("D26"), "it depends on aws:SourceIp")

    def test_some_objects_may_be_allowed(self):
        self.attach(allow("ses:*", "s3:ListBucket", "kms:*"))
        self.attach(allow("s3:GetObject", resource="arn:aws:s3:::mail/in/*"))
        context = self.context(AMAZON_SES_INBOUND_BUCKETS=["mail"])
        result = self.check("D26", context)
        self.assert_status(Status.NOT_CHECKED, result, "on those that are used")


class PrincipalTests(PermissionTestCase):
    def test_a_user(self):
        self.iam.arn = f"arn:aws:iam::{ACCOUNT}:user/staff/ann"
        self.iam.entities[self.iam.arn] = [allow("ses:*")]
        self.assert_status(Status.OK, self.check("D26"), "user/ann may do")
        self.iam.entities[self.iam.arn] = []
        [command] = fixes(self.check("D26"), FixKind.COMMAND)
        self.assertIn("put-user-policy --user-name ann ", command.text)

    def test_the_application_may_be_somebody_else(self):
        self.iam.arn = f"arn:aws:iam::{ACCOUNT}:user/admin"
        self.iam.entities[self.iam.arn] = [allow("*")]
        self.assert_status(Status.OK, self.check("D26"), "user/admin may do")
        context = self.context()
        context.options = Options(principal=ROLE)
        self.assert_status(Status.ERROR, self.check("D26", context), "role/shop may not")

    def test_the_option_takes_users_and_roles_only(self):
        for arn in [ROLE, f"arn:aws:iam::{ACCOUNT}:user/ann", SESSION]:
            self.assertEqual(principal_arn(arn), arn)
        for text in ["shop", "", f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:s3:::{ROLE}"]:
            with self.subTest(text), self.assertRaisesRegex(CommandError, "not the ARN of a role"):
                call_command("anymail_doctor", "--principal", text, stdout=StringIO())

    def test_the_root_user_is_not_to_be_used(self):
        self.iam.arn = f"arn:aws:iam::{ACCOUNT}:root"
        result = self.check("D26")
        self.assert_status(Status.WARNING, result, "root user")
        self.assertTrue(fixes(result, FixKind.POLICY))
        self.assertEqual(self.iam.asked, [])

    def test_a_federated_user_cannot_be_simulated(self):
        self.iam.arn = f"arn:aws:sts::{ACCOUNT}:federated-user/ann"
        result = self.check("D26")
        self.assert_status(Status.NOT_CHECKED, result, "IAM cannot simulate a federated-user")

    def test_a_role_of_identity_center_is_changed_there(self):
        name = "AWSReservedSSO_Mail_0123456789abcdef"
        self.iam.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/ann"
        path = "aws-reserved/sso.amazonaws.com/eu-west-1"
        self.iam.entities = {f"arn:aws:iam::{ACCOUNT}:role/{path}/{name}": []}
        result = self.check("D26")
        self.assert_status(Status.ERROR, result, f"role/{name} may not")
        self.assertEqual(fixes(result, FixKind.COMMAND), [])
        self.assertIn("Identity Center", fixes(result, FixKind.ADVICE)[0].text)


class RefusedTests(PermissionTestCase):
    def test_without_the_permission_to_ask_the_policy_is_printed(self):
        self.iam.refused = {"SimulatePrincipalPolicy"}
        result = self.check("D26")
        self.assert_status(Status.NOT_CHECKED, result, "needs iam:SimulatePrincipalPolicy")
        [policy] = fixes(result, FixKind.POLICY)
        self.assertIn("ses:SendRawEmail", policy.text)

    def test_a_role_without_a_path_need_not_be_looked_up(self):
        self.iam.refused = {"GetRole"}
        self.iam.entities = {f"arn:aws:iam::{ACCOUNT}:role/shop": [allow("ses:*")]}
        self.assert_status(Status.OK, self.check("D26"))

    def test_a_role_of_the_settings_need_not_be_looked_up(self):
        self.iam.refused = {"GetRole"}
        self.attach(allow("ses:*"))
        # The endpoint in the parameters of SES's clients is not where roles are assumed.
        with mock.patch.dict("os.environ", AWS_ENDPOINT_URL_STS=self.amazon.url):
            result = self.check("D26", self.context(AMAZON_SES_ROLE_ARN=ROLE))
        self.assert_status(Status.OK, result)

    def test_a_role_with_a_path_has_to_be_looked_up(self):
        self.iam.refused = {"GetRole"}
        result = self.check("D26")
        self.assert_status(Status.NOT_CHECKED, result, "role/shop (NoSuchEntity)")
        self.assertIn("iam:GetRole", fixes(result, FixKind.ADVICE)[0].text)


class SandboxTests(DoctorTestCase):
    def test_the_sandbox_allows_everything(self):
        self.assert_status(Status.OK, self.check("D26"), "user/sandbox may do")
