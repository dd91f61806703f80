"""Where settings come from, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from types import MappingProxyType

from django.conf import settings
from django.test import SimpleTestCase, override_settings

from anymail import conf
from anymail.conf import (
    UNSET,
    AmazonSESSettings,
    FeedbackSettings,
    OutboxSettings,
    SendDefaults,
    SendSettings,
    WebhookSettings,
    get_anymail_setting,
)
from anymail.exceptions import AnymailConfigurationError


class LookupOrderTests(SimpleTestCase):
    @override_settings(
        ANYMAIL={"AMAZON_SES_CONFIGURATION_SET_NAME": "inside"},
        ANYMAIL_AMAZON_SES_CONFIGURATION_SET_NAME="flat",
    )
    def test_a_keyword_wins_over_every_setting(self):
        settings = AmazonSESSettings.load({"configuration_set_name": "keyword"})
        self.assertEqual(settings.configuration_set_name, "keyword")

    @override_settings(
        ANYMAIL={"AMAZON_SES_CONFIGURATION_SET_NAME": "inside"},
        ANYMAIL_AMAZON_SES_CONFIGURATION_SET_NAME="flat",
    )
    def test_the_dict_wins_over_the_flat_name(self):
        self.assertEqual(AmazonSESSettings.load().configuration_set_name, "inside")

    @override_settings(ANYMAIL={}, ANYMAIL_AMAZON_SES_CONFIGURATION_SET_NAME="flat")
    def test_the_flat_name_wins_over_the_default(self):
        self.assertEqual(AmazonSESSettings.load().configuration_set_name, "flat")

    @override_settings(
        ANYMAIL_AMAZON_SES_SNS_CERT_CACHE="ours", BOUNCY_KEY_CACHE="theirs", ANYMAIL={}
    )
    def test_the_flat_name_wins_over_the_fallback_of_django_bouncy(self):
        self.assertEqual(AmazonSESSettings.load().sns_cert_cache, "ours")

    @override_settings(
        BOUNCY_AUTO_SUBSCRIBE=False,
        BOUNCY_VERIFY_CERTIFICATE=False,
        BOUNCY_TOPIC_ARN=["arn:aws:sns:us-east-1:123456789012:t"],
        BOUNCY_KEY_CACHE="keys",
        BOUNCY_CERT_DOMAIN_REGEX="sns[.]example",
    )
    def test_the_settings_of_django_bouncy_are_the_last_fallback(self):
        settings = AmazonSESSettings.load()
        self.assertIs(settings.auto_confirm_sns_subscriptions, False)
        self.assertIs(settings.verify_sns_signatures, False)
        self.assertEqual(settings.sns_topic_arns, ("arn:aws:sns:us-east-1:123456789012:t",))
        self.assertEqual(settings.sns_cert_cache, "keys")
        self.assertEqual(settings.sns_cert_host_regex, "sns[.]example")

    def test_without_any_of_them_it_is_the_default(self):
        settings = AmazonSESSettings.load()
        self.assertIsNone(settings.configuration_set_name)
        self.assertEqual(settings.session_params, {})
        self.assertLessEqual(settings.throttle_timeout, 10)  # gunicorn ends a request after 30
        self.assertEqual(settings.sns_max_age, 7200)
        self.assertEqual(settings.sns_cert_cache, "default")
        self.assertEqual(settings.inbound_max_size, 40 * 1024 * 1024)
        self.assertIs(settings.auto_confirm_sns_subscriptions, True)
        self.assertIs(settings.verify_sns_signatures, True)
        self.assertEqual(SendSettings.load().idna_encoder, "idna2008")

    @override_settings(CONFIGURATION_SET_NAME="bare", AMAZON_SES_CONFIGURATION_SET_NAME="bare")
    def test_names_without_anymail_before_them_are_not_read(self):
        self.assertIsNone(AmazonSESSettings.load().configuration_set_name)

    def test_what_is_taken_from_the_keywords_is_popped_and_nothing_else(self):
        keywords = {"message_tag_name": "campaign", "alias": "default", "regoin": 1}
        AmazonSESSettings.load(keywords)
        self.assertEqual(keywords, {"alias": "default", "regoin": 1})

    @override_settings(
        ANYMAIL={"AMAZON_SES_CONFIGURATION_SET_NAME": None},
        ANYMAIL_AMAZON_SES_CONFIGURATION_SET_NAME="flat",
    )
    def test_none_counts_as_found(self):
        self.assertIsNone(AmazonSESSettings.load().configuration_set_name)

    @override_settings(ANYMAIL={"AMAZON_SES_CONFIGURATION_SET_NAME": "inside"})
    def test_a_keyword_of_none_counts_as_found(self):
        settings = AmazonSESSettings.load({"configuration_set_name": None})
        self.assertIsNone(settings.configuration_set_name)

    @override_settings(ANYMAIL=None)
    def test_anymail_may_be_none(self):
        self.assertIsNone(AmazonSESSettings.load().configuration_set_name)

    @override_settings()
    def test_anymail_may_be_absent(self):
        if hasattr(settings, "ANYMAIL"):
            del settings.ANYMAIL
        self.assertEqual(WebhookSettings.load().webhook_secret, ())

    @override_settings(ANYMAIL=MappingProxyType({"WEBHOOK_SECRET": "a:b"}))
    def test_anymail_may_be_any_mapping(self):
        self.assertEqual(WebhookSettings.load().webhook_secret, ("a:b",))

    def test_settings_are_read_when_they_are_loaded(self):
        before = AmazonSESSettings.load()
        with override_settings(ANYMAIL={"AMAZON_SES_MESSAGE_TAG_NAME": "campaign"}):
            inside = AmazonSESSettings.load()
        after = AmazonSESSettings.load()
        self.assertEqual(
            [s.message_tag_name for s in (before, inside, after)], [None, "campaign", None]
        )

    @override_settings(ANYMAIL={"SEND_DEFAULTS": {"tags": ["a"]}})
    def test_send_defaults_of_all_services_and_of_ses_are_two_settings(self):
        self.assertEqual(SendDefaults.load().send_defaults, {"tags": ["a"]})
        self.assertEqual(AmazonSESSettings.load().send_defaults, {})

    def test_importing_the_package_reads_no_setting(self):
        code = (
            "import anymail.conf, anymail.backends.amazon_ses, anymail.backends.amazon_sesv2\n"
            "import anymail.backends.test, anymail.backends.console, anymail.message\n"
            "import anymail.webhooks.amazon_ses, anymail.urls, anymail.checks\n"
            "from django.conf import settings\n"
            "assert not settings.configured\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={"PATH": ""},
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class TypeTests(SimpleTestCase):
    def check_refused(self, name: str, value: object, wanted: str) -> None:
        full_name = f"AMAZON_SES_{name.upper()}"
        with (
            override_settings(ANYMAIL={full_name: value}),
            self.assertRaises(AnymailConfigurationError) as caught,
        ):
            AmazonSESSettings.load()
        start = f'ANYMAIL["{full_name}"] must be {wanted}, not '
        self.assertTrue(str(caught.exception).startswith(start), caught.exception)

    def found(self, name: str, value: object) -> str:
        """What the error says that there is."""
        with self.assertRaises(AnymailConfigurationError) as caught:
            AmazonSESSettings.load({name: value})
        return str(caught.exception).rpartition(", not ")[2].removesuffix(".")

    def test_numbers_that_are_no_good_are_shown(self):
        for name, value in (
            ("max_concurrency", 0),
            ("max_concurrency", 2.5),
            ("max_send_rate", -0.5),
            ("throttle_timeout", -1),
            ("inbound_max_size", 0),
            ("split_recipients", 2),
            ("inbound_max_size", True),
        ):
            with self.subTest(name=name, value=value):
                self.assertEqual(self.found(name, value), repr(value))

    def test_what_is_empty_is_told(self):
        self.assertEqual(self.found("sns_cert_cache", ""), "an empty string")
        self.assertEqual(self.found("max_send_rate", ""), "an empty string")
        self.assertEqual(self.found("sns_cert_cache", None), "None")

    def test_of_other_values_only_the_type_is_told(self):
        """They may be secrets."""
        for name, value, kind in (
            ("max_concurrency", "s3cret", "str"),
            ("max_send_rate", {"a": "s3cret"}, "dict"),
            ("client_params", "s3cret", "str"),
            ("client_params", [("aws_secret_access_key", "s3cret")], "list of tuple"),
            ("sns_topic_arns", ["s3cret", b"s3cret", 5], "list of bytes, int, str"),
            ("configuration_set_name", 53, "int"),
        ):
            with self.subTest(name=name, value=value):
                self.assertEqual(self.found(name, value), kind)

    def test_a_rate_is_above_0_or_none(self):
        for value in (0, -1, "fast", True, float("nan")):
            with self.subTest(value=value):
                self.check_refused(
                    "max_send_rate",
                    value,
                    'recipients per second, above 0, "account", or None for no limit',
                )
        for value in (0.5, 14, "account", None):
            self.assertEqual(AmazonSESSettings.load({"max_send_rate": value}).max_send_rate, value)

    def test_the_text_false_is_no_bool(self):
        for value in ("False", "True", "", "0"):
            with self.subTest(value=value):
                self.check_refused("split_recipients", value, "True or False")

    def test_other_numbers_than_0_and_1_are_no_bool(self):
        self.check_refused("split_recipients", 2, "True or False")

    @override_settings(ANYMAIL={"AMAZON_SES_SPLIT_RECIPIENTS": 1})
    def test_1_is_true(self):
        self.assertIs(AmazonSESSettings.load().split_recipients, True)

    def test_a_name_must_be_text(self):
        self.check_refused("configuration_set_name", 3, "a string or None")

    @override_settings(ANYMAIL={"AMAZON_SES_CONFIGURATION_SET_NAME": ""})
    def test_an_empty_name_is_none(self):
        self.assertIsNone(AmazonSESSettings.load().configuration_set_name)

    def test_parameters_must_be_a_dict(self):
        for name in ("client_params", "session_params", "send_defaults", "sns_client_params"):
            with self.subTest(name=name):
                self.check_refused(name, [("region_name", "us-east-1")], "a dict")

    @override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": None})
    def test_parameters_of_none_are_none_at_all(self):
        self.assertEqual(AmazonSESSettings.load().client_params, {})

    def test_parameters_are_a_copy(self):
        given = {"region_name": "us-east-1"}
        with override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": given}):
            AmazonSESSettings.load().client_params["x"] = 1
        self.assertEqual(given, {"region_name": "us-east-1"})

    def test_no_parameters_for_sns_s3_and_kms_is_not_the_same_as_empty_ones(self):
        self.assertIsNone(AmazonSESSettings.load().s3_client_params)
        settings = AmazonSESSettings.load({"s3_client_params": {}})
        self.assertEqual(settings.s3_client_params, {})

    def test_lists_of_text_are_normalised(self):
        cases = [
            ("a", ("a",)),
            (["a", "b"], ("a", "b")),
            (("a",), ("a",)),
            ({"a"}, ("a",)),
            ("", ()),
            (None, ()),
            ([], ()),
            (["", "a"], ("a",)),
        ]
        for value, expected in cases:
            with self.subTest(value=value), override_settings(ANYMAIL={"WEBHOOK_SECRET": value}):
                self.assertEqual(WebhookSettings.load().webhook_secret, expected)

    def test_lists_of_something_else_are_refused(self):
        for value in ([1], 5, {"a": "b"}, [b"a"]):
            with self.subTest(value=value):
                self.check_refused("sns_topic_arns", value, "a string or a list of strings")

    def test_seconds_are_numbers_from_0_up(self):
        for value in ("60", True, -1, None):
            with self.subTest(value=value):
                self.check_refused("throttle_timeout", value, "a number of seconds, 0 or more")

    @override_settings(ANYMAIL={"AMAZON_SES_SNS_MAX_AGE": None})
    def test_a_maximum_age_of_none_means_no_limit(self):
        self.assertIsNone(AmazonSESSettings.load().sns_max_age)

    def test_sizes_are_whole_numbers_above_0(self):
        for value in ("1", 0, 1.5, True, None):
            with self.subTest(value=value):
                self.check_refused("inbound_max_size", value, "a number of bytes, more than 0")

    def test_a_cache_alias_cannot_be_empty(self):
        for value in ("", None):
            with self.subTest(value=value):
                self.check_refused("sns_cert_cache", value, "a string")

    def test_a_factory_is_a_callable_or_a_dotted_path(self):
        for value in (print, "package.make_client", None):
            self.assertEqual(
                AmazonSESSettings.load({"client_factory": value}).client_factory, value
            )
        self.check_refused("client_factory", 5, "a callable, a dotted path to one, or None")

    def test_an_encoder_is_a_word_a_callable_or_a_dotted_path(self):
        for value in ("uts46", print, "package.encode"):
            with override_settings(ANYMAIL={"IDNA_ENCODER": value}):
                self.assertEqual(SendSettings.load().idna_encoder, value)
        wanted = (
            '"idna2008", "idna2003", "uts46", "none", a callable, a dotted path to one, or None'
        )
        self.check_refused("idna_encoder", 5, wanted)

    def test_an_encoder_of_none_or_nothing_is_the_default(self):
        for value in (None, ""):
            with override_settings(ANYMAIL={"IDNA_ENCODER": value}):
                self.assertEqual(SendSettings.load().idna_encoder, "idna2008")
            with override_settings(
                ANYMAIL={"IDNA_ENCODER": "uts46", "AMAZON_SES_IDNA_ENCODER": value}
            ):
                self.assertIsNone(AmazonSESSettings.load().idna_encoder)

    def test_the_error_names_the_option_of_a_backend(self):
        with self.assertRaisesMessage(
            AnymailConfigurationError,
            "the option 'split_recipients' must be True or False, not str.",
        ):
            AmazonSESSettings.load({"split_recipients": "no"})

    @override_settings(ANYMAIL_AMAZON_SES_SPLIT_RECIPIENTS="no")
    def test_the_error_names_the_flat_setting(self):
        with self.assertRaisesMessage(
            AnymailConfigurationError, "ANYMAIL_AMAZON_SES_SPLIT_RECIPIENTS must be True or False"
        ):
            AmazonSESSettings.load()

    @override_settings(BOUNCY_AUTO_SUBSCRIBE="no")
    def test_the_error_names_the_fallback(self):
        with self.assertRaisesMessage(AnymailConfigurationError, "BOUNCY_AUTO_SUBSCRIBE must be"):
            AmazonSESSettings.load()

    @override_settings(ANYMAIL=["WEBHOOK_SECRET"])
    def test_anymail_must_be_a_dict(self):
        with self.assertRaisesMessage(
            AnymailConfigurationError, "ANYMAIL must be a dict, not list of str."
        ):
            AmazonSESSettings.load()

    def test_settings_cannot_be_changed(self):
        with self.assertRaises(FrozenInstanceError):
            AmazonSESSettings.load().message_tag_name = "x"

    def test_every_setting_accepts_its_own_default(self):
        for group in conf.GROUPS:
            with self.subTest(group=group.__name__):
                defaults = group.load()
                for spec in fields(group):
                    value = getattr(defaults, spec.name)
                    again = getattr(group.load({spec.name: value}), spec.name)
                    self.assertEqual(again, value)


class SuppressReasonsTests(SimpleTestCase):
    def test_known_words_are_taken_as_one_or_several(self):
        for value, expected in (
            ("complaint", ("complaint",)),
            (["hard_bounce", "complaint"], ("hard_bounce", "complaint")),
            ([], ()),
            (None, ()),
        ):
            with self.subTest(value=value), override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": value}):
                self.assertEqual(FeedbackSettings.load().feedback_suppress, expected)

    @override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["bounce"]})
    def test_another_word_is_refused(self):
        with self.assertRaisesMessage(
            AnymailConfigurationError, "ANYMAIL[\"FEEDBACK_SUPPRESS\"] has 'bounce'"
        ):
            FeedbackSettings.load()


class OutboxSettingsTests(SimpleTestCase):
    def check_refused(self, name: str, value: object, wanted: str) -> None:
        with (
            override_settings(ANYMAIL={name: value}),
            self.assertRaisesMessage(
                AnymailConfigurationError, f'ANYMAIL["{name}"] must be {wanted}, not '
            ),
        ):
            OutboxSettings.load()

    def test_a_bell_is_a_word_a_callable_a_dotted_path_or_none(self):
        for value in ("tasks", "command", "project.tasks.ring", print, None):
            with override_settings(ANYMAIL={"OUTBOX_BELL": value}):
                self.assertEqual(OutboxSettings.load().outbox_bell, value)

    def test_a_misspelled_bell_is_refused(self):
        wanted = '"tasks", "command", a callable, a dotted path to one, or None'
        for value in ("task", 5):
            with self.subTest(value=value):
                self.check_refused("OUTBOX_BELL", value, wanted)

    def test_a_lease_takes_time(self):
        for value in (0, -1, True, "60", None, float("nan")):
            with self.subTest(value=value):
                self.check_refused("OUTBOX_LEASE", value, "a number of seconds, more than 0")

    def test_a_rate_is_a_part_of_a_whole_or_none(self):
        for value in (0, 0.05, 1, None):
            with override_settings(ANYMAIL={"OUTBOX_MAX_BOUNCE_RATE": value}):
                self.assertEqual(OutboxSettings.load().outbox_max_bounce_rate, value)
        for value in (5, -0.1, True, "5 %", float("nan")):
            with self.subTest(value=value):
                self.check_refused(
                    "OUTBOX_MAX_COMPLAINT_RATE", value, "a number from 0 to 1, or None"
                )

    def test_a_reserve_has_shares_and_a_priority(self):
        with override_settings(ANYMAIL={"OUTBOX_RESERVE": {"min_priority": 50, "rate": 0.3}}):
            self.assertEqual(
                OutboxSettings.load().outbox_reserve,
                conf.Reserve(min_priority=50, rate=0.3, daily=0),
            )
        with override_settings(ANYMAIL={"OUTBOX_RESERVE": None}):
            reserve = OutboxSettings.load().outbox_reserve
        self.assertTrue(reserve.is_for(-100))
        self.assertEqual((reserve.rate, reserve.daily), (0, 0))

    def test_a_reserve_that_makes_no_sense_is_refused(self):
        share = "a share from 0 to less than 1, such as 0.2"
        priority = "a whole number from -100 to 100"
        for name, value, wanted in (
            ("rate", 1, share),
            ("rate", 20, share),
            ("daily", -0.1, share),
            ("daily", "0.1", share),
            ("daily", float("nan"), share),
            ("min_priority", 101, priority),
            ("min_priority", True, priority),
            ("min_priority", 0.5, priority),
        ):
            with (
                self.subTest(name=name, value=value),
                override_settings(ANYMAIL={"OUTBOX_RESERVE": {name: value}}),
                self.assertRaisesMessage(
                    AnymailConfigurationError,
                    f'ANYMAIL["OUTBOX_RESERVE"]["{name}"] must be {wanted}, not ',
                ),
            ):
                OutboxSettings.load()
        self.check_refused("OUTBOX_RESERVE", 0.2, "a dict or None")
        with (
            override_settings(ANYMAIL={"OUTBOX_RESERVE": {"dayly": 0.1}}),
            self.assertRaisesMessage(AnymailConfigurationError, "has 'dayly', which is not one of"),
        ):
            OutboxSettings.load()


class CurrentSettingsTests(SimpleTestCase):
    """What is kept in memory is never older than the settings."""

    def secret(self):
        return conf.current_settings().get(WebhookSettings).webhook_secret

    def test_they_are_loaded_once(self):
        one = conf.current_settings().get(WebhookSettings)
        self.assertIs(conf.current_settings().get(WebhookSettings), one)

    def test_they_are_what_load_says(self):
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": "a:b"}):
            for group in conf.GROUPS:
                with self.subTest(group=group.__name__):
                    self.assertEqual(conf.current_settings().get(group), group.load())

    def test_an_override_counts_and_ends(self):
        self.assertEqual(self.secret(), ())
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": "a:b"}):
            self.assertEqual(self.secret(), ("a:b",))
            with override_settings(ANYMAIL={"WEBHOOK_SECRET": "c:d"}):
                self.assertEqual(self.secret(), ("c:d",))
            self.assertEqual(self.secret(), ("a:b",))
        self.assertEqual(self.secret(), ())

    def test_a_flat_setting_counts_and_ends(self):
        self.assertEqual(self.secret(), ())
        with override_settings(ANYMAIL_WEBHOOK_SECRET="a:b"):
            self.assertEqual(self.secret(), ("a:b",))
        self.assertEqual(self.secret(), ())

    def test_assignments_count(self):
        with override_settings(ANYMAIL={}):
            self.assertEqual(self.secret(), ())
            settings.ANYMAIL = {"WEBHOOK_SECRET": "a:b"}
            self.assertEqual(self.secret(), ("a:b",))
            settings.ANYMAIL["WEBHOOK_SECRET"] = "c:d"
            self.assertEqual(self.secret(), ("c:d",))
            settings.ANYMAIL = {}
            settings.ANYMAIL_WEBHOOK_SECRET = "e:f"
            self.assertEqual(self.secret(), ("e:f",))
            settings.ANYMAIL_WEBHOOK_SECRET = "g:h"
            self.assertEqual(self.secret(), ("g:h",))
            del settings.ANYMAIL_WEBHOOK_SECRET
            self.assertEqual(self.secret(), ())

    @override_settings(ANYMAIL_WEBHOOK_SECRET="a:b")
    def test_a_deleted_setting_counts(self):
        with override_settings():
            self.assertEqual(self.secret(), ("a:b",))
            del settings.ANYMAIL_WEBHOOK_SECRET
            self.assertEqual(self.secret(), ())

    def test_a_wrong_type_is_an_error_each_time(self):
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": 5}):
            for _ in range(2):
                with self.assertRaises(AnymailConfigurationError):
                    self.secret()


class BorrowedNamesTests(SimpleTestCase):
    @override_settings(BOUNCY_KEY_CACHE="keys", BOUNCY_AUTO_SUBSCRIBE=True, ANYMAIL={})
    def test_settings_of_django_bouncy_in_use_are_named_with_ours(self):
        self.assertEqual(
            conf.fallbacks_in_use(),
            {
                "BOUNCY_AUTO_SUBSCRIBE": "AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS",
                "BOUNCY_KEY_CACHE": "AMAZON_SES_SNS_CERT_CACHE",
            },
        )

    @override_settings(BOUNCY_KEY_CACHE="keys", ANYMAIL={"AMAZON_SES_SNS_CERT_CACHE": "default"})
    def test_those_that_are_not_in_use_are_not(self):
        self.assertEqual(conf.fallbacks_in_use(), {})


class KnownNamesTests(SimpleTestCase):
    def test_the_names_are_those_that_are_written_inside_anymail(self):
        names = conf.known_names()
        for name in ("SEND_DEFAULTS", "AMAZON_SES_SEND_DEFAULTS", "WEBHOOK_SECRET"):
            self.assertIn(name, names)
        self.assertEqual(len(names), len(set(names)))


class TypeProblemsTests(SimpleTestCase):
    def test_there_are_none_with_the_defaults(self):
        self.assertEqual(conf.type_problems(), {})

    @override_settings(
        ANYMAIL={"WEBHOOK_SECRET": 1, "AMAZON_SES_SPLIT_RECIPIENTS": "no", "OTHER": object()}
    )
    def test_every_wrong_setting_is_told(self):
        self.assertEqual(
            list(conf.type_problems()),
            [
                'ANYMAIL["WEBHOOK_SECRET"] must be a string or a list of strings, not int.',
                'ANYMAIL["AMAZON_SES_SPLIT_RECIPIENTS"] must be True or False, not str.',
            ],
        )

    @override_settings(ANYMAIL="x")
    def test_an_anymail_that_is_no_dict_is_told_once(self):
        self.assertEqual(conf.type_problems(), {"ANYMAIL must be a dict, not str.": None})


class GetAnymailSettingTests(SimpleTestCase):
    @override_settings(ANYMAIL={"MY_OWN": 1}, ANYMAIL_MY_OWN=2, MY_OWN=3)
    def test_keyword_dict_flat_name_is_the_order(self):
        keywords = {"my_own": 0, "other": 5}
        self.assertEqual(get_anymail_setting("my_own", kwargs=keywords), 0)
        self.assertEqual(keywords, {"other": 5})
        self.assertEqual(get_anymail_setting("my_own", kwargs=keywords), 1)
        with override_settings(ANYMAIL={}):
            self.assertEqual(get_anymail_setting("my_own"), 2)

    @override_settings(MY_OWN=3)
    def test_the_bare_name_is_read_only_if_allowed(self):
        self.assertEqual(get_anymail_setting("my_own", allow_bare=True), 3)
        self.assertEqual(get_anymail_setting("my_own", default=4), 4)

    @override_settings(ANYMAIL={"AMAZON_SES_MY_OWN": "ses", "MY_OWN": "all"})
    def test_the_name_of_the_service_is_put_before_it(self):
        self.assertEqual(get_anymail_setting("my_own", esp_name="Amazon SES"), "ses")

    @override_settings(ANYMAIL={"MY_OWN": None})
    def test_none_counts_as_found(self):
        self.assertIsNone(get_anymail_setting("my_own", default=4))

    def test_none_can_be_the_default(self):
        self.assertIsNone(get_anymail_setting("my_own", default=None))

    @override_settings(ANYMAIL={"USERNAME": "ann", "OTHER": "x"})
    def test_username_and_password_of_none_are_skipped(self):
        """Django passes them to every backend before version 6.1."""
        self.assertEqual(get_anymail_setting("username", kwargs={"username": None}), "ann")
        self.assertIsNone(get_anymail_setting("other", kwargs={"other": None}))

    def test_without_a_default_the_error_names_every_way_to_set_it(self):
        with self.assertRaises(AnymailConfigurationError) as caught:
            get_anymail_setting("my_own", esp_name="Amazon SES", allow_bare=True)
        text = str(caught.exception)
        self.assertIn('ANYMAIL["AMAZON_SES_MY_OWN"]', text)
        self.assertIn("ANYMAIL_AMAZON_SES_MY_OWN", text)
        self.assertIn(" or AMAZON_SES_MY_OWN in", text)

    def test_the_error_names_the_bare_setting_only_if_it_counts(self):
        with self.assertRaises(AnymailConfigurationError) as caught:
            get_anymail_setting("my_own")
        self.assertIn('You must set ANYMAIL["MY_OWN"] or ANYMAIL_MY_OWN in', str(caught.exception))

    def test_unset_is_a_class_so_that_it_can_be_pickled(self):
        self.assertIsInstance(UNSET, type)
