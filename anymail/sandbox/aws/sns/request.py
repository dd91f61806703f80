"""The HTTP requests of SNS to webhooks.

Source: Amazon SNS Developer Guide, "Parsing message formats".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ....amazon_ses.sns import NOTIFICATION


@dataclass(frozen=True, kw_only=True)
class SnsRequest:
    """An HTTP request of SNS to a webhook.

    :param id: the ``MessageId``.
    """

    id: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str]


def sns_request(
    envelope: Mapping[str, Any], subscription_arn: str | None, *, is_raw: bool = False
) -> SnsRequest:
    """The HTTP request for a signed message.

    :param subscription_arn: None before the subscription is confirmed.
    :param is_raw: post only the message, without the envelope.
    """
    headers = {
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": envelope["TopicArn"],
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
    }
    if subscription_arn is not None:
        headers["x-amz-sns-subscription-arn"] = subscription_arn
    body = json.dumps(envelope, ensure_ascii=False, indent=2)
    if is_raw and envelope["Type"] == NOTIFICATION:
        headers["x-amz-sns-rawdelivery"] = "true"
        body = envelope["Message"]
    return SnsRequest(id=envelope["MessageId"], body=body.encode(), headers=headers)
