"""What waits in paused lanes is not read by every claim: it may be a million messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from .models import Entry

#: Seconds. What became due so lately is always read: it may have been committed after that time.
MARGIN = 60.0
#: Seconds after which everything is read again, for what has been put in front; after more if it
#: takes long, so that it takes a twentieth of the time at most.
INTERVAL, PART = 2.0, 20


class PausedLanes:
    """Up to when all that waits outside of batches is in paused lanes, as one worker has seen."""

    def __init__(self) -> None:
        self._lanes: frozenset[str] = frozenset()
        self._passed: dict[int, datetime] = {}
        self._valid_until: dict[int, float] = {}

    def take_others(
        self,
        rows: QuerySet[Entry],
        priority: int,
        lanes: Collection[str],
        take: Callable[[QuerySet[Entry]], list[Entry]],
    ) -> list[Entry]:
        """Take messages in other lanes, without reading again what is known to be in those.

        :param rows: messages that are due.
        :param priority: of all of them.
        :param lanes: that are paused.
        :param take: takes the first ones.
        """
        if self._lanes != frozenset(lanes):
            self._lanes = frozenset(lanes)
            self._passed.clear()
        began, latest = time.monotonic(), timezone.now() - timedelta(seconds=MARGIN)
        if began > self._valid_until.get(priority, 0.0):
            self._passed.pop(priority, None)
        passed = self._passed.get(priority)
        rows = rows.exclude(lane__in=lanes)
        found = take(rows if passed is None else rows.filter(not_before__gte=passed))
        if passed is None:
            now = time.monotonic()
            self._valid_until[priority] = now + max(INTERVAL, PART * (now - began))
        self._passed[priority] = min(latest, found[0].not_before) if found else latest
        return found
