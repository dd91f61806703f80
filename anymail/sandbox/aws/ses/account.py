"""The account: what it may send, what it sent, and the SNS topics that its identities notify."""

from __future__ import annotations

import json
from typing import Any

from ..api import ApiError, ApiRequest
from ..defaults import ACCOUNT
from ..events.subscribers import NOTIFICATION_TYPES
from ..faults import DEFAULT_RATE
from .context import Result, SesContext


def get_send_quota(ses: SesContext, request: ApiRequest) -> Result:
    return {
        "Max24HourSend": 50_000.0,
        "MaxSendRate": float(ses.faults.rate or DEFAULT_RATE),
        "SentLast24Hours": float(ses.sent[request.region]),
    }


def get_account(ses: SesContext, request: ApiRequest) -> Result:
    """An account outside of SES's own sandbox, in good standing."""
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": True,
        "SendQuota": get_send_quota(ses, request),
        "SendingEnabled": True,
        "SuppressionAttributes": {"SuppressedReasons": []},
    }


def get_caller_identity(_ses: SesContext, _request: ApiRequest) -> Result:
    """Everybody is the same: signatures are not checked."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/sandbox"
    return {"Account": ACCOUNT, "Arn": arn, "UserId": "AIDASANDBOX"}


def set_identity_topic(ses: SesContext, request: ApiRequest) -> Result:
    """Without a topic, it is taken away. Only v1 can set one."""
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
    identities = ses.publisher.subscribers.identities
    identities[request.region, identity.lower()].topics[kind] = topic_arn or None
    return {}


def set_identity_headers(ses: SesContext, request: ApiRequest) -> Result:
    identity, identities = request.params["Identity"], ses.publisher.subscribers.identities
    with_headers = identities[request.region, identity.lower()].with_headers
    with_headers[_kind(request)] = request.params["Enabled"]
    return {}


def get_identity_attributes(ses: SesContext, request: ApiRequest) -> Result:
    found = {}
    for name in request.params["Identities"]:
        known = ses.publisher.subscribers.identities[request.region, name.lower()]
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
