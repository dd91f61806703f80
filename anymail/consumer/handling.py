"""One message in hand -> signals, and what became of it. Waits while a database is away."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from enum import Enum, auto

from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ..amazon_ses.connections import fresh_connections
from ..amazon_ses.queued import FAILURES, handle_message, log_failure
from ..amazon_ses.receive import queue_proof
from ..conf import AmazonSESSettings
from ..exceptions.tracebacks import error_chain
from . import timing
from .hand import Held
from .slow_receivers import SlowReceivers

logger: logging.Logger = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of a message."""

    #: Every receiver has returned.
    HANDLED = auto()
    #: Something raised an exception; another attempt may help.
    FAILED = auto()
    #: It is not about SES.
    POISON = auto()
    #: Nothing was done: a database is away.
    UNTRIED = auto()


class Handler:
    """Calls the receivers of messages, in any number of threads.

    :param sender: passed on to receivers: the consumer's class.
    :param stops: once it is set, no database is waited for.
    """

    def __init__(self, settings: AmazonSESSettings, sender: type, stops: threading.Event) -> None:
        self._settings = settings
        self._sender = sender
        self._stops = stops
        self._proof = queue_proof(settings)
        self.outage: Outage = Outage()
        self.slow: SlowReceivers = SlowReceivers()

    def handle(self, held: Held) -> tuple[Outcome, int]:
        """Call the receivers of a message. While a database is away, wait and start over.

        :return: what became of the message, and the number of events.
        """
        failures = 0
        while True:
            with fresh_connections(), self.slow.watch(held):
                outcome, events = self._try(held)
            if outcome is not Outcome.UNTRIED:
                if failures:
                    self.outage.end()
                return outcome, events
            failures += 1
            if self._stops.wait(timing.pause(failures)):
                return outcome, events

    def _try(self, held: Held) -> tuple[Outcome, int]:
        try:
            return self._handle(held)
        except FAILURES as err:
            if (alias := database_away(err)) is not None:
                self.outage.begin(alias)
                return Outcome.UNTRIED, 0
            log_failure(err, held.message, held.queue.arn, held.queue.max_receives)
            return Outcome.FAILED, 0

    def _handle(self, held: Held) -> tuple[Outcome, int]:
        count = handle_message(
            held.message, held.queue.arn, self._settings, proof=self._proof, sender=self._sender
        )
        return (Outcome.POISON, 0) if count is None else (Outcome.HANDLED, count)


class Outage:
    """Logs once, for all threads together, that databases are away, and that they are back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._away: set[str] = set()

    @property
    def is_on(self) -> bool:
        """Whether a database is away."""
        return bool(self._away)

    def begin(self, alias: str) -> None:
        """A database is away.

        :param alias: its key in ``DATABASES``.
        """
        with self._lock:
            if alias in self._away:
                return
            self._away.add(alias)
        logger.error(
            "The database %r does not answer. Messages wait until it does",
            alias,
            extra={"anymail_database": alias},
        )

    def end(self) -> None:
        """A thread that waited has all its connections again."""
        with self._lock:
            back, self._away = self._away, set()
        for alias in sorted(back):
            logger.warning(
                "The database %r answers again", alias, extra={"anymail_database": alias}
            )


def database_away(error: BaseException) -> str | None:
    """The alias of the database that an error came from, if it does not answer this thread.

    Otherwise the error is about the one message: a deadlock, too long a value.
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
        if not answers(connection):
            alias: str = connection.alias
            return alias
    return None


def answers(connection: BaseDatabaseWrapper) -> bool:
    """Whether a database can be connected to, and answers a query.

    A proxy (PgBouncer, Amazon RDS Proxy) lets clients log in while the server behind it is away.
    """
    try:
        connection.ensure_connection()
        return bool(connection.is_usable())
    except Exception:
        return False
