"""Amazon SNS: moto's, with webhooks on this machine, which confirm and get signed messages.

Source: Amazon SNS Developer Guide, "Fanout to HTTP/S endpoints".
"""

from __future__ import annotations

import re
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

from ... import SandboxError
from ...journal import Journal, SesEvent
from ...servers import check_site
from ..api import ApiError
from ..defaults import ACCOUNT
from ..schedule import Schedule
from .signing_key import SigningKey
from .subscription import Subscription

#: SNS waits this many seconds for a response.
TIMEOUT = 15.0
#: Each of them has a thread.
MAX_WEBHOOKS = 200
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
        self.journal = journal
        self.key = key
        self.allow_remote = allow_remote
        self.timeout = timeout
        self.is_closed: bool = False
        self.retry_pause = retry_pause
        self.schedule: Schedule = Schedule()
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

    def subscribe(self, topic_arn: str, url: str) -> Subscription:
        """Subscribe a webhook, which is asked in the background to confirm.

        :param url: with user name and password if it asks for them.
        :raises ApiError: there is no such topic, or the URL is not allowed.
        """
        with self._backend(topic_arn) as backend:
            return backend.subscribe(topic_arn, url, url.partition(":")[0])

    def webhooks(self) -> list[Subscription]:
        """Every webhook that is subscribed, the oldest first."""
        return [
            found
            for backend in list(self._regions.values())
            for found in list(backend.subscriptions.values())
            if found.is_webhook
        ]

    def close(self) -> None:
        """Post nothing more. Does not wait for the responses to what is being posted."""
        self.is_closed = True
        self.schedule.close()

    @contextmanager
    def _backend(self, topic_arn: str) -> Iterator[LocalSnsBackend]:
        regions = list(self._regions.values())
        backend = next((found for found in regions if topic_arn in found.topics), None)
        if backend is None:
            raise ApiError("NotFound", "Topic does not exist", 404)
        try:
            yield backend
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
        found = self.topics.get(arn or "")
        if found is None or found.fifo_topic:  # SES cannot use FIFO topics
            raise TopicNotFound
        return found

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
        if (event := options.get("event")) is not None:
            self._sns.journal.add_published(event, message_id)  # before anybody gets it
        for found in subscribed:
            found.publish(message, message_id, **options)
        return message_id

    def _check_url(self, url: str, protocol: str) -> None:
        """Refuse what is not the URL of a webhook, or leads to another machine."""
        if not URL.fullmatch(url) or not url.startswith(f"{protocol}://"):
            raise _invalid(f"Endpoint Reason: it is not a valid {protocol} URL")
        if len(self._sns.webhooks()) >= MAX_WEBHOOKS:
            raise _invalid(f"Endpoint Reason: the sandbox has {MAX_WEBHOOKS} webhooks already")
        try:
            check_site(url, allow_remote=self._sns.allow_remote)
        except (SandboxError, ValueError) as err:
            raise _invalid(f"Endpoint Reason: {err}") from err


class LocalSnsResponse(SNSResponse):
    """moto's operations of the API, and what moto does not have of them."""

    def get_topic_attributes(self) -> ActionResult:
        answer = super().get_topic_attributes()
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        version = getattr(topic, "signature_version", None)
        attributes: Any = answer.result
        attributes["Attributes"].update({"SignatureVersion": version} if version else {})
        return answer

    def confirm_subscription(self) -> ActionResult:
        backend: Any = self.backend
        subscribed = backend.subscribed(self._get_param("TopicArn"))
        found = next((s for s in subscribed if s.token == self._get_param("Token")), None)
        if found is None:
            raise _invalid("Token")
        found.attributes["PendingConfirmation"] = False
        return ActionResult({"SubscriptionArn": found.arn})


def _invalid(what: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Invalid parameter: {what}")
