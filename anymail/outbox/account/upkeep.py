"""Counts the days that are over while nobody looks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from .counting import MAX_DAYS, Cell, count_for_good, count_missing, missing
from .days import last_days

#: Between two looks whether another day is over.
INTERVAL = timedelta(minutes=10)


class Upkeep:
    """A worker's part: one kind of one day at a time, so that it goes on sending."""

    def __init__(self) -> None:
        self._missing: list[Cell] = []
        self._looks_at: datetime | None = None

    def step(self) -> None:
        """Count something, if anything is missing."""
        now = timezone.now()
        if self._missing:
            count_for_good(*self._missing.pop(0))
        elif self._looks_at is None or now >= self._looks_at:
            self._missing = missing(last_days(now, MAX_DAYS), now)
            self._looks_at = now + INTERVAL


def on_pruning(**_kwargs: Any) -> None:
    """Count everything that may be about to be deleted."""
    count_missing()
