"""The signals, and the events that ``tracking``, ``inbound`` and ``account_changed`` carry."""

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
pre_send: Signal = Signal()

#: Sent after ``pre_send``, when it is known who a message goes to: what other receivers changed and
#: what ``SEND_DEFAULTS`` adds included. Arguments: ``sender`` (the backend's class), ``message``,
#: ``recipients`` (:class:`~anymail.addresses.EmailAddress` of To, Cc and Bcc), ``esp_name``. A
#: receiver may set the status of recipients to ``"rejected"``, so that they are not sent to.
recipients_resolved: Signal = Signal()

#: The same signal, by a shorter name.
addressed: Signal = recipients_resolved

#: Sent after SES answered. Arguments: ``sender`` (the backend's class), ``message``, ``status``
#: (``message.anymail_status``), ``esp_name``.
post_send: Signal = Signal()

#: Sent before ``post_send``, for the log of ``anymail.outbox``, unless a worker of the outbox sends
#: the message or the backend only pretends to. Arguments: ``sender`` (the backend's class),
#: ``backend``, ``outgoing`` (the :class:`~anymail.outgoing.OutgoingMessage`, with all its
#: recipients), ``status`` (``message.anymail_status``).
sent_directly: Signal = Signal()

#: Sent for each tracking event. Arguments: ``sender`` (the class of the view, or of another
#: carrier), ``event`` (:class:`AnymailTrackingEvent`), ``esp_name``.
tracking: Signal = Signal()

#: Sent for each received mail. Arguments: ``sender`` (the class of the view, or of another
#: carrier), ``event`` (:class:`AnymailInboundEvent`), ``esp_name``.
inbound: Signal = Signal()

#: Sent when SES reports a change of your account by EventBridge: sending was paused, or the advisor
#: has a recommendation. Arguments: ``sender`` (the class of the view, or of another carrier),
#: ``event`` (:class:`AccountChange`), ``esp_name``.
account_changed: Signal = Signal()

#: Sent for each event before the signal of its type, with the same arguments, also where a view has
#: a signal of its own. What receivers raise is logged, and the event goes on.
arrived: Signal = Signal()


class EventType(TextChoices):
    """The type of an event. Members are strings: ``EventType.BOUNCED == "bounced"``.

    The words are those of django-anymail. SES has no event for ``QUEUED`` and ``AUTORESPONDED``.
    """

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
    """The reason why a recipient did not get a message. Members are strings.

    SES's events give ``BOUNCED`` (every bounce), ``SPAM`` (every complaint) and ``BLOCKED`` (a
    virus was found).
    """

    INVALID = "invalid"
    BOUNCED = "bounced"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    SPAM = "spam"
    UNSUBSCRIBED = "unsubscribed"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, repr=False)
class AnymailEvent:
    """The base of tracking and inbound events.

    Events are equal if all their fields are; they can be members of sets and keys of dicts.

    :param event_type: one of :class:`EventType`.
    :param timestamp: when SNS published it, or SES received the mail; aware, or None.
    :param event_id: the same for every retry of one notification: use it to detect repetitions.
    :param esp_event: the SES document: a dict.
    :param is_verified: it provably comes from a topic of yours: :setting:`WEBHOOK_SECRET` was
        presented, or SNS signed it and the topic is in :setting:`AMAZON_SES_SNS_TOPIC_ARNS`.
        Otherwise any AWS account may have invented it. What comes from your SQS queue, or calls
        your Lambda function, is verified as :setting:`AMAZON_SES_QUEUE_TRUST` says. False for raw
        message delivery to a webhook, and for events that you make yourself unless you say so.
    :param topic_arn: the SNS topic that it came through; None from another carrier.
    :param queue_arn: the SQS queue that it was received from; None if it was none.
    """

    event_type: str
    timestamp: datetime | None = None
    event_id: str | None = None
    esp_event: Any = field(default=None, hash=False)
    is_verified: bool = False
    topic_arn: str | None = None
    queue_arn: str | None = None

    def __repr__(self) -> str:
        """Short, without what concerns a person: it goes into logs and error reports."""
        return f"<{type(self).__name__} {self.event_type}, event_id={self.event_id!r:.100}>"


