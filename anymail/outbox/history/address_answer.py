"""What is known of an address -> the sentences and facts that answer at a glance.

Pure: times, texts and values only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from ...signals import EventType
from ...suppressions import AmazonAnswer, Listing, Standing
from ..results import ACCEPTED_STATUSES
from .became import in_words, name_of, reason_of, sentence, tone_of
from .happenings import Happening
from .mail_to import Link, Mail

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: The subtypes of bounces that only Amazon's own lists cause.
_GLOBAL_LIST = "Suppressed"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A question that is asked often, and its answer.

    :param name: the question.
    :param at: when it happened last; None if ``text`` is the answer.
    :param text: the answer, or what belongs to it.
    :param tone: ``"bad"``, or empty.
    """

    name: StrOrPromise
    at: datetime | None = None
    text: StrOrPromise = ""
    tone: str = ""


@dataclass(frozen=True, kw_only=True)
class ShownEvent:
    """An event in the table.

    :param happening: what SES has said.
    :param link: to the mail; None if it is not in the log, or the reader must not see it.
    """

    happening: Happening
    link: Link | None = None

    @property
    def name(self) -> StrOrPromise:
        """What happened."""
        return name_of(self.happening.kind)

    @property
    def tone(self) -> str:
        """For the color."""
        return tone_of(self.happening.kind)

    @property
    def details(self) -> str:
        """Why, or which link was clicked."""
        return reason_of(self.happening) or self.happening.click_url


def first_sentence(
    mails: Sequence[Mail], happenings: Sequence[Happening], *, shows_subject: bool
) -> StrOrPromise:
    """What became of the last mail to an address.

    :param mails: the newest first.
    :param happenings: of the address, the newest first.
    :param shows_subject: whether the reader may see subjects.
    """
    if mails:
        subject = mails[0].row.entry.subject if shows_subject else ""
        return sentence(subject, mails[0].stages)
    if happenings:
        return _(
            "No mail to it is in the log: it was deleted there, or somebody else has sent it. "
            "Amazon SES has reported the events below."
        )
    return _("Nobody has sent anything to it, as far as is known here.")


def facts(
    mails: Sequence[Mail], happenings: Sequence[Happening], standing: Standing | None
) -> Iterator[Fact]:
    """When the things last happened that people ask for, and whether the address is suppressed.

    :param mails: the newest first.
    :param happenings: of the address, the newest first.
    :param standing: None if nobody keeps a list, or the reader must not see it.
    """
    sent = (mail.row.entry for mail in mails if mail.row.status in ACCEPTED_STATUSES)
    yield _last(_("Last sent"), next((one.posted_at or one.done_at for one in sent), None))
    for name, kinds, tone in (
        (_("Last delivered"), {EventType.DELIVERED}, ""),
        (_("Last opened"), {EventType.OPENED, EventType.CLICKED}, ""),
        (_("Last bounced"), {EventType.BOUNCED}, "bad"),
        (_("Last reported as spam"), {EventType.COMPLAINED}, "bad"),
    ):
        found = next((one for one in happenings if one.kind in kinds), None)
        yield _last(name, None if found is None else found.at, found, tone)
    if standing is not None:
        yield _suppressed_here(standing.here)
        yield from _suppressed_at_amazon(standing.amazon)


def suppression_sentences(
    standing: Standing, happenings: Sequence[Happening]
) -> Iterator[StrOrPromise]:
    """What the lists mean for mail to the address, and what nobody can ask.

    :param happenings: of the address, the newest first.
    """
    if _effective(standing.here):
        yield _(
            "No mail is sent to it: it is on the suppression list here. Lift that before you send "
            "something again."
        )
    if standing.amazon is not None and standing.amazon.listing is not None:
        yield _("Amazon SES accepts mail to it, and then does not deliver it.")
    if any(one.bounce_subtype == _GLOBAL_LIST for one in happenings):
        yield _(
            "A bounce of the subtype Suppressed says that it was on Amazon's global suppression "
            "list, which cannot be asked, and which it leaves by itself."
        )
    elif standing.amazon is not None:
        yield _("Amazon's global suppression list cannot be asked: only a bounce tells of it.")


def is_suppressed_here(standing: Standing) -> bool:
    """Whether no mail is sent to the address because of the project's own list."""
    return bool(_effective(standing.here))


def is_perhaps_at_amazon(standing: Standing) -> bool:
    """Whether the address is on Amazon's list, or nobody knows."""
    amazon = standing.amazon
    return amazon is not None and bool(amazon.listing is not None or amazon.problem)


def _last(
    name: StrOrPromise, at: datetime | None, found: Happening | None = None, tone: str = ""
) -> Fact:
    if at is None:
        return Fact(name=name, text=_("nothing known"))
    text: StrOrPromise = "" if found is None else reason_of(found)
    if found is not None and found.uncertain:
        text = in_words(_("perhaps by another recipient"), text)
    return Fact(name=name, at=at, text=text, tone=tone)


def _suppressed_here(here: Sequence[Listing]) -> Fact:
    for one in _effective(here):
        text = in_words(one.reason, one.cause)
        return Fact(name=_("Suppressed here since"), at=one.since, text=text, tone="bad")
    why = here[0].no_effect if here else ""
    return Fact(name=_("Suppressed here"), text=in_words(_("no"), why))


def _suppressed_at_amazon(amazon: AmazonAnswer | None) -> Iterator[Fact]:
    name = _("Suppressed at Amazon")
    if amazon is None:
        return
    if amazon.problem:
        yield Fact(name=name, text=_("not known"))
    elif amazon.listing is None:
        yield Fact(name=name, text=_("no"))
    elif amazon.listing.since is None:
        yield Fact(name=name, text=in_words(_("yes"), amazon.listing.reason), tone="bad")
    else:
        found = amazon.listing
        name = _("Suppressed at Amazon since")
        yield Fact(name=name, at=found.since, text=found.reason, tone="bad")


def _effective(here: Sequence[Listing]) -> list[Listing]:
    return [one for one in here if not one.no_effect]
