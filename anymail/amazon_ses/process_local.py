"""Values that forked processes must not share: connections, locks, counters."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class ProcessLocal(Generic[T]):
    """A value that each process creates when it first asks for it.

    A forked process must not use its parent's connections, nor locks that a thread of the parent
    may hold. ``os.register_at_fork`` would not do: uWSGI forks in C and runs none of those hooks.

    :param make: creates the value.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}

    def get(self) -> T:
        """The value of this process."""
        pid = os.getpid()
        try:
            return self._made[pid]
        except KeyError:
            return self._made.setdefault(pid, self._make())  # atomic: all threads get the same
