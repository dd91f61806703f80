"""Mails -> the rows of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ...addresses import EmailAddress
from ...inbound import AnymailInboundMessage
from ..journal import ReceivedMail, SentMail
from .badges import Badge, outcomes, verdicts, webhook_troubles
from .contents import content_of, leaves, parsed, text_of_html

MAX_SUBJECT = 300
MAX_TAGS = 5
#: Parts of a mail that are looked at to count its attachments.
MAX_COUNTED = 1_000
#: Characters of a text that are searched.
MAX_SEARCHED = 100_000
#: Verdicts that need no attention.
HARMLESS = frozenset({"PASS", "DISABLED"})


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a list says about the source of a mail."""

    subject: str
    sender: str
    tags: tuple[str, ...]
    files: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """A mail in a list.

    :param placeholder: instead of a subject.
    """

    mail: SentMail | ReceivedMail
    summary: Summary
    sender: str
    badges: Sequence[Badge]
    placeholder: str = "No subject"

    def has(self, word: str) -> bool:
        """Whether a search for a word in small letters finds it."""
        summary = self.summary
        texts = [self.mail.id, summary.subject, summary.sender, *summary.tags]
        texts += [*self.mail.recipients, *(badge.label for badge in self.badges)]
        return any(word in text.casefold() for text in texts) or word in _body(self.mail.raw)


def row(mail: SentMail | ReceivedMail) -> Row:
    return sent_row(mail) if isinstance(mail, SentMail) else received_row(mail)


def sent_row(mail: SentMail) -> Row:
    summary = summarise(mail.raw)
    badges = [*outcomes(mail), *webhook_troubles(mail)]
    if mail.raw:
        return Row(mail=mail, summary=summary, sender=summary.sender, badges=badges)
    placeholder = f"Template “{mail.template}” was not rendered"
    return Row(
        mail=mail, summary=summary, sender=mail.source, badges=badges, placeholder=placeholder
    )


def received_row(mail: ReceivedMail) -> Row:
    summary = summarise(mail.raw)
    alarming = {name: found for name, found in mail.verdicts.items() if found not in HARMLESS}
    action = Badge(label=mail.action, severity="plain", title="The action of the receipt rule")
    return Row(
        mail=mail,
        summary=summary,
        sender=summary.sender or mail.sender or "nobody",
        badges=[*verdicts(alarming), *webhook_troubles(mail), action],
    )


@lru_cache(maxsize=1_500)
def summarise(raw: bytes) -> Summary:
    message = parsed(raw)
    return Summary(
        subject=(message.subject or "")[:MAX_SUBJECT],
        sender=_sender(message),
        tags=tuple(str(tag)[:60] for tag in message.get_all("X-Tag", [])[:MAX_TAGS]),
        files=_count_files(message),
    )


@lru_cache(maxsize=1_000)
def _body(raw: bytes) -> str:
    """The text of a mail, that of its HTML included: in small letters, and cut."""
    content = content_of(raw)
    html = text_of_html((content.html or "")[:MAX_SEARCHED])
    return f"{(content.text or '')[:MAX_SEARCHED]}\n{html}".casefold()


def _sender(message: AnymailInboundMessage) -> str:
    found = message.from_email
    senders: list[EmailAddress] = found if isinstance(found, list) else [found] if found else []
    names = [sender.display_name or sender.addr_spec for sender in senders]
    return (", ".join(names) or str(message.get("From", "")))[:MAX_SUBJECT]


def _count_files(message: AnymailInboundMessage) -> int:
    parts = [part for part, _ in zip(leaves(message), range(MAX_COUNTED), strict=False)]
    return sum(part.is_attachment() or bool(part.get_filename()) for part in parts)
