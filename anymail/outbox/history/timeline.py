"""A message, its steps and what SES said about it -> moments in the order of time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ...processes.wording import spoken
from ...signals import EventType
from ..models import Entry, State, Step, StepKind
from .became import BAD, GOOD, name_of, reason_of
from .happenings import FREQUENT, Happening

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: How many opens, and clicks on one link, of one recipient are shown.
MAX_FREQUENT = 3
#: What is due so soon after it was stored has not waited.
AT_ONCE: timedelta = timedelta(seconds=1)
#: Steps after which a message's time to be sent is another than it was.
_NEW_TIMES: frozenset[str] = frozenset(
    map(str, (StepKind.PUT_OFF, StepKind.RELEASED, StepKind.SENT_AGAIN, StepKind.RESCHEDULED))
)
#: Steps that say that SES has it.
_NOTED_SENT: frozenset[str] = frozenset(map(str, (StepKind.PROVEN, StepKind.MARKED_SENT)))
_STEPS: dict[str, StrOrPromise] = {
    str(StepKind.PUT_OFF): _("Put off, to be tried again"),
    str(StepKind.WORKER_DIED): _("The worker that had it died"),
    str(StepKind.IN_DOUBT): _("In doubt: it was posted, and no answer is known"),
    str(StepKind.PROVEN): _("Doubt ended: Amazon SES has it"),
    str(StepKind.RELEASED): _("Released from doubt, to be sent"),
    str(StepKind.MARKED_SENT): _("Marked as sent"),
    str(StepKind.SENT_AGAIN): _("To be sent again"),
    str(StepKind.CANCELLED): _("Cancelled"),
    str(StepKind.RESCHEDULED): _("Rescheduled"),
}
_ENDS: dict[str, StrOrPromise] = {
    State.SENT: _("Accepted by Amazon SES"),
    State.FAILED: _("Not sent"),
    State.EXPIRED: _("Expired: it was too late to send it"),
    State.CANCELLED: _("Cancelled"),
}
_BAD_STEPS: frozenset[str] = frozenset(map(str, (StepKind.WORKER_DIED, StepKind.IN_DOUBT)))


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Something on a message's way.

    :param at: when.
    :param title: what happened, in a few words.
    :param details: what else is known: an answer, a URL, a reason.
    :param address: whom it is about; empty if it is about all of the message.
    :param tone: ``"good"``, ``"bad"``, or empty: for the color.
    :param is_uncertain: it may be about another recipient.
    """

    at: datetime
    title: str
    details: tuple[str, ...] = ()
    address: str = ""
    tone: str = ""
    is_uncertain: bool = False


def timeline(entry: Entry, steps: Iterable[Step], happenings: Iterable[Happening]) -> list[Moment]:
    """What happened to a message, the earliest first.

    Clocks differ: what SES reports about a message that was posted once never comes before that.

    :param steps: of the message, in any order.
    :param happenings: about it, in any order.
    """
    reported, noted = sorted(happenings, key=lambda one: one.at), list(steps)
    accepted_at = _accepted_at(entry, reported)
    own = [*_own_moments(entry, noted, accepted_at)]
    has_names = entry.recipients_count > 1
    told = _without_repetitions(_worth_telling(entry, reported), has_names=has_names)
    first = entry.posted_at if entry.attempt <= 1 else None
    # Those are in the order in which they happened, whatever the clocks of the machines say.
    since = accumulate((moment.at for moment in own), max)
    keyed = [((at, 0), moment) for at, moment in zip(since, own, strict=True)]
    keyed += [((step.at, 0), _of_step(step)) for step in noted]
    keyed += [((max(moment.at, first or moment.at), 1), moment) for moment in told]
    return [moment for _, moment in sorted(keyed, key=lambda one: one[0])]


def _own_moments(
    entry: Entry, steps: Sequence[Step], accepted_at: datetime | None
) -> Iterator[Moment]:
    """What the message's own columns say."""
    if entry.is_direct:
        yield from _direct(entry)
        return
    yield Moment(at=entry.created_at, title=gettext("Stored in the outbox"))
    kinds = {step.kind for step in steps}
    if entry.posted_at is not None:
        if _has_waited(entry, kinds):
            yield Moment(at=entry.not_before, title=gettext("Due"))
        yield Moment(at=entry.posted_at, title=_posted(entry.attempt))
    if entry.state == State.WAITING and entry.not_before > entry.created_at + AT_ONCE:
        title = gettext("Due to be tried again") if entry.error else gettext("Due")
        yield Moment(at=entry.not_before, title=title)
    if entry.done_at is not None and entry.state in _ENDS and not kinds & _ended_by(entry.state):
        at = accepted_at if entry.state == State.SENT and accepted_at else entry.done_at
        yield _end(entry, at)


def _direct(entry: Entry) -> Iterator[Moment]:
    at = entry.posted_at or entry.created_at
    if entry.state != State.SENT:
        yield _end(entry, at)
        return
    title = gettext("Sent directly, and accepted by Amazon SES")
    yield Moment(at=at, title=title, details=_refused(entry), tone="good")


def _has_waited(entry: Entry, kinds: set[str]) -> bool:
    """Whether a posted message had a time to be sent, and still has that in its column."""
    if entry.failures or kinds & _NEW_TIMES or entry.posted_at is None:
        return False
    return entry.created_at + AT_ONCE < entry.not_before <= entry.posted_at


def _end(entry: Entry, at: datetime) -> Moment:
    is_sent = entry.state == State.SENT
    tone = "good" if is_sent else "" if entry.state == State.CANCELLED else "bad"
    error = "" if is_sent else ": ".join(filter(None, (entry.error_code, entry.error)))
    details = (*filter(None, (error,)), *(_refused(entry) if is_sent else ()))
    return Moment(at=at, title=str(_ENDS[entry.state]), details=details, tone=tone)


