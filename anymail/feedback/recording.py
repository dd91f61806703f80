"""Tracking event -> rows, exactly once.

SNS delivers at least once: again after every answer but 2xx, again when an answer is late, and
sometimes at the same time. The unique constraint on the notification's id and the address makes
it exactly once:

- All rows of a notification, and the signals for them, are one transaction, which begins with the
  rows. So only the process that can insert them sends the signals.
- Another process that inserts the same rows at that moment has to wait until the first transaction
  ends. If that is committed, the insertion is refused, and there is nothing left to do; if it is
  rolled back, the insertion succeeds, and the signals are sent there.
- A receiver that raises rolls everything back, and the answer is 500, so that SNS repeats it.
  MariaDB then lets one of the waiting transactions go on and ends the others with a deadlock. They
  begin again, once.

The tracking signal is sent once for each recipient. The first of a notification's events stores the
rows of all of them, and the others are ignored.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import IntegrityError, router, transaction
from django.db.models.signals import post_save, pre_save

from ..amazon_ses.feedback import (
    BACKFILLED,
    Details,
    is_feedback,
    notification_details,
    recipient_details,
    sns_notification,
)
from ..database.columns import (
    address_key,
    clamp_int,
    storable_json,
    storable_text,
    storable_time,
    truncate,
)
from ..database.inserting import MAX_DOCUMENTS, batch_size, past_deadlocks
from ..signals import AnymailTrackingEvent, EventType
from . import suppression
from .models import Bounce, Complaint, Delivery, Feedback, MailEvent, Record
from .signals import feedback

MODELS: dict[str, type[Record]] = {
    EventType.BOUNCED: Bounce,
    EventType.COMPLAINED: Complaint,
    EventType.DELIVERED: Delivery,
    EventType.DEFERRED: MailEvent,
    EventType.REJECTED: MailEvent,
    EventType.FAILED: MailEvent,
}


def on_tracking(event: AnymailTrackingEvent, **kwargs: Any) -> None:
    """The receiver of the ``tracking`` signal: :func:`record` the notification, once."""
    if event.is_first_in_notification:
        record(event)


def record(event: AnymailTrackingEvent) -> list[Record]:
    """Store a row for each recipient of an event's notification, and send the signals.

    :param event: any tracking event; nothing is done unless ``MODELS`` names its type, and its
        document says which message it is about.
    :return: the new rows; none if the notification is stored already.
    :raises Exception: a receiver raised it; then nothing is stored.
    """
    if not is_feedback(event):
        return []
    model = MODELS[event.event_type]
    using = router.db_for_write(model)
    return past_deadlocks(using, partial(_record, model, event, using))


def build_rows(model: type[Record], event: AnymailTrackingEvent) -> list[Record]:
    """Unsaved rows for all recipients of an event's notification; each address once.

    :param model: the one for this type of event.
    """
    common = column_values(model, notification_details(event))
    unique: dict[str, Record] = {}
    for details in recipient_details(event):
        row = model(**common, **column_values(model, details))
        unique.setdefault(row.address_key, row)
    rows = list(unique.values())
    if len(rows) > MAX_DOCUMENTS:
        for row in rows[1:]:
            row.event = {}
    return rows


def column_values(model: type[Record], details: Details) -> Details:
    """Values that their columns can hold.

    :param model: whose columns.
    :param details: column to value; values may be anything that SES sends.
    """
    cleaned: Details = {}
    if "address" in details:
        cleaned["address_key"] = address_key(details["address"])
    for name, value in details.items():
        field: Any = model._meta.get_field(name)
        kind = field.get_internal_type()
        if kind == "JSONField":
            cleaned[name] = storable_json(value)
        elif kind == "DateTimeField":
            cleaned[name] = storable_time(value)
        elif isinstance(value, str):
            cleaned[name] = (
                truncate(value, field.max_length) if field.max_length else storable_text(value)
            )
        else:
            cleaned[name] = clamp_int(value) if kind == "IntegerField" else value
    return cleaned


def is_stored(row: Record, using: str) -> bool:
    """Whether the notification that a row is about is in the database.

    :param using: the alias of the database.
    """
    rows = type(row)._default_manager.using(using)
    found: bool = rows.filter(sns_messageid=row.sns_messageid).exists()
    return found


def not_backfilled(rows: list[Record], using: str) -> list[Record]:
    """Those rows of a notification that ``anymail_backfill`` has not stored before it came: bounces
    of different types are different ones.

    :param using: the alias of the database.
    """
    first = rows[0]
    if not isinstance(first, (Bounce, Complaint)) or not first.mail_id:
        return rows
    stored = type(first)._default_manager.using(using).filter(mail_id=first.mail_id)
    stored = stored.filter(sns_messageid__startswith=BACKFILLED)
    if isinstance(first, Bounce):
        stored = stored.filter(bounce_type=first.bounce_type)
    known = set(stored.values_list("address_key", flat=True))
    kept = [row for row in rows if row.address_key not in known]
    if kept:
        kept[0].event = first.event
    return kept


def _record(model: type[Record], event: AnymailTrackingEvent, using: str) -> list[Record]:
    rows = build_rows(model, event)
    # This only avoids a failed insertion.
    if is_stored(rows[0], using) or not (rows := not_backfilled(rows, using)):
        return []
    with transaction.atomic(using=using):
        if not _insert(rows, using):
            return []
        due = rows
        if (event.event_id or "").startswith(BACKFILLED) and event.occurred_at is not None:
            due = suppression.not_lifted_since(event.occurred_at, rows, using)
        suppression.fill(due, using, is_verified=event.is_verified)
        _send_signals(rows, event)
    return rows


def _insert(rows: list[Record], using: str) -> bool:
    """Insert rows, all or none, and send Django's signals of the model as ``save()`` does.

    :return: False if another process has stored the notification by now.
    """
    model = type(rows[0])
    for row in rows:
        pre_save.send(model, instance=row, raw=False, using=using, update_fields=None)
    try:
        with transaction.atomic(using=using):
            size = batch_size(len(rows), rows[0].event)
            model._default_manager.using(using).bulk_create(rows, batch_size=size)
    except IntegrityError:
        if is_stored(rows[0], using):
            return False
        raise
    _fill_in_ids(rows, using)
    for row in rows:
        post_save.send(
            model, instance=row, created=True, raw=False, using=using, update_fields=None
        )
    return True


def _fill_in_ids(rows: list[Record], using: str) -> None:
    """Read the rows' ids where the database does not return them (MySQL)."""
    if rows[0].pk is not None:
        return
    stored = type(rows[0])._default_manager.using(using)
    stored = stored.filter(sns_messageid=rows[0].sns_messageid)
    ids = dict(stored.values_list("address_key", "pk"))
    for row in rows:
        row.pk = ids[row.address_key]


def _send_signals(rows: list[Record], event: AnymailTrackingEvent) -> None:
    notification = sns_notification(event)
    for row in rows:
        if isinstance(row, Feedback):
            feedback.send(
                sender=type(row), instance=row, message=event.esp_event, notification=notification
            )
