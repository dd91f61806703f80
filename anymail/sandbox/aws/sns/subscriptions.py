"""Subscriptions of webhooks to SNS topics."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from ...journal import Attempt
from ...servers import is_loopback
from ..api import ApiError
from .publications import invalid_parameter

#: Attributes of a subscription that may be set. Only the first one does something.
SETTABLE = ("RawMessageDelivery", "DeliveryPolicy", "RedrivePolicy")

#: Each has a thread while something waits for it.
MAX_SUBSCRIPTIONS = 200

#: The characters of RFC 3986.
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,2048}")


@dataclass(kw_only=True)
class Subscription:
    """A webhook that wants what a topic sends.

    :param endpoint: its URL, with credentials.
    :param protocol: ``"http"`` or ``"https"``.
    :param token: what it has to confirm the subscription with.
    :param is_authenticated: it was confirmed with ``AuthenticateOnUnsubscribe``.
    :param last_attempt: of posting the request to confirm.
    """

    topic_arn: str
    endpoint: str = field(repr=False)
    protocol: str
    arn: str
    token: str = field(repr=False)
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_confirmed: bool = False
    is_authenticated: bool = False
    last_attempt: Attempt | None = None

    @property
    def is_raw(self) -> bool:
        """Only the message is posted, without an envelope."""
        return self.attributes.get("RawMessageDelivery") == "true"

    def listed(self) -> dict[str, Any]:
        """As the API lists it."""
        return {
            "SubscriptionArn": self.arn if self.is_confirmed else "PendingConfirmation",
            "Owner": self.topic_arn.split(":")[4],
            "Protocol": self.protocol,
            "Endpoint": self.endpoint,
            "TopicArn": self.topic_arn,
        }

    def described(self) -> dict[str, str]:
        """What ``GetSubscriptionAttributes`` tells."""
        return {
            **self.listed(),
            "SubscriptionArn": self.arn,
            "PendingConfirmation": _lower(not self.is_confirmed),
            "ConfirmationWasAuthenticated": _lower(self.is_authenticated),
            "RawMessageDelivery": "false",
            **self.attributes,
        }


class Subscriptions:
    """All of them. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[str, Subscription] = {}

    def add(self, topic_arn: str, endpoint: str, attributes: Mapping[str, str]) -> Subscription:
        """Subscribe a webhook; if it is already, that subscription.

        :raises ApiError: there are enough.
        """
        with self._lock:
            for known in self._found.values():
                if (known.topic_arn, known.endpoint) == (topic_arn, endpoint):
                    return known
            if len(self._found) >= MAX_SUBSCRIPTIONS:
                text = f"The sandbox has room for {MAX_SUBSCRIPTIONS} webhooks. Unsubscribe some."
                raise ApiError("SubscriptionLimitExceeded", text, 403)
            made = Subscription(
                topic_arn=topic_arn,
                endpoint=endpoint,
                protocol=urlsplit(endpoint).scheme,
                arn=f"{topic_arn}:{uuid.uuid4()}",
                token=f"2336412f37{secrets.token_hex(123)}",
                attributes=attributes,
            )
            self._found[made.arn] = made
            return made

    def all(self) -> list[Subscription]:
        """Confirmed or not, the oldest first."""
        with self._lock:
            return list(self._found.values())

    def of_topic(self, topic_arn: str) -> list[Subscription]:
        """Those to a topic, likewise."""
        return [found for found in self.all() if found.topic_arn == topic_arn]

    def get(self, arn: Any) -> Subscription | None:
        """The one with an ARN."""
        return self._found.get(arn) if isinstance(arn, str) else None

    def remove(self, *gone: Subscription) -> None:
        """End subscriptions."""
        with self._lock:
            for subscription in gone:
                self._found.pop(subscription.arn, None)


def check_endpoint(url: str, *, allow_remote: bool) -> None:
    """Refuse what is not a URL of a webhook, or not on this machine.

    :raises ApiError: with what is wrong.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise invalid_endpoint("it is not a URL") from None
    if not _URL.fullmatch(url) or not host:
        raise invalid_endpoint("it is not a URL, or has characters that must be percent-encoded")
    if not allow_remote and not is_loopback(host):
        raise invalid_endpoint(
            f"the sandbox posts to this machine only, and {host} is another one, "
            "unless it is started with --allow-remote"
        )


def parse_attributes(attributes: Any) -> dict[str, str]:
    """The attributes with which a webhook may be subscribed.

    :raises ApiError: one would have to do something that the sandbox does not.
    """
    if not isinstance(attributes, dict):
        raise invalid_parameter("Attributes")
    for name, value in attributes.items():
        if name not in SETTABLE or not isinstance(value, str):
            raise invalid_parameter(
                f"Attributes Reason: {name}: the sandbox does not play it for HTTP subscriptions"
            )
        if name == "RawMessageDelivery" and value not in ("true", "false"):
            raise invalid_parameter(f"Attributes Reason: {name}")
    return dict(attributes)


def invalid_endpoint(reason: str) -> ApiError:
    """SNS's error for a URL that it does not accept."""
    return invalid_parameter(f"Endpoint Reason: {reason}")


def _lower(flag: bool) -> str:
    return "true" if flag else "false"
