"""What the pages ask the local AWS for, through boto3 as anybody would."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ..journal import Attempt
from .apps import Amazon
from .samples import TEMPLATE

logger: logging.Logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A subscription of a webhook.

    :param url: without user name and password.
    :param answered: when it last answered, or did not; None if it was not posted to yet.
    :param trouble: why it hears nothing; empty if it does, as far as is known.
    """

    topic: str
    url: str
    is_confirmed: bool
    answered: datetime | None
    trouble: str

    @property
    def state(self) -> str:
        """The state in a word or two."""
        if not self.is_confirmed:
            return "not confirmed yet"
        return "failing" if self.trouble else "confirmed"

    @property
    def tone(self) -> str:
        """The colour of the state."""
        return {"confirmed": "good", "failing": "bad"}.get(self.state, "warn")


def webhooks(amazon: Amazon) -> list[Webhook]:
    """Who is told about events and received mail."""
    found: list[Webhook] = []
    token: dict[str, str] = {}
    client = amazon.client("sns")
    while True:
        answer = client.list_subscriptions(**token)
        found += [_webhook(one, amazon) for one in answer.get("Subscriptions", []) if _is_http(one)]
        if not answer.get("NextToken"):
            return found
        token = {"NextToken": answer["NextToken"]}


def known_webhooks(amazon: Amazon) -> list[Webhook] | None:
    """Who is told; None if SNS does not answer."""
    try:
        return webhooks(amazon)
    except Exception:
        logger.warning("SNS does not tell its subscriptions", exc_info=True)
        return None


def template_names(amazon: Amazon) -> list[str]:
    """The templates that are stored."""
    answer = amazon.client("ses").list_templates(MaxItems=100)
    return sorted(str(template["Name"]) for template in answer.get("TemplatesMetadata", []))


def create_sample_template(amazon: Amazon) -> str:
    """Store a template to try; returns its name."""
    name: str = TEMPLATE["TemplateName"]
    if name not in template_names(amazon):
        amazon.client("ses").create_template(Template=TEMPLATE)
    return name


def rule_names(amazon: Amazon) -> list[str]:
    """The receipt rules that are active."""
    answer = amazon.client("ses").describe_active_receipt_rule_set()
    return [str(rule["Name"]) for rule in answer.get("Rules", []) if rule.get("Enabled", True)]


def _is_http(subscription: dict[str, Any]) -> bool:
    return subscription.get("Protocol") in ("http", "https")


def _webhook(subscription: dict[str, Any], amazon: Amazon) -> Webhook:
    topic, url = str(subscription["TopicArn"]), str(subscription["Endpoint"])
    # "PendingConfirmation" until the webhook has confirmed (SNS API, "ListSubscriptions").
    is_confirmed = subscription["SubscriptionArn"].startswith("arn:")
    shown = without_password(url)
    post = amazon.journal.last_post(topic, shown) if is_confirmed else None
    asked = None if is_confirmed else amazon.sns.last_attempt(topic, url)
    attempt = post.attempts[-1] if post else asked
    return Webhook(
        topic=topic.rpartition(":")[2],
        url=shown,
        is_confirmed=is_confirmed,
        answered=attempt.at if attempt else None,
        trouble=_trouble(attempt, is_confirmed=is_confirmed),
    )


def _trouble(attempt: Attempt | None, *, is_confirmed: bool) -> str:
    # One that takes the request to confirm need not confirm.
    if attempt is None or (is_confirmed and attempt.succeeded):
        return ""
    answer = "no answer" if attempt.status is None else f"it answered {attempt.status}"
    return f"{answer}: {attempt.error.rstrip('.')}" if attempt.error else answer


def without_password(url: str) -> str:
    """A URL that may be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
