"""Confirmations: webhooks are asked whether they want what a topic sends."""

from __future__ import annotations

from ...journal import Attempt
from ..api import ApiError
from .deliveries import Deliveries, Delivery
from .envelopes import SnsRequest, confirmation, sns_request
from .signing import SigningKey
from .subscriptions import Subscription, Subscriptions
from .topics import find_topic

#: How long to wait at most before a site is asked again, in seconds.
MAX_PAUSE = 2.0


class Confirmations:
    """Posts the requests to confirm.

    :param retry_pause: seconds before a site that is not there is asked again.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        deliveries: Deliveries,
        key: SigningKey,
        *,
        retry_pause: float,
    ) -> None:
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._key = key
        self._retry_pause = retry_pause

    def ask(self, subscription: Subscription, *, keep_trying: bool) -> None:
        """Ask in the background.

        :param keep_trying: ask again and again while the site is not there, or refuses.
        """
        if keep_trying:
            self._ask_again(subscription, refusals=0, delay=0.0)
        else:
            self._deliveries.send(
                subscription,
                self._request(subscription),
                done=lambda attempt: _remember(subscription, attempt),
            )

    def _ask_again(self, subscription: Subscription, *, refusals: int, delay: float) -> None:
        """Ask with a new message: the old one may be too old for the site by now."""

        def done(attempt: Attempt) -> None:
            _remember(subscription, attempt)
            is_known = self._subscriptions.get(subscription.arn) is not None
            if attempt.succeeded or subscription.is_confirmed or not is_known:
                return
            # A site that is being started is asked often; one that refuses, less and less.
            count = 0 if attempt.status is None else min(refusals + 1, 10)
            pause = min(self._retry_pause * 2**count, MAX_PAUSE)
            self._ask_again(subscription, refusals=count, delay=pause)

        try:
            request = self._request(subscription)
        except ApiError:  # the topic is gone
            return
        delivery = Delivery(subscription=subscription, request=request, pauses=(), done=done)
        self._deliveries.add(delivery, delay=delay)

    def _request(self, subscription: Subscription) -> SnsRequest:
        topic = find_topic(subscription.topic_arn)
        signed = confirmation(topic.arn, subscription.token, self._key, topic.signature_version)
        return sns_request(signed, None)


def _remember(subscription: Subscription, attempt: Attempt) -> None:
    subscription.last_attempt = attempt
