"""What receives events here: webhooks and queues, and which subscriptions are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..subscriptions import Subscription, without_credentials
from .context import Context
from .webhooks import Webhook, event_webhooks, webhook_at


@dataclass(frozen=True, kw_only=True)
class Receivers:
    """What receives events.

    :param webhooks: in the URLconf.
    :param queues: the ARNs of those in ``AMAZON_SES_QUEUES``.
    :param host: of the site, if ``--url`` names one.
    :param site: its URL without a path, or an example.
    """

    webhooks: Sequence[Webhook]
    queues: Sequence[str]
    host: str | None
    site: str

    def webhook_of(self, subscription: Subscription) -> Webhook | None:
        """The webhook that a subscription is for, on whatever host."""
        return webhook_at(subscription.path) if subscription.is_webhook else None

    def has(self, subscription: Subscription) -> bool:
        """Whether a subscription brings events to one of these."""
        if not subscription.is_webhook:
            return subscription.endpoint in self.queues
        found = self.webhook_of(subscription)
        return bool(found and found.tracks and self.host in (None, subscription.host))


def find_receivers(context: Context, queues: Sequence[str]) -> Receivers:
    """Those of the project.

    :param queues: the ARNs of its queues.
    """
    url = context.options.url
    parts = urlsplit(without_credentials(urlsplit(url))) if url else None
    return Receivers(
        webhooks=event_webhooks(),
        queues=queues,
        host=parts.netloc if parts else None,
        site=f"{parts.scheme}://{parts.netloc}" if parts else "https://www.example.com",
    )
