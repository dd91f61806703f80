"""Identity ARNs, the return path and the configuration set: settings, messages and esp_extra."""

from __future__ import annotations

from typing import Any

from django.test import SimpleTestCase, override_settings

from anymail.backends.amazon_sesv1 import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.checks.settings import check_leftover_settings, check_setting_types
from anymail.conf import AmazonSESSettings, known_names
from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailInvalidAddress,
    AnymailUnsupportedFeature,
)

from ..ses import send, simple_message

FROM = "arn:aws:ses:us-east-1:123456789012:identity/example.com"
SOURCE = "arn:aws-us-gov:ses:us-gov-west-1:123456789012:identity/source.example"
RETURN = "arn:aws:ses:us-east-1:123456789012:identity/bounces@example.com"
ALL = {"from_arn": FROM, "source_arn": SOURCE, "return_path_arn": RETURN}
#: The parameters of both APIs.
NAMES = {
    "FromArn",
    "SourceArn",
    "ReturnPathArn",
    "FromEmailAddressIdentityArn",
    "FeedbackForwardingEmailAddressIdentityArn",
}
V2_SENDER = "FromEmailAddressIdentityArn"
RETURN_PATHS = (
    (V1Backend, False, "Source"),
    (V1Backend, True, "ReturnPath"),
    (V2Backend, False, "FeedbackForwardingEmailAddress"),
    (V2Backend, True, "FeedbackForwardingEmailAddress"),
)


def message(template: bool, **kwargs: Any) -> Any:
    if template:
        kwargs = {"subject": "", "body": "", "template_id": "welcome", **kwargs}
    return simple_message(**kwargs)


class IdentityArnTests(SimpleTestCase):
    def check(self, backend: type[V1Backend], template: bool, settings: Any, expected: Any) -> None:
        with self.subTest(backend.__module__, template=template, settings=set(settings)):
            params = send(message(template), backend, **settings).params
            found = {name: value for name, value in params.items() if name in NAMES}
            self.assertEqual(found, expected)

    def test_nothing_is_sent_without_settings(self) -> None:
        for backend, template, _ in RETURN_PATHS:
            self.check(backend, template, {}, {})

    def test_v1_has_one_for_each(self) -> None:
        expected = {"FromArn": FROM, "SourceArn": SOURCE, "ReturnPathArn": RETURN}
        self.check(V1Backend, False, ALL, expected)

    def test_v1_templates_have_one_for_the_sender(self) -> None:
        expected = {"SourceArn": SOURCE, "ReturnPathArn": RETURN}
        self.check(V1Backend, True, ALL, expected)
        self.check(V1Backend, True, {"from_arn": FROM}, {"SourceArn": FROM})

    def test_v2_has_one_for_the_sender(self) -> None:
        expected = {
            "FromEmailAddressIdentityArn": FROM,
            "FeedbackForwardingEmailAddressIdentityArn": RETURN,
        }
        for template in (False, True):
            self.check(V2Backend, template, ALL, expected)
            sources = {"source_arn": SOURCE}
            self.check(V2Backend, template, sources, {"FromEmailAddressIdentityArn": SOURCE})

    def test_esp_extra_wins(self) -> None:
        other = "arn:aws:ses:us-east-1:999999999999:identity/other.example"
        for backend, template, name in (
            (V1Backend, False, "FromArn"),
            (V1Backend, True, "SourceArn"),
            (V2Backend, False, "FromEmailAddressIdentityArn"),
            (V2Backend, True, "FeedbackForwardingEmailAddressIdentityArn"),
        ):
            with self.subTest(name, template=template):
                sent = send(message(template, esp_extra={name: other}), backend, **ALL)
                self.assertEqual(sent.params[name], other)

    def test_what_is_no_arn_of_an_identity_is_refused(self) -> None:
        for arn in (
            "example.com",
            "arn:x",
            "arn:aws:sns:us-east-1:123456789012:identity/example.com",
            "arn:aws:ses:us-east-1:123456789012:configuration-set/events",
            "arn:aws:ses:us-east-1:123:identity/example.com",
            "arn:aws:ses:us-east-1:123456789012:identity/",
            f"{FROM}\n",
            f" {FROM}",
        ):
            for name in ALL:
                with (
                    self.subTest(arn, setting=name),
                    self.assertRaisesRegex(AnymailConfigurationError, "ARN of an SES"),
                ):
                    V1Backend(**{name: arn})
            for backend, name in ((V1Backend, "FromArn"), (V2Backend, V2_SENDER)):
                with (
                    self.subTest(arn, parameter=name),
                    self.assertRaisesRegex(AnymailUnsupportedFeature, name),
                ):
                    send(simple_message(esp_extra={name: arn}), backend)

    def test_the_system_checks_find_it(self) -> None:
        for name, value in (("FROM_ARN", "arn:x"), ("RETURN_PATH", "Shop <a@b.example>")):
            with (
                self.subTest(name),
                override_settings(ANYMAIL={f"AMAZON_SES_{name}": value}),
            ):
                [problem] = check_setting_types()
                self.assertEqual(problem.id, "anymail.E101")
                self.assertIn(f"AMAZON_SES_{name}", problem.msg)

    def test_the_settings_of_django_ses_are_pointed_to_ours(self) -> None:
        for name in ("FROM_ARN", "SOURCE_ARN", "RETURN_PATH", "RETURN_PATH_ARN"):
            with self.subTest(name), override_settings(**{f"AWS_SES_{name}": "x"}):
                [warning] = check_leftover_settings()
                self.assertIn(f"AMAZON_SES_{name} ", warning.hint or "")
                self.assertIn(f"AMAZON_SES_{name}", known_names())

    def test_empty_is_none(self) -> None:
        with override_settings(ANYMAIL={"AMAZON_SES_FROM_ARN": "", "AMAZON_SES_RETURN_PATH": ""}):
            settings = AmazonSESSettings.load()
        self.assertEqual((settings.from_arn, settings.return_path), (None, None))


