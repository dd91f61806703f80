"""How slow SES is, what it refuses, and who does not do what it asks: can change at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

#: What GetSendQuota reports while nothing is throttled: a usual value outside of SES's sandbox.
DEFAULT_RATE = 14.0
#: In seconds.
MAX_LATENCY = 60
#: Seconds by which the events of a message are late whose sender has died: there is time to see
#: that nobody knows what became of it.
LATE = 15.0
#: What ends the process of a caller, and whether it does after SES has accepted the message.
Crash = tuple[Callable[[], None], bool]


@dataclass(kw_only=True)
class Faults:
    """Safe to use from several threads.

    :param latency: seconds that each call that sends takes longer.
    :param rate: recipients per second above which SES throttles; None: never.
    :param verified_only: refuse senders that are not verified.
    :param is_paused: refuse every message, in all regions.
    :param asks_in_vain: nobody publishes the DNS records that SES asks for, nor follows the links
        in its mails, so that new identities stay pending.
    :param denied: operations for which callers have no permission, after IAM's prefix of their
        service: ``"ses:GetAccount"`` (in both APIs), ``"s3:GetBucketPolicy"``.
    :param crashes: of who sends a message, by a value of one of its message tags.
    """

    latency: float = 0.0
    rate: float | None = None
    verified_only: bool = False
    is_paused: bool = False
    asks_in_vain: bool = False
    denied: set[str] = field(default_factory=set)
    crashes: dict[str, Crash] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _full_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def crash_for(self, tags: Mapping[str, Sequence[str]]) -> Crash | None:
        """The crash of who sends a message with these message tags, only once."""
        found = (self.crashes.pop(value, None) for values in tags.values() for value in values)
        return next(filter(None, found), None)

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