def _ended_by(state: str) -> frozenset[str]:
    """The steps that say the same as an end."""
    if state == State.SENT:
        return _NOTED_SENT
    return frozenset({str(StepKind.CANCELLED)} if state == State.CANCELLED else ())


def _refused(entry: Entry) -> tuple[str, ...]:
    if not entry.refused_count:
        return ()
    count = entry.refused_count
    return (ngettext("not for %d recipient", "not for %d recipients", count) % count,)


def _posted(attempt: int) -> str:
    if attempt <= 1:
        return gettext("Posted to Amazon SES")
    return gettext("Posted to Amazon SES, attempt %d") % attempt


def _of_step(step: Step) -> Moment:
    title = str(_STEPS.get(step.kind, step.get_kind_display()))
    if step.kind == str(StepKind.PUT_OFF) and step.attempt:
        title = gettext("Attempt %d failed; to be tried again") % step.attempt
    why = ": ".join(filter(None, (step.error_code, step.text)))
    by = gettext("by %s") % step.by if step.by else ""
    tone = "bad" if step.kind in _BAD_STEPS else ""
    return Moment(at=step.at, title=title, details=tuple(filter(None, (why, by))), tone=tone)


def _accepted_at(entry: Entry, reported: Sequence[Happening]) -> datetime | None:
    """When SES accepted it: the outbox notes it a moment later, perhaps after the delivery."""
    if entry.done_at is None or entry.posted_at is None:
        return entry.done_at
    known = [one.at for one in reported if entry.posted_at <= one.at]
    return min([entry.done_at, *known])


def _worth_telling(entry: Entry, reported: Sequence[Happening]) -> Iterator[Happening]:
    """Without that SES accepted a message of which that is known."""
    is_known = entry.state == State.SENT and not entry.doubled_count
    for one in reported:
        if not (is_known and one.kind == EventType.SENT):
            yield one


def _without_repetitions(reported: Iterable[Happening], *, has_names: bool) -> Iterator[Moment]:
    """One moment for each happening, but not for each of many opens.

    What may have been any of several recipients is reported for all of them: it is one moment.

    :param reported: in the order of time.
    :param has_names: whether moments say whom they are about.
    """
    counts: dict[tuple[str, ...], list[Happening]] = {}
    anybody: set[tuple[object, ...]] = set()
    for one in reported:
        if one.kind not in FREQUENT:
            yield _told(one, has_names=has_names)
            continue
        happened = (one.message_id, one.kind, one.at, one.click_url)
        if one.uncertain and happened in anybody:
            continue
        if one.uncertain:
            anybody.add(happened)
        whose = "" if one.uncertain else one.address.casefold()
        same = counts.setdefault((one.message_id, whose, one.kind, one.click_url), [])
        same.append(one)
        if len(same) <= MAX_FREQUENT:
            yield _told(one, has_names=has_names)
    for same in counts.values():
        if len(same) > MAX_FREQUENT:
            yield _more(same, has_names=has_names)


def _more(same: Sequence[Happening], *, has_names: bool) -> Moment:
    last, count = same[-1], len(same) - MAX_FREQUENT
    title = (
        ngettext("%d more click until then", "%d more clicks until then", count)
        if last.kind == EventType.CLICKED
        else ngettext("%d more open until then", "%d more opens until then", count)
    )
    return Moment(
        at=last.at,
        title=title % count,
        details=tuple(filter(None, (last.click_url,))),
        address=last.address if has_names and not last.uncertain else "",
        tone="good",
        is_uncertain=last.uncertain,
    )


def _told(one: Happening, *, has_names: bool) -> Moment:
    is_frequent = one.kind in FREQUENT
    return Moment(
        at=one.at,
        title=_title(one),
        details=tuple(filter(None, _details(one))),
        address=one.address if has_names and not (is_frequent and one.uncertain) else "",
        tone="good" if one.kind in GOOD else "bad" if one.kind in BAD and _is_bad(one) else "",
        is_uncertain=one.uncertain,
    )


def _is_bad(one: Happening) -> bool:
    return not one.is_autoreply and one.complaint_type != "not-spam"


def _title(one: Happening) -> str:
    if one.kind == EventType.DELIVERED and one.processing_ms:
        return gettext("Delivered after %s") % spoken(one.processing_ms / 1_000)
    if one.kind == EventType.BOUNCED:
        return _bounced(one)
    if one.kind == EventType.COMPLAINED and one.complaint_type == "not-spam":
        return gettext("Taken out of the spam folder")
    if one.kind == EventType.DEFERRED:
        return gettext("Delayed; Amazon SES tries again")
    if one.kind == EventType.SENT:
        return gettext("Accepted by Amazon SES")
    return str(name_of(one.kind)).capitalize()


def _bounced(one: Happening) -> str:
    if one.is_suppressed:
        return gettext("Bounced: Amazon SES did not try, the address is on its suppression list")
    if one.is_autoreply:
        return gettext("An automatic reply came, perhaps of somebody out of office")
    return gettext("Bounced for good") if one.is_hard else gettext("Bounced, perhaps for now")


def _details(one: Happening) -> Iterator[str]:
    if one.kind in FREQUENT:
        yield one.click_url
        yield one.user_agent
    elif one.kind == EventType.DELIVERED:
        yield one.answer
    else:
        yield reason_of(one)
        if one.user_agent:
            yield gettext("reported by %s") % one.user_agent
