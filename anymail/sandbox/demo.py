"""``--once``: send a message, see what SES accepted and what becomes of it, receive a mail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ..message import AnymailMessage
from ..signals import AnymailInboundEvent, AnymailTrackingEvent
from . import SandboxError, samples
from .aws.local_aws import LocalAws
from .journal import ReceivedMail, SentMail, SesEvent
from .page.timeline import MESSAGE_FIELDS, VERDICT_FIELDS

#: Seconds that the webhooks have for everything about a mail.
PATIENCE = 60
#: What SES publishes about the sample.
KINDS = ["Send", "Delivery", "Delivery", "Bounce", "Complaint", "Click"]
SENT_FIELDS = ("from_email", "to", "cc", "bcc", "reply_to", "subject", "tags", "metadata", "body")
INBOUND_FIELDS = (*MESSAGE_FIELDS, "text", *VERDICT_FIELDS)


def run_demo(aws: LocalAws) -> Iterator[tuple[str, dict[str, Any]]]:
    """The steps, each with its name and what it brought."""
    message = samples.order()
    message.send()
    yield "sent", {name: getattr(message, name) for name in SENT_FIELDS}
    yield "anymail_status", _status(message)
    [mail] = aws.journal.sent()
    yield "accepted", _accepted(mail)
    for event in _signals(mail, len(KINDS)):
        if isinstance(event, AnymailTrackingEvent):
            yield "tracking", asdict(event)
    received = aws.receive(
        samples.question(), sender=samples.CUSTOMER, recipients=[samples.SUPPORT]
    )
    for event in _signals(received, 1):
        if isinstance(event, AnymailInboundEvent) and event.message:
            fields = {name: getattr(event.message, name) for name in INBOUND_FIELDS}
            files = [part.get_filename() for part in event.message.attachments]
            yield "inbound", {**fields, "attachments": files}


def _status(message: AnymailMessage) -> dict[str, Any]:
    status = message.anymail_status
    recipients = {address: found.status for address, found in status.recipients.items()}
    return {"message_id": status.message_id, "recipients": recipients}


def _accepted(mail: SentMail) -> dict[str, Any]:
    raw = mail.raw.decode("utf-8", "backslashreplace")
    return {"id": mail.id, "source": mail.source, "recipients": mail.recipients, "raw": raw}


def _signals(
    mail: SentMail | ReceivedMail, count: int
) -> Iterator[AnymailTrackingEvent | AnymailInboundEvent]:
    """What the webhooks dispatched for a number of events, as soon as they did."""
    end = time.monotonic() + PATIENCE
    for number in range(count):
        while len(mail.events) <= number or not _is_delivered(mail.events[number]):
            if time.monotonic() > end:
                raise SandboxError(f"The webhooks received nothing for {PATIENCE} seconds.")
            time.sleep(0.01)
        yield from mail.events[number].signals


def _is_delivered(event: SesEvent) -> bool:
    if any(post.state == "failed" for post in event.posts):
        raise SandboxError(f"A webhook refused the {event.kind} event.")
    return bool(event.signals) and all(post.state == "delivered" for post in event.posts)
