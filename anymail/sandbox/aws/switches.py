"""How slow the Amazon side is, and whom it refuses: to be changed while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

#: What GetSendQuota reports while nothing is throttled: a usual value outside of SES's sandbox.
DEFAULT_RATE = 14.0
#: In seconds: nobody waits longer.
MAX_LATENCY = 60


class Switches:
    """What can be switched at run time. Safe to use from several threads.

    :param latency: seconds that each call that sends takes longer.
    :param rate: recipients per second above which SES throttles; None: never.
    :param verified_only: refuse senders without a verified identity.
    """

    def __init__(
        self,
        latency: float = 0.0,
        rate: float | None = None,
        verified_only: bool = False,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.verified_only = verified_only
        self._clock = clock
        self._lock = Lock()
        self.latency = latency
        self.rate = rate

    @property
    def latency(self) -> float:
        """Seconds that each call that sends takes longer."""
        return self._latency

    @latency.setter
    def latency(self, latency: float) -> None:
        if not 0 <= latency <= MAX_LATENCY:
            raise ValueError(f"A latency is from 0 to {MAX_LATENCY} seconds.")
        self._latency = latency

    @property
    def rate(self) -> float | None:
        """Recipients per second above which SES throttles; None: never."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        if rate is not None and not 0 < rate < float("inf"):
            raise ValueError("A send rate is more than zero recipients per second.")
        with self._lock:
            self._rate = rate
            self._allowance = self._capacity()
            self._checked = self._clock()

    def admit(self, recipients: int) -> bool:
        """Whether a message may be sent now; if so, its recipients use up the rate.

        A message with many recipients goes through when one more is allowed, and uses up the
        following seconds (Amazon SES Developer Guide, "Service quotas").
        """
        with self._lock:
            if self._rate is None:
                return True
            now = self._clock()
            earned = (now - self._checked) * self._rate
            self._allowance = min(self._capacity(), self._allowance + earned)
            self._checked = now
            # Rounding must not refuse the one who waited exactly as long as he should.
            if self._allowance < 1 - 1e-6:
                return False
            self._allowance -= recipients
            return True

    def _capacity(self) -> float:
        return max(self._rate or 0.0, 1.0)
