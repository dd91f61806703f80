"""The operations about the account's suppression list.

Source: Amazon SES API reference (v2 2019-09-27).
"""

from __future__ import annotations

from datetime import datetime, timezone

from ..api import ApiRequest
from ..suppression import spelling
from .addresses import check_address
from .context import Result, SesContext
from .errors import ErrorCode, SesError
from .pages import build_page
from .v1 import Params


def list_destinations(ses: SesContext, request: ApiRequest) -> Result:
    found = [
        entry
        for (region, _), entry in list(ses.suppression.entries.items())
        if region == request.region and _is_asked_for(entry, request.params)
    ]
    return build_page("SuppressedDestinationSummaries", found, request.params)


def get_destination(ses: SesContext, request: ApiRequest) -> Result:
    return {"SuppressedDestination": ses.suppression.entries[_key(ses, request)]}


def put_destination(ses: SesContext, request: ApiRequest) -> Result:
    address = request.params["EmailAddress"]
    check_address(address)
    ses.suppression.add(request.region, address, request.params["Reason"])
    return {}


def delete_destination(ses: SesContext, request: ApiRequest) -> Result:
    ses.suppression.entries.pop(_key(ses, request), None)
    return {}


def _is_asked_for(entry: Params, given: Params) -> bool:
    """Whether a list that is called like this has an entry."""
    at, start, end = entry["LastUpdateTime"], given.get("StartDate"), given.get("EndDate")
    is_in_time = (start is None or at >= _aware(start)) and (end is None or at <= _aware(end))
    return is_in_time and entry["Reason"] in (given.get("Reasons") or (entry["Reason"],))


def _aware(at: datetime) -> datetime:
    """moto's parser gives times without their zone, which is UTC."""
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def _key(ses: SesContext, request: ApiRequest) -> tuple[str, str]:
    """Where the address in a call is; SesError unless it is one, and on the list."""
    address = request.params["EmailAddress"]
    check_address(address)
    key = request.region, spelling(address)
    if key not in ses.suppression.entries:
        text = f"Email address {address} does not exist on your suppression list."
        raise SesError(ErrorCode.NOT_FOUND, text)
    return key
