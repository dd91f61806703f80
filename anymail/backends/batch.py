"""Sends several messages at once: calls run in worker threads, all else in the caller's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..calls import ApiCall
from ..exceptions import AnymailAPIError, AnymailError
from ..exceptions.tracebacks import signal_handler_error
from ..outgoing import OutgoingMessage
from .statuses import INTERRUPTED

Response = Mapping[str, Any]
CallResult = Future[Response]


#: Seconds. A call that takes less is mostly computing, which Python threads cannot overlap.
QUICK = 0.008


class CallPool:
    """Runs calls, up to ``limit`` at once.

    The first runs in the caller's thread, and so do the others as long as responses come quickly:
    one message needs no worker thread, and neither does a server nearby.

    :param run: posts one call and returns the response. Nothing else ever runs in a worker thread.
    :param limit: calls at once, 1 or more.
    """

    def __init__(self, run: Callable[[ApiCall], Response], limit: int) -> None:
        self.limit = limit
        self._run = run
        self._is_quick = True
        self._running: set[Future[None]] = set()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> CallPool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True)

    def submit(self, call: ApiCall, results: list[CallResult]) -> None:
        """Start a call; wait first while too many are running.

        :param results: its result is added here.
        """
        result: CallResult = Future()
        runs_here = self._is_quick or self.limit == 1
        if not runs_here:
            self._make_room()
        try:
            results.append(result)
            if runs_here:
                started = time.perf_counter()
                _run_into(result, self._run, call)
                self._is_quick = time.perf_counter() - started < QUICK
            else:
                self._run_in_worker(result, call)
        except BaseException:  # a signal handler may raise between any two instructions
            _set_error(result, interrupted())
            raise

    def _make_room(self) -> None:
        while len(self._running) >= self.limit:
            _, self._running = wait(self._running, return_when=FIRST_COMPLETED)

    def _run_in_worker(self, result: CallResult, call: ApiCall) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.limit, "anymail")
        context = copy_context()  # traces and logs go by the caller's context variables
        running = self._pool.submit(context.run, _run_into, result, self._run, call)
        self._running.add(running)


@dataclass(frozen=True, kw_only=True)
class Started:
    """A message whose first signals were sent, and whose calls are built.

    :param outgoing: what was read, with all its recipients; None if nothing had to be.
    :param calls: none if it is not to be sent.
    """

    outgoing: OutgoingMessage | None = None
    calls: Sequence[ApiCall] = ()


@dataclass
class MessageInFlight:
    """A message that is being sent.

    :param message: the Django message.
    :param calls: none until it was built, or if it is not to be sent.
    :param results: of its calls, in order; fewer than calls if one failed before all were started.
    :param error: why it could not be started.
    :param may_have_arrived: whether a recipient was accepted, or may have been.
    :param outgoing: what was read; None before that, and if a worker of the outbox sends it.
    """

    message: Any
    calls: Sequence[ApiCall] = ()
    results: list[CallResult] = field(default_factory=list)
    error: BaseException | None = None
    may_have_arrived: bool = False
    outgoing: OutgoingMessage | None = None

    @property
    def errors(self) -> list[BaseException]:
        """The errors that are known by now."""
        ended = [result.exception() for result in self.results if result.done()]
        return [error for error in (self.error, *ended) if error is not None]

    @property
    def is_done(self) -> bool:
        """Whether finishing it would not wait."""
        return all(result.done() for result in self.results)


class QueueBackend(Protocol):
    """The methods of a backend that a queue calls."""

    fail_silently: bool

    def start(self, message: Any) -> Started:
        """Send signals and build calls; no calls if the message is not to be sent."""
        ...

    def finish(self, in_flight: MessageInFlight) -> bool:
        """Record statuses and send signals of a message whose calls have ended.

        :return: whether it was sent.
        :raises BaseException: its error.
        """
        ...


class MessageQueue:
    """Sends messages in order, with their calls overlapping.

    After the first failure nothing new is started; messages in flight are finished, with their
    statuses and signals.

    :param backend: builds calls, and finishes messages.
    :param pool: runs the calls.
    """

    def __init__(self, backend: QueueBackend, pool: CallPool) -> None:
        self.backend = backend
        self.pool = pool
        self.pending: deque[MessageInFlight] = deque()
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
            with self._first_error_kept():
                self._finish_oldest()
        if self.error:
            raise self.error
        return self.sent

    @property
    def _is_full(self) -> bool:
        """Whether too many messages wait behind a slow one: memory use must stay bounded."""
        return len(self.pending) >= 4 * self.pool.limit

    @property
    def _is_over(self) -> bool:
        """Whether nothing new is to be started."""
        errors = (error for in_flight in self.pending for error in in_flight.errors)
        return self.error is not None or any(not self._is_silent(error) for error in errors)

    def _is_silent(self, error: BaseException) -> bool:
        return self.backend.fail_silently and isinstance(error, AnymailError)

    def _start(self, message: Any) -> None:
        in_flight = MessageInFlight(message)
        self.pending.append(in_flight)
        try:
            started = self.backend.start(message)
            in_flight.outgoing, in_flight.calls = started.outgoing, started.calls
            for call in in_flight.calls:
                self.pool.submit(call, in_flight.results)
                if in_flight.errors:
                    break
        except BaseException as err:
            in_flight.error = err
            self._cancel_if_interrupted(err)

    def _finish_oldest(self) -> None:
        in_flight = self.pending[0]
        while not in_flight.is_done:
            with self._first_error_kept():
                wait(in_flight.results)
        with self._first_error_kept():
            self.pending.popleft()
            self.sent += self.backend.finish(in_flight)

    @contextmanager
    def _first_error_kept(self) -> Iterator[None]:
        """Keep an error for the end, so that messages in flight are finished first."""
        try:
            yield
        except BaseException as err:
            self._cancel_if_interrupted(err)
            interrupts = _interrupts(err) and not (self.error and _interrupts(self.error))
            if self.error is None or interrupts:
                self.error = err

    def _cancel_if_interrupted(self, error: BaseException) -> None:
        """Have calls give up that wait for a slot or to be repeated."""
        if _interrupts(error):
            for in_flight in self.pending:
                for call in in_flight.calls:
                    call.cancelled.set()


def interrupted() -> AnymailAPIError:
    """The error of a call that a signal handler interrupted: SES may have accepted it."""
    return AnymailAPIError(INTERRUPTED, is_transient=True)


def _interrupts(error: BaseException) -> bool:
    """Whether it is an interruption: Ctrl-C, or any exception of a signal handler."""
    return not isinstance(error, Exception) or signal_handler_error(error) is not None


def _run_into(result: CallResult, run: Callable[[ApiCall], Response], call: ApiCall) -> None:
    try:
        response = run(call)
    except BaseException as err:
        if _interrupts(err):
            _set_error(result, interrupted())
            raise
        _set_error(result, err)
    else:
        with suppress(InvalidStateError):  # the caller was interrupted
            result.set_result(response)


def _set_error(result: CallResult, error: BaseException) -> None:
    with suppress(InvalidStateError):
        result.set_exception(error)
