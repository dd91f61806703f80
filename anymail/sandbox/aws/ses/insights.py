"""What happened to a message, asked for by its id.

Source: Amazon SES API v2 Reference, "GetMessageInsights". The sandbox knows without Virtual
Deliverability Manager.
"""

from __future__ import annotations

from typing import Any

from ...journal import SentMail, SesEvent
from ..api import ApiRequest
from .context import Result, SesContext
from .errors import ErrorCode, SesError


def get_message_insights(ses: SesContext, request: ApiRequest) -> Result:
    message_id = request.params["MessageId"]
    mail = ses.publisher.sent_mail(message_id)
    if mail is None or mail.region != request.region:
        raise SesError(ErrorCode.NOT_FOUND, f"Message {message_id} does not exist.")
    return {
        "MessageId": mail.id,
        "FromEmailAddress": mail.source,
        "EmailTags": [
            {"Name": name, "Value": value}
            for name, values in mail.message_tags.items()
            for value in values
        ],
        "Insights": [_of_recipient(mail, address) for address in mail.recipients],
    }


def delivery_events(mail: SentMail, address: str) -> list[str]:
    """What happened to a message on its way, as ``DeliveryEventType`` has it."""
    found = []
    for event in list(mail.events):
        if event.kind in ("Send", "Delivery", "Bounce", "Complaint") and _is_about(event, address):
            bounce = _details(event).get("Bounce", {}).get("BounceType", "")
            found.append(f"{bounce}_BOUNCE" if bounce else event.kind.upper())
    return found


def _of_recipient(mail: SentMail, address: str) -> dict[str, Any]:
    events = [
        {
            "Timestamp": event.at,
            "Type": _type(event.kind),
            "Details": _details(event),
        }
        for event in list(mail.events)
        if _is_about(event, address)
    ]
    return {"Destination": address, "Isp": "UNKNOWN_ISP", "Events": events}


def _type(kind: str) -> str:
    """``"DELIVERY_DELAY"`` for ``"DeliveryDelay"``, and for ``"Delivery Delay"``."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in kind).split()
    return "_".join(words).upper()


def _details(event: SesEvent) -> dict[str, Any]:
    detail = event.document.get(event.kind.lower(), {})
    if event.kind == "Bounce":
        recipients: list[dict[str, Any]] = detail.get("bouncedRecipients") or [{}]
        return {
            "Bounce": {
                "BounceType": detail.get("bounceType", "").upper(),
                "BounceSubType": detail.get("bounceSubType", ""),
                "DiagnosticCode": recipients[0].get("diagnosticCode", ""),
            }
        }
    if event.kind == "Complaint":
        return {
            "Complaint": {
                "ComplaintSubType": detail.get("complaintSubType") or "",
                "ComplaintFeedbackType": detail.get("complaintFeedbackType") or "",
            }
        }
    return {}


def _is_about(event: SesEvent, address: str) -> bool:
    """Whether an event names an address, or nobody."""
    detail = event.document.get(event.kind.lower(), {})
    named = [
        *detail.get("recipients", ()),
        *(
            one["emailAddress"]
            for name in ("bouncedRecipients", "complainedRecipients")
            for one in detail.get(name, ())
        ),
    ]
    return not named or address in named
