"""``anymail_doctor --simulate``: an event goes through the project as from SNS."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any
from unittest import mock

from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import SimpleTestCase, override_settings

from anymail.aws_account.doctor.simulated_events import ALL_KINDS
from anymail.signals import inbound, tracking

from ...local_sns import SECRET, heard

SECURE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]


def simulate(kind: str = "bounce", *options: str, **more: Any) -> str:
    out = StringIO()
    arguments = ["--simulate", kind, "ann@example.com", "--no-input", *options]
    call_command("anymail_doctor", *arguments, stdout=out, **more)
    return out.getvalue()


@override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET})
class SimulatingTests(SimpleTestCase):
    def test_every_kind_reaches_its_receivers(self):
        for kind in ALL_KINDS:
            with self.subTest(kind=kind), heard(tracking) as events, heard(inbound) as mails:
                self.assertIn("answered 200", simulate(kind))
                self.assertEqual(
                    (len(events), len(mails)), (0, 1) if kind == "received" else (1, 0)
                )

    def test_the_event_is_verified_and_about_the_address(self):
        with heard(tracking) as events:
            simulate()
        [event] = events
        self.assertEqual((event.event_type, event.recipient), ("bounced", "ann@example.com"))
        self.assertTrue(event.is_verified)

    @override_settings(
        ALLOWED_HOSTS=["www.example.com"],
        SECURE_SSL_REDIRECT=True,
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        MIDDLEWARE=SECURE,
    )
    def test_settings_of_production_let_it_in(self):
        self.assertIn("answered 200", simulate())

    def test_another_webhook(self):
        self.assertIn("/bouncy/ answered 200", simulate("bounce", "--url", "/bouncy/"))

    def test_a_receiver_that_fails(self):
        with (
            heard(tracking, lambda: True),
            self.assertLogs("django.request", "ERROR"),
            self.assertRaises(SystemExit) as ended,
        ):
            simulate()
        self.assertEqual(ended.exception.code, 1)

    def test_json(self):
        found = json.loads(simulate("bounce", "--json"))
        self.assertEqual((found["status"], found["events"]), (200, ["bounced"]))

    def test_it_asks_where_debug_is_off(self):
        with (
            heard(tracking) as events,
            mock.patch("builtins.input", return_value="n") as asked,
            self.assertRaises(SystemExit),
        ):
            call_command("anymail_doctor", "--simulate", "bounce", "ann@example.com")
        asked.assert_called_once()
        self.assertEqual(events, [])

    @override_settings(DEBUG=True)
    def test_it_does_not_ask_in_development(self):
        out = StringIO()
        call_command("anymail_doctor", "--simulate", "bounce", "ann@example.com", stdout=out)
        self.assertIn("answered 200", out.getvalue())

    def test_what_does_not_exist(self):
        for arguments, text in (
            (["bonce"], "There is no kind 'bonce'"),
            (["bounce", "--url", "/nowhere/"], "no webhook at /nowhere/"),
        ):
            with self.subTest(text=text), self.assertRaisesMessage(CommandError, text):
                simulate(*arguments)

    @override_settings(ROOT_URLCONF="tests.aws_account.doctor.test_simulated_events")
    def test_a_project_without_webhooks(self):
        with self.assertRaisesMessage(CommandError, 'path("anymail/", include("anymail.urls"))'):
            simulate()


urlpatterns: list[Any] = []
