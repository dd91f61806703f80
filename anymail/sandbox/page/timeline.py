"""What happened to a mail -> what the page says about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ...inbound import AnymailInboundMessage
from ...signals import AnymailInboundEvent, AnymailTrackingEvent
from ..journal import Post, ReceivedMail, SentMail, SesEvent
from .badges import SEVERITIES, Badge, events_of, outcome

#: Characters of one text that are shown.
MAX_STRING = 1_000
#: Fields of an event that are not shown, or not like the others.
HIDDEN = frozenset({"esp_event", "message", "sns_message"})
#: The fields of a message that are shown.
MESSAGE_FIELDS = ("envelope_sender", "envelope_recipients", "from_email", "to", "cc", "subject")


@dataclass(frozen=True, kw_only=True)
class PostSummary:
    """A post of SNS to a webhook, and how it went."""

    post: Post
    host: str
    topic: str
    outcome: Badge


@dataclass(frozen=True, kw_only=True)
class SignalCall:
    """A signal that was dispatched, and the fields of its event that say something."""

    signal: str
    event_type: str
    fields: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An event.

    :param after: seconds since SES had the mail.
    :param is_uncertain: it is unknown which of the recipients it was.
    """

    event: SesEvent
    severity: str
    after: float
    recipients: Sequence[str]
    is_uncertain: bool
    description: str
    posts: Sequence[PostSummary]
    calls: Sequence[SignalCall]


def entries(mail: SentMail | ReceivedMail) -> list[Entry]:
    return [_entry(mail, event) for event in list(mail.events)]


def _entry(mail: SentMail | ReceivedMail, event: SesEvent) -> Entry:
    events = events_of(event) if isinstance(mail, SentMail) else []
    first = events[0] if events else None
    return Entry(
        event=event,
        severity=SEVERITIES[outcome(first)] if first else "info",
        after=max(0.0, (event.at - mail.at).total_seconds()),
        recipients=list(dict.fromkeys(one.recipient for one in events if one.recipient)),
        is_uncertain=bool(first and first.recipient_uncertain),
        description=_description(first) if first else "",
        posts=[_post_summary(post) for post in list(event.posts)],
        calls=[_signal_call(signal) for signal in list(event.signals)],
    )


def _description(event: AnymailTrackingEvent) -> str:
    said = (event.description, event.smtp_status, event.mta_response, event.click_url)
    return " · ".join(dict.fromkeys(word for word in said if word))[:MAX_STRING]


def _post_summary(post: Post) -> PostSummary:
    return PostSummary(
        post=post,
        host=urlsplit(post.url).netloc,
        topic=post.topic_arn.rpartition(":")[2],
        outcome=_post_badge(post),
    )


def _post_badge(post: Post) -> Badge:
    """How it went so far, in a few words, however often it was repeated."""
    attempts = list(post.attempts)
    if not attempts:
        return Badge(label="on its way", severity="warn")
    answer, count = attempts[-1].answer, len(attempts)
    if post.state == "delivered":
        return Badge(label=answer + f" at attempt {count}" * (count > 1), severity="good")
    answer += f" ({count} times)" * (count > 1)
    if post.state == "retrying":
        return Badge(label=f"{answer}, again soon", severity="warn")
    return Badge(label=f"{answer}, given up", severity="bad")


def _signal_call(event: AnymailTrackingEvent | AnymailInboundEvent) -> SignalCall:
    values = [(one.name, getattr(event, one.name)) for one in fields(event)]
    shown = [(name, value) for name, value in values if name not in HIDDEN and value]
    is_inbound = isinstance(event, AnymailInboundEvent)
    if isinstance(event, AnymailInboundEvent) and event.message is not None:
        shown += _message_fields(event.message)
    return SignalCall(
        signal="inbound" if is_inbound else "tracking",
        event_type=event.event_type,
        fields=[(name, _text(value)) for name, value in shown],
    )


def _message_fields(message: AnymailInboundMessage) -> Iterator[tuple[str, Any]]:
    verdicts = ("spam_detected", "virus_detected", "spf_verdict", "dkim_verdict", "dmarc_verdict")
    for name in (*MESSAGE_FIELDS, *verdicts):
        value = getattr(message, name)
        if value is not None:
            yield f"message.{name}", value
    yield "message.attachments", [part.get_filename("") for part in message.attachments[:20]]


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ", timespec="milliseconds")
    elif isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False, default=str)
    elif isinstance(value, list):
        text = ", ".join(str(item) for item in value)
    else:
        text = str(value)
    return text if len(text) <= MAX_STRING else text[:MAX_STRING] + "…"
