"""anymail.sandbox.aws: identities in all that SES says of them, and the DNS that verifies them."""

from __future__ import annotations

from typing import Any

from anymail.sandbox.aws.dns.zone import Dns, Record

from ..local_ses import LocalSesTestCase, unique

TAGS = [{"Key": "project", "Value": "tea"}]


class IdentityTestCase(LocalSesTestCase):
    def setUp(self) -> None:
        self.domain = f"{unique('shop')}.example"

    def create(self, name: str = "", **params: Any) -> dict[str, Any]:
        return self.sesv2.create_email_identity(EmailIdentity=name or self.domain, **params)

    def get(self, name: str = "") -> dict[str, Any]:
        return self.sesv2.get_email_identity(EmailIdentity=name or self.domain)


class LifeTests(IdentityTestCase):
    """From nothing to verified, and away again."""

    def test_a_new_domain_is_pending_and_has_three_tokens(self):
        created = self.create()
        dkim = created["DkimAttributes"]
        self.assertEqual((created["IdentityType"], dkim["Status"]), ("DOMAIN", "PENDING"))
        self.assertIs(created["VerifiedForSendingStatus"], False)
        self.assertEqual((len(set(dkim["Tokens"])), dkim["SigningEnabled"]), (3, True))
        self.assertEqual(self.get()["DkimAttributes"]["Tokens"], dkim["Tokens"])

    def test_it_is_verified_when_somebody_looks(self):
        self.create()
        found = self.get()
        self.assertEqual(found["VerificationStatus"], "SUCCESS")
        self.assertIs(found["VerifiedForSendingStatus"], True)
        self.assertEqual(found["DkimAttributes"]["Status"], "SUCCESS")
        self.assertEqual(found["DkimAttributes"]["CurrentSigningKeyLength"], "RSA_2048_BIT")
        self.assertIn("LastSuccessTimestamp", found["VerificationInfo"])
        self.assertNotIn("ErrorType", found["VerificationInfo"])
        self.assertEqual(found["MailFromAttributes"]["BehaviorOnMxFailure"], "USE_DEFAULT_VALUE")

    def test_addresses_have_no_dkim_of_their_own(self):
        name = f"Ann@{self.domain}"
        self.assertEqual(self.create(name)["IdentityType"], "EMAIL_ADDRESS")
        found = self.get(name)
        self.assertEqual(found["VerificationStatus"], "SUCCESS")
        self.assertEqual(found["DkimAttributes"]["Status"], "NOT_STARTED")

    def test_they_are_created_once(self):
        self.create()
        with self.assertRaises(self.sesv2.exceptions.AlreadyExistsException):
            self.create(self.domain.upper())
        self.ses.verify_domain_identity(Domain=self.domain)  # in v1, it need not be new

    def test_one_that_does_not_exist(self):
        for call in (
            self.sesv2.get_email_identity,
            self.sesv2.delete_email_identity,
            self.sesv2.put_email_identity_feedback_attributes,
            self.sesv2.put_email_identity_mail_from_attributes,
        ):
            code, status, text = self.refusal(call, EmailIdentity="none.example")
            self.assertEqual((code, status), ("NotFoundException", 404))
            self.assertIn("none.example", text)

    def test_a_deleted_one_can_be_made_again(self):
        self.create()
        self.sesv2.delete_email_identity(EmailIdentity=self.domain)
        self.refusal(self.get)
        self.create()

    def test_lists_have_pages(self):
        names = [f"{number}.{self.domain}" for number in range(5)]
        region = self.amazon.client("sesv2", "eu-west-3")
        for name in names:
            region.create_email_identity(EmailIdentity=name)
        found, token = [], {}
        while token is not None:
            page = region.list_email_identities(PageSize=2, **token)
            found.append([one["IdentityName"] for one in page["EmailIdentities"]])
            token = {"NextToken": page["NextToken"]} if "NextToken" in page else None
        self.assertEqual(found, [names[:2], names[2:4], names[4:]])
        code, _, _ = self.refusal(region.list_email_identities, NextToken="x")
        self.assertEqual(code, "InvalidNextTokenException")


