"""Amazon's own advice: D28."""

from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes

#: More than one page of them.
MANY = 150
ADVICE = {
    "ResourceArn": "arn:aws:ses:us-east-1:123456789012:identity/example.com",
    "Type": "DMARC",
    "Description": "DMARC1:\nadd a record",
    "Status": "OPEN",
    "Impact": "HIGH",
}


class RecommendationTests(DoctorTestCase):
    def test_none(self):
        self.assert_status(Status.OK, self.check("D28"), "none")

    def test_what_is_open(self):
        self.amazon.state.recommendations.extend(
            [
                ADVICE,
                {"Type": "BOUNCE", "Impact": "LOW", "Status": "OPEN"},
                {**ADVICE, "Type": "DKIM", "Status": "FIXED"},
            ]
        )
        result = self.check("D28")
        texts = [one.text for one in result.findings]
        expected = ["DMARC of example.com, impact HIGH", "BOUNCE of the account, impact LOW"]
        self.assertEqual(texts, expected)
        self.assertEqual(result.status, Status.WARNING)
        [told] = fixes(result, FixKind.ADVICE)
        self.assertEqual(told.text, "Amazon: DMARC1: add a record")

    def test_every_page_is_read(self):
        self.amazon.state.recommendations.extend([ADVICE] * MANY)
        self.assertEqual(len(self.check("D28").findings), MANY)

    def test_no_permission(self):
        self.amazon.faults.denied.add("ses:ListRecommendations")
        text = "not checked, needs ses:ListRecommendations"
        self.assert_status(Status.NOT_CHECKED, self.check("D28"), text)
