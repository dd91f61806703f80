"""What ends a process cleanly: SIGTERM and SIGINT (a second one ends it at once), a time limit."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: What undoes the blocks of :func:`stop_on_signals` that run.
_undo: list[Callable[[], None]] = []


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call a function in another thread when the process is told to end.

    A second signal ends the process at once. Python runs signal handlers only in the main thread,
    between two instructions, while the block may be busy in a database driver; but it writes the
    number of the signal to a socket immediately (:func:`signal.set_wakeup_fd`).

    It has no effect outside the main thread. The process is expected to end soon after the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    watcher = Watcher(reading, stop)
    watcher.start()
    handlers = {number: signal.signal(number, _handled_elsewhere) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)

    def undo() -> None:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)

    _undo.append(undo)
    try:
        yield
    finally:
        _undo.remove(undo)
        undo()
        writing.close()
        watcher.join(1)
        reading.close()
        if watcher.count:
            # Before it ends, Python would look through all objects for garbage, which takes up to a
            # second where boto3 and Django are loaded.
            gc.freeze()


@contextmanager
def time_limit(seconds: float | None, function: Callable[[], None]) -> Iterator[None]:
    """Call a function in another thread, if the block takes longer.

    :param seconds: None for no limit.
    """
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _after_fork() -> None:
    """The block has forked (:mod:`multiprocessing`): signals to the child are its own."""
    for undo in _undo:
        undo()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def _handled_elsewhere(_number: int, _frame: object) -> None:
    """Keeps Python from ending the process."""


class Watcher(threading.Thread):
    """Reads the numbers of signals from a socket.

    :param stop: called at the first one.
    """

    def __init__(self, reading: socket.socket, stop: Callable[[], None]) -> None:
        super().__init__(name="anymail-signals", daemon=True)
        self.count: int = 0
        self._reading, self._stop_process = reading, stop

    def run(self) -> None:
        """Read until the other end is closed."""
        while numbers := self._reading.recv(1):
            if numbers[0] not in SIGNALS:
                continue
            self.count += 1
            if self.count > 1:
                os._exit(128 + numbers[0])
            self._stop_process()
