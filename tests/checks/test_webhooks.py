from __future__ import annotations

import io
from typing import Any

from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import SimpleTestCase, TestCase, override_settings

from anymail.checks.webhooks import check_webhook_settings

from ..sns_samples import CERTIFICATE_URL, EVENTS_TOPIC, certificate

#: What the command in the hints prints.
SECRET = "sns:_m4yjQ6nRk0xJb7o1VZt2cWq9eUs3dLh"


class CheckTestCase(SimpleTestCase):
    def ids(self, check: Any, **anymail: Any) -> list[str | None]:
        with override_settings(ANYMAIL=anymail):
            messages = check()
        self.assertTrue(all(message.hint for message in messages))
        return [message.id for message in messages]


class SettingsTests(CheckTestCase):
    def found(self, **anymail: Any) -> list[str | None]:
        return self.ids(check_webhook_settings, **anymail)

    def test_good_settings_are_good(self):
        self.assertEqual(self.found(), [])
        good = {
            "WEBHOOK_SECRET": ["a:b", "c:d"],
            "AMAZON_SES_SNS_TOPIC_ARNS": EVENTS_TOPIC,
            "AMAZON_SES_SNS_CERT_HOST_REGEX": r"sns\..*",
            "AMAZON_SES_SNS_CERTIFICATES": {CERTIFICATE_URL: certificate()},
        }
        self.assertEqual(self.found(**good), [])

    def test_w118_a_secret_without_a_colon(self):
        self.assertEqual(self.found(WEBHOOK_SECRET=["a:b", "secret"]), ["anymail.W118"])

    def test_w119_a_topic_that_is_not_an_arn(self):
        found = self.found(AMAZON_SES_SNS_TOPIC_ARNS=[EVENTS_TOPIC, "ses-events"])
        self.assertEqual(found, ["anymail.W119"])

    def test_e112_a_host_pattern_that_is_no_pattern(self):
        self.assertEqual(self.found(AMAZON_SES_SNS_CERT_HOST_REGEX="("), ["anymail.E112"])

    def test_e113_a_certificate_that_is_none(self):
        for value in ("x", 1, certificate() * 2):
            found = self.found(AMAZON_SES_SNS_CERTIFICATES={CERTIFICATE_URL: value})
            self.assertEqual(found, ["anymail.E113"])

    def test_e114_a_cache_that_is_not_there(self):
        self.assertEqual(self.found(AMAZON_SES_SNS_CERT_CACHE="keys"), ["anymail.E114"])

    @override_settings(BOUNCY_TOPIC_ARN=[EVENTS_TOPIC], BOUNCY_AUTO_SUBSCRIBE=False)
    def test_w113_settings_of_django_bouncy(self):
        self.assertEqual(self.found(), ["anymail.W113"] * 2)
        self.assertEqual(
            self.found(
                AMAZON_SES_SNS_TOPIC_ARNS=EVENTS_TOPIC,
                AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS=True,
            ),
            [],
        )

    def test_a_wrong_type_is_left_to_another_check(self):
        self.assertEqual(self.found(WEBHOOK_SECRET=1), [])


class MigrateTests(TestCase):
    def migrate(self, **anymail: Any) -> str:
        """What ``manage.py migrate`` prints of system checks."""
        shown = io.StringIO()
        with override_settings(ANYMAIL=anymail):
            call_command("migrate", verbosity=0, skip_checks=False, stderr=shown)
        return shown.getvalue()

    def test_what_only_makes_the_webhooks_refuse_everything_does_not_stop_it(self):
        shown = self.migrate(WEBHOOK_SECRET="secret", AMAZON_SES_SNS_TOPIC_ARNS="ses-events")
        self.assertIn("anymail.W118", shown)
        self.assertIn("anymail.W119", shown)

    def test_what_fails_when_it_is_used_stops_it(self):
        with self.assertRaisesMessage(SystemCheckError, "anymail.E114"):
            self.migrate(AMAZON_SES_SNS_CERT_CACHE="keys")
