"""Tenants: a message of one may use only what is associated with it.

Source: Amazon SES API v2 Reference, "ListTenantResources", "CreateTenantResourceAssociation".
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ..context import Context
from ..event_paths import configuration_set
from ..findings import Finding, Fix, command, error, not_checked, not_used, ok
from ..identities import sending_identities
from ..senders import send_defaults

#: Error codes of ``ListTenantResources``.
NO_TENANT = ("NotFoundException",)


def associations(context: Context) -> Iterator[Finding]:
    """D27: the tenant may use the senders' identities and the configuration set."""
    tenant = send_defaults(context).get("tenant", context.settings.tenant)
    if tenant is None:
        yield not_used("none: AMAZON_SES_TENANT is not set")
    elif callable(tenant) or "." in str(tenant):
        yield not_checked("not checked: a function chooses the tenant of each message")
    else:
        yield _of_tenant(str(tenant), context)


def _of_tenant(name: str, context: Context) -> Finding:
    wanted = dict.fromkeys(_wanted(context))
    found = _resources(name, context)
    if found is None:
        create = command(f"aws sesv2 create-tenant --tenant-name {shlex.quote(name)}")
        fixes = [create, *(_associate(name, arn) for arn in wanted)]
        return error(f"there is no tenant {name} in {context.region}", *fixes)
    missing = [arn for arn in wanted if arn not in found]
    if missing:
        names = ", ".join(arn.rpartition(":")[2] for arn in missing)
        return error(f"{name} may not use {names}", *(_associate(name, arn) for arn in missing))
    return ok(f"{name} may use what the settings name")


def _wanted(context: Context) -> Iterator[str]:
    """The ARNs of what the settings use."""
    caller = context.ask("sts", "GetCallerIdentity")["Arn"]
    prefix = f"arn:{caller.split(':')[1]}:ses:{context.region}:{context.account}"
    for name in sending_identities(context):
        yield f"{prefix}:identity/{name}"
    if set_name := configuration_set(context):
        yield f"{prefix}:configuration-set/{set_name}"


def _resources(tenant: str, context: Context) -> set[str] | None:
    """The ARNs of what a tenant may use; None if there is no such tenant."""
    found: set[str] = set()
    token: dict[str, str] = {}
    while True:
        answer = context.find(
            "sesv2", "ListTenantResources", missing=NO_TENANT, TenantName=tenant, **token
        )
        if answer is None:
            return None
        found.update(one["ResourceArn"] for one in answer.get("TenantResources", ()))
        if not answer.get("NextToken"):
            return found
        token = {"NextToken": answer["NextToken"]}


def _associate(tenant: str, arn: str) -> Fix:
    return command(
        "aws sesv2 create-tenant-resource-association "
        f"--tenant-name {shlex.quote(tenant)} --resource-arn {shlex.quote(arn)}"
    )
