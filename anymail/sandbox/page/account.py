"""What the pages ask the local AWS for, through boto3 as anybody would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..journal import Attempt
from .apps import Amazon
from .samples import TEMPLATE


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A subscription of a webhook.

    :param url: without user name and password.
    :param trouble: what became of the last question whether it wants to be told.
    """

    topic: str
    url: str
    is_confirmed: bool
    trouble: str


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
    return Webhook(
        topic=topic.rpartition(":")[2],
        url=without_password(url),
        is_confirmed=is_confirmed,
        trouble="" if is_confirmed else _trouble(amazon.sns.last_attempt(topic, url)),
    )


def _trouble(attempt: Attempt | None) -> str:
    if attempt is None:
        return ""
    answer = "no answer" if attempt.status is None else f"it answered {attempt.status}"
    return f"{answer}: {attempt.error}" if attempt.error else answer


def without_password(url: str) -> str:
    """A URL that may be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
