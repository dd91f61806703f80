"""The account's suppression list: D25."""

from datetime import timedelta
from unittest import mock

from django.test import TestCase, override_settings
from django.utils import timezone

from anymail.aws_account.doctor.checks import suppression
from anymail.aws_account.doctor.findings import Status
from anymail.feedback.models import Pull, Suppression

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
        self.assertEqual(
            finding.text,
            "SES suppresses addresses: 3; 2 of them are not on ours: "
            "python manage.py anymail_suppression pull",
        )

    def test_lists_that_belong_together_are_pulled_every_day(self):
        with override_settings(ANYMAIL_FEEDBACK_SUPPRESS_SYNC="pull"):
            for age, expected in ((None, "never pulled"), (25, "over a day ago"), (23, None)):
                if age is not None:
                    began_at = timezone.now() - timedelta(hours=age)
                    defaults = {"region": "us-east-1", "began_at": began_at}
                    Pull._default_manager.update_or_create(key="k", defaults=defaults)
                texts = "; ".join(one.text for one in self.check("D25").findings)
                self.assertEqual("pulled" in texts, expected is not None)
                self.assertIn(expected or "", texts)

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
