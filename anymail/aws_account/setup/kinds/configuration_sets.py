"""Configuration sets and their event destinations, as they should be. Pure.

Source: Amazon SES API v2 Reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..resources import ConfigurationSet, EventDestination
from ..steps import Call, Context, Outcome, Remark, call, creation, tag_list


def create_configuration_set(spec: ConfigurationSet, context: Context) -> Call:
    """One with metrics of bounces and complaints of its own."""
    return call(
        "sesv2",
        "create_configuration_set",
        ConfigurationSetName=spec.name,
        ReputationOptions={"ReputationMetricsEnabled": True},
        Tags=tag_list(context.tags),
    )


def compare_configuration_set(
    spec: ConfigurationSet, found: Mapping[str, Any], context: Context
) -> Iterator[Outcome]:
    """Sending must be on."""
    if found.get("SendingOptions", {}).get("SendingEnabled") is False:
        enable = call(
            "sesv2",
            "put_configuration_set_sending_options",
            ConfigurationSetName=spec.name,
            SendingEnabled=True,
        )
        yield Remark(text=f"The {spec.title} has sending turned off.", fix=enable)


def create_event_destination(spec: EventDestination, context: Context) -> Call:
    """It must have another name than those that are there."""
    return _destination_call("create_configuration_set_event_destination", spec, spec.name)


def compare_event_destination(
    spec: EventDestination, found: Mapping[str, Any], context: Context
) -> Iterator[Outcome]:
    """Another one may publish to the same topic, whatever its name.

    :param found: the answer of ``GetConfigurationSetEventDestinations``.
    """
    destinations = found["EventDestinations"]
    ours = [one for one in destinations if _topic_arn(one) == spec.topic_arn]
    if ours:
        yield from _compare_destinations(spec, ours)
    elif spec.name in [one["Name"] for one in destinations]:
        text = f"The {spec.title} publishes elsewhere than to {spec.topic_arn}."
        fix = 'Name its topic in ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"], or delete it.'
        yield Remark(text=text, fix=fix)
    else:
        yield creation(spec.title, create_event_destination(spec, context))


def _compare_destinations(spec: EventDestination, ours: list[Any]) -> Iterator[Outcome]:
    enabled = [one for one in ours if one.get("Enabled")]
    first = (enabled or ours)[0]
    published = {kind for one in enabled for kind in one.get("MatchingEventTypes", ())}
    missing = [kind for kind in spec.event_types if kind not in published]
    if missing:
        types = sorted({*first.get("MatchingEventTypes", ()), *spec.event_types})
        update = _destination_call(
            "update_configuration_set_event_destination", spec, first["Name"], types
        )
        state = f"does not publish {', '.join(missing)}" if enabled else "is disabled"
        title = f"event destination {first['Name']} of {spec.configuration_set}"
        yield Remark(text=f"The {title} {state}.", fix=update)


def _destination_call(
    operation: str, spec: EventDestination, name: str, types: list[str] | None = None
) -> Call:
    destination = {
        "Enabled": True,
        "MatchingEventTypes": types or list(spec.event_types),
        "SnsDestination": {"TopicArn": spec.topic_arn},
    }
    return call(
        "sesv2",
        operation,
        ConfigurationSetName=spec.configuration_set,
        EventDestinationName=name,
        EventDestination=destination,
    )


def _topic_arn(destination: Mapping[str, Any]) -> Any:
    return (destination.get("SnsDestination") or {}).get("TopicArn")
