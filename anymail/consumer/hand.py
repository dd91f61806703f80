"""The messages in hand: received, and neither deleted nor given back."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from ..amazon_ses.sqs import Queue, SqsMessage
from .timing import is_due

#: About how many messages of one queue may be handled before SQS has confirmed their deletion.
MAX_UNSETTLED = 200


@dataclass(eq=False, kw_only=True)
class Held:
    """A message in hand.

    :param hidden_until: until when other consumers do not get it (``time.monotonic``); 0 if that
        cannot be extended any more.
    :param is_leaving: its visibility is being set for the last time.
    """

    queue: Queue
    message: SqsMessage
    hidden_until: float
    is_leaving: bool = False


class Hand:
    """What a consumer has in hand, in the order of arrival. Safe for threads.

    :param threads: receivers at once. A queue has room as long as fewer of its messages wait.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._waiting: deque[Held] = deque()
        self._held: set[Held] = set()
        self._waiting_of: Counter[Queue] = Counter()
        self._held_of: Counter[Queue] = Counter()
        self._is_closed = self._is_complete = False
        self._begun = self._begun_before = 0

    def __len__(self) -> int:
        return len(self._held)

    def add(self, messages: list[Held]) -> bool:
        """Take messages into hand.

        :return: False if it is closed: they have to be given back.
        """
        with self._lock:
            if self._is_closed:
                return False
            self._waiting.extend(messages)
            self._held.update(messages)
            for held in messages:
                self._waiting_of[held.queue] += 1
                self._held_of[held.queue] += 1
            self._work.notify(len(messages))
            return True

    def take(self) -> Held | None:
        """The next message, when there is one. None when there will be no more.

        What other consumers may have received by now, for example while the process was stopped, is
        dropped.
        """
        with self._lock:
            while True:
                while not self._waiting:
                    if self._is_closed or self._is_complete:
                        return None
                    self._work.wait()
                held = self._waiting.popleft()
                self._waiting_of[held.queue] -= 1
                self._begun += 1
                if held.hidden_until > time.monotonic():
                    self._notify_room(held.queue)
                    return held
                self._remove(held)

    def wait_for_room(self, queue: Queue, patience: float) -> bool:
        """Wait until more messages of a queue may be received.

        :param patience: seconds to wait.
        :return: False if there is still no room by then, or the hand is closed.
        """
        with self._lock:
            if not self._has_room(queue) and not self._is_closed:
                self._room.wait(patience)
            return self._has_room(queue) and not self._is_closed

    def release(self, messages: Iterable[Held]) -> None:
        """Let go of messages that are deleted, or belong to somebody else now."""
        with self._lock:
            for held in messages:
                if held in self._held:
                    self._remove(held)

    def due(self, queue: Queue, now: float) -> list[Held]:
        """The messages of a queue whose visibility timeout has to be extended."""
        with self._lock:
            return [
                held
                for held in self._held
                if held.queue == queue
                and held.hidden_until
                and not held.is_leaving
                and is_due(held.hidden_until, queue.visibility_timeout, now)
            ]

    def is_moving(self) -> bool:
        """Whether nothing waits, or a message was begun since this was last true."""
        with self._lock:
            if self._waiting and self._begun == self._begun_before:
                return False
            self._begun_before = self._begun
            return True

    def complete(self) -> None:
        """No more messages will come: :meth:`take` ends after those in hand."""
        with self._lock:
            self._is_complete = True
            self._work.notify_all()

    def close(self) -> list[Held]:
        """Begin nothing more.

        :return: what was not begun.
        """
        with self._lock:
            self._is_closed = True
            remaining = list(self._waiting)
            self._waiting.clear()
            self._waiting_of.clear()
            self._work.notify_all()
            self._room.notify_all()
            return remaining

    def all(self) -> list[Held]:
        """Everything in hand."""
        with self._lock:
            return list(self._held)

    def _has_room(self, queue: Queue) -> bool:
        waiting, held = self._waiting_of[queue], self._held_of[queue]
        return waiting < self._threads and held < 2 * self._threads + MAX_UNSETTLED

    def _remove(self, held: Held) -> None:
        self._held.discard(held)
        self._held_of[held.queue] -= 1
        self._notify_room(held.queue)

    def _notify_room(self, queue: Queue) -> None:
        if self._has_room(queue):
            self._room.notify_all()
