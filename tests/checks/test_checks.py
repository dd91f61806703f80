"""Each system check: when it reports, with which id and hint, and when it is silent."""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
import warnings
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock, skipIf, skipUnless

import django
from django.apps import apps
from django.conf import global_settings
from django.core import checks
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import call_command
from django.test import SimpleTestCase, modify_settings, override_settings

from anymail import conf, installation
from anymail.addresses import IDNA_ENCODERS
from anymail.amazon_ses import aws
from anymail.backends.amazon_ses import EmailBackend
from anymail.checks import apis, deployment, queues, sending, webhooks
from anymail.checks import settings as settings_checks
from anymail.checks.leftover_settings import SETTINGS
from anymail.checks.unknown_settings import REPLACEMENTS, SERVICE_PREFIX
from anymail.exceptions import AnymailConfigurationError
from anymail.outgoing import OutgoingMessage
from tests.ses import V1, V2, use_backend

MAILERS_EXIST = django.VERSION >= (6, 1)


def ids(messages: list[checks.CheckMessage]) -> list[str]:
    return [str(message.id) for message in messages]


def run_checks() -> list[checks.CheckMessage]:
    """Those of ``manage.py check``, without models of other apps: they would need a database."""
    return checks.run_checks(app_configs=[apps.get_app_config("anymail")])


class DeprecatedSettingTests(SimpleTestCase):
    @override_settings(ANYMAIL={"WEBHOOK_AUTHORIZATION": "a:b"})
    def test_e001_reports_the_old_name_of_the_secret(self):
        [error] = settings_checks.check_deprecated_settings()
        self.assertEqual((error.id, error.level), ("anymail.E001", checks.ERROR))
        self.assertIn("renamed to WEBHOOK_SECRET", error.msg)
        self.assertIn("WEBHOOK_SECRET", error.hint)

    @override_settings(ANYMAIL_WEBHOOK_AUTHORIZATION="a:b")
    def test_e001_reports_the_flat_name_too(self):
        self.assertEqual(ids(settings_checks.check_deprecated_settings()), ["anymail.E001"])

    @override_settings(ANYMAIL={"WEBHOOK_AUTHORIZATION": None})
    def test_e001_reports_it_whatever_its_value(self):
        self.assertEqual(ids(settings_checks.check_deprecated_settings()), ["anymail.E001"])

    @override_settings(ANYMAIL={"WEBHOOK_SECRET": "a:b"})
    def test_e001_is_silent_about_the_new_name(self):
        self.assertEqual(settings_checks.check_deprecated_settings(), [])


class InsecureSettingTests(SimpleTestCase):
    @override_settings(ANYMAIL={"DEBUG_API_REQUESTS": True}, DEBUG=False)
    def test_w002_reports_debugging_in_production(self):
        [warning] = settings_checks.check_insecure_settings()
        self.assertEqual((warning.id, warning.level), ("anymail.W002", checks.WARNING))
        self.assertIn("DEBUG_API_REQUESTS, which has no effect", warning.msg)
        self.assertIn("boto3.set_stream_logger", warning.hint)

    @override_settings(ANYMAIL_DEBUG_API_REQUESTS=True, DEBUG=False)
    def test_w002_reads_the_flat_name_too(self):
        self.assertEqual(ids(settings_checks.check_insecure_settings()), ["anymail.W002"])

    @override_settings(ANYMAIL={"DEBUG_API_REQUESTS": True}, DEBUG=True)
    def test_w002_is_silent_in_development(self):
        self.assertEqual(settings_checks.check_insecure_settings(), [])

    @override_settings(ANYMAIL={"DEBUG_API_REQUESTS": False}, DEBUG=False)
    def test_w002_is_silent_without_debugging(self):
        self.assertEqual(settings_checks.check_insecure_settings(), [])


class RoleTests(SimpleTestCase):
    ARN = "arn:aws:iam::123456789012:role/mail"

    def test_w124_reports_a_role_that_the_factory_does_not_get(self):
        both = {"AMAZON_SES_ROLE_ARN": self.ARN, "AMAZON_SES_CLIENT_FACTORY": print}
        with override_settings(ANYMAIL=both):
            [problem] = [one for one in run_checks() if one.id == "anymail.W124"]
        self.assertIn("ANYMAIL has both", problem.msg)

    def test_w124_is_silent_about_one_of_them(self):
        for name, value in (("ROLE_ARN", self.ARN), ("CLIENT_FACTORY", print)):
            with self.subTest(name), override_settings(ANYMAIL={f"AMAZON_SES_{name}": value}):
                self.assertNotIn("anymail.W124", ids(run_checks()))

    def test_w124_reports_mailers(self):
        if django.VERSION < (6, 1):
            self.skipTest("MAILERS is new in Django 6.1")
        options = {"role_arn": self.ARN, "client_factory": print}
        mailer = {"BACKEND": "anymail.backends.amazon_ses.EmailBackend", "OPTIONS": options}
        with override_settings(MAILERS={"default": mailer}):
            [problem] = [one for one in run_checks() if one.id == "anymail.W124"]
        self.assertIn("MAILERS['default']['OPTIONS'] has both", problem.msg)

    def test_e101_reports_what_is_no_role(self):
        with override_settings(ANYMAIL={"AMAZON_SES_ROLE_ARN": "mail"}):
            self.assertIn("anymail.E101", ids(run_checks()))


