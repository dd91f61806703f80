"""A batch as people see it: how far it is, and how long it still takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...processes.wording import spoken
from ..models import Batch, BatchState


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Numbers of recipients of a batch.

    :param total: how many there are; while they are still stored, up to now.
    :param done: of how many it is known what became.
    :param speed: how many were sent per second in the last minute; None if it does not run.
    """

    total: int
    done: int
    speed: float | None

    @property
    def part(self) -> float:
        """How much of it is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the others take at that speed; None if nobody knows."""
        return (self.total - self.done) / self.speed if self.speed else None

    @property
    def percent(self) -> str:
        """``"41 %"``, rounded down: ``"100 %"`` are all of them."""
        return f"{int(self.part * 100)} %"

    @property
    def pace(self) -> str:
        """``"198/s, 49 min left"``; empty if nothing is sent."""
        if not self.speed or self.seconds_left is None:
            return ""
        each = f"{self.speed:,.0f}/s" if self.speed >= 10 else f"{self.speed:.1f}/s"
        return f"{each}, {spoken(self.seconds_left)} left" if self.done < self.total else each


def figures(batch: Batch, speed: float | None = None) -> Figures:
    """The figures of a batch.

    :param speed: what :func:`.speeds.speeds` says.
    """
    runs = batch.state == BatchState.RUNNING
    done = batch.recipients_count - batch.waiting
    return Figures(total=batch.recipients_count, done=done, speed=speed if runs else None)


def as_json(batch: Batch, found: Figures) -> dict[str, Any]:
    """What ``anymail_batches --json`` says about a batch."""
    left = found.seconds_left
    return {
        "name": batch.name,
        "state": batch.state,
        "reason": batch.reason,
        "by": batch.by,
        "mailer": batch.mailer,
        "created_at": batch.created_at.isoformat(),
        "is_stored": batch.stored_at is not None,
        "recipients": batch.recipients_count,
        "waiting": batch.waiting,
        "sent": batch.sent,
        "failed": batch.failed,
        "in_doubt": batch.in_doubt,
        "expired": batch.expired,
        "cancelled": batch.cancelled,
        "invalid": batch.invalid,
        "repeated": batch.repeated,
        "bounced": batch.bounced,
        "complained": batch.complained,
        "per_second": None if found.speed is None else round(found.speed, 2),
        "seconds_left": None if left is None else round(left),
    }
