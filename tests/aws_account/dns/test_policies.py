"""What the texts of DKIM, SPF and DMARC say, and where an organization's domains begin."""

import sys
from unittest import mock

from django.test import SimpleTestCase

from anymail.aws_account.dns import domains
from anymail.aws_account.dns.dkim import has_key, parse_tags, rsa_bits
from anymail.aws_account.dns.dmarc import dmarc_texts, parse_dmarc
from anymail.aws_account.dns.domains import organizational_domain, with_parents
from anymail.exceptions import AnymailImproperlyInstalled


class DomainTests(SimpleTestCase):
    def test_the_domains_above_one(self):
        self.assertEqual(list(with_parents("a.b.example")), ["a.b.example", "b.example"])
        self.assertEqual(list(with_parents("localhost")), [])

    def test_public_suffixes(self):
        for domain, expected in (
            ("mail.example.com", "example.com"),
            ("a.b.example.co.uk", "example.co.uk"),
            ("co.uk", "co.uk"),
            ("shop.xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ):
            self.assertEqual(organizational_domain(domain), expected)

    def test_without_the_list_the_extra_is_named(self):
        domains._public_suffixes.cache_clear()
        with (
            mock.patch.dict(sys.modules, {"publicsuffixlist": None}),
            self.assertRaisesMessage(AnymailImproperlyInstalled, "[doctor]"),
        ):
            organizational_domain("example.com")


class KeyTests(SimpleTestCase):
    def test_tags(self):
        tags = parse_tags(" V = DKIM1 ;p=a b;; p=second; rubbish")
        self.assertEqual(tags, {"v": "DKIM1", "p": "a b"})

    def test_keys_that_are_none(self):
        for text in ("", "p=", "v=DMARC1; p=none", "v=spf1 -all"):
            self.assertIs(has_key([text]), False, text)
        self.assertIs(has_key(["other", "k=ed25519; p=abc"]), True)

    def test_keys_that_cannot_be_read(self):
        for text in ("p=%%%", "p=abc", "p=aGVsbG8=", ""):
            self.assertIsNone(rsa_bits([text]), text)


class DmarcTests(SimpleTestCase):
    def test_the_record_of_the_domain_wins_over_the_organization_s(self):
        records = {"_dmarc.example.com": ["v=DMARC1; p=none"]}

        def texts_of(name):
            return records.get(name, [])

        self.assertEqual(dmarc_texts("a.b.example.com", texts_of)[0], "example.com")
        records["_dmarc.b.example.com"] = ["v=DMARC1; p=none"]  # neither of the two
        self.assertEqual(dmarc_texts("a.b.example.com", texts_of)[0], "example.com")
        records["_dmarc.a.b.example.com"] = ["V = DMARC1; p=none", "v=DMARC1"]
        domain, texts = dmarc_texts("a.b.example.com", texts_of)
        self.assertEqual((domain, len(texts)), ("a.b.example.com", 2))

    def test_the_policy_for_domains_below(self):
        for text, expected in (
            ("v=DMARC1; p=Reject", "reject"),
            ("v=DMARC1; p=reject; sp=none", "none"),
            ("v=DMARC1; p=reject; sp=x", None),
        ):
            dmarc = parse_dmarc(text, "example.com", "mail.example.com")
            self.assertEqual(dmarc.policy, expected)
        own = parse_dmarc("v=DMARC1; p=reject; sp=none", "example.com", "example.com")
        self.assertEqual(own.policy, "reject")
