"""How far a command is, and what it says about it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ..processes.progress import JSON_INTERVAL, REWRITE, TERMINAL_INTERVAL, Output
from ..processes.wording import counted, spoken


@dataclass(kw_only=True)
class Tally:
    """Counts of a command that goes through events.

    :param done: events that every receiver has taken, by type; in a rehearsal, those that would be
        given to them.
    :param failed: events that a receiver raised an exception for.
    :param skipped: what no event was given for, by the reason.
    :param position: the time of what it is at; None before the first.
    """

    done: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    position: datetime | None = None

    @property
    def total(self) -> int:
        """How many events were given to receivers."""
        return sum(self.done.values()) + self.failed


class LineProgress:
    """A line: rewritten in place on a terminal, a new one each minute elsewhere.

    :param line: gives it.
    :param out: where to.
    :param is_terminal: somebody watches.
    """

    def __init__(self, line: Callable[[], str], out: Output, *, is_terminal: bool) -> None:
        self.interval: float = TERMINAL_INTERVAL if is_terminal else JSON_INTERVAL
        self._line, self._out, self._is_terminal = line, out, is_terminal

    def begin(self) -> None:
        """Nothing is known yet."""

    def show(self) -> None:
        """Print the line."""
        start, ending = (REWRITE, "") if self._is_terminal else ("", None)
        self._out.write(start + self._line(), ending=ending)
        self._out.flush()

    def end(self) -> None:
        """Clear the line."""
        if self._is_terminal:
            self._out.write(REWRITE, ending="")


def describe(tally: Tally, started: float) -> str:
    """The line.

    :param started: by :func:`time.monotonic`.
    """
    parts = [
        counted(tally.total, "event"),
        spoken(time.monotonic() - started),
        *([f"at {iso(tally.position)}"] if tally.position else []),
        *([f"{tally.failed:,} failed"] if tally.failed else []),
    ]
    return " · ".join(parts)


def summary(tally: Tally, verb: str) -> list[str]:
    """The last lines.

    :param verb: what was done with the events, for example ``"replayed"``.
    """
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(tally.done.items()))
    lines = [f"{counted(sum(tally.done.values()), 'event')} {verb}{f': {kinds}' if kinds else ''}"]
    lines += [f"{count:,} {reason}" for reason, count in sorted(tally.skipped.items())]
    if tally.failed:
        lines.append(f"{counted(tally.failed, 'event')} failed: see the log")
    return lines


def iso(moment: datetime) -> str:
    """A time for ``--since``, with everything that a database has of it.

    :param moment: aware.
    """
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat() + "Z"
