"""Tracking and inbound events, as the webhooks make them."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace
from typing import Any

from ..amazon_ses.notifications import SesNotification
from ..amazon_ses.timestamps import utc_now
from ..amazon_ses.tracking import tracking_events
from ..inbound import AnymailInboundMessage
from ..signals import AnymailInboundEvent, AnymailTrackingEvent, EventType
from .ses import DEFAULT_MAIL, DEFAULT_RECIPIENT, OPTED_IN, OPTED_OUT, mail_bytes, ses_event
from .sns import DEFAULT_TOPIC, Document

#: By type of event: the kind of document, and its details.
EVENT_KINDS: dict[str, tuple[str, Document]] = {
    EventType.SENT: ("send", {}),
    EventType.DELIVERED: ("delivery", {}),
    EventType.DEFERRED: ("delivery_delay", {}),
    EventType.BOUNCED: ("bounce", {}),
    EventType.COMPLAINED: ("complaint", {}),
    EventType.REJECTED: ("reject", {}),
    EventType.FAILED: ("rendering_failure", {}),
    EventType.OPENED: ("open", {}),
    EventType.CLICKED: ("click", {}),
    EventType.UNSUBSCRIBED: ("subscription", {}),
    EventType.SUBSCRIBED: (
        "subscription",
        {"oldTopicPreferences": OPTED_OUT, "newTopicPreferences": OPTED_IN},
    ),
}


def tracking_event(
    event_type: str = EventType.DELIVERED,
    *,
    recipient: str = DEFAULT_RECIPIENT,
    **fields: Any,
) -> AnymailTrackingEvent:
    """A tracking event, as the webhook would make it.

    :param event_type: one of :class:`~anymail.signals.EventType`.
    :param recipient: the address that it is about.
    :param fields: of the event, for example ``message_id`` or ``metadata``; the others are those of
        a typical event of this type.
    :raises TypeError: a field is unknown.
    """
    kind, detail = EVENT_KINDS.get(event_type, ("send", {}))
    notification = SesNotification(
        id=str(uuid.uuid4()),
        timestamp=utc_now(),
        body=ses_event(kind, recipient=recipient, **detail),
        topic_arn=DEFAULT_TOPIC,
        is_verified=True,
    )
    [event] = tracking_events(notification)
    return replace(event, **{"event_type": event_type, **fields})


def inbound_event(
    mail: bytes | str | os.PathLike[str] = DEFAULT_MAIL,
    *,
    envelope_sender: str | None = "bob@example.net",
    envelope_recipient: str | None = DEFAULT_RECIPIENT,
    spam_detected: bool | None = False,
    **fields: Any,
) -> AnymailInboundEvent:
    """An inbound event, as the webhook would make it.

    :param mail: the whole mail, as bytes or str, or the path of a file with it (a
        :class:`~pathlib.Path`, since a str is the mail).
    :param envelope_sender: MAIL FROM; empty for a bounce.
    :param envelope_recipient: the only one in ``envelope_recipients``; None for none.
    :param spam_detected: see :attr:`.AnymailInboundMessage.spam_detected`.
    :param fields: of the event, for example ``event_id`` or ``esp_event``.
    :raises TypeError: a field is unknown.
    """
    message = AnymailInboundMessage.parse_raw_mime_bytes(mail_bytes(mail))
    message.envelope_sender = envelope_sender
    message.envelope_recipient = envelope_recipient
    message.envelope_recipients = [] if envelope_recipient is None else [envelope_recipient]
    message.spam_detected = spam_detected
    common = {
        "event_id": str(uuid.uuid4()),
        "timestamp": utc_now(),
        "esp_event": {},
        "is_verified": True,
        "message": message,
    }
    return AnymailInboundEvent(**{**common, **fields})
