"""What becomes of messages in hand: they are deleted, given back, or stay hidden a while longer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
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
    """Settles the messages of a queue in batches, in a thread of its own.

    :param on_fatal: called with an error that retrying cannot fix.
    """

    queue: Queue
    hand: Hand
    settings: AmazonSESSettings = field(repr=False)
    on_fatal: Callable[[AnymailAPIError], None]
    #: Held while the visibility of messages is changed, so that no extension comes last.
    visibility: threading.Lock = field(default_factory=threading.Lock, init=False)
    _inbox: SimpleQueue[Settlement | None] = field(default_factory=SimpleQueue, init=False)
    _ends: threading.Event = field(default_factory=threading.Event, init=False)

    def delete(self, held: Held) -> None:
        """Have a message deleted."""
        self._inbox.put(Settlement(held=held, seconds=None))

    def give_back(self, held: Held, seconds: int = 0) -> None:
        """Make a message available again.

        :param seconds: until then.
        """
        held.is_leaving = True
        self._inbox.put(Settlement(held=held, seconds=seconds))

    def close(self) -> None:
        """End once everything asked for is done."""
        self._ends.set()
        self._inbox.put(None)

    def run(self) -> None:
        """Settle messages until :meth:`close` is called."""
        while not self._ends.is_set() or not self._inbox.empty():
            found = self._next_settlements()
            deletions = [settlement for settlement in found if settlement.seconds is None]
            returns = [settlement for settlement in found if settlement.seconds is not None]
            for batch in (*sqs.batches(deletions), *sqs.batches(returns)):
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
                self._pause(err, timing.pause(failures))
            else:
                break
        for settlement in group:
            self._note(settlement, failed.get(settlement.held.message.receipt))

    def _request(self, group: list[Settlement]) -> dict[str, bool]:
        if group[0].seconds is None:
            receipts = [settlement.held.message.receipt for settlement in group]
            return sqs.delete(self.queue, receipts, self.settings)
        seconds = {s.held.message.receipt: s.seconds or 0 for s in group}
        with self.visibility:
            return sqs.change_visibility(self.queue, seconds, self.settings)

    def _pause(self, err: AnymailAPIError, seconds: float) -> None:
        about = {"anymail_queue": self.queue.name, "anymail_error_code": err.error_code}
        logger.warning("Trying again in %.0f s: %s", seconds, err, extra=about)
        self._ends.wait(seconds)

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
            sqs_id, queue = settlement.held.message.id, self.queue.name
            logger.warning(
                "SQS did not delete the message %s of the queue %s: it comes again",
                sqs_id,
                queue,
                extra={"anymail_sqs_id": sqs_id, "anymail_queue": queue},
            )
        self.hand.release([settlement.held])


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """Keeps a queue's messages in hand hidden from other consumers, in a thread of its own.

    :param visibility: that of the queue's settler.
    :param on_fatal: called with an error that retrying cannot fix.
    """

    queue: Queue
    hand: Hand
    settings: AmazonSESSettings = field(repr=False)
    visibility: threading.Lock
    on_fatal: Callable[[AnymailAPIError], None]
    _ends: threading.Event = field(default_factory=threading.Event, init=False)

    def close(self) -> None:
        """End."""
        self._ends.set()

    def run(self) -> None:
        """Extend what is due until :meth:`close` is called."""
        while not self._ends.wait(timing.check_interval(self.queue.visibility_timeout)):
            for batch in sqs.batches(self.hand.due(self.queue, time.monotonic())):
                self._extend(batch)

    def _extend(self, batch: list[Held]) -> None:
        timeout = self.queue.visibility_timeout
        with self.visibility:
            staying = {held.message.receipt: held for held in batch if not held.is_leaving}
            if not staying:
                return
            now = time.monotonic()
            try:
                failed = sqs.change_visibility(
                    self.queue, dict.fromkeys(staying, timeout), self.settings
                )
            except AnymailAPIError as err:
                if sqs.is_fatal(err):
                    self.on_fatal(err)
                else:
                    about = {"anymail_queue": self.queue.name, "anymail_error_code": err.error_code}
                    logger.warning("Messages in hand may come to others, too: %s", err, extra=about)
                return
        for receipt, held in staying.items():
            if receipt not in failed:
                held.hidden_until = now + timeout
            elif not failed[receipt]:
                # It is deleted by now, or was hidden for 12 hours, which is the limit.
                held.hidden_until = 0.0
