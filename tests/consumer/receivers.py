"""The receivers of :mod:`.site`: they note what they get, and take their time."""

from __future__ import annotations

import os
import time
from typing import Any

from django.apps import AppConfig

from anymail.consumer import timing
from anymail.signals import inbound, tracking


class ReceiversConfig(AppConfig):
    name = "tests.consumer"

    def ready(self) -> None:
        tracking.connect(receive)
        inbound.connect(receive)
        timing.MAX_RETRY_DELAY = int(os.environ.get("SITE_RETRY_DELAY", timing.MAX_RETRY_DELAY))


def receive(event: Any, **kwargs: Any) -> None:
    note("began", event)
    time.sleep(float(os.environ.get("SITE_SLEEP", "0")))
    note("ended", event)


def note(what: str, event: Any) -> None:
    """Append a line to a file that other processes write to as well."""
    recipient = getattr(event, "recipient", None)
    line = f"{what} {event.event_id} {os.getpid()} {time.time()} {recipient}\n".encode()
    file = os.open(os.environ["SITE_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
    finally:
        os.close(file)