class AttributeTests(IdentityTestCase):
    """What can be set of an identity."""

    def test_what_it_is_created_with(self):
        name = self.amazon.configuration_set()
        self.create(
            Tags=TAGS,
            ConfigurationSetName=name,
            DkimSigningAttributes={"NextSigningKeyLength": "RSA_1024_BIT"},
        )
        found = self.get()
        self.assertEqual((found["Tags"], found["ConfigurationSetName"]), (TAGS, name))
        self.assertEqual(found["DkimAttributes"]["CurrentSigningKeyLength"], "RSA_1024_BIT")

    def test_a_configuration_set_has_to_exist(self):
        code, _, _ = self.refusal(self.create, ConfigurationSetName="none")
        self.assertEqual(code, "NotFoundException")
        self.assertEqual(self.refusal(self.get)[0], "NotFoundException")

    def test_mail_that_names_no_configuration_set_uses_that_of_its_sender(self):
        topic = self.amazon.topic()
        name = self.amazon.configuration_set(topic)
        self.create()
        self.sesv2.put_email_identity_configuration_set_attributes(
            EmailIdentity=self.domain, ConfigurationSetName=name
        )
        raw = b"From: a@%s\r\nTo: ann@example.net\r\n\r\nHello" % self.domain.encode()
        self.assertEqual(self.amazon.mail(self.send_raw(raw)).configuration_set, name)
        self.sesv2.put_email_identity_configuration_set_attributes(EmailIdentity=self.domain)
        self.assertIsNone(self.amazon.mail(self.send_raw(raw)).configuration_set)

    def test_a_mail_from_domain(self):
        self.create()
        bounces = f"bounces.{self.domain}"
        self.sesv2.put_email_identity_mail_from_attributes(
            EmailIdentity=self.domain, MailFromDomain=bounces, BehaviorOnMxFailure="REJECT_MESSAGE"
        )
        expected = {
            "MailFromDomain": bounces,
            "MailFromDomainStatus": "SUCCESS",
            "BehaviorOnMxFailure": "REJECT_MESSAGE",
        }
        self.assertEqual(self.get()["MailFromAttributes"], expected)
        self.sesv2.put_email_identity_mail_from_attributes(EmailIdentity=self.domain)
        self.assertNotIn("MailFromDomain", self.get()["MailFromAttributes"])

    def test_a_mail_from_domain_is_below_the_identitys(self):
        self.create()
        for domain in (self.domain, "other.example", f"x{self.domain}"):
            code, _, text = self.refusal(
                self.sesv2.put_email_identity_mail_from_attributes,
                EmailIdentity=self.domain,
                MailFromDomain=domain,
            )
            self.assertEqual(code, "BadRequestException")
            self.assertIn("is not subdomain of", text)

    def test_signing_can_be_turned_off(self):
        self.create()
        for enabled in (False, True):
            self.sesv2.put_email_identity_dkim_attributes(
                EmailIdentity=self.domain, SigningEnabled=enabled
            )
            self.assertIs(self.get()["DkimAttributes"]["SigningEnabled"], enabled)

    def test_a_longer_key_keeps_the_aliases(self):
        tokens = self.create(DkimSigningAttributes={"NextSigningKeyLength": "RSA_1024_BIT"})[
            "DkimAttributes"
        ]["Tokens"]
        key = f"{tokens[0]}.dkim.amazonses.com"
        [short] = self.amazon.dns.zone[key]["TXT"]
        found = self.sesv2.put_email_identity_dkim_signing_attributes(
            EmailIdentity=self.domain,
            SigningAttributesOrigin="AWS_SES",
            SigningAttributes={"NextSigningKeyLength": "RSA_2048_BIT"},
        )
        self.assertEqual((found["DkimTokens"], found["DkimStatus"]), (tokens, "PENDING"))
        self.assertEqual(self.get()["DkimAttributes"]["Status"], "SUCCESS")
        [long] = self.amazon.dns.zone[key]["TXT"]
        self.assertEqual((len(short), len(long)), (218, 394))  # p= and the key in Base64

    def test_keys_of_ones_own(self):
        self.create(
            DkimSigningAttributes={
                "DomainSigningSelector": "tea",
                "DomainSigningPrivateKey": "TUlJQ1hRSUJBQUtCZ1FE",
            }
        )
        dkim = self.get()["DkimAttributes"]
        self.assertEqual((dkim["SigningAttributesOrigin"], dkim["Tokens"]), ("EXTERNAL", ["tea"]))
        self.sesv2.put_email_identity_dkim_signing_attributes(
            EmailIdentity=self.domain, SigningAttributesOrigin="AWS_SES"
        )
        self.assertEqual(len(self.get()["DkimAttributes"]["Tokens"]), 3)

    def test_feedback_forwarding_is_the_same_in_both_apis(self):
        self.create()
        self.assertIs(self.get()["FeedbackForwardingStatus"], True)
        self.sesv2.put_email_identity_feedback_attributes(EmailIdentity=self.domain)
        self.assertIs(self.get()["FeedbackForwardingStatus"], False)
        found = self.ses.get_identity_notification_attributes(Identities=[self.domain])
        self.assertIs(found["NotificationAttributes"][self.domain]["ForwardingEnabled"], False)
        self.ses.set_identity_feedback_forwarding_enabled(
            Identity=self.domain, ForwardingEnabled=True
        )
        self.assertIs(self.get()["FeedbackForwardingStatus"], True)

    def test_policies(self):
        self.create()
        policy = {"EmailIdentity": self.domain, "PolicyName": "others", "Policy": "{}"}
        errors = self.sesv2.exceptions
        with self.assertRaises(errors.NotFoundException):
            self.sesv2.update_email_identity_policy(**policy)
        self.sesv2.create_email_identity_policy(**policy)
        with self.assertRaises(errors.AlreadyExistsException):
            self.sesv2.create_email_identity_policy(**policy)
        self.sesv2.update_email_identity_policy(**{**policy, "Policy": '{"a": 1}'})
        found = self.sesv2.get_email_identity_policies(EmailIdentity=self.domain)
        self.assertEqual(found["Policies"], {"others": '{"a": 1}'})
        self.assertEqual(self.get()["Policies"], found["Policies"])
        self.sesv2.delete_email_identity_policy(EmailIdentity=self.domain, PolicyName="others")
        self.assertEqual(self.get()["Policies"], {})


