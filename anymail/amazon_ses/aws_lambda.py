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
from .queued import FAILURES, handle_message, log_failure
from .receive import handle, queue_proof
from .sqs import SqsMessage
from .timestamps import parse_milliseconds

logger: logging.Logger = logging.getLogger(__name__)


class LambdaHandler:
    """Handles what AWS Lambda passes to a function; the ``sender`` of its signals.

    It sets Django up first if nothing else has, with ``DJANGO_SETTINGS_MODULE``.
    """

    def __call__(self, event: dict[str, Any], context: object) -> dict[str, Any] | None:
        """Handle an invocation: a batch of SQS messages, or what SNS, EventBridge or S3 sent.

        :param event: from Lambda.
        :param context: from Lambda; for the log.
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
            self.handle_event(event, context, settings)
        return None

    def is_handled(self, record: dict[str, Any], settings: AmazonSESSettings) -> bool:
        """Handle one SQS message, whatever became of the others in its batch.

        :param record: from Lambda.
        :return: whether SQS may delete it.
        """
        message, queue_arn = parse_message(record), record["eventSourceARN"]
        proof = queue_proof(settings)
        try:
            with fresh_connections():
                count = handle_message(message, queue_arn, settings, proof=proof, sender=type(self))
        except FAILURES as err:
            log_failure(err, message, queue_arn)
            return False
        return count is not None or settings.queue_poison == "delete"

    def handle_event(
        self, event: dict[str, Any], context: object, settings: AmazonSESSettings
    ) -> None:
        """Handle what SNS, EventBridge or S3 sent.

        :param event: from Lambda.
        :param context: from Lambda.
        :raises Exception: see :meth:`__call__`.
        """
        try:
            found = parse_notifications(event, proof=queue_proof(settings))
        except AnymailWebhookValidationFailure as err:
            request = getattr(context, "aws_request_id", None)
            logger.error(
                "The event for AWS Lambda cannot be used: %s (request %s)",
                err,
                request,
                extra={"anymail_lambda_request": request},
            )
            if settings.queue_poison == "keep":
                raise
            return
        handle(found, settings, sender=type(self))


def parse_message(record: dict[str, Any]) -> SqsMessage:
    """A message of SQS as Lambda passes it on.

    :param record: one of ``Records``.
    """
    attributes = record["attributes"]
    return SqsMessage(
        id=record["messageId"],
        receipt=record["receiptHandle"],
        body=record["body"],
        receive_count=int(attributes["ApproximateReceiveCount"]),
        sent_at=parse_milliseconds(attributes["SentTimestamp"]),
    )


def _sqs_messages(event: dict[str, Any]) -> list[dict[str, Any]]:
    records = event.get("Records")
    return [
        record
        for record in (records if isinstance(records, list) else ())
        if isinstance(record, dict) and record.get("eventSource") == "aws:sqs"
    ]


#: The handler to configure in AWS Lambda: ``anymail.amazon_ses.aws_lambda.handler``.
handler: LambdaHandler = LambdaHandler()
