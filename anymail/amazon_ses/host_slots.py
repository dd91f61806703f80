"""Slots for fetches that run at once, shared fairly among hosts."""

from __future__ import annotations

import threading
from collections import Counter


class HostSlots:
    """A number of slots, of which no host can take all.

    Anyone can make up URLs, and they must not keep a real one waiting: no host has more slots than
    are still free, so a slow one leaves room for the others; and of those that wait, the last one
    goes first, so a crowd ahead of it makes no difference.

    :param count: of slots.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._waiting: list[tuple[str, threading.Event]] = []

    def acquire(self, host: str, timeout: float) -> bool:
        """Wait for a slot, and take it; False if there was none in time.

        :param host: from which something is to be fetched.
        :param timeout: seconds to wait.
        """
        with self._lock:
            if self._is_free_for(host):
                self._busy[host] += 1
                return True
            ticket = (host, threading.Event())
            self._waiting.append(ticket)
        try:
            ticket[1].wait(timeout)
        except BaseException:  # of a signal handler
            if not self._withdraw(ticket):
                self.release(host)
            raise
        return not self._withdraw(ticket)

    def _withdraw(self, ticket: tuple[str, threading.Event]) -> bool:
        """Stop waiting; False if a slot was given meanwhile."""
        with self._lock:
            if ticket not in self._waiting:
                return False
            self._waiting.remove(ticket)
            return True

    def release(self, host: str) -> None:
        """Give a slot back.

        :param host: which took it.
        """
        with self._lock:
            self._busy[host] -= 1
            self._busy += Counter()  # forget hosts that have none
            for ticket in self._waiting[::-1]:
                if self._is_free_for(ticket[0]):
                    self._waiting.remove(ticket)
                    self._busy[ticket[0]] += 1
                    ticket[1].set()

    def _is_free_for(self, host: str) -> bool:
        return self._busy[host] < self._count - self._busy.total()
