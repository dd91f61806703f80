"""What events of SES say about messages of the outbox: the tracking signal -> rows.

Source: Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon
SNS": ``mail.tags``, ``mail.destination``; "Sending review process FAQs" says what counts there.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ..database.columns import address_key
from ..probes import is_probe
from ..signals import AnymailTrackingEvent, EventType
from .batches.counting import count_again
from .bells import ring_on_commit
from .ids import TAG, parse_tag
from .ledger import database, entries, recipients
from .outcomes import Result, Verdict
from .proof import prove

#: Subtypes of permanent bounces of which SES has tried nothing, and that it does not count.
UNCOUNTED_BOUNCES = ("OnAccountSuppressionList", "UnsubscribedRecipient")
#: The feedback type for a message that was taken out of the spam folder.
NO_COMPLAINT = "not-spam"
#: The words for :attr:`.models.Recipient.event`, and the columns that count them.
BOUNCED, COMPLAINED = "bounced", "complained"
COUNTED = {BOUNCED: "bounced_count", COMPLAINED: "complained_count"}


def on_tracking(sender: Any, event: AnymailTrackingEvent, esp_name: str, **kwargs: Any) -> None:
    """Look at the message tag of an event: whatever it is, SES has the message."""
    values = (event.message_tags or {}).get(TAG)
    found = parse_tag(values[0]) if values else None
    if found is None:
        return
    if event.is_first_in_notification and event.message_id:
        accepted = Result(verdict=Verdict.ACCEPTED, message_id=event.message_id)
        if prove(*found, dict.fromkeys(_destination(event), accepted)):
            ring_on_commit(database(), [timezone.now()])
    if (harm := harm_of(event)) and event.recipient:
        note_harm(found[0], event.recipient, harm)


def harm_of(event: AnymailTrackingEvent) -> str:
    """What an event means for the reputation of the sender: one of :data:`COUNTED`, or empty."""
    if event.recipient_uncertain or is_probe(event.recipient):
        return ""
    if event.event_type == EventType.BOUNCED and event.is_hard_bounce:
        return "" if event.bounce_subtype in UNCOUNTED_BOUNCES else BOUNCED
    if event.event_type == EventType.COMPLAINED and not event.is_suppressed:
        return "" if event.complaint_type == NO_COMPLAINT else COMPLAINED
    return ""


def note_harm(entry_id: UUID, address: str, harm: str) -> bool:
    """Note that a recipient has bounced, or has complained; only the first of it.

    :param harm: one of :data:`COUNTED`.
    :return: whether it was not known before.
    """
    with transaction.atomic(using=database()):
        # First the message, then its recipients, as everywhere.
        row = entries().filter(pk=entry_id)
        entry = row.select_for_update().only("batch").first()
        rows = recipients().filter(entry=entry_id, address_key=address_key(address), event="")
        count = rows.update(event=harm) if entry is not None else 0
        if entry is None or not count:
            return False
        row.update(**{COUNTED[harm]: F(COUNTED[harm]) + count})
        if count_again([entry.batch_id], only_finished=True):
            ring_on_commit(database(), [timezone.now()])
    return True


def _destination(event: AnymailTrackingEvent) -> list[str]:
    mail = event.esp_event.get("mail") if isinstance(event.esp_event, dict) else None
    found = mail.get("destination") if isinstance(mail, dict) else None
    named = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
    return named or [""]  # the empty one is everybody, if that can be
