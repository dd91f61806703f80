"""Mails -> the rows of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..journal import ReceivedMail, SentMail
from .badges import Badge, outcomes, verdicts, webhook_troubles
from .contents import content_of

MAX_SUBJECT = 300
MAX_TAGS = 5
#: Characters of a text that are searched.
MAX_SEARCHED = 20_000
#: Verdicts that need no attention.
HARMLESS = frozenset({"PASS", "DISABLED"})


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a list says about the source of a mail.

    :param searched: its texts, in small letters.
    """

    subject: str
    sender: str
    tags: tuple[str, ...]
    files: int
    searched: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """A mail in a list."""

    mail: SentMail | ReceivedMail
    summary: Summary
    sender: str
    badges: Sequence[Badge]

    def has(self, word: str) -> bool:
        """Whether a search for a word in small letters finds it."""
        texts = [self.mail.id, *self.mail.recipients, *(badge.label for badge in self.badges)]
        return word in self.summary.searched or any(word in text.casefold() for text in texts)


def row(mail: SentMail | ReceivedMail) -> Row:
    summary = summarise(mail.raw)
    if isinstance(mail, SentMail):
        badges = [*outcomes(mail), *webhook_troubles(mail)]
        sender = mail.source
    else:
        alarming = {name: found for name, found in mail.verdicts.items() if found not in HARMLESS}
        action = Badge(label=mail.action, severity="plain", title="The action of the receipt rule")
        badges = [*verdicts(alarming), *webhook_troubles(mail), action]
        sender = mail.sender or "nobody"
    return Row(mail=mail, summary=summary, sender=summary.sender or sender, badges=badges)


@lru_cache(maxsize=1_500)
def summarise(raw: bytes) -> Summary:
    content = content_of(raw)
    message = content.message
    names = [one.display_name or one.addr_spec for one in message.get_address_header("From")]
    subject = (message.subject or "")[:MAX_SUBJECT]
    sender = (", ".join(names) or str(message.get("From", "")))[:MAX_SUBJECT]
    tags = tuple(str(tag)[:60] for tag in message.get_all("X-Tag", [])[:MAX_TAGS])
    bodies = ((body or "")[:MAX_SEARCHED] for body in (content.text, content.html))
    return Summary(
        subject=subject,
        sender=sender,
        tags=tags,
        files=len(content.files),
        searched="\n".join((subject, sender, *tags, *bodies)).casefold(),
    )
