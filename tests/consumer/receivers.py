"""The receivers of :mod:`.site`: they note what they get, and take their time."""

from __future__ import annotations

import multiprocessing
import os
import signal
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
    if "SITE_FORKS" in os.environ:
        fork_and_terminate()
    note("ended", event)


def fork_and_terminate() -> None:
    """Wait for a child that was told to end."""
    context = multiprocessing.get_context("fork")
    reading, writing = context.Pipe(duplex=False)
    process = context.Process(target=sleep_after, args=(writing,))
    process.start()
    reading.recv()
    process.terminate()
    process.join(30)
    if process.exitcode != -signal.SIGTERM:
        process.kill()
        raise RuntimeError(f"The child has ignored SIGTERM: {process.exitcode}")


def sleep_after(writing: Any) -> None:
    """Say that the process runs."""
    writing.send("runs")
    time.sleep(600)


def note(what: str, event: Any) -> None:
    """Append a line to a file that other processes write to as well."""
    recipient = getattr(event, "recipient", None)
    line = f"{what} {event.event_id} {os.getpid()} {time.time()} {recipient}\n".encode()
    file = os.open(os.environ["SITE_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
    finally:
        os.close(file)
