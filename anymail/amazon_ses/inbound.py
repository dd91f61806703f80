"""Received mail: a notification -> where the mail is; the mail -> the event.

Source: Amazon SES Developer Guide, "Contents of notifications for Amazon SES email receiving".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..exceptions import AnymailConfigurationError, AnymailError
from ..inbound import AnymailInboundMessage
from ..inbound.text import encode_source
from ..signals import AnymailInboundEvent, EventType
from .arns import arn_region
from .notifications import SesNotification
from .timestamps import parse_timestamp
from .untrusted_json import as_object, as_string

#: The id of the mail that SES writes and announces when a receipt rule is created or changed.
SETUP_ID = "AMAZON_SES_SETUP_NOTIFICATION"
DMARC_POLICIES = frozenset({"none", "quarantine", "reject"})

#: Characters that no key of SES has; line breaks would begin new lines in a log.
UNUSABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


class UnreadableMail(AnymailError):
    """A received mail that cannot be read, now or later."""


@dataclass(frozen=True, kw_only=True)
class S3Object:
    """The S3 object in which SES stored a mail.

    :param bucket: its name.
    :param key: the whole key, prefix included, not URL-encoded.
    :param region: in which SES received the mail; None if it is not known.
    :param message_id: SES's id of the mail.
    """

    bucket: str
    key: str
    region: str | None = None
    message_id: str | None = None

    def __str__(self) -> str:
        return f"{self.bucket}:{self.key}"


def is_setup(notification: SesNotification) -> bool:
    """Whether SES is testing a receipt rule: there is no mail.

    It does so when a rule is created or changed, which AWS does not document.
    """
    key = as_string(_action(notification).get("objectKey")) or ""
    return SETUP_ID in (notification.message_id, key.rpartition("/")[2])


def locate_content(notification: SesNotification) -> bytes | S3Object:
    """The received mail, or its place in S3.

    :raises AnymailConfigurationError: the receipt rule's action, for example Lambda, neither sends
        nor stores the mail.
    :raises UnreadableMail: the notification contains neither.
    """
    action = _action(notification)
    kind = action.get("type")
    if kind == "SNS":
        return _decode_content(notification.body.get("content"), action.get("encoding"))
    if kind == "S3":
        return _s3_object(notification, action)
    if not kind:
        raise UnreadableMail("SES's notification of a received mail has no action.")
    raise AnymailConfigurationError(
        f"{notification.source} announces a mail that SES received with the "
        f"receipt rule action {kind!r:.50}, which neither sends nor stores the mail. Add an S3 "
        "action with this topic to the receipt rule, and take the topic away from the other action."
    )


def inbound_event(
    notification: SesNotification,
    mail: bytes | AnymailInboundMessage,
    s3_object: S3Object | None = None,
) -> AnymailInboundEvent:
    """The event for a received mail.

    :param mail: its source, or the message parsed already, which gets the attributes that SES
        knows.
    :param s3_object: where the mail was read from, if it was not in the notification.
    :return: ``event_id`` is SES's id of the mail.
    """
    if isinstance(mail, bytes):
        mail = AnymailInboundMessage.parse_raw_mime_bytes(mail)
    receipt = _receipt(notification)
    recipients = receipt.get("recipients")
    recipients = recipients if isinstance(recipients, list) else []
    mail.envelope_sender = _envelope_sender(notification.mail.get("source"))
    mail.envelope_recipients = [r for r in recipients if isinstance(r, str)]
    mail.envelope_recipient = next(iter(mail.envelope_recipients), None)
    mail.spam_detected = _detected(_verdict(receipt, "spamVerdict"))
    mail.virus_detected = _detected(_verdict(receipt, "virusVerdict"))
    mail.spf_verdict = _verdict(receipt, "spfVerdict")
    mail.dkim_verdict = _verdict(receipt, "dkimVerdict")
    mail.dmarc_verdict = _verdict(receipt, "dmarcVerdict")
    mail.dmarc_policy = _dmarc_policy(receipt.get("dmarcPolicy"))
    return _event(notification, EventType.INBOUND, message=mail, s3_object=s3_object)


def failed_event(notification: SesNotification, description: str) -> AnymailInboundEvent:
    """The event for a received mail that cannot be read: without a message.

    :param description: the reason.
    """
    return _event(notification, EventType.INBOUND_FAILED, description=description)


def _event(notification: SesNotification, event_type: str, **fields: Any) -> AnymailInboundEvent:
    return AnymailInboundEvent(
        event_type=event_type,
        # The same when two notifications announce one mail.
        event_id=notification.message_id or notification.id,
        timestamp=parse_timestamp(notification.mail.get("timestamp")) or notification.timestamp,
        esp_event=notification.body,
        is_verified=notification.is_verified,
        topic_arn=notification.topic_arn,
        queue_arn=notification.queue_arn,
        **fields,
    )


def _decode_content(content: Any, encoding: Any) -> bytes:
    """The mail in an SNS action's notification.

    Old notifications have no ``encoding``: then it is Base64 unless it begins with a header.
    """
    if not isinstance(content, str):
        raise UnreadableMail("SES's notification of a received mail does not contain the mail.")
    joined = "".join(content.split())
    if encoding is None:
        if content and ":" not in content.lstrip().partition("\n")[0]:
            try:
                return base64.b64decode(joined, validate=True)
            except ValueError:
                pass
    elif str(encoding).upper() == "BASE64":
        try:
            return base64.b64decode(joined, validate=True)
        except ValueError as err:
            raise UnreadableMail("The mail in SES's notification is not valid Base64.") from err
    return encode_source(content)


def _s3_object(notification: SesNotification, action: Mapping[str, Any]) -> S3Object:
    bucket, key = action.get("bucketName"), action.get("objectKey")
    # SES requires the topic, and until 2024 the bucket, to be in the region where it receives.
    region = as_string(action.get("region"))  # SES does not write it: see carriers
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
        raise UnreadableMail("SES's notification of a received mail has no valid S3 bucket.")
    if not isinstance(key, str) or not key or UNUSABLE.search(key):
        raise UnreadableMail("SES's notification of a received mail has no valid S3 object.")
    return S3Object(
        bucket=bucket,
        key=key,
        region=region
        or arn_region(notification.topic_arn, "sns")
        or arn_region(action.get("topicArn"), "sns"),
        message_id=notification.message_id,
    )


def _receipt(notification: SesNotification) -> Mapping[str, Any]:
    return as_object(notification.body.get("receipt"))


def _action(notification: SesNotification) -> Mapping[str, Any]:
    return as_object(_receipt(notification).get("action"))


def _envelope_sender(source: Any) -> str | None:
    """MAIL FROM; empty for the null sender, which SES writes in more than one way."""
    return source.strip().removeprefix("<").removesuffix(">") if isinstance(source, str) else None


def _verdict(receipt: Mapping[str, Any], name: str) -> str | None:
    """PASS or FAIL; None for GRAY, DISABLED, PROCESSING_FAILED and anything else."""
    status = as_object(receipt.get(name)).get("status")
    return status if status in ("PASS", "FAIL") else None


def _dmarc_policy(policy: Any) -> str | None:
    # Only of strings: None is not the policy "none".
    lowered = (as_string(policy) or "").lower()
    return lowered if lowered in DMARC_POLICIES else None


def _detected(verdict: str | None) -> bool | None:
    return None if verdict is None else verdict == "FAIL"
