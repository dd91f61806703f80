"""SesNotification -> tracking events.

Sources: Amazon SES Developer Guide, "Amazon SNS notification contents" and "Contents of event data
that Amazon SES publishes to Amazon SNS". SES adds fields and words at any time, and leaves parts
out, so nothing is required here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..addresses.keys import bare_address, comparison_form
from ..signals import AnymailTrackingEvent, EventType, RejectReason
from .notifications import SesNotification
from .tags_and_metadata import parse_tags_and_metadata
from .timestamps import parse_timestamp
from .untrusted_json import as_list, as_object, as_objects, as_string

#: Keyword arguments of an event.
Fields = dict[str, Any]

#: Bounce and complaint subtypes of messages that SES did not try to deliver.
SUPPRESSED_SUBTYPES = frozenset(
    {
        "Suppressed",
        "OnAccountSuppressionList",
        "OnTenantSuppressionList",
        "EmailValidationSuppressed",
        "UnsubscribedRecipient",
    }
)


def tracking_events(
    notification: SesNotification, message_tag_name: str | None = None
) -> list[AnymailTrackingEvent]:
    """The events in a notification, one for each recipient.

    :param message_tag_name: the SES message tag to use as tags if there are no ``X-Tag`` headers.
    :return: an empty list if the notification names no recipient.
    """
    body, mail = notification.body, notification.mail
    tags, metadata = parse_tags_and_metadata(mail.get("headers"))
    message_tags = _message_tags(mail.get("tags"))
    if not tags and message_tag_name:
        tags = message_tags.get(message_tag_name, [])
    common: Fields = {
        "event_id": notification.id,
        "timestamp": notification.timestamp,
        "message_id": notification.message_id,
        "metadata": metadata,
        "tags": tags,
        "message_tags": message_tags,
        "esp_event": body,
        "topic_arn": notification.topic_arn,
        "queue_arn": notification.queue_arn,
        "sns_message": notification.sns_message,
        "is_verified": notification.is_verified,
    }
    describe = DESCRIBERS.get(notification.kind, describe_unknown)
    return [
        AnymailTrackingEvent(**common, **fields, is_first_in_notification=position == 0)
        for position, fields in enumerate(describe(notification))
    ]


def describe_send(notification: SesNotification) -> list[Fields]:
    """SES accepted the message and will try to deliver it."""
    return _to_destination(notification, event_type=EventType.SENT)


def describe_delivery(notification: SesNotification) -> list[Fields]:
    """The recipients' mail server accepted the message."""
    delivery = as_object(notification.body.get("delivery"))
    what: Fields = {
        "event_type": EventType.DELIVERED,
        "occurred_at": parse_timestamp(delivery.get("timestamp")),
        "mta_response": as_string(delivery.get("smtpResponse")),
    }
    recipients = _addresses(delivery.get("recipients")) or _destination(notification)
    return [{**what, "recipient": recipient} for recipient in recipients]


def describe_delivery_delay(notification: SesNotification) -> list[Fields]:
    """A temporary failure: SES will try again."""
    delay = as_object(notification.body.get("deliveryDelay"))
    delay_type = as_string(delay.get("delayType"))
    what: Fields = {
        "event_type": EventType.DEFERRED,
        "occurred_at": parse_timestamp(delay.get("timestamp")),
        "description": delay_type,
        "delay_type": delay_type,
    }
    return _to_reported(notification, as_objects(delay.get("delayedRecipients")), what)


def describe_bounce(notification: SesNotification) -> list[Fields]:
    """The message was not delivered, and SES gave up."""
    bounce = as_object(notification.body.get("bounce"))
    recipients = as_objects(bounce.get("bouncedRecipients"))
    bounce_type = as_string(bounce.get("bounceType"))
    subtype = as_string(bounce.get("bounceSubType"))
    what: Fields = {
        "event_type": EventType.BOUNCED,
        "reject_reason": RejectReason.BOUNCED,
        "occurred_at": parse_timestamp(bounce.get("timestamp")),
        "description": ": ".join(filter(None, (bounce_type, subtype))) or None,
        "bounce_type": bounce_type,
        "bounce_subtype": subtype,
        "is_hard_bounce": bounce_type == "Permanent",
        "is_suppressed": subtype in SUPPRESSED_SUBTYPES,
        "is_autoreply": is_autoreply(bounce, recipients),
    }
    return _to_reported(notification, recipients, what)


