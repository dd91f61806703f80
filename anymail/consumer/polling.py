"""Receives from a queue while there is room for more."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..amazon_ses import sqs
from ..amazon_ses.sqs import MAX_BATCH, Queue, SqsMessage
from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError
from . import timing
from .hand import Hand, Held
from .settling import Settler
from .tally import Tally

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds after which a waiting thread checks whether it is to stop.
PATIENCE = 1.0
SHORT_PATIENCE = 0.1


class Budget:
    """How many more messages all pollers together may receive.

    :param limit: None for any number.
    """

    def __init__(self, limit: int | None) -> None:
        self._lock = threading.Lock()
        self._left = limit
        self._reserved = 0

    @property
    def is_spent(self) -> bool:
        """Whether no more may ever be received."""
        with self._lock:
            return self._left == 0 and not self._reserved

    def reserve(self) -> int:
        """How many messages one request may receive; 0 if others have reserved the rest."""
        with self._lock:
            if self._left is None:
                return MAX_BATCH
            count = min(MAX_BATCH, self._left)
            self._left -= count
            self._reserved += count
            return count

    def spend(self, reserved: int, received: int) -> None:
        """Give back what was reserved and not received."""
        with self._lock:
            if self._left is not None:
                self._left += reserved - received
                self._reserved -= reserved


@dataclass(frozen=True, kw_only=True)
class Poller:
    """Receives from one queue, in a thread of its own.

    :param wait: seconds that a request waits for a message. A request is never abandoned, because
        SQS would hide the messages that it hands out; so stopping takes that long.
    :param ends_when_empty: end when a request that asked all servers of SQS brings nothing.
    :param stops: set when nothing more is to be received.
    :param on_poll: called after each request, and once a second while there is no room.
    :param on_fatal: called with an error that retrying cannot fix.
    """

    queue: Queue
    hand: Hand
    settler: Settler
    settings: AmazonSESSettings = field(repr=False)
    tally: Tally
    budget: Budget
    wait: int
    ends_when_empty: bool
    stops: threading.Event
    on_poll: Callable[[], None]
    on_fatal: Callable[[AnymailAPIError], None]

    def run(self) -> None:
        """Receive until told to stop, or until the budget or the queue is empty."""
        failures = empty_polls = 0
        while self._may_receive_more():
            try:
                is_empty = self._poll(self._wait_after(empty_polls))
            except AnymailAPIError as err:
                if sqs.is_fatal(err):
                    self.on_fatal(err)
                    return
                failures += 1
                self._pause(err, timing.pause(failures))
                continue
            if is_empty and empty_polls and self.ends_when_empty:
                return
            failures, empty_polls = 0, empty_polls + 1 if is_empty else 0
            if is_empty and not self.wait:
                self.stops.wait(timing.idle_pause(empty_polls))

    def _may_receive_more(self) -> bool:
        """Wait for room; False when nothing more is to be received."""
        while not self.stops.is_set() and not self.budget.is_spent:
            if self.hand.wait_for_room(self.queue, PATIENCE):
                return True
            self.on_poll()
        return False

    def _wait_after(self, empty_polls: int) -> int:
        """Seconds to wait for a message. Only a request that waits asks all servers of SQS."""
        return max(self.wait, 1) if empty_polls and self.ends_when_empty else self.wait

    def _poll(self, wait: int) -> bool:
        """Receive once, and return whether nothing came."""
        limit = self.budget.reserve()
        if not limit:
            self.stops.wait(SHORT_PATIENCE)
            return False
        messages: list[SqsMessage] = []
        asked = time.monotonic()
        try:
            messages = sqs.receive(self.queue, self.settings, limit=limit, wait=wait)
        finally:
            self.budget.spend(limit, len(messages))
            self.on_poll()
        hidden_until = timing.hidden_until(asked, time.monotonic(), self.queue.visibility_timeout)
        self._take([Held(queue=self.queue, message=m, hidden_until=hidden_until) for m in messages])
        return not messages

    def _take(self, messages: list[Held]) -> None:
        self.tally.add(received=len(messages))
        if not self.hand.add(messages):
            self.tally.add(returned=len(messages))
            for held in messages:
                self.settler.give_back(held)

    def _pause(self, err: AnymailAPIError, seconds: float) -> None:
        about = {"anymail_error_code": err.error_code}
        logger.warning("Trying again in %.0f s: %s", seconds, err, extra=about)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.stops.wait(min(left, PATIENCE)):
            self.on_poll()
