"""What tests of the feedback app share."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from django.apps import apps
from django.test import SimpleTestCase, TestCase, TransactionTestCase

from anymail import testing
from anymail.amazon_ses.notifications import SesNotification
from anymail.amazon_ses.process_local import ProcessLocal
from anymail.amazon_ses.timeouts import TimeoutExecutor
from anymail.amazon_ses.tracking import tracking_events
from anymail.feedback import amazon_answer
from anymail.feedback.apps import AnymailFeedbackConfig
from anymail.signals import AnymailTrackingEvent, recipients_resolved, tracking

TRACKING_URL = "/anymail/amazon_ses/tracking/"
EVENTS = Path(__file__).parent.parent / "payloads" / "events"


class DisconnectedFeedback(AnymailFeedbackConfig):
    """The app without its receivers: most tests have no database."""

    def ready(self) -> None:
        pass


def connect() -> None:
    """Do what the app does when Django starts."""
    AnymailFeedbackConfig.ready(apps.get_app_config("anymail_feedback"))  # type: ignore[arg-type]


def disconnect() -> None:
    """Undo it."""
    tracking.disconnect(dispatch_uid="anymail.feedback")
    recipients_resolved.disconnect(dispatch_uid="anymail.feedback")


def wait_for_amazon(test: SimpleTestCase) -> None:
    """Let the pages of a test wait for Amazon as long as a busy machine needs."""
    patient = ProcessLocal(lambda: TimeoutExecutor(60))
    patch = mock.patch.object(amazon_answer, "_executor", patient)
    patch.start()
    test.addCleanup(patch.stop)


class _Connected:
    addCleanup: Callable[..., None]
    client: Any

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        connect()
        self.addCleanup(disconnect)

    def post(self, kind: str | dict[str, Any] = "bounce", **detail: Any) -> Any:
        """Post what SNS would."""
        with testing.trusted_sns():
            return self.client.post(TRACKING_URL, **testing.sns_notification(kind, **detail))


class FeedbackTestCase(_Connected, TestCase):
    """With the receivers connected, in a transaction."""


class FeedbackTransactionTestCase(_Connected, TransactionTestCase):
    """With the receivers connected, and real commits."""


def sample(name: str) -> dict[str, Any]:
    """One of SES's documents."""
    document: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return document


def events(document: dict[str, Any], **fields: Any) -> list[AnymailTrackingEvent]:
    """The tracking events in a document of SES."""
    common = {"id": str(uuid.uuid4()), "timestamp": None, "topic_arn": testing.DEFAULT_TOPIC}
    return tracking_events(SesNotification(body=document, **{**common, **fields}))
