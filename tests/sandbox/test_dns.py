"""anymail.sandbox.aws.dns: a DNS server that has the records that SES asks for."""

from __future__ import annotations

import socket
import threading

import dns.message
import dns.query
import dns.resolver
from django.test import SimpleTestCase

from anymail.sandbox import SandboxError
from anymail.sandbox.aws.dns.server import serve_dns
from anymail.sandbox.aws.dns.zone import Record

from ..class_context import enter_class_context
from ..local_ses import LocalSesTestCase, unique
from . import running_sandbox


class DnsServerTests(LocalSesTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.nameserver = enter_class_context(cls, cls.amazon.nameserver())
        cls.resolver = dns.resolver.Resolver(configure=False)
        cls.resolver.nameservers = ["127.0.0.1"]
        cls.resolver.port = int(cls.nameserver.rpartition(":")[2])
        cls.resolver.lifetime = 20

    def setUp(self) -> None:
        self.domain = f"{unique('shop')}.example"

    def tearDown(self) -> None:
        self.amazon.dns.failing.clear()
        super().tearDown()

    def ask(self, name: str, kind: str) -> list[str]:
        """The values of records, aliases followed."""
        return [str(found) for found in self.resolver.resolve(name, kind)]

    def test_what_ses_asks_for_is_there(self):
        created = self.sesv2.create_email_identity(EmailIdentity=self.domain)
        self.sesv2.put_email_identity_mail_from_attributes(
            EmailIdentity=self.domain, MailFromDomain=f"m.{self.domain}"
        )
        for token in created["DkimAttributes"]["Tokens"]:
            alias = f"{token}._domainkey.{self.domain}"
            self.assertEqual(self.ask(alias, "CNAME"), [f"{token}.dkim.amazonses.com."])
            [key] = self.ask(alias, "TXT")
            self.assertRegex(key.replace('" "', ""), r'\A"p=MII[A-Za-z0-9+/]{385,}=*"\Z')
        self.assertEqual(
            self.ask(f"M.{self.domain.upper()}", "MX"),
            ["10 feedback-smtp.us-east-1.amazonses.com."],
        )
        self.assertEqual(
            self.ask(f"m.{self.domain}", "TXT"), ['"v=spf1 include:amazonses.com ~all"']
        )
        [policy] = self.ask(f"_dmarc.{self.domain}", "TXT")
        self.assertTrue(policy.startswith('"v=DMARC1; p='), policy)

    def test_domains_that_receive_mail(self):
        rules, exchanger = unique("rules"), ["10 inbound-smtp.us-east-1.amazonaws.com."]
        self.sesv2.create_email_identity(EmailIdentity=self.domain)
        with self.assertRaises(dns.resolver.NoAnswer):
            self.ask(self.domain, "MX")
        self.ses.create_receipt_rule_set(RuleSetName=rules)
        self.addCleanup(self.ses.delete_receipt_rule_set, RuleSetName=rules)
        named = {"Name": "some", "Recipients": [f"in.{self.domain}", f"a@b.{self.domain}"]}
        self.ses.create_receipt_rule(RuleSetName=rules, Rule={**named, "Enabled": True})
        for name in ("in", "b"):
            self.assertEqual(self.ask(f"{name}.{self.domain}", "MX"), exchanger)
        with self.assertRaises(dns.resolver.NoAnswer):
            self.ask(self.domain, "MX")
        rule = {"Name": "all", "Enabled": True}
        self.ses.create_receipt_rule(RuleSetName=rules, Rule=rule)
        self.assertEqual(self.ask(self.domain, "MX"), exchanger)
        self.ses.set_active_receipt_rule_set(RuleSetName=rules)
        self.addCleanup(self.ses.set_active_receipt_rule_set)
        self.sesv2.create_email_identity(EmailIdentity=f"new.{self.domain}")
        self.assertEqual(self.ask(f"new.{self.domain}", "MX"), exchanger)

    def test_names_that_do_not_exist(self):
        self.amazon.dns.publish(Record(f"a.b.{self.domain}", "TXT", "x"))
        for name, error in (
            (f"c.{self.domain}", dns.resolver.NXDOMAIN),
            (f"x.a.b.{self.domain}", dns.resolver.NXDOMAIN),
            (f"b.{self.domain}", dns.resolver.NoAnswer),  # there is a name below it
            (self.domain, dns.resolver.NoAnswer),
        ):
            with self.subTest(name), self.assertRaises(error):
                self.ask(name, "TXT")
        with self.assertRaises(dns.resolver.NoAnswer):
            self.ask(f"a.b.{self.domain}", "MX")

    def test_aliases_are_followed(self):
        for number in range(3):
            alias = Record(f"{number}.{self.domain}", "CNAME", f"{number + 1}.{self.domain}.")
            self.amazon.dns.publish(alias)
        with self.assertRaises(dns.resolver.NXDOMAIN):
            self.ask(f"0.{self.domain}", "TXT")
        self.amazon.dns.publish(Record(f"3.{self.domain}", "TXT", "x"))
        answer = self.resolver.resolve(f"0.{self.domain}", "TXT")
        self.assertEqual(str(answer.canonical_name), f"3.{self.domain}.")
        self.amazon.dns.replace(f"3.{self.domain}", "TXT")
        self.amazon.dns.publish(Record(f"3.{self.domain}", "CNAME", f"0.{self.domain}."))
        with self.assertRaises(dns.resolver.NoNameservers):  # a circle
            self.ask(f"0.{self.domain}", "TXT")

    def test_records_can_be_changed_and_taken_away(self):
        self.amazon.dns.replace(self.domain, "TXT", "a", 'say "b\\"', "c" * 300)
        found = {b"".join(one.strings) for one in self.resolver.resolve(self.domain, "TXT")}
        self.assertEqual(found, {b"a", b'say "b\\"', b"c" * 300})
        self.amazon.dns.replace(self.domain, "TXT", "d")
        self.assertEqual(self.ask(self.domain, "TXT"), ['"d"'])
        self.amazon.dns.replace(self.domain, "TXT")
        with self.assertRaises(dns.resolver.NXDOMAIN):
            self.ask(self.domain, "TXT")

    def test_servers_that_fail(self):
        self.amazon.dns.replace(f"a.{self.domain}", "TXT", "x")
        for rcode in ("SERVFAIL", "REFUSED"):
            self.amazon.dns.failing[self.domain] = rcode
            with self.assertRaises(dns.resolver.NoNameservers) as raised:
                self.ask(f"a.{self.domain}", "TXT")
            self.assertIn(rcode, str(raised.exception))
        with self.assertRaises(dns.resolver.NXDOMAIN):
            self.ask(f"x{self.domain}", "TXT")

    def test_servers_that_do_not_answer(self):
        self.amazon.dns.replace(self.domain, "TXT", "x")
        for name in (self.domain, ""):
            self.amazon.dns.failing = {name: ""}
            with self.subTest(name), self.assertRaises(dns.resolver.LifetimeTimeout):
                self.resolver.resolve(self.domain, "TXT", lifetime=0.2)

    def test_what_is_no_query_gets_no_answer(self):
        self.amazon.dns.replace(self.domain, "TXT", "x")
        query = dns.message.make_query(self.domain, "TXT")
        answer = dns.message.make_response(query)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.settimeout(20)
            own.connect(("127.0.0.1", self.resolver.port))
            for packet in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 12, answer.to_wire()):
                own.send(packet)
            own.send(query.to_wire())
            first = dns.message.from_wire(own.recv(65_535))  # to the only one that is a query
        self.assertEqual(first.id, query.id)
        self.assertEqual(len(first.answer), 1)

    def test_a_port_that_is_taken(self):
        with (
            self.assertRaisesMessage(SandboxError, f"UDP port {self.resolver.port}"),
            serve_dns(self.amazon.dns, "127.0.0.1", self.resolver.port),
        ):
            pass

    def test_it_ends(self):
        before = set(threading.enumerate())
        with serve_dns(self.amazon.dns, "127.0.0.1", 0) as port:
            started = set(threading.enumerate()) - before
            self.assertTrue(started)
        self.assertFalse(any(thread.is_alive() for thread in started))
        with serve_dns(self.amazon.dns, "127.0.0.1", port):
            pass


class ProcessTests(SimpleTestCase):
    """The sandbox as people start it."""

    def test_it_answers_at_the_port_of_its_page(self):
        with running_sandbox() as sandbox:
            host, _, port = sandbox.ready["nameserver"].partition(":")
            self.assertEqual(sandbox.page, f"http://{host}:{port}/")
            query = dns.message.make_query("_dmarc.tea.example", "TXT")
            answer = dns.query.udp(query, host, timeout=20, port=int(port))
        self.assertIn("v=DMARC1", str(answer.answer[0]))
