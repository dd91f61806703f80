"""Mails -> the rows of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from ...addresses import EmailAddress
from ...inbound import AnymailInboundMessage
from ..journal import ReceivedMail, SentMail
from .contents import content_of, cut, leaves, parsed, text_of_html
from .outcomes import Chip, chips, webhook_chips

Mail = TypeVar("Mail", SentMail, ReceivedMail)

MAX_SUBJECT = 300
MAX_TAGS = 5
#: Parts of a mail that are looked at to count its attachments.
MAX_COUNTED = 1_000
#: Characters of a text in which words are searched.
MAX_SEARCHED = 100_000
#: Verdicts that need no attention.
HARMLESS = frozenset({"PASS", "DISABLED"})


@dataclass(frozen=True, kw_only=True)
class Glance:
    """What a list says about the source of a mail."""

    subject: str
    sender: str
    tags: tuple[str, ...]
    files: int


@dataclass(frozen=True, kw_only=True)
class Row(Generic[Mail]):
    """A mail in a list."""

    mail: Mail
    glance: Glance
    chips: Sequence[Chip]

    @property
    def subject(self) -> str:
        """The subject; empty if there is none."""
        return self.glance.subject

    def has(self, word: str) -> bool:
        """Whether a search for a word finds it."""
        said = [self.mail.id, self.subject, self.glance.sender, *self.glance.tags]
        said += [*self.mail.recipients, *(chip.word for chip in self.chips)]
        return any(word in one.casefold() for one in said) or word in body_of(self.mail.raw)


def sent_row(mail: SentMail) -> Row[SentMail]:
    """The row of a message."""
    glance = glance_at(mail.raw)
    if not mail.raw:
        glance = Glance(subject="", sender=mail.source, tags=(), files=0)
    return Row(mail=mail, glance=glance, chips=[*chips(mail), *webhook_chips(mail)])


def received_row(mail: ReceivedMail) -> Row[ReceivedMail]:
    """The row of a received mail."""
    found = [*verdict_chips(mail.verdicts), *webhook_chips(mail)]
    return Row(mail=mail, glance=glance_at(mail.raw), chips=found)


def verdict_chips(verdicts: Mapping[str, str]) -> list[Chip]:
    """The verdicts that need attention."""
    return [
        Chip(
            word=f"{name} {verdict_word(verdict)}",
            tone=verdict_tone(verdict),
            title="A verdict of Amazon SES",
        )
        for name, verdict in verdicts.items()
        if verdict not in HARMLESS
    ]


def verdict_word(verdict: str) -> str:
    """A verdict in small letters."""
    return verdict.lower().replace("_", " ")


def verdict_tone(verdict: str) -> str:
    """The colour of a verdict."""
    return {"PASS": "good", "FAIL": "bad", "DISABLED": "plain"}.get(verdict, "warn")


class Rows(Sequence[Any], Generic[Mail]):
    """The rows of mails, each made when it is asked for.

    :param row: makes one.
    """

    def __init__(self, mails: Sequence[Mail], row: Callable[[Mail], Row[Mail]]) -> None:
        self._mails: Sequence[Mail] = mails
        self._row: Callable[[Mail], Row[Mail]] = row

    def __len__(self) -> int:
        return len(self._mails)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._row(mail) for mail in self._mails[index]]
        return self._row(self._mails[index])


def rows(
    mails: Sequence[Mail], row: Callable[[Mail], Row[Mail]], query: str
) -> Sequence[Row[Mail]]:
    """The rows in which every word of a query is found; all, if it is empty."""
    everything = Rows(mails, row)
    words = query.casefold().split()
    return (
        [one for one in everything if all(one.has(word) for word in words)] if words else everything
    )


@lru_cache(maxsize=1_500)
def glance_at(raw: bytes) -> Glance:
    """What a list says about a mail."""
    message = parsed(raw)
    return Glance(
        subject=cut(message.subject or "", MAX_SUBJECT).text,
        sender=_sender(message),
        tags=tuple(str(tag)[:60] for tag in message.get_all("X-Tag", [])[:MAX_TAGS]),
        files=_count_files(message),
    )


@lru_cache(maxsize=1_000)
def body_of(raw: bytes) -> str:
    """The text of a mail, that of its HTML included, for searches: in small letters, and cut."""
    content = content_of(raw)
    html = text_of_html((content.html or "")[:MAX_SEARCHED])
    return f"{(content.text or '')[:MAX_SEARCHED]}\n{html}".casefold()


def _sender(message: AnymailInboundMessage) -> str:
    found = message.from_email
    senders: list[EmailAddress] = found if isinstance(found, list) else [found] if found else []
    names = [sender.display_name or sender.addr_spec for sender in senders]
    return cut(", ".join(names) or str(message.get("From", "")), MAX_SUBJECT).text


def _count_files(message: AnymailInboundMessage) -> int:
    parts = [part for part, _ in zip(leaves(message), range(MAX_COUNTED), strict=False)]
    return sum(part.is_attachment() or bool(part.get_filename()) for part in parts)
