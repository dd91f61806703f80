"""Overlaps the waiting for SES: calls run in worker threads, everything else in the caller's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..amazon_ses.calls import ApiCall

Response = Mapping[str, Any]
Outcome = Future[Response]


class Window:
    """Runs calls, up to ``limit`` at once.

    :param run: posts one call and returns the response. Nothing else ever runs in a worker thread.
    """

    def __init__(self, run: Callable[[ApiCall], Response], limit: int) -> None:
        self.limit = limit
        self._run = run
        self._running: set[Outcome] = set()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True)

    def submit(self, call: ApiCall, *, alone: bool) -> Outcome:
        """Start a call; wait first while too many are running.

        :param alone: there is nothing to overlap it with: it runs here and now.
        """
        if alone or self.limit == 1:
            return _run_here(self._run, call)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.limit, "anymail")
        while len(self._running) >= self.limit:
            _, self._running = wait(self._running, return_when=FIRST_COMPLETED)
        outcome = self._pool.submit(self._run, call)
        self._running.add(outcome)
        return outcome


@dataclass
class Sending:
    """A message on its way.

    :param outcomes: of its calls, in order; fewer than calls if one failed before all were started.
    :param error: why it could not be started.
    """

    message: Any
    calls: Sequence[ApiCall] = ()
    outcomes: list[Outcome] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def has_failed(self) -> bool:
        """Whether it is known to have failed."""
        return bool(self.error) or any(o.done() and o.exception() for o in self.outcomes)

    @property
    def is_done(self) -> bool:
        """Whether finishing it would not wait."""
        return all(outcome.done() for outcome in self.outcomes)


class BatchBackend(Protocol):
    """What a batch asks of a backend."""

    fail_silently: bool

    def start(self, message: Any) -> Sequence[ApiCall]:
        """Signals and calls of a message; no calls if it is not to be sent."""
        ...

    def finish(self, sending: Sending) -> bool:
        """Statuses and signals of a message whose calls have ended; whether it was sent.

        :raises BaseException: its error.
        """
        ...

    def cancel(self) -> None:
        """End waiting calls soon."""
        ...


class Batch:
    """Sends messages in order, with their calls overlapping.

    After the first failure nothing new is started; what is on its way ends, and gets its statuses
    and signals.
    """

    def __init__(self, backend: BatchBackend, window: Window) -> None:
        self.backend = backend
        self.window = window
        self.pending: deque[Sending] = deque()
        self.sent = 0
        self.error: BaseException | None = None

    def send(self, messages: Iterable[Any]) -> int:
        """Send messages, and return how many were sent.

        :raises BaseException: the first error, in the order of messages.
        """
        with self._first_error_kept():
            for message, is_last in _with_last(messages):
                self._start(message, alone=is_last and not self.pending)
                while self.pending and (self.pending[0].is_done or self._is_full):
                    self._finish_oldest()
                if self._is_over:
                    break
        while self.pending:
            self._finish_oldest()
        if self.error:
            raise self.error
        return self.sent

    @property
    def _is_full(self) -> bool:
        """Whether so many wait behind a slow one that memory would not stay constant."""
        return len(self.pending) >= 4 * self.window.limit

    @property
    def _is_over(self) -> bool:
        """Whether nothing new is to be started."""
        if self.backend.fail_silently:
            return self.error is not None
        return self.error is not None or any(sending.has_failed for sending in self.pending)

    def _start(self, message: Any, *, alone: bool) -> None:
        sending = Sending(message)
        self.pending.append(sending)
        try:
            sending.calls = self.backend.start(message)
            for call in sending.calls:
                outcome = self.window.submit(call, alone=alone and len(sending.calls) == 1)
                sending.outcomes.append(outcome)
                if sending.has_failed:
                    break
        except BaseException as err:
            sending.error = err
            if not isinstance(err, Exception):
                self.backend.cancel()

    def _finish_oldest(self) -> None:
        sending = self.pending.popleft()
        while not sending.is_done:
            with self._first_error_kept():
                wait(sending.outcomes)
        with self._first_error_kept():
            self.sent += self.backend.finish(sending)

    @contextmanager
    def _first_error_kept(self) -> Iterator[None]:
        """Keep an error for the end, so that everything on its way is finished first."""
        try:
            yield
        except BaseException as err:
            if not isinstance(err, Exception):
                self.backend.cancel()
            interrupts = not isinstance(err, Exception) and isinstance(self.error, Exception)
            if self.error is None or interrupts:
                self.error = err


def _run_here(run: Callable[[ApiCall], Response], call: ApiCall) -> Outcome:
    outcome: Outcome = Future()
    try:
        outcome.set_result(run(call))
    except Exception as err:
        outcome.set_exception(err)
    return outcome


def _with_last(messages: Iterable[Any]) -> Iterator[tuple[Any, bool]]:
    """Each message with whether it is the last."""
    iterator = iter(messages)
    for message in iterator:
        current = message
        for following in iterator:
            yield current, False
            current = following
        yield current, True
