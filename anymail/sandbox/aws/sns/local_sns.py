"""Amazon SNS: moto's, which posts signed messages to webhooks, and tries again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from moto.core.exceptions import ServiceException
from moto.sns.models import sns_backends

from ....amazon_ses.sns import TOPIC_ARN
from ...journal import Attempt, Journal, SesEvent
from ..api import ApiError
from ..defaults import ACCOUNT, REGION
from .backend import LocalSnsBackend, Subscription
from .outbox import TIMEOUT, Outbox
from .signing_key import SigningKey


class LocalSns:
    """SNS in every region of the account. There can be one at a time: moto's state is global.

    :param key: signs the messages.
    :param retry_pause: seconds before the first retry; later pauses are longer.
    :param allow_remote: webhooks may be on other machines.
    :param timeout: seconds that a webhook has to respond.
    """

    def __init__(
        self,
        journal: Journal,
        key: SigningKey,
        *,
        retry_pause: float = 1.0,
        allow_remote: bool = False,
        timeout: float = TIMEOUT,
    ) -> None:
        self._outbox = Outbox(
            journal, allow_remote=allow_remote, retry_pause=retry_pause, timeout=timeout
        )
        # moto makes the backend of a region when it is first used.
        make_backend: Any = partial(
            LocalSnsBackend, key=key, outbox=self._outbox, allow_remote=allow_remote
        )
        self._regions: Any = sns_backends[ACCOUNT]
        self._regions.backend = make_backend
        self._regions.clear()

    def publish(
        self,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        event: SesEvent | None = None,
    ) -> str:
        """Publish a message to everybody who is subscribed; webhooks get it in the background.

        :param event: the event that it is about, for the journal.
        :return: the ``MessageId``, the same for all of them.
        :raises ApiError: there is no such topic, or SNS does not accept the message.
        """
        with self._backend(topic_arn) as backend:
            return backend.publish(message, topic_arn, subject=subject, event=event)

    def subscribe(self, topic_arn: str, url: str) -> None:
        """Subscribe a webhook, and ask it in the background to confirm until it does.

        :param url: with user name and password if it asks for them.
        :raises ApiError: there is no such topic, or the URL is not allowed.
        """
        with self._backend(topic_arn) as backend:
            found = backend.subscribe(topic_arn, url, url.partition(":")[0])
        found.ask(until_confirmed=True)

    def check_topic(self, topic_arn: str) -> None:
        """Refuse a topic that does not exist.

        :raises ApiError: it does not.
        """
        with self._backend(topic_arn) as backend:
            backend.get_topic(topic_arn)

    def webhooks(self) -> list[Subscription]:
        """Every webhook that is subscribed, the oldest first."""
        return [found for region in list(self._regions.values()) for found in region.webhooks()]

    def is_confirmed(self, topic_arn: str, url: str) -> bool:
        found = self._find(topic_arn, url)
        return found is not None and found.is_confirmed

    def last_attempt(self, topic_arn: str, url: str) -> Attempt | None:
        """How a webhook responded when it was last asked to confirm."""
        found = self._find(topic_arn, url)
        return None if found is None else found.last_attempt

    def close(self) -> None:
        """Post nothing more."""
        self._outbox.close()

    def _find(self, topic_arn: str, url: str) -> Subscription | None:
        wanted = (topic_arn, url)
        return next((w for w in self.webhooks() if (w.topic_arn, w.endpoint) == wanted), None)

    @contextmanager
    def _backend(self, topic_arn: str) -> Iterator[LocalSnsBackend]:
        region = topic_arn.split(":")[3] if TOPIC_ARN.fullmatch(topic_arn) else REGION
        if region not in self._regions:
            raise ApiError("NotFound", f"The sandbox has no region {region}", 404)
        try:
            yield self._regions[region]
        except ServiceException as err:
            raise ApiError(err.code, err.message) from err
