"""For your tests: events, and SNS requests for Django's test client.

.. code-block:: python

    from anymail.testing import sns_notification, tracking_event, trusted_sns

    def test_receiver(self):
        event = tracking_event("bounced", recipient="ann@example.com")
        disable_address(sender=None, event=event, esp_name="Amazon SES")

    def test_webhook(self):
        request = sns_notification("bounce", recipient="ann@example.com")
        with trusted_sns():
            response = self.client.post("/anymail/amazon_ses/tracking/", **request)
        self.assertEqual(response.status_code, 200)
"""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.test import override_settings

from ..amazon_ses.notifications import SesNotification
from ..amazon_ses.tracking import tracking_events
from ..amazon_ses.trust import utc_now
from ..conf import AmazonSESSettings, WebhookSettings, anymail_dict
from ..inbound import AnymailInboundMessage
from ..signals import AnymailInboundEvent, AnymailTrackingEvent, EventType
from .ses import (
    DEFAULT_MAIL,
    DEFAULT_RECIPIENT,
    OPTED_IN,
    OPTED_OUT,
    mail_bytes,
    ses_event,
    ses_received,
)
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

__all__ = [
    "DEFAULT_RECIPIENT",
    "DEFAULT_TOPIC",
    "inbound_event",
    "ses_event",
    "ses_received",
    "sns_notification",
    "sns_request",
    "sns_subscription",
    "tracking_event",
    "trusted_sns",
]

#: Where the certificate would be, if it were SNS's.
CERTIFICATE_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-AnymailTesting.pem"
#: Which kind of document makes an event of which type, and with which details.
EVENT_KINDS: dict[str, tuple[str, Document]] = {
    EventType.SENT: ("send", {}),
    EventType.DELIVERED: ("delivery", {}),
    EventType.DEFERRED: ("delivery_delay", {}),
    EventType.BOUNCED: ("bounce", {}),
    EventType.COMPLAINED: ("complaint", {}),
    EventType.REJECTED: ("reject", {}),
    EventType.FAILED: ("rendering_failure", {}),
    EventType.OPENED: ("open", {}),
    EventType.CLICKED: ("click", {}),
    EventType.UNSUBSCRIBED: ("subscription", {}),
    EventType.SUBSCRIBED: (
        "subscription",
        {"oldTopicPreferences": OPTED_OUT, "newTopicPreferences": OPTED_IN},
    ),
}


def tracking_event(
    event_type: str = EventType.DELIVERED,
    *,
    recipient: str = DEFAULT_RECIPIENT,
    **fields: Any,
) -> AnymailTrackingEvent:
    """A tracking event, as the webhook would make it.

    :param event_type: one of :class:`~anymail.signals.EventType`.
    :param recipient: the address that it is about.
    :param fields: of the event, for example ``message_id`` or ``metadata``; the others are those of
        a typical event of this type.
    :raises TypeError: an event has no such field.
    """
    kind, detail = EVENT_KINDS.get(event_type, ("send", {}))
    notification = SesNotification(
        id=str(uuid.uuid4()),
        timestamp=utc_now(),
        origin=DEFAULT_TOPIC,
        body=ses_event(kind, recipient=recipient, **detail),
        is_verified=True,
    )
    [event] = tracking_events(notification)
    return replace(event, **{"event_type": event_type, **fields})


