"""Received mail in S3, and the KMS keys that it is encrypted with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from typing import Any

from ..conf import AmazonSESSettings
from ..inbound.chunks import CHUNK_SIZE, slices
from . import aws
from .arns import arn_region
from .aws_errors import api_errors
from .decryption import EncryptionEnvelope, decrypt, parse_envelope
from .inbound import S3Object, UnreadableMail

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")

#: What to do about an error: (operation, code) -> text.
#: Source: Amazon S3 API Reference, GetObject, "Permissions".
HINTS = {
    ("GetObject", "NoSuchKey"): (
        "There is no such object: something deleted it, or the mail was processed before. The IAM "
        "identity needs s3:GetObject, and has it."
    ),
    ("GetObject", "NoSuchBucket"): "There is no such bucket; the receipt rule names it.",
    ("GetObject", "AccessDenied"): (
        "The IAM identity needs the permission s3:GetObject on {object}, and kms:Decrypt if the "
        "bucket is encrypted with a KMS key. S3 says the same of an object that does not exist, "
        "unless the identity has s3:ListBucket on {bucket}."
    ),
    ("Decrypt", "AccessDeniedException"): (
        "The IAM identity needs the permission kms:Decrypt on {kms_key}, in its own policy or in "
        "the key's. The policy of the AWS managed key aws/ses may not allow it: use a key of your "
        "own in the receipt rule."
    ),
    ("Decrypt", "IncorrectKeyException"): (
        'The mail is encrypted with another key than ANYMAIL["AMAZON_SES_INBOUND_KMS_KEY_ID"].'
    ),
    ("Decrypt", "InvalidCiphertextException"): (
        "The encrypted key in the object's metadata, or its x-amz-matdesc, was changed; or the "
        "key is in another account."
    ),
    ("Decrypt", "NotFoundException"): "There is no KMS key {kms_key} in its region.",
    ("Decrypt", "DisabledException"): "The KMS key {kms_key} is disabled.",
    ("Decrypt", "KMSInvalidStateException"): "The KMS key {kms_key} cannot be used now.",
    ("DeleteObject", "AccessDenied"): (
        "The IAM identity needs the permission s3:DeleteObject on {object}."
    ),
}


def download(stored: S3Object, settings: AmazonSESSettings) -> Iterator[bytes | memoryview]:
    """The mail in an S3 object, in pieces; decrypted if SES encrypted it.

    A plain object is never in memory as a whole. An encrypted one is, because none of it may be
    used before all of it is authenticated.

    :param stored: the object.
    :param settings: for Amazon SES.
    :raises AnymailAPIError: S3 or KMS cannot be reached, or refuses (then it is an
        ``AnymailBotoClientAPIError``, which names the missing permission).
    :raises UnreadableMail: it is larger than ``AMAZON_SES_INBOUND_MAX_SIZE``, or cannot be
        decrypted.
    """
    with _api_errors("Downloading", stored):
        response = _s3_client(stored, settings).get_object(Bucket=stored.bucket, Key=stored.key)
    with closing(_streaming_body(response)) as body:
        _check_size(response.get("ContentLength") or 0, stored, settings)
        envelope = parse_envelope(response.get("Metadata") or {}, stored.message_id)
        if envelope is None:
            if response.get("MissingMeta"):
                raise UnreadableMail(f"S3 does not return all metadata of {stored}.")
            yield from _read(body, stored, settings)
            return
        ciphertext = bytearray()
        for chunk in _read(body, stored, settings):
            ciphertext += chunk
    content = decrypt(envelope, unwrap_key(envelope, stored, settings), ciphertext)
    del ciphertext
    yield from slices(content)


def unwrap_key(
    envelope: EncryptionEnvelope, stored: S3Object, settings: AmazonSESSettings
) -> bytes:
    """The data key of an encrypted object, from KMS (KMS API reference, "Decrypt").

    :param envelope: of the object.
    :param stored: for the region, and for the error.
    :return: 32 bytes.
    :raises AnymailAPIError: KMS refuses, or cannot be reached.
    """
    pinned = settings.inbound_kms_key_id
    key_id = pinned or envelope.kms_key_id or ""
    region = arn_region(key_id, "kms") or arn_region(envelope.kms_key_id, "kms") or stored.region
    params = {"KeyId": pinned} if pinned else {}
    with _api_errors("Decrypting the key of", stored, key_id):
        client = aws.client("kms", settings, **_in_region(region, settings.kms_client_params))
        response = client.decrypt(
            CiphertextBlob=envelope.wrapped_key, EncryptionContext=envelope.context, **params
        )
        key: bytes = response["Plaintext"]
    return key


def delete_object(stored: S3Object, settings: AmazonSESSettings) -> None:
    """Delete a mail from S3. It is not an error if the object does not exist.

    :raises AnymailAPIError: S3 refuses, or cannot be reached.
    """
    with _api_errors("Deleting", stored):
        _s3_client(stored, settings).delete_object(Bucket=stored.bucket, Key=stored.key)


def _streaming_body(response: Any) -> Any:
    body = response.get("Body") if isinstance(response, dict) else response
    if not isinstance(response, dict) or not hasattr(body, "iter_chunks"):
        raise _unusable(body)
    return body


def _read(body: Any, stored: S3Object, settings: AmazonSESSettings) -> Iterator[bytes]:
    size = 0
    try:
        chunks = iter(body.iter_chunks(CHUNK_SIZE))
    except TypeError:  # a plain Mock
        raise _unusable(body) from None
    while True:
        with _api_errors("Downloading", stored):
            chunk = next(chunks, None)
        if chunk is None:
            break
        if not isinstance(chunk, bytes):
            raise _unusable(chunk)
        size += len(chunk)
        _check_size(size, stored, settings)
        yield chunk
    # A mock has no chunks; what it returns comes from its read().
    if not size and body.read() != b"":
        raise _unusable(body)


def _unusable(value: object) -> TypeError:
    return TypeError(
        'A test double of S3 must return {"Body": botocore.response.StreamingBody('
        f"io.BytesIO(mail), len(mail))}} from get_object(), not a {type(value).__name__}."
    )


def _check_size(size: int, stored: S3Object, settings: AmazonSESSettings) -> None:
    if size > settings.inbound_max_size:
        raise UnreadableMail(
            f"The S3 object {stored} is larger than the {settings.inbound_max_size} bytes of "
            'ANYMAIL["AMAZON_SES_INBOUND_MAX_SIZE"].'
        )


def _s3_client(stored: S3Object, settings: AmazonSESSettings) -> Any:
    return aws.client("s3", settings, **_in_region(stored.region, settings.s3_client_params))


def _in_region(region: str | None, own_params: dict[str, Any] | None) -> dict[str, Any]:
    """The region to use, unless the service's own parameters name one.

    That in ``AMAZON_SES_CLIENT_PARAMS`` is where mail is sent from, which may be elsewhere.
    """
    if region is None or not _REGION.fullmatch(region) or "region_name" in (own_params or {}):
        return {}
    return {"region_name": region}


def _api_errors(doing: str, stored: S3Object, kms_key: str = "") -> AbstractContextManager[None]:
    def advise(operation: str, code: str) -> str:
        return HINTS.get((operation, code), "").format(
            object=f"{stored.bucket}/{stored.key}",
            bucket=stored.bucket,
            kms_key=kms_key or "the key of the receipt rule",
        )

    return api_errors(f"{doing} the S3 object {stored}", advise=advise)
