"""Run functions a little later, one after the other, on one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread


class Schedule:
    """Runs functions when they are due. A function that raises is logged (by ``asyncio``)."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="sandbox-schedule", daemon=True)
        self._thread.start()

    def add(self, delay: float, run: Callable[[], object]) -> None:
        """Run a function in ``delay`` seconds; never, if the schedule is closed before."""
        with suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(self._loop.call_later, delay, run)

    def close(self) -> None:
        """Wait for the function that is running, and run no other."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
