"""What a check may ask, and what it hears when nobody answers."""

from __future__ import annotations

import re

from django.test import override_settings

from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes


class AnswerTests(DoctorTestCase):
    def test_what_was_asked_is_not_asked_again(self):
        context = self.context()
        first = context.ask("sesv2", "GetAccount")
        self.aws("aws sesv2 put-account-sending-attributes --no-sending-enabled")
        self.assertIs(context.ask("sesv2", "GetAccount"), first)

    def test_the_policy_that_is_advised_allows_what_was_refused(self):
        self.amazon.faults.denied.add("ses:ListRecommendations")
        result = self.check("D28")
        self.assert_status(Status.NOT_CHECKED, result, "needs ses:ListRecommendations")
        [fix] = fixes(result, FixKind.ADVICE)
        [typed] = re.findall(r"(manage\.py .*) prints a policy", fix.text)
        with override_settings(DEFAULT_FROM_EMAIL="shop@example.com"):
            printed = self.manage(typed)
        self.assertIn('"ses:ListRecommendations"', printed)
