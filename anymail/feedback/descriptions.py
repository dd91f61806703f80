"""What the two suppression lists say about an address, for people to read. Pure, but for causes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from datetime import timezone as time_zones

from django.utils import timezone

from ..amazon_ses.suppression_list import SuppressedDestination
from .causes import cause_of, cause_text
from .models import Bounce, Suppression
from .suppression import no_effect


def moment(at: datetime) -> str:
    """A time in UTC, to the minute: ``"2026-11-30 12:00 UTC"``.

    :param at: aware, or as ``timezone.now()`` gives it without ``USE_TZ``.
    """
    aware = at if timezone.is_aware(at) else timezone.make_aware(at)
    return f"{aware.astimezone(time_zones.utc):%Y-%m-%d %H:%M} UTC"


def here_lines(
    address: str, entries: Sequence[Suppression], in_force: Collection[str]
) -> Iterator[str]:
    """What is on the list here about an address, and the bounce or complaint behind it.

    :param entries: all of the address.
    :param in_force: from :func:`.suppression.reasons_in_force`.
    """
    if not entries:
        yield f"{address} is not on the list here."
    for entry in entries:
        ends = f"until {moment(entry.expires_at)}" if entry.expires_at else "for good"
        yield f"here: {entry.reason} since {moment(entry.created_at)}, {ends}"
        if why_not := no_effect(entry, in_force, timezone.now()):
            yield f"  without effect: {why_not}"
        if entry.note:
            yield f"  note: {entry.note}"
        if (cause := cause_of(entry)) is not None:
            kind = "bounce" if isinstance(cause, Bounce) else "complaint"
            about = f"{kind} {moment(cause.created_at)}, message {cause.mail_id}"
            yield ": ".join(filter(None, (f"  {about}", cause_text(cause))))


def amazon_lines(found: SuppressedDestination | None, region: str) -> Iterator[str]:
    """What Amazon says about an address.

    :param found: None if it is not on Amazon's list.
    """
    if found is None:
        yield f"It is not on Amazon's list in {region}."
        return
    since = f" since {moment(found.updated_at)}" if found.updated_at else ""
    yield f"at Amazon ({region}): {found.reason}{since}, as {found.address}"
    ids = (("message", found.message_id), ("feedback", found.feedback_id))
    if text := ", ".join(f"{name} {one}" for name, one in ids if one):
        yield f"  {text}"
