"""Post SNS messages to webhooks: in order for each webhook, with SNS's retries.

Source: Amazon SNS Developer Guide, "Message delivery retries" and "Prerequisites for HTTP/S
endpoints". Server errors, 429 and missing responses are retried; other client errors are final.
SNS retries three times, 20 seconds apart. Here the retries take as long altogether, but begin
sooner: a site that is being restarted is soon back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from threading import Lock, Thread
from time import monotonic
from typing import Any

import requests
from requests.utils import get_auth_from_url
from urllib3.exceptions import NewConnectionError

from ...journal import Attempt, Journal, Post, SesEvent
from ...servers import without_credentials
from ..schedule import Schedule

#: SNS waits this many seconds for a response.
TIMEOUT = 15.0
#: At most this much of a response's body is read.
MAX_RESPONSE = 64 * 1024
#: Seconds before each retry.
PAUSES = (1, 2, 4, 8, 15, 30)
#: How many messages may wait for one webhook.
MAX_WAITING = 1_000


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message on its way to a webhook.

    :param url: with user name and password if the webhook asks for them.
    :param post: what the journal knows of it.
    :param pauses: seconds before each retry that is left.
    :param done: called with the last attempt.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    post: Post
    pauses: Sequence[float] = PAUSES
    done: Callable[[Attempt], object] = lambda attempt: None


class Outbox:
    """Messages to webhooks. Each webhook has a thread while something waits for it.

    A message that is to be retried later does not hold up those after it.

    :param retry_pause: seconds before the first retry; later pauses are longer.
    :param timeout: seconds that a webhook has to respond.
    """

    def __init__(self, journal: Journal, *, retry_pause: float, timeout: float) -> None:
        self._journal = journal
        self._schedule = Schedule()
        self._retry_pause = retry_pause
        self._timeout = timeout
        self._lock = Lock()
        self._queues: dict[str, deque[Delivery]] = {}
        self._closed = False

    def send(self, delivery: Delivery, event: SesEvent | None) -> None:
        """Post a message in the background.

        :param event: the event that it is about, for the journal.
        """
        self._journal.add_post(event, delivery.post)
        self._add(delivery)

    def later(self, pause: float, run: Callable[[], object]) -> None:
        """Run something after a pause, which is a multiple of ``retry_pause``."""
        self._schedule.add(pause * self._retry_pause, run)

    def close(self) -> None:
        """Post nothing more. Does not wait for the responses to what is being posted."""
        self._closed = True
        self._schedule.close()

    def _add(self, delivery: Delivery) -> None:
        with self._lock:
            is_idle = delivery.url not in self._queues
            queue = self._queues.setdefault(delivery.url, deque())
            dropped = queue.popleft() if len(queue) >= MAX_WAITING else None
            queue.append(delivery)
        if is_idle:
            Thread(target=self._work, args=[delivery.url], name="sns", daemon=True).start()
        if dropped is not None:
            error = f"Dropped: {MAX_WAITING} newer messages wait for this webhook."
            self._finish(dropped, Attempt(status=None, error=error))

    def _work(self, url: str) -> None:
        while (delivery := self._next(url)) is not None:
            self._deliver(delivery)

    def _next(self, url: str) -> Delivery | None:
        with self._lock:
            if self._queues[url] and not self._closed:
                return self._queues[url].popleft()
            del self._queues[url]
            return None

    def _deliver(self, delivery: Delivery) -> None:
        attempt = self._post(delivery)
        is_temporary = attempt.status is None or attempt.status == 429 or attempt.status >= 500
        if self._closed:
            return
        if not delivery.pauses or not is_temporary:
            self._finish(delivery, attempt)
            return
        self._journal.add_attempt(delivery.post, attempt, "retrying")
        pause, *pauses = delivery.pauses
        self.later(pause, partial(self._add, replace(delivery, pauses=pauses)))

    def _finish(self, delivery: Delivery, attempt: Attempt) -> None:
        delivery.done(attempt)
        self._journal.add_attempt(
            delivery.post, attempt, "delivered" if attempt.succeeded else "failed"
        )

    def _post(self, delivery: Delivery) -> Attempt:
        """Post without credentials, and again with them if the webhook asks for them."""
        user, password = get_auth_from_url(delivery.url)
        challenged = False
        try:
            response = self._exchange(delivery)
            challenge = response.headers.get("WWW-Authenticate", "").lower()
            challenged = response.status_code == 401 and challenge.startswith("basic")
            if challenged and user:
                response = self._exchange(delivery, auth=(user.encode(), password.encode()))
        except Exception as err:  # whatever a URL or a webhook leads to: others must not wait
            return Attempt(status=None, error=self._reason(err), challenged=challenged)
        return Attempt(status=response.status_code, challenged=challenged)

    def _exchange(self, delivery: Delivery, **options: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False  # no proxies, no ~/.netrc
            response = session.post(
                without_credentials(delivery.url),
                data=delivery.body,
                headers=dict(delivery.headers),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
                **options,
            )
            self._read(response)
            return response

    def _read(self, response: requests.Response) -> None:
        # The timeout of requests is for each read: it takes single bytes to see that time is over.
        end = monotonic() + self._timeout
        for _ in islice(response.iter_content(1), MAX_RESPONSE):
            if monotonic() > end:
                raise requests.Timeout

    def _reason(self, err: Exception) -> str:
        cause: Any = err.args[0] if err.args else None
        if isinstance(err, requests.Timeout):
            return f"No answer within {self._timeout:g} seconds."
        if isinstance(getattr(cause, "reason", None), NewConnectionError):
            return "Nothing listens there."
        return f"{type(err).__name__}: {err}"
