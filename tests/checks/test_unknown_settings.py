"""What was probably meant by a setting that is none."""

from __future__ import annotations

from django.test import SimpleTestCase, override_settings

from anymail import conf
from anymail.checks.unknown_settings import unknown_names


class UnknownNamesTests(SimpleTestCase):
    @override_settings(ANYMAIL={"AMAZON_SES_CONFIGURATION_SET": "x"})
    def test_the_name_that_was_meant_is_guessed(self):
        self.assertEqual(
            unknown_names(),
            {"AMAZON_SES_CONFIGURATION_SET": "AMAZON_SES_CONFIGURATION_SET_NAME"},
        )

    def meant(self, name: str) -> str | None:
        with override_settings(ANYMAIL={name: "x"}):
            return unknown_names()[name]

    def test_lower_case_is_guessed_too(self):
        self.assertEqual(self.meant("webhook_secret"), "WEBHOOK_SECRET")
        self.assertEqual(self.meant("send_defaults"), "SEND_DEFAULTS")

    def test_typing_mistakes_are_guessed(self):
        for written, meant in (
            ("WEBHOOK_SECERT", "WEBHOOK_SECRET"),
            ("WEBHOOK_SECRETS", "WEBHOOK_SECRET"),
            ("SEND_DEFAULT", "SEND_DEFAULTS"),
            ("FEEDBACK_SUPRESS", "FEEDBACK_SUPPRESS"),
            ("AMAZON_SES_CLIENT_PARAMETERS", "AMAZON_SES_CLIENT_PARAMS"),
            ("AMAZONSES_CLIENT_PARAMS", "AMAZON_SES_CLIENT_PARAMS"),
            ("AMAZON_SES_TOPIC_ARNS", "AMAZON_SES_SNS_TOPIC_ARNS"),
            ("AMAZON_SES_MAX_RATE", "AMAZON_SES_MAX_SEND_RATE"),
            ("AMAZON_SES_MESSAGE_TAG", "AMAZON_SES_MESSAGE_TAG_NAME"),
        ):
            with self.subTest(written):
                self.assertEqual(self.meant(written), meant)

    def test_a_prefix_that_is_missing_too_much_or_another_is_guessed(self):
        for written, meant in (
            ("CLIENT_PARAMS", "AMAZON_SES_CLIENT_PARAMS"),
            ("AMAZON_SES_WEBHOOK_SECRET", "WEBHOOK_SECRET"),
            ("SES_CLIENT_PARAMS", "AMAZON_SES_CLIENT_PARAMS"),
            ("AWS_SES_CONFIGURATION_SET", "AMAZON_SES_CONFIGURATION_SET_NAME"),
        ):
            with self.subTest(written):
                self.assertEqual(self.meant(written), meant)

    def test_nothing_is_guessed_when_little_more_than_the_prefix_is_alike(self):
        for written in (
            "AMAZON_SES_DOWNLOAD_CHUNK_SIZE",
            "AMAZON_SES_ACCESS_KEY",
            "AMAZON_SES_REGION",
            "AMAZON_SES_SECRET",
        ):
            with self.subTest(written):
                self.assertIsNone(self.meant(written))

    @override_settings(ANYMAIL={"SQUIRRELS": 3, 5: 6})
    def test_nothing_is_guessed_for_what_resembles_nothing(self):
        self.assertEqual(unknown_names(), {"SQUIRRELS": None, "5": None})

    def test_no_known_name_is_unknown(self):
        with override_settings(ANYMAIL=dict.fromkeys(conf.known_names())):
            self.assertEqual(unknown_names(), {})
