"""Which server the doctor asks, and a machine without dnspython."""

import sys
from io import StringIO
from unittest import mock

from django.core.management import CommandError, call_command
from django.test import override_settings

from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes


@override_settings(DEFAULT_FROM_EMAIL="shop@example.com", ADMINS=[], MANAGERS=[])
class NameserverTests(DoctorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.amazon.identity("example.com")

    def test_the_command_asks_the_server_that_it_is_told(self):
        out = StringIO()
        with self.project():
            call_command("anymail_doctor", "D06", nameserver=self.nameserver, stdout=out)
        self.assertIn("✓ D06 DKIM: example.com: Easy DKIM", out.getvalue())

    def test_what_is_no_server(self):
        with self.project(), self.assertRaisesMessage(CommandError, "is no IP address") as raised:
            call_command("anymail_doctor", nameserver="dns.example")
        self.assertEqual(raised.exception.returncode, 2)

    def test_without_dnspython_the_rest_is_checked(self):
        with mock.patch.dict(sys.modules, {"dns.resolver": None}):
            result = self.check("D06")
            self.assert_status(Status.OK, self.check("D05"))
        self.assert_status(Status.NOT_CHECKED, result, "The dnspython package")
        [install] = fixes(result, FixKind.ADVICE)
        self.assertIn('python -m pip install "django-anymail-ses[doctor]"', install.text)
