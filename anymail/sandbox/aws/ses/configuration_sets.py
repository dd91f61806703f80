"""Configuration sets, which moto keeps, and their event destinations."""

from __future__ import annotations

import re

from .. import moto_state
from ..api import ApiError, ApiRequest
from ..events.subscribers import EventDestination, event_type
from .context import Result, SesContext
from .errors import ErrorCode, SesError, invalid
from .v1 import Params

#: What SES publishes when a destination is made or changed (Amazon SES Developer Guide, "Set up an
#: Amazon SNS event destination").
VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."
#: SES API references, "ConfigurationSet" and "CreateTenant".
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_configuration_set(region: str, name: str) -> None:
    """Refuse a configuration set that does not exist."""
    if name not in moto_state.configuration_sets(region):
        text = f"Configuration set <{name}> does not exist."
        raise SesError(ErrorCode.NO_CONFIGURATION_SET, text)


def check_name(name: str) -> None:
    """Refuse a name that a configuration set or a tenant cannot have."""
    if not NAME.fullmatch(name):
        raise invalid(f"The name <{name}> does not match {NAME.pattern}.")


def create_configuration_set(_ses: SesContext, request: ApiRequest) -> Result | None:
    """Refuse what moto does not refuse, or with other names."""
    given = request.params
    name = given.get("ConfigurationSet", {}).get("Name") or given.get("ConfigurationSetName", "")
    check_name(name)
    if name in moto_state.configuration_sets(request.region):
        raise SesError(ErrorCode.SET_EXISTS, f"Configuration set <{name}> already exists.")
    return None


def get_configuration_set(_ses: SesContext, request: ApiRequest) -> Result:
    described = moto_state.configuration_sets(request.region)[_named_set(request)].to_dict_v2()
    return {**described, "SendingOptions": {"SendingEnabled": True}}


def delete_configuration_set(ses: SesContext, request: ApiRequest) -> Result:
    name = _named_set(request)
    moto_state.configuration_sets(request.region).pop(name, None)
    ses.publisher.destinations.pop((request.region, name), None)
    return {}


def get_destinations(ses: SesContext, request: ApiRequest) -> Result:
    return {"EventDestinations": [one.definition for one in _destinations(ses, request).values()]}


def put_destination(ses: SesContext, request: ApiRequest) -> Result:
    """Create or update a destination."""
    destination = EventDestination(_definition(request))
    name, topic_arn = destination.definition["Name"], destination.topic_arn
    _check_existence(ses, request, name)
    if topic_arn is not None:
        try:
            ses.sns.publish(topic_arn, VALIDATION)
        except ApiError as err:
            text = f"Could not publish to SNS topic <{topic_arn}>: {err}"
            raise SesError(ErrorCode.INVALID_DESTINATION, text) from err
    _destinations(ses, request)[name] = destination
    return {}


def delete_destination(ses: SesContext, request: ApiRequest) -> Result:
    name = request.params["EventDestinationName"]
    _check_existence(ses, request, name)
    _destinations(ses, request).pop(name, None)
    return {}


def _named_set(request: ApiRequest) -> str:
    name: str = request.params["ConfigurationSetName"]
    check_configuration_set(request.region, name)
    return name


def _destinations(ses: SesContext, request: ApiRequest) -> dict[str, EventDestination]:
    return ses.publisher.destinations[request.region, _named_set(request)]


def _definition(request: ApiRequest) -> Params:
    """The destination in a call of either API, as v2 has it."""
    given = request.params["EventDestination"]
    types = [event_type(kind) for kind in given.get("MatchingEventTypes", ())]
    if None in types:
        raise invalid(f"Invalid event type in {given['MatchingEventTypes']}.")
    in_v1 = given.get("SNSDestination", {})
    return {
        "Enabled": False,
        "Name": request.params.get("EventDestinationName"),
        "SnsDestination": {"TopicArn": in_v1["TopicARN"]} if in_v1 else None,
        **given,
        "MatchingEventTypes": types,
    }


def _check_existence(ses: SesContext, request: ApiRequest, name: str) -> None:
    """What is created may not be there yet; what is changed has to be."""
    exists, is_new = name in _destinations(ses, request), request.operation.startswith("Create")
    if is_new == exists:
        code = ErrorCode.DESTINATION_EXISTS if exists else ErrorCode.NO_DESTINATION
        what = "already exists" if exists else "does not exist"
        raise SesError(code, f"Event destination {name} {what}.")
