"""The bounce or complaint that put an address on the suppression list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from .models import Bounce, Complaint, Reason, Suppression

CAUSES: Mapping[str, type[Bounce | Complaint]] = {
    str(Reason.HARD_BOUNCE): Bounce,
    str(Reason.COMPLAINT): Complaint,
}
#: How many of the newest rows of an address are looked at.
MAX_ROWS = 20


def cause_of(entry: Suppression) -> Bounce | Complaint | None:
    """The bounce or complaint that an entry comes from: the one that its ``event_id`` names; of an
    entry without, such as one from Amazon's list, the newest of the address.

    :param entry: of any reason; none has caused what was added by hand.
    """
    model = CAUSES.get(entry.reason)
    if model is None:
        return None
    rows: QuerySet[Any] = model._default_manager.using(entry._state.db).filter(
        address_key=entry.address
    )
    if entry.event_id:
        named = rows.filter(sns_messageid=entry.event_id)
        found: list[Bounce | Complaint] = list(named.order_by("-pk").defer("event")[:1])
    else:
        newest = rows.order_by("-created_at", "-id").defer("event")[:MAX_ROWS]
        found = [row for row in newest if getattr(row, "hard", True)]
    return found[0] if found else None


def cause_text(cause: Bounce | Complaint) -> str:
    """What kind of bounce or complaint it is, and what the mail server said; perhaps empty."""
    if isinstance(cause, Bounce):
        kind = ", ".join(filter(None, (cause.bounce_type, cause.bounce_subtype)))
        return ": ".join(filter(None, (kind, cause.diagnostic_code or cause.status)))
    return cause.feedback_type or ""
