"""What happened to a mail -> what the page says about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ...inbound import AnymailInboundMessage
from ...signals import AnymailInboundEvent, AnymailTrackingEvent
from ..journal import Attempt, Post, ReceivedMail, SentMail, SesEvent
from .outcomes import events_of, tone_of

#: Characters of one text in a document that are shown.
MAX_STRING = 1_000
#: Recipients of one event that are named.
MAX_NAMED = 3
#: Fields of a signal's event that are shown otherwise.
UNSHOWN = frozenset({"esp_event", "message", "sns_message"})
#: What a receiver reads first; everything else of a message is on the page anyway.
MESSAGE_FIELDS = (
    "envelope_sender",
    "envelope_recipients",
    "from_email",
    "to",
    "cc",
    "subject",
    "date",
    "auto_submitted",
    "spam_detected",
    "virus_detected",
    "spf_verdict",
    "dkim_verdict",
    "dmarc_verdict",
    "dmarc_policy",
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One answer of a webhook, or none."""

    word: str
    tone: str
    explanation: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A post of SNS."""

    post: Post
    steps: Sequence[Step]

    @property
    def outcome(self) -> tuple[str, str]:
        """How it went so far, in a few words and a tone, however often it was repeated."""
        if not self.steps:
            return "on its way", "warn"
        last, count = self.steps[-1], len(self.steps)
        often = f" ({count} times)" if count > 1 else ""
        if self.post.state == "delivered":
            return last.word + (f" at attempt {count}" if count > 1 else ""), "good"
        if self.post.state == "retrying":
            return f"{last.word}{often}, again soon", "warn"
        return f"{last.word}{often}, given up", "bad"

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self.post.topic_arn.rpartition(":")[2]

    @property
    def host(self) -> str:
        """Where the webhook is, in short."""
        return urlsplit(self.post.url).netloc


@dataclass(frozen=True, kw_only=True)
class Heard:
    """An event of a signal, and the fields that say something: the event's, and its message's."""

    signal: str
    event: AnymailTrackingEvent | AnymailInboundEvent
    fields: Sequence[tuple[str, str]]
    message: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Something that happened.

    :param after: seconds since SES had the mail.
    :param is_uncertain: it was one of the recipients, and nobody knows which.
    """

    event: SesEvent
    tone: str
    after: float
    recipients: Sequence[str]
    is_uncertain: bool
    description: str
    posted: Sequence[Posted]
    heard: Sequence[Heard]

    @property
    def more_recipients(self) -> int:
        """How many recipients are not named."""
        return max(0, len(self.recipients) - MAX_NAMED)


def entries(mail: SentMail | ReceivedMail) -> list[Entry]:
    """What happened to a mail, in order."""
    return [_entry(mail, event) for event in list(mail.events)]


def _entry(mail: SentMail | ReceivedMail, event: SesEvent) -> Entry:
    events = events_of(event) if isinstance(mail, SentMail) else []
    first = events[0] if events else None
    return Entry(
        event=event,
        tone=tone_of(first) if first else "info",
        after=max(0.0, (event.at - mail.at).total_seconds()),
        recipients=list(dict.fromkeys(one.recipient for one in events if one.recipient)),
        is_uncertain=bool(first and first.recipient_uncertain),
        description=_description(first) if first else "",
        posted=[
            Posted(post=post, steps=[_step(attempt) for attempt in list(post.attempts)])
            for post in list(event.posts)
        ],
        heard=[_heard(signal) for signal in list(event.signals)],
    )


def _description(event: AnymailTrackingEvent) -> str:
    said = (event.description, event.smtp_status, event.mta_response, event.click_url)
    return " · ".join(dict.fromkeys(word for word in said if word))[:MAX_STRING]


def _step(attempt: Attempt) -> Step:
    explanations = ("asked for the password first" if attempt.challenged else "", attempt.error)
    return Step(
        word="no answer" if attempt.status is None else str(attempt.status),
        tone="good" if attempt.succeeded else "bad",
        explanation="; ".join(filter(None, explanations)),
        at=attempt.at,
    )


def _heard(event: AnymailTrackingEvent | AnymailInboundEvent) -> Heard:
    shown = [
        (field.name, _shown(value))
        for field in fields(event)
        if field.name not in UNSHOWN and (value := getattr(event, field.name)) not in _EMPTY
    ]
    if isinstance(event, AnymailInboundEvent):
        return Heard(signal="inbound", event=event, fields=shown, message=_message(event.message))
    return Heard(signal="tracking", event=event, fields=shown)


_EMPTY: tuple[Any, ...] = (None, "", [], {}, False)


def _message(message: AnymailInboundMessage | None) -> list[tuple[str, str]]:
    if message is None:
        return []
    values = [(name, getattr(message, name)) for name in MESSAGE_FIELDS]
    shown = [(name, _shown(value)) for name, value in values if value is not None]
    files = [str(part.get_filename("")) for part in message.attachments[:20]]
    return [*shown, ("attachments", _shown(files))]


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ", timespec="milliseconds")
    elif isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False, default=str)
    elif isinstance(value, list):
        text = ", ".join(str(item) for item in value)
    else:
        text = str(value)
    return text if len(text) <= MAX_STRING else text[:MAX_STRING] + "…"
