"""Limits of one client's calls: recipients per second, and calls at once."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

#: Seconds' worth of recipients that may go out at once.
BURST = 0.8
#: Seconds within which several throttled calls count as one sign.
THROTTLE_WINDOW = 0.5


class RateLimiter(Protocol):
    """Spreads recipients over time.

    :param rate: recipients per second.
    """

    rate: float

    def acquire(self, recipients: int) -> float:
        """Take the next slot.

        :param recipients: how many the call has.
        :return: for how many seconds to wait for it.
        """
        ...


class TokenBucket:
    """Spreads recipients over time: a token bucket that holds less than one second's worth.

    SES grants one second's worth at once; the rest is margin for calls that overtake each other.
    Source: Amazon SES Developer Guide, "Managing your Amazon SES sending limits".

    :param rate: recipients per second, more than 0.
    :param start: the monotonic time of the first slot.
    """

    def __init__(self, rate: float, start: float = -math.inf) -> None:
        self.rate = rate
        self._free_at = start + BURST
        self._lock = threading.Lock()

    def acquire(self, recipients: int) -> float:
        """Take the next slot.

        :param recipients: how many the call has.
        :return: for how many seconds to wait for it.
        """
        with self._lock:
            now = time.monotonic()
            slot = max(now, self._free_at)
            self._free_at = slot + recipients / self.rate
            return max(0.0, slot - now - BURST)

    @property
    def backlog(self) -> float:
        """Seconds until the last slot that was taken."""
        return max(0.0, self._free_at - BURST - time.monotonic())


class ConcurrencyLimiter:
    """Limits the calls at once; everything that uses one client shares it.

    :param limit: calls at once.
    :param rate_limiter: what limits the rate as well; None for no such limit.
    """

    def __init__(self, limit: int, rate_limiter: RateLimiter | None) -> None:
        self.limit = limit
        self.rate_limiter = rate_limiter
        #: How many at present; less than the limit after throttling.
        self.allowed: float = float(limit)
        self._running = 0
        self._halved_at = -math.inf
        self._changed = threading.Condition()

    @contextmanager
    def slot(self, recipients: int, cancelled: threading.Event) -> Iterator[None]:
        """Wait until a call may be made, and make it within the ``with`` block.

        :param recipients: how many it has.
        :param cancelled: ends the waiting when it is set.
        """
        if self.rate_limiter is not None:
            cancelled.wait(self.rate_limiter.acquire(recipients))
        with self._changed:
            self._changed.wait_for(lambda: self._running < self.allowed or cancelled.is_set())
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def throttled(self) -> None:
        """Note that a call was refused for the rate: halve the calls at once."""
        with self._changed:
            now = time.monotonic()
            if now - self._halved_at > THROTTLE_WINDOW:
                self._halved_at = now
                self.allowed = max(1.0, self.allowed / 2)

    def accepted(self) -> None:
        """Note that a call was accepted: slowly allow more calls at once (additive increase)."""
        with self._changed:
            if self.allowed < self.limit:
                self.allowed = min(self.limit, self.allowed + 1 / self.allowed)
                self._changed.notify_all()
