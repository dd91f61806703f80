"""Whether the installed packages can do what the settings ask for: D30."""

from __future__ import annotations

import json
from contextlib import suppress
from io import StringIO
from typing import Any
from unittest import mock

import django
from django.core.management import call_command
from django.test import override_settings

from anymail.aws_account.doctor.findings import FixKind, Status

from ...botocore_data import botocore_without
from . import DoctorTestCase, fixes

CONSOLE = "django.core.mail.backends.console.EmailBackend"


class BotocoreTests(DoctorTestCase):
    def test_has_all(self):
        self.assert_status(Status.OK, self.check("D30"))

    def test_lacks_what_a_setting_needs(self):
        for parameter, settings in (
            ("TenantName", {"AMAZON_SES_TENANT": "acme"}),
            ("ConfigurationOverrides", {"AMAZON_SES_SEND_DEFAULTS": {"track_opens": False}}),
        ):
            with self.subTest(parameter):
                with botocore_without("sesv2", "SendEmailRequest", parameter):
                    result = self.check("D30", self.context(**settings))
                    self.assert_status(Status.OK, self.check("D30"))
                self.assert_status(Status.ERROR, result, f"no {parameter}")
                [fix] = fixes(result, FixKind.COMMAND)
                self.assertEqual(fix.text, "python -m pip install --upgrade boto3 botocore")
                self.assert_status(Status.OK, self.check("D30", self.context(**settings)))

    def test_a_multi_region_endpoint_needs_awscrt(self):
        module = "anymail.aws_account.doctor.checks.installation.find_spec"
        for found, status in ((None, Status.ERROR), (object(), Status.OK)):
            with mock.patch(module, return_value=found):
                result = self.check("D30", self.context(AMAZON_SES_ENDPOINT_ID="abcdef12.g3h"))
            self.assert_status(status, result)


class BackendTests(DoctorTestCase):
    def doctor(self, **settings: Any) -> dict[str, Any]:
        """D30 of a project with these settings."""
        output = StringIO()
        with override_settings(ANYMAIL=self.anymail(), **settings), suppress(SystemExit):
            call_command("anymail_doctor", "D30", "--json", stdout=output)
        [found] = json.loads(output.getvalue())
        return dict(found)

    def test_another_backend(self):
        other: Any = {"EMAIL_BACKEND": CONSOLE}
        if django.VERSION >= (6, 1):
            other = {"MAILERS": {"default": {"BACKEND": CONSOLE}}}
        found = self.doctor(**other)
        self.assertEqual(found["status"], "error")
        [fix] = found["findings"][0]["fixes"]
        fixed: dict[str, Any] = {}
        exec(fix["text"], fixed)
        del fixed["__builtins__"]
        self.assertEqual(self.doctor(**fixed)["status"], "ok")
