"""Mail that is encrypted as SES does it, with a key of KMS."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def encrypt(kms: Any, message_id: str, mail: bytes) -> tuple[bytes, dict[str, str]]:
    """The body of an S3 object, and its metadata."""
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    context = {"aws:ses:message-id": message_id, "kms_cmk_id": arn}
    key = kms.generate_data_key(KeyId=arn, EncryptionContext=context, KeySpec="AES_256")
    iv = os.urandom(12)
    metadata = {
        "x-amz-key-v2": base64.b64encode(key["CiphertextBlob"]).decode(),
        "x-amz-iv": base64.b64encode(iv).decode(),
        "x-amz-cek-alg": "AES/GCM/NoPadding",
        "x-amz-tag-len": "128",
        "x-amz-wrap-alg": "kms",
        "x-amz-matdesc": json.dumps(context),
        "x-amz-unencrypted-content-length": str(len(mail)),
    }
    return AESGCM(key["Plaintext"]).encrypt(iv, mail, None), metadata
