"""How full queues and their dead-letter queues are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..amazon_ses import sqs
from ..amazon_ses.sqs import Queue
from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError
from ..processes.wording import spoken

HEADER = ("queue", "waiting", "in flight", "delayed", "oldest", "dead letters")


@dataclass(frozen=True, kw_only=True)
class QueueStatus:
    """A queue, and what else is known about it.

    :param oldest: the age in seconds of its oldest message; None if CloudWatch does not tell.
    :param dead: its dead-letter queue; None if it has none, or if SQS does not let us see it.
    """

    queue: Queue
    oldest: float | None
    dead: Queue | None


def read_status(queue: Queue, settings: AmazonSESSettings) -> QueueStatus:
    """Ask SQS and CloudWatch about a queue. What they refuse is unknown."""
    try:
        oldest = sqs.oldest_age(queue, settings)
    except AnymailAPIError:
        oldest = None
    return QueueStatus(queue=queue, oldest=oldest, dead=_dead_letter_queue(queue, settings))


def as_dict(status: QueueStatus) -> dict[str, Any]:
    """A status for JSON; None for what is unknown."""
    queue, dead = status.queue, status.dead
    return {
        "queue": queue.name,
        "url": queue.url,
        "waiting": queue.depth,
        "in_flight": queue.in_flight,
        "delayed": queue.delayed,
        "oldest_seconds": status.oldest,
        "visibility_timeout": queue.visibility_timeout,
        "max_receive_count": queue.max_receives,
        "dead_letter_queue": queue.dead_letter_arn and queue.dead_letter_arn.rpartition(":")[2],
        "dead_letters": dead and dead.depth,
    }


def as_table(statuses: Iterable[QueueStatus]) -> list[str]:
    """Statuses for people: the lines of a table."""
    rows = [HEADER, *map(_row, statuses)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_cell, row, widths, range(len(row)))).rstrip() for row in rows]


def _dead_letter_queue(queue: Queue, settings: AmazonSESSettings) -> Queue | None:
    if queue.dead_letter_arn is None:
        return None
    try:
        return sqs.find_queue(queue.dead_letter_arn, settings)
    except AnymailAPIError:
        return None


def _row(status: QueueStatus) -> tuple[str, ...]:
    queue = status.queue
    oldest = "?" if status.oldest is None else spoken(status.oldest)
    counts = (f"{count:,}" for count in (queue.depth, queue.in_flight, queue.delayed))
    return (queue.name, *counts, oldest if queue.depth else "-", _dead_letters(status))


def _dead_letters(status: QueueStatus) -> str:
    if status.queue.dead_letter_arn is None:
        return "no dead-letter queue"
    name = status.queue.dead_letter_arn.rpartition(":")[2]
    return f"{'?' if status.dead is None else format(status.dead.depth, ',')} in {name}"


def _cell(text: str, width: int, column: int) -> str:
    """Names to the left, numbers to the right."""
    return text.ljust(width) if column in (0, len(HEADER) - 1) else text.rjust(width)
