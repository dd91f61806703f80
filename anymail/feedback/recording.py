"""Tracking event -> rows, exactly once.

SNS delivers at least once: again after every answer but 2xx, again when an answer is late, and
sometimes at the same time. What makes it exactly once is the unique constraint on the
notification's id and the address:

- All rows of a notification, and the signals for them, are one transaction, which begins with the
  rows. So whoever can insert them is the one who sends the signals.
- Another delivery that inserts the same rows at that moment has to wait until the database knows
  what becomes of the first. If it is committed, the insertion is refused, and there is nothing left
  to do; if it is rolled back, the insertion succeeds, and the signals are sent there.
- A receiver that raises rolls everything back and is answered with 500, so that SNS repeats it.
  MariaDB then lets one of those that were waiting go on and ends the others with a deadlock, which
  is 500 too, and heals in the same way.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, router, transaction

from ..amazon_ses.feedback import Details, feedback_details, sns_notification
from ..signals import AnymailTrackingEvent, EventType
from . import suppression
from .columns import address_key, fit, json_value, moment, number, text
from .models import Bounce, Complaint, Delivery, Feedback
from .signals import feedback

MODELS: dict[str, type[Feedback]] = {
    EventType.BOUNCED: Bounce,
    EventType.COMPLAINED: Complaint,
    EventType.DELIVERED: Delivery,
}


def on_tracking(event: AnymailTrackingEvent, **kwargs: Any) -> None:
    """The receiver of the ``tracking`` signal: see :func:`record`."""
    record(event)


def record(event: AnymailTrackingEvent) -> list[Feedback]:
    """Store what an event's notification says, about all its recipients, and send the signals.

    :param event: any tracking event; nothing is done unless it is a bounce, complaint or delivery.
    :return: the new rows; none if the notification is stored already.
    :raises Exception: whatever a receiver raises; then nothing is stored.
    """
    model = MODELS.get(event.event_type)
    if model is None:
        return []
    rows = build_rows(model, event)
    using = router.db_for_write(model)
    # Only to spare the database a failed insertion: it would find out by itself.
    if is_stored(rows[0], using):
        return []
    with transaction.atomic(using=using):
        if not _insert(rows, using):
            return []
        suppression.fill(rows, using)
        _send_signals(rows, event)
    return rows


def build_rows(model: type[Feedback], event: AnymailTrackingEvent) -> list[Feedback]:
    """Unsaved rows for all recipients of an event's notification; each address once.

    :param model: the one for this type of event.
    """
    rows = (model(**clean(model, details)) for details in feedback_details(event))
    unique: dict[str, Feedback] = {}
    for row in rows:
        unique.setdefault(row.address_key, row)
    return list(unique.values())


def clean(model: type[Feedback], details: Details) -> Details:
    """Values that fit into their columns.

    :param model: whose columns.
    :param details: names of columns and their values; anything SES may send.
    """
    cleaned: Details = {"address_key": address_key(details["address"])}
    for name, value in details.items():
        field: Any = model._meta.get_field(name)
        kind = field.get_internal_type()
        if kind == "JSONField":
            cleaned[name] = json_value(value)
        elif kind == "DateTimeField":
            cleaned[name] = moment(value)
        elif isinstance(value, str):
            cleaned[name] = fit(value, field.max_length) if field.max_length else text(value)
        else:
            cleaned[name] = number(value) if kind == "IntegerField" else value
    return cleaned


def is_stored(row: Feedback, using: str) -> bool:
    """Whether the notification that a row is about is in the database.

    :param using: the alias of the database.
    """
    rows = type(row)._default_manager.using(using)
    found: bool = rows.filter(sns_messageid=row.sns_messageid).exists()
    return found


def _insert(rows: list[Feedback], using: str) -> bool:
    """Insert rows, all or none.

    :return: False if another delivery of the notification was faster.
    """
    try:
        with transaction.atomic(using=using):
            for row in rows:
                row.save(using=using, force_insert=True)
    except IntegrityError:
        if is_stored(rows[0], using):
            return False
        raise
    return True


def _send_signals(rows: list[Feedback], event: AnymailTrackingEvent) -> None:
    notification = sns_notification(event)
    for row in rows:
        feedback.send(
            sender=type(row), instance=row, message=event.esp_event, notification=notification
        )