class FirstApiTests(IdentityTestCase):
    """v1 sees the same identities, and has words of its own for them."""

    def test_all_of_them(self):
        token = self.ses.verify_domain_identity(Domain=self.domain)["VerificationToken"]
        self.assertEqual(len(token), 43)
        tokens = self.ses.verify_domain_dkim(Domain=self.domain)["DkimTokens"]
        self.assertEqual(self.get()["DkimAttributes"]["Tokens"], tokens)
        self.sesv2.put_email_identity_mail_from_attributes(
            EmailIdentity=self.domain, MailFromDomain=f"m.{self.domain}"
        )
        names = {"Identities": [self.domain, "none.example"]}
        self.assertEqual(
            self.ses.get_identity_verification_attributes(**names)["VerificationAttributes"],
            {self.domain: {"VerificationStatus": "Success"}},
        )
        self.assertEqual(
            self.ses.get_identity_dkim_attributes(**names)["DkimAttributes"][self.domain],
            {"DkimEnabled": True, "DkimVerificationStatus": "Success", "DkimTokens": tokens},
        )
        mail_from = self.ses.get_identity_mail_from_domain_attributes(**names)
        self.assertEqual(
            mail_from["MailFromDomainAttributes"][self.domain],
            {
                "MailFromDomain": f"m.{self.domain}",
                "MailFromDomainStatus": "Success",
                "BehaviorOnMXFailure": "UseDefaultValue",
            },
        )

    def test_what_it_sets(self):
        self.create()
        self.ses.set_identity_dkim_enabled(Identity=self.domain, DkimEnabled=False)
        self.ses.set_identity_mail_from_domain(
            Identity=self.domain,
            MailFromDomain=f"m.{self.domain}",
            BehaviorOnMXFailure="RejectMessage",
        )
        found = self.get()
        self.assertIs(found["DkimAttributes"]["SigningEnabled"], False)
        self.assertEqual(found["MailFromAttributes"]["BehaviorOnMxFailure"], "REJECT_MESSAGE")

    def test_lists(self):
        address = f"ann@{self.domain}"
        self.ses.verify_domain_identity(Domain=self.domain)
        self.ses.verify_email_identity(EmailAddress=address)
        for kind, expected in ((None, {self.domain, address}), ("Domain", {self.domain}),
                               ("EmailAddress", {address})):  # fmt: skip
            given = {"IdentityType": kind} if kind else {}
            found = set(self.ses.list_identities(**given)["Identities"])
            self.assertEqual(found & {self.domain, address}, expected)
        self.assertIn(address, self.ses.list_verified_email_addresses()["VerifiedEmailAddresses"])
        self.ses.delete_verified_email_address(EmailAddress=address)
        self.assertNotIn(address, self.ses.list_identities()["Identities"])


