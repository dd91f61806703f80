"""The actions of receipt rules.

Source: Amazon SES Developer Guide, "Action options" of receipt rules, one page for each action.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ... import SandboxError
from ...journal import ReceivedMail
from ..bounds import make_room
from ..defaults import ACCOUNT
from .encryption import encrypt

#: As boto3 takes them.
Params = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ActionResult:
    """The result of an action.

    :param action: ``receipt.action`` of the notification, without the topic.
    :param label: for people; empty if the action does not deliver the mail.
    :param content: ``content`` of the notification.
    """

    action: Mapping[str, Any]
    label: str = ""
    content: str | None = None


def sns_action(mail: ReceivedMail, rule: str, params: Params) -> ActionResult:
    """Publish the mail itself."""
    if params.get("Encoding") == "Base64":
        content, encoding = base64.b64encode(mail.raw).decode(), "BASE64"
    else:
        content, encoding = mail.raw.decode("utf-8", "replace"), "UTF8"
    return ActionResult(action={"type": "SNS", "encoding": encoding}, label="SNS", content=content)


def s3_action(mail: ReceivedMail, rule: str, params: Params) -> ActionResult:
    """Store the mail, encrypted if the action names a KMS key.

    :raises SandboxError: there is no such bucket or key.
    """
    bucket, prefix = str(params.get("BucketName")), params.get("ObjectKeyPrefix") or ""
    key = f"{prefix}{'/' if prefix and not prefix.endswith('/') else ''}{mail.id}"
    kms_key = params.get("KmsKeyArn")
    if kms_key:
        context = {
            "aws:ses:message-id": mail.id,
            "aws:ses:rule-name": rule,
            "aws:ses:source-account": ACCOUNT,
        }
        _store(bucket, key, *encrypt(mail.raw, kms_key, context))
    else:
        _store(bucket, key, mail.raw, {})
    action = {"type": "S3", "bucketName": bucket, "objectKeyPrefix": prefix, "objectKey": key}
    return ActionResult(action=action, label="S3, encrypted" if kms_key else "S3")


def add_header_action(mail: ReceivedMail, rule: str, params: Params) -> ActionResult:
    """Put a header on top of the mail, for the actions that follow."""
    mail.raw = f"{params.get('HeaderName')}: {params.get('HeaderValue')}\r\n".encode() + mail.raw
    return ActionResult(action={"type": "AddHeader"})


def stop_action(mail: ReceivedMail, rule: str, params: Params) -> ActionResult:
    """Do nothing; no action follows."""
    return ActionResult(action={"type": "Stop"})


#: Each gets the mail, the name of the receipt rule, and the action's parameters.
ACTIONS: Mapping[str, Callable[[ReceivedMail, str, Params], ActionResult]] = {
    "AddHeaderAction": add_header_action,
    "S3Action": s3_action,
    "SNSAction": sns_action,
    "StopAction": stop_action,
}


def _store(bucket: str, key: str, content: bytes, metadata: Mapping[str, str]) -> None:
    """Store an object in moto's S3, in place of the oldest ones when it is full."""
    from moto.s3.models import s3_backends

    try:
        make_room(bucket, len(content))
        stored = s3_backends[ACCOUNT]["aws"].put_object(bucket, key, content)
    except Exception as err:  # moto raises many kinds
        raise SandboxError(f"SES cannot write to the bucket {bucket}: {err}") from err
    stored.set_metadata({f"x-amz-meta-{name}": value for name, value in metadata.items()})
