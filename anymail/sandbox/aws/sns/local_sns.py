"""Amazon SNS: moto's, with webhooks that confirm and get signed messages.

Source: Amazon SNS Developer Guide, "Fanout to HTTP/S endpoints" and "Parsing message formats".
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.sns import models
from moto.sns.exceptions import InvalidParameterValue, TopicNotFound
from moto.sns.responses import SNSResponse

from ....amazon_ses.sns import NOTIFICATION, TOPIC_ARN
from ....testing.sns import confirmation_fields, notification_fields, sns_url
from ... import SandboxError
from ...journal import Attempt, Journal, Post, SesEvent
from ...servers import check_site, without_credentials
from ..api import ApiError
from ..bounds import check_room_for_message
from ..defaults import ACCOUNT, REGION
from .outbox import TIMEOUT, Delivery, Outbox
from .signing_key import SigningKey

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds until a webhook that refuses, or does not respond, is asked again to confirm.
ASK_AGAIN = 2.0
#: The characters of RFC 3986.
URL = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,2048}")


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
        self.key = key
        self.allow_remote = allow_remote
        self.outbox = Outbox(journal, retry_pause=retry_pause, timeout=timeout)
        self._regions: Any = models.sns_backends[ACCOUNT]
        # moto makes the backend of a region when it is first used.
        make_backend: Any = partial(LocalSnsBackend, sns=self)
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
            backend.subscribe(topic_arn, url, url.partition(":")[0]).ask()

    def webhooks(self) -> list[Subscription]:
        """Every webhook that is subscribed, the oldest first."""
        return [
            found
            for backend in list(self._regions.values())
            for found in list(backend.subscriptions.values())
            if found.is_webhook
        ]

    def find(self, topic_arn: str, url: str) -> Subscription | None:
        """The subscription of a webhook."""
        wanted = (topic_arn, url)
        return next((w for w in self.webhooks() if (w.topic_arn, w.endpoint) == wanted), None)

    def is_confirmed(self, topic_arn: str, url: str) -> bool:
        found = self.find(topic_arn, url)
        return found is not None and found.is_confirmed

    def close(self) -> None:
        """Post nothing more."""
        self.outbox.close()

    @contextmanager
    def _backend(self, topic_arn: str) -> Iterator[LocalSnsBackend]:
        region = topic_arn.split(":")[3] if TOPIC_ARN.fullmatch(topic_arn) else REGION
        if region not in self._regions:
            raise ApiError("NotFound", f"The sandbox has no region {region}", 404)
        try:
            yield self._regions[region]
        except ServiceException as err:
            raise ApiError(err.code, err.message) from err


class LocalSnsBackend(models.SNSBackend):
    """The topics and subscriptions of one region."""

    def __init__(self, region: str, account_id: str, sns: LocalSns) -> None:
        super().__init__(region, account_id)
        self.subscriptions: OrderedDict[str, Any]
        self._sns = sns

    @property
    def url_paths(self) -> dict[str, Any]:
        return {"/$": LocalSnsResponse.dispatch}

    def get_topic(self, arn: str | None) -> models.Topic:
        if not (arn and TOPIC_ARN.fullmatch(arn)):  # SES cannot use FIFO topics
            raise _invalid("TopicArn")
        if arn not in self.topics:
            raise TopicNotFound
        return self.topics[arn]

    def subscribe(self, topic_arn: str, endpoint: str, protocol: str) -> Subscription:
        """Subscribe a webhook or a queue; one that is subscribed already stays as it is."""
        if protocol not in ("http", "https", "sqs"):
            raise _invalid("Protocol Reason: the sandbox has http, https and sqs")
        if protocol != "sqs":
            self._check_url(endpoint, protocol)
        found = super().subscribe(topic_arn, endpoint, protocol)
        if not isinstance(found, Subscription):
            found = Subscription(found, self._sns)
            self.subscriptions[found.arn] = found
        return found

    def subscribed(self, topic_arn: str | None) -> list[Subscription]:
        """Everybody who is subscribed to a topic."""
        topic, everybody = self.get_topic(topic_arn), list(self.subscriptions.values())
        return [found for found in everybody if found.topic is topic]

    def publish(  # type: ignore[override]
        self, message: str, arn: str | None, phone_number: str | None = None, **options: Any
    ) -> str:
        """Deliver a message to everybody who is subscribed to a topic.

        :param options: of :meth:`Subscription.publish`.
        """
        subscribed, message_id = self.subscribed(arn), str(uuid.uuid4())
        if len(message.encode()) > models.MAXIMUM_MESSAGE_LENGTH:
            raise _invalid("Message too long")
        for found in subscribed:
            found.publish(message, message_id, **options)
        return message_id

    def _check_url(self, url: str, protocol: str) -> None:
        """Refuse what is not the URL of a webhook, or leads to another machine."""
        if not URL.fullmatch(url) or not url.startswith(f"{protocol}://"):
            raise _invalid(f"Endpoint Reason: it is not a valid {protocol} URL")
        try:
            check_site(url, allow_remote=self._sns.allow_remote)
        except (SandboxError, ValueError) as err:
            raise _invalid(f"Endpoint Reason: {err}") from err


class LocalSnsResponse(SNSResponse):
    """moto's operations of the API, and confirmation, which moto does not have."""

    @property
    def backend(self) -> Any:
        return super().backend

    def subscribe(self) -> ActionResult:
        result: Any = super().subscribe().result
        found = self.backend.subscriptions[result["SubscriptionArn"]]
        found.ask()
        is_shown = found.is_confirmed or self._get_param("ReturnSubscriptionArn")
        return ActionResult({"SubscriptionArn": found.arn if is_shown else "pending confirmation"})

    def confirm_subscription(self) -> ActionResult:
        subscribed = self.backend.subscribed(self._get_param("TopicArn"))
        found = next((s for s in subscribed if s.token == self._get_param("Token")), None)
        if found is None:
            raise _invalid("Token")
        found.attributes["PendingConfirmation"] = False
        return ActionResult({"SubscriptionArn": found.arn})


