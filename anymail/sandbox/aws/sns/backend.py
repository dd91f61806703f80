"""moto's SNS in one region, with webhooks that confirm and get signed messages.

Source: Amazon SNS Developer Guide, "Fanout to HTTP/S endpoints".
"""

from __future__ import annotations

import logging
import re
import secrets
import uuid
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from moto.core.responses import ActionResult
from moto.sns import models
from moto.sns.exceptions import InvalidParameterValue, TopicNotFound
from moto.sns.responses import SNSResponse

from ....amazon_ses.sns import TOPIC_ARN, UNSUBSCRIBE_CONFIRMATION
from ....testing.sns import confirmation_fields, notification_fields, sns_url
from ... import SandboxError
from ...journal import Attempt, SesEvent
from ...servers import check_site
from ..bounds import check_room_for_message
from .outbox import PAUSES, Outbox
from .request import sns_request
from .signing_key import SigningKey

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds to wait at most before a site is asked again to confirm.
MAX_PAUSE = 2.0
#: The characters of RFC 3986.
URL = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,2048}")


class Subscription(models.Subscription):
    """A subscription of a webhook or a queue.

    :param last_attempt: of posting the request to confirm.
    """

    last_attempt: Attempt | None = None

    def __init__(self, original: models.Subscription, key: SigningKey, outbox: Outbox) -> None:
        super().__init__(original.account_id, original.topic, original.endpoint, original.protocol)
        pending = {"PendingConfirmation": True, "ConfirmationWasAuthenticated": False}
        self.arn: str = original.arn
        self.attributes: dict[str, Any] = original.attributes | (pending if self.is_webhook else {})
        self.token: str = f"2336412f37{secrets.token_hex(123)}"
        self._key = key
        self._outbox = outbox

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

    def ask(self, *, until_confirmed: bool = False, refusals: int = 0) -> None:
        """Ask the webhook in the background to confirm.

        :param until_confirmed: ask again and again, in place of the usual retries. Each request is
            a new one: an old one may be too old for the site by then.
        """

        def done(attempt: Attempt) -> None:
            self.last_attempt = attempt
            if until_confirmed and not attempt.succeeded:
                # A site that is being started is asked often; one that refuses, less and less.
                count = 0 if attempt.status is None else min(refusals + 1, 10)
                again = partial(self.ask, until_confirmed=True, refusals=count)
                self._outbox.later(2**count, again, at_most=MAX_PAUSE)

        if not self.is_confirmed and self.arn in self.topic.sns_backend.subscriptions:
            fields = confirmation_fields(self.topic_arn, self.token)
            request = sns_request(self._sign(fields), None)
            self._outbox.send(self, request, pauses=() if until_confirmed else PAUSES, done=done)

    def end(self) -> None:
        """Tell the webhook that it is no longer subscribed."""
        fields = {
            **confirmation_fields(self.topic_arn, self.token),
            "Type": UNSUBSCRIBE_CONFIRMATION,
            "Message": f"You have chosen to deactivate subscription {self.arn}.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL "
            "included in this message.",
        }
        self._outbox.send(self, sns_request(self._sign(fields), self.arn))

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
        attributes = message_attributes or {}
        if message_structure == "json":
            message = self._parse_message_structure(message, self.protocol)
        if not self.is_webhook:
            self._send_to_queue(message, message_id, subject, attributes)
            return
        matcher = self._filter_policy_matcher
        if self.is_confirmed and (matcher is None or matcher.matches(attributes, message)):
            signed = self.get_post_data(message, message_id, subject, attributes)
            is_raw = self.attributes["RawMessageDelivery"]
            self._outbox.send(self, sns_request(signed, self.arn, is_raw=is_raw), event)

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

    def _send_to_queue(
        self, message: str, message_id: str, subject: str | None, attributes: dict[str, Any]
    ) -> None:
        try:
            check_room_for_message()
            super().publish(message, message_id, subject, attributes)
        except Exception as err:  # of moto's SQS; other subscribers get the message all the same
            logger.warning(
                "SNS cannot deliver to %s: %s",
                self.endpoint,
                err,
                extra={"anymail_topic": self.topic_arn, "anymail_error_code": type(err).__name__},
            )

    def _sign(self, fields: dict[str, Any]) -> dict[str, Any]:
        version = getattr(self.topic, "signature_version", None)
        return self._key.sign(fields, version if version in ("1", "2") else "1")


