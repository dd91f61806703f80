"""Encrypt received mail as SES does before it stores it in S3.

SES uses the Amazon S3 Encryption Client V2: AES-256-GCM, the key wrapped by KMS, the parameters in
the object's metadata. Sources: Amazon SES Developer Guide, "Deliver to S3 bucket action"; Amazon S3
Encryption Client, "Metadata and instruction files".
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping

from ... import SandboxError

KEY_BYTES = 32
IV_BYTES = 12


def encrypt(
    mail: bytes, kms_key_arn: str, context: Mapping[str, str]
) -> tuple[bytes, dict[str, str]]:
    """Encrypt a mail.

    :param kms_key_arn: of a key or an alias.
    :param context: KMS's encryption context, which describes the mail.
    :return: the object's content, and its metadata.
    :raises SandboxError: KMS cannot use the key.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    context = {**context, "kms_cmk_id": kms_key_arn}
    key, wrapped = _data_key(kms_key_arn, context)
    iv = os.urandom(IV_BYTES)
    metadata = {
        "x-amz-key-v2": base64.b64encode(wrapped).decode(),
        "x-amz-iv": base64.b64encode(iv).decode(),
        "x-amz-cek-alg": "AES/GCM/NoPadding",
        "x-amz-tag-len": "128",
        "x-amz-wrap-alg": "kms",
        "x-amz-matdesc": json.dumps(context, separators=(",", ":")),
        "x-amz-unencrypted-content-length": str(len(mail)),
    }
    return AESGCM(key).encrypt(iv, mail, None), metadata


def _data_key(kms_key_arn: str, context: dict[str, str]) -> tuple[bytes, bytes]:
    """A new key from moto's KMS, plain and wrapped."""
    from moto.kms.models import kms_backends

    try:
        _, _, _, region, account, _ = kms_key_arn.split(":", 5)
        backend = kms_backends[account][region]
        is_enabled = backend.describe_key(kms_key_arn).enabled
        key, wrapped, _ = backend.generate_data_key(kms_key_arn, context, KEY_BYTES, "")
    except Exception as err:  # moto raises many kinds
        raise SandboxError(f"KMS has no key {kms_key_arn} ({err}).") from err
    if not is_enabled:
        raise SandboxError(f"The KMS key {kms_key_arn} is disabled.")
    return key, wrapped
