"""One message of an SQS queue -> signals, for ``anymail_consume`` and for AWS Lambda."""

from __future__ import annotations

import logging
import threading
from asyncio import CancelledError
from collections import deque

from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError, AnymailWebhookValidationFailure
from .carriers import Proof, parse_notifications
from .receive import handle
from .sqs import SqsMessage

logger: logging.Logger = logging.getLogger(__name__)

#: What receivers raise, and what is no reason to end the process: ``asyncio`` and ``sys.exit()``
#: raise exceptions that ``except Exception`` does not catch.
FAILURES = (Exception, CancelledError, SystemExit)

#: The SQS ids of poison that this process has logged lately: it comes again and again.
_logged: deque[str] = deque(maxlen=1000)
_logged_lock = threading.Lock()


def handle_message(
    message: SqsMessage, queue_arn: str, settings: AmazonSESSettings, *, proof: Proof, sender: type
) -> int | None:
    """Call the receivers of a message. Poison is logged as an error, once in each process.

    :param queue_arn: of the queue that it is from.
    :param proof: from :func:`.receive.queue_proof`.
    :param sender: passed on to receivers: the class of the carrier.
    :return: the number of events; None if the message is poison, whose fate
        ``AMAZON_SES_QUEUE_POISON`` decides.
    :raises Exception: see :func:`.receive.handle`; let SQS deliver the message again.
    """
    try:
        found = parse_notifications(
            message.body,
            proof=proof,
            message_id=message.id,
            timestamp=message.sent_at,
            queue_arn=queue_arn,
        )
    except AnymailWebhookValidationFailure as err:
        _log_poison(err, message, queue_arn, is_deleted=settings.queue_poison == "delete")
        return None
    return handle(found, settings, sender=sender)


def log_failure(
    err: BaseException, message: SqsMessage, queue_arn: str, max_receives: int | None = None
) -> None:
    """Log that a message was not handled, and what becomes of it.

    :param err: from :func:`handle_message`.
    :param queue_arn: of the queue that it is from.
    :param max_receives: how often the queue lets it be received, if that is known.
    """
    passes = isinstance(err, AnymailAPIError) and err.is_transient
    is_last = max_receives is not None and message.receive_count >= max_receives
    logger.log(
        logging.WARNING if passes and not is_last else logging.ERROR,
        "The SQS message %s was not handled: %s (%s; this was time %d, from the queue %s)",
        message.id,
        err if isinstance(err, AnymailAPIError) else type(err).__name__,
        "it goes to the dead-letter queue" if is_last else "it comes again",
        message.receive_count,
        _name(queue_arn),
        exc_info=None if passes else err,
        extra=_about(message, queue_arn),
    )


def _log_poison(err: Exception, message: SqsMessage, queue_arn: str, *, is_deleted: bool) -> None:
    logger.log(
        logging.ERROR if _is_new(message) else logging.DEBUG,
        "The SQS message %s cannot be used: %s (%s, in the queue %s)",
        message.id,
        err,
        "deleted" if is_deleted else "left to the redrive policy",
        _name(queue_arn),
        extra=_about(message, queue_arn),
    )


def _is_new(message: SqsMessage) -> bool:
    """Whether this process has not logged a message yet.

    How often SQS has delivered it does not tell: a consumer that ends gives back what it has not
    looked at.
    """
    with _logged_lock:
        is_new = message.receive_count == 1 or message.id not in _logged
        if is_new:
            _logged.append(message.id)
        return is_new


def _about(message: SqsMessage, queue_arn: str) -> dict[str, str]:
    return {"anymail_sqs_id": message.id, "anymail_queue": _name(queue_arn)}


def _name(queue_arn: str) -> str:
    return queue_arn.rpartition(":")[2]
