"""What became of a message, in one word for each recipient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...amazon_ses.notifications import SesNotification
from ...amazon_ses.tracking import tracking_events
from ...signals import AnymailTrackingEvent, EventType
from ..journal import ReceivedMail, SentMail, SesEvent

#: What SES did before it published anything.
ACCEPTED = "accepted"
#: An automatic reply: SES calls it a bounce, and the mail was delivered.
AUTO_REPLY = "auto-reply"

#: Each outcome's tone. The later in this table, the more it says: it hides the others.
TONES = {
    ACCEPTED: "plain",
    str(EventType.QUEUED): "plain",
    str(EventType.UNKNOWN): "plain",
    str(EventType.SENT): "info",
    str(EventType.DEFERRED): "warn",
    str(EventType.DELIVERED): "good",
    str(EventType.SUBSCRIBED): "good",
    str(EventType.OPENED): "warm",
    str(EventType.CLICKED): "warm",
    AUTO_REPLY: "warn",
    str(EventType.UNSUBSCRIBED): "warn",
    str(EventType.COMPLAINED): "bad",
    str(EventType.BOUNCED): "bad",
    str(EventType.REJECTED): "bad",
    str(EventType.FAILED): "bad",
}
_RANKS = {word: rank for rank, word in enumerate(TONES)}


@dataclass(frozen=True, kw_only=True)
class Chip:
    """An outcome, and whose it is.

    :param tone: which colour it has.
    :param title: says more, in place of the recipients.
    """

    word: str
    tone: str
    recipients: tuple[str, ...] = ()
    title: str = ""

    @property
    def label(self) -> str:
        """The word, and how often if not once."""
        count = len(self.recipients)
        return f"{count} {self.word}" if count > 1 else self.word


def events_of(event: SesEvent) -> list[AnymailTrackingEvent]:
    """What the product makes of a document, whether a webhook heard of it or not."""
    return tracking_events(
        SesNotification(id=event.id, timestamp=event.at, body=dict(event.document))
    )


def word_of(event: AnymailTrackingEvent) -> str:
    """The outcome that an event stands for."""
    if event.is_autoreply:
        return AUTO_REPLY
    return str(event.event_type) if event.event_type in TONES else str(EventType.UNKNOWN)


def tone_of(event: AnymailTrackingEvent) -> str:
    """The colour of an event."""
    return TONES[word_of(event)]


def chips(mail: SentMail) -> list[Chip]:
    """The outcomes of a message, the good ones first.

    An open or click that could have been anybody's is an outcome of its own.
    """
    events = [event for happened in list(mail.events) for event in events_of(happened)]
    certain = [event for event in events if not event.recipient_uncertain]
    anybody = {word_of(event) for event in events if event.recipient_uncertain}
    words = _last_words(mail.recipients, certain)
    found = {*words.values(), *anybody}
    return [
        Chip(
            word=word,
            tone=TONES[word],
            recipients=tuple(address for address, what in words.items() if what == word),
        )
        for word in sorted(found, key=_RANKS.__getitem__)
    ]


def webhook_chips(mail: SentMail | ReceivedMail) -> list[Chip]:
    """Whether a webhook does not take what it is told of a mail; empty if all do."""
    posts = [post for event in list(mail.events) for post in list(event.posts)]
    for state, tone in (("failed", "bad"), ("retrying", "warn")):
        deaf = {post.url for post in posts if post.state == state and post.attempts}
        if deaf:
            return [Chip(word=f"webhook {state}", tone=tone, title=", ".join(sorted(deaf)))]
    return []


def _last_words(
    recipients: Iterable[str], events: Iterable[AnymailTrackingEvent]
) -> dict[str, str]:
    words = dict.fromkeys(recipients, ACCEPTED)
    spelled = {address.lower(): address for address in words}
    for event in events:
        for address in _addressed(event, spelled):
            words[address] = max(words[address], word_of(event), key=_RANKS.__getitem__)
    return words


def _addressed(event: AnymailTrackingEvent, spelled: dict[str, str]) -> Iterator[str]:
    address = spelled.get((event.recipient or "").lower())
    if address is not None:
        yield address
