"""The account's suppression list: D25."""

from unittest import mock

from django.test import TestCase, override_settings

from anymail.aws_account.doctor.checks import suppression
from anymail.aws_account.doctor.findings import Status
from anymail.feedback.models import Suppression

from . import DoctorTestCase


class SuppressionTests(DoctorTestCase, TestCase):
    def suppress(self, *addresses: str) -> None:
        for address in addresses:
            self.aws(
                f"aws sesv2 put-suppressed-destination --reason BOUNCE --email-address {address}"
            )

    def test_a_list_that_is_off(self):
        self.aws("aws sesv2 put-account-suppression-attributes --suppressed-reasons COMPLAINT")
        text = "SES goes on sending to addresses after: BOUNCE"
        self.assert_fixed_by_command("D25", text, Status.WARNING)

    def test_how_many_are_on_it(self):
        self.suppress("ann@example.net", "bob@example.net")
        [finding] = self.check("D25").findings
        self.assertEqual(finding.text, "SES suppresses addresses: 2")

    def test_how_many_of_them_are_not_on_ours(self):
        self.suppress("Ann@example.net", "bob@example.net", "eve@example.net")
        Suppression.objects.suppress(["ann@example.net", "other@example.net"])
        with override_settings(ANYMAIL_FEEDBACK_SUPPRESS=["hard_bounce"]):
            [finding] = self.check("D25").findings
        self.assertEqual(finding.text, "SES suppresses addresses: 3; 2 of them are not on ours")

    def test_every_page_of_a_short_list_is_read(self):
        self.suppress("ann@example.net", "bob@example.net", "eve@example.net")
        with mock.patch.object(suppression, "PAGE_SIZE", 1):
            [finding] = self.check("D25").findings
        self.assertEqual(finding.text, "SES suppresses addresses: 3")

    def test_a_long_list_is_not_read_to_its_end(self):
        self.suppress("ann@example.net", "bob@example.net", "eve@example.net")
        with mock.patch.multiple(suppression, PAGE_SIZE=1, MAX_PAGES=2):
            [finding] = self.check("D25").findings
        self.assertEqual(finding.text, "SES suppresses addresses: more than 2")