class UnknownSettingTests(SimpleTestCase):
    @override_settings(ANYMAIL={"AMAZON_SES_CONFIGURATION_SET": "x"})
    def test_w100_asks_whether_another_name_was_meant(self):
        [warning] = settings_checks.check_unknown_settings()
        self.assertEqual((warning.id, warning.level), ("anymail.W100", checks.WARNING))
        self.assertEqual(warning.msg, 'Unknown setting ANYMAIL["AMAZON_SES_CONFIGURATION_SET"].')
        self.assertEqual(warning.hint, "Did you mean AMAZON_SES_CONFIGURATION_SET_NAME?")

    @override_settings(ANYMAIL={"SQUIRRELS": 1, "ELEPHANTS": 2})
    def test_w100_reports_each_of_them(self):
        found = settings_checks.check_unknown_settings()
        self.assertEqual(ids(found), ["anymail.W100", "anymail.W100"])
        self.assertIn("settings page", found[0].hint)

    @override_settings(ANYMAIL={"SQUIRRELS": 1})
    def test_w100_tells_where_settings_of_applications_can_be(self):
        [warning] = settings_checks.check_unknown_settings()
        self.assertIn("ANYMAIL_SQUIRRELS, next to the dict", warning.hint)
        self.assertIn('SILENCED_SYSTEM_CHECKS has "anymail.W100"', warning.hint)

    def test_w100_knows_what_took_the_place_of_settings_of_other_packages(self):
        for names, use in (
            ("AMAZON_SES_REGION AWS_SES_REGION_NAME region", '"region_name"'),
            ("AMAZON_SES_ACCESS_KEY AWS_SES_ACCESS_KEY_ID", '"aws_access_key_id"'),
            ("AMAZON_SES_SECRET_KEY AWS_SECRET_ACCESS_KEY", '"aws_secret_access_key"'),
            ("AWS_SESSION_PROFILE", 'AMAZON_SES_SESSION_PARAMS": {"profile_name"'),
            ("TIMEOUT AMAZON_SES_TIMEOUT", '"read_timeout"'),
            ("AMAZON_SES_DOWNLOAD_CHUNK_SIZE", "while it is downloaded"),
            ("AWS_SES_CONFIGURATION_SET", "AMAZON_SES_CONFIGURATION_SET_NAME"),
            ("AWS_SNS_EVENT_TRUSTED_TOPIC_ARNS", "AMAZON_SES_SNS_TOPIC_ARNS"),
            ("AWS_SES_FROM_EMAIL", "DEFAULT_FROM_EMAIL"),
            ("USE_SES_V2", "anymail.backends.amazon_sesv2.EmailBackend"),
        ):
            for name in names.split():
                with self.subTest(name), override_settings(ANYMAIL={name: "x"}):
                    [warning] = settings_checks.check_unknown_settings()
                    self.assertIn(use, warning.hint)

    def test_the_settings_that_are_to_be_used_instead_exist(self):
        named = {
            name
            for hint in REPLACEMENTS.values()
            for name in re.findall(r"AMAZON_SES_[A-Z0-9_]+|SEND_DEFAULTS|FEEDBACK_\w+", hint)
        }
        self.assertEqual(named - set(conf.known_names()), set())

    def test_no_setting_is_to_be_replaced(self):
        bare = {SERVICE_PREFIX.sub("", name) for name in conf.known_names()}
        self.assertEqual(bare & REPLACEMENTS.keys(), set())

    @override_settings(ANYMAIL={"WEBHOOK_AUTHORIZATION": "a:b"})
    def test_w100_leaves_the_renamed_setting_to_e001(self):
        self.assertEqual(settings_checks.check_unknown_settings(), [])

    @override_settings(ANYMAIL={"WEBHOOK_SECRET": "a:b"})
    def test_w100_is_silent_about_known_ones(self):
        self.assertEqual(settings_checks.check_unknown_settings(), [])


class OtherServicesTests(SimpleTestCase):
    def test_i100_lists_the_settings_of_other_services_in_one_message(self):
        names = ["SENDGRID_API_KEY", "MAILGUN_SENDER_DOMAIN", "REQUESTS_TIMEOUT"]
        with override_settings(ANYMAIL={**dict.fromkeys(names, "x"), "WEBHOOK_SECRET": "a:b"}):
            [info] = settings_checks.check_settings_of_other_services()
            self.assertEqual(settings_checks.check_unknown_settings(), [])
        self.assertEqual((info.id, info.level), ("anymail.I100", checks.INFO))
        self.assertIn(", ".join(names), info.msg)

    @override_settings(ANYMAIL={"POSTMARK_SERVER_TOKEN": "x"})
    def test_i100_does_not_fail_a_build_that_fails_on_warnings(self):
        for level in ("WARNING", "ERROR"):
            found = io.StringIO()
            call_command("check", "--tag", "mail", "--fail-level", level, stderr=found)
            self.assertIn("anymail.I100", found.getvalue())

    @override_settings(ANYMAIL={"SEND_GRID_KEY": "x", "AMAZON_SES_CLIENT_PARAMS": {}})
    def test_i100_leaves_other_unknown_names_to_w100(self):
        self.assertEqual(settings_checks.check_settings_of_other_services(), [])
        self.assertEqual(ids(settings_checks.check_unknown_settings()), ["anymail.W100"])


