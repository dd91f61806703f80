"""Client-side encrypted S3 objects -> mail, given the key that KMS unwrapped.

SES's S3 action with "Encrypt message" writes the envelope of the Amazon S3 Encryption Client V2:
AES-256-GCM, the key wrapped by KMS, the parameters in the object's metadata. Sources: Amazon SES
Developer Guide, "Deliver to S3 bucket action"; Amazon S3 Encryption Client, "Metadata and
instruction files". Only what SES writes is accepted: the other suites of that client are not
authenticated, or bind less to the key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

from .inbound import UnreadableMail

#: Metadata names of the client's other envelopes: version 1, and version 3.
OTHER_ENVELOPES = frozenset({"x-amz-key", "x-amz-c", "x-amz-3", "x-amz-cek-alg", "x-amz-wrap-alg"})
#: The allowed values in the metadata.
SUITE: dict[str, tuple[str, ...]] = {
    "x-amz-cek-alg": ("AES/GCM/NoPadding",),
    "x-amz-tag-len": ("128",),
    "x-amz-wrap-alg": ("kms", "kms+context"),
}
KEY_BYTES = 32
IV_BYTES = 12
TAG_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class EncryptionEnvelope:
    """The parameters of an object's encryption.

    :param wrapped_key: the data key, encrypted by KMS.
    :param iv: 12 bytes.
    :param context: KMS's encryption context: everything that describes the object.
    :param length: bytes of the mail; None if it is not given.
    """

    wrapped_key: bytes
    iv: bytes
    context: dict[str, str]
    length: int | None

    @property
    def kms_key_id(self) -> str | None:
        """The KMS key that SES used, usually an ARN."""
        return self.context.get("kms_cmk_id")


def parse_envelope(
    metadata: Mapping[str, str], message_id: str | None = None
) -> EncryptionEnvelope | None:
    """The envelope in an object's metadata, or None for an object that is not encrypted.

    :param metadata: user metadata, without ``x-amz-meta-``.
    :param message_id: of the mail that the object must belong to.
    :raises UnreadableMail: the object is encrypted in another way, or belongs to another mail.
    """
    fields = {name.lower(): value for name, value in metadata.items()}
    if "x-amz-key-v2" not in fields:
        if OTHER_ENVELOPES & fields.keys():
            raise _refused("its encryption is of another version of the S3 Encryption Client")
        return None
    for name, allowed in SUITE.items():
        if fields.get(name) not in allowed:
            raise _refused(f"its {name} is not {' or '.join(allowed)}")
    envelope = EncryptionEnvelope(
        wrapped_key=_base64(fields, "x-amz-key-v2"),
        iv=_base64(fields, "x-amz-iv"),
        context=_context(fields.get("x-amz-matdesc", "")),
        length=_length(fields.get("x-amz-unencrypted-content-length")),
    )
    if len(envelope.iv) != IV_BYTES:
        raise _refused(f"its x-amz-iv is not {IV_BYTES} bytes long")
    if message_id and envelope.context.get("aws:ses:message-id", message_id) != message_id:
        raise _refused("it was encrypted for another mail than the notification announces")
    return envelope


def decrypt(envelope: EncryptionEnvelope, key: bytes, ciphertext: bytes | bytearray) -> bytes:
    """The mail in an encrypted object (AES-GCM: NIST SP 800-38D).

    :param envelope: of the object.
    :param key: the data key, unwrapped by KMS: 32 bytes.
    :param ciphertext: the object's body, which ends with the authentication tag.
    :raises UnreadableMail: it was changed, or encrypted with another key.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(key) != KEY_BYTES:
        raise _refused(f"its data key is not {KEY_BYTES} bytes long")
    if envelope.length is not None and len(ciphertext) != envelope.length + TAG_BYTES:
        raise _refused("its length is not the one in its metadata")
    try:
        return AESGCM(key).decrypt(envelope.iv, ciphertext, None)
    except (InvalidTag, ValueError) as err:
        raise _refused("it was changed or cut off after it was encrypted") from err


def _base64(fields: Mapping[str, str], name: str) -> bytes:
    try:
        return base64.b64decode(fields.get(name, ""), validate=True)
    except ValueError as err:
        raise _refused(f"its {name} is not valid Base64") from err


def _context(description: str) -> dict[str, str]:
    try:
        context = json.loads(description)
    except (ValueError, RecursionError) as err:
        raise _refused("its x-amz-matdesc is not valid JSON") from err
    if not isinstance(context, dict) or not all(isinstance(v, str) for v in context.values()):
        raise _refused("its x-amz-matdesc is not a JSON object of strings")
    return context


def _length(value: str | None) -> int | None:
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise _refused("its x-amz-unencrypted-content-length is not a number")
    return int(value)


def _refused(reason: str) -> UnreadableMail:
    return UnreadableMail(f"The encrypted S3 object is refused: {reason}.")
