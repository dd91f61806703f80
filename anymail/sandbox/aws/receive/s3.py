"""The S3 action: store a received mail, encrypted if the action names a KMS key.

SES encrypts with the Amazon S3 Encryption Client V2: AES-256-GCM, the key wrapped by KMS, the
parameters in the object's metadata. Sources: Amazon SES Developer Guide, "Deliver to S3 bucket
action"; Amazon S3 Encryption Client, "Metadata and instruction files".
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends

from ... import SandboxError
from ...journal import ReceivedMail
from ..defaults import ACCOUNT

#: In a bucket.
MAX_OBJECTS = 10_000
MAX_OBJECT_BYTES = 2**30


def s3_action(mail: ReceivedMail, rule: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Store a mail. Returns ``receipt.action`` of the notification.

    :param rule: the name of the receipt rule.
    :param params: of the action, as boto3 takes them.
    :raises SandboxError: there is no such bucket or key.
    """
    bucket, prefix = str(params.get("BucketName")), params.get("ObjectKeyPrefix") or ""
    key = f"{prefix}{'/' if prefix and not prefix.endswith('/') else ''}{mail.id}"
    kms_key = params.get("KmsKeyArn")
    content, metadata = _encrypt(mail, rule, kms_key) if kms_key else (mail.raw, {})
    try:
        backend = s3_backends[ACCOUNT]["aws"]
        _make_room(backend.get_bucket(bucket).keys, len(content))
        stored = backend.put_object(bucket, key, content)
    except Exception as err:  # moto raises many kinds
        raise SandboxError(f"SES cannot write to the bucket {bucket}: {err}") from err
    stored.set_metadata({f"x-amz-meta-{name}": value for name, value in metadata.items()})
    return {"type": "S3", "bucketName": bucket, "objectKeyPrefix": prefix, "objectKey": key}


def _make_room(objects: Any, size: int) -> None:
    """Forget the oldest until there is room for one more of ``size`` bytes."""
    kept = sorted(objects.values(), key=lambda one: one.last_modified)
    free = MAX_OBJECT_BYTES - size
    while len(kept) >= MAX_OBJECTS or (kept and sum(one.size for one in kept) > free):
        objects.pop(kept.pop(0).name)


def _encrypt(mail: ReceivedMail, rule: str, kms_key_arn: str) -> tuple[bytes, dict[str, str]]:
    """The content and the metadata of an encrypted mail."""
    context = {
        "aws:ses:message-id": mail.id,
        "aws:ses:rule-name": rule,
        "aws:ses:source-account": ACCOUNT,
        "kms_cmk_id": kms_key_arn,
    }
    key, wrapped = _data_key(kms_key_arn, context)
    iv = os.urandom(12)
    metadata = {
        "x-amz-key-v2": base64.b64encode(wrapped).decode(),
        "x-amz-iv": base64.b64encode(iv).decode(),
        "x-amz-cek-alg": "AES/GCM/NoPadding",
        "x-amz-tag-len": "128",
        "x-amz-wrap-alg": "kms",
        "x-amz-matdesc": json.dumps(context, separators=(",", ":")),
        "x-amz-unencrypted-content-length": str(len(mail.raw)),
    }
    return AESGCM(key).encrypt(iv, mail.raw, None), metadata


def _data_key(kms_key_arn: str, context: dict[str, str]) -> tuple[bytes, bytes]:
    """A new key from moto's KMS, plain and wrapped."""
    try:
        _, _, _, region, account, _ = kms_key_arn.split(":", 5)
        backend = kms_backends[account][region]
        is_enabled = backend.describe_key(kms_key_arn).enabled
        key, wrapped, _ = backend.generate_data_key(kms_key_arn, context, 32, "")
    except Exception as err:  # moto raises many kinds
        raise SandboxError(f"KMS has no key {kms_key_arn} ({err}).") from err
    if not is_enabled:
        raise SandboxError(f"The KMS key {kms_key_arn} is disabled.")
    return key, wrapped
