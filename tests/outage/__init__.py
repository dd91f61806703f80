"""What tests of the commands for an outage share."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from django.core.management import call_command
from django.test import TestCase, override_settings

from anymail.sandbox.aws.defaults import CREDENTIALS
from anymail.signals import AnymailTrackingEvent, tracking

from .. import feedback
from ..class_context import enter_class_context
from ..local_ses import LocalSes, local_ses


def run(command: str, *args: str) -> tuple[int, str, str]:
    """Run a command; gives its exit code, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(command, *args, stdout=out, stderr=err)
    except SystemExit as exit:
        return int(exit.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


class AmazonTestCase(TestCase):
    """An SES on loopback knows of messages, and the app for feedback listens."""

    amazon: LocalSes

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.amazon = enter_class_context(cls, local_ses())
        params = {**CREDENTIALS, "endpoint_url": cls.amazon.url}
        enter_class_context(cls, override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": params}))

    def setUp(self) -> None:
        feedback.connect()
        self.addCleanup(feedback.disconnect)


class Heard:
    """Keeps the events that the tracking signal carries.

    :param test: until its end.
    :param fails: for which of them to raise an exception.
    """

    def __init__(self, test: Any, fails: Callable[[AnymailTrackingEvent], bool] | None = None):
        self.events: list[AnymailTrackingEvent] = []
        self.fails = fails or (lambda event: False)
        tracking.connect(self.on_tracking)
        test.addCleanup(tracking.disconnect, self.on_tracking)

    def on_tracking(self, event: AnymailTrackingEvent, **kwargs: Any) -> None:
        self.events.append(event)
        if self.fails(event):
            raise ValueError(f"no place for {event.recipient}")
