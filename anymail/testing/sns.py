"""Documents of SNS, signed as SNS does it, but with another key.

Source: Amazon SNS Developer Guide, "HTTP/HTTPS message JSON format" and "Verifying the signatures
of Amazon SNS messages".
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..amazon_ses.sns import NOTIFICATION, SUBSCRIPTION_CONFIRMATION, SnsEnvelope
from ..amazon_ses.timestamps import iso_time, utc_now
from ..amazon_ses.trust import DNS_SUFFIXES
from ..amazon_ses.x509 import signature_schemes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: The topic of the messages here, unless ``AMAZON_SES_SNS_TOPIC_ARNS`` names another one.
DEFAULT_TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
#: A JSON object.
Document = dict[str, Any]


def notification_fields(topic: str, message: str, *, subject: str | None = None) -> Document:
    """A message in a topic, as SNS delivers it, without the fields of the signature.

    :param topic: an ARN.
    """
    return {
        "Type": NOTIFICATION,
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic,
        **({} if subject is None else {"Subject": subject}),
        "Message": message,
        "Timestamp": iso_time(utc_now()),
    }


def confirmation_fields(topic: str, token: str) -> Document:
    """SNS's request to confirm a subscription, without the fields of the signature.

    :param topic: an ARN.
    :param token: to confirm it with.
    """
    url = f"{sns_url(topic)}?Action=ConfirmSubscription&TopicArn={topic}&Token={token}"
    return {
        "Type": SUBSCRIPTION_CONFIRMATION,
        "MessageId": str(uuid.uuid4()),
        "Token": token,
        "TopicArn": topic,
        "Message": f"You have chosen to subscribe to the topic {topic}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message.",
        "SubscribeURL": url,
        "Timestamp": iso_time(utc_now()),
    }


def sns_url(topic: str) -> str:
    """The URL of SNS itself in the region of a topic.

    :param topic: an ARN.
    """
    _, partition, _, region, *_ = topic.split(":")
    return f"https://sns.{region}.{DNS_SUFFIXES[partition]}/"


def sign_document(
    fields: Mapping[str, Any], key: RSAPrivateKey, certificate_url: str, signature_version: str
) -> Document:
    """Sign an SNS document as SNS does.

    :param fields: the document, without the fields of the signature.
    :param certificate_url: where webhooks find the certificate.
    :param signature_version: ``"1"`` (SHA-1) or ``"2"`` (SHA-256).
    :raises AnymailWebhookValidationFailure: it is not a document of SNS.
    """
    unsigned = {
        **fields,
        "SignatureVersion": signature_version,
        "SigningCertURL": certificate_url,
    }
    text = SnsEnvelope.from_json(json.dumps(unsigned)).string_to_sign()
    signature = key.sign(text, *signature_schemes()[signature_version])
    return {**unsigned, "Signature": base64.b64encode(signature).decode()}


def make_certificate(key: RSAPrivateKey, not_before: datetime, not_after: datetime) -> str:
    """The PEM text of a certificate for a key that SNS documents are signed with."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()
