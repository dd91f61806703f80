"""The SNS topics that identities notify. Only v1 of the API can set them."""

from __future__ import annotations

import json
from typing import Any

from ..api import ApiError, ApiRequest
from ..events.subscribers import NOTIFICATION_TYPES, IdentityTopics
from .context import Result, SesContext


def set_topic(ses: SesContext, request: ApiRequest) -> Result:
    """Without a topic, it is taken away."""
    identity, kind = request.params["Identity"], _kind(request)
    topic_arn = request.params.get("SnsTopic")
    if topic_arn:
        text = (
            f"You have successfully subscribed your Amazon SNS topic '{topic_arn}' to receive "
            f"'{kind}' notifications from Amazon SES for identity '{identity}'."
        )
        document = {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": text}
        try:
            ses.sns.publish(topic_arn, json.dumps(document) + "\n")
        except ApiError as err:
            text = f"Invalid SNS topic <{topic_arn}>: {err}"
            raise ApiError("InvalidParameterValue", text) from err
    ses.subscribers.change_identity(request.region, identity).topics[kind] = topic_arn or None
    return {}


def set_headers(ses: SesContext, request: ApiRequest) -> Result:
    settings = ses.subscribers.change_identity(request.region, request.params["Identity"])
    settings.with_headers[_kind(request)] = request.params["Enabled"]
    return {}


def get_attributes(ses: SesContext, request: ApiRequest) -> Result:
    found = {}
    for name in request.params["Identities"]:
        known = ses.subscribers.identity(request.region, name) or IdentityTopics()
        attributes: dict[str, Any] = {"ForwardingEnabled": True}
        for kind in NOTIFICATION_TYPES:
            attributes[f"{kind}Topic"] = known.topics.get(kind)
            with_headers = known.with_headers.get(kind, False)
            attributes[f"HeadersIn{kind}NotificationsEnabled"] = with_headers
        found[name] = attributes
    return {"NotificationAttributes": found}


def _kind(request: ApiRequest) -> str:
    kind: str = request.params["NotificationType"]
    if kind not in NOTIFICATION_TYPES:
        text = f"Value '{kind}' at 'notificationType' must be one of {list(NOTIFICATION_TYPES)}."
        raise ApiError("ValidationError", text)
    return kind
