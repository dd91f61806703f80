"""Signed SNS messages, and the HTTP requests that carry them.

Source: Amazon SNS Developer Guide, "Parsing message formats" (headers, the JSON documents, raw
message delivery).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ....amazon_ses.sns import NOTIFICATION, UNSUBSCRIBE_CONFIRMATION
from ....testing.sns import confirmation_fields, notification_fields, sns_url
from .publications import Publication
from .signing import SigningKey

USER_AGENT = "Amazon Simple Notification Service Agent"


@dataclass(frozen=True, kw_only=True)
class SnsRequest:
    """What SNS posts.

    :param id: the ``MessageId``.
    """

    id: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str]


def notification(
    publication: Publication,
    *,
    id: str,
    protocol: str,
    subscription_arn: str,
    key: SigningKey,
    version: str,
) -> dict[str, Any]:
    """The signed envelope of a publication for one subscription.

    :param id: the ``MessageId``, the same for every subscription.
    :param version: the ``SignatureVersion``.
    """
    text, topic = publication.text_for(protocol), publication.topic_arn
    fields = {**notification_fields(topic, text, subject=publication.subject), "MessageId": id}
    url = f"{sns_url(topic)}?Action=Unsubscribe&SubscriptionArn={subscription_arn}"
    more = {"MessageAttributes": dict(publication.attributes)} if publication.attributes else {}
    return {**key.sign(fields, version), "UnsubscribeURL": url, **more}


def confirmation(topic_arn: str, token: str, key: SigningKey, version: str) -> dict[str, Any]:
    """The signed request to confirm a subscription."""
    return key.sign(confirmation_fields(topic_arn, token), version)


def farewell(
    topic_arn: str, token: str, subscription_arn: str, key: SigningKey, version: str
) -> dict[str, Any]:
    """The signed news that a subscription ended."""
    fields = {
        **confirmation_fields(topic_arn, token),
        "Type": UNSUBSCRIBE_CONFIRMATION,
        "Message": f"You have chosen to deactivate subscription {subscription_arn}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included "
        "in this message.",
    }
    return key.sign(fields, version)


def sns_request(
    envelope: Mapping[str, Any], subscription_arn: str | None, *, is_raw: bool = False
) -> SnsRequest:
    """The HTTP request for an envelope.

    :param subscription_arn: None before the subscription is confirmed.
    :param is_raw: the subscription has raw message delivery on: only the message is posted.
    """
    headers = {
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": envelope["TopicArn"],
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": USER_AGENT,
    }
    if subscription_arn is not None:
        headers["x-amz-sns-subscription-arn"] = subscription_arn
    if is_raw and envelope["Type"] == NOTIFICATION:
        headers["x-amz-sns-rawdelivery"] = "true"
        body = envelope["Message"]
    else:
        body = json.dumps(envelope, ensure_ascii=False, indent=2)
    return SnsRequest(id=envelope["MessageId"], body=body.encode(), headers=headers)
