"""Calls with a time limit, for libraries that may never return."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Any, TypeVar
from weakref import finalize

T = TypeVar("T")
Jobs = SimpleQueue[Any]  # pairs of a function and its future; None ends the thread

#: With so many threads that hang, nothing new is tried.
MAX_HANGING = 3


class TimeoutExecutor:
    """Runs functions one after the other in a thread of its own, with a time limit.

    A thread cannot be ended: one that hangs is left behind.

    The thread stays the same, and with it what belongs to it: Django's connections to caches.

    :param limit: seconds to wait for a result.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._jobs: Jobs | None = None
        self._thread: threading.Thread | None = None
        self._hanging: list[threading.Thread] = []

    def run(self, function: Callable[[], T]) -> T:
        """Run a function, and return its result or raise its exception.

        :raises TimeoutError: it takes longer than the limit, or earlier ones still do.
        """
        outcome: Future[T] = Future()
        jobs = self._running()
        jobs.put((function, outcome))
        wait([outcome], self.limit)
        if not outcome.done():
            outcome.cancel()
            self._leave(jobs)
            raise TimeoutError
        return outcome.result()

    def _running(self) -> Jobs:
        with self._lock:
            if self._jobs is None:
                self._hanging = [thread for thread in self._hanging if thread.is_alive()]
                if len(self._hanging) >= MAX_HANGING:
                    raise TimeoutError
                self._jobs = SimpleQueue()
                self._thread = threading.Thread(
                    target=_work, args=(self._jobs,), name="anymail-time-limit", daemon=True
                )
                self._thread.start()
                finalize(self, self._jobs.put, None)
            return self._jobs

    def _leave(self, jobs: Jobs) -> None:
        """Let a thread that hangs end by itself; the next call gets another one."""
        with self._lock:
            if self._jobs is jobs and self._thread is not None:
                self._jobs = None
                self._hanging.append(self._thread)
                jobs.put(None)


def _work(jobs: Jobs) -> None:
    while (job := jobs.get()) is not None:
        function, outcome = job
        if outcome.set_running_or_notify_cancel():
            try:
                outcome.set_result(function())
            except Exception as err:
                outcome.set_exception(err)
