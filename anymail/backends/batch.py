"""Overlaps the waiting for SES: calls run in worker threads, everything else in the caller's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..amazon_ses.calls import ApiCall
from ..exceptions import AnymailAPIError, AnymailError

Response = Mapping[str, Any]
Outcome = Future[Response]


#: Seconds. A call that takes less is mostly computing, which threads of Python cannot overlap.
QUICK = 0.008


class Window:
    """Runs calls, up to ``limit`` at once.

    The first runs here and now, and so do the others while answers come quickly: one message needs
    no thread, and neither does a server next door.

    :param run: posts one call and returns the response. Nothing else ever runs in a worker thread.
    :param limit: calls at once, 1 or more.
    """

    def __init__(self, run: Callable[[ApiCall], Response], limit: int) -> None:
        self.limit = limit
        self._run = run
        self._is_quick = True
        self._running: set[Outcome] = set()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True)

    def submit(self, call: ApiCall, outcomes: list[Outcome]) -> None:
        """Start a call; wait first while too many are running.

        :param outcomes: what its outcome is added to.
        """
        if self._is_quick or self.limit == 1:
            outcomes.append(Future())
            started = time.perf_counter()
            _run_here(self._run, call, outcomes[-1])
            self._is_quick = time.perf_counter() - started < QUICK
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.limit, "anymail")
        while len(self._running) >= self.limit:
            _, self._running = wait(self._running, return_when=FIRST_COMPLETED)
        outcome = self._pool.submit(self._run, call)
        self._running.add(outcome)
        outcomes.append(outcome)


@dataclass
class Sending:
    """A message on its way.

    :param message: the Django message.
    :param calls: none until it was built, or if it is not to be sent.
    :param outcomes: of its calls, in order; fewer than calls if one failed before all were started.
    :param error: why it could not be started.
    :param may_have_arrived: whether a recipient was accepted, or may have been.
    """

    message: Any
    calls: Sequence[ApiCall] = ()
    outcomes: list[Outcome] = field(default_factory=list)
    error: BaseException | None = None
    may_have_arrived: bool = False

    @property
    def errors(self) -> list[BaseException]:
        """What is known by now to have failed."""
        ended = [outcome.exception() for outcome in self.outcomes if outcome.done()]
        return [error for error in (self.error, *ended) if error is not None]

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


class Batch:
    """Sends messages in order, with their calls overlapping.

    After the first failure nothing new is started; what is on its way ends, and gets its statuses
    and signals.

    :param backend: builds calls, and finishes messages.
    :param window: runs the calls.
    """

    def __init__(self, backend: BatchBackend, window: Window) -> None:
        self.backend = backend
        self.window = window
        self.pending: deque[Sending] = deque()
        self.sent: int = 0
        self.error: BaseException | None = None

    def send(self, messages: Iterable[Any]) -> int:
        """Send messages, and return how many were sent.

        :param messages: Django messages; they are consumed as they go.
        :raises BaseException: the first error, in the order of messages.
        """
        with self._first_error_kept():
            for message in messages:
                self._start(message)
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
        errors = (error for sending in self.pending for error in sending.errors)
        return self.error is not None or any(not self._is_silent(error) for error in errors)

    def _is_silent(self, error: BaseException) -> bool:
        return self.backend.fail_silently and isinstance(error, AnymailError)

    def _start(self, message: Any) -> None:
        sending = Sending(message)
        self.pending.append(sending)
        try:
            sending.calls = self.backend.start(message)
            for call in sending.calls:
                self.window.submit(call, sending.outcomes)
                if sending.errors:
                    break
        except BaseException as err:
            sending.error = err
            self._cancel_if_interrupted(err)

    def _finish_oldest(self) -> None:
        sending = self.pending[0]
        while not sending.is_done:
            with self._first_error_kept():
                wait(sending.outcomes)
        self.pending.popleft()
        with self._first_error_kept():
            self.sent += self.backend.finish(sending)

    @contextmanager
    def _first_error_kept(self) -> Iterator[None]:
        """Keep an error for the end, so that everything on its way is finished first."""
        try:
            yield
        except BaseException as err:
            self._cancel_if_interrupted(err)
            interrupts = not isinstance(err, Exception) and isinstance(self.error, Exception)
            if self.error is None or interrupts:
                self.error = err

    def _cancel_if_interrupted(self, error: BaseException) -> None:
        """Have calls that wait, for their turn or to be repeated, give up."""
        if not isinstance(error, Exception):
            for sending in self.pending:
                for call in sending.calls:
                    call.cancelled.set()


def _run_here(run: Callable[[ApiCall], Response], call: ApiCall, outcome: Outcome) -> None:
    try:
        outcome.set_result(run(call))
    except Exception as err:
        outcome.set_exception(err)
    except BaseException:  # SES may have got it
        outcome.set_exception(AnymailAPIError("Sending was interrupted.", is_transient=True))
        raise
