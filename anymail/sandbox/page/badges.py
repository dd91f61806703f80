"""What became of a mail, in one word for each recipient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...amazon_ses.notifications import SesNotification
from ...amazon_ses.tracking import tracking_events
from ...exceptions import AnymailWebhookValidationFailure
from ...signals import AnymailTrackingEvent, EventType
from ..journal import ReceivedMail, SentMail, SesEvent

#: An automatic reply: SES calls it a bounce, and the mail was delivered.
AUTO_REPLY = "auto-reply"
#: How each outcome looks. The later ones hide the earlier ones.
SEVERITIES: dict[str, str] = {
    **dict.fromkeys(("accepted", EventType.QUEUED, EventType.UNKNOWN), "plain"),
    EventType.SENT: "info",
    EventType.DEFERRED: "warn",
    **dict.fromkeys((EventType.DELIVERED, EventType.SUBSCRIBED), "good"),
    **dict.fromkeys((EventType.OPENED, EventType.CLICKED), "warm"),
    **dict.fromkeys((AUTO_REPLY, EventType.UNSUBSCRIBED), "warn"),
    **dict.fromkeys((EventType.COMPLAINED, EventType.BOUNCED), "bad"),
    **dict.fromkeys((EventType.REJECTED, EventType.FAILED), "bad"),
}
_RANKS = {label: rank for rank, label in enumerate(SEVERITIES)}
VERDICT_SEVERITIES = {"PASS": "good", "FAIL": "bad", "DISABLED": "plain"}


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A word about a mail.

    :param recipients: whom it is about.
    :param title: says more; instead of the recipients.
    """

    label: str
    severity: str
    recipients: tuple[str, ...] = ()
    title: str = ""

    @property
    def text(self) -> str:
        count = len(self.recipients)
        return f"{count} {self.label}" if count > 1 else self.label


def events_of(event: SesEvent) -> list[AnymailTrackingEvent]:
    """What the product makes of a document, whether a webhook got it or not; [] if it refuses."""
    try:
        return tracking_events(
            SesNotification(id=event.id, timestamp=event.at, body=dict(event.document))
        )
    except AnymailWebhookValidationFailure:
        return []


def outcome(event: AnymailTrackingEvent) -> str:
    """One of :data:`SEVERITIES`."""
    if event.is_autoreply:
        return AUTO_REPLY
    return str(event.event_type if event.event_type in SEVERITIES else EventType.UNKNOWN)


def outcomes(mail: SentMail) -> list[Badge]:
    """The outcomes of a message, the good ones first.

    An open or click that could have been anybody's is an outcome of its own.
    """
    events = [event for happened in list(mail.events) for event in events_of(happened)]
    anybody = {outcome(event) for event in events if event.recipient_uncertain}
    last = _last_outcomes(mail.recipients, (one for one in events if not one.recipient_uncertain))
    return [
        Badge(
            label=label,
            severity=SEVERITIES[label],
            recipients=tuple(address for address, found in last.items() if found == label),
        )
        for label in sorted({*last.values(), *anybody}, key=_RANKS.__getitem__)
    ]


def _last_outcomes(
    recipients: Iterable[str], events: Iterable[AnymailTrackingEvent]
) -> dict[str, str]:
    found = dict.fromkeys(recipients, "accepted")
    spellings = {address.lower(): address for address in found}
    for event in events:
        address = spellings.get((event.recipient or "").lower())
        if address is not None:
            found[address] = max(found[address], outcome(event), key=_RANKS.__getitem__)
    return found


def verdicts(found: Mapping[str, str]) -> list[Badge]:
    return [
        Badge(
            label=f"{verdict_name(name)} {verdict.lower().replace('_', ' ')}",
            severity=VERDICT_SEVERITIES.get(verdict, "warn"),
            title="Verdict of SES",
        )
        for name, verdict in found.items()
    ]


def verdict_name(name: str) -> str:
    return name.capitalize() if name in ("spam", "virus") else name.upper()


def webhook_troubles(mail: SentMail | ReceivedMail) -> list[Badge]:
    """Whether a webhook refuses events of a mail, or does not answer."""
    posts = [post for event in list(mail.events) for post in list(event.posts)]
    for state, severity in (("failed", "bad"), ("retrying", "warn")):
        urls = {post.url for post in posts if post.state == state and post.attempts}
        if urls:
            title = ", ".join(sorted(urls))
            return [Badge(label=f"webhook {state}", severity=severity, title=title)]
    return []
