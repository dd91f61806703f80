"""Notifications of identities next to a configuration set: D12."""

from __future__ import annotations

from django.test import override_settings

from anymail.aws_account.doctor.findings import Status

from .events import TOPIC, EventsTestCase


@override_settings(DEFAULT_FROM_EMAIL="Shop <shop@example.com>")
class SystemsTests(EventsTestCase):
    def setUp(self):
        super().setUp()
        self.amazon.client("sesv2").create_email_identity(EmailIdentity="example.com")

    def notify(self, *kinds: str) -> None:
        for kind in kinds:
            self.aws(
                "aws ses set-identity-notification-topic --identity example.com "
                f"--notification-type {kind} --sns-topic {TOPIC}"
            )

    def test_one_way(self):
        self.assert_status(Status.OK, self.check("D12"), "example.com notifies no topic itself")

    def test_each_event_comes_twice(self):
        self.notify("Bounce", "Complaint")
        result = self.check("D12")
        self.assert_status(Status.WARNING, result, "Bounce, Complaint comes twice")
        self.fix(result)
        self.assert_status(Status.OK, self.check("D12"))

    def test_only_the_identity_and_not_of_everything(self):
        self.use(AMAZON_SES_CONFIGURATION_SET_NAME=None)
        self.notify("Bounce")
        result = self.check("D12")
        self.assert_status(Status.ERROR, result, "does not notify of: Complaint")
        self.fix(result)
        self.assert_status(Status.OK, self.check("D12"), "example.com notifies events")

    def test_what_the_identity_notifies_is_looked_at_like_other_topics(self):
        self.use(AMAZON_SES_CONFIGURATION_SET_NAME=None)
        self.assert_status(Status.ERROR, self.check("D11"), "SES publishes no events")
        self.notify("Bounce", "Complaint")
        self.assert_status(Status.NOT_USED, self.check("D11"), "see D12")
        self.assert_status(Status.ERROR, self.check("D15"), "nothing of ours is subscribed")

    def test_the_default_set_of_the_identity_is_used(self):
        self.use(AMAZON_SES_CONFIGURATION_SET_NAME=None)
        self.aws(
            "aws sesv2 put-email-identity-configuration-set-attributes "
            "--email-identity example.com --configuration-set-name shop"
        )
        self.assert_status(Status.OK, self.check("D11"), "shop publishes what it should")

    def test_another_default_set_does_not_matter(self):
        self.amazon.client("sesv2").create_configuration_set(ConfigurationSetName="old")
        self.aws(
            "aws sesv2 put-email-identity-configuration-set-attributes "
            "--email-identity example.com --configuration-set-name old"
        )
        self.assert_status(Status.OK, self.check("D12"), "shop of the settings wins")

    def test_an_address_without_an_identity(self):
        with override_settings(DEFAULT_FROM_EMAIL="shop@example.org"):
            self.assert_status(Status.NOT_USED, self.check("D12"))
