"""Requests of SNS, as arguments for Django's test client, and the key that they are signed with."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.test import override_settings

from ..amazon_ses.timestamps import utc_now
from ..conf import AmazonSESSettings, WebhookSettings, anymail_dict
from .ses import ses_event
from .sns import (
    DEFAULT_TOPIC,
    Document,
    confirmation_fields,
    make_certificate,
    notification_fields,
    sign_document,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: Where the certificate would be, if it were SNS's.
CERTIFICATE_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-AnymailTesting.pem"


def sns_notification(
    event: str | Document = "delivery",
    *,
    topic: str | None = None,
    secret: str | None = None,
    **detail: Any,
) -> dict[str, Any]:
    """The request of SNS for an event, as arguments for ``client.post(url, **request)``.

    Its signature is accepted only within :func:`trusted_sns`.

    :param event: a kind (see :func:`ses_event`), or the whole document.
    :param topic: an ARN; the first in ``AMAZON_SES_SNS_TOPIC_ARNS`` unless given.
    :param secret: ``"user:password"`` to send along, ``""`` for none; the first in
        ``WEBHOOK_SECRET`` unless given.
    :param detail: other arguments of :func:`ses_event`.
    :return: ``data``, ``content_type`` and ``headers``.
    :raises KeyError: the kind is unknown.
    """
    document = ses_event(event, **detail) if isinstance(event, str) else event
    fields = notification_fields(
        _topic(topic),
        json.dumps(document) + "\n",
        subject="Amazon SES Email Event Notification",
    )
    return sns_request(fields, secret=secret)


def sns_subscription(*, topic: str | None = None, secret: str | None = None) -> dict[str, Any]:
    """The request of SNS to confirm a subscription, like :func:`sns_notification`.

    ``AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS`` then makes the webhook call SNS: stub boto3.

    :param topic: as in :func:`sns_notification`, and so is ``secret``.
    """
    fields = confirmation_fields(_topic(topic), "0123456789abcdef" * 12)
    return sns_request(fields, secret=secret)


def sns_request(
    fields: Mapping[str, Any], *, secret: str | None = None, signature_version: str = "2"
) -> dict[str, Any]:
    """Sign an SNS document and make a request of it, like :func:`sns_notification`.

    Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".

    :param fields: the document, without the fields of the signature.
    :param secret: as in :func:`sns_notification`.
    :param signature_version: ``"1"`` (SHA-1) or ``"2"`` (SHA-256).
    """
    if secret is None:
        secret = next(iter(WebhookSettings.load().webhook_secret), "")
    key, _ = signing_key()
    signed = sign_document(fields, key, CERTIFICATE_URL, signature_version)
    headers = {
        "x-amz-sns-message-type": fields["Type"],
        "x-amz-sns-message-id": fields["MessageId"],
        "x-amz-sns-topic-arn": fields["TopicArn"],
    }
    if secret:
        headers["Authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
    return {
        "data": json.dumps(signed).encode(),
        "content_type": "text/plain; charset=UTF-8",
        "headers": headers,
    }


def trusted_sns() -> override_settings:
    """Make the webhooks accept the signatures of this module.

    A context manager, and a decorator for test methods and classes. Each process makes a new
    key, which is trusted only within the block.
    """
    name = "AMAZON_SES_SNS_CERTIFICATES"
    certificates = {
        **AmazonSESSettings.load().sns_certificates,
        CERTIFICATE_URL: signing_key()[1],
    }
    changed: dict[str, Any] = {f"ANYMAIL_{name}": certificates}
    if name in anymail_dict():
        changed["ANYMAIL"] = {**anymail_dict(), name: certificates}
    return override_settings(**changed)


@lru_cache(maxsize=1)
def signing_key() -> tuple[RSAPrivateKey, str]:
    """The key of this process, and the PEM text of its certificate."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    long_ago = datetime(1970, 1, 1)  # for tests that freeze the time
    return key, make_certificate(key, long_ago, utc_now() + timedelta(days=36_500))


def _topic(topic: str | None) -> str:
    return topic or next(iter(AmazonSESSettings.load().sns_topic_arns), DEFAULT_TOPIC)