def describe_complaint(notification: SesNotification) -> list[Fields]:
    """A recipient, or a mail server, reported it as spam."""
    complaint = as_object(notification.body.get("complaint"))
    complaint_type = as_string(complaint.get("complaintFeedbackType"))
    what: Fields = {
        "event_type": EventType.COMPLAINED,
        "reject_reason": RejectReason.SPAM,
        "occurred_at": parse_timestamp(complaint.get("timestamp")),
        "description": complaint_type,
        "complaint_type": complaint_type,
        "is_suppressed": as_string(complaint.get("complaintSubType")) in SUPPRESSED_SUBTYPES,
        "user_agent": as_string(complaint.get("userAgent")),
    }
    return _to_reported(notification, as_objects(complaint.get("complainedRecipients")), what)


def describe_reject(notification: SesNotification) -> list[Fields]:
    """SES found a virus and did not deliver the message."""
    return _to_destination(
        notification,
        event_type=EventType.REJECTED,
        reject_reason=RejectReason.BLOCKED,
        description=as_string(as_object(notification.body.get("reject")).get("reason")),
    )


def describe_rendering_failure(notification: SesNotification) -> list[Fields]:
    """A template could not be filled in."""
    failure = as_object(notification.body.get("failure"))
    return _to_destination(
        notification,
        event_type=EventType.FAILED,
        description=as_string(failure.get("errorMessage")),
    )


def describe_open(notification: SesNotification) -> list[Fields]:
    """A person, or a program, loaded the tracking image."""
    return _to_any_recipient(
        notification, as_object(notification.body.get("open")), event_type=EventType.OPENED
    )


def describe_click(notification: SesNotification) -> list[Fields]:
    """A person, or a program, followed a link."""
    click = as_object(notification.body.get("click"))
    return _to_any_recipient(
        notification, click, event_type=EventType.CLICKED, click_url=as_string(click.get("link"))
    )


def describe_subscription(notification: SesNotification) -> list[Fields]:
    """A contact changed its topic preferences."""
    subscription = as_object(notification.body.get("subscription"))
    return _to_destination(
        notification,
        event_type=subscription_change(
            as_object(subscription.get("oldTopicPreferences")),
            as_object(subscription.get("newTopicPreferences")),
        ),
        occurred_at=parse_timestamp(subscription.get("timestamp")),
        description=as_string(subscription.get("contactList")),
    )


def describe_unknown(notification: SesNotification) -> list[Fields]:
    """A kind of event that is not known here."""
    return _to_destination(
        notification,
        event_type=EventType.UNKNOWN,
        description=f"Unknown SES event type {notification.kind[:100]!r}",
    )


#: By SES's kind of event.
DESCRIBERS: dict[str, Callable[[SesNotification], list[Fields]]] = {
    "Send": describe_send,
    "Delivery": describe_delivery,
    "DeliveryDelay": describe_delivery_delay,
    "Bounce": describe_bounce,
    "Complaint": describe_complaint,
    "Reject": describe_reject,
    "Rendering Failure": describe_rendering_failure,
    "Open": describe_open,
    "Click": describe_click,
    "Subscription": describe_subscription,
}


def is_autoreply(bounce: Fields, recipients: list[Fields]) -> bool:
    """Whether a bounce looks like an out-of-office reply.

    SES reports those as Transient/General bounces, without saying which. Then it has no delivery
    report to quote from, so there is neither a ``reportingMTA`` nor any recipient's ``action``,
    ``status`` or ``diagnosticCode``. A guess.

    :param bounce: the document's ``bounce``.
    :param recipients: its ``bouncedRecipients``.
    """
    if (bounce.get("bounceType"), bounce.get("bounceSubType")) != ("Transient", "General"):
        return False
    return not bounce.get("reportingMTA") and not any(
        recipient.get(name)
        for recipient in recipients
        for name in ("action", "status", "diagnosticCode")
    )


