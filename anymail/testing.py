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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.test import override_settings

from .amazon_ses.notifications import SesNotification
from .amazon_ses.sns import NOTIFICATION, SUBSCRIPTION_CONFIRMATION, SnsEnvelope
from .amazon_ses.tracking import tracking_events
from .amazon_ses.trust import DNS_SUFFIXES, signature_schemes, utc_now
from .conf import AmazonSESSettings, WebhookSettings, anymail_dict
from .inbound import AnymailInboundMessage
from .signals import AnymailInboundEvent, AnymailTrackingEvent, EventType

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

#: A JSON object.
Document = dict[str, Any]

#: The topic of the messages here, unless ``AMAZON_SES_SNS_TOPIC_ARNS`` names another one.
DEFAULT_TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
#: Whom events and mails are for, unless said otherwise.
DEFAULT_RECIPIENT = "ann@example.com"
#: Where the certificate would be, if it were SNS's.
CERTIFICATE_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-AnymailTesting.pem"
#: What was received, unless said otherwise.
DEFAULT_MAIL = (
    b"From: Bob <bob@example.net>\r\nTo: ann@example.com\r\nSubject: Hello\r\n"
    b"Date: Tue, 04 Mar 2025 05:06:07 +0000\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello!\r\n"
)
_OPTED_OUT = {"unsubscribeAll": True}
_OPTED_IN = {"unsubscribeAll": False}

#: For each kind: SES's word, the name of its details, of the recipients there, and the details.
KINDS: dict[str, tuple[str, str, str | None, Document]] = {
    "send": ("Send", "send", None, {}),
    "delivery": (
        "Delivery",
        "delivery",
        None,
        {"processingTimeMillis": 1422, "smtpResponse": "250 2.0.0 OK"},
    ),
    "delivery_delay": (
        "DeliveryDelay",
        "deliveryDelay",
        "delayedRecipients",
        {"delayType": "MailboxFull"},
    ),
    "bounce": (
        "Bounce",
        "bounce",
        "bouncedRecipients",
        {"bounceType": "Permanent", "bounceSubType": "General", "reportingMTA": "dns; mx.example"},
    ),
    "complaint": (
        "Complaint",
        "complaint",
        "complainedRecipients",
        {"complaintFeedbackType": "abuse", "complaintSubType": None},
    ),
    "reject": ("Reject", "reject", None, {"reason": "Bad content"}),
    "rendering_failure": (
        "Rendering Failure",
        "failure",
        None,
        {"templateName": "welcome", "errorMessage": "Attribute 'name' is not present."},
    ),
    "open": ("Open", "open", None, {"ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0"}),
    "click": (
        "Click",
        "click",
        None,
        {"link": "https://example.com/", "ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0"},
    ),
    "subscription": (
        "Subscription",
        "subscription",
        None,
        {
            "contactList": "customers",
            "oldTopicPreferences": _OPTED_IN,
            "newTopicPreferences": _OPTED_OUT,
        },
    ),
}
#: Which of them makes an event of which type.
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
        {"oldTopicPreferences": _OPTED_OUT, "newTopicPreferences": _OPTED_IN},
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
    message = AnymailInboundMessage.parse_raw_mime_bytes(_mail_bytes(mail))
    message.envelope_sender = envelope_sender
    message.envelope_recipient = envelope_recipient
    message.envelope_recipients = [] if envelope_recipient is None else [envelope_recipient]
    message.spam_detected = spam_detected
    common = {"event_id": str(uuid.uuid4()), "timestamp": utc_now(), "esp_event": {}}
    return AnymailInboundEvent(**{**common, "message": message, **fields})


