"""What does it cost to keep all events? ``python -m tests.benchmarks.outbox_events --db postgres``

Events of SES about a message in the outbox are received, with ``anymail.feedback`` and its
suppression list, with and without the outbox's table of events, in turn. What counts is the time
that the database takes. Exits with 1 if an event that feedback stores takes more than 1.3 times as
long with the table as without, or if one that only the outbox stores takes more than 1.3 times as
long as a delivery that feedback stores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import django

TARGET = 1.3
#: Kinds that feedback stores, and that it does not.
STORED = ("delivery", "delivery_delay", "bounce", "complaint")
OTHERS = ("send", "open", "click")
#: Events in one turn.
EVENTS = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=["postgres", "mariadb"], required=True)
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    setup(options.db)

    from django.db import connection

    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        return report(measure(options.repeat))
    finally:
        name = connection.settings_dict["NAME"]
        connection.creation.destroy_test_db(name.replace("test_", "", 1), verbosity=0)


def setup(db: str) -> None:
    os.environ["ANYMAIL_TEST_DB"] = db
    os.environ["ANYMAIL_TEST_DB_NAME"] = f"anymail_events_{os.getpid()}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    from django.conf import settings

    settings.ANYMAIL = {"FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"]}
    django.setup()


class Meter:
    """The seconds that the database has taken."""

    seconds = 0.0

    def execute(self, execute: Callable[..., Any], *args: Any) -> Any:
        """An ``execute_wrapper``: queries, savepoints too."""
        return self.timed(execute)(*args)

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


@contextmanager
def metered() -> Iterator[Meter]:
    """Measure, for the length of a block; the beginning and end of transactions as well."""
    from django.db import connection

    meter = Meter()
    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(meter.execute))
        for name in ("_commit", "_set_autocommit"):
            timed = meter.timed(getattr(connection, name))
            stack.enter_context(mock.patch.object(connection, name, timed))
        yield meter


def measure(repeat: int) -> dict[tuple[str, bool], list[float]]:
    """The milliseconds of an event, by its kind, and whether there is a table for all."""
    import tests.feedback
    import tests.outbox
    from anymail.outbox.history import recording
    from anymail.signals import tracking

    tests.feedback.connect()
    tests.outbox.connect()
    entry_id = sent_message()
    found: dict[tuple[str, bool], list[float]] = {}
    for turn in range(repeat + 2):
        for keeps_all in (False, True):
            tracking.disconnect(dispatch_uid="anymail.outbox.history")
            if keeps_all:
                tracking.connect(recording.on_tracking, dispatch_uid="anymail.outbox.history")
            for kind in (*STORED, *OTHERS):
                taken = receive(kind, entry_id)
                if turn >= 2:  # before that, nothing is in memory
                    found.setdefault((kind, keeps_all), []).append(taken)
    return found


def sent_message() -> uuid.UUID:
    from anymail.outbox.models import Entry, Recipient, State

    entry = Entry._default_manager.create(
        state=State.SENT, attempt=1, mailer="ses", recipients_count=1
    )
    address = "ann@example.com"
    Recipient._default_manager.create(
        entry=entry, kind="to", address=address, address_key=address, status="queued"
    )
    return entry.pk


def receive(kind: str, entry_id: uuid.UUID) -> float:
    """Receive events about a message; gives milliseconds for one."""
    from anymail import testing
    from anymail.amazon_ses.notifications import SesNotification
    from anymail.amazon_ses.tracking import tracking_events
    from anymail.outbox.ids import TAG, tag_value
    from anymail.signals import dispatch

    tags = {TAG: [tag_value(entry_id, 1)]}
    notifications = [
        SesNotification(
            id=str(uuid.uuid4()),
            timestamp=None,
            body=testing.ses_event(kind, recipient=["ann@example.com"], message_tags=tags),
            is_verified=True,
        )
        for _ in range(EVENTS)
    ]
    with metered() as meter:
        for notification in notifications:
            dispatch(tracking_events(notification), sender=object, esp_name="Amazon SES")
    return meter.seconds * 1000 / EVENTS


def report(found: dict[tuple[str, bool], list[float]]) -> int:
    medians = {key: statistics.median(times) for key, times in found.items()}
    delivery, missed = medians["delivery", False], 0
    print(f"{'ms of the database':20} {'before':>8} {'with it':>8} {'ratio':>6}")
    for kind in STORED:
        before, after = medians[kind, False], medians[kind, True]
        missed += after / before > TARGET
        print(f"{kind:20} {before:8.3f} {after:8.3f} {after / before:6.2f}")
    print("compared with a delivery before")
    for kind in OTHERS:
        before, after = medians[kind, False], medians[kind, True]
        missed += after / delivery > TARGET
        print(f"{kind:20} {before:8.3f} {after:8.3f} {after / delivery:6.2f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
