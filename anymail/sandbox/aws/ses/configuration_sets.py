"""Configuration sets, in both APIs. moto keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api import ApiError, ApiRequest
from . import state
from .refusals import Reason, Refused

if TYPE_CHECKING:
    from .desk import Desk, Operation

Result = Mapping[str, Any]


def create_configuration_set(_desk: Desk, request: ApiRequest) -> Result | None:
    """CreateConfigurationSet of v2, for whose errors moto has v1's names."""
    name = request.params["ConfigurationSetName"]
    if state.has_configuration_set(request.region, name):
        raise ApiError("AlreadyExistsException", f"Configuration set <{name}> already exists.")
    return None


def get_configuration_set(_desk: Desk, request: ApiRequest) -> Result:
    """GetConfigurationSet."""
    name = named_set(request)
    return {
        **state.describe_configuration_set(request.region, name),
        "SendingOptions": {"SendingEnabled": not _is_paused(request.region, name)},
    }


def delete_configuration_set(desk: Desk, request: ApiRequest) -> Result:
    """DeleteConfigurationSet."""
    name = named_set(request)
    state.delete_configuration_set(request.region, name)
    desk.subscribers.forget(request.region, name)
    return {}


def enable_sending(desk: Desk, request: ApiRequest) -> Result:
    """UpdateConfigurationSetSendingEnabled, PutConfigurationSetSendingOptions."""
    key = "Enabled" if request.service == "ses" else "SendingEnabled"
    enabled = bool(request.params.get(key, False))
    state.set_sending_options(request.region, named_set(request), enabled)
    return {}


def set_default(desk: Desk, request: ApiRequest) -> Result:
    """PutEmailIdentityConfigurationSetAttributes."""
    identity, name = request.params["EmailIdentity"], request.params.get("ConfigurationSetName")
    if name:
        named_set(request)
    if not state.set_default_configuration_set(request.region, identity, name):
        raise ApiError("NotFoundException", f"Email identity {identity} does not exist.", 404)
    return {}


def named_set(request: ApiRequest) -> str:
    """The configuration set that a call is about.

    :raises Refused: there is none with this name.
    """
    name: str = request.params["ConfigurationSetName"]
    _check_exists(request.region, name)
    return name


def check_configuration_set(region: str, name: str) -> None:
    """Refuse what is no configuration set, or a paused one.

    :raises Refused: it is.
    """
    _check_exists(region, name)
    if _is_paused(region, name):
        text = f"Sending is paused for configuration set <{name}>."
        raise Refused(Reason.CONFIGURATION_SET_PAUSED, text)


def _check_exists(region: str, name: str) -> None:
    if not state.has_configuration_set(region, name):
        text = f"Configuration set <{name}> does not exist."
        raise Refused(Reason.NO_CONFIGURATION_SET, text)


def _is_paused(region: str, name: str) -> bool:
    return state.sending_options(region, name).get("SendingEnabled") is False


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("ses", "DeleteConfigurationSet"): delete_configuration_set,
    ("ses", "UpdateConfigurationSetSendingEnabled"): enable_sending,
    ("sesv2", "CreateConfigurationSet"): create_configuration_set,
    ("sesv2", "DeleteConfigurationSet"): delete_configuration_set,
    ("sesv2", "GetConfigurationSet"): get_configuration_set,
    ("sesv2", "PutConfigurationSetSendingOptions"): enable_sending,
    ("sesv2", "PutEmailIdentityConfigurationSetAttributes"): set_default,
}
