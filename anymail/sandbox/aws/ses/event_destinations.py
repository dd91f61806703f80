"""Event destinations of configuration sets, in both APIs.

moto has one for a set, and only in v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api import ApiError, ApiRequest
from ..events.subscribers import NOT_IN_V1, EventDestination, event_type, event_type_v1
from .configuration_sets import named_set
from .refusals import invalid

if TYPE_CHECKING:
    from .desk import Desk, Operation

Result = Mapping[str, Any]
#: What SES publishes when a destination is made or changed (Amazon SES Developer Guide, "Set up an
#: Amazon SNS event destination").
VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."
MAX_DESTINATIONS = 10


def create_destination(desk: Desk, request: ApiRequest) -> Result:
    """CreateConfigurationSetEventDestination."""
    name, destination = named_set(request), _destination(request)
    known = desk.subscribers.destinations(request.region, name)
    if destination.name in {found.name for found in known}:
        code = {"ses": "EventDestinationAlreadyExists"}.get(
            request.service, "AlreadyExistsException"
        )
        raise ApiError(code, f"An event destination {destination.name} already exists.")
    if len(known) >= MAX_DESTINATIONS:
        code = {"ses": "LimitExceeded"}.get(request.service, "LimitExceededException")
        raise ApiError(code, f"A configuration set has at most {MAX_DESTINATIONS} destinations.")
    return _keep(desk, request, name, destination)


def update_destination(desk: Desk, request: ApiRequest) -> Result:
    """UpdateConfigurationSetEventDestination."""
    name, destination = named_set(request), _destination(request)
    known = desk.subscribers.destinations(request.region, name)
    if destination.name not in {found.name for found in known}:
        raise _no_destination(request, destination.name)
    return _keep(desk, request, name, destination)


def delete_destination(desk: Desk, request: ApiRequest) -> Result:
    """DeleteConfigurationSetEventDestination."""
    name = request.params["EventDestinationName"]
    if not desk.subscribers.remove(request.region, named_set(request), name):
        raise _no_destination(request, name)
    return {}


def get_destinations(desk: Desk, request: ApiRequest) -> Result:
    """GetConfigurationSetEventDestinations."""
    known = desk.subscribers.destinations(request.region, named_set(request))
    return {"EventDestinations": [_described(found) for found in known]}


def describe_configuration_set(desk: Desk, request: ApiRequest) -> Result:
    """DescribeConfigurationSet."""
    name = named_set(request)
    known = desk.subscribers.destinations(request.region, name)
    wanted = "eventDestinations" in request.params.get("ConfigurationSetAttributeNames", ())
    described = [_described_v1(found) for found in known]
    return {
        "ConfigurationSet": {"Name": name},
        "EventDestinations": described if wanted else None,
    }


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


def _keep(desk: Desk, request: ApiRequest, name: str, destination: EventDestination) -> Result:
    if destination.topic_arn is not None:
        try:
            desk.sns.publish(destination.topic_arn, VALIDATION)
        except ApiError as err:
            code = {"ses": "InvalidSNSDestination"}.get(request.service, "BadRequestException")
            text = f"Could not publish to SNS topic <{destination.topic_arn}>: {err}"
            raise ApiError(code, text) from err
    desk.subscribers.put(request.region, name, destination)
    return {}


def _no_destination(request: ApiRequest, name: str) -> ApiError:
    text = f"Event destination {name} does not exist."
    if request.service == "ses":
        return ApiError("EventDestinationDoesNotExist", text)
    return ApiError("NotFoundException", text, 404)


def _described(found: EventDestination) -> dict[str, Any]:
    """As v2 spells it."""
    sns = {} if found.topic_arn is None else {"SnsDestination": {"TopicArn": found.topic_arn}}
    return {
        **found.definition,
        **sns,
        "Name": found.name,
        "Enabled": found.enabled,
        "MatchingEventTypes": list(found.types),
    }


def _described_v1(found: EventDestination) -> dict[str, Any]:
    sns = {} if found.topic_arn is None else {"SNSDestination": {"TopicARN": found.topic_arn}}
    types = [event_type_v1(kind) for kind in found.types if kind not in NOT_IN_V1]
    return {**_described(found), **sns, "MatchingEventTypes": types}


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("ses", "CreateConfigurationSetEventDestination"): create_destination,
    ("ses", "DeleteConfigurationSetEventDestination"): delete_destination,
    ("ses", "DescribeConfigurationSet"): describe_configuration_set,
    ("ses", "UpdateConfigurationSetEventDestination"): update_destination,
    ("sesv2", "CreateConfigurationSetEventDestination"): create_destination,
    ("sesv2", "DeleteConfigurationSetEventDestination"): delete_destination,
    ("sesv2", "GetConfigurationSetEventDestinations"): get_destinations,
    ("sesv2", "UpdateConfigurationSetEventDestination"): update_destination,
}
