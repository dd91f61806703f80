"""What SES publishes about a message: the documents of both of its systems.

Source: Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS"
and "Amazon SNS notification contents for Amazon SES".
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..ses.accepted import Accepted
from .mail_object import iso, mail_in_event, mail_in_notification
from .simulator import Happening
from .tracked import first_link

#: The mail host of SES that reports.
MTA = "a8-51.smtp-out.amazonses.com"
#: The mail host that SES talked to: an address for documentation (RFC 5737).
REMOTE_MTA = "198.51.100.25"
READER_IP = "192.0.2.77"
USER_AGENT = "Mozilla/5.0 (Sandbox; Mail) ImageProxy"
#: How long SES tries to deliver (Amazon SES Developer Guide, "MaxDeliverySeconds").
PATIENCE = timedelta(hours=14)
#: The first letters of a ``MessageId``, which tell the region; others exist.
PREFIXES = {"us-east-1": "0100", "us-west-2": "0101", "eu-west-1": "0102"}

Detail = dict[str, Any]


def new_id(region: str, at: datetime) -> str:
    """An id such as SES gives to messages and feedback."""
    prefix, milliseconds = PREFIXES.get(region, "010f"), int(at.timestamp() * 1000)
    return f"{prefix}{milliseconds:012x}-{secrets.token_hex(4)}-{str(uuid.uuid4())[9:]}-000000"


@dataclass(frozen=True, kw_only=True)
class News:
    """Something that happened, described; SES may publish it in two ways.

    :param key: the name of the details.
    """

    accepted: Accepted
    kind: str
    key: str
    detail: Mapping[str, Any]


def describe(accepted: Accepted, happening: Happening, at: datetime) -> News:
    """What SES knows about something that happened."""
    key, describer = DESCRIBERS[happening.kind]
    detail = {**happening.fate.detail, **describer(accepted, happening, at)}
    return News(accepted=accepted, kind=happening.kind, key=key, detail=detail)


def event_document(news: News) -> dict[str, Any]:
    """What event publishing says."""
    mail = mail_in_event(news.accepted, news.kind)
    return {"eventType": news.kind, "mail": mail, news.key: dict(news.detail)}


def notification_document(news: News, *, with_headers: bool) -> dict[str, Any]:
    """What an identity's topic is told."""
    detail = dict(news.detail)
    if news.kind in ("Bounce", "Delivery") and detail.get("bounceSubType") != "Suppressed":
        detail["remoteMtaIp"] = REMOTE_MTA
    mail = mail_in_notification(news.accepted, with_headers=with_headers)
    return {"notificationType": news.kind, news.key: detail, "mail": mail}


def _nothing(_accepted: Accepted, _happening: Happening, _at: datetime) -> Detail:
    return {}


def _failure(accepted: Accepted, _happening: Happening, _at: datetime) -> Detail:
    return {"errorMessage": accepted.failure or "", "templateName": accepted.mail.template or ""}


def _delivery(accepted: Accepted, happening: Happening, at: datetime) -> Detail:
    return {
        "timestamp": iso(at),
        "processingTimeMillis": round((at - accepted.mail.at) / timedelta(milliseconds=1)),
        "recipients": list(happening.recipients),
        "smtpResponse": f"250 2.0.0 OK queued as {accepted.mail.id.split('-')[1]}",
        "reportingMTA": MTA,
    }


def _delay(accepted: Accepted, happening: Happening, at: datetime) -> Detail:
    return {
        "timestamp": iso(at),
        "expirationTime": iso(accepted.mail.at + PATIENCE),
        "delayedRecipients": _recipients(happening),
    }


def _bounce(accepted: Accepted, happening: Happening, at: datetime) -> Detail:
    detail = {
        "feedbackId": new_id(accepted.mail.region, at),
        "bouncedRecipients": _recipients(happening),
        "timestamp": iso(at),
    }
    reporting = happening.fate.detail.get("reportingMTA")
    return {**detail, "reportingMTA": reporting.format(mta=MTA)} if reporting else detail


def _complaint(accepted: Accepted, happening: Happening, at: datetime) -> Detail:
    return {
        "feedbackId": new_id(accepted.mail.region, at),
        "complainedRecipients": _recipients(happening),
        "timestamp": iso(at),
        "arrivalDate": iso(accepted.mail.at),
    }


def _open(_accepted: Accepted, _happening: Happening, at: datetime) -> Detail:
    return {"ipAddress": READER_IP, "timestamp": iso(at), "userAgent": USER_AGENT}


def _click(accepted: Accepted, happening: Happening, at: datetime) -> Detail:
    link = first_link(accepted.mail.raw) or ""
    return {**_open(accepted, happening, at), "link": link, "linkTags": None}


def _recipients(happening: Happening) -> list[dict[str, str]]:
    return [
        {"emailAddress": address, **happening.fate.recipient} for address in happening.recipients
    ]


#: For each kind: the name of the details, and what makes them.
DESCRIBERS: Mapping[str, tuple[str, Callable[[Accepted, Happening, datetime], Detail]]] = {
    "Send": ("send", _nothing),
    "Rendering Failure": ("failure", _failure),
    "Reject": ("reject", _nothing),
    "Delivery": ("delivery", _delivery),
    "DeliveryDelay": ("deliveryDelay", _delay),
    "Bounce": ("bounce", _bounce),
    "Complaint": ("complaint", _complaint),
    "Open": ("open", _open),
    "Click": ("click", _click),
}
