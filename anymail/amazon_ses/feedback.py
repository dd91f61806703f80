"""Tracking event -> the columns of the rows about its notification.

A notification can be about several recipients. Each of them becomes a tracking event, and any one
of these is enough to find the others: it carries SES's whole document.

Source: Amazon SES Developer Guide, "Amazon SNS notification contents".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from ..signals import AnymailTrackingEvent, EventType
from .notifications import SesNotification
from .tags_and_metadata import own_headers
from .timestamps import iso_time, parse_timestamp
from .tracking import tracking_events
from .untrusted_json import MAX_NESTING, as_object, as_objects, is_nested_deeper

#: Names of columns, and their values as SES has them.
Details = dict[str, Any]
#: How the ids of events begin that were made later, of what SES's API says.
BACKFILLED = "backfill:"

#: Where SES's object ``mail`` has headers of the message.
HEADERS = ("headers", "commonHeaders")


def is_feedback(event: AnymailTrackingEvent) -> bool:
    """Whether to store an event: it has a known type, and is about a message.

    :param event: any; one without a document is not from SES, and is taken as it is.
    """
    body = event.esp_event
    has_mail = not isinstance(body, dict) or not body or isinstance(body.get("mail"), dict)
    return event.event_type in DETAILS and has_mail


def notification_details(event: AnymailTrackingEvent) -> Details:
    """The columns that are the same for all recipients of an event's notification.

    :param event: one for which :func:`is_feedback` is true.
    :return: column to value; empty or None if SES left it out.
    """
    body = as_object(event.esp_event)
    mail = as_object(body.get("mail"))
    return {
        "sns_topic": event.topic_arn or "",
        "sns_messageid": event.event_id or _made_up_id(event),
        "mail_timestamp": parse_timestamp(mail.get("timestamp")) or event.timestamp,
        "mail_id": event.message_id or "",
        "mail_from": _filled(mail.get("source")) or "",
        "event": body,
    }


def recipient_details(event: AnymailTrackingEvent) -> list[Details]:
    """The columns about each recipient of an event's notification, in SES's order.

    :param event: one for which :func:`is_feedback` is true.
    :return: column to value, for each of them.
    :raises KeyError: it is of another type.
    """
    describe = DETAILS[event.event_type]
    body = as_object(event.esp_event)
    events = same_notification(event)
    return [
        {
            "address": one.recipient or "",
            "recipient_uncertain": one.recipient_uncertain,
            **details,
        }
        for one, details in zip(events, describe(events, body), strict=True)
    ]


def bounce_details(events: list[AnymailTrackingEvent], body: Details) -> list[Details]:
    """The columns of :class:`~anymail.feedback.models.Bounce`.

    :param events: of one notification.
    :param body: SES's document.
    """
    bounce = as_object(body.get("bounce"))
    recipients = _recipients(bounce.get("bouncedRecipients"), len(events))
    return [
        {
            **_feedback(bounce, event),
            "hard": event.is_hard_bounce,
            "bounce_type": event.bounce_type or "",
            "bounce_subtype": event.bounce_subtype or "",
            "reporting_mta": _filled(bounce.get("reportingMTA")),
            "action": _filled(recipient.get("action")),
            "status": event.smtp_status,
            "diagnostic_code": event.mta_response,
        }
        for event, recipient in zip(events, recipients, strict=True)
    ]


def complaint_details(events: list[AnymailTrackingEvent], body: Details) -> list[Details]:
    """The columns of :class:`~anymail.feedback.models.Complaint`.

    :param events: of one notification.
    :param body: SES's document.
    """
    complaint = as_object(body.get("complaint"))
    return [
        {
            **_feedback(complaint, event),
            "useragent": event.user_agent,
            "feedback_type": event.complaint_type,
            "arrival_date": parse_timestamp(complaint.get("arrivalDate")),
        }
        for event in events
    ]


def delivery_details(events: list[AnymailTrackingEvent], body: Details) -> list[Details]:
    """The columns of :class:`~anymail.feedback.models.Delivery`.

    :param events: of one notification.
    :param body: SES's document.
    """
    delivery = as_object(body.get("delivery"))
    return [
        {
            "delivered_time": event.occurred_at,
            "processing_time": _milliseconds(delivery.get("processingTimeMillis")),
            "smtp_response": event.mta_response,
        }
        for event in events
    ]


def mail_event_details(events: list[AnymailTrackingEvent], body: Details) -> list[Details]:
    """The columns of :class:`~anymail.feedback.models.MailEvent`.

    :param events: of one notification.
    :param body: SES's document.
    """
    return [
        {
            "event_type": str(event.event_type),
            "occurred_at": event.occurred_at,
            "description": event.description or "",
            "reject_reason": event.reject_reason or "",
            "mta_response": event.mta_response or "",
        }
        for event in events
    ]


#: By type of event.
DETAILS: dict[str, Callable[[list[AnymailTrackingEvent], Details], list[Details]]] = {
    EventType.BOUNCED: bounce_details,
    EventType.COMPLAINED: complaint_details,
    EventType.DELIVERED: delivery_details,
    EventType.DEFERRED: mail_event_details,
    EventType.REJECTED: mail_event_details,
    EventType.FAILED: mail_event_details,
}


def same_notification(event: AnymailTrackingEvent) -> list[AnymailTrackingEvent]:
    """The events of all recipients of an event's notification, in SES's order.

    :param event: any one of them.
    :return: the event alone, if its document does not say so.
    """
    body = as_object(event.esp_event)
    if is_nested_deeper(body, MAX_NESTING):  # somebody made the event without a SesNotification
        return [event]
    notification = SesNotification(id=event.event_id, timestamp=event.timestamp, body=body)
    events = [one for one in tracking_events(notification) if one.event_type == event.event_type]
    return events if event.recipient in [one.recipient for one in events] else [event]


def document_to_keep(event: AnymailTrackingEvent) -> Details:
    """The document of SES without headers of the message, apart from those that make its events.

    :func:`.tracking.tracking_events` makes the same of it.
    """
    body = as_object(event.esp_event)
    mail = body.get("mail")
    if not isinstance(mail, dict):
        return body
    headers = mail.get("headers")
    others = {name: value for name, value in mail.items() if name not in HEADERS}
    ours = {"headers": own_headers(headers)} if isinstance(headers, list) else {}
    return {**body, "mail": {**others, **ours}}


def sns_notification(event: AnymailTrackingEvent) -> Details:
    """The document of SNS around that of SES.

    From another carrier, one is made from the event.
    """
    if event.sns_message:
        return dict(event.sns_message)
    return {
        "Type": "Notification",
        "MessageId": event.event_id,
        "TopicArn": event.topic_arn,
        "Message": json.dumps(event.esp_event, default=str),
        "Timestamp": iso_time(event.timestamp) if event.timestamp else None,
    }


def _recipients(values: object, count: int) -> list[Details]:
    """SES's own words about each recipient; empty where the events came from elsewhere."""
    found = [value for value in as_objects(values) if _filled(value.get("emailAddress"))]
    return found if len(found) == count else [{} for _ in range(count)]


def _feedback(detail: Details, event: AnymailTrackingEvent) -> Details:
    return {
        "feedback_id": _filled(detail.get("feedbackId")),
        "feedback_timestamp": event.occurred_at,
    }


def _made_up_id(event: AnymailTrackingEvent) -> str:
    """An id for events without one: the same for every repetition."""
    content = (event.message_id, event.timestamp, event.occurred_at, event.esp_event)
    return "sha256:" + sha256(repr(content).encode("utf-8", "backslashreplace")).hexdigest()


def _milliseconds(value: object) -> int:
    # Some of AWS's software writes it as a string.
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:18])
    return value if isinstance(value, int) and value >= 0 else 0


def _filled(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