def not_sent_to(addresses: set[str], destination: list[str]) -> set[str]:
    """The addresses that a message was not sent to.

    They are compared by their :func:`~anymail.addresses.keys.comparison_form`. An address that
    mail is forwarded to, and another subaddress, count as not sent to.

    :param addresses: for example of a bounce's recipients.
    :param destination: SES's ``mail.destination``.
    """
    others = addresses - set(destination)
    if not others:
        return others
    sent_to = {comparison_form(address) for address in destination}
    return {address for address in others if comparison_form(address) not in sent_to}


def subscription_change(old: Fields, new: Fields) -> str:
    """Whether a contact unsubscribed or subscribed; a change of both kinds is an unsubscription.

    :param old: the topic preferences before.
    :param new: those after.
    :return: one of :class:`~anymail.signals.EventType`.
    """
    were_out, are_out = old.get("unsubscribeAll") is True, new.get("unsubscribeAll") is True
    if were_out != are_out:
        return EventType.UNSUBSCRIBED if are_out else EventType.SUBSCRIBED
    before, after = _topic_statuses(old), _topic_statuses(new)
    changed = {status for topic, status in after.items() if before.get(topic) != status}
    if "OptOut" in changed:
        return EventType.UNSUBSCRIBED
    return EventType.SUBSCRIBED if "OptIn" in changed else EventType.UNKNOWN


def _to_destination(notification: SesNotification, **what: Any) -> list[Fields]:
    what.setdefault("occurred_at", parse_timestamp(notification.mail.get("timestamp")))
    return [{"recipient": recipient, **what} for recipient in _destination(notification)]


def _to_reported(
    notification: SesNotification, recipients: list[Fields], what: Fields
) -> list[Fields]:
    """The recipients that a report names; all that the message was sent to if it names none.

    SES takes the recipients of bounces and complaints from reports that strangers write, so they
    are certain only if the message was sent to them.
    """
    destination = _destination(notification)
    named = [
        (address, recipient)
        for recipient in recipients
        for address in _addresses([recipient.get("emailAddress")])
    ]
    if not named:
        is_uncertain = len(destination) > 1
        return [
            {"recipient": address, "recipient_uncertain": is_uncertain, **what}
            for address in destination
        ]
    uncertain = not_sent_to({address for address, _ in named}, destination)
    return [
        {
            "recipient": address,
            "recipient_uncertain": address in uncertain,
            "mta_response": as_string(recipient.get("diagnosticCode")),
            "smtp_status": as_string(recipient.get("status")),
            **what,
        }
        for address, recipient in named
    ]


def _to_any_recipient(notification: SesNotification, detail: Fields, **what: Any) -> list[Fields]:
    recipients = _destination(notification)
    what["occurred_at"] = parse_timestamp(detail.get("timestamp"))
    what["user_agent"] = as_string(detail.get("userAgent"))
    what["recipient_uncertain"] = len(recipients) > 1
    return [{"recipient": recipient, **what} for recipient in recipients]


def _destination(notification: SesNotification) -> list[str]:
    return _addresses(notification.mail.get("destination"))


def _addresses(values: object) -> list[str]:
    return [bare_address(value) for value in as_list(values) if isinstance(value, str) and value]


def _topic_statuses(preferences: Fields) -> dict[str, str]:
    return {
        topic: status
        for name in ("topicDefaultSubscriptionStatus", "topicSubscriptionStatus")
        for entry in as_objects(preferences.get(name))
        if isinstance(topic := entry.get("topicName"), str)
        and isinstance(status := entry.get("subscriptionStatus"), str)
    }


def _message_tags(tags: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, values in as_object(tags).items():
        if not name.startswith("ses:"):
            found[name] = [value for value in as_list(values) if isinstance(value, str)]
    return found
