"""SIGTERM and SIGINT: end in order at the first, at once at the second."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call a function in another thread when the process is told to end.

    At the second signal the process ends at once. Python runs signal handlers in the main thread
    only, between two instructions, where a receiver may be busy in a database's driver; the number
    of the signal is written to a socket at once (:func:`signal.set_wakeup_fd`).

    Without effect outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    watcher = threading.Thread(
        target=_watch, args=(reading, stop), name="anymail-signals", daemon=True
    )
    watcher.start()
    handlers = {number: signal.signal(number, _handled_elsewhere) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        writing.close()
        watcher.join(1)
        reading.close()


def _handled_elsewhere(_number: int, _frame: object) -> None:
    """Keeps Python from ending the process."""


def _watch(reading: socket.socket, stop: Callable[[], None]) -> None:
    count = 0
    while numbers := reading.recv(1):
        if numbers[0] not in SIGNALS:
            continue
        count += 1
        if count > 1:
            os._exit(128 + numbers[0])
        stop()
