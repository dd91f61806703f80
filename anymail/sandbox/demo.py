"""``--once``: send a message, see what SES accepted and what becomes of it, receive a mail."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..signals import AnymailInboundEvent, AnymailTrackingEvent
from . import SandboxError, samples
from .aws.local import LocalAmazon
from .journal import ReceivedMail, SentMail, SesEvent
from .output import Output

#: Seconds that the webhooks have for everything about a mail.
PATIENCE = 60
#: What SES publishes about the sample.
KINDS = ["Send", "Delivery", "Delivery", "Bounce", "Complaint", "Click"]


def run_demo(aws: LocalAmazon, output: Output) -> None:
    message = samples.order()
    message.send()
    output.sent(message)
    [mail] = aws.journal.sent()
    output.accepted(mail)
    for event in _signals(mail, len(KINDS)):
        if isinstance(event, AnymailTrackingEvent):
            output.tracked(event)
    received = aws.receive(
        samples.question(), sender=samples.CUSTOMER, recipients=[samples.SUPPORT]
    )
    for event in _signals(received, 1):
        if isinstance(event, AnymailInboundEvent):
            output.received(event)
    output.finish()


def _signals(
    mail: SentMail | ReceivedMail, count: int
) -> Iterator[AnymailTrackingEvent | AnymailInboundEvent]:
    """What the webhooks dispatched for a number of events, as soon as they did."""
    end = time.monotonic() + PATIENCE
    for number in range(count):
        while len(mail.events) <= number or not _is_delivered(mail.events[number]):
            if time.monotonic() > end:
                raise SandboxError(f"The webhooks got nothing for {PATIENCE} seconds.")
            time.sleep(0.01)
        yield from mail.events[number].signals


def _is_delivered(event: SesEvent) -> bool:
    if any(post.state == "failed" for post in event.posts):
        raise SandboxError(f"A webhook refused the {event.kind} event.")
    return bool(event.signals) and all(post.state == "delivered" for post in event.posts)
