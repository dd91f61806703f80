"""The app's tables in a database of their own, by a router of the project."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from anymail import testing
from anymail.exceptions import AnymailRecipientsRefused
from anymail.feedback.models import Bounce, Suppression
from anymail.feedback.signals import feedback

from ..backends.test_backends import connected
from ..second_database import add_database
from ..ses import send, simple_message
from . import FeedbackTestCase

ADDRESS = "ann@example.com"


class Router:
    """Puts the app's tables into the database ``feedback``, and nothing else."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "feedback" if model._meta.app_label == "anymail_feedback" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return (app_label == "anymail_feedback") is (db == "feedback")


@override_settings(
    ANYMAIL={
        "FEEDBACK_SUPPRESS": ["hard_bounce"],
        "AMAZON_SES_SNS_TOPIC_ARNS": [testing.DEFAULT_TOPIC],
    },
    DATABASE_ROUTERS=[Router()],
)
class OtherDatabaseTests(FeedbackTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        add_database(cls, "feedback")
        with override_settings(DATABASE_ROUTERS=[Router()]):
            call_command("migrate", "anymail_feedback", database="feedback", verbosity=0)
        cls.databases = {"default", "feedback"}  # not earlier: Django looks for all of them
        super().setUpClass()

    def stored(self, model: Any) -> tuple[int, int]:
        """How many rows the two databases have."""
        rows = model._default_manager
        return rows.using("feedback").count(), rows.using("default").count()

    def test_a_bounce_is_stored_there_once_and_suppresses(self) -> None:
        notification = testing.sns_notification("bounce", recipient=ADDRESS)
        with testing.trusted_sns():
            for _ in range(2):
                response = self.client.post("/anymail/amazon_ses/tracking/", **notification)
                self.assertEqual(response.status_code, 200)
        self.assertEqual(self.stored(Bounce), (1, 0))
        self.assertEqual(self.stored(Suppression), (1, 0))
        with self.assertRaises(AnymailRecipientsRefused):
            send(simple_message(to=[ADDRESS]))
        self.assertEqual(Suppression.objects.lift(ADDRESS), 1)
        self.assertEqual(send(simple_message(to=[ADDRESS])).params["Destinations"], [ADDRESS])

    def test_old_rows_are_deleted_there_unless_another_database_is_named(self) -> None:
        Suppression.objects.suppress([ADDRESS], expires_at=timezone.now() - timedelta(days=9))
        prune = partial(call_command, "anymail_prune", "--older-than", "1d", verbosity=0)
        prune("--database", "default")
        self.assertEqual(Suppression.objects.count(), 1)
        prune()
        self.assertEqual(Suppression.objects.count(), 0)

    def test_a_receiver_that_raises_rolls_everything_back_there(self) -> None:
        def fail(**kwargs: Any) -> None:
            raise ZeroDivisionError

        with connected(feedback, fail), self.assertRaises(ZeroDivisionError):
            self.post("bounce", recipient=ADDRESS)
        self.assertEqual((self.stored(Bounce), self.stored(Suppression)), ((0, 0), (0, 0)))
