"""What SES publishes about a mail that it was given, or that arrived."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

from ..testing import ses_event, ses_received
from .amazon import ReceivedMail
from .letters import BOUNCE, COMPLAINT, CUSTOMER, SUPPORT


def published_events(mail: ReceivedMail) -> Iterator[dict[str, Any]]:
    """The documents about a sent mail, in the order in which they usually come.

    The simulator's addresses bounce and complain; everybody else gets the mail.
    """
    yield _document("send", mail, mail.recipients)
    for address in mail.recipients:
        if address == BOUNCE:
            yield _bounce(mail, address)
            continue
        host = address.rpartition("@")[2]
        response = f"250 2.0.0 OK, queued at {host}"
        yield _document("delivery", mail, [address], smtpResponse=response)
        if address == COMPLAINT:
            yield _document("complaint", mail, [address], userAgent="Amazon SES Mailbox Simulator")


def received_event(raw: bytes, bucket: str, key: str) -> dict[str, Any]:
    """The document about a mail that a receipt rule put into S3."""
    document = ses_received(
        raw,
        sender=CUSTOMER,
        recipient=SUPPORT,
        message_id=key,
        action={"type": "S3", "bucketName": bucket, "objectKeyPrefix": "", "objectKey": key},
    )
    del document["content"]
    return document


def _bounce(mail: ReceivedMail, address: str) -> dict[str, Any]:
    bounced = {
        "emailAddress": address,
        "action": "failed",
        "status": "5.1.1",
        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
    }
    return _document(
        "bounce", mail, [address], bounceSubType="NoEmail", bouncedRecipients=[bounced]
    )


def _document(
    kind: str, mail: ReceivedMail, recipients: list[str], **detail: Any
) -> dict[str, Any]:
    document = ses_event(kind, recipient=recipients, message_id=mail.id, **detail)
    # As they came, with their line breaks: that is how SES reports them.
    headers = message_from_bytes(mail.raw, policy=policy.compat32).items()
    document["mail"].update(
        source=mail.source,
        destination=mail.recipients,
        headers=[{"name": name, "value": str(value)} for name, value in headers],
    )
    return document
