"""Configuration sets and their event destinations.

Source: Amazon SES API references (v1 2010-12-01, v2 2019-09-27).
"""

from __future__ import annotations

import re
from typing import Any

from ..api import ApiError, ApiRequest
from ..events.subscribers import EventDestination, event_type
from .context import Result, SesContext
from .errors import ErrorCode, SesError, invalid
from .pages import build_page
from .v1 import Params

#: What SES publishes when a destination is made or changed (Amazon SES Developer Guide, "Set up an
#: Amazon SNS event destination").
VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."
#: SES API references, "ConfigurationSet" and "CreateTenant".
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: What a new one has.
DEFAULTS: dict[str, Any] = {
    "DeliveryOptions": {"TlsPolicy": "OPTIONAL"},
    "ReputationOptions": {"ReputationMetricsEnabled": False},
    "SendingOptions": {"SendingEnabled": True},
}
#: What options are that a call leaves out.
OFF: dict[str, dict[str, Any]] = {
    "DeliveryOptions": {"TlsPolicy": "OPTIONAL"},
    "ReputationOptions": {"ReputationMetricsEnabled": False},
    "SendingOptions": {"SendingEnabled": False},
    "SuppressionOptions": {"SuppressedReasons": []},
}


def check_configuration_set(ses: SesContext, region: str, name: str) -> None:
    """Refuse a configuration set that does not exist."""
    if (region, name) not in ses.configuration_sets:
        text = f"Configuration set <{name}> does not exist."
        raise SesError(ErrorCode.NO_CONFIGURATION_SET, text)


def check_name(name: str) -> None:
    """Refuse a name that a configuration set or a tenant cannot have."""
    if not NAME.fullmatch(name):
        raise invalid(f"The name <{name}> does not match {NAME.pattern}.")


def create_configuration_set(ses: SesContext, request: ApiRequest) -> Result:
    given = request.params
    name = given.get("ConfigurationSet", {}).get("Name") or given.get("ConfigurationSetName", "")
    check_name(name)
    options = {key: value for key, value in given.items() if key.endswith("Options")}
    created = {**DEFAULTS, **options, "ConfigurationSetName": name, "Tags": given.get("Tags", [])}
    if ses.configuration_sets.setdefault((request.region, name), created) is not created:
        raise SesError(ErrorCode.SET_EXISTS, f"Configuration set <{name}> already exists.")
    return {}


def get_configuration_set(ses: SesContext, request: ApiRequest) -> Result:
    return ses.configuration_sets[request.region, _named_set(ses, request)]


def list_configuration_sets(ses: SesContext, request: ApiRequest) -> Result:
    """v2 lists names only."""
    is_v2 = request.service == "sesv2"
    found = [
        name if is_v2 else {"Name": name}
        for region, name in list(ses.configuration_sets)
        if region == request.region
    ]
    return build_page("ConfigurationSets", found, request.params)


def delete_configuration_set(ses: SesContext, request: ApiRequest) -> Result:
    name = _named_set(ses, request)
    ses.configuration_sets.pop((request.region, name), None)
    ses.publisher.destinations.pop((request.region, name), None)
    return {}


def put_options(name: str, ses: SesContext, request: ApiRequest) -> Result:
    """Set some options of a configuration set; those that the call leaves out are gone.

    :param name: of the options, as ``GetConfigurationSet`` has them.
    """
    found = ses.configuration_sets[request.region, _named_set(ses, request)]
    given = {key: value for key, value in request.params.items() if key != "ConfigurationSetName"}
    options = dict(given.get(name, given))  # v1, and VdmOptions, have them in a structure
    if "TlsPolicy" in options:
        options["TlsPolicy"] = options["TlsPolicy"].upper()  # v1: "Require"
    found[name] = {**OFF.get(name, {}), **options}
    return {}


def set_enabled(name: str, ses: SesContext, request: ApiRequest) -> Result:
    """What v1 calls ``Enabled``.

    :param name: of the options that have nothing else.
    """
    found = ses.configuration_sets[request.region, _named_set(ses, request)]
    found[name] = dict.fromkeys(OFF[name], request.params["Enabled"])
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


def _named_set(ses: SesContext, request: ApiRequest) -> str:
    name: str = request.params["ConfigurationSetName"]
    check_configuration_set(ses, request.region, name)
    return name


def _destinations(ses: SesContext, request: ApiRequest) -> dict[str, EventDestination]:
    return ses.publisher.destinations[request.region, _named_set(ses, request)]


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
