"""Amazon SNS for webhooks: subscriptions that have to be confirmed, signed posts, retries.

moto has the topics, and the subscribers that are not webhooks. Source: Amazon SNS Developer Guide,
"Fanout to HTTP/S endpoints".
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from ...journal import Attempt, Journal, SesEvent
from ..api import ApiAnswer, ApiRequest
from . import sns_api
from .confirmations import Confirmations
from .deliveries import Deliveries
from .envelopes import farewell, notification, sns_request
from .posting import TIMEOUT, Poster
from .publications import Publication, check_publication
from .signing import SigningKey
from .subscriptions import Subscription, Subscriptions, check_endpoint
from .topics import find_topic, hand_over


class LocalSns:
    """Posts what is published to the webhooks that are subscribed. Safe to use from threads.

    :param key: what it signs with.
    :param retry_pause: seconds before the first repetition; those that follow are longer.
    :param allow_remote: webhooks may be on other machines.
    :param timeout: how long a webhook has to answer, in seconds.
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
        self.subscriptions: Subscriptions = Subscriptions()
        self.allow_remote = allow_remote
        self._key = key
        poster = Poster(allow_remote=allow_remote, timeout=timeout)
        self._deliveries = Deliveries(journal, poster, retry_pause=retry_pause)
        self._confirmations = Confirmations(
            self.subscriptions, self._deliveries, key, retry_pause=retry_pause
        )

    def answer(self, request: ApiRequest) -> ApiAnswer | None:
        """Answer a call of the API; None if that is moto's business.

        :raises ApiError: SNS refuses.
        """
        return sns_api.answer(self, request) if request.service == "sns" else None

    def publish(self, publication: Publication, event: SesEvent | None = None) -> str:
        """Send a message to everybody who is subscribed; webhooks get it in the background.

        :param event: what it is about, for the journal.
        :return: the ``MessageId``, the same for all of them.
        :raises ApiError: there is no such topic, or SNS does not accept the message.
        """
        topic = find_topic(publication.topic_arn)
        check_publication(publication, topic.max_size)
        id, version = str(uuid.uuid4()), topic.signature_version

        def envelope(protocol: str, subscription_arn: str) -> dict[str, Any]:
            return notification(
                publication,
                id=id,
                protocol=protocol,
                subscription_arn=subscription_arn,
                key=self._key,
                version=version,
            )

        for found in self.subscriptions.of_topic(topic.arn):
            if found.is_confirmed:
                signed = envelope(found.protocol, found.arn)
                self._deliveries.send(
                    found, sns_request(signed, found.arn, is_raw=found.is_raw), event
                )
        hand_over(publication, id, envelope)
        return id

    def subscribe(
        self,
        topic_arn: str,
        url: str,
        attributes: Mapping[str, str] | None = None,
        *,
        keep_trying: bool = False,
    ) -> Subscription:
        """Subscribe a webhook, which is asked in the background to confirm that.

        :param url: with user name and password if it asks for them.
        :param keep_trying: ask again and again while it is not there, or refuses.
        :return: the subscription, also if there was one already.
        :raises ApiError: there is no such topic, or the URL is not allowed.
        """
        find_topic(topic_arn)
        check_endpoint(url, allow_remote=self.allow_remote)
        subscription = self.subscriptions.add(topic_arn, url, attributes or {})
        if not subscription.is_confirmed:
            self._confirmations.ask(subscription, keep_trying=keep_trying)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; the webhook is told."""
        self.subscriptions.remove(subscription)
        if subscription.is_confirmed:
            topic = find_topic(subscription.topic_arn)
            arn, version = subscription.arn, topic.signature_version
            envelope = farewell(topic.arn, subscription.token, arn, self._key, version)
            self._deliveries.send(subscription, sns_request(envelope, arn))

    def webhooks(self) -> list[Subscription]:
        """Every webhook that is subscribed, the oldest first."""
        return self.subscriptions.all()

    def is_confirmed(self, topic_arn: str, url: str) -> bool:
        """Whether a webhook has confirmed that it wants what a topic sends."""
        found = self._find(topic_arn, url)
        return found is not None and found.is_confirmed

    def last_attempt(self, topic_arn: str, url: str) -> Attempt | None:
        """How a webhook answered when it was last asked to confirm."""
        found = self._find(topic_arn, url)
        return None if found is None else found.last_attempt

    def close(self) -> None:
        """Post nothing any more. Nobody is waited for."""
        self._deliveries.close()

    def _find(self, topic_arn: str, url: str) -> Subscription | None:
        of_topic = self.subscriptions.of_topic(topic_arn)
        return next((found for found in of_topic if found.endpoint == url), None)