class ReturnPathTests(SimpleTestCase):
    def test_bounces_go_to_the_address_of_the_setting(self) -> None:
        for backend, template, name in RETURN_PATHS:
            with self.subTest(backend.__module__, template=template):
                sent = send(message(template), backend, return_path="b@bücher.example")
                self.assertEqual(sent.params[name], "b@xn--bcher-kva.example")

    def test_the_envelope_sender_wins_and_esp_extra_over_that(self) -> None:
        for backend, template, name in RETURN_PATHS:
            with self.subTest(backend.__module__, template=template):
                own = message(template, envelope_sender="own@example.com")
                sent = send(own, backend, return_path="b@example.com")
                self.assertEqual(sent.params[name], "own@example.com")
                own.esp_extra = {name: "extra@example.com"}
                sent = send(own, backend, return_path="b@example.com")
                self.assertEqual(sent.params[name], "extra@example.com")

    def test_what_is_no_address_is_refused(self) -> None:
        for value in ("example.com", "Shop <a@b.example>", "a@b.example, c@d.example", "a@"):
            with self.subTest(value), self.assertRaises(AnymailConfigurationError):
                V1Backend(return_path=value)
        for value in ("ü@example.com", "(@example.com"):
            with (
                self.subTest(value),
                self.assertRaisesRegex(AnymailInvalidAddress, "AMAZON_SES_RETURN_PATH"),
            ):
                send(simple_message(), return_path=value)


class ConfigurationSetTests(SimpleTestCase):
    def test_a_message_can_have_another_than_the_setting_says(self) -> None:
        for backend, template, _ in RETURN_PATHS:
            with self.subTest(backend.__module__, template=template):
                sent = send(message(template), backend, configuration_set_name="events")
                self.assertEqual(sent.params["ConfigurationSetName"], "events")
                own = message(template, esp_extra={"ConfigurationSetName": "news"})
                sent = send(own, backend, configuration_set_name="events")
                self.assertEqual(sent.params["ConfigurationSetName"], "news")
