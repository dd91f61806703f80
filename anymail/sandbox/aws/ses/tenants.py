"""Tenants, each of which may use only what is associated with it. moto has none.

While a region has no tenant, every name is one that may use everything: so a project that has
tenants at Amazon can send here at once.

Source: Amazon SES API v2 Reference, "CreateTenant" and the operations beside it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from ...journal import now
from ..api import ApiRequest
from ..defaults import ACCOUNT
from .configuration_sets import check_configuration_set, check_name
from .context import Result, SesContext, Tenant
from .errors import ErrorCode, SesError, invalid
from .pages import build_page
from .templates import find_template

RESOURCE = re.compile(r"(identity|configuration-set|template)/(\S+)")
RESOURCE_TYPES = {
    "identity": "EMAIL_IDENTITY",
    "configuration-set": "CONFIGURATION_SET",
    "template": "EMAIL_TEMPLATE",
}


def check_tenant(ses: SesContext, region: str, name: str, arns: Iterable[str]) -> None:
    """Refuse a tenant that does not exist, or may not use all of what a message uses."""
    if any(found == region for found, _ in list(ses.tenants)):
        resources = _find(ses, region, name)["Resources"]
        if missing := [arn for arn in arns if arn not in resources]:
            text = f"Tenant not associated with resources [{', '.join(missing)}]."
            raise SesError(ErrorCode.DENIED, text)


def create_tenant(ses: SesContext, request: ApiRequest) -> Result:
    name, identifier = request.params["TenantName"], f"tn-{secrets.token_hex(15)}"
    check_name(name)
    tenant = {
        "TenantName": name,
        "TenantId": identifier,
        "TenantArn": f"arn:aws:ses:{request.region}:{ACCOUNT}:tenant/{name}/{identifier}",
        "CreatedTimestamp": now(),
        "Tags": list(request.params.get("Tags", ())),
        "SendingStatus": "ENABLED",
        "Resources": set(),
    }
    if ses.tenants.setdefault((request.region, name), tenant) is not tenant:
        raise SesError(ErrorCode.EXISTS, f"Tenant {name} already exists.")
    return tenant


def get_tenant(ses: SesContext, request: ApiRequest) -> Result:
    return {"Tenant": _find(ses, request.region, request.params["TenantName"])}


def list_tenants(ses: SesContext, request: ApiRequest) -> Result:
    """All on one page, the oldest first."""
    everybody = list(ses.tenants.items())
    return {"Tenants": [tenant for (region, _), tenant in everybody if region == request.region]}


def delete_tenant(ses: SesContext, request: ApiRequest) -> Result:
    name = request.params["TenantName"]
    _find(ses, request.region, name)
    ses.tenants.pop((request.region, name), None)
    return {}


def associate_resource(ses: SesContext, request: ApiRequest) -> Result:
    """The configuration set or template must exist; whether identities do, sending decides."""
    resources, arn = _resources(ses, request)
    found = RESOURCE.fullmatch(arn.removeprefix(f"arn:aws:ses:{request.region}:{ACCOUNT}:"))
    if found is None:
        raise invalid(f"Invalid resource ARN <{arn}>.")
    if found[1] == "configuration-set":
        check_configuration_set(ses, request.region, found[2])
    if found[1] == "template":
        find_template(ses, request.region, found[2])
    if arn in resources:
        raise SesError(ErrorCode.EXISTS, f"Resource {arn} is already associated with the tenant.")
    resources.add(arn)
    return {}


def list_resources(ses: SesContext, request: ApiRequest) -> Result:
    """What a tenant may use."""
    tenant = _find(ses, request.region, request.params["TenantName"])
    wanted = request.params.get("Filter", {}).get("RESOURCE_TYPE")
    found = [
        {"ResourceType": kind, "ResourceArn": arn}
        for arn in sorted(tenant["Resources"])
        for kind in [RESOURCE_TYPES[arn.rpartition(":")[2].partition("/")[0]]]
        if wanted in (None, kind)
    ]
    return build_page("TenantResources", found, request.params)


def dissociate_resource(ses: SesContext, request: ApiRequest) -> Result:
    resources, arn = _resources(ses, request)
    if arn not in resources:
        raise SesError(ErrorCode.NOT_FOUND, f"Resource {arn} is not associated with the tenant.")
    resources.discard(arn)
    return {}


def _resources(ses: SesContext, request: ApiRequest) -> tuple[set[str], str]:
    """What the tenant in a call may use, and what the call is about."""
    tenant = _find(ses, request.region, request.params["TenantName"])
    return tenant["Resources"], request.params["ResourceArn"]


def _find(ses: SesContext, region: str, name: str) -> Tenant:
    if (region, name) not in ses.tenants:
        text = f"Tenant {name} for AwsAccountId {ACCOUNT} not found."
        raise SesError(ErrorCode.NOT_FOUND, text)
    return ses.tenants[region, name]
