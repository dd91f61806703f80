"""The custom MAIL FROM domain: D07."""

from django.test import override_settings

from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes

BOUNCES = "bounces.example.com"


@override_settings(DEFAULT_FROM_EMAIL="shop@example.com", ADMINS=[], MANAGERS=[])
class MailFromTests(DoctorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.amazon.identity("example.com")

    def set(self, behavior: str = "USE_DEFAULT_VALUE") -> None:
        """Give the identity a MAIL FROM domain, and have SES see its records."""
        self.aws(
            "aws sesv2 put-email-identity-mail-from-attributes --email-identity example.com "
            f"--mail-from-domain {BOUNCES} --behavior-on-mx-failure {behavior}"
        )
        self.amazon.identity("example.com")

    def test_without_one(self):
        self.assert_status(Status.NOT_USED, self.check("D07"), "DMARC depends on DKIM alone")

    def test_with_both_records(self):
        self.set()
        self.assert_status(Status.OK, self.check("D07"), f"{BOUNCES}: MX and SPF are right")

    def test_priorities_do_not_matter(self):
        self.set()
        self.amazon.dns.replace(BOUNCES, "MX", "5 Feedback-SMTP.us-east-1.amazonses.com.")
        self.assert_status(Status.OK, self.check("D07"))

    def test_no_mx(self):
        self.set()
        self.amazon.dns.replace(BOUNCES, "MX")
        self.assert_fixed_by_records("D07", "has no MX record; SES uses", Status.WARNING)

    def test_no_mx_while_ses_refuses_mail_without(self):
        self.set("REJECT_MESSAGE")
        self.amazon.dns.replace(BOUNCES, "MX")
        self.assert_fixed_by_records("D07", "has no MX record; SES refuses mail")

    def test_the_mx_of_another_region(self):
        self.set()
        self.amazon.dns.replace(BOUNCES, "MX", "10 feedback-smtp.eu-west-1.amazonses.com.")
        text = "its MX is feedback-smtp.eu-west-1.amazonses.com.: replace it"
        self.assert_fixed_by_records("D07", text, Status.WARNING)

    def test_a_second_mx(self):
        self.set()
        [own] = self.amazon.dns.zone[BOUNCES]["MX"]
        self.amazon.dns.replace(BOUNCES, "MX", own, "20 mail.example.com.")
        self.assert_fixed_by_records(
            "D07", "amazonses.com., mail.example.com.: replace it", Status.WARNING
        )

    def test_spf(self):
        for texts, problem in (
            ([], "has no SPF record"),
            (["v=spf1 -all"], "without include:amazonses.com: replace it"),
            (["v=spf1 -include:amazonses.com ~all"], "without include:amazonses.com: replace it"),
            (["v=spf1 include:amazonses.com -all", "v=spf1 mx -all"], "has 2 SPF records"),
        ):
            with self.subTest(problem):
                self.set()
                self.amazon.dns.replace(BOUNCES, "TXT", *texts)
                self.assert_fixed_by_records("D07", problem, Status.WARNING)

    def test_other_texts_and_mechanisms_of_spf(self):
        self.set()
        spf = "v=spf1 ip4:192.0.2.1 +include:AmazonSES.com ?all"
        self.amazon.dns.replace(BOUNCES, "TXT", "some-verification=1", "v=spf10", spf)
        self.assert_status(Status.OK, self.check("D07"))

    def test_what_is_included_may_include_ses(self):
        self.set()
        self.amazon.dns.replace(BOUNCES, "TXT", "v=spf1 mx redirect=_spf.example.com")
        self.amazon.dns.replace("_spf.example.com", "TXT", "v=spf1 include:all.example.com. -all")
        self.amazon.dns.replace("all.example.com", "TXT", "v=spf1 include:amazonses.com. -all")
        self.assert_status(Status.OK, self.check("D07"))

    def test_records_that_include_each_other(self):
        self.set()
        self.amazon.dns.replace(BOUNCES, "TXT", "v=spf1 include:%{d}.example.org include:a.example")
        self.amazon.dns.replace("a.example", "TXT", f"v=spf1 include:{BOUNCES} include:a.example")
        self.assert_fixed_by_records("D07", "without include:amazonses.com", Status.WARNING)

    def test_after_three_days_ses_has_to_be_asked_again(self):
        self.set("REJECT_MESSAGE")
        identity = self.amazon.identity("example.com")
        identity["MailFromAttributes"]["MailFromDomainStatus"] = "FAILED"
        self.assert_fixed_by_command("D07", "SES has not found its MX record; SES refuses mail")
        self.assertEqual(identity["MailFromAttributes"]["BehaviorOnMxFailure"], "REJECT_MESSAGE")

    def test_ses_has_not_looked_yet(self):
        self.set()
        identity = self.amazon.identity("example.com")
        self.amazon.dns.failing[BOUNCES] = "SERVFAIL"
        identity["MailFromAttributes"]["MailFromDomainStatus"] = "PENDING"
        first, second = self.check("D07").findings
        self.assertEqual(first.status, Status.WARNING)
        self.assertIn("SES has not looked", first.text)
        self.assertEqual(second.status, Status.NOT_CHECKED)
        self.assertEqual(list(fixes(self.check("D07"), FixKind.COMMAND)), [])
