"""The way of events from SES to us: configuration sets, their destinations, topics, subscriptions.

Sources: Amazon SES API v2 Reference, "EventDestination"; Amazon SNS API Reference,
"ListSubscriptionsByTopic".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ...amazon_ses.arns import arn_region
from ..subscriptions import Subscription, parse_subscription
from .context import Context, Unanswered
from .identities import sending_identities

NO_SET = ("NotFoundException",)
#: In SNS's query protocol, and in its JSON protocol.
NO_TOPIC = ("NotFound", "NotFoundException")
#: How many pages of 100 subscriptions are read of a topic.
MAX_PAGES = 100

#: What an identity can notify of (SES API Reference, "GetIdentityNotificationAttributes").
KINDS = ("Bounce", "Complaint", "Delivery")

Destination = Mapping[str, Any]


def configuration_set(context: Context) -> str | None:
    """The name of the configuration set in the settings, or else the default of an identity.

    :raises Unanswered: AWS does not tell.
    """
    settings = context.settings
    extra = settings.send_defaults.get("esp_extra") or {}
    name: str | None = extra.get("ConfigurationSetName", settings.configuration_set_name)
    return name or next(
        filter(None, map(partial(default_set, context), sending_identities(context))), None
    )


def default_set(context: Context, identity: str) -> str | None:
    """The configuration set of what an identity sends without naming one.

    :raises Unanswered: AWS does not tell.
    """
    answer = context.ask("sesv2", "GetEmailIdentity", EmailIdentity=identity)
    name: str | None = answer.get("ConfigurationSetName")
    return name


def destinations(context: Context, name: str) -> Sequence[Destination]:
    """The event destinations of a configuration set; none if there is no such set.

    :raises Unanswered: AWS does not tell.
    """
    answer = context.find(
        "sesv2", "GetConfigurationSetEventDestinations", missing=NO_SET, ConfigurationSetName=name
    )
    found: Sequence[Destination] = answer["EventDestinations"] if answer else ()
    return found


def topic_of(destination: Destination) -> str | None:
    """The ARN of the topic that a destination publishes to; None if to something else."""
    return (destination.get("SnsDestination") or {}).get("TopicArn")


def is_carrier(destination: Destination) -> bool:
    """Whether what a destination gets can reach a webhook, a queue or a function of Lambda."""
    return bool(topic_of(destination)) or is_bus(destination)


def is_bus(destination: Destination) -> bool:
    """Whether a destination publishes to EventBridge."""
    return bool(destination.get("EventBridgeDestination"))


def set_topics(context: Context) -> dict[str, set[str]]:
    """The topics that the configuration set publishes to, each with the types of event.

    :raises Unanswered: AWS does not tell.
    """
    name, topics = configuration_set(context), dict[str, set[str]]()
    for one in destinations(context, name) if name else ():
        if one.get("Enabled") and (topic := topic_of(one)):
            topics.setdefault(topic, set()).update(one["MatchingEventTypes"])
    return topics


def notified(context: Context, identity: str) -> dict[str, str]:
    """What an identity notifies of by itself, each with the ARN of the topic.

    :raises Unanswered: AWS does not tell.
    """
    answer = context.ask("ses", "GetIdentityNotificationAttributes", Identities=[identity])
    found = answer["NotificationAttributes"].get(identity, {})
    return {kind: found[f"{kind}Topic"] for kind in KINDS if found.get(f"{kind}Topic")}


def event_topics(context: Context) -> dict[str, set[str]]:
    """The topics to which SES publishes events about our mail, each with the types.

    :raises Unanswered: AWS does not tell.
    """
    topics = set_topics(context)
    try:
        notifying = [notified(context, name) for name in sending_identities(context)]
    except Unanswered:
        if not topics:
            raise
        return topics
    for kind, topic in (pair for found in notifying for pair in found.items()):
        topics.setdefault(topic, set()).add(kind.upper())
    return topics


def topic_attributes(context: Context, arn: str) -> Mapping[str, str] | None:
    """The attributes of a topic; None if there is no such topic.

    :raises Unanswered: AWS does not tell.
    """
    region = arn_region(arn, "sns")
    answer = context.find(
        "sns", "GetTopicAttributes", missing=NO_TOPIC, region=region, TopicArn=arn
    )
    return answer["Attributes"] if answer else None


def subscriptions(context: Context, arn: str) -> Iterator[Subscription]:
    """The subscriptions to a topic; none if there is no such topic.

    :raises Unanswered: AWS does not tell.
    """
    region, pages = arn_region(arn, "sns"), {"TopicArn": arn}
    for _ in range(MAX_PAGES):
        answer = context.find(
            "sns", "ListSubscriptionsByTopic", missing=NO_TOPIC, region=region, **pages
        )
        yield from map(parse_subscription, answer["Subscriptions"] if answer else ())
        if not (answer and answer.get("NextToken")):
            return
        pages["NextToken"] = answer["NextToken"]
