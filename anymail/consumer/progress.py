"""What the command prints while it runs: a line that changes on a terminal, or lines of JSON."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from ..processes.progress import REWRITE, TERMINAL_INTERVAL, JsonProgress, Output
from ..processes.wording import counted, spoken
from .consumer import Consumer
from .tally import Counts


def json_progress(consumer: Consumer, out: Output) -> JsonProgress:
    """One object per line: what happened since the line before."""

    def more() -> dict[str, Any]:
        return {
            "queues": [queue.name for queue in consumer.queues],
            "lag": round(consumer.tally.take_lag(), 3),
            "in_hand": consumer.in_hand,
        }

    return JsonProgress(lambda: asdict(consumer.tally.counts()), out, more)


class TerminalProgress:
    """A line for people, rewritten in place."""

    interval: float = TERMINAL_INTERVAL

    def __init__(self, consumer: Consumer, out: Output) -> None:
        self._consumer, self._out = consumer, out
        self._started = time.monotonic()
        self._before = (self._started, 0)
        self._lag = 0.0

    def begin(self) -> None:
        """Say what will be consumed, and how to stop."""
        for queue in self._consumer.queues:
            self._out.write(f"Consuming {queue.name}: {counted(queue.depth, 'message')} waiting.")
        self._out.write("Press Ctrl-C to stop once running receivers return, twice to stop now.")

    def show(self) -> None:
        """Write the line again."""
        now, counts = time.monotonic(), self._consumer.tally.counts()
        before, handled = self._before
        self._before = (now, counts.handled)
        rate = (counts.handled - handled) / max(now - before, 0.001)
        self._lag = self._consumer.tally.take_lag() or (self._lag if rate else 0.0)
        line = describe(counts, rate, self._lag, self._consumer.in_hand)
        self._out.write(REWRITE + line, ending="")
        self._out.flush()

    def end(self) -> None:
        """Write the sum."""
        counts = self._consumer.tally.counts()
        self._out.write(REWRITE + summary(counts, time.monotonic() - self._started))


def describe(counts: Counts, rate: float, lag: float, in_hand: int) -> str:
    """The line for a terminal.

    :param rate: messages handled per second.
    :param lag: seconds.
    """
    parts = [
        f"{counts.handled:,} handled",
        f"{rate:,.0f}/s",
        f"{in_hand:,} in hand",
        *([f"lag {spoken(lag)}"] if lag else []),
        *([f"{counts.failed:,} failed"] if counts.failed else []),
        *([f"{counts.poison:,} not about SES"] if counts.poison else []),
    ]
    return " · ".join(parts)


def summary(counts: Counts, seconds: float) -> str:
    """The last line on a terminal."""
    handled, events = counted(counts.handled, "message"), counted(counts.events, "event")
    line = f"Handled {handled} ({events}) in {spoken(seconds)}."
    if counts.failed or counts.poison:
        line += f" Failures: {counts.failed:,}; not about SES: {counts.poison:,}."
    if counts.returned:
        line += f" Given back to the queue: {counts.returned:,}."
    return line