class LeftOverSettingTests(SimpleTestCase):
    def found(self, **settings: Any) -> list[checks.CheckMessage]:
        with override_settings(**settings):
            return settings_checks.check_leftover_settings()

    def test_w115_names_each_setting_of_another_package_and_what_to_use(self):
        found = self.found(AWS_SES_USE_BLACKLIST=True, AWS_SES_REGION_NAME="eu-central-1")
        self.assertEqual(ids(found), ["anymail.W115"] * 2)
        region, blacklist = found
        self.assertEqual(region.msg, "The setting AWS_SES_REGION_NAME of django-ses has no effect.")
        self.assertIn('"region_name"', region.hint)
        self.assertEqual(blacklist.level, checks.WARNING)
        self.assertIn("anymail_import_django_ses", blacklist.hint)
        self.assertIn("people on the blacklist get mail", blacklist.hint)

    def test_w115_has_a_hint_for_every_setting(self):
        for package, names in SETTINGS.items():
            for name in names:
                with self.subTest(name):
                    [warning] = self.found(**{name: "x"})
                    self.assertIn(f"{name} of {package} has no effect", warning.msg)

    def test_w115_tells_what_to_do_with_a_configuration_set_that_is_a_function(self):
        [fixed] = self.found(AWS_SES_CONFIGURATION_SET="news")
        self.assertIn("AMAZON_SES_CONFIGURATION_SET_NAME", fixed.hint)
        [function] = self.found(AWS_SES_CONFIGURATION_SET=len)
        self.assertIn("pre_send", function.hint)

    def test_w115_is_silent_while_the_other_package_still_sends(self):
        for backend in ("django_ses.SESBackend", "django_amazon_ses.EmailBackend"):
            with use_backend(backend):
                self.assertEqual(self.found(AWS_SES_USE_BLACKLIST=True, AWS_SES_TAGS=[]), [])

    def test_w115_is_silent_about_settings_of_the_project(self):
        own = {"AWS_SNS_TOPIC_ARN": "x", "AWS_ACCESS_KEY_ID": "x", "AWS_S3_REGION_NAME": "x"}
        self.assertEqual(self.found(**own), [])


class FeedbackAppTests(SimpleTestCase):
    without_app = modify_settings(
        INSTALLED_APPS={"remove": ["tests.feedback.DisconnectedFeedback"]}
    )

    @override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["hard_bounce"]})
    def test_e105_reports_suppression_without_the_app(self):
        with self.without_app:
            [error] = settings_checks.check_feedback_app()
        self.assertEqual((error.id, error.level), ("anymail.E105", checks.ERROR))
        self.assertIn('"anymail.feedback"', error.msg)
        self.assertIn("INSTALLED_APPS", error.hint)

    @override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["hard_bounce"]})
    def test_e105_is_silent_with_the_app(self):
        self.assertEqual(settings_checks.check_feedback_app(), [])

    def test_e105_is_silent_where_nothing_is_to_be_suppressed(self):
        for value in (None, [], ""):
            with self.without_app, override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": value}):
                self.assertEqual(settings_checks.check_feedback_app(), [])

    def test_w140_reports_two_lists_of_which_one_is_off(self):
        for settings, is_odd in (
            ({"FEEDBACK_SUPPRESS_SYNC": "pull"}, True),
            ({"FEEDBACK_SUPPRESS_SYNC": "both", "FEEDBACK_SUPPRESS": ["complaint"]}, False),
            ({"FEEDBACK_SUPPRESS_SYNC": "?"}, False),
            ({}, False),
        ):
            with override_settings(ANYMAIL=settings):
                found = settings_checks.check_feedback_sync()
            self.assertEqual([one.id for one in found], ["anymail.W140"] * is_odd)

    @override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["everything"]})
    def test_e105_leaves_wrong_values_to_e101(self):
        with self.without_app:
            self.assertEqual(settings_checks.check_feedback_app(), [])


