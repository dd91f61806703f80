"""What carries SES's documents -> SesNotification: SNS, SQS, EventBridge, S3, and these in SNS.

Sources: Amazon SNS Developer Guide, "Amazon SNS raw message delivery"; Amazon SES Developer Guide,
"Monitoring SES events using Amazon EventBridge"; Amazon S3 User Guide, "Event message structure"
and "EventBridge event message structure"; AWS Lambda Developer Guide, "Using Lambda with SNS".
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from ..exceptions import AnymailWebhookValidationFailure
from ..signals import AccountChange
from .notifications import SesNotification, kind_word
from .sns import NOTIFICATION, PRINTABLE, SUBSCRIPTION_CONFIRMATION, SnsEnvelope
from .timestamps import parse_timestamp
from .untrusted_json import as_string, parse_json

logger: logging.Logger = logging.getLogger(__name__)

#: Whether a message provably comes from you. It gets the message of SNS, or None where there is
#: none; it raises AnymailWebhookValidationFailure to refuse the message.
Proof = Callable[[SnsEnvelope | None], bool]

#: EventBridge's ``detail-type`` of events about a mail -> SES's kind.
MAIL_EVENTS = {
    "Email Sent": "Send",
    "Email Delivered": "Delivery",
    "Email Delivery Delayed": "DeliveryDelay",
    "Email Bounced": "Bounce",
    "Email Complaint Received": "Complaint",
    "Email Rejected": "Reject",
    "Email Rendering Failed": "Rendering Failure",
    "Email Opened": "Open",
    "Email Clicked": "Click",
    "Email Subscribed": "Subscription",
}
#: The plain text that SES publishes when an event destination is created or edited.
SETUP_TEXT = "Successfully validated SNS topic"
#: The document that it publishes when a topic is set for an identity.
SETUP_KIND = "AmazonSnsSubscriptionSucceeded"


class Document(NamedTuple):
    """A document of SES, and what the carrier inside of SNS, if there is one, says about it."""

    body: dict[str, Any]
    id: str | None = None
    timestamp: datetime | None = None


def parse_notifications(
    body: str | bytes | dict[str, Any],
    *,
    proof: Proof,
    message_id: str | None = None,
    timestamp: datetime | None = None,
    queue_arn: str | None = None,
) -> list[SesNotification]:
    """The notifications in the body of an SQS message, or in the event of a Lambda function.

    The body itself tells what it is. There is nothing in SES's messages about a new topic, in
    requests to confirm a subscription (which are logged), and in S3 events about anything but new
    objects.

    :param body: bytes are UTF-8; a dict is JSON that was parsed already.
    :param proof: decides what is ``is_verified``, and what is refused.
    :param message_id: the id where the body has none: SQS's.
    :param timestamp: the time where the body has none: when SQS got the message; aware.
    :param queue_arn: of the SQS queue.
    :return: more than one only for an S3 event about several mails.
    :raises AnymailWebhookValidationFailure: it is not about SES, and never will be; or the proof
        refuses it.
    :raises AnymailAPIError: the proof cannot be had at present.
    """
    content = parse_content(body)
    if envelopes := _envelopes(content):
        found = [one for envelope in envelopes for one in _from_sns(envelope, proof, queue_arn)]
    else:
        documents = ses_documents(content)
        is_verified = proof(None) if documents else False
        found = [
            SesNotification(
                id=document.id or message_id,
                timestamp=document.timestamp or timestamp,
                body=document.body,
                queue_arn=queue_arn,
                is_verified=is_verified,
            )
            for document in documents
        ]
    if not all(one.kind or one.is_account_change for one in found):
        raise AnymailWebhookValidationFailure("The message is not about Amazon SES.")
    return found


def sns_documents(envelope: SnsEnvelope) -> list[Document]:
    """The documents of SES in a message of SNS, which was checked.

    :return: see :func:`ses_documents`.
    :raises AnymailWebhookValidationFailure: it is not a JSON object, or names no S3 object.
    """
    content = parse_content(envelope.message, "The message inside the SNS message")
    return ses_documents(content, envelope.topic)


def ses_documents(content: dict[str, Any] | None, topic: str = "") -> list[Document]:
    """The documents of SES in a document of SES, EventBridge or S3.

    :param content: from :func:`parse_content`.
    :param topic: for the log: the topic's ARN.
    :return: an empty list if it is about no event and no mail; the document itself if it is none of
        these.
    :raises AnymailWebhookValidationFailure: it names no S3 object.
    """
    if content is None or content.get("notificationType") == SETUP_KIND:
        _log_setup(topic)
        return []
    if content.get("source") in ("aws.ses", "aws.s3") and isinstance(content.get("detail"), dict):
        return _from_eventbridge(content, content["detail"])
    if content.get("Event") == "s3:TestEvent":
        return []
    if records := _records(content, "aws:s3"):
        return [document for record in records for document in _from_s3_record(record)]
    if records := _records(content, "aws:ses"):
        return [_from_lambda_action(record) for record in records]
    return [Document(content)]


def parse_content(
    content: str | bytes | dict[str, Any], what: str = "The message"
) -> dict[str, Any] | None:
    """A message as a JSON object; None for the text that SES publishes when a topic is set up.

    :param content: the message, or the object.
    :param what: for the error.
    :raises AnymailWebhookValidationFailure: it is not a JSON object, or is too large.
    """
    if isinstance(content, dict):
        return content
    head = content[:100] if isinstance(content, str) else content[:100].decode("ascii", "replace")
    return None if head.lstrip().startswith(SETUP_TEXT) else parse_json(content, what)


def account_change(notification: SesNotification) -> AccountChange:
    """The event for a document of EventBridge about the account."""
    document = notification.body
    resources = document.get("resources")
    return AccountChange(
        kind=str(document.get("detail-type")),
        account=as_string(document.get("account")),
        region=as_string(document.get("region")),
        resources=tuple(r for r in resources if isinstance(r, str))
        if isinstance(resources, list)
        else (),
        timestamp=parse_timestamp(document.get("time")) or notification.timestamp,
        detail=document.get("detail"),
        event_id=notification.id,
        is_verified=notification.is_verified,
    )


def _envelopes(content: dict[str, Any] | None) -> list[SnsEnvelope]:
    """The messages of SNS: one as it is in a queue, any number as Lambda gets them."""
    if content is None:
        return []
    if "Type" in content and "TopicArn" in content:
        return [SnsEnvelope.from_fields(content)]
    records = content.get("Records")
    return [
        SnsEnvelope.from_fields(record["Sns"])
        for record in (records if isinstance(records, list) else ())
        if isinstance(record, dict) and isinstance(record.get("Sns"), dict)
    ]


def _from_sns(envelope: SnsEnvelope, proof: Proof, queue_arn: str | None) -> list[SesNotification]:
    is_verified = proof(envelope)
    if envelope.type != NOTIFICATION:
        _log_confirmation(envelope)
        return []
    return [
        SesNotification(
            id=envelope.id,
            timestamp=envelope.timestamp,
            body=document.body,
            topic_arn=envelope.topic or None,
            sns_message=envelope.fields,
            queue_arn=queue_arn,
            is_verified=is_verified,
        )
        for document in sns_documents(envelope)
    ]


def _log_setup(topic: str) -> None:
    name = topic or "of a queue"
    logger.info("SES set up the SNS topic %s", name, extra={"anymail_topic": topic})


def _log_confirmation(envelope: SnsEnvelope) -> None:
    about = {"anymail_topic": envelope.topic}
    if envelope.type != SUBSCRIPTION_CONFIRMATION:
        logger.info("SNS ended the subscription to %s", envelope.topic, extra=about)
        return
    logger.warning(
        "SNS asks to confirm a subscription to the topic %s, which only the webhooks do. If it is "
        "yours, confirm it by hand: the token is logged at DEBUG.",
        envelope.topic,
        extra=about,
    )
    token = envelope.fields.get("Token")
    if isinstance(token, str) and PRINTABLE.fullmatch(token):
        logger.debug("The token of the subscription to %s: %s", envelope.topic, token, extra=about)


def _from_eventbridge(event: dict[str, Any], detail: dict[str, Any]) -> list[Document]:
    detail_type = as_string(event.get("detail-type")) or ""
    if event["source"] == "aws.s3":
        if detail_type != "Object Created":
            return []
        body = _received(detail, event.get("region"), encoded=False)
    elif kind_word(detail):
        body = detail
    elif detail_type in MAIL_EVENTS:
        body = {"eventType": MAIL_EVENTS[detail_type], **detail}
    else:
        body = event
    return [Document(body, as_string(event.get("id")), parse_timestamp(event.get("time")))]


def _records(content: dict[str, Any], source: str) -> list[dict[str, Any]]:
    """What a service announces; nothing if something in it is of another service."""
    records = content.get("Records")
    records = records if isinstance(records, list) else []
    found = [r for r in records if isinstance(r, dict) and r.get("eventSource") == source]
    return found if len(found) == len(records) else []


def _from_s3_record(record: dict[str, Any]) -> list[Document]:
    if not (as_string(record.get("eventName")) or "").startswith("ObjectCreated:"):
        return []
    body = _received(record.get("s3"), record.get("awsRegion"), encoded=True)
    return [Document(body, timestamp=parse_timestamp(record.get("eventTime")))]


def _from_lambda_action(record: dict[str, Any]) -> Document:
    """What the Lambda action of a receipt rule says, which is not where the mail is."""
    ses = record.get("ses")
    return Document({"notificationType": "Received", **ses} if isinstance(ses, dict) else record)


def _received(s3: object, region: object, *, encoded: bool) -> dict[str, Any]:
    """A new S3 object as SES would announce it.

    SES names an object after its own id of the mail. Sender, recipients and verdicts are not known.

    :param s3: what S3 says about the object.
    :param encoded: whether the key is URL-encoded, with a + for each space.
    """
    try:
        bucket, key = s3["bucket"]["name"], s3["object"]["key"]  # type: ignore[index]
        key = unquote_plus(key, errors="strict") if encoded else key
        message_id = key.rpartition("/")[2]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise AnymailWebhookValidationFailure("The event of S3 names no object.") from None
    return {
        "notificationType": "Received",
        "mail": {"messageId": message_id},
        "receipt": {
            "action": {"type": "S3", "bucketName": bucket, "objectKey": key, "region": region}
        },
        "s3": s3,
    }
