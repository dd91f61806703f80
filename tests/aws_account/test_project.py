"""What a project's settings, apps, URLconf and models tell about what it uses of AWS."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from unittest import mock

from django.db import models
from django.test import SimpleTestCase, override_settings
from django.test.utils import isolate_apps
from django.urls import path

from anymail.aws_account.permissions.usage import Usage
from anymail.aws_account.project import project_usage
from anymail.conf import AmazonSESSettings
from anymail.validators import DeliverabilityValidator
from anymail.webhooks.amazon_ses import (
    AmazonSESInboundWebhookView,
    AmazonSESTrackingWebhookView,
    AmazonSESWebhookView,
)


def usage_of(**settings: Any) -> Usage:
    return project_usage(
        AmazonSESSettings.load(settings),
        api_version=2,
        account="123456789012",
        region="eu-west-1",
        partition="aws",
    )


def urlconf(*views: Any) -> ModuleType:
    module = ModuleType("urlconf")
    module.urlpatterns = [path(f"{n}/", view.as_view()) for n, view in enumerate(views)]
    return module


class WebhookTests(SimpleTestCase):
    def test_the_urlconf_tells_what_is_received(self):
        for views, has_webhook in [
            ([], False),
            ([AmazonSESTrackingWebhookView], True),
            ([AmazonSESInboundWebhookView], True),
            ([AmazonSESWebhookView], True),
        ]:
            with self.subTest(views), override_settings(ROOT_URLCONF=urlconf(*views)):
                self.assertIs(usage_of().has_webhook, has_webhook)

    def test_a_bucket_is_for_received_mail(self):
        """Without one, mail comes within the notifications, or not at all."""
        self.assertIs(usage_of(inbound_buckets=["mail"]).has_inbound, True)
        self.assertIs(usage_of(queues=["events"]).has_inbound, False)


class FeatureTests(SimpleTestCase):
    def test_templates(self):
        self.assertIs(usage_of(send_defaults={"template_id": "welcome"}).has_templates, True)
        self.assertIs(usage_of(send_defaults={"tags": ["a"]}).has_templates, None)

    def test_the_outbox(self):
        for is_installed in (True, False):
            apps = ["anymail", *(["tests.outbox.DisconnectedOutbox"] if is_installed else [])]
            with override_settings(INSTALLED_APPS=apps):
                self.assertIs(usage_of().has_outbox, is_installed)

    def test_feedback(self):
        for is_installed in (True, False):
            apps = ["anymail", *(["tests.feedback.DisconnectedFeedback"] if is_installed else [])]
            with override_settings(INSTALLED_APPS=apps):
                self.assertIs(usage_of().has_feedback, is_installed)

    def test_validators_of_models(self):
        self.assertIs(usage_of().has_validators, None)
        with (
            isolate_apps("tests") as apps,
            mock.patch("anymail.checks.validators.apps", apps),
        ):

            class Customer(models.Model):  # noqa: DJ008
                email = models.EmailField(validators=[DeliverabilityValidator()])

                class Meta:
                    app_label = "tests"

            self.assertIs(usage_of().has_validators, True)

    def test_the_api(self):
        self.assertEqual(usage_of().api_versions, {2})
