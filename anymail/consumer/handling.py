"""One message -> signals, through the same recipes as in the webhooks."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from enum import Enum, auto

from django.db import InterfaceError, OperationalError, connections

from ..amazon_ses.connections import fresh_connections
from ..amazon_ses.queued import handle_message, log_failure
from ..amazon_ses.receive import queue_proof
from ..conf import AmazonSESSettings
from ..exceptions.tracebacks import error_chain
from . import timing
from .hand import Held

logger: logging.Logger = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of a message."""

    #: Every receiver has returned.
    HANDLED = auto()
    #: Something raised an exception; another try may help.
    FAILED = auto()
    #: It is no document of SES.
    POISON = auto()
    #: Nothing was tried: the database is away, and the consumer stops.
    UNTRIED = auto()


class Handler:
    """Calls the receivers of messages, in any number of threads.

    :param sender: for receivers: the consumer's class.
    :param stops: set when no more is to be waited for.
    """

    def __init__(self, settings: AmazonSESSettings, sender: type, stops: threading.Event) -> None:
        self._settings = settings
        self._sender = sender
        self._stops = stops
        self._proof = queue_proof(settings)
        self.outage: Outage = Outage()

    def handle(self, held: Held) -> tuple[Outcome, int]:
        """Call the receivers of a message, when the database is there.

        :return: what became of it, and the number of events.
        """
        failures = 0
        while True:
            with fresh_connections():
                result = self._try(held)
            if result is not None:
                return result
            failures += 1
            with self.outage:
                if self._stops.wait(timing.pause(failures)):
                    return Outcome.UNTRIED, 0

    def _try(self, held: Held) -> tuple[Outcome, int] | None:
        """Handle a message; None if the database is away."""
        try:
            return self._handle(held)
        except Exception as err:
            if is_database_away(err):
                return None
            log_failure(err, held.message, held.queue.arn)
            return Outcome.FAILED, 0

    def _handle(self, held: Held) -> tuple[Outcome, int]:
        count = handle_message(
            held.message, held.queue.arn, self._settings, proof=self._proof, sender=self._sender
        )
        return (Outcome.POISON, 0) if count is None else (Outcome.HANDLED, count)


class Outage:
    """Notes for how long the database is away, for all threads together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0

    def __bool__(self) -> bool:
        return self._waiting > 0

    def __enter__(self) -> None:
        with self._lock:
            self._waiting += 1
            if self._waiting == 1:
                logger.error(
                    "The database does not answer. Nothing is handled until it does",
                    extra={"anymail_error_code": "OperationalError"},
                )

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._waiting -= 1


def is_database_away(error: Exception) -> bool:
    """Whether an error came of a connection of this thread that cannot be made again.

    Otherwise it is about the one message: a deadlock, too long a value.
    """
    is_suspect = any(
        isinstance(link, (InterfaceError, OperationalError)) for link in error_chain(error)
    )
    for connection in connections.all(initialized_only=True):
        if not (is_suspect or connection.errors_occurred):
            continue
        # Each database raises its own; PyMySQL even if a connection is closed already.
        with suppress(Exception):
            connection.close()
        try:
            connection.ensure_connection()
        except Exception:
            return True
    return False
