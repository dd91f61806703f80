"""What the command prints while it runs: a line that changes on a terminal, or lines of JSON."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Protocol

from .consumer import Consumer
from .tally import Counts

#: Seconds between two lines of JSON, and between two updates of the line on a terminal.
JSON_INTERVAL = 60.0
TERMINAL_INTERVAL = 0.5
#: To the beginning of the line, and clear it (ECMA-48, "CR", "EL").
REWRITE = "\r\x1b[K"


class Output(Protocol):
    """Django's wrapper of ``sys.stdout``."""

    def write(self, msg: str = "", style_func: Any = None, ending: str | None = None) -> None:
        """Write a line, or text with another end."""

    def flush(self) -> None:
        """Show what was written."""


class JsonProgress:
    """One object per line: what happened since the line before."""

    interval: float = JSON_INTERVAL

    def __init__(self, consumer: Consumer, out: Output) -> None:
        self._consumer, self._out = consumer, out
        self._before = Counts()

    def begin(self) -> None:
        """Print nothing yet."""

    def show(self) -> None:
        """Print the next line."""
        now = self._consumer.tally.counts()
        line = {
            "queues": [queue.name for queue in self._consumer.queues],
            **asdict(now - self._before),
            "lag": round(self._consumer.tally.take_lag(), 3),
            "in_hand": self._consumer.in_hand,
        }
        self._before = now
        self._out.write(json.dumps(line))
        self._out.flush()

    end = show


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


class NoProgress:
    """Prints nothing."""

    interval: float = JSON_INTERVAL

    def begin(self) -> None:
        """Nothing."""

    def show(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


@contextmanager
def shown(progress: JsonProgress | TerminalProgress | NoProgress) -> Iterator[None]:
    """Show progress from another thread while the block runs."""
    over = threading.Event()
    thread = threading.Thread(
        target=_repeat, args=(progress.show, progress.interval, over), daemon=True
    )
    progress.begin()
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        progress.end()


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


def counted(number: int, noun: str) -> str:
    """``"1 message"``, ``"2,000 messages"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def spoken(seconds: float) -> str:
    """A duration for people: ``"0.4 s"``, ``"45 s"``, ``"3 min"``, ``"2 h"``, ``"5 days"``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _repeat(show: Callable[[], None], interval: float, over: threading.Event) -> None:
    while not over.wait(interval):
        show()
