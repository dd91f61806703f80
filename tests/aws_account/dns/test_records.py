"""The records that SES asks for, as lines of a zone file that dnspython reads."""

import dns.rdata
import dns.rdatatype
import dns.zone
from django.test import SimpleTestCase

from anymail.aws_account.dns.records import (
    DnsRecord,
    dmarc_record,
    identity_records,
    mail_from_records,
    receiving_record,
)

EASY_DKIM = {
    "Tokens": ["abc", "def", "ghi"],
    "SigningHostedZone": "dkim.eu-south-1.amazonses.com",
    "SigningAttributesOrigin": "AWS_SES",
}


def lines(records):
    return [str(record) for record in records]


class IdentityTests(SimpleTestCase):
    def test_the_aliases_of_easy_dkim_lead_to_the_hosted_zone_that_ses_names(self):
        records = identity_records(
            "example.com", {"DkimAttributes": EASY_DKIM}, region="eu-south-1"
        )
        self.assertEqual(
            lines(records),
            [
                f"{token}._domainkey.example.com. CNAME {token}.dkim.eu-south-1.amazonses.com."
                for token in ("abc", "def", "ghi")
            ],
        )

    def test_a_mail_from_domain_adds_its_own(self):
        identity = {
            "DkimAttributes": EASY_DKIM,
            "MailFromAttributes": {"MailFromDomain": "bounces.example.com"},
        }
        self.assertEqual(
            lines(identity_records("example.com", identity, region="eu-central-1"))[3:],
            [
                "bounces.example.com. MX 10 feedback-smtp.eu-central-1.amazonses.com.",
                'bounces.example.com. TXT "v=spf1 include:amazonses.com ~all"',
            ],
        )

    def test_ses_does_not_know_the_record_of_a_key_of_ones_own(self):
        dkim = {**EASY_DKIM, "SigningAttributesOrigin": "EXTERNAL", "Tokens": ["selector"]}
        self.assertEqual(
            lines(identity_records("a.example", {"DkimAttributes": dkim}, region="x")), []
        )

    def test_no_hosted_zone_is_made_up(self):
        dkim = {**EASY_DKIM, "SigningHostedZone": None}
        self.assertEqual(
            lines(identity_records("a.example", {"DkimAttributes": dkim}, region="x")), []
        )


class ZoneFileTests(SimpleTestCase):
    def test_every_record_is_read_as_it_was_meant(self):
        records = [
            *identity_records("example.com", {"DkimAttributes": EASY_DKIM}, region="eu-west-1"),
            *mail_from_records("bounces.example.com", region="eu-west-1"),
            dmarc_record("example.com"),
            receiving_record("in.example.com", region="eu-west-1"),
        ]
        text = "\n".join(f"{line.replace(' ', ' 300 IN ', 1)}" for line in lines(records))
        zone = dns.zone.from_text(text, origin="example.com.", relativize=False, check_origin=False)
        self.assertEqual(len(list(zone.iterate_rdatas())), len(records))
        self.assertEqual(
            zone.get_rdataset("in.example.com.", "MX").to_text(),
            "300 IN MX 10 inbound-smtp.eu-west-1.amazonaws.com.",
        )

    def test_a_long_text_with_quotes_comes_back(self):
        text = 'say "\\' + "x" * 600 + "é\x1b[2J\n"
        line = str(DnsRecord(name="a.example", type="TXT", value=text))
        value = line.removeprefix("a.example. TXT ")
        self.assertTrue(line.isascii() and line.isprintable())
        [*strings] = dns.rdata.from_text("IN", "TXT", value).strings
        self.assertEqual(b"".join(strings).decode(), text)
        self.assertEqual(len(strings), 3)
