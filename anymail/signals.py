"""The signals, and the events that ``tracking`` and ``inbound`` carry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import TextChoices
from django.dispatch import Signal

if TYPE_CHECKING:
    from .inbound import AnymailInboundMessage

#: Sent before a message is built. Arguments: ``sender`` (the backend's class), ``message``,
#: ``esp_name``. A receiver may change the message, or raise
#: :exc:`~anymail.exceptions.AnymailCancelSend`.
pre_send = Signal()

#: Sent after SES answered. Arguments: ``sender`` (the backend's class), ``message``, ``status``
#: (``message.anymail_status``), ``esp_name``.
post_send = Signal()

#: Sent for each tracking event. Arguments: ``sender`` (the view's class), ``event``
#: (:class:`AnymailTrackingEvent`), ``esp_name``.
tracking = Signal()

#: Sent for each received mail. Arguments: ``sender`` (the view's class), ``event``
#: (:class:`AnymailInboundEvent`), ``esp_name``.
inbound = Signal()


class EventType(TextChoices):
    """What happened to a message. Members are strings: ``EventType.BOUNCED == "bounced"``."""

    QUEUED = "queued"
    SENT = "sent"
    REJECTED = "rejected"
    FAILED = "failed"
    BOUNCED = "bounced"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    AUTORESPONDED = "autoresponded"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    INBOUND = "inbound"
    INBOUND_FAILED = "inbound_failed"
    UNKNOWN = "unknown"


class RejectReason(TextChoices):
    """Why a recipient did not get a message. Members are strings."""

    INVALID = "invalid"
    BOUNCED = "bounced"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    SPAM = "spam"
    UNSUBSCRIBED = "unsubscribed"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class AnymailEvent:
    """What tracking and inbound events have in common.

    :param event_type: one of :class:`EventType`.
    :param timestamp: when the service reported it; aware, or None.
    :param event_id: the same for every retry of one notification: use it to recognise repetitions.
    :param esp_event: the SES document as it came.
    """

    event_type: str
    timestamp: datetime | None = None
    event_id: str | None = None
    esp_event: Any = None


@dataclass(frozen=True, kw_only=True)
class AnymailTrackingEvent(AnymailEvent):
    """Something that happened to a sent message, for one recipient.

    :param message_id: the id in ``anymail_status.message_id`` of the message that was sent.
    :param recipient: the address, as SES reports it.
    :param metadata: what the message was sent with.
    :param tags: likewise.
    :param reject_reason: one of :class:`RejectReason`, or None.
    :param description: a few words for people.
    :param mta_response: what the recipient's server said.
    :param user_agent: the browser of an open or click, or the reporter of a complaint.
    :param click_url: the link that was clicked.
    :param occurred_at: when it happened (``timestamp`` is when SNS published it).
    :param bounce_type: SES's own word, for example ``"Permanent"``.
    :param bounce_subtype: likewise, for example ``"NoEmail"``.
    :param complaint_type: likewise, for example ``"abuse"``.
    :param delay_type: likewise, for example ``"MailboxFull"``.
    :param is_hard_bounce: the bounce is permanent.
    :param is_suppressed: SES never tried, because the address is on a suppression list.
    :param is_autoreply: the bounce looks like an out-of-office reply.
    :param smtp_status: the enhanced status code (RFC 3463), for example ``"5.1.1"``.
    :param message_tags: SES message tags, name to values, without SES's own ``ses:`` ones.
    :param recipient_uncertain: an open or click of a message with several recipients: it could
        have been any of them.
    :param origin: where it came from: the ARN of the SNS topic.
    """

    message_id: str | None = None
    recipient: str | None = None
    metadata: Any = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    reject_reason: str | None = None
    description: str | None = None
    mta_response: str | None = None
    user_agent: str | None = None
    click_url: str | None = None
    occurred_at: datetime | None = None
    bounce_type: str | None = None
    bounce_subtype: str | None = None
    complaint_type: str | None = None
    delay_type: str | None = None
    is_hard_bounce: bool = False
    is_suppressed: bool = False
    is_autoreply: bool = False
    smtp_status: str | None = None
    message_tags: dict[str, list[str]] = field(default_factory=dict)
    recipient_uncertain: bool = False
    origin: str | None = None


@dataclass(frozen=True, kw_only=True)
class AnymailInboundEvent(AnymailEvent):
    """A received mail.

    :param message: the mail.
    """

    event_type: str = EventType.INBOUND
    message: AnymailInboundMessage | None = None


def dispatch(
    events: Iterable[AnymailTrackingEvent | AnymailInboundEvent], *, sender: type, esp_name: str
) -> None:
    """Send each event to the receivers of its signal.

    :param sender: the view's class.
    :raises Exception: whatever a receiver raises; the events after it are not sent, so that the
        whole notification is retried.
    """
    for event in events:
        signal = inbound if isinstance(event, AnymailInboundEvent) else tracking
        signal.send(sender=sender, event=event, esp_name=esp_name)
