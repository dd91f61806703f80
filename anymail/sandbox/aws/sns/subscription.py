"""Subscriptions of webhooks and queues: what they get is signed, and posted until it arrives.

Source: Amazon SNS Developer Guide, "Parsing message formats" and "Message delivery retries". Server
errors, 429 and missing responses are retried; other client errors are final. SNS retries three
times, 20 seconds apart. Here the retries take as long altogether, but begin sooner: a site that is
being restarted is soon back.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Sequence
from functools import partial
from queue import Empty, Full, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

from moto.sns import models

from ....amazon_ses.sns import NOTIFICATION
from ....testing.sns import confirmation_fields, notification_fields, sns_url
from ...journal import Attempt, Post, SesEvent
from ...servers import without_credentials
from ..queues import check_room_for_message
from .posting import post_to_webhook

if TYPE_CHECKING:
    from .local_sns import LocalSns

logger: logging.Logger = logging.getLogger(__name__)

Fields = dict[str, Any]
Pauses = Sequence[float]
#: Seconds before each retry.
PAUSES: Pauses = (1, 2, 4, 8, 15, 30)
#: Seconds until a webhook that refuses, or does not respond, is asked to confirm again.
ASK_AGAIN = 2
#: How many messages may wait for one webhook.
MAX_WAITING = 1_000
#: Why a webhook may have answered the request to confirm like this.
REASONS = {
    200: "is AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS off?",
    400: "does it have the sandbox's settings, and was it restarted since?",
    401: "is its WEBHOOK_SECRET a different one?",
    403: "is its WEBHOOK_SECRET a different one?",
    404: "does it have webhooks?",
    500: "do its settings have the address of this sandbox?",
    503: "does it have the sandbox's settings, and was it restarted since?",
}


class Subscription(models.Subscription):
    """A subscription. Each webhook has a thread, which posts one message after the other.

    A message that is to be retried later does not hold up those after it.

    :param last_attempt: how the webhook responded to what was posted last.
    """

    last_attempt: Attempt | None = None

    def __init__(self, original: models.Subscription, sns: LocalSns) -> None:
        super().__init__(original.account_id, original.topic, original.endpoint, original.protocol)
        self.arn: str = original.arn
        pending = {"PendingConfirmation": self.is_webhook}
        self.attributes: dict[str, Any] = {**original.attributes, **pending}
        self.token: str = f"2336412f37{secrets.token_hex(123)}"
        self._sns = sns
        self._queue: Queue[tuple[Fields, Post, Pauses]] = Queue(MAX_WAITING)
        if self.is_webhook:
            Thread(target=self._work, name="sns", daemon=True).start()

    @property
    def is_webhook(self) -> bool:
        return self.protocol in ("http", "https")

    @property
    def is_confirmed(self) -> bool:
        return not self.attributes["PendingConfirmation"]

    @property
    def subscription_arn(self) -> str:
        """As lists of subscriptions have it."""
        return self.arn if self.is_confirmed else "PendingConfirmation"

    @property
    def url(self) -> str:
        """Of the webhook, without user name and password."""
        return without_credentials(self.endpoint)

    @property
    def trouble(self) -> str:
        """Why the webhook gets nothing, as far as is known; empty if it does."""
        attempt = self.last_attempt
        # A webhook that takes the request to confirm need not confirm.
        if attempt is None or (self.is_confirmed and attempt.succeeded):
            return ""
        if attempt.status is None:
            return attempt.error.rstrip(".")
        reason = "" if self.is_confirmed else REASONS.get(attempt.status)
        return f"it answered {attempt.status}" + (f": {reason}" if reason else "")

    def publish(  # type: ignore[override]
        self,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        message_structure: str | None = None,
        event: SesEvent | None = None,
        **for_fifo_topics: Any,
    ) -> None:
        """Deliver a message, if the subscription is confirmed and its filter policy accepts it.

        :param event: the event that the message is about, for the journal.
        """
        attributes, matcher = message_attributes or {}, self._filter_policy_matcher
        if message_structure == "json":
            message = self._parse_message_structure(message, self.protocol)
        if not self.is_webhook:
            self._send_to_queue(message, message_id, subject, attributes)
        elif self.is_confirmed and (matcher is None or matcher.matches(attributes, message)):
            self._send(self.get_post_data(message, message_id, subject, attributes), event)

    def get_post_data(
        self,
        message: str,
        message_id: str,
        subject: str | None,
        message_attributes: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The signed message. (moto does not sign the subject.)"""
        fields = notification_fields(self.topic_arn, message, subject=subject)
        more = {"MessageAttributes": message_attributes} if message_attributes else {}
        url = f"{sns_url(self.topic_arn)}?Action=Unsubscribe&SubscriptionArn={self.arn}"
        return {**self._sign({**fields, "MessageId": message_id}), "UnsubscribeURL": url, **more}

    def _sign(self, fields: dict[str, Any]) -> dict[str, Any]:
        version = getattr(self.topic, "signature_version", None)
        return self._sns.key.sign(fields, version if version in ("1", "2") else "1")

    def _send_to_queue(self, *message: Any) -> None:
        try:
            check_room_for_message()
            super().publish(*message)
        except Exception as err:  # of moto's SQS; other subscribers get the message all the same
            logger.warning(
                "SNS cannot deliver to %s: %s",
                self.endpoint,
                err,
                extra={"anymail_topic": self.topic_arn, "anymail_error_code": type(err).__name__},
            )

    def _send(self, fields: Fields, event: SesEvent | None = None, pauses: Pauses = PAUSES) -> None:
        """Post a signed message to the webhook, in the background.

        :param pauses: before each retry.
        """
        post = Post(sns_id=fields["MessageId"], topic_arn=self.topic_arn, url=self.url)
        self._sns.journal.add_post(event, post)
        self._add(fields, post, pauses)

    def _add(self, fields: Fields, post: Post, pauses: Pauses) -> None:
        if self._has_ended():
            return
        try:
            self._queue.put_nowait((fields, post, pauses))
        except Full:
            error = f"Dropped: {MAX_WAITING} messages wait for this webhook already."
            self._sns.journal.add_attempt(post, Attempt(status=None, error=error), "failed")

    def _work(self) -> None:
        self._ask()
        while not self._has_ended():
            try:
                self._deliver(*self._queue.get(timeout=ASK_AGAIN * self._sns.retry_pause))
            except Empty:
                if self.last_attempt and not self.last_attempt.succeeded:
                    self._ask()

    def _ask(self) -> None:
        """Ask the webhook to confirm, with a new request: an old one may be too old by then."""
        if not self.is_confirmed:
            self._send(self._sign(confirmation_fields(self.topic_arn, self.token)), pauses=())

    def _has_ended(self) -> bool:
        return self._sns.is_closed or self.arn not in self.topic.sns_backend.subscriptions

    def _deliver(self, fields: Fields, post: Post, pauses: Pauses) -> None:
        headers, body = self._request(fields)
        attempt = post_to_webhook(self.endpoint, headers, body, self._sns.timeout)
        if self._has_ended():
            return
        self.last_attempt = attempt
        is_temporary = attempt.status is None or attempt.status == 429 or attempt.status >= 500
        if is_temporary and pauses:
            self._sns.journal.add_attempt(post, attempt, "retrying")
            retry = partial(self._add, fields, post, pauses[1:])
            self._sns.schedule.add(pauses[0] * self._sns.retry_pause, retry)
        else:
            self._sns.journal.add_attempt(
                post, attempt, "delivered" if attempt.succeeded else "failed"
            )

    def _request(self, fields: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """Headers and body of the request for a message."""
        is_notification = fields["Type"] == NOTIFICATION
        is_raw = is_notification and self.attributes["RawMessageDelivery"]
        body = fields["Message"] if is_raw else json.dumps(fields, ensure_ascii=False, indent=2)
        headers = {
            "x-amz-sns-message-type": fields["Type"],
            "x-amz-sns-message-id": fields["MessageId"],
            "x-amz-sns-topic-arn": self.topic_arn,
            **({"x-amz-sns-subscription-arn": self.arn} if is_notification else {}),
            **({"x-amz-sns-rawdelivery": "true"} if is_raw else {}),
            "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": "Amazon Simple Notification Service Agent",
        }
        return headers, body.encode()