class ApiTests(SimpleTestCase):
    def found(self, backend: str, **anymail: Any) -> list[Any]:
        with use_backend(backend), override_settings(ANYMAIL=anymail):
            return [*apis.check_v1_api(), *apis.check_awscrt()]

    def test_e107_reports_what_the_v1_api_does_not_have(self) -> None:
        for anymail, name in (
            ({"AMAZON_SES_TENANT": "acme"}, "AMAZON_SES_TENANT"),
            ({"AMAZON_SES_ENDPOINT_ID": "abc.g3h"}, "AMAZON_SES_ENDPOINT_ID"),
            ({"SEND_DEFAULTS": {"track_opens": False}}, "track_opens in SEND_DEFAULTS"),
            ({"AMAZON_SES_SEND_DEFAULTS": {"tenant": "acme"}}, "tenant in SEND_DEFAULTS"),
        ):
            with self.subTest(name):
                [error] = self.found(V1, **anymail)
                self.assertEqual((error.id, error.level), ("anymail.E107", checks.ERROR))
                self.assertTrue(error.msg.endswith(f"does not support {name}."), error.msg)

    def test_e107_is_silent_about_v2_and_about_what_is_ignored(self) -> None:
        anymail: dict[str, Any] = {"AMAZON_SES_TENANT": "a", "SEND_DEFAULTS": {"track_opens": True}}
        self.assertEqual(self.found(V2, **anymail), [])
        self.assertEqual(self.found(V1, AMAZON_SES_API_VERSION=2, **anymail), [])
        self.assertEqual(self.found(V1, IGNORE_UNSUPPORTED_FEATURES=True, **anymail), [])
        self.assertEqual(self.found(V1, SEND_DEFAULTS={"track_opens": None}), [])
        self.assertEqual(self.found("anymail.backends.test.EmailBackend", **anymail), [])

    def test_e107_leaves_settings_and_mailers_that_are_wrong_to_other_checks(self) -> None:
        self.assertEqual(self.found(V1, AMAZON_SES_TENANT=5), [])
        self.assertEqual(self.found("anymail.backends.no_such.EmailBackend"), [])

    def test_e108_reports_that_awscrt_is_not_installed(self) -> None:
        with mock.patch.object(apis, "find_spec", return_value=None):
            [error] = self.found(V2, AMAZON_SES_ENDPOINT_ID="abc.g3h")
            self.assertEqual((error.id, error.level), ("anymail.E108", checks.ERROR))
            self.assertIn("botocore[crt]", error.hint)
            self.assertEqual(self.found(V2), [])
        with mock.patch.object(apis, "find_spec", return_value=object()):
            self.assertEqual(self.found(V2, AMAZON_SES_ENDPOINT_ID="abc.g3h"), [])


class SenderTests(SimpleTestCase):
    def found(self, **settings: Any) -> list[str]:
        with override_settings(**settings):
            found = sending.check_senders()
        self.assertEqual({message.id for message in found} - {"anymail.W117"}, set())
        return [message.msg.partition(" ")[0] for message in found]

    def test_w117_reports_the_senders_that_django_has_by_default(self):
        defaults = {
            "DEFAULT_FROM_EMAIL": global_settings.DEFAULT_FROM_EMAIL,
            "SERVER_EMAIL": global_settings.SERVER_EMAIL,
        }
        for backend in (V1, V2):
            with use_backend(backend), override_settings(ADMINS=["ann@example.com"]):
                self.assertEqual(self.found(**defaults), list(defaults))

    def test_w117_knows_other_ways_to_write_this_machine(self):
        for sender in ("root", "Shop <shop@LOCALHOST>", "a@localhost.localdomain", "a@web1", ""):
            with self.subTest(sender), use_backend(V1):
                self.assertEqual(self.found(DEFAULT_FROM_EMAIL=sender), ["DEFAULT_FROM_EMAIL"])

    def test_w117_is_silent_about_domains(self):
        for sender in ("shop@example.com", '"Shop, Ltd." <shop@mail.example.com>'):
            with use_backend(V1):
                self.assertEqual(self.found(DEFAULT_FROM_EMAIL=sender), [])

    def test_w117_asks_for_server_email_only_if_somebody_gets_reports(self):
        local = {"SERVER_EMAIL": "root@localhost", "DEFAULT_FROM_EMAIL": "shop@example.com"}
        with use_backend(V1):
            self.assertEqual(self.found(**local), [])
            for group in ("ADMINS", "MANAGERS"):
                self.assertEqual(self.found(**local, **{group: ["a@b.example"]}), ["SERVER_EMAIL"])

    def test_w117_is_silent_where_mail_does_not_go_to_ses(self):
        for backend in (
            "django.core.mail.backends.console.EmailBackend",
            "anymail.backends.test.EmailBackend",
            "no.such.EmailBackend",
        ):
            with self.subTest(backend), use_backend(backend):
                self.assertEqual(self.found(DEFAULT_FROM_EMAIL="webmaster@localhost"), [])


