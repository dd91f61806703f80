"""An account of which the doctor learns nothing: every check says so, and what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from unittest import mock

from anymail.aws_account.dns.lookups import DnsLookups
from anymail.aws_account.doctor.check import Result, run_checks
from anymail.aws_account.doctor.checks import CHECKS
from anymail.aws_account.doctor.context import Context
from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes
from .test_account import NO_CREDENTIALS

#: Everything that can be used is.
SETTINGS = {
    "AMAZON_SES_CONFIGURATION_SET_NAME": "shop",
    "AMAZON_SES_SNS_TOPIC_ARNS": ["arn:aws:sns:us-east-1:123456789012:events"],
    "AMAZON_SES_QUEUES": ["events"],
    "AMAZON_SES_INBOUND_BUCKETS": ["mail"],
    "AMAZON_SES_TENANT": "shop",
    "WEBHOOK_SECRET": "sns:s3cr3t",
}
#: They ask neither AWS nor the DNS, but the project.
ALONE = {"D09", "D17", "D29", "D30", "D31"}


class Everything(set[str]):
    """All operations but the one that IAM cannot deny (AWS STS API Reference)."""

    def __bool__(self) -> bool:
        return True

    def __contains__(self, operation: object) -> bool:
        return operation != "sts:GetCallerIdentity"


class NoAnswerTestCase(DoctorTestCase):
    def run_all(self, context: Context) -> dict[str, Result]:
        """The results of all checks, none of which is there only since its code failed."""
        with self.settings(DEFAULT_FROM_EMAIL="shop@example.com"), self.assertNoLogs("anymail"):
            checks = [check for check in CHECKS if check.id not in ALONE]
            return {result.check.id: result for result in run_checks(checks, context)}

    def not_checked(self, results: Iterable[Result]) -> set[str]:
        return {one.check.id for one in results if one.status is Status.NOT_CHECKED}


class NoPermissionTests(NoAnswerTestCase):
    def test_every_check_names_the_permission_that_it_lacks(self):
        self.amazon.faults.denied = Everything()
        found = self.run_all(self.context(**SETTINGS))
        others = {
            id_: result.findings
            for id_, result in found.items()
            if not re.search(r"not checked, needs \w+:\w+", str(result.findings))
        }
        self.assertEqual(others.keys(), {"D01", "D02", "D08"}, others)
        self.assert_status(Status.OK, found["D01"])
        self.assert_status(Status.WARNING, found["D08"], "example.com has no policy")


class NoCredentialsTests(NoAnswerTestCase):
    def test_only_one_check_says_so_at_length(self):
        session = {"AMAZON_SES_SESSION_PARAMS": {"region_name": "us-east-1"}}
        with mock.patch.dict("os.environ", NO_CREDENTIALS):
            found = self.run_all(self.context(**SETTINGS, **session))
        self.assertEqual(found.pop("D01").status, Status.ERROR)
        others = [one for one in found.values() if "see D01" not in one.findings[0].text]
        self.assertEqual(others, [])

    def test_no_region(self):
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        with mock.patch.dict("os.environ", NO_CREDENTIALS):
            os.environ.pop("AWS_DEFAULT_REGION", None)
            found = self.run_all(self.context(**SETTINGS, AMAZON_SES_SESSION_PARAMS=keys))
        self.assertIn("You must specify a region", found["D01"].findings[0].text)
        self.assertIn("region_name", str(found["D01"].findings[0].fixes))
        self.assertLessEqual(found.keys() - {"D01"}, self.not_checked(found.values()))


class NoNetworkTests(NoAnswerTestCase):
    def test_a_region_without_ses(self):
        params = {"AMAZON_SES_CLIENT_PARAMS": {"region_name": "eu-nix-7"}}
        found = self.run_all(self.context(**SETTINGS, **params))
        self.assert_status(Status.ERROR, found["D01"], "no Amazon SES in the region eu-nix-7")
        [fix] = fixes(found["D01"], FixKind.SETTING)
        self.assertIn("region_name", fix.text)
        self.assertLessEqual({"D03", "D05", "D10", "D13"}, self.not_checked(found.values()))

    def test_what_cannot_be_reached_is_tried_once(self):
        params = {"AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": "http://127.0.0.1:9"}}
        context = self.context(**SETTINGS, **params)
        with mock.patch.object(
            Context, "_ask_aws", autospec=True, side_effect=Context._ask_aws
        ) as made:
            found = self.run_all(context)
        services = [(call.args[1], call.args[3]) for call in made.call_args_list]
        self.assertEqual(len(services), len(set(services)))
        self.assertIn("port 443", str(found["D03"].findings))
        self.assertLessEqual({"D03", "D05", "D10"}, self.not_checked(found.values()))

    def test_a_dns_that_does_not_answer(self):
        self.amazon.identity("example.com")
        context = self.context(**SETTINGS)
        context.dns = DnsLookups(nameserver="127.0.0.1:9")
        found = self.run_all(context)
        for result in (found["D06"], found["D08"]):
            text = str(result.findings)
            self.assertRegex(text, r"not checked: the name server 127\.0\.0\.1:9 ")
            self.assertIn("--nameserver", text)
        self.assertNotEqual(found["D03"].status, Status.NOT_CHECKED)


class ThrottlingTests(DoctorTestCase):
    def test_a_call_that_ses_throttles_is_made_again(self):
        from anymail.exceptions import AnymailAPIError

        busy = AnymailAPIError(
            "busy", error_code="TooManyRequestsException", response={"Error": {}}
        )
        context = self.context()
        with (
            mock.patch("anymail.aws_account.doctor.context.PAUSE", 0),
            mock.patch("anymail.aws_account.doctor.context.method_of") as method,
        ):
            method.return_value.side_effect = [busy, busy, {"SendingEnabled": True}]
            self.assertEqual(context.ask("sesv2", "GetAccount"), {"SendingEnabled": True})