def inbound_event(
    mail: bytes | str | os.PathLike[str] = DEFAULT_MAIL,
    *,
    envelope_sender: str | None = "bob@example.net",
    envelope_recipient: str | None = DEFAULT_RECIPIENT,
    spam_detected: bool | None = False,
    **fields: Any,
) -> AnymailInboundEvent:
    """An inbound event, as the webhook would make it.

    :param mail: the whole mail, as bytes or str, or the path of a file with it (a
        :class:`~pathlib.Path`, since a str is the mail).
    :param envelope_sender: MAIL FROM; empty for a bounce.
    :param envelope_recipient: the only one in ``envelope_recipients``; None for none.
    :param spam_detected: see :attr:`.AnymailInboundMessage.spam_detected`.
    :param fields: of the event, for example ``event_id`` or ``esp_event``.
    :raises TypeError: an event has no such field.
    """
    message = AnymailInboundMessage.parse_raw_mime_bytes(mail_bytes(mail))
    message.envelope_sender = envelope_sender
    message.envelope_recipient = envelope_recipient
    message.envelope_recipients = [] if envelope_recipient is None else [envelope_recipient]
    message.spam_detected = spam_detected
    common = {
        "event_id": str(uuid.uuid4()),
        "timestamp": utc_now(),
        "esp_event": {},
        "is_verified": True,
        "message": message,
    }
    return AnymailInboundEvent(**{**common, **fields})


def sns_notification(
    event: str | Document = "delivery",
    *,
    topic: str | None = None,
    secret: str | None = None,
    **detail: Any,
) -> dict[str, Any]:
    """What SNS posts for an event, as arguments for ``client.post(url, **request)``.

    Its signature counts within :func:`trusted_sns` only.

    :param event: a kind (see :func:`ses_event`), or the whole document.
    :param topic: an ARN; the first in ``AMAZON_SES_SNS_TOPIC_ARNS`` unless given.
    :param secret: ``"user:password"`` to send along, ``""`` for none; the first in
        ``WEBHOOK_SECRET`` unless given.
    :param detail: other arguments of :func:`ses_event`.
    :return: ``data``, ``content_type`` and ``headers``.
    :raises KeyError: there is no such kind.
    """
    document = ses_event(event, **detail) if isinstance(event, str) else event
    fields = notification_fields(
        _topic(topic),
        json.dumps(document) + "\n",
        subject="Amazon SES Email Event Notification",
    )
    return sns_request(fields, secret=secret)


def sns_subscription(*, topic: str | None = None, secret: str | None = None) -> dict[str, Any]:
    """What SNS posts when a webhook is subscribed to a topic, likewise.

    ``AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS`` then makes the webhook call SNS: stub boto3.

    :param topic: as in :func:`sns_notification`; so ``secret``.
    """
    fields = confirmation_fields(_topic(topic), "0123456789abcdef" * 12)
    return sns_request(fields, secret=secret)


def sns_request(
    fields: Mapping[str, Any], *, secret: str | None = None, signature_version: str = "2"
) -> dict[str, Any]:
    """Sign an SNS document and make a request of it, likewise.

    Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".

    :param fields: the document, without what concerns the signature.
    :param secret: as in :func:`sns_notification`.
    :param signature_version: ``"1"`` (SHA-1) or ``"2"`` (SHA-256).
    """
    if secret is None:
        secret = next(iter(WebhookSettings.load().webhook_secret), "")
    key, _ = _signing_key()
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
    """Makes the webhooks believe the signatures that are made here.

    A context manager, and a decorator for test methods and classes. The key is made anew in each
    process, and nothing outside of the block believes it.
    """
    name = "AMAZON_SES_SNS_CERTIFICATES"
    certificates = {
        **AmazonSESSettings.load().sns_certificates,
        CERTIFICATE_URL: _signing_key()[1],
    }
    changed: dict[str, Any] = {f"ANYMAIL_{name}": certificates}
    if name in anymail_dict():
        changed["ANYMAIL"] = {**anymail_dict(), name: certificates}
    return override_settings(**changed)


@lru_cache(maxsize=1)
def _signing_key() -> tuple[RSAPrivateKey, str]:
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    long_ago = datetime(1970, 1, 1)  # for tests that freeze the time
    return key, make_certificate(key, long_ago, utc_now() + timedelta(days=36_500))


def _topic(topic: str | None) -> str:
    return topic or next(iter(AmazonSESSettings.load().sns_topic_arns), DEFAULT_TOPIC)
