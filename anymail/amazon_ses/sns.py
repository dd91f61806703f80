"""SnsEnvelope: an Amazon SNS message, parsed but not yet believed.

Source: Amazon SNS Developer Guide, "Parsing message formats" (HTTP/HTTPS headers, the three JSON
documents) and "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..exceptions import AnymailWebhookValidationFailure
from .timestamps import parse_timestamp
from .untrusted_json import (
    MAX_BODY_SIZE,
    MAX_NESTING,
    is_nested_deeper,
    nested_too_deep,
    parse_json,
)

NOTIFICATION = "Notification"
SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"

#: The fields that Amazon signs, in this order, by the type of message.
SIGNED_FIELDS: dict[str, tuple[str, ...]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION_CONFIRMATION: (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
SIGNED_FIELDS[UNSUBSCRIBE_CONFIRMATION] = SIGNED_FIELDS[SUBSCRIPTION_CONFIRMATION]

#: Headers of SNS that repeat a field of the document.
REPEATING_HEADERS = {
    "x-amz-sns-message-type": "Type",
    "x-amz-sns-message-id": "MessageId",
    "x-amz-sns-topic-arn": "TopicArn",
}
#: Sent only with raw message delivery.
RAW_DELIVERY_HEADER = "x-amz-sns-rawdelivery"

#: Text that may be logged: on one line, in any alphabet.
PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{0,1024}")
TOPIC_ARN = re.compile(
    r"arn:aws(?:-[a-z]{1,8}){0,3}:sns:[a-z]{2,4}(?:-[a-z]{1,16}){1,2}-[0-9]{1,2}"
    r":[0-9]{12}:[A-Za-z0-9_-]{1,256}"
)


@dataclass(frozen=True, kw_only=True)
class SnsEnvelope:
    """A message of SNS: a notification, or a request to confirm a subscription or its end.

    :param type: ``"Notification"``, ``"SubscriptionConfirmation"`` or
        ``"UnsubscribeConfirmation"``.
    :param id: the same for every retry.
    :param topic: the topic's ARN; :func:`.trust.check` checks its form.
    :param message: the text inside; for a notification of SES, JSON.
    :param timestamp: when it was published; aware, or None.
    :param fields: the whole document.
    :param is_raw: the subscription has raw message delivery on: there was no document around the
        message, the other fields are from headers, and nothing is signed.
    """

    type: str
    id: str
    topic: str
    message: str = field(repr=False)
    timestamp: datetime | None
    fields: Mapping[str, Any] = field(repr=False)
    is_raw: bool = False

    @classmethod
    def from_http(cls, headers: Mapping[str, str], body: bytes) -> SnsEnvelope:
        """Parse a request of SNS to an HTTPS endpoint.

        :param headers: of the request; a dict needs lower-case names.
        :param body: of the request; its ``Content-Type`` does not matter.
        :raises AnymailWebhookValidationFailure: SNS does not send such requests.
        """
        raw = headers.get(RAW_DELIVERY_HEADER, "").lower() == "true"
        # A subscription is confirmed with the whole document even so.
        if raw and headers.get("x-amz-sns-message-type", NOTIFICATION) == NOTIFICATION:
            return cls.from_fields(_raw_fields(headers, body), is_raw=True)
        fields = parse_json(body, "The SNS message")
        for header, name in REPEATING_HEADERS.items():
            if header in headers and headers[header] != fields.get(name):
                raise AnymailWebhookValidationFailure(
                    f"The header {header} differs from {name} in the body of the SNS message."
                )
        return cls.from_fields(fields)

    @classmethod
    def from_json(cls, text: str | bytes) -> SnsEnvelope:
        """Parse the JSON document of SNS, for example from an SQS queue.

        :param text: the document; bytes are UTF-8.
        :raises AnymailWebhookValidationFailure: it is not a document of SNS.
        """
        return cls.from_fields(parse_json(text, "The SNS message"))

    @classmethod
    def from_fields(cls, fields: dict[str, Any], is_raw: bool = False) -> SnsEnvelope:
        """Take a document of SNS that was parsed already, for example by AWS Lambda.

        :param fields: the document.
        :param is_raw: as for the class.
        :raises AnymailWebhookValidationFailure: it is not a document of SNS.
        """
        if is_nested_deeper(fields, MAX_NESTING):
            raise nested_too_deep("The SNS message")
        type_, id_ = fields.get("Type"), fields.get("MessageId")
        topic, message = fields.get("TopicArn"), fields.get("Message")
        topic = "" if topic is None and type_ == NOTIFICATION else topic
        if not (isinstance(type_, str) and isinstance(id_, str) and isinstance(message, str)):
            raise AnymailWebhookValidationFailure("The SNS message has no Type, id or Message.")
        if type_ not in SIGNED_FIELDS:
            raise AnymailWebhookValidationFailure("The SNS message has a Type that SNS never uses.")
        if not isinstance(topic, str) or not PRINTABLE.fullmatch(topic):
            raise AnymailWebhookValidationFailure("The SNS message has no valid TopicArn.")
        return cls(
            type=type_,
            id=id_,
            topic=topic,
            message=message,
            timestamp=parse_timestamp(fields.get("Timestamp")),
            fields=fields,
            is_raw=is_raw,
        )

    @property
    def region(self) -> str:
        """The region in the topic's ARN, for example ``"us-east-1"``."""
        return self.topic.split(":")[3]

    @property
    def signing_cert_url(self) -> str:
        """The URL of the certificate, as the sender gives it; empty if missing."""
        # "Url" is how AWS Lambda spells it.
        url = self.fields.get("SigningCertURL") or self.fields.get("SigningCertUrl")
        return url if isinstance(url, str) else ""

    def string_to_sign(self) -> bytes:
        """The text that is signed.

        A line break ends a value in it. Values of SNS contain none, except for the message;
        elsewhere one could make the same text stand for other fields.

        :raises AnymailWebhookValidationFailure: a field that is always signed is missing, or has
            line breaks that SNS never writes.
        """
        text = ""
        for name in SIGNED_FIELDS[self.type]:
            value = self.fields.get(name)
            if isinstance(value, str):
                if "\n" in value and name != "Message":
                    raise AnymailWebhookValidationFailure(f"The SNS message has no valid {name}.")
                text += f"{name}\n{value}\n"
            elif name != "Subject" or value is not None:
                raise AnymailWebhookValidationFailure(f"The SNS message has no {name}.")
        try:
            return text.encode()
        except UnicodeEncodeError as err:
            raise AnymailWebhookValidationFailure("The SNS message is not valid Unicode.") from err


def _raw_fields(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY_SIZE:
        raise AnymailWebhookValidationFailure("The SNS message is too large.")
    try:
        message = body.decode()
    except UnicodeDecodeError:
        raise AnymailWebhookValidationFailure("The SNS message is not UTF-8.") from None
    return {
        "Type": NOTIFICATION,
        "MessageId": headers.get("x-amz-sns-message-id"),
        "TopicArn": headers.get("x-amz-sns-topic-arn"),
        "Message": message,
    }
