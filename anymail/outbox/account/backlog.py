"""What waits in the outbox, and how old the newest event is: short queries, whatever the size of
the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import router
from django.utils import timezone

from ...admin_lists.changelist import MAX_COUNT, capped_count
from ..ledger import batches, entries, events
from ..models import BatchState, State

#: How many messages are looked at for the oldest one that is due.
MAX_LOOKED_AT = 200
#: Models of ``anymail.feedback`` that hold events.
FEEDBACK = ("Delivery", "Bounce", "Complaint", "MailEvent")


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """What waits.

    :param oldest: since when the oldest message waits that may be sent; None if there is none, or
        too many others are older.
    :param in_doubt: how many are in doubt, at most :data:`MAX_COUNT` and one.
    :param running: how many batches are being sent, likewise.
    """

    oldest: datetime | None
    in_doubt: int
    running: int


def backlog() -> Backlog:
    """What waits now."""
    doubts = entries().filter(state=State.IN_DOUBT)
    running = batches().filter(state=BatchState.RUNNING)
    return Backlog(
        oldest=_oldest_due(timezone.now()),
        in_doubt=capped_count(doubts, MAX_COUNT + 1),
        running=capped_count(running, MAX_COUNT + 1),
    )


def newest_event() -> datetime | None:
    """When the last event of SES came; None if there is none."""
    return max((moment for moment in _newest() if moment is not None), default=None)


def _newest() -> Iterator[datetime | None]:
    tables = [events()]
    if apps.is_installed("anymail.feedback"):
        models: list[Any] = [apps.get_model("anymail_feedback", name) for name in FEEDBACK]
        tables += [one._default_manager.using(router.db_for_write(one)) for one in models]
    for rows in tables:
        yield rows.order_by("-created_at", "-id").values_list("created_at", flat=True).first()


def _oldest_due(now: datetime) -> datetime | None:
    rows = entries().filter(state=State.WAITING).order_by("created_at", "id")
    looked_at = rows.values_list("created_at", "not_before")[:MAX_LOOKED_AT]
    return next((created for created, not_before in looked_at if not_before <= now), None)
