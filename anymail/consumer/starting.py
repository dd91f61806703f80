"""Before there is a consumer: its queues are looked up, and it may already be told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait

from ..amazon_ses import sqs
from ..amazon_ses.sqs import Queue
from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError
from .consumer import Consumer
from .timing import pause

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds between two checks whether to stop, while AWS has not answered.
PATIENCE = 0.1


class Stop:
    """A request to stop, which may come before there is a consumer."""

    def __init__(self) -> None:
        self.is_requested: threading.Event = threading.Event()
        self._consumer: Consumer | None = None

    def request(self) -> None:
        """Stop the consumer, or begin none."""
        self.is_requested.set()
        if self._consumer is not None:
            self._consumer.stop()

    def pass_to(self, consumer: Consumer) -> None:
        """From now on stop this consumer; at once if that was requested before."""
        self._consumer = consumer
        if self.is_requested.is_set():
            consumer.stop()


def find_queues(
    names: Iterable[str],
    settings: AmazonSESSettings,
    *,
    stops: threading.Event,
    on_failure: Callable[[], None],
) -> list[Queue] | None:
    """Look up queues, again and again until AWS answers.

    :param stops: set when it is to stop.
    :param on_failure: called whenever AWS does not answer.
    :return: None if it is to stop before all are found.
    :raises AnymailConfigurationError: a name cannot be one of a standard queue.
    :raises AnymailAPIError: AWS refuses for good.
    """
    found: Future[list[Queue]] = Future()

    def find() -> None:
        try:
            found.set_result([_find(name, settings, stops, on_failure) for name in names])
        except BaseException as err:
            found.set_exception(err)

    # Not in this thread: a request may wait half a minute for its answer.
    threading.Thread(target=find, name="anymail-start", daemon=True).start()
    while not (found.done() or stops.is_set()):
        wait([found], PATIENCE)
    return None if stops.is_set() else found.result()


def _find(
    name: str,
    settings: AmazonSESSettings,
    stops: threading.Event,
    on_failure: Callable[[], None],
) -> Queue:
    failures = 0
    while True:
        try:
            return sqs.find_queue(name, settings)
        except AnymailAPIError as err:
            if sqs.is_fatal(err) or stops.is_set():
                raise
            failures += 1
            on_failure()
            seconds = pause(failures)
            about = {"anymail_error_code": err.error_code}
            logger.warning("Trying again in %.0f s: %s", seconds, err, extra=about)
            stops.wait(seconds)