@dataclass(frozen=True, kw_only=True, repr=False)
class AnymailTrackingEvent(AnymailEvent):
    """Something that happened to a sent message, for one recipient.

    SES's words are an open vocabulary (Amazon SES Developer Guide, "Contents of event data that
    Amazon SES publishes to Amazon SNS").

    :param message_id: the id in ``anymail_status.message_id`` of the message that was sent.
    :param recipient: the address, as SES reports it.
    :param metadata: the metadata that the message was sent with, after a round trip through JSON:
        a dict, empty if there was none or SES did not report it.
    :param tags: the tags that the message was sent with; empty if SES did not report them.
    :param reject_reason: one of :class:`RejectReason`, or None.
    :param description: a short text for people.
    :param mta_response: the answer of the recipient's server.
    :param user_agent: the browser of an open or click, or the reporter of a complaint.
    :param click_url: the link that was clicked.
    :param occurred_at: when it happened (``timestamp`` is when SNS published it); aware, or None.
    :param bounce_type: SES's own word, for example ``"Permanent"``.
    :param bounce_subtype: SES's own word, for example ``"NoEmail"``.
    :param complaint_type: the feedback type (RFC 5965), for example ``"abuse"``.
    :param delay_type: SES's word, for example ``"MailboxFull"``.
    :param is_hard_bounce: the bounce is permanent.
    :param is_suppressed: SES did not try, because the address is on a suppression list.
    :param is_autoreply: the bounce looks like an out-of-office reply. A guess: see
        :func:`~anymail.amazon_ses.tracking.is_autoreply`.
    :param smtp_status: the enhanced status code (RFC 3463), for example ``"5.1.1"``.
    :param message_tags: SES message tags, name to values, without SES's own ``ses:`` ones.
    :param recipient_uncertain: the event may be about somebody else: an open or click of a message
        with several recipients, a complaint that names none of several, or a bounce or complaint
        that names an address which the message was not sent to (not in SES's
        ``mail.destination``).
    :param is_first_in_notification: of the events of one notification, one for each recipient, this
        is the first. Receivers that need to do something once per notification skip the others.
    :param sns_message: the document of SNS: a dict; None from another carrier.
    """

    message_id: str | None = None
    recipient: str | None = None
    metadata: Any = field(default_factory=dict, hash=False)
    tags: list[str] = field(default_factory=list, hash=False)
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
    message_tags: dict[str, list[str]] = field(default_factory=dict, hash=False)
    recipient_uncertain: bool = False
    is_first_in_notification: bool = True
    sns_message: Any = field(default=None, hash=False)


@dataclass(frozen=True, kw_only=True, repr=False)
class AnymailInboundEvent(AnymailEvent):
    """A received mail.

    :param message: the mail; None if it could not be read (``inbound_failed``).
    :param description: why it could not be read.
    :param s3_object: where in S3 the mail was read from, an
        :class:`~anymail.amazon_ses.inbound.S3Object`; None if it came with the notification, or
        could not be read.
    """

    event_type: str = EventType.INBOUND
    message: AnymailInboundMessage | None = field(default=None, hash=False)
    description: str | None = None
    s3_object: Any = None


@dataclass(frozen=True, kw_only=True)
class AccountChange:
    """A change of your SES account, or of a tenant in it, that SES reported by EventBridge.

    Source: Amazon SES Developer Guide, "Monitoring SES events using Amazon EventBridge" and
    "Tenants". SES adds kinds at any time.

    :param kind: SES's words: ``"Sending Status Disabled"``, ``"Sending Status Enabled"``,
        ``"Advisor Recommendation Status Open"``, ``"Advisor Recommendation Status Resolved"``.
    :param account: the id of the AWS account, 12 digits; None if it is missing.
    :param region: for example ``"us-east-1"``; None if it is missing.
    :param resources: the ARNs that it is about, for example of a tenant or an identity.
    :param timestamp: when it happened; aware, or None.
    :param detail: SES's own description: a dict.
    :param event_id: the same for every retry.
    :param is_verified: as for :class:`AnymailEvent`.
    """

    kind: str
    account: str | None = None
    region: str | None = None
    resources: tuple[str, ...] = ()
    timestamp: datetime | None = None
    detail: Any = field(default_factory=dict, hash=False, repr=False)
    event_id: str | None = None
    is_verified: bool = False


def dispatch(
    events: Iterable[AnymailTrackingEvent | AnymailInboundEvent | AccountChange],
    *,
    sender: type,
    esp_name: str,
    signal: Signal | None = None,
) -> None:
    """Send each event to the receivers of ``arrived``, and then to those of its signal.

    :param events: tracking events, inbound events and changes of the account.
    :param sender: passed on to receivers: the class of the view, or of another carrier.
    :param esp_name: the service's name, for receivers.
    :param signal: for tracking and inbound events, instead of ``tracking`` and ``inbound``.
    :raises Exception: a receiver raised it. The events after it are not sent, so that the whole
        notification is retried.
    """
    for event in events:
        arrived.send_robust(sender=sender, event=event, esp_name=esp_name)
        _signal_for(event, signal).send(sender=sender, event=event, esp_name=esp_name)


def _signal_for(event: object, signal: Signal | None) -> Signal:
    if isinstance(event, AccountChange):
        return account_changed
    return signal or (inbound if isinstance(event, AnymailInboundEvent) else tracking)
