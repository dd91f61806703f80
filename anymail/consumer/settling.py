"""What becomes of messages in hand: they are deleted, given back, or stay hidden a while longer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from ..amazon_ses import sqs
from ..amazon_ses.sqs import Queue
from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError
from . import timing
from .hand import Hand, Held

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds for which messages are collected, to be settled with one request.
FLUSH_AFTER = 0.05
#: How often to try where SQS refuses one message of a request; and a whole request, at the end.
MAX_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What to do with a message.

    :param seconds: until anybody may receive it again; None to delete it.
    :param attempt: 1 for the first.
    """

    held: Held
    seconds: int | None
    attempt: int = 1


@dataclass(frozen=True, kw_only=True)
class Settler:
    """Settles messages in batches, in a thread of its own.

    :param on_fatal: called with an error that retrying cannot fix.
    """

    hand: Hand
    settings: AmazonSESSettings = field(repr=False)
    on_fatal: Callable[[AnymailAPIError], None]
    _inbox: SimpleQueue[Settlement | None] = field(default_factory=SimpleQueue, init=False)
    _ends: threading.Event = field(default_factory=threading.Event, init=False)

    def delete(self, held: Held) -> None:
        """Have a message deleted."""
        self._inbox.put(Settlement(held=held, seconds=None))

    def give_back(self, messages: Iterable[Held], seconds: int = 0) -> None:
        """Make messages available again.

        :param seconds: until then.
        """
        for held in messages:
            held.is_leaving = True
            self._inbox.put(Settlement(held=held, seconds=seconds))

    def close(self) -> None:
        """End once everything asked for is done."""
        self._ends.set()
        self._inbox.put(None)

    def run(self) -> None:
        """Settle messages until :meth:`close` is called."""
        while not self._ends.is_set() or not self._inbox.empty():
            for group in grouped(self._next_settlements()):
                for batch in sqs.batches(group):
                    self._settle(batch)

    def _next_settlements(self) -> list[Settlement]:
        found = [self._inbox.get()]
        if not self._ends.is_set():
            # To wake up for each message would cost more than the receivers do.
            self._ends.wait(FLUSH_AFTER)
        with suppress(Empty):
            while True:
                found.append(self._inbox.get_nowait())
        return [settlement for settlement in found if settlement is not None]

    def _settle(self, group: list[Settlement]) -> None:
        failures = 0
        while True:
            try:
                failed = self._request(group)
            except AnymailAPIError as err:
                failures += 1
                if not self._may_repeat(err, failures):
                    self.hand.release(settlement.held for settlement in group)
                    return
                self._ends.wait(timing.pause(failures))
            else:
                break
        for settlement in group:
            self._note(settlement, failed.get(settlement.held.message.receipt))

    def _request(self, group: list[Settlement]) -> dict[str, bool]:
        queue = group[0].held.queue
        if group[0].seconds is None:
            receipts = [settlement.held.message.receipt for settlement in group]
            return sqs.delete(queue, receipts, self.settings)
        seconds = {s.held.message.receipt: s.seconds or 0 for s in group}
        with self.hand.visibility:
            return sqs.change_visibility(queue, seconds, self.settings)

    def _may_repeat(self, err: AnymailAPIError, failures: int) -> bool:
        if sqs.is_fatal(err):
            self.on_fatal(err)
            return False
        if self._ends.is_set() and failures >= MAX_ATTEMPTS:
            about = {"anymail_error_code": err.error_code}
            logger.error("Messages that were handled come again: %s", err, extra=about)
            return False
        return True

    def _note(self, settlement: Settlement, may_repeat: bool | None) -> None:
        """Note the result for one message.

        :param may_repeat: None if it is settled.
        """
        if may_repeat and settlement.attempt < MAX_ATTEMPTS:
            self._inbox.put(replace(settlement, attempt=settlement.attempt + 1))
            return
        if may_repeat is not None and settlement.seconds is None:
            logger.warning(
                "SQS did not delete the message %s of the queue %s: it comes again",
                settlement.held.message.id,
                settlement.held.queue.name,
                extra={
                    "anymail_sqs_id": settlement.held.message.id,
                    "anymail_queue": settlement.held.queue.name,
                },
            )
        self.hand.release([settlement.held])


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """Keeps what is in hand hidden from other consumers, in a thread of its own.

    :param on_fatal: called with an error that retrying cannot fix.
    """

    hand: Hand
    settings: AmazonSESSettings = field(repr=False)
    on_fatal: Callable[[AnymailAPIError], None]
    _ends: threading.Event = field(default_factory=threading.Event, init=False)

    def close(self) -> None:
        """End."""
        self._ends.set()

    def run(self, interval: float) -> None:
        """Extend what is due until :meth:`close` is called.

        :param interval: seconds between two checks.
        """
        while not self._ends.wait(interval):
            for queue, messages in by_queue(self.hand.due(time.monotonic())).items():
                for batch in sqs.batches(messages):
                    self._extend(queue, batch)

    def _extend(self, queue: Queue, batch: list[Held]) -> None:
        with self.hand.visibility:
            staying = {held.message.receipt: held for held in batch if not held.is_leaving}
            if not staying:
                return
            now = time.monotonic()
            try:
                failed = sqs.change_visibility(
                    queue, dict.fromkeys(staying, queue.visibility_timeout), self.settings
                )
            except AnymailAPIError as err:
                if sqs.is_fatal(err):
                    self.on_fatal(err)
                else:
                    about = {"anymail_queue": queue.name, "anymail_error_code": err.error_code}
                    logger.warning("Messages in hand may come to others, too: %s", err, extra=about)
                return
        for receipt, held in staying.items():
            if receipt not in failed:
                held.hidden_until = now + queue.visibility_timeout
            elif not failed[receipt]:
                # It is deleted by now, or was hidden for 12 hours, which is the limit.
                held.hidden_until = 0.0


def by_queue(messages: Iterable[Held]) -> dict[Queue, list[Held]]:
    """Messages by the queue that they came from."""
    found: dict[Queue, list[Held]] = {}
    for held in messages:
        found.setdefault(held.queue, []).append(held)
    return found


def grouped(settlements: Iterable[Settlement]) -> list[list[Settlement]]:
    """Settlements in groups that each need one kind of request to one queue."""
    groups: dict[tuple[Queue, bool], list[Settlement]] = {}
    for settlement in settlements:
        groups.setdefault((settlement.held.queue, settlement.seconds is None), []).append(
            settlement
        )
    return list(groups.values())
