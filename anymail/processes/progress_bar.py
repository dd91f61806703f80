"""A bar that grows while a command goes through rows."""

from __future__ import annotations

import time

from .progress import REWRITE, Output

WIDTH = 30
#: Seconds between two drawings.
INTERVAL = 0.1


class ProgressBar:
    """How far a command is.

    :param out: a terminal.
    :param name: of the rows.
    :param total: how many there are.
    :param is_shown: False draws nothing, because nobody looks.
    """

    def __init__(self, out: Output, name: str, total: int, *, is_shown: bool) -> None:
        self._out, self._name, self._total, self._is_shown = out, name, total, is_shown
        self._drawn_at = -INTERVAL

    def show(self, done: int, note: str = "") -> None:
        """Draw it, at most ten times a second.

        :param done: how many rows are done.
        :param note: what to write behind it.
        """
        now = time.monotonic()
        if not self._is_shown or (done < self._total and now - self._drawn_at < INTERVAL):
            return
        self._drawn_at = now
        part = min(done / self._total, 1) if self._total else 1
        bar = "#" * int(part * WIDTH)
        line = f"{self._name}: [{bar:<{WIDTH}}] {part:4.0%} {done}/{self._total}{note}"
        self._out.write(REWRITE + line, ending="")
        self._out.flush()

    def end(self) -> None:
        """Begin a new line."""
        if self._is_shown:
            self._out.write("")
