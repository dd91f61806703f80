"""DMARC: D08."""

from django.test import override_settings

from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes

GOOD = "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"


@override_settings(DEFAULT_FROM_EMAIL="shop@example.com", ADMINS=[], MANAGERS=[])
class DmarcTests(DoctorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.amazon.identity("example.com")
        self.check("D05")  # SES has seen its records

    def set(self, *texts: str, domain: str = "example.com") -> None:
        self.amazon.dns.replace(f"_dmarc.{domain}", "TXT", *texts)

    def test_a_policy(self):
        self.set(GOOD)
        self.assert_status(
            Status.OK, self.check("D08"), "example.com: p=reject, mail passes by DKIM"
        )

    def test_none(self):
        self.set()
        self.assert_fixed_by_records("D08", "example.com has no policy", Status.WARNING)

    def test_other_texts_are_no_policy(self):
        self.set("v=dmarc1; p=reject", "v=DMARC12; p=reject", "v=spf1 -all")
        self.assert_status(Status.WARNING, self.check("D08"), "has no policy")

    def test_two_are_as_bad_as_none(self):
        self.set(GOOD, "v=DMARC1; p=none")
        self.assert_status(Status.WARNING, self.check("D08"), "has 2 policies, so none counts")

    def test_a_policy_that_says_nothing(self):
        self.set("v=DMARC1; p=refuse; rua=mailto:a@example.com")
        self.assert_fixed_by_records("D08", "nothing valid for p", Status.WARNING)

    def test_nobody_hears_of_anything(self):
        self.set("v=DMARC1;p=none;adkim=r")
        self.assert_fixed_by_records("D08", "nobody gets reports", Status.WARNING)
        [changed] = self.amazon.dns.zone["_dmarc.example.com"]["TXT"]
        self.assertEqual(changed, "v=DMARC1; p=none; adkim=r; rua=mailto:postmaster@example.com")

    def test_a_policy_for_some_of_the_mail(self):
        for text in (f"{GOOD}; pct=20", f"{GOOD}; t=y"):
            self.set(text)
            with self.subTest(text):
                self.assert_status(Status.OK, self.check("D08"), "for some of the mail")

    @override_settings(DEFAULT_FROM_EMAIL="shop@mail.example.com")
    def test_the_organization_s_policy(self):
        self.set(f"{GOOD}; sp=quarantine")
        self.assert_status(Status.OK, self.check("D08"), "p=quarantine of example.com")
        self.set("v=DMARC1; p=reject", domain="mail.example.com")
        self.assert_status(Status.OK, self.check("D08"), "mail.example.com: p=reject, mail")

    @override_settings(DEFAULT_FROM_EMAIL="shop@mail.example.co.uk")
    def test_a_public_suffix_is_no_organization(self):
        self.set(GOOD, domain="co.uk")
        result = self.check("D08")
        self.assert_status(Status.WARNING, result, "mail.example.co.uk has no policy")
        [record] = fixes(result, FixKind.DNS_RECORD)
        self.assertEqual(record.text.split()[0], "_dmarc.example.co.uk.")

    @override_settings(DEFAULT_FROM_EMAIL="shop@mail.example.com")
    def test_a_strict_policy_wants_the_domain_itself_to_sign(self):
        self.set(f"{GOOD}; adkim=s")
        result = self.check("D08")
        self.assert_status(Status.ERROR, result, "is signed for example.com, and adkim=s wants")
        [create] = fixes(result, FixKind.COMMAND)
        self.manage(create.text)
        self.assert_status(Status.OK, self.check("D08"), "passes by DKIM")

    def test_spf_is_enough(self):
        self.set(GOOD)
        identity = self.amazon.identity("example.com")
        identity["DkimAttributes"]["SigningEnabled"] = False
        self.assert_status(
            Status.ERROR, self.check("D08"), "proves mail from @example.com (D06): p=reject"
        )
        self.aws(
            "aws sesv2 put-email-identity-mail-from-attributes --email-identity example.com "
            "--mail-from-domain bounces.example.com"
        )
        self.set(GOOD)
        self.assert_status(Status.OK, self.check("D08"), "mail passes by SPF")
        self.set(f"{GOOD}; aspf=s")
        self.assert_status(Status.ERROR, self.check("D08"), "neither DKIM nor SPF")

    def test_unproved_mail_is_only_reported_where_the_policy_says_so(self):
        self.set("v=DMARC1; p=none; rua=mailto:a@example.com")
        self.amazon.identity("example.com")["DkimAttributes"]["SigningEnabled"] = False
        self.assert_status(Status.WARNING, self.check("D08"), "neither DKIM nor SPF")

    def test_before_the_domain_is_verified(self):
        self.set(GOOD)
        self.amazon.identity("example.com")["VerificationStatus"] = "FAILED"
        self.assert_status(Status.OK, self.check("D08"), "see D05")

    def test_no_sender(self):
        with override_settings(DEFAULT_FROM_EMAIL="webmaster@localhost"):
            self.assert_status(Status.NOT_USED, self.check("D08"))

    def test_name_servers_that_fail(self):
        self.amazon.dns.failing["example.com"] = "SERVFAIL"
        result = self.check("D08")
        self.assert_status(Status.NOT_CHECKED, result, "fails to look up _dmarc.example.com")
