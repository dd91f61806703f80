"""The SNS topics that identities notify. Only v1 of the API can set them."""

from __future__ import annotations

import json

from ..api import ApiError, ApiRequest
from ..events.subscribers import NOTIFICATION_TYPES, IdentityTopics
from .context import Operations, Result, SesContext


def set_topic(ses: SesContext, request: ApiRequest) -> Result:
    """Without a topic, it is taken away."""
    identity, kind = request.params["Identity"], _kind(request)
    topic_arn = request.params.get("SnsTopic")
    if topic_arn:
        try:
            ses.sns.publish(topic_arn, _set_up_text(identity, kind, topic_arn))
        except ApiError as err:
            text = f"Invalid SNS topic <{topic_arn}>: {err}"
            raise ApiError("InvalidParameterValue", text) from err
    ses.subscribers.change_identity(request.region, identity).topics[kind] = topic_arn or None
    return {}


def set_headers(ses: SesContext, request: ApiRequest) -> Result:
    settings = ses.subscribers.change_identity(request.region, request.params["Identity"])
    settings.with_headers[_kind(request)] = request.params["Enabled"]
    return {}


def set_forwarding(ses: SesContext, request: ApiRequest) -> Result:
    settings = ses.subscribers.change_identity(request.region, request.params["Identity"])
    settings.forwarding = request.params["ForwardingEnabled"]
    return {}


def get_attributes(ses: SesContext, request: ApiRequest) -> Result:
    found = {}
    for name in request.params["Identities"]:
        known = ses.subscribers.identity(request.region, name) or IdentityTopics()
        found[name] = {
            **{f"{kind}Topic": known.topics.get(kind) for kind in NOTIFICATION_TYPES},
            **{
                f"HeadersIn{kind}NotificationsEnabled": known.with_headers.get(kind, False)
                for kind in NOTIFICATION_TYPES
            },
            "ForwardingEnabled": known.forwarding,
        }
    return {"NotificationAttributes": found}


def _set_up_text(identity: str, kind: str, topic_arn: str) -> str:
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


OPERATIONS: Operations = {
    ("ses", "GetIdentityNotificationAttributes"): get_attributes,
    ("ses", "SetIdentityFeedbackForwardingEnabled"): set_forwarding,
    ("ses", "SetIdentityHeadersInNotificationsEnabled"): set_headers,
    ("ses", "SetIdentityNotificationTopic"): set_topic,
}
