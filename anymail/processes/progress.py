"""What a command prints while it runs, and how often."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

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


class Progress(Protocol):
    """Prints how a command gets on."""

    #: Seconds between two calls of :meth:`show`.
    interval: float

    def begin(self) -> None:
        """Print what comes first."""

    def show(self) -> None:
        """Print how it is now."""

    def end(self) -> None:
        """Print what comes last."""


class NoProgress:
    """Prints nothing."""

    interval: float = JSON_INTERVAL

    def begin(self) -> None:
        """Nothing."""

    def show(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class JsonProgress:
    """One object per line: what happened since the line before.

    :param counts: gives the numbers so far, by name.
    :param out: where to.
    :param more: gives what else a line has.
    """

    interval: float = JSON_INTERVAL

    def __init__(
        self,
        counts: Callable[[], Mapping[str, int]],
        out: Output,
        more: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._counts, self._out, self._more = counts, out, more
        self._before: Mapping[str, int] = {}

    def begin(self) -> None:
        """Print nothing yet."""

    def show(self) -> None:
        """Print the next line."""
        now = self._counts()
        new = {name: count - self._before.get(name, 0) for name, count in now.items()}
        self._before = now
        self._out.write(json.dumps({**new, **self._more()}))
        self._out.flush()

    end = show


@contextmanager
def shown(progress: Progress) -> Iterator[None]:
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


def _repeat(show: Callable[[], None], interval: float, over: threading.Event) -> None:
    while not over.wait(interval):
        show()
