"""The webhooks that are subscribed, and whether they take what is posted to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..journal import Attempt
from ..servers import without_credentials
from .apps import aws


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A subscription of a webhook.

    :param url: without user name and password.
    :param last: how it answered last; None if it was not posted to yet.
    """

    topic: str
    url: str
    is_confirmed: bool
    last: Attempt | None

    @property
    def trouble(self) -> str:
        """Why it gets nothing; empty if it does, as far as is known."""
        # A webhook that takes the request to confirm need not confirm.
        if self.last is None or (self.is_confirmed and self.last.succeeded):
            return ""
        answer = "no answer" if self.last.status is None else f"it answered {self.last.status}"
        return f"{answer}: {self.last.error.rstrip('.')}" if self.last.error else answer


def webhooks() -> list[Webhook]:
    sns = aws().sns
    return [] if sns is None else [_webhook(subscription) for subscription in sns.webhooks()]


def _webhook(subscription: Any) -> Webhook:
    topic, url = subscription.topic_arn, without_credentials(subscription.endpoint)
    last = subscription.last_attempt
    if subscription.is_confirmed:
        post = aws().journal.last_post(topic, url)
        last = post.attempts[-1] if post else None
    return Webhook(
        topic=topic.rpartition(":")[2], url=url, is_confirmed=subscription.is_confirmed, last=last
    )
