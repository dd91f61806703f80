"""The outbox at work: a worker in a process of its own, which can be killed, and a watch over what
it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from .journal import Journal, Step

#: Where the process finds its settings. (Everybody on a machine can read its arguments.)
SITE_VARIABLE = "ANYMAIL_SANDBOX_SITE"
#: Seconds between two looks at the table.
INTERVAL = 0.25
#: How many messages are watched: the newest.
WATCHED = 100
#: The state and the attempt of messages, by their ids.
Seen = dict[str, tuple[str, int]]


class OutboxWorker:
    """Delivers what the sandbox's own site stores.

    :param anymail: the ``ANYMAIL`` setting of the site.
    :param folder: where its database is.
    """

    def __init__(self, anymail: Mapping[str, Any], folder: Path) -> None:
        site = json.dumps({"anymail": anymail, "folder": str(folder)})
        self._environment = {**os.environ, SITE_VARIABLE: site}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def start(self) -> None:
        """Start the process, unless it runs."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                command = [sys.executable, "-m", __name__]
                self._process = subprocess.Popen(  # noqa: S603
                    command, stdin=subprocess.PIPE, env=self._environment
                )

    def kill(self) -> None:
        """``kill -9``."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.communicate()


@contextmanager
def watching(journal: Journal) -> Iterator[None]:
    """Note in the journal what becomes of messages, for the length of a ``with`` block."""
    stopped = Event()

    def watch() -> None:
        from django.db import DatabaseError

        seen: Seen | None = None
        while not stopped.wait(INTERVAL):
            with suppress(DatabaseError):  # the page says that there are no tables
                seen = note_changes(journal, seen)

    thread = Thread(target=watch, name="sandbox-outbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def note_changes(journal: Journal, seen: Seen | None) -> Seen:
    """Look at the messages once.

    :param seen: what was found before; None the first time, which has nothing to compare with.
    """
    from ..outbox.ledger import entries

    newest = entries().defer("content").prefetch_related("recipients").order_by("-created_at")
    found: Seen = {}
    for entry in reversed(newest[:WATCHED]):
        id = entry.pk.hex
        found[id] = entry.state, entry.attempt
        if seen is not None:
            for step in _steps(entry, *seen.get(id, ("", 0))):
                journal.add_step(id, step)
    return found


def _steps(entry: Any, state: str, attempt: int) -> Iterator[Step]:
    """What has become of a message since the last look.

    :param state: what it was then; empty if it was not there.
    :param attempt: the number of its attempt then.
    """
    if (entry.state, entry.attempt) == (state, attempt):
        return
    if entry.attempt > attempt and entry.state != "claimed":
        yield Step(state="claimed", text=_claim(entry))  # it was, between the two looks
    yield Step(state=entry.state, text=_reason(entry, state))


def _reason(entry: Any, before: str) -> str:
    """What there is to say about the state of a message."""
    accepted = any(recipient.message_id for recipient in entry.recipients.all())
    if entry.state == "sent" and before == "in_doubt":
        return "An event of SES proves it." if accepted else "You said that SES has it."
    if entry.state in ("claimed", "posting"):
        return _claim(entry)
    return str(entry.error)


def _claim(entry: Any) -> str:
    return f"Attempt {entry.attempt}, by {entry.worker or 'a worker'}"


def main() -> None:
    """Be the worker, until the sandbox ends: then there is nobody at the other end of the pipe."""
    from . import own_site

    site = json.loads(os.environ.pop(SITE_VARIABLE))
    own_site.configure(site["anymail"], Path(site["folder"]), [], {})
    Thread(target=_end_with_sandbox, daemon=True).start()
    from django.core.management import call_command

    call_command("anymail_deliver", grace=0, verbosity=0)


def _end_with_sandbox() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
