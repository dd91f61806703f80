"""From addresses and their identities: D05 and D09."""

from botocore.stub import Stubber
from django.conf import settings
from django.test import override_settings

from anymail.aws_account.doctor.context import Options
from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes

OTHER_ACCOUNT = "arn:aws:ses:us-east-1:999999999999:identity/example.com"


@override_settings(DEFAULT_FROM_EMAIL="Shop <shop@example.com>", ADMINS=[], MANAGERS=[])
class VerifiedTests(DoctorTestCase):
    def test_a_verified_domain(self):
        self.amazon.identity("example.com")
        self.assert_status(
            Status.OK, self.check("D05"), "DEFAULT_FROM_EMAIL: example.com is verified"
        )

    def test_a_domain_below_a_verified_one(self):
        self.amazon.identity("example.com")
        with override_settings(DEFAULT_FROM_EMAIL="shop@mail.Example.com"):
            self.assert_status(Status.OK, self.check("D05"), "example.com is verified")

    def test_one_verified_address(self):
        self.amazon.identity("shop@example.com")
        result = self.check("D05")
        self.assert_status(Status.OK, result, "one address @example.com is verified")
        with override_settings(DEFAULT_FROM_EMAIL="other@example.com"):
            self.assert_status(Status.ERROR, self.check("D05"), "no identity for @example.com")

    def test_an_internationalized_domain(self):
        self.amazon.identity("xn--mnchen-3ya.example")
        with override_settings(DEFAULT_FROM_EMAIL="shop@München.example"):
            self.assert_status(Status.OK, self.check("D05"), "xn--mnchen-3ya.example is verified")

    def test_a_new_domain_is_created_and_its_records_are_published(self):
        self.amazon.faults.asks_in_vain = True
        result = self.check("D05")
        self.assert_status(Status.ERROR, result, "no identity for @example.com in us-east-1")
        [create] = fixes(result, FixKind.COMMAND)
        self.manage(create.text)
        self.assert_fixed_by_records("D05", "example.com is not verified (PENDING)")

    def test_why_a_domain_is_not_verified(self):
        self.amazon.faults.asks_in_vain = True
        self.amazon.identity("example.com")
        self.assert_status(Status.ERROR, self.check("D05"), "SES does not find its records")

    def test_after_three_days_ses_has_to_be_asked_again(self):
        self.amazon.faults.asks_in_vain = True
        self.amazon.identity("example.com")["VerificationStatus"] = "FAILED"
        result = self.check("D05")
        self.assert_status(Status.ERROR, result, "not verified (FAILED)")
        [again] = fixes(result, FixKind.COMMAND)
        self.publish(result)
        self.aws(again.text)
        # The sandbox verifies only what is pending, and this command makes nothing pending there.
        self.amazon.identity("example.com")["VerificationStatus"] = "PENDING"
        self.assert_status(Status.OK, self.check("D05"))

    def test_an_address_whose_link_nobody_followed(self):
        self.amazon.faults.asks_in_vain = True
        self.amazon.identity("shop@example.com")
        result = self.check("D05")
        self.assert_status(Status.ERROR, result, "nobody has followed the link")
        self.assertNotIn("shop", str(result.findings))

    def test_django_s_default_sender(self):
        self.amazon.identity("example.org")
        with override_settings(DEFAULT_FROM_EMAIL="webmaster@localhost"):
            result = self.check("D05")
            self.assert_status(Status.ERROR, result, "an address on this machine, @localhost")
            [fix] = fixes(result, FixKind.SETTING)
            changed: dict[str, str] = {}
            exec(fix.text, changed)
            with override_settings(DEFAULT_FROM_EMAIL=changed["DEFAULT_FROM_EMAIL"]):
                self.assert_status(Status.OK, self.check("D05"), "example.org is verified")

    def test_a_domain_that_is_not_verified_is_not_suggested(self):
        self.amazon.identity("a.example")["VerificationStatus"] = "FAILED"
        with override_settings(DEFAULT_FROM_EMAIL="webmaster@localhost"):
            [fix] = fixes(self.check("D05"), FixKind.SETTING)
        self.assertIn("webmaster@example.com", fix.text)

    @override_settings(DEFAULT_FROM_EMAIL="Shop")
    def test_what_is_no_address(self):
        self.assert_status(Status.ERROR, self.check("D05"), "DEFAULT_FROM_EMAIL is no e-mail")

    @override_settings(SERVER_EMAIL="errors@example.org")
    def test_error_reports_count_if_somebody_gets_them(self):
        self.amazon.identity("example.com")
        self.assertEqual(len(self.check("D05").findings), 1)
        with override_settings(ADMINS=["ann@example.net"]):
            result = self.check("D05")
        self.assert_status(Status.ERROR, result, "SERVER_EMAIL: SES has no identity")

    def test_addresses_of_the_command_line_and_of_bounces(self):
        self.amazon.identity("example.com")
        context = self.context(
            options=Options(from_emails=["ann@one.example"]),
            AMAZON_SES_RETURN_PATH="bounces@two.example",
            AMAZON_SES_SEND_DEFAULTS={"envelope_sender": "bounces@three.example"},
        )
        found = [
            one.text for one in self.check("D05", context).findings if one.status is Status.ERROR
        ]
        self.assertEqual(
            found,
            [
                "--from: SES has no identity for @one.example in us-east-1",
                "envelope_sender in SEND_DEFAULTS: SES has no identity for @three.example "
                "in us-east-1",
                "AMAZON_SES_RETURN_PATH: SES has no identity for @two.example in us-east-1",
            ],
        )

    def test_one_line_for_each_address(self):
        self.amazon.identity("example.com")
        context = self.context(options=Options(from_emails=["shop@EXAMPLE.com"]))
        [finding] = self.check("D05", context).findings
        self.assertIn("DEFAULT_FROM_EMAIL, --from: example.com", finding.text)

    def test_an_identity_of_another_account(self):
        context = self.context(AMAZON_SES_FROM_ARN=OTHER_ACCOUNT)
        result = self.check("D05", context)
        self.assert_status(Status.NOT_CHECKED, result, "an identity of account 999999999999")
        self.assert_status(Status.NOT_USED, self.check("D06", context))
        own = OTHER_ACCOUNT.replace("999999999999", "123456789012")
        self.assert_status(Status.ERROR, self.check("D05", self.context(AMAZON_SES_FROM_ARN=own)))

    def test_a_policy_that_lets_us_look_at_the_domain_only(self):
        context = self.context()
        verified = {"IdentityType": "DOMAIN", "VerifiedForSendingStatus": True}
        with Stubber(context.ses) as stub:
            stub.add_response("get_email_identity", verified, {"EmailIdentity": "example.com"})
            stub.add_client_error(
                "get_email_identity", "AccessDeniedException", http_status_code=403
            )
            result = self.check("D05", context)
        self.assert_status(Status.OK, result, "example.com is verified")

    def test_a_policy_that_lets_us_look_at_nothing(self):
        context = self.context()
        with Stubber(context.ses) as stub:
            stub.add_client_error(
                "get_email_identity", "AccessDeniedException", http_status_code=403
            )
            result = self.check("D05", context)
        self.assert_status(Status.NOT_CHECKED, result, "not checked, needs ses:GetEmailIdentity")


@override_settings(DEFAULT_FROM_EMAIL="shop@gmail.com", ADMINS=[], MANAGERS=[])
class ProviderTests(DoctorTestCase):
    def test_a_domain_that_belongs_to_a_provider(self):
        self.amazon.identity("example.org")
        self.amazon.identity("shop@gmail.com")
        result = self.check("D09")
        self.assert_status(Status.ERROR, result, "receivers refuse mail from gmail.com")
        [fix] = fixes(result, FixKind.SETTING)
        with override_settings(DEFAULT_FROM_EMAIL=fix.text.split('"')[1]):
            self.assertEqual(settings.DEFAULT_FROM_EMAIL, "webmaster@example.org")
            self.assert_status(Status.OK, self.check("D09"))

    def test_nobody_is_told_to_verify_it(self):
        result = self.check("D05")
        self.assert_status(Status.ERROR, result, "see D09")
        self.assertEqual(list(fixes(result, FixKind.COMMAND)), [])
