"""Configuration sets and their event destinations, in both APIs.

moto keeps the sets. It has one destination for a set, and only in v1.
"""

from __future__ import annotations

from typing import Any

from .. import moto_state
from ..api import ApiError, ApiRequest
from ..events.subscribers import NOT_IN_V1, EventDestination, event_type, event_type_v1
from .context import Operations, Result, SesContext
from .errors import ErrorCode, SesError, invalid

#: What SES publishes when a destination is made or changed (Amazon SES Developer Guide, "Set up an
#: Amazon SNS event destination").
VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."
MAX_DESTINATIONS = 10


def check_configuration_set(region: str, name: str) -> None:
    """Refuse a configuration set that does not exist."""
    if not moto_state.has_configuration_set(region, name):
        text = f"Configuration set <{name}> does not exist."
        raise SesError(ErrorCode.NO_CONFIGURATION_SET, text)


def create_configuration_set_v2(_ses: SesContext, request: ApiRequest) -> Result | None:
    """moto's errors have v1's names."""
    name = request.params["ConfigurationSetName"]
    if moto_state.has_configuration_set(request.region, name):
        raise SesError(ErrorCode.EXISTS, f"Configuration set <{name}> already exists.")
    return None


def get_configuration_set(_ses: SesContext, request: ApiRequest) -> Result:
    described = moto_state.describe_configuration_set(request.region, _named_set(request))
    return {**described, "SendingOptions": {"SendingEnabled": True}}


def delete_configuration_set(ses: SesContext, request: ApiRequest) -> Result:
    name = _named_set(request)
    moto_state.delete_configuration_set(request.region, name)
    ses.subscribers.forget(request.region, name)
    return {}


def describe_configuration_set(ses: SesContext, request: ApiRequest) -> Result:
    found = _destinations(ses, request)
    wanted = "eventDestinations" in request.params.get("ConfigurationSetAttributeNames", ())
    return {
        "ConfigurationSet": {"Name": request.params["ConfigurationSetName"]},
        "EventDestinations": list(map(_described_v1, found.values())) if wanted else None,
    }


def get_destinations(ses: SesContext, request: ApiRequest) -> Result:
    return {"EventDestinations": list(map(_described, _destinations(ses, request).values()))}


def create_destination(ses: SesContext, request: ApiRequest) -> Result:
    known, destination = _destinations(ses, request), _destination(request)
    if destination.name in known:
        text = f"An event destination {destination.name} already exists."
        raise SesError(ErrorCode.DESTINATION_EXISTS, text)
    if len(known) >= MAX_DESTINATIONS:
        text = f"A configuration set has at most {MAX_DESTINATIONS} destinations."
        raise SesError(ErrorCode.LIMIT, text)
    return _keep(ses, request, destination)


def update_destination(ses: SesContext, request: ApiRequest) -> Result:
    known, destination = _destinations(ses, request), _destination(request)
    if destination.name not in known:
        raise _no_destination(destination.name)
    return _keep(ses, request, destination)


def delete_destination(ses: SesContext, request: ApiRequest) -> Result:
    name = request.params["EventDestinationName"]
    if not ses.subscribers.remove(request.region, _named_set(request), name):
        raise _no_destination(name)
    return {}


def _named_set(request: ApiRequest) -> str:
    name: str = request.params["ConfigurationSetName"]
    check_configuration_set(request.region, name)
    return name


def _destinations(ses: SesContext, request: ApiRequest) -> dict[str, EventDestination]:
    found = ses.subscribers.destinations(request.region, _named_set(request))
    return {destination.name: destination for destination in found}


def _destination(request: ApiRequest) -> EventDestination:
    given = request.params["EventDestination"]
    sns = given.get("SnsDestination") or given.get("SNSDestination") or {}
    return EventDestination(
        name=request.params.get("EventDestinationName") or given["Name"],
        enabled=given.get("Enabled", False),
        types=tuple(_event_type(kind, request) for kind in given.get("MatchingEventTypes", ())),
        topic_arn=sns.get("TopicArn") or sns.get("TopicARN"),
        definition=given,
    )


def _event_type(kind: str, request: ApiRequest) -> str:
    found = event_type(kind)
    if found is None or (request.service == "ses" and found in NOT_IN_V1):
        raise invalid(f"Invalid event type <{kind}>.")
    return found


def _keep(ses: SesContext, request: ApiRequest, destination: EventDestination) -> Result:
    topic_arn, name = destination.topic_arn, request.params["ConfigurationSetName"]
    if topic_arn is not None:
        try:
            ses.sns.publish(topic_arn, VALIDATION)
        except ApiError as err:
            text = f"Could not publish to SNS topic <{topic_arn}>: {err}"
            raise SesError(ErrorCode.INVALID_DESTINATION, text) from err
    ses.subscribers.put(request.region, name, destination)
    return {}


def _no_destination(name: str) -> SesError:
    return SesError(ErrorCode.NO_DESTINATION, f"Event destination {name} does not exist.")


def _described(found: EventDestination) -> dict[str, Any]:
    """As v2 spells it."""
    sns = {} if found.topic_arn is None else {"SnsDestination": {"TopicArn": found.topic_arn}}
    changed = {"Name": found.name, "Enabled": found.enabled, "MatchingEventTypes": [*found.types]}
    return {**found.definition, **sns, **changed}


def _described_v1(found: EventDestination) -> dict[str, Any]:
    sns = {} if found.topic_arn is None else {"SNSDestination": {"TopicARN": found.topic_arn}}
    types = [event_type_v1(kind) for kind in found.types if kind not in NOT_IN_V1]
    return {**_described(found), **sns, "MatchingEventTypes": types}


OPERATIONS: Operations = {
    ("ses", "CreateConfigurationSetEventDestination"): create_destination,
    ("ses", "DeleteConfigurationSet"): delete_configuration_set,
    ("ses", "DeleteConfigurationSetEventDestination"): delete_destination,
    ("ses", "DescribeConfigurationSet"): describe_configuration_set,
    ("ses", "UpdateConfigurationSetEventDestination"): update_destination,
    ("sesv2", "CreateConfigurationSet"): create_configuration_set_v2,
    ("sesv2", "CreateConfigurationSetEventDestination"): create_destination,
    ("sesv2", "DeleteConfigurationSet"): delete_configuration_set,
    ("sesv2", "DeleteConfigurationSetEventDestination"): delete_destination,
    ("sesv2", "GetConfigurationSet"): get_configuration_set,
    ("sesv2", "GetConfigurationSetEventDestinations"): get_destinations,
    ("sesv2", "UpdateConfigurationSetEventDestination"): update_destination,
}
