"""One message -> signals, through the same recipes as in the webhooks."""

from __future__ import annotations

import logging
import threading
from enum import Enum, auto

from django.db import connections

from ..amazon_ses import receive
from ..amazon_ses.carriers import parse_notifications
from ..amazon_ses.connections import fresh_connections
from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError, AnymailWebhookValidationFailure
from . import rules
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
        self._proof = receive.queue_proof(settings)
        self.outage = Outage()

    def handle(self, held: Held) -> tuple[Outcome, int]:
        """Call the receivers of a message, when the database is there.

        :return: what became of it, and the number of events.
        """
        failures = 0
        while True:
            try:
                with fresh_connections():
                    return self._handle(held)
            except Exception as err:
                if not is_database_away():
                    _log_failure(err, held)
                    return Outcome.FAILED, 0
                failures += 1
                with self.outage:
                    if self._stops.wait(rules.pause(failures)):
                        return Outcome.UNTRIED, 0

    def _handle(self, held: Held) -> tuple[Outcome, int]:
        message = held.message
        try:
            found = parse_notifications(
                message.body,
                proof=self._proof,
                message_id=message.id,
                timestamp=message.sent_at,
                queue_arn=held.queue.arn,
            )
        except AnymailWebhookValidationFailure as err:
            self._log_poison(err, held)
            return Outcome.POISON, 0
        count = receive.handle(found, self._settings, sender=self._sender)
        return Outcome.HANDLED, count

    def _log_poison(self, err: AnymailWebhookValidationFailure, held: Held) -> None:
        is_deleted = self._settings.queue_poison == "delete"
        logger.log(
            # It comes again until the queue's redrive policy moves it.
            logging.ERROR if is_deleted or held.message.receive_count == 1 else logging.DEBUG,
            "The SQS message %s cannot be used: %s (%s, in the queue %s)",
            held.message.id,
            err,
            "deleted" if is_deleted else "left to the redrive policy",
            held.queue.name,
            extra=about(held),
        )


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
                logger.error("The database does not answer. Nothing is handled until it does")

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._waiting -= 1


def is_database_away() -> bool:
    """Whether a connection of this thread that has had an error cannot be made again.

    An error may also be about the one message: too long a value, a deadlock.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.errors_occurred:
            continue
        try:
            connection.close()
            connection.ensure_connection()
        except Exception:  # each database has its own
            return True
    return False


def about(held: Held) -> dict[str, str]:
    """The attributes of log records about a message."""
    return {"anymail_sqs_id": held.message.id, "anymail_queue": held.queue.name}


def _log_failure(err: Exception, held: Held) -> None:
    passes = isinstance(err, AnymailAPIError) and err.is_transient
    logger.log(
        logging.WARNING if passes else logging.ERROR,
        "The SQS message %s was not handled: %s (it comes again; this was time %d, from the queue "
        "%s)",
        held.message.id,
        err if isinstance(err, AnymailAPIError) else type(err).__name__,
        held.message.receive_count,
        held.queue.name,
        exc_info=None if passes else err,
        extra=about(held),
    )
