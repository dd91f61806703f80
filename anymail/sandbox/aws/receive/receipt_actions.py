"""What the actions of a receipt rule do with a mail.

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

#: SES receives mails of at most 40 MB.
MAX_SIZE = 40 * 1024 * 1024
#: An SNS action takes mails of at most 150 KB.
MAX_SNS_SIZE = 150 * 1024


@dataclass(frozen=True, kw_only=True)
class Playing:
    """What an action gets.

    :param id: SES's id of the mail.
    :param rule: the rule's name.
    :param params: of the action, as boto3 takes them.
    """

    id: str
    mail: bytes
    rule: str
    params: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Played:
    """What an action did.

    :param action: ``receipt.action`` of the notification, without the topic.
    :param label: what is said of it to people; empty if it does not hand the mail over.
    :param content: ``content`` of the notification.
    :param mail: what later actions get in place of the mail.
    """

    action: Mapping[str, Any]
    label: str = ""
    content: str | None = None
    mail: bytes | None = None


def play_sns(playing: Playing) -> Played:
    """The mail itself is published."""
    if playing.params.get("Encoding") == "Base64":
        content, encoding = base64.b64encode(playing.mail).decode(), "BASE64"
    else:
        content, encoding = playing.mail.decode("utf-8", "replace"), "UTF8"
    return Played(action={"type": "SNS", "encoding": encoding}, label="SNS", content=content)


def play_s3(playing: Playing) -> Played:
    """The mail is stored, encrypted if the action names a KMS key.

    :raises SandboxError: there is no such bucket or key.
    """
    bucket, prefix = playing.params.get("BucketName"), playing.params.get("ObjectKeyPrefix") or ""
    key = f"{prefix}{'/' if prefix and not prefix.endswith('/') else ''}{playing.id}"
    content, label = playing.mail, "S3"
    metadata: dict[str, str] = {}
    kms_key = playing.params.get("KmsKeyArn")
    if kms_key:
        description = {
            "aws:ses:message-id": playing.id,
            "aws:ses:rule-name": playing.rule,
            "aws:ses:source-account": ACCOUNT,
        }
        content, metadata = encrypt(playing.mail, kms_key, description)
        label = "S3, encrypted"
    _store(str(bucket), key, content, metadata)
    action = {"type": "S3", "bucketName": bucket, "objectKeyPrefix": prefix, "objectKey": key}
    return Played(action=action, label=label)


def play_add_header(playing: Playing) -> Played:
    """The mail gets one more header."""
    name, value = playing.params.get("HeaderName"), playing.params.get("HeaderValue")
    return Played(action={"type": "AddHeader"}, mail=f"{name}: {value}\r\n".encode() + playing.mail)


def play_stop(playing: Playing) -> Played:
    """Nothing more happens."""
    return Played(action={"type": "Stop"})


#: Those that are played.
PLAYERS: Mapping[str, Callable[[Playing], Played]] = {
    "AddHeaderAction": play_add_header,
    "S3Action": play_s3,
    "SNSAction": play_sns,
    "StopAction": play_stop,
}


def _store(bucket: str, key: str, content: bytes, metadata: Mapping[str, str]) -> None:
    """Put an object into moto's S3, in place of the oldest ones when it is full."""
    from moto.s3.models import s3_backends

    try:
        make_room(bucket, len(content))
        stored = s3_backends[ACCOUNT]["aws"].put_object(bucket, key, content)
    except Exception as err:  # moto's, which are of many kinds; none is of ours
        raise SandboxError(f"SES cannot write to the bucket {bucket}: {err}") from err
    stored.set_metadata({f"x-amz-meta-{name}": value for name, value in metadata.items()})