class Subscription(models.Subscription):
    """A subscription of a webhook or a queue.

    :param last_attempt: of posting the request to confirm.
    """

    last_attempt: Attempt | None = None

    def __init__(self, original: models.Subscription, sns: LocalSns) -> None:
        super().__init__(original.account_id, original.topic, original.endpoint, original.protocol)
        self.arn: str = original.arn
        self.attributes = {**original.attributes, "PendingConfirmation": self.is_webhook}
        self.token: str = f"2336412f37{secrets.token_hex(123)}"
        self._sns = sns

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

    def ask(self) -> None:
        """Ask the webhook to confirm, until it accepts the request.

        Each request is a new one: an old one may be too old for the site by then.
        """
        if not self.is_confirmed and self.arn in self.topic.sns_backend.subscriptions:
            fields = self._sign(confirmation_fields(self.topic_arn, self.token))
            self._post(fields, pauses=(), done=self._asked)

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
            self._post(self.get_post_data(message, message_id, subject, attributes), event)

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

    def _asked(self, attempt: Attempt) -> None:
        self.last_attempt = attempt
        if not attempt.succeeded:
            self._sns.outbox.later(ASK_AGAIN, self.ask)

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

    def _sign(self, fields: dict[str, Any]) -> dict[str, Any]:
        version = getattr(self.topic, "signature_version", None)
        return self._sns.key.sign(fields, version if version in ("1", "2") else "1")

    def _post(self, fields: dict[str, Any], event: SesEvent | None = None, **options: Any) -> None:
        """Post a signed message to the webhook.

        :param options: of :class:`Delivery`.
        """
        id, url = fields["MessageId"], without_credentials(self.endpoint)
        is_raw = fields["Type"] == NOTIFICATION and self.attributes["RawMessageDelivery"]
        body = fields["Message"] if is_raw else json.dumps(fields, ensure_ascii=False, indent=2)
        delivery = Delivery(
            url=self.endpoint,
            headers={
                "x-amz-sns-message-type": fields["Type"],
                "x-amz-sns-message-id": id,
                "x-amz-sns-topic-arn": self.topic_arn,
                **({"x-amz-sns-subscription-arn": self.arn} if self.is_confirmed else {}),
                **({"x-amz-sns-rawdelivery": "true"} if is_raw else {}),
                "Content-Type": "text/plain; charset=UTF-8",
                "User-Agent": "Amazon Simple Notification Service Agent",
            },
            body=body.encode(),
            post=Post(sns_id=id, topic_arn=self.topic_arn, url=url),
            **options,
        )
        self._sns.outbox.send(delivery, event)


def _invalid(what: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Invalid parameter: {what}")
