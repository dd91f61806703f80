"""How slow SES is, and which messages it refuses: can be changed while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

#: What GetSendQuota reports while nothing is throttled: a usual value outside of SES's sandbox.
DEFAULT_RATE = 14.0
#: In seconds.
MAX_LATENCY = 60


@dataclass(kw_only=True)
class Faults:
    """Safe to use from several threads.

    :param latency: seconds that each call that sends takes longer.
    :param rate: recipients per second above which SES throttles; None: never.
    :param verified_only: refuse senders that are not verified.
    :param is_paused: refuse every message, in all regions.
    """

    latency: float = 0.0
    rate: float | None = None
    verified_only: bool = False
    is_paused: bool = False
    clock: Callable[[], float] = time.monotonic
    _full_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def allow(self, recipients: int) -> bool:
        """Whether a message may be sent now; if so, its recipients use up the rate.

        A message with many recipients is allowed when one more is, and uses up the following
        seconds (Amazon SES Developer Guide, "Service quotas").
        """
        if self.rate is None:
            return True
        with self._lock:
            now = self.clock()
            used = max(self._full_at - now, 0.0) * self.rate
            # Whoever waited exactly as long as needed must not be refused because of rounding.
            if max(self.rate, 1.0) - used < 1 - 1e-6:
                return False
            self._full_at = max(self._full_at, now) + recipients / self.rate
            return True
