"""What the pages ask the local AWS for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..journal import Attempt
from ..samples import TEMPLATE
from ..servers import without_credentials
from .apps import Amazon, Subscription


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
    return [_webhook(found, amazon) for found in amazon.sns.webhooks()]


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


def _webhook(subscription: Subscription, amazon: Amazon) -> Webhook:
    topic, shown = subscription.topic_arn, without_credentials(subscription.endpoint)
    is_confirmed = subscription.is_confirmed
    post = amazon.journal.last_post(topic, shown) if is_confirmed else None
    asked = None if is_confirmed else subscription.last_attempt
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
