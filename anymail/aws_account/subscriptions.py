"""Subscriptions to topics of SNS, as its lists have them.

Source: Amazon SNS API Reference, "Subscription"; Amazon SNS Developer Guide, "Fanout to HTTP/S
endpoints".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

#: What lists have instead of an ARN.
PENDING = "PendingConfirmation"


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscription.

    :param arn: None until it is confirmed.
    :param protocol: ``"https"``, ``"sqs"``, ``"lambda"``, ….
    :param endpoint: the ARN of a queue or function; of a webhook, its URL without credentials.
    :param user: in the URL; None if it has no credentials.
    :param password: in the URL; None if there is none, and where SNS writes asterisks instead.
    """

    arn: str | None
    topic: str
    protocol: str
    endpoint: str
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def is_webhook(self) -> bool:
        """Whether SNS posts to a URL."""
        return self.protocol in ("http", "https")

    @property
    def host(self) -> str:
        """The host of a webhook, with its port, in lower case."""
        return url.netloc if (url := _url(self.endpoint)) else ""

    @property
    def path(self) -> str:
        """The path of a webhook's URL."""
        return url.path if (url := _url(self.endpoint)) else ""


def parse_subscription(found: Mapping[str, str]) -> Subscription:
    """A subscription from what ``ListSubscriptionsByTopic`` returns of it."""
    endpoint, protocol = found.get("Endpoint") or "", found["Protocol"]
    user = password = None
    if protocol in ("http", "https") and (url := _url(endpoint)) is not None:
        user, password = _credentials(url)
        endpoint = without_credentials(url)
    return Subscription(
        arn=found["SubscriptionArn"] if found["SubscriptionArn"] != PENDING else None,
        topic=found["TopicArn"],
        protocol=protocol,
        endpoint=endpoint,
        user=user,
        password=password,
    )


def without_credentials(url: SplitResult) -> str:
    """A URL without what may be secret: user name, password and query; its host in lower case."""
    host = url.netloc.rpartition("@")[2].lower()
    return url._replace(netloc=host, query="", fragment="").geturl()


def _url(endpoint: str) -> SplitResult | None:
    """None for somebody else's endpoint that is no URL, such as ``https://[x``."""
    try:
        return urlsplit(endpoint)
    except ValueError:
        return None


def _credentials(url: SplitResult) -> tuple[str | None, str | None]:
    credentials, is_there, _ = url.netloc.rpartition("@")
    if not is_there:
        return None, None
    user, _, password = credentials.partition(":")
    return unquote(user), unquote(password) if password.strip("*") else None
