"""One message of an SQS queue -> signals, for ``anymail_consume`` and for AWS Lambda."""

from __future__ import annotations

import logging

from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError, AnymailWebhookValidationFailure
from .carriers import Proof, parse_notifications
from .receive import handle
from .sqs import SqsMessage

logger: logging.Logger = logging.getLogger(__name__)


def handle_message(
    message: SqsMessage, queue_arn: str, settings: AmazonSESSettings, *, proof: Proof, sender: type
) -> int | None:
    """Call the receivers of a message. Poison is logged, the first time that it is received.

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


def log_failure(err: Exception, message: SqsMessage, queue_arn: str) -> None:
    """Log that a message was not handled, and comes again.

    :param err: from :func:`handle_message`.
    :param queue_arn: of the queue that it is from.
    """
    passes = isinstance(err, AnymailAPIError) and err.is_transient
    logger.log(
        logging.WARNING if passes else logging.ERROR,
        "The SQS message %s was not handled: %s (it comes again; this was time %d, from the queue "
        "%s)",
        message.id,
        err if isinstance(err, AnymailAPIError) else type(err).__name__,
        message.receive_count,
        _name(queue_arn),
        exc_info=None if passes else err,
        extra=_about(message, queue_arn),
    )


def _log_poison(err: Exception, message: SqsMessage, queue_arn: str, *, is_deleted: bool) -> None:
    logger.log(
        # It comes again until the queue's redrive policy moves it.
        logging.ERROR if is_deleted or message.receive_count == 1 else logging.DEBUG,
        "The SQS message %s cannot be used: %s (%s, in the queue %s)",
        message.id,
        err,
        "deleted" if is_deleted else "left to the redrive policy",
        _name(queue_arn),
        extra=_about(message, queue_arn),
    )


def _about(message: SqsMessage, queue_arn: str) -> dict[str, str]:
    return {"anymail_sqs_id": message.id, "anymail_queue": _name(queue_arn)}


def _name(queue_arn: str) -> str:
    return queue_arn.rpartition(":")[2]
