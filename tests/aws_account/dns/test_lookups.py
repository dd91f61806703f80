"""Looking records up, in a server on loopback."""

import sys
import time
from unittest import mock

from django.test import SimpleTestCase

from anymail.aws_account.dns import lookups
from anymail.aws_account.dns.lookups import DnsLookups, DnsUnanswered, parse_nameserver
from anymail.exceptions import AnymailConfigurationError, AnymailImproperlyInstalled
from anymail.sandbox.aws.dns.server import serve_dns
from anymail.sandbox.aws.dns.zone import Dns


class LookupTestCase(SimpleTestCase):
    def setUp(self):
        super().setUp()
        self.dns = Dns()
        started = serve_dns(self.dns, "127.0.0.1", 0)
        port = started.__enter__()
        self.addCleanup(started.__exit__, None, None, None)
        self.lookups = DnsLookups(nameserver=f"127.0.0.1:{port}")


class AnswerTests(LookupTestCase):
    def test_values_are_those_of_a_zone_file_in_lower_case(self):
        self.dns.replace("a.example", "MX", "10 Mail.A.example.")
        self.dns.replace("b.example", "CNAME", "C.example.")
        self.assertEqual(self.lookups.look_up("a.example", "MX"), ("10 mail.a.example.",))
        self.assertEqual(self.lookups.look_up("b.example", "CNAME"), ("c.example.",))

    def test_the_strings_of_a_text_are_one_in_its_own_case(self):
        text = "v=DKIM1; p=" + "Ab" * 300
        self.dns.replace("a.example", "TXT", text)
        self.assertEqual(self.lookups.look_up("A.Example.", "TXT"), (text,))

    def test_aliases_are_followed(self):
        self.dns.replace("a.example", "CNAME", "b.example.")
        self.dns.replace("b.example", "CNAME", "c.example.")
        self.dns.replace("c.example", "TXT", "hello")
        self.assertEqual(self.lookups.look_up("a.example", "TXT"), ("hello",))

    def test_neither_a_name_nor_a_type_that_is_missing_is_an_error(self):
        self.dns.replace("a.example", "TXT", "hello")
        self.assertEqual(self.lookups.look_up("none.example", "TXT"), ())
        self.assertEqual(self.lookups.look_up("a.example", "MX"), ())

    def test_nothing_is_asked_twice(self):
        self.assertEqual(self.lookups.look_up("a.example", "TXT"), ())
        self.dns.replace("a.example", "TXT", "hello")
        self.assertEqual(self.lookups.look_up("A.example.", "TXT"), ())


class TroubleTests(LookupTestCase):
    def test_a_server_that_fails_for_one_domain(self):
        self.dns.failing["a.example"] = "SERVFAIL"
        with self.assertRaisesMessage(DnsUnanswered, "fails to look up x.a.example"):
            self.lookups.look_up("x.a.example", "TXT")
        self.assertEqual(self.lookups.look_up("b.example", "TXT"), ())

    def test_a_server_that_does_not_answer_is_not_waited_for_again_and_again(self):
        self.dns.failing["example"] = ""
        started = time.monotonic()
        with (
            mock.patch.object(lookups, "MAX_SECONDS", 0.3),
            mock.patch.object(lookups, "MAX_SECONDS_IN_VAIN", 0.5),
        ):
            for number in range(20):
                with self.assertRaisesMessage(DnsUnanswered, "does not answer"):
                    self.lookups.look_up(f"{number}.example", "TXT")
        self.assertLess(time.monotonic() - started, 2)

    def test_a_name_that_cannot_be_one(self):
        with self.assertRaisesMessage(DnsUnanswered, "cannot be looked up (LabelTooLong)"):
            self.lookups.look_up("x" * 64 + ".example", "TXT")

    def test_without_dnspython_the_extra_is_named(self):
        with (
            mock.patch.dict(sys.modules, {"dns.resolver": None}),
            self.assertRaisesMessage(
                AnymailImproperlyInstalled, 'pip install "django-anymail-ses[doctor]"'
            ),
        ):
            self.lookups.look_up("a.example", "TXT")


class NameserverTests(SimpleTestCase):
    def test_addresses_with_and_without_a_port(self):
        for text, expected in (
            ("9.9.9.9", ("9.9.9.9", 53)),
            ("127.0.0.1:8025", ("127.0.0.1", 8025)),
            ("::1", ("::1", 53)),
            ("[::1]:8025", ("::1", 8025)),
        ):
            with self.subTest(text):
                self.assertEqual(parse_nameserver(text), expected)

    def test_what_is_none(self):
        for text in ("", "dns.example", "9.9.9.9:x", "9.9.9.9:99999", "[::1", ":53", "1.1.1.1/a"):
            with (
                self.subTest(text),
                self.assertRaisesMessage(AnymailConfigurationError, "is no IP address"),
            ):
                parse_nameserver(text)
