"""A receiver that notes what it gets, and may take its time."""

from __future__ import annotations

import os
import time
from typing import Any

from django.apps import AppConfig

from anymail.signals import tracking


class ReceiverConfig(AppConfig):
    name = "tests.killed_commands"

    def ready(self) -> None:
        tracking.connect(receive)


def receive(event: Any, **kwargs: Any) -> None:
    """``SITE_STAYS_WITH`` is the recipient whose event it does not come to an end with."""
    note("began", event)
    if event.recipient == os.environ.get("SITE_STAYS_WITH"):
        time.sleep(600)
    note("ended", event)


def note(what: str, event: Any) -> None:
    with open(os.environ["SITE_NOTES"], "a") as file:
        file.write(f"{what} {event.recipient}\n")
