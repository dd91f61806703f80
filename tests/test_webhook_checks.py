from __future__ import annotations

from typing import Any

from django.test import SimpleTestCase, override_settings

from anymail.webhooks.checks import check_webhook_deployment, check_webhook_settings

from .sns_samples import CERTIFICATE_URL, EVENTS_TOPIC, certificate


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

    def test_e110_a_secret_without_a_colon(self):
        self.assertEqual(self.found(WEBHOOK_SECRET=["a:b", "secret"]), ["anymail.E110"])

    def test_e111_a_topic_that_is_no_arn(self):
        found = self.found(AMAZON_SES_SNS_TOPIC_ARNS=[EVENTS_TOPIC, "ses-events"])
        self.assertEqual(found, ["anymail.E111"])

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


class DeploymentTests(CheckTestCase):
    def found(self, **anymail: Any) -> list[str | None]:
        return self.ids(check_webhook_deployment, **anymail)

    def test_a_secret_or_an_allow_list_is_enough(self):
        self.assertEqual(self.found(WEBHOOK_SECRET="a:b"), [])
        self.assertEqual(self.found(AMAZON_SES_SNS_TOPIC_ARNS=EVENTS_TOPIC), [])

    def test_w112_neither_secret_nor_allow_list(self):
        self.assertEqual(self.found(), ["anymail.W112"])

    def test_w112_says_whether_received_mail_is_downloaded(self):
        for buckets, says_so in (([], True), (["example-inbound-mail"], False)):
            with override_settings(ANYMAIL={"AMAZON_SES_INBOUND_BUCKETS": buckets}):
                [warning] = check_webhook_deployment()
            self.assertEqual("download no received mail" in warning.msg, says_so)

    def test_w111_signatures_are_not_checked(self):
        off = {"AMAZON_SES_VERIFY_SNS_SIGNATURES": False}
        self.assertEqual(self.found(WEBHOOK_SECRET="a:b", **off), ["anymail.W111"])

    def test_w110_an_allow_list_without_signatures_protects_nothing(self):
        off = {"AMAZON_SES_VERIFY_SNS_SIGNATURES": False}
        found = self.found(AMAZON_SES_SNS_TOPIC_ARNS=EVENTS_TOPIC, **off)
        self.assertEqual(found, ["anymail.W111", "anymail.W110"])

    @override_settings(ROOT_URLCONF="tests.test_webhook_checks")
    def test_without_our_urls_there_is_nothing_to_protect(self):
        self.assertEqual(self.found(), [])

    def test_a_wrong_type_is_left_to_another_check(self):
        self.assertEqual(self.found(WEBHOOK_SECRET=1), [])


urlpatterns: list[Any] = []
