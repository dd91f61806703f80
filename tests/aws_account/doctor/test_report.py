"""What the doctor prints, for people and for programs."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any
from unittest import mock

from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import SimpleTestCase, override_settings

from anymail.aws_account.doctor.check import Check, Group, Result, run_checks
from anymail.aws_account.doctor.context import Context
from anymail.aws_account.doctor.findings import Finding, command, error, not_checked, ok, warning
from anymail.aws_account.doctor.report import as_text, conclusion
from anymail.conf import AmazonSESSettings

from . import DoctorTestCase


def result(*findings: Finding, id_: str = "D99", group: Group = Group.EVENTS) -> Result:
    """The result of a check that yields these."""
    check = Check(id=id_, title="Nuts", group=group, run=lambda _context: findings)
    [found] = run_checks([check], Context(settings=AmazonSESSettings.load()))
    return found


class TextTests(SimpleTestCase):
    def test_a_problem_is_followed_by_what_to_type(self):
        lines = list(as_text([result(error("none left", command("buy \\\n  nuts")))], {}))
        self.assertEqual(
            lines[:4],
            ["Events", "  ✗ D99 Nuts: none left", "        $ buy \\", "          nuts"],
        )

    def test_the_worst_is_first_within_a_group(self):
        results = [
            result(ok("fine"), warning("few"), id_="D97"),
            result(error("none"), id_="D98"),
            result(not_checked("?"), id_="D96"),
        ]
        ids = [line.split()[1] for line in as_text(results, {}) if line.startswith("  ")]
        self.assertEqual(ids, ["D98", "D97", "D97", "D96"])

    def test_a_status_is_painted(self):
        lines = list(as_text([result(ok("fine"))], {ok("").status: str.upper}))
        self.assertEqual(lines[1], "  ✓ D99 NUTS: FINE")


class ConclusionTests(SimpleTestCase):
    def test_the_worst_error_is_told(self):
        results = [
            result(error("none"), group=Group.EVENTS),
            result(error("none"), group=Group.ACCOUNT),
        ]
        self.assertIn("cannot be sent", conclusion(results))

    def test_lost_events_do_not_keep_mail_from_being_sent(self):
        self.assertIn("Mail is sent, but", conclusion([result(error("none"))]))

    def test_what_was_not_checked_is_not_called_working(self):
        self.assertNotIn("works", conclusion([result(not_checked("?")), result(ok("fine"))]))

    def test_warnings_are_counted_by_check(self):
        text = conclusion([result(warning("few"), warning("old")), result(ok("fine"))])
        self.assertEqual(text, "Mail works, with 1 warning.")

    def test_all_is_well(self):
        self.assertEqual(conclusion([result(ok("fine"))]), "Mail works.")


class RegionTests(SimpleTestCase):
    def fix(self, text: str) -> str:
        """A command, as the report has it."""
        with override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": {"region_name": "eu-west-1"}}):
            return result(error("none", command(text))).findings[0].fixes[0].text

    def test_commands_name_the_region(self):
        self.assertEqual(self.fix("aws sns x"), "aws sns x --region eu-west-1")

    def test_a_region_that_is_named_stays(self):
        self.assertEqual(self.fix("aws sns x --region us-east-1"), "aws sns x --region us-east-1")

    def test_other_programs_are_not_told(self):
        self.assertEqual(self.fix("python manage.py x"), "python manage.py x")


class FailingCheckTests(SimpleTestCase):
    def test_a_check_that_fails_is_one_that_was_not_made(self):
        def run(_context: Context) -> Any:
            yield ok("fine")
            raise KeyError("nuts")

        with self.assertLogs("anymail.aws_account.doctor.check", "ERROR"):
            check = Check(id="D99", title="Nuts", group=Group.EVENTS, run=run)
            [found] = run_checks([check], Context(settings=AmazonSESSettings.load()))
        self.assertIn("KeyError", found.findings[0].text)
        self.assertEqual(found.findings[1], ok("fine"))

    def test_a_database_that_was_not_migrated(self):
        def run(_context: Context) -> Any:
            raise OperationalError("no such table: nuts")

        check = Check(id="D99", title="Nuts", group=Group.EVENTS, run=run)
        [found] = run_checks([check], Context(settings=AmazonSESSettings.load()))
        self.assertEqual(found.status, not_checked("").status)
        self.assertEqual(found.findings[0].fixes[0].text, "python manage.py migrate")


class CommandTests(DoctorTestCase):
    def run_doctor(self, *args: str) -> tuple[str, int]:
        """The output of the command, and its exit code."""
        out, code = StringIO(), 0
        with self.project():
            try:
                call_command("anymail_doctor", *args, stdout=out)
            except SystemExit as err:
                code = int(str(err.code))
        return out.getvalue(), code

    def test_prints_json(self):
        printed, code = self.run_doctor("D01", "D04", "--json")
        found = json.loads(printed)
        self.assertEqual(
            [(one["id"], one["status"]) for one in found], [("D01", "ok"), ("D04", "ok")]
        )
        self.assertEqual(code, 0)

    def test_fails_on_errors_only_unless_told_otherwise(self):
        self.aws("aws sesv2 put-account-sending-attributes --no-sending-enabled")
        self.assertEqual(self.run_doctor("D03")[1], 1)
        self.assertEqual(self.run_doctor("D01")[1], 0)
        module = "anymail.management.commands.anymail_doctor.run_checks"
        with mock.patch(module, return_value=[result(warning("few"))]):
            self.assertEqual(self.run_doctor()[1], 0)
            self.assertEqual(self.run_doctor("--fail-on", "warning")[1], 1)
            self.assertEqual(self.run_doctor("--fail-on", "not-checked")[1], 1)

    def test_an_unknown_check_is_an_error(self):
        with self.assertRaisesMessage(CommandError, "There is no check D77"):
            self.run_doctor("d77")

    def test_has_no_colors_where_nobody_sees_them(self):
        self.assertNotIn("\x1b", self.run_doctor("D01")[0])
