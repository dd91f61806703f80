"""The SNS topics that identities notify, which only v1 has.

Source: Amazon SES API reference (v1 2010-12-01).
"""

from __future__ import annotations

import json
from typing import Any

from ..api import ApiError, ApiRequest
from ..events.subscribers import NOTIFICATION_TYPES
from .context import Result, SesContext

DEFAULTS = {f"HeadersIn{kind}NotificationsEnabled": False for kind in NOTIFICATION_TYPES}


def set_notification_topic(ses: SesContext, request: ApiRequest) -> Result:
    """Without a topic, it is taken away."""
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
    names = request.params["Identities"]
    return {"NotificationAttributes": {name: _attributes(ses, request, name) for name in names}}


def _attributes(ses: SesContext, request: ApiRequest, name: str) -> Result:
    identity = ses.identities.find(request.region, name) or {}
    forwards = identity.get("FeedbackForwardingStatus", True)
    known = ses.publisher.notifications.get((request.region, name.lower()), {})
    return {"ForwardingEnabled": forwards, **DEFAULTS, **known}


def _set_attribute(ses: SesContext, request: ApiRequest, name: str, value: Any) -> Result:
    notifications = ses.publisher.notifications
    notifications[request.region, request.params["Identity"].lower()][name] = value
    return {}


def _kind(request: ApiRequest) -> str:
    kind: str = request.params["NotificationType"]
    if kind not in NOTIFICATION_TYPES:
        text = f"Value '{kind}' at 'notificationType' must be one of {list(NOTIFICATION_TYPES)}."
        raise ApiError("ValidationError", text)
    return kind
