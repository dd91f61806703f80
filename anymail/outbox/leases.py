"""For how long a worker may post what it has claimed, by the clocks of its own machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from ..calls import ApiCall
from ..exceptions import AnymailAPIError

#: Counts while the machine sleeps, too; not everywhere there.
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Unposted(Exception):
    """A call was not posted after all."""


class Lease:
    """How long what a worker holds is its own: everything that it holds is renewed together.

    :param seconds: its length.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began = self._now()

    def renewed(self, began: tuple[float, float]) -> None:
        """Note that the rows have a new lease.

        :param began: what :meth:`now` gave before they were written.
        """
        self._began = began

    def now(self) -> tuple[float, float]:
        """The clocks."""
        return self._now()

    @property
    def used(self) -> float:
        """How much of it is over, from 0 to 1 and more. A clock that was set back is not trusted.

        A process that was stopped, and a machine that was, find out by one clock or the other.
        """
        began, now = self._began, self._now()
        passed = max(now[0] - began[0], now[1] - began[1])
        return passed / self.seconds

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.clock_gettime(_CLOCK), time.time()


class Revoked(Event):
    """Set once a call must not be posted any more: its sender says so, or the lease is over.

    It is looked at for the last time when the call has waited for everything else: its turn, the
    send rate in a cache, the pause after a failure.

    :param lease: of the message.
    """

    def __init__(self, lease: Lease) -> None:
        super().__init__()
        self._lease = lease

    def is_set(self) -> bool:
        """Whether it is."""
        # In this order: a worker that renews a lease first revokes the calls that it has lost.
        return self._lease.used >= 1 or super().is_set()


def post_in_turn(
    call: ApiCall, due: float, run: Callable[[ApiCall], Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Post a call, unless it is cancelled before.

    :param due: when, in monotonic time.
    :param run: posts it.
    :raises Unposted: it was not posted.
    :raises AnymailAPIError: as ``run``.
    """
    call.cancelled.wait(max(0.0, due - time.monotonic()))
    if call.cancelled.is_set():
        raise Unposted
    try:
        return run(call)
    except AnymailAPIError as err:
        if err.is_unsent and call.cancelled.is_set():
            raise Unposted from err
        raise
