"""A handler for AWS Lambda: SES's events by SQS, SNS, EventBridge or S3 -> your receivers.

Sources: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS" ("Implementing partial batch
responses"), "Using Lambda with Amazon SNS", "Process Amazon S3 event notifications".
"""

from __future__ import annotations

import logging
from typing import Any

import django
from django.apps import apps

from ..conf import AmazonSESSettings
from ..exceptions import AnymailWebhookValidationFailure
from .carriers import parse_notifications
from .connections import fresh_connections
from .receive import handle, queue_proof
from .timestamps import parse_milliseconds

logger: logging.Logger = logging.getLogger(__name__)


class LambdaHandler:
    """Handles what AWS Lambda passes to a function; the ``sender`` of its signals.

    It sets Django up first if nothing else has, with ``DJANGO_SETTINGS_MODULE``.
    """

    def __call__(self, event: dict[str, Any], context: object) -> dict[str, Any] | None:
        """Handle an invocation: a batch of SQS messages, or what SNS, EventBridge or S3 sent.

        :param event: from Lambda.
        :param context: from Lambda; not used.
        :return: for a batch, which of its messages SQS has to deliver again; otherwise None.
        :raises Exception: not for a batch: a receiver raised it, and Lambda has to try again.
        :raises AnymailWebhookValidationFailure: not for a batch: it is not about SES, and
            ``AMAZON_SES_QUEUE_POISON`` is ``"keep"``.
        """
        if not apps.ready:
            django.setup()
        settings = AmazonSESSettings.load()
        if messages := _sqs_messages(event):
            failed = [message for message in messages if not self.is_handled(message, settings)]
            return {"batchItemFailures": [{"itemIdentifier": one["messageId"]} for one in failed]}
        with fresh_connections():
            self.handle_event(event, settings)
        return None

    def is_handled(self, record: dict[str, Any], settings: AmazonSESSettings) -> bool:
        """Handle one SQS message, whatever became of the others in its batch.

        :param record: from Lambda.
        :return: whether SQS may delete it.
        """
        try:
            with fresh_connections():
                return self.handle_message(record, settings)
        except Exception:
            message_id = record["messageId"]
            about = {"anymail_sqs_message": message_id}
            logger.exception("The SQS message %s was not handled", message_id, extra=about)
            return False

    def handle_message(self, record: dict[str, Any], settings: AmazonSESSettings) -> bool:
        """Handle one SQS message.

        :param record: from Lambda.
        :return: False for poison that SQS is to keep.
        :raises Exception: see :func:`.receive.handle`.
        """
        try:
            found = parse_notifications(
                record["body"],
                proof=queue_proof(settings),
                message_id=record["messageId"],
                timestamp=parse_milliseconds(record["attributes"].get("SentTimestamp")),
                queue_arn=record["eventSourceARN"],
            )
        except AnymailWebhookValidationFailure as err:
            message_id = record["messageId"]
            about = {"anymail_sqs_message": message_id}
            logger.error("The SQS message %s cannot be used: %s", message_id, err, extra=about)
            return settings.queue_poison == "delete"
        handle(found, settings, sender=type(self))
        return True

    def handle_event(self, event: dict[str, Any], settings: AmazonSESSettings) -> None:
        """Handle what SNS, EventBridge or S3 sent.

        :param event: from Lambda.
        :raises Exception: see :meth:`__call__`.
        """
        try:
            found = parse_notifications(event, proof=queue_proof(settings))
        except AnymailWebhookValidationFailure as err:
            logger.error("The event for AWS Lambda cannot be used: %s", err)
            if settings.queue_poison == "keep":
                raise
            return
        handle(found, settings, sender=type(self))


def _sqs_messages(event: dict[str, Any]) -> list[dict[str, Any]]:
    records = event.get("Records")
    return [
        record
        for record in (records if isinstance(records, list) else ())
        if isinstance(record, dict) and record.get("eventSource") == "aws:sqs"
    ]


#: The handler to configure in AWS Lambda: ``anymail.amazon_ses.aws_lambda.handler``.
handler: LambdaHandler = LambdaHandler()
