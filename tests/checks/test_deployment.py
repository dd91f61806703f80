from __future__ import annotations

import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks.registry import registry
from django.test import SimpleTestCase, modify_settings, override_settings
from django.urls import URLResolver, include, path, re_path
from django.urls.resolvers import RoutePattern
from django.utils.crypto import get_random_string
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from anymail.checks.deployment import check_feedback_webhook, check_webhook_deployment
from anymail.webhooks.amazon_ses import (
    AmazonSESInboundWebhookView,
    AmazonSESTrackingWebhookView,
    AmazonSESWebhookView,
)
from anymail.webhooks.base import AnymailBaseWebhookView

from .. import docs_pages
from ..sns_samples import EVENTS_TOPIC
from .test_webhooks import CheckTestCase

#: What the command in the hints prints.
SECRET = "sns:_m4yjQ6nRk0xJb7o1VZt2cWq9eUs3dLh"


class DeploymentTests(CheckTestCase):
    def found(self, **anymail: Any) -> list[str | None]:
        return self.ids(check_webhook_deployment, **anymail)

    def test_a_secret_or_an_allow_list_is_enough(self):
        self.assertEqual(self.found(WEBHOOK_SECRET=SECRET), [])
        self.assertEqual(self.found(AMAZON_SES_SNS_TOPIC_ARNS=EVENTS_TOPIC), [])

    def test_w112_neither_secret_nor_allow_list(self):
        self.assertEqual(self.found(), ["anymail.W112"])

    def test_w111_signatures_are_not_checked(self):
        off = {"AMAZON_SES_VERIFY_SNS_SIGNATURES": False}
        self.assertEqual(self.found(WEBHOOK_SECRET=SECRET, **off), ["anymail.W111"])

    def test_w110_an_allow_list_without_signatures_protects_nothing(self):
        off = {"AMAZON_SES_VERIFY_SNS_SIGNATURES": False}
        found = self.found(AMAZON_SES_SNS_TOPIC_ARNS=EVENTS_TOPIC, **off)
        self.assertEqual(found, ["anymail.W111", "anymail.W110"])

    def test_a_wrong_type_is_left_to_another_check(self):
        self.assertEqual(self.found(WEBHOOK_SECRET=1), [])
        self.assertEqual(self.found(AMAZON_SES_VERIFY_SNS_SIGNATURES="no"), [])

    def test_w116_a_secret_that_can_be_guessed(self):
        for weak in (
            "a:b",
            "sns:some-long-random-text",
            "some-user:some-password",
            "user:" + "x" * 40,
            "a-long-name-of-a-user:short",
            "sns:my-secret-for-example",
            "sns:change-me-to-a-long-random-secret",
            [SECRET, "old:one"],
        ):
            with self.subTest(weak):
                self.assertEqual(self.found(WEBHOOK_SECRET=weak), ["anymail.W116"])

    def test_w116_every_secret_in_the_documentation(self):
        for page in docs_pages.pages():
            shown = re.findall(r'"WEBHOOK_SECRET": "(\S+:\S+?)"', page.read_text("utf-8"))
            for secret in shown:
                with self.subTest(page.name, secret=secret):
                    self.assertEqual(self.found(WEBHOOK_SECRET=secret), ["anymail.W116"])

    def test_w116_is_silent_about_what_its_command_prints(self):
        [warning] = self.messages(WEBHOOK_SECRET="a:b")
        command = warning.hint.partition(" prints")[0].replace("python", sys.executable, 1)
        for _ in range(3):
            secret = subprocess.check_output(command, shell=True, text=True).strip()
            self.assertEqual(self.found(WEBHOOK_SECRET=secret), [])
        expression = command.partition("print(")[2].rpartition(")")[0]
        for _ in range(1000):
            secret = eval(expression, {"secrets": secrets})
            self.assertEqual(self.found(WEBHOOK_SECRET=secret), [])

    def test_w116_is_silent_about_a_random_secret_with_a_word_in_it(self):
        for word in ("password", "Random", "SECRET", "example", "changeme", "change-me"):
            secret = f"sns:{word}{SECRET.partition(':')[2][len(word) :]}"
            with self.subTest(secret):
                self.assertEqual(self.found(WEBHOOK_SECRET=secret), [])

    def test_w120_raw_message_delivery_without_a_secret(self):
        allowed = {"AMAZON_SES_ALLOW_RAW_MESSAGE_DELIVERY": True}
        found = self.found(AMAZON_SES_SNS_TOPIC_ARNS=EVENTS_TOPIC, **allowed)
        self.assertEqual(found, ["anymail.W120"])
        self.assertEqual(self.found(WEBHOOK_SECRET=SECRET, **allowed), [])

    def test_w116_is_silent_about_what_django_anymail_told_people_to_make(self):
        secret = f"{get_random_string(16)}:{get_random_string(16)}"
        self.assertEqual(self.found(WEBHOOK_SECRET=secret), [])

    def messages(self, **anymail: Any) -> list[CheckMessage]:
        with override_settings(ANYMAIL=anymail):
            return check_webhook_deployment()


