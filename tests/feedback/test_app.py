"""The app as a whole: optional, connected when Django starts, and a stand-in for django-bouncy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.test import SimpleTestCase, override_settings

from anymail import testing
from anymail.feedback.models import Bounce, Complaint, Delivery, Feedback
from anymail.signals import recipients_resolved, tracking

from . import FeedbackTestCase, connect, disconnect

ROOT = Path(__file__).parent.parent.parent

#: django-bouncy's models, field by field.
COMMON = {
    "created_at",
    "modified_at",
    "sns_topic",
    "sns_messageid",
    "mail_timestamp",
    "mail_id",
    "mail_from",
    "address",
    "feedback_id",
    "feedback_timestamp",
}
#: What django-bouncy does not have.
OURS = {"id", "address_key", "event", "recipient_uncertain"}
OWN = {
    Bounce: {
        "hard",
        "bounce_type",
        "bounce_subtype",
        "reporting_mta",
        "action",
        "status",
        "diagnostic_code",
    },
    Complaint: {"useragent", "feedback_type", "arrival_date"},
    Delivery: {"delivered_time", "processing_time", "smtp_response"},
}

WITHOUT_IT = """
import importlib, pkgutil, sys

class Deleted:
    def find_spec(self, name, path=None, target=None):
        if name == "anymail.feedback" or name.startswith("anymail.feedback."):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Deleted())
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "anymail"],
    ROOT_URLCONF="anymail.urls",
)
import django
django.setup()
import anymail
from django.core.management import call_command

# Lists in the admin need that to be installed.
EXCEPT = [f"anymail.{name}" for name in ("feedback", "outbox", "sandbox", "admin_lists")]

def import_all(package):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if found.name not in EXCEPT:
            module = importlib.import_module(found.name)
            if found.ispkg:
                import_all(module)

import_all(anymail)
call_command("check")
assert not [model for model in django.apps.apps.get_models() if "anymail" in model.__module__]
"""


class AppTests(SimpleTestCase):
    def receivers(self) -> set[str]:
        found = [
            receiver[0][0]
            for signal in (tracking, recipients_resolved)
            for receiver in signal.receivers
        ]
        return {key for key in found if key == "anymail.feedback"}

    def test_it_is_called_anymail_feedback(self) -> None:
        config = AppConfig.create("anymail.feedback")
        self.assertEqual((config.name, config.label), ("anymail.feedback", "anymail_feedback"))
        self.assertEqual(config.default_auto_field, "django.db.models.BigAutoField")
        self.assertIs(type(config), type(apps.get_app_config("anymail_feedback")).__base__)

    def test_it_connects_its_receivers_once(self) -> None:
        self.assertEqual(self.receivers(), set())
        self.addCleanup(disconnect)
        before = len(tracking.receivers), len(recipients_resolved.receivers)
        connect()
        connect()
        after = len(tracking.receivers), len(recipients_resolved.receivers)
        self.assertEqual((after[0] - before[0], after[1] - before[1]), (1, 1))

    def test_everything_else_works_without_its_folder(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_IT],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)


class BouncyTests(FeedbackTestCase):
    """What a project with django-bouncy relies on."""

    def subscribe(self) -> Any:
        with testing.trusted_sns():
            return self.client.post("/bouncy/", **testing.sns_subscription())

    def test_models_have_its_fields(self) -> None:
        for model, own in OWN.items():
            self.assertTrue(issubclass(model, Feedback))
            names = {field.name for field in model._meta.get_fields()}
            self.assertEqual(names - OURS, COMMON | own)
        self.assertEqual(Delivery._meta.verbose_name_plural, "deliveries")

    @override_settings(BOUNCY_TOPIC_ARN=[testing.DEFAULT_TOPIC])
    def test_its_url_goes_on_receiving(self) -> None:
        with testing.trusted_sns():
            request = testing.sns_notification("bounce")
            self.assertEqual(self.client.post("/bouncy/", **request).status_code, 200)
        self.assertEqual(Bounce.objects.count(), 1)

    @override_settings(BOUNCY_TOPIC_ARN="arn:aws:sns:us-east-1:123456789012:another")
    def test_its_topic_setting_refuses_other_topics(self) -> None:
        with testing.trusted_sns():
            request = testing.sns_notification("bounce", topic=testing.DEFAULT_TOPIC)
            self.assertEqual(self.client.post("/bouncy/", **request).status_code, 400)
        self.assertFalse(Bounce.objects.exists())

    @override_settings(BOUNCY_TOPIC_ARN=[testing.DEFAULT_TOPIC], BOUNCY_AUTO_SUBSCRIBE=False)
    def test_with_auto_subscribe_off_the_answer_is_400(self) -> None:
        """django-bouncy said 404."""
        with self.assertLogs("anymail.webhooks.amazon_ses", "WARNING"):
            self.assertEqual(self.subscribe().status_code, 400)

    def test_with_neither_topics_nor_secret_nothing_is_confirmed(self) -> None:
        """django-bouncy confirmed everybody's topics."""
        with self.assertLogs("anymail.webhooks.amazon_ses", "WARNING") as logs:
            self.assertEqual(self.subscribe().status_code, 400)
        self.assertIn("Nothing proves that the topic is yours", logs.output[0])
