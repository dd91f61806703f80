"""What identities are notified of. Only v1 of the API can set that up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api import ApiError, ApiRequest
from ..events.subscribers import NOTIFICATION_TYPES, IdentityTopics

if TYPE_CHECKING:
    from .desk import Desk, Operation

Result = Mapping[str, Any]


def set_topic(desk: Desk, request: ApiRequest) -> Result:
    """SetIdentityNotificationTopic; without a topic it is taken away."""
    identity, kind = request.params["Identity"], _kind(request)
    topic_arn = request.params.get("SnsTopic")
    if topic_arn:
        try:
            desk.sns.publish(topic_arn, set_up_text(identity, kind, topic_arn))
        except ApiError as err:
            text = f"Invalid SNS topic <{topic_arn}>: {err}"
            raise ApiError("InvalidParameterValue", text) from err
    desk.subscribers.set_topic(request.region, identity, kind, topic_arn)
    return {}


def set_headers(desk: Desk, request: ApiRequest) -> Result:
    """SetIdentityHeadersInNotificationsEnabled."""
    identity, enabled = request.params["Identity"], request.params["Enabled"]
    desk.subscribers.set_headers(request.region, identity, _kind(request), enabled)
    return {}


def set_forwarding(desk: Desk, request: ApiRequest) -> Result:
    """SetIdentityFeedbackForwardingEnabled."""
    identity, enabled = request.params["Identity"], request.params["ForwardingEnabled"]
    desk.subscribers.set_forwarding(request.region, identity, enabled)
    return {}


def get_attributes(desk: Desk, request: ApiRequest) -> Result:
    """GetIdentityNotificationAttributes."""
    found = {}
    for name in request.params["Identities"]:
        known = desk.subscribers.identity(request.region, name) or IdentityTopics()
        found[name] = {
            **{f"{kind}Topic": known.topics.get(kind) for kind in NOTIFICATION_TYPES},
            **{
                f"HeadersIn{kind}NotificationsEnabled": kind in known.with_headers
                for kind in NOTIFICATION_TYPES
            },
            "ForwardingEnabled": known.forwarding,
        }
    return {"NotificationAttributes": found}


def set_up_text(identity: str, kind: str, topic_arn: str) -> str:
    """What SES publishes when an identity gets a topic."""
    text = (
        f"You have successfully subscribed your Amazon SNS topic '{topic_arn}' to receive "
        f"'{kind}' notifications from Amazon SES for identity '{identity}'."
    )
    document = {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": text}
    return json.dumps(document) + "\n"


def _kind(request: ApiRequest) -> str:
    kind: str = request.params["NotificationType"]
    if kind not in NOTIFICATION_TYPES:
        text = f"Value '{kind}' at 'notificationType' must be one of {list(NOTIFICATION_TYPES)}."
        raise ApiError("ValidationError", text)
    return kind


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("ses", "GetIdentityNotificationAttributes"): get_attributes,
    ("ses", "SetIdentityFeedbackForwardingEnabled"): set_forwarding,
    ("ses", "SetIdentityHeadersInNotificationsEnabled"): set_headers,
    ("ses", "SetIdentityNotificationTopic"): set_topic,
}
