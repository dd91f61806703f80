"""The actions of receipt rules.

Source: Amazon SES Developer Guide, "Action options" of receipt rules, one page for each action.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ... import SandboxError
from ..bounds import make_room
from ..defaults import ACCOUNT
from .encryption import encrypt


@dataclass(frozen=True, kw_only=True)
class ActionInput:
    """A mail, and the action for it.

    :param id: SES's id of the mail.
    :param rule: the rule's name.
    :param params: of the action, as boto3 takes them.
    """

    id: str
    mail: bytes
    rule: str
    params: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ActionResult:
    """The result of an action.

    :param action: ``receipt.action`` of the notification, without the topic.
    :param label: for people; empty if the action does not deliver the mail.
    :param content: ``content`` of the notification.
    :param mail: the mail for later actions, if it was changed.
    """

    action: Mapping[str, Any]
    label: str = ""
    content: str | None = None
    mail: bytes | None = None


def sns_action(given: ActionInput) -> ActionResult:
    """Publish the mail itself."""
    if given.params.get("Encoding") == "Base64":
        content, encoding = base64.b64encode(given.mail).decode(), "BASE64"
    else:
        content, encoding = given.mail.decode("utf-8", "replace"), "UTF8"
    return ActionResult(action={"type": "SNS", "encoding": encoding}, label="SNS", content=content)


def s3_action(given: ActionInput) -> ActionResult:
    """Store the mail, encrypted if the action names a KMS key.

    :raises SandboxError: there is no such bucket or key.
    """
    bucket, prefix = given.params.get("BucketName"), given.params.get("ObjectKeyPrefix") or ""
    key = f"{prefix}{'/' if prefix and not prefix.endswith('/') else ''}{given.id}"
    content, label = given.mail, "S3"
    metadata: dict[str, str] = {}
    kms_key = given.params.get("KmsKeyArn")
    if kms_key:
        context = {
            "aws:ses:message-id": given.id,
            "aws:ses:rule-name": given.rule,
            "aws:ses:source-account": ACCOUNT,
        }
        content, metadata = encrypt(given.mail, kms_key, context)
        label = "S3, encrypted"
    _store(str(bucket), key, content, metadata)
    action = {"type": "S3", "bucketName": bucket, "objectKeyPrefix": prefix, "objectKey": key}
    return ActionResult(action=action, label=label)


def add_header_action(given: ActionInput) -> ActionResult:
    """Put a header on top of the mail."""
    name, value = given.params.get("HeaderName"), given.params.get("HeaderValue")
    mail = f"{name}: {value}\r\n".encode() + given.mail
    return ActionResult(action={"type": "AddHeader"}, mail=mail)


def stop_action(given: ActionInput) -> ActionResult:
    """Do nothing; no action follows."""
    return ActionResult(action={"type": "Stop"})


ACTIONS: Mapping[str, Callable[[ActionInput], ActionResult]] = {
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