class PendingTests(IdentityTestCase):
    """An identity is pending for as long as the DNS does not have what SES asked for."""

    def test_nobody_does_what_ses_asks_for(self):
        self.amazon.faults.asks_in_vain = True
        self.create()
        self.create(f"ann@{self.domain}")
        for name in (self.domain, f"ann@{self.domain}"):
            found = self.get(name)
            self.assertEqual(found["VerificationStatus"], "PENDING")
            self.assertIs(found["VerifiedForSendingStatus"], False)
        self.assertEqual(self.get()["VerificationInfo"]["ErrorType"], "HOST_NOT_FOUND")

    def test_publishing_the_records_verifies(self):
        self.amazon.faults.asks_in_vain = True
        for token in self.create()["DkimAttributes"]["Tokens"]:
            self.assertEqual(self.get()["VerificationStatus"], "PENDING")
            name, key = f"{token}._domainkey.{self.domain}", f"{token}.dkim.amazonses.com."
            self.amazon.dns.replace(name, "CNAME", key)
        self.assertEqual(self.get()["VerificationStatus"], "SUCCESS")
        self.assertEqual(self.get()["DkimAttributes"]["Status"], "SUCCESS")

    def test_a_mail_from_domain_waits_for_its_own_records(self):
        self.create()
        self.amazon.faults.asks_in_vain = True
        bounces = f"bounces.{self.domain}"
        self.sesv2.put_email_identity_mail_from_attributes(
            EmailIdentity=self.domain, MailFromDomain=bounces
        )
        self.assertEqual(self.get()["MailFromAttributes"]["MailFromDomainStatus"], "PENDING")
        self.amazon.dns.replace(bounces, "MX", "10 feedback-smtp.us-east-1.amazonses.com.")
        self.assertEqual(self.get()["MailFromAttributes"]["MailFromDomainStatus"], "PENDING")
        self.amazon.dns.replace(bounces, "TXT", "v=spf1 include:amazonses.com ~all")
        self.assertEqual(self.get()["MailFromAttributes"]["MailFromDomainStatus"], "SUCCESS")

    def test_mail_of_who_is_pending_is_refused(self):
        self.amazon.faults.asks_in_vain = True
        self.create()
        raw = b"From: a@%s\r\nTo: ann@example.net\r\n\r\nHello" % self.domain.encode()
        code, _, text = self.refusal(self.send_raw_v2, raw)
        self.assertEqual(code, "MessageRejected")
        self.assertIn(f"failed the check in region US-EAST-1: a@{self.domain}", text)
        self.amazon.identity(self.domain)["VerificationStatus"] = "SUCCESS"
        self.send_raw_v2(raw)

    def test_a_verified_domain_stands_for_an_address_that_is_not(self):
        self.create()
        self.amazon.identity(f"a@{self.domain}")["VerificationStatus"] = "FAILED"
        self.send_raw(b"From: a@%s\r\nTo: ann@example.net\r\n\r\nHello" % self.domain.encode())

    def test_any_state_can_be_set(self):
        identity = self.amazon.identity(self.domain)
        identity["VerificationStatus"] = "FAILED"
        identity["VerificationInfo"] = {"ErrorType": "INVALID_VALUE"}
        identity["DkimAttributes"]["Status"] = "TEMPORARY_FAILURE"
        found = self.get()
        self.assertEqual(found["VerificationStatus"], "FAILED")
        self.assertEqual(found["VerificationInfo"]["ErrorType"], "INVALID_VALUE")
        self.assertEqual(found["DkimAttributes"]["Status"], "TEMPORARY_FAILURE")


class DnsProblemTests(IdentityTestCase):
    """Why SES does not see a record, in its own words."""

    def test_problems(self):
        dns, wanted = Dns(), Record("A.example", "TXT", "x")
        self.assertEqual(dns.problem(wanted), "HOST_NOT_FOUND")
        dns.publish(Record("b.a.example", "MX", "10 c."))
        self.assertEqual(dns.problem(wanted), "TYPE_NOT_FOUND")
        dns.replace("a.example", "TXT", "y")
        self.assertEqual(dns.problem(wanted), "INVALID_VALUE")
        dns.publish(Record("a.EXAMPLE", "TXT", "x"))
        self.assertIsNone(dns.problem(wanted))
        dns.failing["example"] = "SERVFAIL"
        self.assertEqual(dns.problem(wanted), "DNS_SERVER_ERROR")
        self.assertIsNone(dns.failure("an-example"))
