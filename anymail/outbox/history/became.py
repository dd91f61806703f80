"""What became of one recipient's mail: its row and SES's events -> stages in the order of time.

A mail has one stage in most cases, or some: it was delivered, opened, and then reported as spam.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.timezone import is_aware, localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ...signals import EventType
from ..models import Recipient, State
from .happenings import Happening

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: Stages that say that it arrived, and that it did not.
GOOD = frozenset({"delivered", "opened", "clicked"})
BAD = frozenset(
    {"bounced", "complained", "rejected", "failed", "suppressed", "refused", "not_sent", "expired"}
)
#: Events that are stages, in this order. Of the first three, the first one counts: "opened on" is
#: when it was read, not when a mail program has last loaded its images.
_REPORTED = ("delivered", "opened", "clicked", "bounced", "complained", "rejected", "failed")
#: After one of these, what was delayed is over.
_OVER = frozenset({"delivered", "bounced", "rejected", "failed"})
_FIRST = frozenset({"delivered", "opened", "clicked"})
_BEFORE: dict[str, str] = {
    State.WAITING: "waiting",
    State.CLAIMED: "waiting",
    State.POSTING: "posting",
    State.SENT: "sent",
    State.IN_DOUBT: "in_doubt",
    State.FAILED: "not_sent",
    State.EXPIRED: "expired",
    State.CANCELLED: "cancelled",
}
#: "The last mail …"
_SENTENCES: dict[str, StrOrPromise] = {
    "waiting": _("waits to be sent, not before %(at)s"),
    "posting": _("is being sent"),
    "in_doubt": _("may have been sent on %(at)s: nobody knows whether Amazon SES accepted it"),
    "not_sent": _("was not sent"),
    "expired": _("was not sent: it was too late on %(at)s"),
    "cancelled": _("was cancelled on %(at)s"),
    "suppressed": _("was not sent to it: it was on the suppression list here"),
    "refused": _("was not accepted"),
    "sent": _("was sent on %(at)s, and nothing has been reported about it since"),
    "deferred": _("was delayed on %(at)s, and Amazon SES tries again"),
    "delivered": _("was delivered on %(at)s"),
    "opened": _("was opened on %(at)s"),
    "clicked": _("had a link clicked on %(at)s"),
    "bounced": _("bounced on %(at)s"),
    "complained": _("was reported as spam on %(at)s"),
    "rejected": _("was rejected by Amazon SES on %(at)s"),
    "failed": _("could not be sent by Amazon SES on %(at)s"),
}
#: The same of what is noted without a time.
_UNDATED: dict[str, StrOrPromise] = {
    "bounced": _("bounced"),
    "complained": _("was reported as spam"),
}
_NAMES: dict[str, StrOrPromise] = {
    "waiting": _("Waiting"),
    "posting": _("Being sent"),
    "in_doubt": _("In doubt"),
    "not_sent": _("Not sent"),
    "expired": _("Too late"),
    "cancelled": _("Cancelled"),
    "suppressed": _("Not sent: suppressed"),
    "refused": _("Not accepted"),
    "sent": _("Sent"),
    "deferred": _("Delayed"),
    "delivered": _("Delivered"),
    "opened": _("Opened"),
    "clicked": _("Clicked"),
    "bounced": _("Bounced"),
    "complained": _("Reported as spam"),
    "rejected": _("Rejected"),
    "failed": _("Failed"),
}

#: Events that are no stages.
_EVENTS: dict[str, str] = {str(value): label for value, label in EventType.choices}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How far a mail came.

    :param kind: for example ``"delivered"``.
    :param at: when; None if nobody knows.
    :param why: of what went wrong; empty if it is not known.
    :param is_uncertain: it may be about another recipient.
    """

    kind: str
    at: datetime | None = None
    why: str = ""
    is_uncertain: bool = False

    @property
    def name(self) -> StrOrPromise:
        """For a table."""
        return name_of(self.kind)

    @property
    def tone(self) -> str:
        """``"good"``, ``"bad"``, or empty: for the color."""
        return tone_of(self.kind)


