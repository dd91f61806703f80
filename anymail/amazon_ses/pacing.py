"""Limits of sending: recipients per second, and calls at once."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .timeouts import TimeoutExecutor

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds for which the account's send rate is kept.
ACCOUNT_RATE_LIFETIME = 3600
#: Seconds' worth of recipients that may go out at once.
BURST = 0.8
#: Of a shared rate limiter: so short that what is left of one period is not a burst.
PERIODS_PER_SECOND = 10
#: Seconds. Counters are needed for as long as calls wait for their slot.
COUNTER_LIFETIME = 3600
#: Seconds for which a cache that did not answer is left alone.
CACHE_PAUSE = 10
#: Seconds. The client libraries of caches wait for 5, or forever.
CACHE_TIMEOUT = 1.0
#: Seconds. Processes that send within such a span share the rate.
SPAN = 10
#: Seconds within which several throttled calls count as one sign.
THROTTLE_WINDOW = 0.5


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


class SharedRateLimiter:
    """Limits the rate of all processes that share a Django cache.

    Time is cut into short periods, and the cache counts the recipients of each: its ``incr()`` is
    atomic in Redis and Memcached. It also counts the processes, so that each keeps to its share of
    the rate while the cache is down.

    :param rate: recipients per second, of all processes together.
    :param cache: returns the Django cache; called in each thread, since caches are per thread.
    :param key: identifies the account and region, without secrets: it is part of the cache's keys.
    """

    def __init__(self, rate: float, cache: Callable[[], Any], key: str) -> None:
        self.rate = rate
        self.cache = cache
        self.key = key
        self.processes: int = 1
        self.allowance: int = max(1, math.ceil(rate / PERIODS_PER_SECOND))
        self.period: float = self.allowance / rate
        self._not_full = 0  # every period before is full, or over
        self._cache_down_until = -math.inf
        self._has_warned = False
        self._lock = threading.Lock()
        self._own: TokenBucket | None = None
        self._last_slot = -math.inf  # that the cache granted, in monotonic time
        self._executor = TimeoutExecutor(CACHE_TIMEOUT)
        self._span = self._counted_at = -1

    def acquire(self, recipients: int) -> float:
        """Take the next slot; one of this process alone while the cache is down.

        :param recipients: how many the call has.
        :return: for how many seconds to wait for it.
        """
        if time.monotonic() < self._cache_down_until:
            return self._own_bucket().acquire(recipients)
        try:
            wait = self._executor.run(lambda: self._ask(recipients))
        except Exception as err:  # a client library of a cache may raise anything
            self._cache_down_until = time.monotonic() + CACHE_PAUSE
            self._warn(err)
            return self._own_bucket().acquire(recipients)
        with self._lock:
            self._last_slot = max(self._last_slot, time.monotonic() + wait)
        return wait

    def _own_bucket(self) -> TokenBucket:
        """A bucket for this process's share, starting after the slots that the cache granted."""
        with self._lock:
            if self._own is None:
                start = max(time.monotonic(), self._last_slot)
                self._own = TokenBucket(self.rate / self.processes, start)
            return self._own

    def _end_own_bucket(self) -> int:
        """Drop the own bucket; return how many recipients still wait for their slots in it."""
        with self._lock:
            if self._own is None:
                return 0
            own, self._own = self._own, None
            self._last_slot = max(self._last_slot, time.monotonic() + own.backlog)
            return math.ceil(own.backlog * own.rate)

    def _ask(self, recipients: int) -> float:
        now = time.time()
        if owed := self._end_own_bucket():
            self._next_slot(owed, now)
        slot = self._next_slot(recipients, now)
        self._count_processes(int(now))
        return max(0.0, slot - now)

    def _count_processes(self, now: int) -> None:
        """Count, once a second, the processes that send in this span or sent in the one before."""
        if now == self._counted_at:
            return
        self._counted_at, span, cache = now, now // SPAN, self.cache()
        keys = [f"anymail:amazon_ses:processes:{self.key}:{n}" for n in (span, span - 1)]
        if span != self._span:
            self._span = span
            cache.add(keys[0], 0, timeout=3 * SPAN)
            cache.incr(keys[0])
        self.processes = max(1, *(int(cache.get(key) or 0) for key in keys))

    def _next_slot(self, recipients: int, now: float) -> float:
        """The time of the next free slot, in this period or a later one.

        Recipients that do not fit into a period use the next one too, so that no slot stays empty.
        """
        first = max(math.floor(now / self.period), self._not_full)
        cache = self.cache()
        slot = math.inf
        for period in range(first, first + math.ceil(COUNTER_LIFETIME / self.period)):
            key = f"anymail:amazon_ses:rate:{self.key}:{self.rate}:{period}"
            cache.add(key, 0, timeout=COUNTER_LIFETIME)
            taken = int(cache.incr(key, recipients)) - recipients
            if taken < self.allowance:
                slot = min(slot, (period + taken / self.allowance) * self.period)
                recipients -= self.allowance - taken
            if recipients <= 0:
                self._not_full = period
                return slot
        raise TimeoutError  # no free slot for an hour: it does not count

    def _warn(self, err: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            name = type(err).__name__
            logger.warning(
                "The cache of AMAZON_SES_RATE_LIMIT_CACHE is down (%s): this process keeps to its "
                "share of the send rate by itself, that of one of %d",
                name,
                self.processes,
                extra={"anymail_error_code": name},
            )


RateLimiter = TokenBucket | SharedRateLimiter


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


class AccountRate:
    """The send rate that SES grants the account, asked for once per hour."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = -math.inf
        self._rate: float | None = None
        self._has_warned = False

    def get(self, ask: Callable[[], float]) -> float | None:
        """Recipients per second; None if SES does not report it.

        :param ask: calls SES and returns recipients per second, or raises. Other threads wait for
            it, so that they do not send without a limit.
        """
        with self._lock:
            if time.monotonic() - self._asked_at > ACCOUNT_RATE_LIFETIME:
                self._rate = self._try(ask)
                self._asked_at = time.monotonic()
            return self._rate

    def _try(self, ask: Callable[[], float]) -> float | None:
        try:
            return ask()
        except Exception as err:
            if not self._has_warned:
                self._has_warned = True
                code = getattr(err, "error_code", None) or type(err).__name__
                logger.warning(
                    'ANYMAIL["AMAZON_SES_MAX_SEND_RATE"] is "account", and SES does not report '
                    "its rate (%s): sending without a limit. The permission is ses:GetSendQuota, "
                    "with the v2 API ses:GetAccount; or set a number.",
                    code,
                    extra={"anymail_error_code": code},
                )
            return None
