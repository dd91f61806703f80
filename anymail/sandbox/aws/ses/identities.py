"""Identities, which moto keeps, and the SNS topics that they notify.

Source: Amazon SES API reference (v1 2010-12-01).
"""

from __future__ import annotations

import json
from typing import Any

from ..api import ApiError, ApiRequest
from ..events.subscribers import NOTIFICATION_TYPES
from .addresses import check_address
from .context import Result, SesContext

DEFAULTS = {
    "ForwardingEnabled": True,
    **{f"HeadersIn{kind}NotificationsEnabled": False for kind in NOTIFICATION_TYPES},
}


def create_identity(_ses: SesContext, request: ApiRequest) -> None:
    """Refuse what is neither an address nor a domain: moto takes everything."""
    given = request.params
    name = given.get("Domain") or given.get("EmailAddress") or given.get("EmailIdentity", "")
    is_domain = "EmailAddress" not in given and "@" not in name
    check_address(f"postmaster@{name}" if is_domain else name)


def set_notification_topic(ses: SesContext, request: ApiRequest) -> Result:
    """Without a topic, it is taken away. Only v1 can set one."""
    kind, topic_arn = _kind(request), request.params.get("SnsTopic")
    if topic_arn:
        text = (
            f"You have successfully subscribed your Amazon SNS topic '{topic_arn}' to receive "
            f"'{kind}' notifications from Amazon SES for identity '{request.params['Identity']}'."
        )
        document = {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": text}
        try:
            ses.sns.publish(topic_arn, json.dumps(document) + "\n")
        except ApiError as err:
            text = f"Invalid SNS topic <{topic_arn}>: {err}"
            raise ApiError("InvalidParameterValue", text) from err
    return _set_attribute(ses, request, f"{kind}Topic", topic_arn or None)


def set_headers_in_notifications(ses: SesContext, request: ApiRequest) -> Result:
    name = f"HeadersIn{_kind(request)}NotificationsEnabled"
    return _set_attribute(ses, request, name, request.params["Enabled"])


def get_notification_attributes(ses: SesContext, request: ApiRequest) -> Result:
    known = ses.publisher.identities
    found = {
        name: {**DEFAULTS, **known.get((request.region, name.lower()), {})}
        for name in request.params["Identities"]
    }
    return {"NotificationAttributes": found}


def _set_attribute(ses: SesContext, request: ApiRequest, name: str, value: Any) -> Result:
    identities = ses.publisher.identities
    identities[request.region, request.params["Identity"].lower()][name] = value
    return {}


def _kind(request: ApiRequest) -> str:
    kind: str = request.params["NotificationType"]
    if kind not in NOTIFICATION_TYPES:
        text = f"Value '{kind}' at 'notificationType' must be one of {list(NOTIFICATION_TYPES)}."
        raise ApiError("ValidationError", text)
    return kind
