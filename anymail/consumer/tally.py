"""How many messages a consumer received, and what became of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Numbers since the consumer began.

    :param received: messages from SQS.
    :param handled: messages that every receiver has handled.
    :param events: signals sent for those.
    :param failed: messages that raised an exception, and will be tried again.
    :param poison: messages that are not about SES.
    :param returned: messages given back because the consumer was stopping.
    """

    received: int = 0
    handled: int = 0
    events: int = 0
    failed: int = 0
    poison: int = 0
    returned: int = 0


class Tally:
    """Counts; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(Counts.__dataclass_fields__, 0)
        self._lag = 0.0

    def add(self, lag: float | None = None, **counts: int) -> None:
        """Add to counts.

        :param lag: seconds from the arrival of a message in the queue until it was handled.
        """
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count
            if lag is not None:
                self._lag = max(self._lag, lag)

    def counts(self) -> Counts:
        """The counts now."""
        with self._lock:
            return Counts(**self._counts)

    def take_lag(self) -> float:
        """The longest lag since the last call, in seconds."""
        with self._lock:
            lag, self._lag = self._lag, 0.0
            return lag
