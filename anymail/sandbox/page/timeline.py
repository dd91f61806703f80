"""What happened to a mail -> what the page says about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from ...signals import AnymailInboundEvent, AnymailTrackingEvent
from ..journal import Post, ReceivedMail, SentMail, SesEvent
from .badges import SEVERITIES, Badge, events_of, outcome

#: Fields of an event that are not shown, or not like the others.
HIDDEN = frozenset({"esp_event", "message", "sns_message"})
#: The fields of a received message that are shown, and what SES says about it.
MESSAGE_FIELDS = ("envelope_sender", "envelope_recipients", "from_email", "to", "cc", "subject")
VERDICT_FIELDS = ("spam_detected", "virus_detected", "spf_verdict", "dkim_verdict", "dmarc_verdict")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An event.

    :param after: seconds since SES had the mail.
    :param is_uncertain: it is unknown which of the recipients it was.
    :param posts: to webhooks, each with the webhook's host and how it went.
    :param signals: that were dispatched, each with the fields of its event that say something.
    """

    event: SesEvent
    severity: str
    after: float
    recipients: Sequence[str]
    is_uncertain: bool
    description: str
    posts: Sequence[tuple[Post, str, Badge]]
    signals: Sequence[tuple[AnymailTrackingEvent | AnymailInboundEvent, dict[str, str]]]


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
        posts=[(post, urlsplit(post.url).netloc, _progress(post)) for post in list(event.posts)],
        signals=[(signal, _fields(signal)) for signal in list(event.signals)],
    )


def _description(event: AnymailTrackingEvent) -> str:
    said = (event.description, event.smtp_status, event.mta_response, event.click_url)
    return " · ".join(dict.fromkeys(word for word in said if word))


def _progress(post: Post) -> Badge:
    """How it went so far, in a few words, however often it was repeated."""
    attempts = list(post.attempts)
    if not attempts:
        return Badge(label="on its way", severity="warn")
    answer, count = attempts[-1].answer, len(attempts)
    if post.state == "delivered":
        return Badge(label=answer + f" at attempt {count}" * (count > 1), severity="good")
    answer += f" ({count} times)" * (count > 1)
    if post.state == "retrying":
        return Badge(label=f"{answer}, will retry", severity="warn")
    return Badge(label=f"{answer}, gave up", severity="bad")


def _fields(event: AnymailTrackingEvent | AnymailInboundEvent) -> dict[str, str]:
    shown = {one.name: getattr(event, one.name) for one in fields(event) if one.name not in HIDDEN}
    shown = {name: value for name, value in shown.items() if value}
    if isinstance(event, AnymailInboundEvent) and event.message is not None:
        for name in (*MESSAGE_FIELDS, *VERDICT_FIELDS):
            shown[f"message.{name}"] = getattr(event.message, name)
        files = event.message.attachments[:20]
        shown["message.attachments"] = [part.get_filename("") for part in files]
    return {name: _text(value) for name, value in shown.items() if value is not None}


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
