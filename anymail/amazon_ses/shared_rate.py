"""A send rate that several processes share, counted in a Django cache."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from .pacing import TokenBucket
from .timeouts import TimeoutExecutor

logger: logging.Logger = logging.getLogger(__name__)

#: Time is cut into so many periods, each short enough for all of its recipients to go out at once.
PERIODS_PER_SECOND = 10
#: Seconds. Counters are needed for as long as calls wait for their slot.
COUNTER_LIFETIME = 3600
#: Seconds for which a cache that did not answer is left alone.
CACHE_PAUSE = 10
#: Seconds. The client libraries of caches wait for 5, or forever.
CACHE_TIMEOUT = 1.0
#: Seconds. Processes that send within such a span share the rate.
SPAN = 10


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
