"""Receivers that take long are logged."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .hand import Held

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds after which receivers are slow.
SLOW = 300.0


class SlowReceivers:
    """Logs receivers that take long: nobody else gets their message, for up to 12 hours."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: dict[Held, float] = {}

    @contextmanager
    def watch(self, held: Held) -> Iterator[None]:
        """Note how long the block, which calls the receivers of a message, takes."""
        with self._lock:
            self._began[held] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._began.pop(held, None)

    def log(self) -> None:
        """Log those that have become slow since the last time."""
        limit = time.monotonic() - SLOW
        with self._lock:
            slow = [held for held, began in self._began.items() if began < limit]
            for held in slow:
                del self._began[held]
        for held in slow:
            logger.warning(
                "The receivers of the SQS message %s, from the queue %s, have not returned after "
                "%.0f s",
                held.message.id,
                held.queue.name,
                SLOW,
                extra={"anymail_sqs_id": held.message.id, "anymail_queue": held.queue.name},
            )
