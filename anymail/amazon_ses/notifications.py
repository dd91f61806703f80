"""SesNotification: a document of SES, from whatever carrier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .timestamps import parse_timestamp
from .untrusted_json import MAX_NESTING, as_object, as_string, is_nested_deeper, nested_too_deep

#: SES's spelling of what it publishes ("Contents of notifications", "Examples of event data").
KINDS = (
    "Send",
    "Delivery",
    "DeliveryDelay",
    "Bounce",
    "Complaint",
    "Reject",
    "Rendering Failure",
    "Open",
    "Click",
    "Subscription",
    "Received",
    "AmazonSnsSubscriptionSucceeded",
)
_CANONICAL = {kind: kind for kind in KINDS} | {
    kind.replace(" ", "").lower(): kind for kind in KINDS
}


@dataclass(frozen=True, kw_only=True)
class SesNotification:
    """A document that SES published, by SNS or another carrier.

    :param id: given by the carrier, the same for every retry.
    :param timestamp: when it was published; aware, or None.
    :param body: the document: a JSON object, possibly with other things in it than expected.
    :param topic_arn: the SNS topic that it came through; None from another carrier.
    :param sns_message: the document of SNS around it, as it came; None from another carrier.
    :param queue_arn: the SQS queue that it was received from; None if it was none.
    :param is_verified: it provably comes from a topic (a queue, a bus) of yours. Otherwise nothing
        is downloaded or deleted because of it, and no address is suppressed.
    :raises AnymailWebhookValidationFailure: the document is nested more than ``MAX_NESTING``
        levels deep.
    """

    id: str | None
    timestamp: datetime | None
    body: dict[str, Any] = field(repr=False)
    topic_arn: str | None = None
    sns_message: Mapping[str, Any] | None = field(default=None, repr=False)
    queue_arn: str | None = None
    is_verified: bool = False

    def __post_init__(self) -> None:
        if is_nested_deeper(self.body, MAX_NESTING):
            raise nested_too_deep("The notification")

    @classmethod
    def from_sns(
        cls,
        ses_event: dict[str, Any],
        sns_message: Mapping[str, Any],
        *,
        is_verified: bool = False,
    ) -> SesNotification:
        """A notification that came through SNS.

        :param ses_event: the document of SES.
        :param sns_message: the document of SNS around it.
        :param is_verified: as for the class.
        """
        return cls(
            id=sns_message.get("MessageId"),
            timestamp=parse_timestamp(sns_message.get("Timestamp")),
            body=ses_event,
            topic_arn=sns_message.get("TopicArn") or None,
            sns_message=sns_message,
            is_verified=is_verified,
        )

    @property
    def kind(self) -> str:
        """The kind of event: one of :data:`KINDS`, or SES's word for a new one.

        Event publishing says ``eventType``, identity notifications ``notificationType``.
        """
        word = kind_word(self.body)
        return _CANONICAL.get(word) or _CANONICAL.get(word.replace(" ", "").lower(), word)

    @property
    def is_account_change(self) -> bool:
        """See :func:`is_account_change`."""
        return is_account_change(self.body)

    @property
    def source(self) -> str:
        """Where it came from, as the first words of an error."""
        if self.topic_arn:
            return f"The SNS topic {self.topic_arn}"
        return f"The SQS queue {self.queue_arn}" if self.queue_arn else "A notification"

    @property
    def mail(self) -> dict[str, Any]:
        """SES's object ``mail``; empty if it is missing."""
        return as_object(self.body.get("mail"))

    @property
    def message_id(self) -> str | None:
        """SES's id of the mail, or None."""
        return as_string(self.mail.get("messageId"))


def kind_word(document: Mapping[str, Any]) -> str:
    """SES's word for the kind of a document; empty if SES did not write it."""
    for name in ("eventType", "notificationType"):
        word = document.get(name)
        if word and isinstance(word, str):
            return word
    return ""


def is_account_change(document: Mapping[str, Any]) -> bool:
    """Whether a document is one of EventBridge about the account, not about a mail."""
    return (
        document.get("source") == "aws.ses"
        and isinstance(document.get("detail-type"), str)
        and isinstance(document.get("detail"), dict)
        and not kind_word(document)
    )