def ses_event(
    kind: str = "delivery",
    *,
    recipient: str | Sequence[str] = DEFAULT_RECIPIENT,
    message_id: str = "0100019560000011-test-000000",
    tags: Sequence[str] = (),
    metadata: Any = None,
    message_tags: Mapping[str, Sequence[str]] | None = None,
    occurred_at: datetime | None = None,
    **detail: Any,
) -> Document:
    """The document that SES publishes for an event.

    Source: Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon
    SNS".

    :param kind: a key of :data:`KINDS`, for example ``"bounce"``.
    :param recipient: one address, or several.
    :param message_id: what ``anymail_status.message_id`` was.
    :param tags: what the message was sent with.
    :param metadata: likewise; what JSON can hold.
    :param message_tags: SES message tags: name to values.
    :param occurred_at: when, aware; now, unless given.
    :param detail: what the details of this kind shall have, in SES's words:
        ``bounceType="Transient"``.
    :raises KeyError: there is no such kind.
    """
    word, name, recipients_name, defaults = KINDS[kind]
    recipients = [recipient] if isinstance(recipient, str) else list(recipient)
    timestamp = _timestamp(occurred_at or utc_now())
    found: Document = {} if kind == "send" else {"timestamp": timestamp, **defaults}
    if recipients_name is not None:
        found[recipients_name] = [{"emailAddress": address} for address in recipients]
    elif kind == "delivery":
        found["recipients"] = recipients
    headers = [{"name": "X-Tag", "value": tag} for tag in tags]
    if metadata is not None:
        headers.append({"name": "X-Metadata", "value": json.dumps(metadata)})
    mail = {
        "timestamp": timestamp,
        "messageId": message_id,
        "source": "shop@example.org",
        "sendingAccountId": "123456789012",
        "destination": recipients,
        "headersTruncated": False,
        "headers": headers,
        "tags": {name: list(values) for name, values in (message_tags or {}).items()},
    }
    return {"eventType": word, "mail": mail, name: {**found, **detail}}


def ses_received(
    mail: bytes | str | os.PathLike[str] = DEFAULT_MAIL,
    *,
    sender: str = "bob@example.net",
    recipient: str | Sequence[str] = DEFAULT_RECIPIENT,
    message_id: str = "o3vrnil0e2ic28trm7dfhrc2v0cnbeccl4nbp0g1",
    **receipt: Any,
) -> Document:
    """The document that SES publishes for a received mail (an SNS action, Base64).

    Source: Amazon SES Developer Guide, "Contents of notifications for Amazon SES email receiving".

    :param mail: the whole mail, as bytes or str, or the path of a file with it.
    :param sender: of the envelope.
    :param recipient: of the envelope; one address, or several.
    :param message_id: SES's id of the mail.
    :param receipt: what ``receipt`` shall have, in SES's words:
        ``spamVerdict={"status": "FAIL"}``.
    """
    recipients = [recipient] if isinstance(recipient, str) else list(recipient)
    timestamp = _timestamp(utc_now())
    verdicts = {
        f"{name}Verdict": {"status": "PASS"} for name in ("spam", "virus", "spf", "dkim", "dmarc")
    }
    action = {"type": "SNS", "topicArn": DEFAULT_TOPIC, "encoding": "BASE64"}
    return {
        "notificationType": "Received",
        "mail": {
            "timestamp": timestamp,
            "messageId": message_id,
            "source": sender,
            "destination": recipients,
        },
        "receipt": {
            "timestamp": timestamp,
            "recipients": recipients,
            **verdicts,
            "action": action,
            **receipt,
        },
        "content": base64.b64encode(_mail_bytes(mail)).decode(),
    }


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


def notification_fields(topic: str, message: str, *, subject: str | None = None) -> Document:
    """A message in a topic, as SNS delivers it, without what concerns the signature.

    :param topic: an ARN.
    """
    return {
        "Type": NOTIFICATION,
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic,
        **({} if subject is None else {"Subject": subject}),
        "Message": message,
        "Timestamp": _timestamp(utc_now()),
    }


def confirmation_fields(topic: str, token: str) -> Document:
    """SNS's request to confirm a subscription, likewise.

    :param topic: an ARN.
    :param token: what is to be confirmed with.
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
        "Timestamp": _timestamp(utc_now()),
    }


def sns_url(topic: str) -> str:
    """The URL of SNS itself in the region of a topic.

    :param topic: an ARN.
    """
    _, partition, _, region, *_ = topic.split(":")
    return f"https://sns.{region}.{DNS_SUFFIXES[partition]}/"


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


def sign_document(
    fields: Mapping[str, Any], key: RSAPrivateKey, certificate_url: str, signature_version: str
) -> Document:
    """Sign an SNS document as SNS does.

    :param fields: the document, without what concerns the signature.
    :param certificate_url: where webhooks find the certificate.
    :param signature_version: ``"1"`` (SHA-1) or ``"2"`` (SHA-256).
    :raises AnymailWebhookValidationFailure: SNS never sends such a document.
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


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _mail_bytes(mail: bytes | str | os.PathLike[str]) -> bytes:
    if isinstance(mail, bytes):
        return mail
    return mail.encode() if isinstance(mail, str) else Path(mail).read_bytes()
