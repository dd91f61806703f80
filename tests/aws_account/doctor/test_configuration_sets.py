"""The configuration set, and what it publishes: D10 and D11."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.test import modify_settings

from anymail.aws_account.doctor.check import Result
from anymail.aws_account.doctor.checks.configuration_sets import ADVISED_TYPES, NEEDED_TYPES
from anymail.aws_account.doctor.findings import FixKind, Status

from . import DoctorTestCase, fixes

EVERYTHING = [*NEEDED_TYPES, *ADVISED_TYPES, "SEND"]


class ConfigurationSetTestCase(DoctorTestCase):
    """The settings name a set, which a test creates or not."""

    def context(self, **settings: Any) -> Any:
        return super().context(AMAZON_SES_CONFIGURATION_SET_NAME="shop", **settings)

    def create_set(self, **options: Any) -> None:
        sesv2 = self.amazon.client("sesv2")
        sesv2.create_configuration_set(ConfigurationSetName="shop", **options)

    def create_destination(self, types: list[str], *, enabled: bool = True) -> str:
        topic: str = self.amazon.client("sns").create_topic(Name="events")["TopicArn"]
        self.amazon.client("sesv2").create_configuration_set_event_destination(
            ConfigurationSetName="shop",
            EventDestinationName="to-sns",
            EventDestination={
                "Enabled": enabled,
                "MatchingEventTypes": types,
                "SnsDestination": {"TopicArn": topic},
            },
        )
        return topic

    def published(self) -> list[str]:
        [one] = self.aws(
            "aws sesv2 get-configuration-set-event-destinations --configuration-set-name shop"
        )["EventDestinations"]
        return one["MatchingEventTypes"]


class OptionsTests(ConfigurationSetTestCase):
    def test_no_set_is_named(self):
        self.assert_status(Status.NOT_USED, self.check("D10", DoctorTestCase.context(self)))

    def test_it_does_not_exist(self):
        self.assert_fixed_by_command("D10", "there is no configuration set shop in us-east-1")

    def test_the_name_may_come_from_send_defaults(self):
        extra = {"esp_extra": {"ConfigurationSetName": "other"}}
        result = self.check("D10", self.context(AMAZON_SES_SEND_DEFAULTS=extra))
        self.assert_status(Status.ERROR, result, "there is no configuration set other")

    def test_sending_that_is_off(self):
        self.create_set(SendingOptions={"SendingEnabled": False})
        self.assert_fixed_by_command("D10", "sending is off for shop")

    def test_complaints_that_are_not_suppressed(self):
        self.create_set(SuppressionOptions={"SuppressedReasons": ["BOUNCE"]})
        text = "shop does not suppress addresses after: COMPLAINT"
        self.assert_fixed_by_command("D10", text, Status.WARNING)

    def test_a_set_without_reasons_of_its_own_leaves_them_to_the_account(self):
        self.create_set()
        self.assert_status(Status.OK, self.check("D10"))

    def test_a_good_one(self):
        self.create_set()
        self.assert_status(Status.OK, self.check("D10"), "sending is on, TLS is used where possi")


class EventTypesTests(ConfigurationSetTestCase):
    def test_mail_without_a_configuration_set_has_no_events(self):
        result = self.check("D11", DoctorTestCase.context(self))
        self.assert_status(Status.ERROR, result, "SES publishes no events")

    def test_a_set_that_does_not_exist_is_reported_once(self):
        self.assert_status(Status.NOT_USED, self.check("D11"), "see D10")

    def test_no_destination(self):
        self.create_set()
        topic = self.amazon.client("sns").create_topic(Name="events")["TopicArn"]
        context = self.context(AMAZON_SES_SNS_TOPIC_ARNS=[topic])
        self.assert_status(Status.ERROR, self.check("D11", context), "shop publishes no events")
        self.run_fixes(self.check("D11", context))
        self.assert_status(Status.OK, self.check("D11"))

    def test_no_destination_and_no_topic_is_what_the_set_up_is_for(self):
        self.create_set()
        [fix] = fixes(self.check("D11"), FixKind.COMMAND)
        self.assertEqual(fix.text, "python manage.py anymail_setup --apply")

    def test_a_destination_that_is_turned_off(self):
        self.create_set()
        self.create_destination(EVERYTHING, enabled=False)
        self.assert_fixed_by_command("D11", "(turned off: to-sns)")

    def test_complaints_are_not_published(self):
        self.create_set()
        self.create_destination([kind for kind in EVERYTHING if kind != "COMPLAINT"])
        self.assert_fixed_by_command("D11", "shop does not publish COMPLAINT")

    def test_what_is_only_advised_is_a_warning(self):
        self.create_set()
        self.create_destination([kind for kind in EVERYTHING if kind != "DELIVERY_DELAY"])
        self.assert_fixed_by_command("D11", "not publish DELIVERY_DELAY", Status.WARNING)

    def test_the_outbox_needs_to_know_what_was_sent(self):
        self.create_set()
        self.create_destination([kind for kind in EVERYTHING if kind != "SEND"])
        self.assertTrue(apps.is_installed("anymail.outbox"))
        self.assert_status(Status.WARNING, self.check("D11"), "does not publish SEND")
        with modify_settings(INSTALLED_APPS={"remove": ["tests.outbox.DisconnectedOutbox"]}):
            self.assert_status(Status.OK, self.check("D11"))

    def test_types_that_are_published_already_stay(self):
        self.create_set()
        self.create_destination(["BOUNCE", "CLICK", "OPEN"])
        self.run_fixes(self.check("D11"))
        self.assertEqual(self.published(), sorted([*EVERYTHING, "CLICK", "OPEN"]))

    def run_fixes(self, result: Result) -> None:
        for fix in fixes(result, FixKind.COMMAND):
            self.aws(fix.text)
