"""What the pages ask the local AWS for."""

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

    @property
    def state(self) -> tuple[str, str]:
        """A label and a severity."""
        if not self.is_confirmed:
            return "not confirmed yet", "warn"
        return ("failing", "bad") if self.trouble else ("confirmed", "good")


def webhooks() -> list[Webhook]:
    sns = aws().sns
    return [] if sns is None else [_webhook(subscription) for subscription in sns.webhooks()]


def _webhook(subscription: Any) -> Webhook:
    topic, url = subscription.topic_arn, without_credentials(subscription.endpoint)
    post = aws().journal.last_post(topic, url)
    attempts = post.attempts if post else []
    confirmed = subscription.is_confirmed
    return Webhook(
        topic=topic.rpartition(":")[2],
        url=url,
        is_confirmed=confirmed,
        last=next(iter(attempts[-1:]), None) if confirmed else subscription.last_attempt,
    )


def template_names() -> list[str]:
    found = aws().client("ses").list_templates(MaxItems=100)
    return sorted(str(template["Name"]) for template in found.get("TemplatesMetadata", []))


def rule_names() -> list[str]:
    """The receipt rules that are active."""
    found = aws().client("ses").describe_active_receipt_rule_set()
    return [str(rule["Name"]) for rule in found.get("Rules", []) if rule.get("Enabled", True)]