class SettingTypeTests(SimpleTestCase):
    @override_settings(ANYMAIL={"AMAZON_SES_SPLIT_RECIPIENTS": "False", "WEBHOOK_SECRET": 5})
    def test_e101_reports_every_setting_of_the_wrong_type(self):
        found = settings_checks.check_setting_types()
        self.assertEqual(ids(found), ["anymail.E101", "anymail.E101"])
        self.assertEqual(found[0].level, checks.ERROR)
        self.assertIn('ANYMAIL["WEBHOOK_SECRET"] must be', found[0].msg)
        self.assertIn('ANYMAIL["AMAZON_SES_SPLIT_RECIPIENTS"] must be', found[1].msg)

    def test_e101_tells_how_to_convert_what_comes_from_the_environment(self):
        for name, conversion in (
            ("AMAZON_SES_RETRY_TIMEOUTS", '.lower() == "true"'),
            ("AMAZON_SES_MAX_CONCURRENCY", "int("),
            ("AMAZON_SES_THROTTLE_TIMEOUT", "float("),
            ("AMAZON_SES_CLIENT_PARAMS", "json.loads("),
        ):
            with self.subTest(name), override_settings(ANYMAIL={name: "x"}):
                [error] = settings_checks.check_setting_types()
                self.assertIn(conversion, error.hint)
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": 5}):
            [error] = settings_checks.check_setting_types()
        self.assertIn('.split(",")', error.hint)

    def test_e101_converts_the_text_of_the_environment_to_what_the_setting_takes(self):
        for clean, conversion in settings_checks.CONVERSIONS.items():
            texts = ("1", "5.5", "true", "{}", "hard_bounce,complaint", "opened,clicked")
            accepted = [text for text in texts if self.takes(clean, conversion, text)]
            self.assertTrue(accepted, conversion)

    def test_e101_knows_a_conversion_for_every_setting_that_takes_no_text(self):
        cleaners = {spec.metadata["clean"] for group in conf.GROUPS for spec in fields(group)}
        identity = "arn:aws:ses:us-east-1:123456789012:identity/example.com"
        texts = ("x", "queue", "keep", "pull", RoleTests.ARN, identity, "bounces@example.com")
        refuse_text = {
            clean
            for clean in cleaners
            if not any(self.takes(clean, f"{text!r}", "") for text in texts)
        }
        self.assertEqual(refuse_text - settings_checks.CONVERSIONS.keys(), set())

    def takes(self, clean: Any, conversion: str, text: str) -> bool:
        """Whether a setting accepts a text of the environment after the conversion."""
        scope = {"json": json, "os": SimpleNamespace(environ={"...": text})}
        try:
            clean(eval(conversion, scope), "It")
        except (AnymailConfigurationError, ValueError):
            return False
        return True

    def test_e101_converts_nothing_where_a_text_is_wanted(self):
        with override_settings(ANYMAIL={"AMAZON_SES_MESSAGE_TAG_NAME": 5}):
            [error] = settings_checks.check_setting_types()
        self.assertNotIn("environ", error.hint)

    def test_e101_is_silent_about_the_defaults(self):
        self.assertEqual(settings_checks.check_setting_types(), [])

    @override_settings(ANYMAIL="WEBHOOK_SECRET")
    def test_an_anymail_that_is_no_dict_is_reported_once_and_breaks_no_check(self):
        with use_backend(V1):
            found = [m for m in run_checks() if m.id.startswith("anymail.")]
        self.assertEqual(ids(found), ["anymail.E101"])
        self.assertEqual(found[0].msg, "ANYMAIL must be a dict, not str.")