class LocalSnsBackend(models.SNSBackend):
    """The topics and subscriptions of one region.

    :param allow_remote: webhooks may be on other machines.
    """

    def __init__(
        self, region: str, account_id: str, key: SigningKey, outbox: Outbox, allow_remote: bool
    ) -> None:
        super().__init__(region, account_id)
        self._key = key
        self._outbox = outbox
        self._allow_remote = allow_remote

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
            check_endpoint(endpoint, protocol, allow_remote=self._allow_remote)
        found = super().subscribe(topic_arn, endpoint, protocol)
        if not isinstance(found, Subscription):
            found = Subscription(found, self._key, self._outbox)
            self.subscriptions[found.arn] = found
        return found

    def confirm(self, topic_arn: str, token: str, *, is_authenticated: bool) -> Subscription:
        """Confirm the subscription with a token."""
        topic = self.get_topic(topic_arn)
        for found in self.webhooks():
            if found.topic is topic and found.token == token:
                found.attributes["PendingConfirmation"] = False
                found.attributes["ConfirmationWasAuthenticated"] |= is_authenticated
                return found
        raise _invalid("Token")

    def unsubscribe(self, subscription_arn: str) -> None:
        if subscription_arn.count(":") < 6:  # lists have "PendingConfirmation" in its place
            raise _invalid("SubscriptionArn")
        found: Any = self.subscriptions.pop(subscription_arn, None)
        if found is not None and found.is_webhook and found.is_confirmed:
            found.end()

    def webhooks(self) -> list[Subscription]:
        """Every webhook that is subscribed, the oldest first."""
        everybody: list[Any] = list(self.subscriptions.values())
        return [found for found in everybody if found.is_webhook]

    def publish(  # type: ignore[override]
        self, message: str, arn: str | None, phone_number: str | None = None, **options: Any
    ) -> str:
        """Deliver a message to everybody who is subscribed to a topic.

        :param options: of :meth:`Subscription.publish`.
        """
        topic, message_id = self.get_topic(arn), str(uuid.uuid4())
        if len(message.encode()) > models.MAXIMUM_MESSAGE_LENGTH:
            raise _invalid("Message too long")
        for found in list(self.subscriptions.values()):
            if found.topic is topic:
                found.publish(message, message_id, **options)
        return message_id


class LocalSnsResponse(SNSResponse):
    """moto's operations of the API, and confirmation, which moto does not have."""

    def subscribe(self) -> ActionResult:
        super().subscribe()  # sets the attributes, too
        params = map(self._get_param, ("TopicArn", "Endpoint", "Protocol"))
        found: Any = self.backend.subscribe(*params)
        found.ask()
        is_shown = found.is_confirmed or self._get_param("ReturnSubscriptionArn")
        return ActionResult({"SubscriptionArn": found.arn if is_shown else "pending confirmation"})

    def confirm_subscription(self) -> ActionResult:
        backend: Any = self.backend
        # A string, unlike other flags.
        is_authenticated = self._get_param("AuthenticateOnUnsubscribe") == "true"
        topic_arn, token = self._get_param("TopicArn"), self._get_param("Token")
        found = backend.confirm(topic_arn, token, is_authenticated=is_authenticated)
        return ActionResult({"SubscriptionArn": found.arn})


def check_endpoint(url: str, protocol: str, *, allow_remote: bool) -> None:
    """Refuse what is not the URL of a webhook, or leads to another machine."""
    if not URL.fullmatch(url) or not url.startswith(f"{protocol}://"):
        raise _invalid(f"Endpoint Reason: it is not a valid {protocol} URL")
    try:
        _port = urlsplit(url).port
        check_site(url, allow_remote=allow_remote)
    except (SandboxError, ValueError) as err:
        raise _invalid(f"Endpoint Reason: {err}") from err


def _invalid(what: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Invalid parameter: {what}")
