"""What Virtual Deliverability Manager knows of a message -> SES's documents of its events.

Source: Amazon SES API v2 Reference, "GetMessageInsights", "InsightsEvent", "EventDetails";
Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS", for the
documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any

from ..amazon_ses.feedback import BACKFILLED
from ..amazon_ses.notifications import SesNotification
from ..amazon_ses.timestamps import iso_time
from ..amazon_ses.untrusted_json import as_object, as_objects, as_string
from ..database.columns import address_key
from .backfilled import made_up_id

#: How the ids of these events begin.
INSIGHTS = f"{BACKFILLED}insights:"
#: Their types -> SES's kind of event, and its key in a document. Of a changed subscription they do
#: not tell what has changed.
KINDS = {
    "SEND": ("Send", "send"),
    "REJECT": ("Reject", "reject"),
    "BOUNCE": ("Bounce", "bounce"),
    "COMPLAINT": ("Complaint", "complaint"),
    "DELIVERY": ("Delivery", "delivery"),
    "OPEN": ("Open", "open"),
    "CLICK": ("Click", "click"),
    "RENDERING_FAILURE": ("Rendering Failure", "failure"),
    "DELIVERY_DELAY": ("DeliveryDelay", "deliveryDelay"),
}


def insights_notifications(answer: Mapping[str, Any]) -> list[SesNotification]:
    """What SES would have published about a message, in the order in which it happened.

    :param answer: of ``GetMessageInsights``, as boto3 returns it.
    """
    found = [
        timed
        for insights in as_objects(answer.get("Insights"))
        for timed in _of_recipient(answer, insights)
    ]
    return [notification for _, notification in sorted(found, key=itemgetter(0))]


def _of_recipient(
    answer: Mapping[str, Any], insights: Mapping[str, Any]
) -> Iterator[tuple[datetime, SesNotification]]:
    """Each with its time."""
    address = as_string(insights.get("Destination"))
    events = [one for one in as_objects(insights.get("Events")) if one.get("Type") in KINDS]
    timed = [one for one in events if isinstance(one.get("Timestamp"), datetime)]
    if not address or not timed:
        return
    sent_at = min(one["Timestamp"] for one in timed)
    message_id = as_string(answer.get("MessageId")) or ""
    mail = {
        "timestamp": iso_time(sent_at),
        "messageId": message_id,
        "source": as_string(answer.get("FromEmailAddress")) or "",
        "destination": [address],
        "tags": _tags(answer),
    }
    for event in timed:
        kind, name = KINDS[event["Type"]]
        at = iso_time(event["Timestamp"])
        detail = _detail(kind, address, as_object(event.get("Details")))
        yield (
            event["Timestamp"],
            SesNotification(
                id=made_up_id(INSIGHTS, message_id, kind, address_key(address), at),
                timestamp=event["Timestamp"],
                body={"eventType": kind, "mail": mail, name: {"timestamp": at, **detail}},
                is_verified=True,
            ),
        )


def _detail(kind: str, address: str, details: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "Bounce":
        bounce = as_object(details.get("Bounce"))
        recipient = {"emailAddress": address, "diagnosticCode": bounce.get("DiagnosticCode")}
        return {
            "bounceType": (as_string(bounce.get("BounceType")) or "").capitalize(),
            "bounceSubType": bounce.get("BounceSubType"),
            "bouncedRecipients": [recipient],
        }
    if kind == "Complaint":
        complaint = as_object(details.get("Complaint"))
        return {
            "complaintFeedbackType": complaint.get("ComplaintFeedbackType"),
            "complaintSubType": complaint.get("ComplaintSubType"),
            "complainedRecipients": [{"emailAddress": address}],
        }
    if kind == "Delivery":
        return {"recipients": [address]}
    return {"delayedRecipients": [{"emailAddress": address}]} if kind == "DeliveryDelay" else {}


def _tags(answer: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag in as_objects(answer.get("EmailTags")):
        name, value = as_string(tag.get("Name")), as_string(tag.get("Value"))
        if name and value is not None:
            found.setdefault(name, []).append(value)
    return found