class SendDefaultsTests(SimpleTestCase):
    def found(self, **anymail: Any) -> list[checks.CheckMessage]:
        with override_settings(ANYMAIL=anymail):
            return sending.check_send_defaults()

    def test_w101_reports_what_no_message_has(self):
        for setting in ("SEND_DEFAULTS", "AMAZON_SES_SEND_DEFAULTS"):
            [warning] = self.found(**{setting: {"tag": ["a"], "metadata": {}}})
            self.assertEqual((warning.id, warning.level), ("anymail.W101", checks.WARNING))
            self.assertEqual(warning.msg, f"ANYMAIL[\"{setting}\"] has 'tag', which is ignored.")
            self.assertEqual(warning.hint, "Did you mean 'tags'?")

    def test_w101_lists_what_there_is_if_nothing_is_like_it(self):
        [warning] = self.found(SEND_DEFAULTS={"squirrels": 1})
        self.assertIn("esp_extra, envelope_sender", warning.hint)

    def test_w101_reports_each_of_them(self):
        self.assertEqual(ids(self.found(SEND_DEFAULTS={"x": 1, 2: 3})), ["anymail.W101"] * 2)

    def test_w101_reports_a_sender(self):
        [warning] = self.found(SEND_DEFAULTS={"from_email": "a@example.com"})
        self.assertIn("DEFAULT_FROM_EMAIL", warning.hint)

    def test_what_w101_reports_is_ignored(self):
        message = EmailMessage("Subject", "Body", None, ["to@example.com"])
        defaults = {"from_email": "a@example.com", "tag": ["x"]}
        outgoing = OutgoingMessage.from_django(message, defaults)
        self.assertEqual(outgoing, OutgoingMessage.from_django(message, {}))

    def test_w101_is_silent_about_everything_that_is_read(self):
        read: set[str] = set()

        class Defaults(dict):
            def get(self, key, default=None):
                read.add(key)
                return default

        OutgoingMessage.from_django(EmailMessage(to=["to@example.com"]), Defaults())
        self.assertEqual(ids(self.found(SEND_DEFAULTS=dict.fromkeys(read))), ["anymail.W101"])
        self.assertEqual(read - {"from_email"}, set(sending.DEFAULT_ATTRIBUTES))

    def test_w101_leaves_wrong_types_to_e101(self):
        self.assertEqual(self.found(SEND_DEFAULTS=["tag"]), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_w101_looks_into_the_options_of_mailers(self):
        with use_backend(V1, send_defaults={"tag": ["a"]}):
            [warning] = sending.check_send_defaults()
        self.assertIn("MAILERS['default']['OPTIONS']['send_defaults'] has 'tag'", warning.msg)

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_w101_leaves_options_of_the_wrong_type_to_e102(self):
        with use_backend(V1, send_defaults=["tag"]):
            self.assertEqual(sending.check_send_defaults(), [])
            self.assertEqual(ids(sending.check_mailers()), ["anymail.E102"])


class ImportTests(SimpleTestCase):
    def found(self, **anymail: Any) -> list[checks.CheckMessage]:
        with override_settings(ANYMAIL=anymail):
            return sending.check_imports()

    def test_e104_reports_a_factory_that_is_not_there(self):
        [error] = self.found(AMAZON_SES_CLIENT_FACTORY="no.such.factory")
        self.assertEqual((error.id, error.level), ("anymail.E104", checks.ERROR))
        self.assertEqual(
            error.msg,
            "ANYMAIL[\"AMAZON_SES_CLIENT_FACTORY\"] cannot be imported: No module named 'no'",
        )
        self.assertIn('"package.module.function"', error.hint)

    def test_e104_reports_an_encoder_that_is_not_there(self):
        for setting in ("IDNA_ENCODER", "AMAZON_SES_IDNA_ENCODER"):
            for path in ("a.b.c", "idna2010"):
                [error] = self.found(**{setting: path})
                self.assertEqual(error.id, "anymail.E104")
                self.assertIn(f'ANYMAIL["{setting}"] is {path!r}, none of', error.msg)
                self.assertIn('"idna2008"', error.hint)

    def test_e104_reports_what_cannot_be_called(self):
        for setting in ("AMAZON_SES_CLIENT_FACTORY", "IDNA_ENCODER"):
            [error] = self.found(**{setting: "os.path.sep"})
            self.assertIn("is not callable", error.msg)

    def test_e104_reports_a_function_for_the_tenant_that_is_not_there(self):
        for path, problem in (("no.such.function", "imported"), ("os.path.sep", "not callable")):
            [error] = self.found(AMAZON_SES_TENANT=path)
            self.assertEqual(error.id, "anymail.E104")
            self.assertIn(problem, error.msg)
        self.assertEqual(self.found(AMAZON_SES_TENANT="acme"), [])

    def test_e104_reports_a_module_that_fails(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(sys, "path", [folder]):
            Path(folder, "fails_at_import.py").write_text("{}['AWS_ROLE']")
            [error] = self.found(AMAZON_SES_CLIENT_FACTORY="fails_at_import.make_client")
        self.assertIn("AWS_ROLE", error.msg)

    def test_e104_is_silent_about_what_is_there(self):
        for value in ("anymail.amazon_ses.aws.client", print, None, ""):
            with self.subTest(value=value):
                found = self.found(AMAZON_SES_CLIENT_FACTORY=value, IDNA_ENCODER=value)
                self.assertEqual(found, [])
        for word in IDNA_ENCODERS:
            self.assertEqual(self.found(AMAZON_SES_IDNA_ENCODER=word), [])

    def test_e104_leaves_wrong_types_to_e101(self):
        self.assertEqual(self.found(AMAZON_SES_CLIENT_FACTORY=5), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e104_looks_into_the_options_of_mailers(self):
        for name in ("client_factory", "idna_encoder"):
            with use_backend(V2, **{name: "no.such.function"}):
                [error] = sending.check_imports()
            self.assertIn(f"MAILERS['default']['OPTIONS'][{name!r}]", error.msg)
            for nothing in (None, ""):
                with use_backend(V2, **{name: nothing}):
                    self.assertEqual(sending.check_imports(), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e104_leaves_options_of_the_wrong_type_to_e102(self):
        with use_backend(V1, client_factory=5):
            self.assertEqual(sending.check_imports(), [])
            self.assertEqual(ids(sending.check_mailers()), ["anymail.E102"])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e104_leaves_the_mailers_of_others_alone(self):
        with use_backend(f"{__name__}.CannotConstruct", client_factory="no.such.factory"):
            self.assertEqual(sending.check_imports(), [])


class RateLimitCacheTests(SimpleTestCase):
    @override_settings(ANYMAIL={"AMAZON_SES_RATE_LIMIT_CACHE": "rates"})
    def test_e103_reports_a_cache_that_is_not_there(self):
        [error] = sending.check_rate_limit_cache()
        self.assertEqual((error.id, error.level), ("anymail.E103", checks.ERROR))
        self.assertIn("'rates', and CACHES has no such cache", error.msg)
        self.assertIn("'default'", error.hint)

    def test_e103_is_silent_without_one_and_about_one_that_is_there(self):
        for alias in (None, "default"):
            with override_settings(ANYMAIL={"AMAZON_SES_RATE_LIMIT_CACHE": alias}):
                self.assertEqual(sending.check_rate_limit_cache(), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e103_looks_into_the_options_of_mailers(self):
        with use_backend(V1, rate_limit_cache="nope"):
            [error] = sending.check_rate_limit_cache()
        self.assertEqual(error.id, "anymail.E103")
        self.assertIn("MAILERS['default']['OPTIONS']['rate_limit_cache'] is 'nope'", error.msg)
        for alias in ("default", None, "", ["nope"]):
            with use_backend(V1, rate_limit_cache=alias):
                self.assertEqual(sending.check_rate_limit_cache(), [])

    @override_settings(ANYMAIL={"AMAZON_SES_RATE_LIMIT_CACHE": 1})
    def test_e103_leaves_wrong_types_to_e101(self):
        self.assertEqual(sending.check_rate_limit_cache(), [])


class RateIsSharedTests(SimpleTestCase):
    def found(self, **anymail: Any) -> list[checks.CheckMessage]:
        with override_settings(ANYMAIL=anymail):
            return sending.check_rate_is_shared()

    def test_w102_reports_a_cache_without_a_rate(self):
        [warning] = self.found(AMAZON_SES_RATE_LIMIT_CACHE="default")
        self.assertEqual((warning.id, warning.level), ("anymail.W102", checks.WARNING))
        self.assertIn("AMAZON_SES_RATE_LIMIT_CACHE", warning.msg)

    def test_w102_is_silent_with_a_rate_and_without_a_cache(self):
        for rate in (5, "account"):
            self.assertEqual(
                self.found(AMAZON_SES_RATE_LIMIT_CACHE="default", AMAZON_SES_MAX_SEND_RATE=rate), []
            )
        self.assertEqual(self.found(), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_w102_looks_into_the_options_of_mailers(self):
        with use_backend(V1, rate_limit_cache="default"):
            self.assertEqual(ids(self.found()), ["anymail.W102"])
        with use_backend(V1, rate_limit_cache="default", max_send_rate=5):
            self.assertEqual(self.found(), [])


class RaisesSomething(EmailBackend):
    """A backend of ours that cannot be made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise LookupError("no squirrel")


class CannotConstruct(BaseEmailBackend):
    """A backend that is not ours."""

    def __init__(self, *args, **kwargs):
        raise TypeError("always")


class EndpointTests(SimpleTestCase):
    def test_w114_reports_what_is_sent_to_this_machine(self):
        for url in (
            "http://127.0.0.1:8026",
            "http://localhost:4566/",
            "http://[::1]:1",
            "http://a.localhost",
        ):
            params = {"AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": url}}
            with self.subTest(url), override_settings(ANYMAIL=params):
                [warning] = sending.check_endpoint()
                self.assertEqual((warning.id, warning.level), ("anymail.W114", checks.WARNING))
                self.assertIn(url, warning.msg)

    def test_w114_is_silent_about_amazon_and_what_is_no_url(self):
        vpc = "https://vpce-1.email.eu-west-1.vpce.amazonaws.com"
        for params in (
            {},
            {"endpoint_url": vpc},
            {"endpoint_url": None},
            {"endpoint_url": "http://["},
        ):
            with (
                self.subTest(params),
                override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": params}),
            ):
                self.assertEqual(sending.check_endpoint(), [])

    @override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": "http://localhost"}})
    def test_w114_comes_with_deployment_only(self):
        for deploy in (False, True):
            found = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=deploy)
            self.assertEqual("anymail.W114" in ids(found), deploy)

    @override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": "http://localhost"})
    def test_w114_leaves_wrong_types_to_e101(self):
        self.assertEqual(sending.check_endpoint(), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_w114_looks_into_mailers(self):
        with use_backend(V1, client_params={"endpoint_url": "http://127.0.0.1:1"}):
            [warning] = sending.check_endpoint()
        self.assertIn("MAILERS['default']", warning.msg)


class MailerTests(SimpleTestCase):
    def test_e102_is_silent_about_our_backends_as_they_should_be(self):
        for path in (V1, V2, "anymail.backends.test.EmailBackend"):
            with self.subTest(path=path), use_backend(path):
                self.assertEqual(sending.check_mailers(), [])

    def test_e102_is_silent_about_backends_of_others(self):
        with use_backend(f"{__name__}.CannotConstruct"):
            self.assertEqual(sending.check_mailers(), [])

    def test_e102_is_silent_about_modules_of_others_that_cannot_be_imported(self):
        with use_backend("somebody.elses.EmailBackend"):
            self.assertEqual(sending.check_mailers(), [])

    def test_e102_reports_a_misspelt_path_of_ours(self):
        with use_backend("anymail.backends.amazon_sess.EmailBackend"):
            [error] = sending.check_mailers()
        self.assertEqual((error.id, error.level), ("anymail.E102", checks.ERROR))
        self.assertIn("amazon_sess", error.msg)

    def test_e102_reports_a_class_of_ours_that_does_not_exist(self):
        with use_backend("anymail.backends.amazon_ses.EmialBackend"):
            self.assertEqual(ids(sending.check_mailers()), ["anymail.E102"])

    def test_e102_reports_whatever_constructing_one_of_ours_raises(self):
        with use_backend(f"{__name__}.RaisesSomething"):
            [error] = sending.check_mailers()
        self.assertIn("LookupError: no squirrel", error.msg)

    def test_e102_leaves_modules_of_others_that_fail_to_django(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(sys, "path", [folder]):
            Path(folder, "fails_on_import.py").write_text("import os; os.environ['NOT THERE']")
            with use_backend("fails_on_import.EmailBackend"):
                self.assertEqual(sending.check_mailers(), [])

    def test_e102_leaves_what_is_no_path_to_django(self):
        for path in (None, 5):
            with self.subTest(path), email_backend(path):
                self.assertEqual(sending.check_mailers(), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e102_leaves_mailers_that_are_none_to_django(self):
        for setting in ({"default": {"BACKEND": None}}, [], "x"):
            with self.subTest(setting), override_settings(MAILERS=setting):
                self.assertEqual(sending.check_mailers(), [])

    def test_e102_leaves_wrong_types_to_e101(self):
        with (
            use_backend(V1),
            override_settings(ANYMAIL={"AMAZON_SES_SPLIT_RECIPIENTS": "False"}),
        ):
            self.assertEqual(sending.check_mailers(), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e102_reports_an_unknown_option_and_the_mailer_that_has_it(self):
        with override_settings(
            MAILERS={
                "default": {"BACKEND": V1},
                "news": {"BACKEND": V1, "OPTIONS": {"regoin": "us-east-1"}},
            }
        ):
            [error] = sending.check_mailers()
        self.assertEqual(error.id, "anymail.E102")
        self.assertIn("MAILERS['news'] cannot be used", error.msg)
        self.assertIn("regoin", error.msg)
        self.assertIn("lower case", error.hint)

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e102_reports_an_option_of_the_wrong_type(self):
        with use_backend(V1, split_recipients="no"):
            [error] = sending.check_mailers()
        self.assertIn("the option 'split_recipients' must be True or False", error.msg)

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e102_reports_options_that_are_no_dict(self):
        mailer = {"BACKEND": V1, "OPTIONS": ["rate_limit_cache"]}
        with override_settings(MAILERS={"default": mailer}):
            self.assertEqual(ids(sending.check_mailers()), ["anymail.E102"])
            self.assertEqual(sending.check_rate_limit_cache(), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e102_takes_every_setting_as_an_option(self):
        with use_backend(V1, client_params={"region_name": "us-east-1"}, message_tag_name="x"):
            self.assertEqual(sending.check_mailers(), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e102_leaves_a_mailers_entry_without_a_backend_to_django(self):
        with override_settings(MAILERS={"default": {}}):
            self.assertEqual(sending.check_mailers(), [])

    @skipUnless(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_e102_leaves_a_mailers_entry_that_is_no_dict_to_django(self):
        with override_settings(MAILERS={"default": V1}):
            self.assertEqual(sending.check_mailers(), [])

    @skipIf(MAILERS_EXIST, "MAILERS came with Django 6.1")
    def test_before_django_6_1_a_mailers_setting_means_nothing(self):
        with use_backend(V1), override_settings(MAILERS={"default": {"BACKEND": "anymail.x.Y"}}):
            self.assertEqual(sending.check_mailers(), [])

    def test_without_mailers_email_backend_is_checked_and_named(self):
        with email_backend("anymail.backends.amazon_sess.EmailBackend"):
            [error] = sending.check_mailers()
        self.assertTrue(error.msg.startswith("EMAIL_BACKEND cannot be used: "))

    def test_reading_email_backend_warns_of_nothing(self):
        with email_backend(V1), warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertEqual(sending.check_mailers(), [])


def email_backend(path: Any):
    """Settings with EMAIL_BACKEND and without MAILERS, on every Django."""
    settings = override_settings()
    if not MAILERS_EXIST:
        return override_settings(EMAIL_BACKEND=path)
    from django.conf import settings as django_settings

    class Deprecated:
        def __enter__(self):
            settings.enable()
            del django_settings.MAILERS
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                django_settings.EMAIL_BACKEND = path

        def __exit__(self, *args):
            settings.disable()

    return Deprecated()


class RegistrationTests(SimpleTestCase):
    def test_every_check_runs_with_manage_py_check(self):
        with (
            use_backend("anymail.backends.nothing.EmailBackend"),
            override_settings(
                ANYMAIL={
                    "WEBHOOK_AUTHORIZATION": "x",
                    "SQUIRRELS": 1,
                    "DEBUG_API_REQUESTS": True,
                    "AMAZON_SES_RATE_LIMIT_CACHE": "rates",
                    "AMAZON_SES_CLIENT_FACTORY": "no.such.factory",
                    "SEND_DEFAULTS": {"tag": ["a"]},
                },
                DEBUG=False,
            ),
        ):
            found = {message.id for message in run_checks()}
        numbers = ("E001", "W002", "W100", "W101", "E102", "E103", "E104")
        self.assertLessEqual({f"anymail.{number}" for number in numbers}, found)
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": 1}):
            self.assertIn("anymail.E101", {message.id for message in run_checks()})

    def test_debugging_is_a_matter_of_security(self):
        with override_settings(ANYMAIL={"DEBUG_API_REQUESTS": True}, DEBUG=False):
            found = checks.run_checks(tags=[checks.Tags.security])
        self.assertIn("anymail.W002", {message.id for message in found})

    def test_the_checks_create_no_client(self):
        with (
            use_backend(V1),
            mock.patch.object(aws, "create_client") as create,
            mock.patch("socket.socket.connect") as connect,
        ):
            run_checks()
        create.assert_not_called()
        connect.assert_not_called()

    def test_every_check_is_registered(self):
        registered = checks.registry.registry.get_checks(include_deployment_checks=True)
        modules = (settings_checks, sending, apis, webhooks, deployment, queues, installation)
        for module in modules:
            for name, check in vars(module).items():
                is_its_own = getattr(check, "__module__", None) == module.__name__
                if name.startswith("check_") and is_its_own:
                    self.assertIn(check, registered, name)
