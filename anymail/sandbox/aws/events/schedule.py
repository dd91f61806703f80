"""Things to do a little later, on one thread, in the order of their time."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, Thread

logger: logging.Logger = logging.getLogger(__name__)


@dataclass(order=True)
class _Task:
    due: float
    number: int
    run: Callable[[], None] = field(compare=False)


class Schedule:
    """Runs what it is given. Its thread starts with the first task."""

    def __init__(self) -> None:
        self._tasks: list[_Task] = []
        self._changed = Condition()
        self._closed = False
        self._thread: Thread | None = None
        self._count = 0

    def add(self, delay: float, run: Callable[[], None]) -> None:
        """Run something in so many seconds; never if it is closed before."""
        with self._changed:
            if self._closed:
                return
            self._count += 1
            heapq.heappush(self._tasks, _Task(time.monotonic() + delay, self._count, run))
            if self._thread is None:
                self._thread = Thread(target=self._work, name="sandbox-schedule", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Run nothing any more; what runs at the moment comes to its end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            try:
                task.run()
            except Exception as err:
                logger.exception(
                    "A task of the sandbox failed",
                    extra={"anymail_error_code": type(err).__name__},
                )

    def _next(self) -> _Task | None:
        """Wait for the next task; None when closed."""
        with self._changed:
            while not self._closed:
                wait = self._tasks[0].due - time.monotonic() if self._tasks else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._tasks)
                self._changed.wait(wait)
        return None