def stages(row: Recipient, happenings: Iterable[Happening]) -> tuple[Stage, ...]:
    """What became of a mail, as far as is known; one stage at least.

    :param row: the recipient, with its entry.
    :param happenings: all about this mail and this recipient, in any order.
    """
    if row.status not in ("queued", "sent"):
        return (_unreported(row),)
    reached = _reported(happenings)
    if row.event and row.event not in {stage.kind for stage in reached}:
        reached.append(Stage(kind=row.event))  # the event is in no table any more
    return tuple(reached) or (_unreported(row),)


def sentence(subject: str | None, reached: Sequence[Stage]) -> str:
    """What became of the last mail.

    :param subject: of the mail; None if the reader must not see it.
    :param reached: see :func:`stages`.
    """
    mail = gettext("The last mail, “%s”,") % subject if subject else gettext("The last mail")
    what = _joined([_clause(stage) for stage in reached])
    return gettext("%(mail)s %(what)s.") % {"mail": mail, "what": what.rstrip(".")}


def name_of(kind: str) -> StrOrPromise:
    """What people read instead of a kind of stage or event."""
    return _NAMES.get(kind) or _EVENTS.get(kind, kind)


def tone_of(kind: str) -> str:
    """``"good"``, ``"bad"``, or empty: for the color of a kind of stage or event."""
    return "good" if kind in GOOD else "bad" if kind in BAD else ""


def reason_of(one: Happening) -> str:
    """Why something went wrong, in the words of the recipient's server or of SES.

    :param one: an event of any kind.
    """
    if one.kind in GOOD:
        return ""
    kind = ", ".join(filter(None, (one.bounce_type, one.bounce_subtype)))
    status = "" if one.smtp_status in one.answer else one.smtp_status
    told = " ".join(filter(None, (status, one.answer)))
    if not kind:
        return told or one.description
    return f"{told} ({kind})" if told else kind


def in_words(first: StrOrPromise, second: StrOrPromise) -> str:
    """Two texts of which the second explains the first, if there is one."""
    return f"{first}: {second}" if second else str(first)


def _reported(happenings: Iterable[Happening]) -> list[Stage]:
    found: dict[str, Happening] = {}
    for one in sorted(happenings, key=lambda one: one.at):
        if one.kind in _FIRST:
            found.setdefault(one.kind, one)
        else:
            found[one.kind] = one
    kinds = [kind for kind in _REPORTED if kind in found]
    if "deferred" in found and not _OVER & found.keys():
        kinds.append("deferred")
    reached = [
        Stage(
            kind=kind,
            at=found[kind].at,
            why=reason_of(found[kind]),
            is_uncertain=found[kind].uncertain,
        )
        for kind in kinds
    ]
    return sorted(reached, key=lambda stage: stage.at or found[stage.kind].at)


def _unreported(row: Recipient) -> Stage:
    entry = row.entry
    if row.status == "rejected":
        return Stage(kind="suppressed", at=entry.done_at, why=_code(row))
    if row.status in ("failed", "invalid"):
        return Stage(kind="refused", at=entry.done_at, why=_code(row))
    kind = "sent" if row.status in ("queued", "sent") else _BEFORE[entry.state]
    at = {"waiting": entry.not_before, "sent": entry.posted_at or entry.done_at}
    error = ": ".join(filter(None, (entry.error_code, entry.error)))
    return Stage(
        kind=kind,
        at=at.get(kind, entry.done_at or entry.posted_at) or entry.created_at,
        why=error if kind in ("waiting", "not_sent") else "",
    )


def _code(row: Recipient) -> str:
    return "" if row.error_code == "Suppressed" else row.error_code


def _clause(stage: Stage) -> str:
    if stage.at is None and stage.kind in _UNDATED:
        text = str(_UNDATED[stage.kind])
    else:
        text = str(_SENTENCES[stage.kind]) % {"at": "" if stage.at is None else _shown(stage.at)}
    if stage.is_uncertain:
        text = gettext("%s (perhaps by another recipient)") % text
    return in_words(text, stage.why)


def _shown(moment: datetime) -> str:
    local = localtime(moment) if is_aware(moment) else moment
    return str(date_format(local, "DATETIME_FORMAT"))


def _joined(parts: Sequence[str]) -> str:
    *others, last = parts
    if not others:
        return last
    return gettext("%(parts)s, and %(last)s") % {"parts": ", ".join(others), "last": last}
