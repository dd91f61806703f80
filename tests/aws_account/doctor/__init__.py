"""What tests of the doctor share."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from io import StringIO
from typing import Any

import dns.rdata
from django.core.management import call_command

from anymail.aws_account.dns.lookups import DnsLookups
from anymail.aws_account.doctor.check import Result, run_checks
from anymail.aws_account.doctor.checks import CHECKS
from anymail.aws_account.doctor.context import Context, Options
from anymail.aws_account.doctor.findings import Fix, FixKind, Status

from .. import AwsAccountTestCase


class DoctorTestCase(AwsAccountTestCase):
    """Tests that break an account, look at what a check says, and do what it prints."""

    nameserver: str

    def setUp(self) -> None:
        super().setUp()
        started = self.amazon.nameserver()
        self.nameserver = started.__enter__()
        self.addCleanup(started.__exit__, None, None, None)

    def context(self, *, options: Options | None = None, **settings: Any) -> Context:
        """A run of the doctor.

        :param settings: those of ``ANYMAIL``.
        """
        return Context(
            settings=self.settings_of(**settings),
            options=options or Options(),
            dns=DnsLookups(nameserver=self.nameserver),
        )

    def check(self, id_: str, context: Context | None = None) -> Result:
        """The result of one check."""
        [check] = [check for check in CHECKS if check.id == id_]
        [result] = run_checks([check], context or self.context())
        return result

    def assert_status(self, status: Status, result: Result, text: str = "") -> None:
        """The worst finding has a status, and a text in it."""
        self.assertEqual(result.status, status, result.findings)
        self.assertIn(text, result.findings[0].text)

    def manage(self, command: str) -> str:
        """Run a printed command of Django's, without its questions; gives what it prints."""
        program, name, *words = shlex.split(command.removeprefix("python "))
        self.assertEqual(program, "manage.py")
        output = StringIO()
        with self.project():
            call_command(name, *words, "--no-input", stdout=output)
        return output.getvalue()

    def publish(self, result: Result) -> None:
        """Publish the DNS records that a check prints, instead of others of their names."""
        for fix in fixes(result, FixKind.DNS_RECORD):
            name, kind, value = fix.text.split(" ", 2)
            rdata = dns.rdata.from_text("IN", kind, value)
            text = b"".join(rdata.strings).decode() if kind == "TXT" else value
            self.amazon.dns.replace(name.rstrip("."), kind, text)

    def assert_fixed_by_records(
        self, id_: str, text: str, status: Status = Status.ERROR, **settings: Any
    ) -> None:
        """A check is red, and green after its printed records are in the DNS."""
        result = self.check(id_, self.context(**settings))
        self.assert_status(status, result, text)
        self.publish(result)
        self.assert_status(Status.OK, self.check(id_, self.context(**settings)))

    def assert_fixed_by_command(self, id_: str, text: str, status: Status = Status.ERROR) -> None:
        """A check is red, and green after its printed command."""
        result = self.check(id_)
        self.assert_status(status, result, text)
        for fix in fixes(result, FixKind.COMMAND):
            (self.aws if fix.text.startswith("aws ") else self.manage)(fix.text)
        self.assert_status(Status.OK, self.check(id_))


def fixes(result: Result, kind: FixKind) -> Iterable[Fix]:
    """What a check says to do, of one kind."""
    return [fix for finding in result.findings for fix in finding.fixes if fix.kind is kind]
