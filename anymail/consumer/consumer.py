"""The consumer: pollers fill the hand, receivers empty it, and settlers tell SQS.

.. code-block:: text

    Poller ─▶ Hand ─▶ Handler (--threads of them) ─▶ Settler: delete, give back
               ▲
           Heartbeat: extends the visibility of what is in hand

Each queue has a poller, a settler and a heartbeat of its own, so that trouble with one queue does
not stop the others.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from django.db import connections

from ..amazon_ses.sqs import Queue
from ..amazon_ses.timestamps import utc_now
from ..conf import AmazonSESSettings
from ..processes.health import touch
from . import timing
from .hand import Hand, Held
from .handling import Handler, Outcome
from .polling import Budget, Poller
from .settling import Heartbeat, Settler
from .tally import Tally

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds to wait for requests that are still running when everything is done.
LAST_REQUESTS = 5.0
#: The same, when receivers have used up their ``grace``.
LAST_REQUESTS_AFTER_GRACE = 1.0


class Consumer:
    """Calls the receivers of what is in SQS queues. Its class is the ``sender`` of the signals.

    :param queues: from :func:`~anymail.amazon_ses.sqs.find_queue`.
    :param settings: for Amazon SES.
    :param threads: receivers at once. With 1 they run in the thread that calls :meth:`run`.
    :param wait: seconds that a request waits for a message, up to 20; stopping takes that long.
        With 0, an empty queue is asked once a second.
    :param grace: seconds that receivers have to finish after :meth:`stop`; then the process ends.
    :param max_messages: stop after this many; None for no limit.
    :param ends_when_empty: stop as soon as no queue has a message to receive.
    :param health_file: touched while messages are being handled, and while there are none.
    """

    def __init__(
        self,
        queues: Sequence[Queue],
        settings: AmazonSESSettings,
        *,
        threads: int = 4,
        wait: int = 0,
        grace: float = 25,
        max_messages: int | None = None,
        ends_when_empty: bool = False,
        health_file: Path | None = None,
    ) -> None:
        self.queues: tuple[Queue, ...] = tuple(queues)
        self.tally: Tally = Tally()
        #: What made it stop early, if anything did.
        self.error: BaseException | None = None
        self._settings = settings
        self._threads, self._wait, self._grace = threads, wait, grace
        self._ends_when_empty = ends_when_empty
        self._health_file = health_file
        self._stops = threading.Event()
        self._lock = threading.Lock()
        self._deadline = threading.Timer(0, self.stop)  # replaced when it stops
        self._hand = Hand(threads)
        self._settlers = {queue: self._settler(queue) for queue in self.queues}
        self._heartbeats = [self._heartbeat(settler) for settler in self._settlers.values()]
        self._handler = Handler(settings, type(self), self._stops)
        self._budget = Budget(max_messages)

    @property
    def in_hand(self) -> int:
        """How many messages have been received, and neither deleted nor given back."""
        return len(self._hand)

    def run(self) -> None:
        """Consume until :meth:`stop` is called, or one of the limits is reached.

        :raises AnymailAPIError: AWS refuses for good.
        :raises BaseException: one of the threads failed.
        """
        settling = [self._start("settler", one.run) for one in self._settlers.values()]
        for heartbeat in self._heartbeats:
            self._start("heartbeat", heartbeat.run)
        polling = [self._start("poller", self._poller(queue).run) for queue in self.queues]
        self._start("end", self._complete_after, polling)
        self._handle_all()
        join(polling, self._wait + LAST_REQUESTS)
        self._close_settlers()
        join(settling, LAST_REQUESTS)
        for heartbeat in self._heartbeats:
            heartbeat.close()
        with self._lock:
            self._deadline.cancel()
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """Receive nothing more, give back what has not begun, and finish the rest."""
        with self._lock:
            if self._stops.is_set():
                return
            self._stops.set()
            self._deadline = threading.Timer(self._grace, self._leave)
            self._deadline.daemon = True
            self._deadline.start()
        unbegun = self._hand.close()
        self.tally.add(returned=len(unbegun))
        self._give_back(unbegun)

    def _handle_all(self) -> None:
        if self._threads == 1:
            self._guard(self._work)
            return
        join([self._start("receiver", self._work_in_thread) for _ in range(self._threads)])

    def _work_in_thread(self) -> None:
        try:
            self._work()
        finally:
            connections.close_all()

    def _work(self) -> None:
        while (held := self._hand.take()) is not None:
            outcome, events = self._handler.handle(held)
            self._settle(held, outcome, events)

    def _settle(self, held: Held, outcome: Outcome, events: int) -> None:
        settler, sent = self._settlers[held.queue], held.message.sent_at
        lag = None if sent is None else (utc_now() - sent).total_seconds()
        if outcome is Outcome.HANDLED:
            self.tally.add(lag, handled=1, events=events)
            settler.delete(held)
        elif outcome is Outcome.UNTRIED:
            self.tally.add(returned=1)
            settler.give_back(held)
        elif outcome is Outcome.POISON and self._settings.queue_poison == "delete":
            self.tally.add(poison=1)
            settler.delete(held)
        else:
            self.tally.add(**{"poison" if outcome is Outcome.POISON else "failed": 1})
            settler.give_back(held, timing.retry_delay(held.message.receive_count))

    def _give_back(self, messages: Iterable[Held]) -> None:
        for held in messages:
            self._settlers[held.queue].give_back(held)

    def _close_settlers(self) -> None:
        for settler in self._settlers.values():
            settler.close()

    def _settler(self, queue: Queue) -> Settler:
        return Settler(queue=queue, hand=self._hand, settings=self._settings, on_fatal=self._fail)

    def _heartbeat(self, settler: Settler) -> Heartbeat:
        return Heartbeat(
            queue=settler.queue,
            hand=self._hand,
            settings=self._settings,
            visibility=settler.visibility,
            on_fatal=self._fail,
        )

    def _poller(self, queue: Queue) -> Poller:
        return Poller(
            queue=queue,
            hand=self._hand,
            settler=self._settlers[queue],
            settings=self._settings,
            tally=self.tally,
            budget=self._budget,
            wait=self._wait,
            ends_when_empty=self._ends_when_empty,
            stops=self._stops,
            on_poll=self._report_health,
            on_fatal=self._fail,
        )

    def _report_health(self) -> None:
        self._handler.slow.log()
        if self._handler.outage.is_on or self._hand.is_moving():
            touch(self._health_file)

    def _complete_after(self, polling: list[threading.Thread]) -> None:
        join(polling)
        self._hand.complete()

    def _fail(self, error: BaseException) -> None:
        self.error = self.error or error
        self.stop()

    def _leave(self) -> None:
        """End the process, although receivers still run."""
        running = self._hand.all()
        logger.error(
            "After %.0f s, %d messages were still being handled. They are given back to the queue",
            self._grace,
            len(running),
            extra={"anymail_queue": ", ".join(queue.name for queue in self.queues)},
        )
        self._give_back(running)
        self._close_settlers()
        time.sleep(LAST_REQUESTS_AFTER_GRACE)
        os._exit(1)

    def _start(self, name: str, function: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(
            target=self._guard, args=(function, *args), name=f"anymail-{name}", daemon=True
        )
        thread.start()
        return thread

    def _guard(self, function: Callable[..., None], *args: object) -> None:
        """Run one part; if it fails, stop the others."""
        try:
            function(*args)
        except BaseException as err:
            self._fail(err)


def join(threads: Iterable[threading.Thread], patience: float | None = None) -> None:
    """Wait for threads to end.

    :param patience: seconds for all of them together; None for ever.
    """
    end = None if patience is None else time.monotonic() + patience
    for thread in threads:
        thread.join(None if end is None else max(0.0, end - time.monotonic()))
