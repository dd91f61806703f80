"""Signatures: D06."""

import base64

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import override_settings

from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes


def key_record(bits: int) -> str:
    """A public key, as the DNS has it."""
    key = rsa.generate_private_key(65537, bits).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


@override_settings(DEFAULT_FROM_EMAIL="shop@example.com", ADMINS=[], MANAGERS=[])
class SignatureTests(DoctorTestCase):
    def test_easy_dkim(self):
        self.amazon.identity("example.com")
        result = self.check("D06")
        self.assert_status(Status.OK, result, "Easy DKIM, 2048 bits, 3 records in the DNS")

    def test_no_domain(self):
        self.assert_status(Status.NOT_USED, self.check("D06"), "see D05")

    def test_signing_is_off(self):
        self.amazon.identity("example.com")["DkimAttributes"]["SigningEnabled"] = False
        self.assert_fixed_by_command("D06", "signing is off")

    def test_a_short_key(self):
        dkim = self.amazon.identity("example.com")["DkimAttributes"]
        dkim["CurrentSigningKeyLength"] = dkim["NextSigningKeyLength"] = "RSA_1024_BIT"
        self.assert_fixed_by_command("D06", "the key has 1024 bits", Status.WARNING)

    def test_a_short_key_that_is_being_replaced(self):
        self.amazon.identity("example.com")["DkimAttributes"]["CurrentSigningKeyLength"] = (
            "RSA_1024_BIT"
        )
        result = self.check("D06")
        self.assert_status(Status.WARNING, result, "1024 bits")
        self.assertEqual(list(fixes(result, FixKind.COMMAND)), [])

    def test_an_address_whose_domain_is_unknown(self):
        self.amazon.identity("shop@example.com")
        self.assert_fixed_by_command("D06", "only the address is verified", Status.WARNING)

    def test_a_domain_that_was_verified_without_dkim(self):
        self.amazon.identity("example.com")["DkimAttributes"]["Status"] = "NOT_STARTED"
        result = self.check("D06")
        self.assert_status(Status.ERROR, result, "the state of its DKIM is NOT_STARTED")
        self.publish(result)
        [start] = fixes(result, FixKind.COMMAND)
        self.assertIn("aws ses verify-domain-dkim --domain example.com", start.text)
        self.aws(start.text)

    def test_a_botocore_that_does_not_know_where_the_keys_are(self):
        del self.amazon.identity("example.com")["DkimAttributes"]["SigningHostedZone"]
        self.assert_status(Status.NOT_CHECKED, self.check("D06"), "botocore is too old")


@override_settings(DEFAULT_FROM_EMAIL="shop@example.com", ADMINS=[], MANAGERS=[])
class PublishedTests(DoctorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tokens = self.amazon.identity("example.com")["DkimAttributes"]["Tokens"]
        self.check("D06")  # SES has seen the records
        self.alias = f"{self.tokens[1]}._domainkey.example.com"
        self.target = f"{self.tokens[1]}.dkim.amazonses.com."

    def test_a_missing_alias(self):
        self.amazon.dns.replace(self.alias, "CNAME")
        self.assert_fixed_by_records("D06", "1 DKIM record missing in the DNS")

    def test_all_are_missing(self):
        for token in self.tokens:
            self.amazon.dns.replace(f"{token}._domainkey.example.com", "CNAME")
        self.assert_fixed_by_records("D06", "3 DKIM records missing in the DNS")

    def test_an_alias_that_leads_elsewhere(self):
        self.amazon.dns.replace(self.alias, "CNAME", "elsewhere.example.net.")
        self.assert_fixed_by_records("D06", "leads to elsewhere.example.net.")

    def test_an_alias_without_a_dot_at_its_end(self):
        self.amazon.dns.replace(self.alias, "CNAME", f"{self.target}example.com.")
        self.assert_fixed_by_records("D06", "the value needs a dot at its end")

    def test_upper_case_is_the_same(self):
        self.amazon.dns.replace(self.alias, "CNAME", self.target.upper())
        self.assert_status(Status.OK, self.check("D06"))

    def test_an_alias_of_an_alias(self):
        self.amazon.dns.replace(self.alias, "CNAME", "hop.example.net.")
        self.amazon.dns.replace("hop.example.net", "CNAME", self.target)
        self.assert_status(Status.OK, self.check("D06"))

    def test_a_provider_that_follows_aliases_itself(self):
        self.amazon.dns.replace(self.alias, "CNAME")
        self.amazon.dns.replace(self.alias, "TXT", key_record(2048))
        self.assert_status(Status.OK, self.check("D06"))

    def test_a_text_for_every_name_is_no_key(self):
        self.amazon.dns.replace(self.alias, "CNAME")
        for text in ("v=DMARC1; p=none", "v=spf1 -all", "v=DKIM1; p="):
            self.amazon.dns.replace(self.alias, "TXT", text)
            with self.subTest(text):
                self.assert_status(Status.ERROR, self.check("D06"), "1 DKIM record missing")

    def test_records_that_ses_has_not_seen_yet(self):
        identity = self.amazon.identity("example.com")
        identity["VerificationStatus"] = "FAILED"
        self.assert_status(Status.OK, self.check("D06"), "SES has not seen them yet")
        self.amazon.dns.replace(self.alias, "CNAME")
        self.assert_status(Status.ERROR, self.check("D06"), "see D05")

    def test_name_servers_that_fail_do_not_hide_what_ses_says(self):
        self.amazon.identity("example.com")["DkimAttributes"]["SigningEnabled"] = False
        self.amazon.dns.failing["example.com"] = "SERVFAIL"
        first, second = self.check("D06").findings
        self.assertIn("signing is off", first.text)
        self.assertEqual(second.status, Status.NOT_CHECKED)
        self.assertIn(f"fails to look up {self.tokens[0]}._domainkey.example.com", second.text)


@override_settings(DEFAULT_FROM_EMAIL="shop@example.com", ADMINS=[], MANAGERS=[])
class OwnKeyTests(DoctorTestCase):
    def setUp(self) -> None:
        super().setUp()
        dkim = self.amazon.identity("example.com")["DkimAttributes"]
        dkim.clear()
        dkim.update(
            SigningEnabled=True,
            Status="SUCCESS",
            SigningAttributesOrigin="EXTERNAL",
            Tokens=["tea"],
        )

    def test_it_is_published(self):
        self.amazon.dns.replace("tea._domainkey.example.com", "TXT", key_record(2048))
        self.assert_status(Status.OK, self.check("D06"), "a key of your own")

    def test_it_is_short(self):
        self.amazon.dns.replace("tea._domainkey.example.com", "TXT", key_record(1024))
        self.assert_status(Status.WARNING, self.check("D06"), "has 1024 bits")

    def test_it_is_missing(self):
        result = self.check("D06")
        self.assert_status(Status.ERROR, result, "no key at tea._domainkey.example.com")
