"""How slow SES is, and which messages it refuses: can be changed while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

#: What GetSendQuota reports while nothing is throttled: a usual value outside of SES's sandbox.
DEFAULT_RATE = 14.0
#: In seconds.
MAX_LATENCY = 60


class Faults:
    """Safe to use from several threads.

    :param latency: seconds that each call that sends takes longer.
    :param rate: recipients per second above which SES throttles; None: never.
    """

    def __init__(
        self,
        latency: float = 0.0,
        rate: float | None = None,
        verified_only: bool = False,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.latency = latency
        self.verified_only = verified_only
        self._clock = clock
        self._lock = Lock()
        self.rate = rate

    @property
    def rate(self) -> float | None:
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        with self._lock:
            self._rate = rate
            self._full_at = self._clock()

    def allow(self, recipients: int) -> bool:
        """Whether a message may be sent now; if so, its recipients use up the rate.

        A message with many recipients is allowed when one more is, and uses up the following
        seconds (Amazon SES Developer Guide, "Service quotas").
        """
        with self._lock:
            if self._rate is None:
                return True
            now = self._clock()
            used = max(self._full_at - now, 0.0) * self._rate
            # Whoever waited exactly as long as needed must not be refused because of rounding.
            if max(self._rate, 1.0) - used < 1 - 1e-6:
                return False
            self._full_at = max(self._full_at, now) + recipients / self._rate
            return True
