"""How fast this process may send: a rate it is given, and what throttling teaches it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .impatience import ImpatientCaller

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds for which the rate that SES grants the account is believed.
ACCOUNT_RATE_LIFETIME = 3600
#: Seconds.
BURST = 0.8
#: Of a shared pace: short enough that what is left of one is no burst.
PERIODS_PER_SECOND = 10
#: Seconds. Counters are needed for as long as calls wait for their turn.
COUNTER_LIFETIME = 3600
#: Seconds for which a cache that did not answer is left alone.
CACHE_PAUSE = 10
#: Seconds. The client libraries of caches wait for 5, or for ever.
CACHE_TIMEOUT = 1.0
#: Seconds. Processes that send within such a span share the rate.
SPAN = 10
#: Seconds within which several throttled calls count as one sign.
SAME_SIGN = 0.5


class Pace:
    """Spreads recipients over time: a token bucket that holds less than one second's worth.

    SES grants one second's worth at once; the rest is margin for calls that overtake each other.
    Source: Amazon SES Developer Guide, "Managing your Amazon SES sending limits".

    :param rate: recipients per second, more than 0.
    :param start: the monotonic time of the first turn.
    """

    def __init__(self, rate: float, start: float = -math.inf) -> None:
        self.rate = rate
        self._free_at = start + BURST
        self._lock = threading.Lock()

    def reserve(self, recipients: int) -> float:
        """Take the next turn.

        :param recipients: how many the call has.
        :return: for how many seconds to wait for it.
        """
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._free_at)
            self._free_at = turn + recipients / self.rate
            return max(0.0, turn - now - BURST)


class SharedPace:
    """The same for all processes that share a Django cache.

    Time is cut into short periods, and the cache counts the recipients of each: its ``incr()`` is
    atomic in Redis and Memcached. It also counts the processes, so that each keeps to its share of
    the rate while the cache is away.

    :param rate: recipients per second, of all processes together.
    :param cache: returns the Django cache; called in each thread, since caches are per thread.
    :param owner: whose rate it is; without anything secret, since it is part of the cache's keys.
    """

    def __init__(self, rate: float, cache: Callable[[], Any], owner: str) -> None:
        self.rate = rate
        self.cache = cache
        self.owner = owner
        self.processes: int = 1
        self.allowance: int = max(1, math.ceil(rate / PERIODS_PER_SECOND))
        self.period: float = self.allowance / rate
        self._not_full = 0  # every period before is full, or over
        self._away_until = -math.inf
        self._has_warned = False
        self._lock = threading.Lock()
        self._alone: Pace | None = None
        self._last_turn = -math.inf  # that the cache granted, in monotonic time
        self._caller = ImpatientCaller(CACHE_TIMEOUT)
        self._span = self._counted_at = -1

    def reserve(self, recipients: int) -> float:
        """Take the next turn; one of this process alone while the cache is away.

        :param recipients: how many the call has.
        :return: for how many seconds to wait for it.
        """
        if time.monotonic() < self._away_until:
            return self._pace_alone().reserve(recipients)
        try:
            wait = self._caller.call(lambda: self._ask(recipients))
        except Exception as err:  # whatever the client library of the cache raises
            self._away_until = time.monotonic() + CACHE_PAUSE
            self._warn(err)
            return self._pace_alone().reserve(recipients)
        with self._lock:
            self._alone = None
            self._last_turn = max(self._last_turn, time.monotonic() + wait)
        return wait

    def _pace_alone(self) -> Pace:
        """This process's share, after what the cache granted: without another burst."""
        with self._lock:
            if self._alone is None:
                start = max(time.monotonic(), self._last_turn)
                self._alone = Pace(self.rate / self.processes, start)
            return self._alone

    def _ask(self, recipients: int) -> float:
        now = time.time()
        turn = self._turn(recipients, now)
        self._count_processes(int(now))
        return max(0.0, turn - now)

    def _count_processes(self, now: int) -> None:
        """Once a second: how many processes send, in this span or the one before."""
        if now == self._counted_at:
            return
        self._counted_at, span, cache = now, now // SPAN, self.cache()
        keys = [f"anymail:amazon_ses:processes:{self.owner}:{n}" for n in (span, span - 1)]
        if span != self._span:
            self._span = span
            cache.add(keys[0], 0, timeout=3 * SPAN)
            cache.incr(keys[0])
        self.processes = max(1, *(int(cache.get(key) or 0) for key in keys))

    def _turn(self, recipients: int, now: float) -> float:
        """When the next free place is, in this period or a later one.

        What does not fit into a period goes on in the next, so that no place stays empty.
        """
        period = max(math.floor(now / self.period), self._not_full)
        cache = self.cache()
        turn = math.inf
        while True:
            key = f"anymail:amazon_ses:rate:{self.owner}:{self.rate}:{period}"
            cache.add(key, 0, timeout=COUNTER_LIFETIME)
            taken = int(cache.incr(key, recipients)) - recipients
            if taken < self.allowance:
                turn = min(turn, (period + taken / self.allowance) * self.period)
                recipients -= self.allowance - taken
            if recipients <= 0:
                self._not_full = period
                return turn
            period += 1

    def _warn(self, err: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            name = type(err).__name__
            logger.warning(
                "The cache of AMAZON_SES_RATE_LIMIT_CACHE is away (%s): this process keeps to its "
                "share of the send rate by itself, that of one of %d",
                name,
                self.processes,
                extra={"anymail_error_code": name},
            )


class Governor:
    """How many calls at once, and at which pace; shared by everything that uses one client.

    :param limit: calls at once.
    :param pace: None for no limit of the rate.
    """

    def __init__(self, limit: int, pace: Pace | SharedPace | None) -> None:
        self.limit = limit
        self.pace = pace
        #: How many at present; less than the limit after throttling.
        self.allowed: float = float(limit)
        self._running = 0
        self._halved_at = -math.inf
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, recipients: int, cancelled: threading.Event) -> Iterator[None]:
        """Wait until a call may be made; it is being made within the ``with`` block.

        :param recipients: how many it has.
        :param cancelled: ends the waiting when it is set.
        """
        if self.pace is not None:
            cancelled.wait(self.pace.reserve(recipients))
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
        """A call was refused for the rate: half as many at once from here on."""
        with self._changed:
            now = time.monotonic()
            if now - self._halved_at > SAME_SIGN:
                self._halved_at = now
                self.allowed = max(1.0, self.allowed / 2)

    def accepted(self) -> None:
        """A call was accepted: in time one more at once (additive increase)."""
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
        """Recipients per second; None if SES does not tell.

        :param ask: calls SES and returns recipients per second, or raises. Meanwhile other threads
            wait, so that they do not send without a limit.
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
                    'ANYMAIL["AMAZON_SES_MAX_SEND_RATE"] is "account", and SES does not tell its '
                    "rate (%s): sending without a limit. The permission is ses:GetSendQuota, with "
                    "the v2 API ses:GetAccount; or set a number.",
                    code,
                    extra={"anymail_error_code": code},
                )
            return None
