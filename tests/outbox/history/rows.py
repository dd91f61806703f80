"""Rows about what became of messages, as tests and pictures need them."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

from anymail.amazon_ses.notifications import SesNotification
from anymail.amazon_ses.tracking import tracking_events
from anymail.database.columns import address_key, storable_time
from anymail.feedback.recording import record
from anymail.outbox.models import Event
from anymail.signals import AnymailTrackingEvent
from anymail.testing.ses import ses_event

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
ANN = "ann@example.com"


def events_of(
    kind: str,
    at: datetime = NOON,
    *,
    recipient: str | list[str] = ANN,
    message_id: str = "m1",
    **detail: Any,
) -> list[AnymailTrackingEvent]:
    """The events of a document of SES, as receivers get them.

    :param kind: ``"bounce"``, ``"open"``, …
    :param detail: by SES's names: ``bounceType="Transient"``.
    """
    body = ses_event(kind, recipient=recipient, message_id=message_id, occurred_at=at, **detail)
    return tracking_events(SesNotification(id=str(uuid.uuid4()), timestamp=at, body=body))


def add_feedback(kind: str, at: datetime = NOON, **fields: Any) -> None:
    """Rows of the feedback app."""
    record(events_of(kind, at, **fields)[0])


def add_events(kind: str, at: datetime = NOON, **fields: Any) -> list[Event]:
    """Rows of the outbox's own table."""
    return Event._default_manager.bulk_create(
        Event(
            message_id=event.message_id or "",
            key=uuid.uuid4().hex,
            event_type=event.event_type,
            address=event.recipient or "",
            address_key=address_key(event.recipient or ""),
            recipient_uncertain=event.recipient_uncertain,
            occurred_at=storable_time(at) or at,
            document=event.esp_event,
        )
        for event in events_of(kind, at, **fields)
    )
