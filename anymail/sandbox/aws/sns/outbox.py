"""Post SNS messages to webhooks: in order for each webhook, with SNS's retries.

Source: Amazon SNS Developer Guide, "Message delivery retries" and "Prerequisites for HTTP/S
endpoints". Server errors, 429 and missing responses are retried; other client errors are final.
SNS retries three times, 20 seconds apart. Here the retries take as long altogether, but begin
sooner: a site that is being restarted is soon back.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import requests
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import NewConnectionError

from ...journal import Attempt, Journal, Post, SesEvent
from ...servers import is_loopback, without_credentials
from ..schedule import Schedule
from .request import SnsRequest

if TYPE_CHECKING:
    from .backend import Subscription

logger: logging.Logger = logging.getLogger(__name__)

#: SNS waits this many seconds for a response.
TIMEOUT = 15.0
#: At most this much of a response's body is read.
MAX_RESPONSE = 64 * 1024
#: Seconds before each retry.
PAUSES = (1, 2, 4, 8, 15, 30)
#: How many messages may wait for one webhook. Then the oldest is dropped.
MAX_WAITING = 1_000


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A request on its way to a webhook.

    :param pauses: seconds before each retry that is left.
    :param done: called with the last attempt.
    """

    subscription: Subscription
    request: SnsRequest
    post: Post
    pauses: Sequence[float]
    done: Callable[[Attempt], object] = field(repr=False)


class Outbox:
    """Requests to webhooks. Each webhook has a thread while something waits for it.

    A request that is to be retried later does not hold up those after it.

    :param retry_pause: seconds before the first retry; later pauses are longer.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        allow_remote: bool,
        retry_pause: float,
        timeout: float,
    ) -> None:
        self._journal = journal
        self._schedule = Schedule()
        self._allow_remote = allow_remote
        self._retry_pause = retry_pause
        self._timeout = timeout
        self._lock = Lock()
        self._queues: dict[str, deque[Delivery]] = {}
        self._closed = False

    def send(
        self,
        subscription: Subscription,
        request: SnsRequest,
        event: SesEvent | None = None,
        *,
        pauses: Sequence[float] = PAUSES,
        done: Callable[[Attempt], object] = lambda attempt: None,
    ) -> None:
        """Post a request in the background.

        :param event: the event that it is about, for the journal.
        :param pauses: seconds before each retry.
        :param done: called with the last attempt.
        """
        url = without_credentials(subscription.endpoint)
        post = Post(sns_id=request.id, topic_arn=subscription.topic_arn, url=url)
        self._journal.add_post(event, post)
        self._add(
            Delivery(
                subscription=subscription, request=request, post=post, pauses=pauses, done=done
            )
        )

    def close(self) -> None:
        """Post nothing more. Does not wait for the responses to what is being posted."""
        self._closed = True
        self._schedule.close()

    def later(
        self, pause: float, run: Callable[[], object], *, at_most: float = float("inf")
    ) -> None:
        """Run something after a pause.

        :param pause: as a multiple of ``retry_pause``.
        :param at_most: in seconds.
        """
        self._schedule.add(min(pause * self._retry_pause, at_most), run)

    def _add(self, delivery: Delivery) -> None:
        name, dropped = delivery.subscription.arn, None
        with self._lock:
            is_idle = name not in self._queues
            queue = self._queues.setdefault(name, deque())
            queue.append(delivery)
            if len(queue) > MAX_WAITING:
                dropped = queue.popleft()
        if is_idle:
            Thread(target=self._work, args=[name], name="sns", daemon=True).start()
        if dropped is not None:
            error = f"Dropped: {MAX_WAITING} newer messages wait for this webhook."
            self._finish(dropped, Attempt(status=None, error=error))

    def _work(self, name: str) -> None:
        while (delivery := self._next(name)) is not None:
            try:
                self._deliver(delivery)
            except Exception:
                logger.exception(
                    "A delivery of the sandbox failed",
                    extra={"anymail_topic": delivery.subscription.topic_arn},
                )

    def _next(self, name: str) -> Delivery | None:
        with self._lock:
            if self._queues[name] and not self._closed:
                return self._queues[name].popleft()
            del self._queues[name]
            return None

    def _deliver(self, delivery: Delivery) -> None:
        attempt = self._post(delivery.subscription.endpoint, delivery.request)
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

    def _post(self, url: str, request: SnsRequest) -> Attempt:
        """Post without credentials, and again with them if the webhook asks for them."""
        parts, challenged = urlsplit(url), False
        credentials = (unquote(found or "").encode() for found in (parts.username, parts.password))
        if not (self._allow_remote or is_loopback(parts.hostname or "")):
            # Where the name leads to has changed since it was subscribed.
            return Attempt(status=None, error=f"{parts.hostname} is not on this machine.")
        try:
            response = self._exchange(url, request)
            challenge = response.headers.get("WWW-Authenticate", "").lower()
            challenged = response.status_code == 401 and challenge.startswith("basic")
            if challenged and parts.username is not None:
                response = self._exchange(url, request, HTTPBasicAuth(*credentials))
        except (OSError, ValueError) as err:  # requests' errors are OSErrors
            return Attempt(status=None, error=self._reason(err), challenged=challenged)
        return Attempt(status=response.status_code, challenged=challenged)

    def _exchange(
        self, url: str, request: SnsRequest, auth: HTTPBasicAuth | None = None
    ) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False  # no proxies, no ~/.netrc
            response = session.post(
                without_credentials(url),
                data=request.body,
                headers=dict(request.headers),
                auth=auth,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
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
