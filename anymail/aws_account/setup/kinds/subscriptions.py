"""Subscriptions of webhooks and queues to topics, as they should be. Pure.

Source: Amazon SNS API Reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ..resources import Subscription
from ..steps import Call, Context, Outcome, Remark, addition, call


def subscribe(spec: Subscription, context: Context) -> Call:
    """A webhook is asked to confirm; a queue is not."""
    endpoint = spec.endpoint
    if spec.is_webhook and context.secret:
        user, _, password = context.secret.partition(":")
        credentials = f"{quote(user, safe='')}:{quote(password, safe='')}"
        endpoint = endpoint.replace("://", f"://{credentials}@", 1)
    return call(
        "sns", "subscribe", TopicArn=spec.topic_arn, Protocol=spec.protocol, Endpoint=endpoint
    )


def compare_subscription(
    spec: Subscription, found: Mapping[str, Any], context: Context
) -> Iterator[Outcome]:
    """A webhook that has not confirmed is asked again.

    :param found: the answer of ``GetSubscriptionAttributes``; of a webhook that has not confirmed,
        only ``PendingConfirmation``.
    """
    if found.get("PendingConfirmation") == "true":
        yield addition(f"{spec.title}: ask it again to confirm", subscribe(spec, context))
        return
    arn = found["SubscriptionArn"]
    if found.get("RawMessageDelivery") == "true":
        text = f"The {spec.title} has raw message delivery on: its messages are not signed."
        yield Remark(text=text, fix=_set_attribute(arn, "RawMessageDelivery", "false"))
    if found.get("FilterPolicy", "{}") not in ("", "{}"):
        text = f"The {spec.title} has a filter policy, which may keep events away."
        yield Remark(text=text, fix=_set_attribute(arn, "FilterPolicy", "{}"))


def _set_attribute(arn: str, name: str, value: str) -> Call:
    return call(
        "sns",
        "set_subscription_attributes",
        SubscriptionArn=arn,
        AttributeName=name,
        AttributeValue=value,
    )