class MountedViewTests(SimpleTestCase):
    """Which views are looked at, and with which settings."""

    def found(self, *patterns: Any, **anymail: Any) -> list[CheckMessage]:
        urlconf = ModuleType("urlconf")
        vars(urlconf)["urlpatterns"] = patterns
        with override_settings(ROOT_URLCONF=urlconf, ANYMAIL=anymail):
            return check_webhook_deployment()

    def routes(self, *patterns: Any) -> list[Any]:
        """Where W112 says that webhooks are open."""
        found = self.found(*patterns)
        self.assertEqual({message.id for message in found} - {"anymail.W112"}, set())
        return [message.obj for message in found]

    def test_without_webhooks_there_is_nothing_to_protect(self):
        self.assertEqual(self.routes(), [])
        self.assertEqual(self.routes(path("", View.as_view()), path("x", len)), [])

    def test_a_view_that_is_mounted_directly_is_found(self):
        view = AmazonSESTrackingWebhookView.as_view()
        self.assertEqual(self.routes(path("bouncy/", view)), ["/bouncy/"])
        self.assertEqual(self.routes(re_path("^bouncy/$", view)), ["/^bouncy/$"])

    def test_our_urls_are_found_in_another_namespace(self):
        nested = include(([path("ses/", include("anymail.urls"))], "shop"), namespace="news")
        self.assertEqual(
            self.routes(path("mail/", nested)),
            [
                "/mail/ses/amazon_ses/, /mail/ses/amazon_ses/tracking/, "
                "/mail/ses/amazon_ses/inbound/"
            ],
        )

    def test_a_subclass_is_found(self):
        class Webhook(AmazonSESInboundWebhookView):
            pass

        self.assertEqual(self.routes(path("in/", Webhook.as_view())), ["/in/"])

    def test_a_decorated_view_is_found(self):
        def logged(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return view(*args, **kwargs)

            return wrapper

        for decorate in (csrf_exempt, logged):
            view = decorate(AmazonSESTrackingWebhookView.as_view())
            self.assertEqual(self.routes(path("x/", view)), ["/x/"])

    def test_webhooks_of_other_services_are_not_looked_at(self):
        class Other(AnymailBaseWebhookView):
            pass

        self.assertEqual(self.routes(path("other/", Other.as_view())), [])

    def test_a_view_with_a_secret_or_topics_of_its_own_is_protected(self):
        for own in (
            {"webhook_secret": SECRET},
            {"basic_auth": SECRET},
            {"sns_topic_arns": [EVENTS_TOPIC]},
        ):
            with self.subTest(own):
                view = AmazonSESTrackingWebhookView.as_view(**own)
                self.assertEqual(self.routes(path("acme/", view)), [])

    def test_w116_looks_at_the_secret_of_each_view(self):
        weak = AmazonSESTrackingWebhookView.as_view(webhook_secret="acme:x")
        strong = AmazonSESTrackingWebhookView.as_view()
        [warning] = self.found(path("acme/", weak), path("x/", strong), WEBHOOK_SECRET=SECRET)
        self.assertEqual((warning.id, warning.obj), ("anymail.W116", "/acme/"))

    def test_a_secret_in_the_class_is_one(self):
        class Webhook(AmazonSESTrackingWebhookView):
            basic_auth = [SECRET]

        self.assertEqual(self.routes(path("acme/", Webhook.as_view())), [])

    def test_a_view_can_do_without_the_secret_of_the_settings(self):
        view = AmazonSESTrackingWebhookView.as_view(basic_auth="")
        [warning] = self.found(path("acme/", view), WEBHOOK_SECRET=SECRET)
        self.assertEqual((warning.id, warning.obj), ("anymail.W112", "/acme/"))

    def test_only_those_that_are_open_are_named(self):
        closed = AmazonSESTrackingWebhookView.as_view(webhook_secret=SECRET)
        opened = AmazonSESTrackingWebhookView.as_view()
        self.assertEqual(self.routes(path("acme/", closed), path("open/", opened)), ["/open/"])

    def test_a_view_that_checks_no_signatures_is_named(self):
        view = AmazonSESTrackingWebhookView.as_view(verify_sns_signatures=False)
        patterns = path("x/", view), path("y/", AmazonSESTrackingWebhookView.as_view())
        [warning] = self.found(*patterns, WEBHOOK_SECRET=SECRET)
        self.assertEqual((warning.id, warning.obj), ("anymail.W111", "/x/"))
        found = self.found(*patterns, AMAZON_SES_SNS_TOPIC_ARNS=EVENTS_TOPIC)
        self.assertEqual(
            [(message.id, message.obj) for message in found],
            [("anymail.W111", "/x/"), ("anymail.W110", "/x/")],
        )

    def test_a_view_that_is_protected_otherwise_can_say_so(self):
        own = {"warn_if_no_basic_auth": False, "verify_sns_signatures": False}
        view = AmazonSESTrackingWebhookView.as_view(**own)
        [warning] = self.found(path("x/", view))
        self.assertEqual(warning.id, "anymail.W111")

    def test_w120_of_a_view_that_is_protected_otherwise(self):
        """It refuses raw messages all the same."""
        own = {"warn_if_no_basic_auth": False, "allow_raw_message_delivery": True}
        view = AmazonSESTrackingWebhookView.as_view(**own)
        [warning] = self.found(path("x/", view))
        self.assertEqual((warning.id, warning.obj), ("anymail.W120", "/x/"))

    def test_a_view_that_cannot_tell_without_a_request_is_left_out(self):
        class Webhook(AmazonSESTrackingWebhookView):
            @property
            def secrets(self) -> list[str]:
                return [self.kwargs["tenant"] + SECRET]

        self.assertEqual(self.routes(path("<tenant>/", Webhook.as_view())), [])

    def test_what_is_broken_in_the_urlconf_is_left_to_django(self):
        broken = URLResolver(RoutePattern("x/"), "no.such.urls"), "no pattern"
        view = path("y/", AmazonSESTrackingWebhookView.as_view())
        self.assertEqual(self.routes(*broken, view), ["/y/"])
        for urlconf in ("no.such.urls", ModuleType("empty"), None):
            with self.subTest(urlconf), override_settings(ROOT_URLCONF=urlconf, ANYMAIL={}):
                self.assertEqual(check_webhook_deployment(), [])

    def test_a_project_without_a_urlconf_is_left_alone(self):
        with override_settings(ANYMAIL={}):
            del settings.ROOT_URLCONF
            self.assertEqual(check_webhook_deployment(), [])


class FeedbackWebhookTests(SimpleTestCase):
    def ids(self, *patterns: Any, **anymail: Any) -> list[str | None]:
        urlconf = ModuleType("urlconf")
        vars(urlconf)["urlpatterns"] = patterns
        with override_settings(ROOT_URLCONF=urlconf, ANYMAIL=anymail):
            return [message.id for message in check_feedback_webhook()]

    def test_a_queue_is_enough(self):
        found = self.ids(path("x/", View.as_view()), AMAZON_SES_QUEUES="ses-events")
        self.assertEqual(found, [])

    def test_w121_no_webhook(self):
        self.assertEqual(self.ids(path("x/", View.as_view())), ["anymail.W121"])

    def test_w121_a_webhook_for_received_mail_only(self):
        view = AmazonSESInboundWebhookView.as_view()
        self.assertEqual(self.ids(path("x/", view)), ["anymail.W121"])

    def test_webhooks_that_track_are_enough(self):
        class Other(AnymailBaseWebhookView):
            """For another service."""

        for view_class in (AmazonSESTrackingWebhookView, AmazonSESWebhookView, Other):
            with self.subTest(view_class):
                self.assertEqual(self.ids(path("x/", csrf_exempt(view_class.as_view()))), [])
        self.assertEqual(self.ids(path("mail/", include("anymail.urls"))), [])

    def test_without_the_app_nothing_is_missing(self):
        with modify_settings(INSTALLED_APPS={"remove": ["tests.feedback.DisconnectedFeedback"]}):
            self.assertEqual(self.ids(), [])

    def test_a_project_without_a_urlconf_is_left_alone(self):
        """As that of a worker may be."""
        with override_settings():
            del settings.ROOT_URLCONF
            self.assertEqual(check_feedback_webhook(), [])

    def test_it_belongs_to_check_deploy(self):
        self.assertIn(check_feedback_webhook, registry.get_checks(include_deployment_checks=True))
        self.assertNotIn(check_feedback_webhook, registry.get_checks())
