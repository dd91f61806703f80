"""Sample documents of SES: of events, and of received mail.

Source: Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS"
and "Contents of notifications for Amazon SES email receiving".
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ..amazon_ses.timestamps import iso_time, utc_now
from .sns import DEFAULT_TOPIC, Document

#: The recipient of events and mails, unless given.
DEFAULT_RECIPIENT = "ann@example.com"
#: The received mail, unless given.
DEFAULT_MAIL = (
    b"From: Bob <bob@example.net>\r\nTo: ann@example.com\r\nSubject: Hello\r\n"
    b"Date: Tue, 04 Mar 2025 05:06:07 +0000\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello!\r\n"
)
#: A contact's preferences, for ``"subscription"``.
OPTED_OUT = {"unsubscribeAll": True}
OPTED_IN = {"unsubscribeAll": False}

#: For each kind: SES's word, the name of its details, of the recipients there, and the details.
KINDS: dict[str, tuple[str, str, str | None, Document]] = {
    "send": ("Send", "send", None, {}),
    "delivery": (
        "Delivery",
        "delivery",
        None,
        {"processingTimeMillis": 1422, "smtpResponse": "250 2.0.0 OK"},
    ),
    "delivery_delay": (
        "DeliveryDelay",
        "deliveryDelay",
        "delayedRecipients",
        {"delayType": "MailboxFull"},
    ),
    "bounce": (
        "Bounce",
        "bounce",
        "bouncedRecipients",
        {"bounceType": "Permanent", "bounceSubType": "General", "reportingMTA": "dns; mx.example"},
    ),
    "complaint": (
        "Complaint",
        "complaint",
        "complainedRecipients",
        {"complaintFeedbackType": "abuse", "complaintSubType": None},
    ),
    "reject": ("Reject", "reject", None, {"reason": "Bad content"}),
    "rendering_failure": (
        "Rendering Failure",
        "failure",
        None,
        {"templateName": "welcome", "errorMessage": "Attribute 'name' is not present."},
    ),
    "open": ("Open", "open", None, {"ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0"}),
    "click": (
        "Click",
        "click",
        None,
        {"link": "https://example.com/", "ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0"},
    ),
    "subscription": (
        "Subscription",
        "subscription",
        None,
        {
            "contactList": "customers",
            "oldTopicPreferences": OPTED_IN,
            "newTopicPreferences": OPTED_OUT,
        },
    ),
}


def ses_event(
    kind: str = "delivery",
    *,
    recipient: str | Sequence[str] = DEFAULT_RECIPIENT,
    message_id: str = "0100019560000011-test-000000",
    tags: Sequence[str] = (),
    metadata: Any = None,
    message_tags: Mapping[str, Sequence[str]] | None = None,
    occurred_at: datetime | None = None,
    **detail: Any,
) -> Document:
    """The document that SES publishes for an event.

    Source: Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon
    SNS".

    :param kind: a key of :data:`~anymail.testing.ses.KINDS`, for example ``"bounce"``.
    :param recipient: one address, or several.
    :param message_id: that of ``anymail_status``.
    :param tags: of the message.
    :param metadata: of the message: anything that can be JSON.
    :param message_tags: SES message tags: name to values.
    :param occurred_at: when, aware; now, unless given.
    :param detail: details of this kind, by SES's names: ``bounceType="Transient"``.
    :raises KeyError: the kind is unknown.
    """
    word, name, recipients_name, defaults = KINDS[kind]
    recipients = [recipient] if isinstance(recipient, str) else list(recipient)
    timestamp = iso_time(occurred_at or utc_now())
    found: Document = {} if kind == "send" else {"timestamp": timestamp, **defaults}
    if recipients_name is not None:
        found[recipients_name] = [{"emailAddress": address} for address in recipients]
    elif kind == "delivery":
        found["recipients"] = recipients
    headers = [{"name": "X-Tag", "value": tag} for tag in tags]
    if metadata is not None:
        headers.append({"name": "X-Metadata", "value": json.dumps(metadata)})
    mail = {
        "timestamp": timestamp,
        "messageId": message_id,
        "source": "shop@example.org",
        "sendingAccountId": "123456789012",
        "destination": recipients,
        "headersTruncated": False,
        "headers": headers,
        "tags": {name: list(values) for name, values in (message_tags or {}).items()},
    }
    return {"eventType": word, "mail": mail, name: {**found, **detail}}


def ses_received(
    mail: bytes | str | os.PathLike[str] = DEFAULT_MAIL,
    *,
    sender: str = "bob@example.net",
    recipient: str | Sequence[str] = DEFAULT_RECIPIENT,
    message_id: str = "o3vrnil0e2ic28trm7dfhrc2v0cnbeccl4nbp0g1",
    **receipt: Any,
) -> Document:
    """The document that SES publishes for a received mail (an SNS action, Base64).

    Source: Amazon SES Developer Guide, "Contents of notifications for Amazon SES email receiving".

    :param mail: the whole mail, as bytes or str, or the path of a file with it.
    :param sender: of the envelope.
    :param recipient: of the envelope; one address, or several.
    :param message_id: SES's id of the mail.
    :param receipt: members of ``receipt``, by SES's names: ``spamVerdict={"status": "FAIL"}``.
    """
    recipients = [recipient] if isinstance(recipient, str) else list(recipient)
    timestamp = iso_time(utc_now())
    verdicts = {
        f"{name}Verdict": {"status": "PASS"} for name in ("spam", "virus", "spf", "dkim", "dmarc")
    }
    action = {"type": "SNS", "topicArn": DEFAULT_TOPIC, "encoding": "BASE64"}
    return {
        "notificationType": "Received",
        "mail": {
            "timestamp": timestamp,
            "messageId": message_id,
            "source": sender,
            "destination": recipients,
        },
        "receipt": {
            "timestamp": timestamp,
            "recipients": recipients,
            **verdicts,
            "action": action,
            **receipt,
        },
        "content": base64.b64encode(mail_bytes(mail)).decode(),
    }


def mail_bytes(mail: bytes | str | os.PathLike[str]) -> bytes:
    """The bytes of a mail.

    :param mail: as in :func:`ses_received`.
    """
    if isinstance(mail, bytes):
        return mail
    return mail.encode() if isinstance(mail, str) else Path(mail).read_bytes()
