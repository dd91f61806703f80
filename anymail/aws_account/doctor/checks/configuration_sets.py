"""The configuration set that messages are sent with, and what it publishes.

Source: Amazon SES API v2 Reference, "GetConfigurationSet", "EventDestination".
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from django.apps import apps

from ..context import Context
from ..event_paths import (
    NO_SET,
    Destination,
    configuration_set,
    destinations,
    event_topics,
    is_carrier,
)
from ..findings import Finding, Fix, command, error, not_used, ok, setting, warning

#: Without these, mail goes on to addresses that do not exist, and to people who complained.
NEEDED_TYPES = ("BOUNCE", "COMPLAINT")
ADVISED_TYPES = ("DELIVERY", "REJECT", "RENDERING_FAILURE", "DELIVERY_DELAY")
#: The outbox finds out by it whether a message was sent when the answer of SES was lost.
OUTBOX_TYPES = ("SEND",)
SET_UP = command("python manage.py anymail_setup --apply")
SET_NAME = setting('ANYMAIL["AMAZON_SES_CONFIGURATION_SET_NAME"] = "ses-events"')


def options(context: Context) -> Iterator[Finding]:
    """D10: the configuration set exists, and sends."""
    name = configuration_set(context)
    if name is None:
        yield not_used("none: AMAZON_SES_CONFIGURATION_SET_NAME is not set")
        return
    found = context.find("sesv2", "GetConfigurationSet", missing=NO_SET, ConfigurationSetName=name)
    if found is None:
        create = f"aws sesv2 create-configuration-set --configuration-set-name {shlex.quote(name)}"
        yield error(f"there is no configuration set {name} in {context.region}", command(create))
        return
    problems = [*_sending(name, found), *_suppression(name, found)]
    yield from problems
    if not problems:
        yield ok(f"{name}: {_summary(found)}")


def event_types(context: Context) -> Iterator[Finding]:
    """D11: it publishes what has to be known about messages, where we can receive it."""
    name = configuration_set(context)
    if name is None and event_topics(context):
        yield not_used("no configuration set: the identity notifies topics, see D12")
        return
    if name is None:
        yield error("no configuration set, so SES publishes no events", SET_UP, SET_NAME)
        return
    if context.find("sesv2", "GetConfigurationSet", missing=NO_SET, ConfigurationSetName=name):
        yield _destinations_finding(context, name, destinations(context, name))
    else:
        yield not_used("no configuration set: see D10")


def _sending(name: str, found: Mapping[str, Any]) -> Iterator[Finding]:
    if not found.get("SendingOptions", {}).get("SendingEnabled", True):
        text = f"sending is off for {name}: SES refuses every message"
        yield error(text, _put(name, "sending", "--sending-enabled"))


def _suppression(name: str, found: Mapping[str, Any]) -> Iterator[Finding]:
    """A set's own list of reasons wins over the account's (D25), also where it is shorter."""
    reasons = (found.get("SuppressionOptions") or {}).get("SuppressedReasons")
    missing = [] if reasons is None else [one for one in NEEDED_TYPES if one not in reasons]
    if missing:
        fix = _put(name, "suppression", "--suppressed-reasons BOUNCE COMPLAINT")
        yield warning(f"{name} does not suppress addresses after: {', '.join(missing)}", fix)


def _put(name: str, option: str, values: str) -> Fix:
    named = f"--configuration-set-name {shlex.quote(name)}"
    return command(f"aws sesv2 put-configuration-set-{option}-options {named} {values}")


def _summary(found: Mapping[str, Any]) -> str:
    is_required = (found.get("DeliveryOptions") or {}).get("TlsPolicy") == "REQUIRE"
    has_metrics = (found.get("ReputationOptions") or {}).get("ReputationMetricsEnabled")
    domain = (found.get("TrackingOptions") or {}).get("CustomRedirectDomain")
    parts = [
        "sending is on",
        f"TLS is {'required' if is_required else 'used where possible'}",
        f"reputation metrics are {'on' if has_metrics else 'off'}",
        *([f"links lead through {domain}"] if domain else []),
    ]
    return ", ".join(parts)


def _destinations_finding(context: Context, name: str, found: Sequence[Destination]) -> Finding:
    carriers = [one for one in found if is_carrier(one)]
    if not carriers:
        return error(f"{name} publishes no events to SNS or EventBridge", *_create(context, name))
    published = {kind for one in carriers if one["Enabled"] for kind in one["MatchingEventTypes"]}
    missing = [kind for kind in _wanted() if kind not in published]
    where = ", ".join(one["Name"] for one in carriers if one["Enabled"])
    if not missing:
        return ok(f"{name} publishes what it should, to {where}")
    fix = command(_update(name, carriers[0]))
    off = [one["Name"] for one in carriers if not one["Enabled"]]
    why = f" (turned off: {', '.join(off)})" if off else ""
    text = f"{name} does not publish {', '.join(missing)}{why}"
    is_needed = not published.issuperset(NEEDED_TYPES)
    return error(text, fix) if is_needed else warning(text, fix)


def _wanted() -> Collection[str]:
    more = OUTBOX_TYPES if apps.is_installed("anymail.outbox") else ()
    return (*NEEDED_TYPES, *ADVISED_TYPES, *more)


def _create(context: Context, name: str) -> Iterator[Fix]:
    """For a topic that the settings name, or for one that the set-up creates."""
    ours = f":{context.region}:{context.account}:"
    topic = next((arn for arn in context.settings.sns_topic_arns if ours in arn), None)
    if topic is None:
        yield SET_UP
        return
    sns = {"SnsDestination": {"TopicArn": topic}}
    yield command(_call("create", name, "anymail", sns, _wanted()))


def _update(name: str, destination: Destination) -> str:
    """The command that adds types to a destination; it keeps those that it has."""
    kinds = ("SnsDestination", "EventBridgeDestination")
    target = {kind: destination[kind] for kind in kinds if destination.get(kind)}
    types = {*destination["MatchingEventTypes"], *_wanted()}
    return _call("update", name, destination["Name"], target, types)


def _call(
    verb: str, name: str, destination: str, target: Mapping[str, Any], types: Collection[str]
) -> str:
    value = {"Enabled": True, "MatchingEventTypes": sorted(types), **target}
    return (
        f"aws sesv2 {verb}-configuration-set-event-destination "
        f"--configuration-set-name {shlex.quote(name)} "
        f"--event-destination-name {shlex.quote(destination)} "
        f"--event-destination {shlex.quote(json.dumps(value))}"
    )
