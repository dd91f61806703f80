"""Tags of identities, configuration sets and tenants; moto keeps those of other resources.

Source: Amazon SES API reference (v2 2019-09-27).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api import ApiRequest
from .context import Result, SesContext
from .errors import ErrorCode, SesError


def list_tags(ses: SesContext, request: ApiRequest) -> Result | None:
    found = _resource(ses, request)
    return None if found is None else {"Tags": found["Tags"]}


def tag_resource(ses: SesContext, request: ApiRequest) -> Result | None:
    """A tag takes the place of one with the same key."""
    if (found := _resource(ses, request)) is None:
        return None
    tags = {tag["Key"]: tag for tag in (*found["Tags"], *request.params["Tags"])}
    found["Tags"] = list(tags.values())
    return {}


def untag_resource(ses: SesContext, request: ApiRequest) -> Result | None:
    if (found := _resource(ses, request)) is None:
        return None
    keys = request.params["TagKeys"]
    found["Tags"] = [tag for tag in found["Tags"] if tag["Key"] not in keys]
    return {}


def _resource(ses: SesContext, request: ApiRequest) -> dict[str, Any] | None:
    """What an ARN is for; None if it is moto's, SesError if there is none."""
    arn = request.params["ResourceArn"]
    kind, _, name = arn.rpartition(":")[2].partition("/")
    stores: Mapping[str, Mapping[tuple[str, str], dict[str, Any]]] = {
        "identity": ses.identities.known,
        "configuration-set": ses.configuration_sets,
        "tenant": ses.tenants,
    }
    if kind not in stores:
        return None
    key = {"identity": name.lower(), "tenant": name.partition("/")[0]}.get(kind, name)
    found = stores[kind].get((request.region, key))
    if found is None:
        raise SesError(ErrorCode.NOT_FOUND, f"Resource {arn} does not exist.")
    return found
