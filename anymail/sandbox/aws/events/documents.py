"""The JSON documents that SES publishes about a message, in both of its systems.

Source: Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS"
and "Amazon SNS notification contents for Amazon SES".
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from ....amazon_ses.timestamps import iso_time
from ...journal import SentMail
from ..defaults import ACCOUNT
from ..headers import Header, decoded, first, mailboxes, values
from .simulator import MTA, SimulatedEvent
from .tracked import first_link

#: The mail host that SES delivered to: an address for documentation (RFC 5737).
REMOTE_MTA = "198.51.100.25"
READER_IP = "192.0.2.77"
USER_AGENT = "Mozilla/5.0 (Sandbox; Mail) ImageProxy"
#: In Amazon's documents the name of an IAM user.
CALLER = "sandbox"
#: How long SES tries to deliver (Amazon SES Developer Guide, "MaxDeliverySeconds").
MAX_DELIVERY_TIME = timedelta(hours=14)
#: Longer headers are truncated.
MAX_HEADER_BYTES = 10 * 1024
#: The first letters of a ``MessageId`` in some regions.
PREFIXES = {"us-east-1": "0100", "us-west-2": "0101", "eu-west-1": "0102"}
LISTS = {"from": "from", "to": "to", "cc": "cc", "bcc": "bcc", "replyTo": "reply-to"}
TEXTS = {"sender": "sender", "returnPath": "return-path", "date": "date", "subject": "subject"}

Document = dict[str, Any]


def new_id(region: str, at: datetime) -> str:
    """An id such as SES gives to messages and feedback."""
    prefix, milliseconds = PREFIXES.get(region, "010f"), int(at.timestamp() * 1000)
    return f"{prefix}{milliseconds:012x}-{secrets.token_hex(4)}-{str(uuid.uuid4())[9:]}-000000"


def event_document(mail: SentMail, kind: str, detail: Document) -> Document:
    """An event as event publishing has it.

    :param detail: of :func:`describe`.
    """
    return {"eventType": kind, "mail": mail_in_event(mail, kind), _key(kind): detail}


def notification_document(
    mail: SentMail, kind: str, detail: Document, *, with_headers: bool
) -> Document:
    """An event as an identity's notification topic gets it."""
    if kind in ("Bounce", "Delivery") and detail.get("bounceSubType") != "Suppressed":
        detail = {**detail, "remoteMtaIp": REMOTE_MTA}
    described = {**_mail(mail), "sourceIp": mail.source_ip, "callerIdentity": CALLER}
    if with_headers:
        original = first(mail.headers, "message-id") or mail.id
        described |= describe_headers(mail.headers, original)
    return {"notificationType": kind, _key(kind): detail, "mail": described}


def describe(mail: SentMail, event: SimulatedEvent, at: datetime) -> Document:
    """The details of an event that has just happened."""
    timestamp = {"timestamp": iso_time(at)}
    feedback = {"feedbackId": new_id(mail.region, at), **timestamp}
    reader = {"ipAddress": READER_IP, "userAgent": USER_AGENT, **timestamp}
    recipients = [{"emailAddress": address, **event.recipient} for address in event.recipients]
    match event.kind:
        case "Rendering Failure":
            return {"errorMessage": mail.failure or "", "templateName": mail.template or ""}
        case "Delivery":
            return {
                "processingTimeMillis": round((at - mail.at) / timedelta(milliseconds=1)),
                "recipients": list(event.recipients),
                "smtpResponse": f"250 2.0.0 OK queued as {mail.id.split('-')[1]}",
                "reportingMTA": MTA,
                **timestamp,
            }
        case "DeliveryDelay":
            expires = {"expirationTime": iso_time(mail.at + MAX_DELIVERY_TIME), **timestamp}
            return {**event.detail, "delayedRecipients": recipients, **expires}
        case "Bounce":
            return {**event.detail, "bouncedRecipients": recipients, **feedback}
        case "Complaint":
            arrival = {"arrivalDate": iso_time(mail.at), **feedback}
            return {**event.detail, "complainedRecipients": recipients, **arrival}
        case "Open":
            return reader
        case "Click":
            return {"link": first_link(mail.raw) or "", "linkTags": None, **reader}
    return dict(event.detail)


def mail_in_event(mail: SentMail, kind: str) -> Document:
    """The ``mail`` object of event publishing. Some kinds of events have less in it."""
    document = {**_mail(mail), "headersTruncated": False, "tags": _tags(mail, kind)}
    if kind in ("Open", "Click"):
        del document["sourceArn"]
    if kind in ("Rendering Failure", "DeliveryDelay"):
        return document
    if kind == "Send" and mail.template is not None:  # it has not been rendered yet
        known = common_headers(mail.headers, mail.id)
        document["commonHeaders"] = {key: known[key] for key in ("from", "to") if key in known}
        return document
    return {**document, **describe_headers(mail.headers, mail.id)}


def describe_headers(headers: Sequence[Header], message_id: str | None) -> Document:
    """The headers of a ``mail`` object, truncated, and the common ones decoded."""
    sizes = accumulate(len(f"{name}{value}".encode()) for name, value in headers)
    kept = headers[: sum(size <= MAX_HEADER_BYTES for size in sizes)]
    return {
        "headersTruncated": len(kept) < len(headers),
        "headers": [{"name": name, "value": value} for name, value in kept],
        "commonHeaders": common_headers(headers, message_id),
    }


def common_headers(headers: Sequence[Header], message_id: str | None) -> Document:
    """``commonHeaders``, decoded."""
    lists = {key: list(map(decoded, mailboxes(headers, name))) for key, name in LISTS.items()}
    texts = {
        key: decoded(text) for key, name in TEXTS.items() for text in values(headers, name)[:1]
    }
    found = {**lists, **texts, "messageId": message_id}
    return {key: value for key, value in found.items() if value not in ([], None)}


def _key(kind: str) -> str:
    """The name of the details in a document."""
    name = "failure" if kind == "Rendering Failure" else kind
    return name[0].lower() + name[1:]


def source_arn(mail: SentMail) -> str:
    """The ARN of the sender's identity, which may belong to another account."""
    own = f"arn:aws:ses:{mail.region}:{ACCOUNT}:identity/{mail.identity}"
    return mail.parameters.get("FromEmailAddressIdentityArn", own)


def _mail(mail: SentMail) -> Document:
    return {
        "timestamp": iso_time(mail.at),
        "source": mail.source,
        "sourceArn": source_arn(mail),
        "sendingAccountId": ACCOUNT,
        "messageId": mail.id,
        "destination": list(mail.recipients),
    }


def _tags(mail: SentMail, kind: str) -> dict[str, list[str]]:
    tags = {
        "ses:source-tls-version": ["TLSv1.3"],
        "ses:operation": [mail.operation.rpartition(" ")[2]],
        "ses:source-ip": [mail.source_ip],
        "ses:from-domain": [mail.source.rpartition("@")[2]],
        "ses:caller-identity": [CALLER],
        **{name: list(found) for name, found in mail.message_tags.items()},
    }
    if mail.configuration_set:
        tags["ses:configuration-set"] = [mail.configuration_set]
    if tenant := mail.parameters.get("TenantName"):
        tags["ses:tenant-name"] = [tenant]
    if kind == "Delivery":
        tags |= {"ses:outgoing-ip": ["192.0.2.51"], "ses:outgoing-tls-version": ["TLSv1.3"]}
    return tags
