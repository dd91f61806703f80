"""The whole loop once: send, see what SES accepted, hear what became of it, receive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import policy

from ..message import AnymailMessage
from ..signals import AnymailInboundEvent, AnymailTrackingEvent
from . import SandboxError, letters
from .aws.local import LocalAmazon
from .journal import ReceivedMail, SentMail, SesEvent

#: How long a webhook may take, in seconds.
PATIENCE = 60
#: What SES publishes about the message in letters.py.
KINDS = ["Send", "Delivery", "Bounce", "Delivery", "Complaint"]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A message was sent."""

    message: AnymailMessage


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """SES accepted it."""

    mail: SentMail


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """The ``tracking`` signal was dispatched."""

    event: AnymailTrackingEvent


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """The ``inbound`` signal was dispatched."""

    event: AnymailInboundEvent


Step = Sent | Accepted | Tracked | Arrived


def play(amazon: LocalAmazon) -> Iterator[Step]:
    """Play the loop.

    :raises SandboxError: the webhooks do not hear of it.
    """
    message = letters.order_confirmation()
    message.send()
    yield Sent(message=message)
    mail = amazon.journal.sent_mail(str(message.anymail_status.message_id))
    if mail is None:
        raise SandboxError("Amazon SES has no message with the id that it gave.")
    yield Accepted(mail=mail)
    for event in _heard(mail, len(KINDS)):
        for found in event.signals:
            if isinstance(found, AnymailTrackingEvent):
                yield Tracked(event=found)
    raw = letters.question().as_bytes(policy=policy.SMTP)
    arrived = amazon.receive(raw, sender=letters.CUSTOMER, recipients=[letters.SUPPORT])
    for event in _heard(arrived, 1):
        for found in event.signals:
            if isinstance(found, AnymailInboundEvent):
                yield Arrived(event=found)


def _heard(mail: SentMail | ReceivedMail, count: int) -> Iterator[SesEvent]:
    """The events of a mail, each as soon as the webhooks took it."""
    for number in range(count):
        _wait_until(lambda: len(mail.events) > number)  # noqa: B023
        event = mail.events[number]
        _wait_until(lambda: _is_over(event))  # noqa: B023
        yield event


def _is_over(event: SesEvent) -> bool:
    if any(post.state == "failed" for post in event.posts):
        raise SandboxError(f"A webhook refused the news of the kind {event.kind!r}.")
    return bool(event.signals) and all(post.state == "delivered" for post in event.posts)


def _wait_until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_true():
        if time.monotonic() > end:
            raise SandboxError(f"The webhooks heard nothing for {PATIENCE} seconds.")
        time.sleep(0.01)
