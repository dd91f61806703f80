"""Threads for calls. A process that has to end does not wait for them, as it would for those of
:class:`concurrent.futures.ThreadPoolExecutor`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from django.db import close_old_connections, connections


class Threads:
    """Daemon threads that run functions, each started when it is needed for the first time.

    :param limit: how many there are at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._started = self._unfinished = 0
        self._lock = threading.Lock()

    def submit(self, function: Callable[[], Any]) -> Future[Any]:
        """Run a function in a thread."""
        result: Future[Any] = Future()
        with self._lock:
            self._unfinished += 1
            starts = self._unfinished > self._started < self._limit
            self._started += starts
        self._jobs.put((result, function))
        if starts:
            threading.Thread(target=self._work, name="anymail-outbox", daemon=True).start()
        return result

    def close(self) -> None:
        """Let the threads end, each after what it is running."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            result, function = job
            try:
                value = _call(function)
            except BaseException as err:
                self._finished()
                result.set_exception(err)
            else:
                self._finished()
                result.set_result(value)
        connections.close_all()

    def _finished(self) -> None:
        with self._lock:
            self._unfinished -= 1


def _call(function: Callable[[], Any]) -> Any:
    """Run a function, and close database connections as after a request: a cache or a log handler
    may have opened some."""
    try:
        return function()
    finally:
        close_old_connections()
