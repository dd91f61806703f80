"""What SES's API knows about a message -> the events that its notifications would have been.

Source: Amazon SES API v2 Reference, "SuppressedDestination"; Developer Guide, "Contents of event
data that Amazon SES publishes to Amazon SNS", for the documents that are made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from ..amazon_ses.feedback import BACKFILLED
from ..amazon_ses.notifications import SesNotification
from ..amazon_ses.timestamps import iso_time
from ..amazon_ses.tracking import tracking_events
from ..amazon_ses.untrusted_json import as_object
from ..database.columns import address_key
from ..signals import AnymailTrackingEvent

#: How the ids of those begin that the suppression list told of,
#: and what their ``description`` ends with.
LISTED = f"{BACKFILLED}list:"
ORIGIN = "from Amazon's suppression list"
#: Amazon's reason for listing an address -> SES's kind of event, its key in a document, and in that
#: the key of the recipients.
REASONS = {
    "BOUNCE": ("Bounce", "bounce", "bouncedRecipients"),
    "COMPLAINT": ("Complaint", "complaint", "complainedRecipients"),
}


class Listed(Protocol):
    """An address on Amazon's suppression list."""

    @property
    def address(self) -> str:
        """As Amazon spells it."""

    @property
    def reason(self) -> str:
        """``"BOUNCE"`` or ``"COMPLAINT"``."""

    @property
    def updated_at(self) -> datetime | None:
        """When it was put there; aware."""

    @property
    def message_id(self) -> str:
        """Of the message that was the reason; empty if Amazon does not say."""

    @property
    def feedback_id(self) -> str:
        """Of that bounce or complaint; likewise."""


def listed_notification(
    listed: Listed, mail: Mapping[str, Any] | None = None
) -> SesNotification | None:
    """What SES would have published when it listed an address.

    :param mail: what else is known of the message, as in SES's object ``mail``.
    :return: None if no message was the reason: somebody put the address there.
    """
    if not (listed.feedback_id or listed.message_id) or listed.reason not in REASONS:
        return None
    kind, name, recipients = REASONS[listed.reason]
    detail: dict[str, Any] = {recipients: [{"emailAddress": listed.address}]}
    if listed.updated_at is not None:
        detail["timestamp"] = iso_time(listed.updated_at)
    if listed.feedback_id:
        detail["feedbackId"] = listed.feedback_id
    if kind == "Bounce":
        detail["bounceType"] = "Permanent"  # others put nobody on the list
    body = {
        "eventType": kind,
        name: detail,
        "mail": {
            **(mail or {}),
            "messageId": listed.message_id,
            "destination": [listed.address],
        },
    }
    reason = listed.feedback_id or listed.message_id
    event_id = made_up_id(LISTED, reason, kind, address_key(listed.address))
    return SesNotification(id=event_id, timestamp=listed.updated_at, body=body, is_verified=True)


def made_up_id(prefix: str, first: str, *others: str) -> str:
    """An id for an event that came without one: the same each time, and no other event's.

    :param first: SES's id of what the event is about. It can be read in the id.
    :param others: what else tells it from others. Nobody can read that.
    """
    text = "\n".join((first, *others)).encode("utf-8", "backslashreplace")
    return f"{prefix}{first[:150]}:{sha256(text).hexdigest()[:32]}"


def is_backfilled(event_id: str | None) -> bool:
    """Whether an event was made here."""
    return (event_id or "").startswith(BACKFILLED)


def feedback_id_in(document: Mapping[str, Any]) -> str:
    """SES's id of the bounce or complaint in a document of SES; empty if there is none."""
    found = (as_object(document.get(name)).get("feedbackId") for name in ("bounce", "complaint"))
    return next((one for one in found if isinstance(one, str)), "")


def events_of(
    notification: SesNotification, message_tag_name: str | None = None
) -> list[AnymailTrackingEvent]:
    """Its events, which say where they come from.

    :param message_tag_name: as for :func:`~anymail.amazon_ses.tracking.tracking_events`.
    """
    events = tracking_events(notification, message_tag_name)
    if not (notification.id or "").startswith(LISTED):
        return events
    return [_with_origin(event) for event in events]


def _with_origin(event: AnymailTrackingEvent) -> AnymailTrackingEvent:
    known = [event.description] if event.description else []
    return replace(event, description=", ".join([*known, ORIGIN]))
