"""SetupRequest -> resources. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from .names import Names
from .plan import OWNER
from .request import SetupRequest
from .resources import (
    ActiveRuleSet,
    Bucket,
    ConfigurationSet,
    Desired,
    EventDestination,
    Identity,
    Part,
    Place,
    Present,
    Queue,
    ReceiptRule,
    ReceiptRuleSet,
    Resource,
    Subscription,
    Topic,
)

#: What the tracking signals are about, but opens and clicks, for which SES rewrites messages.
EVENT_TYPES = (
    "SEND",
    "DELIVERY",
    "DELIVERY_DELAY",
    "BOUNCE",
    "COMPLAINT",
    "REJECT",
    "RENDERING_FAILURE",
)
EVENT_DESTINATION = "anymail"


def build_desired(
    request: SetupRequest, names: Names, place: Place, present: Present | None = None
) -> Desired:
    """Everything that is to be there.

    :param present: what is there already; None for an account that has nothing.
    """
    present = present or Present()
    parts = set(request.parts)
    resources = [
        *_identities(request),
        *(_sending(names) if parts & {"sending", "tracking", "queue"} else ()),
        *(_tracking(request, names, place) if parts & {"tracking", "queue"} else ()),
        *(_inbound(request, names, place, present) if "inbound" in parts else ()),
        *(_queue(request, names, place, present) if "queue" in parts else ()),
    ]
    return Desired(place=place, resources=tuple(resources), tags={**request.tags, **dict([OWNER])})


def _identities(request: SetupRequest) -> Iterator[Resource]:
    sending = request.identities if "sending" in request.parts else ()
    receiving = request.receive_domains if "inbound" in request.parts else ()
    for number, name in enumerate(dict.fromkeys([*sending, *receiving])):
        is_above = name in sending and (request.mail_from or "").endswith(f".{name}")
        spec = Identity(name=name, mail_from=request.mail_from if is_above else None)
        part: Part = "sending" if name in sending else "inbound"
        yield Resource(key=f"Identity{number or ''}", part=part, spec=spec)


def _sending(names: Names) -> Iterator[Resource]:
    yield Resource(
        key="ConfigurationSet",
        part="sending",
        spec=ConfigurationSet(name=names.configuration_set),
        is_named="configuration_set" in names.from_settings,
    )


def _tracking(request: SetupRequest, names: Names, place: Place) -> Iterator[Resource]:
    topic_arn = names.events_topic_arn
    source = place.arn("ses", f"configuration-set/{names.configuration_set}")
    yield Resource(
        key="EventsTopic",
        part="tracking",
        spec=Topic(arn=topic_arn, source=source),
        is_named="events_topic_arn" in names.from_settings,
    )
    destination = EventDestination(
        name=EVENT_DESTINATION,
        configuration_set=names.configuration_set,
        topic_arn=topic_arn,
        event_types=EVENT_TYPES,
    )
    yield Resource(
        key="EventDestination",
        part="tracking",
        spec=destination,
        needs=("ConfigurationSet", "EventsTopic"),
    )
    if request.tracking_url:
        yield Resource(
            key="EventsWebhook",
            part="tracking",
            spec=_webhook(topic_arn, request.tracking_url),
            needs=("EventsTopic",),
        )


def _webhook(topic_arn: str, url: str) -> Subscription:
    protocol: Literal["http", "https"] = "https" if url.startswith("https://") else "http"
    return Subscription(topic_arn=topic_arn, protocol=protocol, endpoint=url)


def _inbound(
    request: SetupRequest, names: Names, place: Place, present: Present
) -> Iterator[Resource]:
    topic_arn = names.inbound_topic_arn
    rule_set = present.active_rule_set or request.name
    rule = f"{request.name}-inbound"
    source = place.arn("ses", f"receipt-rule-set/{rule_set}:receipt-rule/{rule}")
    yield Resource(
        key="InboundTopic",
        part="inbound",
        spec=Topic(arn=topic_arn, source=source),
        is_named="inbound_topic_arn" in names.from_settings,
    )
    is_ours = "bucket" not in names.from_settings
    bucket = Bucket(
        name=names.bucket,
        owner=place.account,
        expires_after=request.keep_mail,
        is_ours=is_ours,
        source=source,
    )
    yield Resource(key="Bucket", part="inbound", spec=bucket, is_named=not is_ours)
    yield from _receiving(request, names, present)
    if request.inbound_url:
        yield Resource(
            key="InboundWebhook",
            part="inbound",
            spec=_webhook(topic_arn, request.inbound_url),
            needs=("InboundTopic",),
        )


def _receiving(request: SetupRequest, names: Names, present: Present) -> Iterator[Resource]:
    """Our rule goes into the active rule set: SES uses no other."""
    own = request.name
    rule_set = present.active_rule_set or own
    if rule_set == own:
        yield Resource(key="RuleSet", part="inbound", spec=ReceiptRuleSet(name=own))
    rule = ReceiptRule(
        name=f"{own}-inbound",
        rule_set=rule_set,
        recipients=tuple(request.receive_domains),
        bucket=names.bucket,
        topic_arn=names.inbound_topic_arn,
    )
    needs = ("InboundTopic", "Bucket", *(["RuleSet"] if rule_set == own else []))
    yield Resource(key="Rule", part="inbound", spec=rule, needs=needs)
    if rule_set == own:
        active = ActiveRuleSet(name=own)
        yield Resource(key="ActiveRuleSet", part="inbound", spec=active, needs=("Rule",))


def _queue(
    request: SetupRequest, names: Names, place: Place, present: Present
) -> Iterator[Resource]:
    """One queue gets everything: ``anymail_consume`` tells events and mail by their content."""
    topics = {"EventsTopic": names.events_topic_arn}
    if "inbound" in request.parts:
        topics["InboundTopic"] = names.inbound_topic_arn
    is_named = "queue_arn" in names.from_settings
    own = f"{names.queue_arn}-dead"
    dead_letter_arn = present.dead_letter_arn or own
    if dead_letter_arn == own:
        dead = Queue(arn=own)
        yield Resource(key="DeadLetterQueue", part="queue", spec=dead, is_named=is_named)
    queue = Queue(
        arn=names.queue_arn, topic_arns=tuple(topics.values()), dead_letter_arn=dead_letter_arn
    )
    needs = ("DeadLetterQueue",) if dead_letter_arn == own else ()
    yield Resource(key="Queue", part="queue", spec=queue, needs=needs, is_named=is_named)
    for key, topic_arn in topics.items():
        spec = Subscription(topic_arn=topic_arn, protocol="sqs", endpoint=names.queue_arn)
        yield Resource(key=f"Queue{key}", part="queue", spec=spec, needs=("Queue", key))
