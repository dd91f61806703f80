"""What the operations of SES work with."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..api import ApiRequest

if TYPE_CHECKING:
    from ..events.publish import Publisher
    from ..events.subscribers import Subscribers
    from ..faults import Faults
    from ..sns.local_sns import LocalSns
    from .templates import Template

DAY = 24 * 60 * 60


class SentRecipients:
    """Counts recipients in each region. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._sent: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    def add(self, region: str, recipients: int) -> None:
        """Mail was accepted for so many recipients."""
        with self._lock:
            self._recent(region).append((self._clock(), recipients))

    def last_24_hours(self, region: str) -> float:
        """How many there were in the last 24 hours."""
        with self._lock:
            return float(sum(recipients for _, recipients in self._recent(region)))

    def _recent(self, region: str) -> deque[tuple[float, int]]:
        sent = self._sent[region]
        while sent and sent[0][0] <= self._clock() - DAY:
            sent.popleft()
        return sent


@dataclass(frozen=True, kw_only=True)
class SesContext:
    """Everything that SES knows and uses.

    :param templates: by region and name.
    """

    publisher: Publisher
    sns: LocalSns
    faults: Faults
    sent: SentRecipients = field(default_factory=SentRecipients)
    templates: dict[tuple[str, str], Template] = field(default_factory=dict)

    @property
    def subscribers(self) -> Subscribers:
        """Where events are published."""
        return self.publisher.subscribers


Result = Mapping[str, Any]
#: An operation raises ``ApiError`` or ``SesError``, or returns its result as boto3 does; None
#: leaves it to moto.
Operation = Callable[[SesContext, ApiRequest], Result | None]
Operations = Mapping[tuple[str, str], Operation]
