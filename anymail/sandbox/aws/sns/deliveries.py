"""Deliveries in the background: in order for each webhook, repeated as SNS repeats them.

Source: Amazon SNS Developer Guide, "Message delivery retries": server errors, 429 and missing
answers are repeated; other client errors are final. SNS repeats three times, 20 seconds apart. Here
it is as long, but sooner at first: a site that is being restarted is soon back.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Condition, Thread, current_thread
from typing import Literal

from ...journal import Attempt, Journal, Post, SesEvent
from ...servers import without_credentials
from .envelopes import SnsRequest
from .posting import Poster
from .subscriptions import Subscription

logger: logging.Logger = logging.getLogger(__name__)

#: How long to wait before each repetition, in seconds.
PAUSES = (1, 2, 4, 8, 15, 30)
#: How many may wait for one webhook; the oldest gives way.
MAX_WAITING = 1_000
TOO_MANY = f"Dropped: {MAX_WAITING} newer ones wait for this webhook."
#: How long a thread gets to end, in seconds.
GRACE = 0.5


State = Literal["delivered", "failed"]


def _ignore(attempt: Attempt) -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message on its way to one webhook.

    :param post: the journal's record of it; None for what need not be recorded.
    :param pauses: before each time that it may still be repeated.
    :param done: called with the last attempt.
    """

    subscription: Subscription
    request: SnsRequest
    post: Post | None = None
    pauses: Sequence[float] = PAUSES
    done: Callable[[Attempt], None] = field(default=_ignore, repr=False)


#: When it is due, in which order it came, and what it is.
Waiting = tuple[float, int, Delivery]


class Deliveries:
    """What waits to be posted. Each subscription has a thread while something waits for it.

    What has to be repeated later does not hold up what comes after it.

    :param retry_pause: seconds before the first repetition; those that follow are longer.
    """

    def __init__(self, journal: Journal, poster: Poster, *, retry_pause: float) -> None:
        self._journal = journal
        self._poster = poster
        self._retry_pause = retry_pause
        self._changed = Condition()
        self._lanes: dict[str, list[Waiting]] = {}
        self._numbers = itertools.count()
        self._threads: list[Thread] = []
        self._closed = False

    def send(
        self,
        subscription: Subscription,
        request: SnsRequest,
        event: SesEvent | None = None,
        *,
        done: Callable[[Attempt], None] = _ignore,
    ) -> None:
        """Post something soon, and record how that goes.

        :param event: what it is about, for the journal.
        :param done: called with the last attempt.
        """
        url = without_credentials(subscription.endpoint)
        post = Post(sns_id=request.id, topic_arn=subscription.topic_arn, url=url)
        self._journal.add_post(event, post)
        self.add(Delivery(subscription=subscription, request=request, post=post, done=done))

    def add(self, delivery: Delivery, *, delay: float = 0.0) -> None:
        """Post something when some time has passed.

        :param delay: in seconds.
        """
        due, lane = time.monotonic() + delay, delivery.subscription.arn
        with self._changed:
            if self._closed:
                return
            is_new = lane not in self._lanes
            waiting = self._lanes.setdefault(lane, [])
            heapq.heappush(waiting, (due, next(self._numbers), delivery))
            dropped = heapq.heappop(waiting)[2] if len(waiting) > MAX_WAITING else None
            self._changed.notify_all()
            if is_new:
                thread = Thread(target=self._work, args=[lane], name="sns", daemon=True)
                self._threads = [*filter(Thread.is_alive, self._threads), thread]
                thread.start()
        if dropped is not None:
            self._end(dropped, Attempt(status=None, error=TOO_MANY))

    def close(self) -> None:
        """Forget what waits, and end what is being posted. Takes a moment at the most."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._poster.close()
        for thread in self._threads:
            if thread is not current_thread():
                thread.join(GRACE)

    def _work(self, lane: str) -> None:
        while (delivery := self._next(lane)) is not None:
            try:
                self._carry(delivery)
            except Exception:  # what comes after it has to go on
                logger.exception(
                    "A delivery of the sandbox failed",
                    extra={"anymail_topic": delivery.subscription.topic_arn},
                )

    def _next(self, lane: str) -> Delivery | None:
        """Wait for what is due next; None if there is nothing, and the thread is to end."""
        with self._changed:
            waiting = self._lanes[lane]
            while waiting and not self._closed:
                pause = waiting[0][0] - time.monotonic()
                if pause <= 0:
                    return heapq.heappop(waiting)[2]
                self._changed.wait(pause)
            del self._lanes[lane]
            return None

    def _carry(self, delivery: Delivery) -> None:
        request = delivery.request
        attempt = self._poster.post(delivery.subscription.endpoint, request.body, request.headers)
        if self._closed:
            return
        if not delivery.pauses or not is_temporary(attempt):
            self._end(delivery, attempt)
            return
        if delivery.post is not None:
            self._journal.add_attempt(delivery.post, attempt, "retrying")
        pause, *pauses = delivery.pauses
        self.add(replace(delivery, pauses=pauses), delay=pause * self._retry_pause)

    def _end(self, delivery: Delivery, attempt: Attempt) -> None:
        if delivery.post is not None:
            state: State = "delivered" if attempt.succeeded else "failed"
            self._journal.add_attempt(delivery.post, attempt, state)
        delivery.done(attempt)
        if delivery.post is None:  # the page shows how webhooks answer to requests to confirm
            self._journal.note_change()


def is_temporary(attempt: Attempt) -> bool:
    """Whether SNS tries again after such an answer."""
    return attempt.status is None or attempt.status == 429 or 500 <= attempt.status < 600
