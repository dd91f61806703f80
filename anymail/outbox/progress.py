"""What ``anymail_deliver`` prints while it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

from ..processes.progress import REWRITE, TERMINAL_INTERVAL, Output
from ..processes.wording import counted, spoken
from .counts import Counts
from .worker import Worker


class TerminalProgress:
    """A line for people, rewritten in place."""

    interval: float = TERMINAL_INTERVAL

    def __init__(self, worker: Worker, out: Output) -> None:
        self._worker, self._out = worker, out
        self._started = time.monotonic()
        self._before = (self._started, 0)

    def begin(self) -> None:
        """Say how to stop."""
        self._out.write("Delivering. Press Ctrl-C to stop once SES has answered, twice to stop now")

    def show(self) -> None:
        """Write the line again."""
        now, counts = time.monotonic(), self._worker.counts
        before, sent = self._before
        self._before = (now, counts.sent)
        rate = (counts.sent - sent) / max(now - before, 0.001)
        line = describe(counts, rate, self._worker.paused)
        self._out.write(REWRITE + line, ending="")
        self._out.flush()

    def end(self) -> None:
        """Write the sum."""
        counts, passed = self._worker.counts, time.monotonic() - self._started
        sent = counted(counts.sent, "message")
        others = _others(counts) + _paused(self._worker.paused)
        line = f"Sent {sent} in {spoken(passed)}{others}."
        self._out.write(REWRITE + line)


def describe(counts: Counts, rate: float, paused: Sequence[str] = ()) -> str:
    """The line for a terminal.

    :param rate: messages sent per second.
    :param paused: the mailers that send nothing at the moment.
    """
    return f"{counts.sent:,} sent · {rate:,.0f}/s{_others(counts)}{_paused(paused)}"


def _paused(mailers: Sequence[str]) -> str:
    return f" · paused: {', '.join(mailers)}" if mailers else ""


def _others(counts: Counts) -> str:
    numbers = asdict(counts)
    del numbers["claimed"], numbers["sent"]
    parts = [f"{number:,} {name.replace('_', ' ')}" for name, number in numbers.items() if number]
    return "".join(f" · {part}" for part in parts)
