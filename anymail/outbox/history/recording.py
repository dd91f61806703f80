"""Tracking event -> :class:`.models.Event` rows, each once.

What ``anymail.feedback`` stores, if it is installed, is left to it. SNS delivers a notification
again, or several times at once: what is stored already is ignored by the database itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial
from hashlib import sha256
from typing import Any

from django.apps import apps

from ...amazon_ses.feedback import (
    BACKFILLED,
    document_to_keep,
    is_feedback,
    notification_details,
    same_notification,
)
from ...amazon_ses.untrusted_json import as_object
from ...conf import OutboxSettings, current_settings
from ...database.columns import (
    ADDRESS_LENGTH,
    address_key,
    storable_json,
    storable_time,
    truncate,
)
from ...database.inserting import MAX_DOCUMENTS, batch_size, past_deadlocks
from ...signals import AnymailTrackingEvent, EventType
from ..ledger import database, events
from ..models import NAME_LENGTH, Event


def on_tracking(event: AnymailTrackingEvent, **kwargs: Any) -> None:
    """The receiver of the ``tracking`` signal: store the notification, once."""
    is_new = event.is_first_in_notification and is_kept(event)
    if is_new and (rows := not_backfilled(build_rows(event))):
        store(rows)


def is_kept(event: AnymailTrackingEvent) -> bool:
    """Whether to store an event: ``OUTBOX_EVENTS`` names its type, and no other table has it."""
    if event.event_type not in current_settings().get(OutboxSettings).outbox_events:
        return False
    return not (apps.is_installed("anymail.feedback") and is_feedback(event))


def build_rows(event: AnymailTrackingEvent) -> list[Event]:
    """Unsaved rows for all recipients of an event's notification; each address once.

    If there are more than :data:`.inserting.MAX_DOCUMENTS`, the first of them has the document.
    """
    found = notification_details(event)
    notification, message_id = str(found["sns_messageid"]), str(found["mail_id"])
    document = storable_json(document_to_keep(event))
    moment = time_of(event)
    rows: dict[str, Event] = {}
    for one in same_notification(event):
        address = one.recipient or ""
        key = address_key(address)
        rows[key] = rows.get(key) or Event(
            message_id=truncate(message_id, NAME_LENGTH),
            key=event_key(notification, str(event.event_type), key),
            event_id=truncate(notification, NAME_LENGTH),
            event_type=str(event.event_type),
            address=truncate(address, ADDRESS_LENGTH),
            address_key=key,
            recipient_uncertain=one.recipient_uncertain,
            occurred_at=moment,
            document=document,
        )
    unique = list(rows.values())
    if len(unique) > MAX_DOCUMENTS:
        for row in unique[1:]:
            row.document = {}
    return unique


def not_backfilled(rows: list[Event]) -> list[Event]:
    """Those rows of a notification that ``anymail_backfill`` has not stored before it came: bounces
    of different types are different ones.

    :param rows: of any event; only bounces and complaints cost a query.
    """
    first = rows[0]
    if first.event_type not in (EventType.BOUNCED, EventType.COMPLAINED) or not first.message_id:
        return rows
    stored = events().filter(message_id=first.message_id, event_type=first.event_type)
    stored = stored.filter(event_id__startswith=BACKFILLED)
    if bounce := as_object(as_object(first.document).get("bounce")):
        stored = stored.filter(document__bounce__bounceType=bounce.get("bounceType"))
    known = set(stored.values_list("address_key", flat=True))
    kept = [row for row in rows if row.address_key not in known]
    if kept:
        kept[0].document = first.document
    return kept


def time_of(event: AnymailTrackingEvent) -> datetime:
    """When it happened, was published, or arrived: the first that is known, as a column has it."""
    now = datetime.now(timezone.utc)
    found = (storable_time(one) for one in (event.occurred_at, event.timestamp, now))
    return next(one for one in found if one is not None)


def event_key(notification: str, event_type: str, key: str) -> str:
    """What tells an event of a message from others: the same for each repetition.

    :param notification: its id, which may be any text.
    :param event_type: one of :class:`~anymail.signals.EventType`.
    :param key: of the address.
    """
    text = "\n".join([event_type, key, notification])
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def store(rows: Sequence[Event]) -> None:
    """Insert the rows of a notification, apart from those that are there.

    :raises django.db.Error: the database does not answer.
    """
    size = batch_size(len(rows), rows[0].document)
    insert = partial(events().bulk_create, rows, batch_size=size, ignore_conflicts=True)
    past_deadlocks(database(), insert)
