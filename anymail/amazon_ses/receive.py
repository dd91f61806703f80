"""A notification that was checked -> events, for every carrier."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from ..conf import AmazonSESSettings
from ..exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailWebhookValidationFailure,
)
from ..inbound import AnymailInboundMessage
from ..signals import AccountChange, AnymailInboundEvent, AnymailTrackingEvent, dispatch
from . import ESP_NAME, storage, trust
from .carriers import Proof, account_change
from .certificates import fetch_certificate
from .connections import check_transactions, requests_transactions
from .inbound import (
    S3Object,
    UnreadableMail,
    failed_event,
    inbound_event,
    is_setup,
    locate_content,
)
from .notifications import SesNotification
from .sns import SnsEnvelope
from .tracking import tracking_events

logger: logging.Logger = logging.getLogger(__name__)


def queue_proof(settings: AmazonSESSettings) -> Proof:
    """What ``AMAZON_SES_QUEUE_TRUST`` asks of a message in an SQS queue, or to a Lambda function.

    :return: for :func:`.carriers.parse_notifications`.
    """
    # A queue may hold a message for 14 days, in which the certificate may expire: it is the time of
    # the message, which is signed, that counts.
    strict = replace(settings, sns_max_age=None, verify_sns_signatures=True)

    def check_signature(envelope: SnsEnvelope | None) -> bool:
        if envelope is None:
            raise AnymailWebhookValidationFailure(
                "The message has no signature of SNS, which is needed because of "
                'ANYMAIL["AMAZON_SES_QUEUE_TRUST"].'
            )
        trust.check(
            envelope,
            strict,
            lambda url: fetch_certificate(url, settings.sns_cert_cache),
            now=envelope.timestamp,
        )
        return trust.topic_is_ours(strict, knows_secret=False)

    return check_signature if settings.queue_trust == "signature" else lambda envelope: True


def handle(
    notifications: Iterable[SesNotification], settings: AmazonSESSettings, *, sender: type
) -> int:
    """Receive notifications, call the receivers, and finish: all of what a carrier has to do.

    With ``ATOMIC_REQUESTS``, the receivers of a notification run in a transaction, as in a webhook.

    :param notifications: from :func:`.carriers.parse_notifications`.
    :param sender: passed on to receivers: the class of the carrier.
    :return: the number of events.
    :raises Exception: a receiver raised it, or the database would roll back what they wrote. Let
        the carrier deliver the message again.
    :raises AnymailWebhookValidationFailure: see :func:`receive_inbound`.
    :raises AnymailAPIError: see :func:`receive_inbound`.
    """
    count = 0
    for notification in notifications:
        events = receive(notification, settings)
        with requests_transactions():
            dispatch(events, sender=sender, esp_name=ESP_NAME)
            check_transactions()
        finish_inbound(events, settings)  # not before the commit: it may fail
        count += len(events)
    return count


def receive(
    notification: SesNotification, settings: AmazonSESSettings
) -> list[AnymailTrackingEvent] | list[AnymailInboundEvent] | list[AccountChange]:
    """The events in a notification of any kind.

    :raises AnymailWebhookValidationFailure: see :func:`receive_inbound`.
    :raises AnymailAPIError: see :func:`receive_inbound`.
    """
    if notification.is_account_change:
        return [account_change(notification)]
    if notification.kind == "Received":
        return receive_inbound(notification, settings)
    return receive_tracking(notification, settings)


def receive_tracking(
    notification: SesNotification, settings: AmazonSESSettings
) -> list[AnymailTrackingEvent]:
    """The tracking events in a notification.

    :param settings: ``message_tag_name`` counts.
    :raises AnymailConfigurationError: it is about received mail.
    """
    if notification.kind == "Received":
        raise AnymailConfigurationError(
            f"The SNS topic {notification.topic_arn} sends received mail to the tracking webhook. "
            "Subscribe the inbound webhook (.../amazon_ses/inbound/) to it instead, or the one for "
            "both (.../amazon_ses/)."
        )
    return tracking_events(notification, settings.message_tag_name)


def receive_inbound(
    notification: SesNotification, settings: AmazonSESSettings
) -> list[AnymailInboundEvent]:
    """The event for a received mail, which may have to be downloaded first.

    There is no event when SES tests a new receipt rule, and none when the notification comes from
    an action that neither sends nor stores the mail, which is logged: as an error, or as a warning
    if the notification is unverified. A mail that cannot be read, now or later, is logged too and
    gives an ``inbound_failed`` event without a message.

    Nothing is downloaded for an unverified notification: it could name any object.

    :raises AnymailConfigurationError: it is not about received mail.
    :raises AnymailWebhookValidationFailure: it names an S3 object and is not verified, or the
        bucket is not in ``AMAZON_SES_INBOUND_BUCKETS``.
    :raises AnymailAPIError: S3 or KMS refuses, or cannot be reached.
    """
    if notification.kind == "AmazonSnsSubscriptionSucceeded":
        return []
    if notification.kind != "Received":
        raise AnymailConfigurationError(
            f"The SNS topic {notification.topic_arn} sends {notification.kind[:100]!r} events to "
            "the inbound webhook. Subscribe the tracking webhook (.../amazon_ses/tracking/) to it "
            "instead, or the one for both (.../amazon_ses/)."
        )
    if is_setup(notification):
        logger.info(
            "SES set up a receipt rule for the SNS topic %s",
            notification.topic_arn,
            extra={"anymail_topic": notification.topic_arn},
        )
        return []
    try:
        content = locate_content(notification)
    except AnymailConfigurationError as err:
        _log_error(err, notification)
        return []
    except UnreadableMail as err:
        _log_error(err, notification)
        return [failed_event(notification, str(err))]
    if isinstance(content, S3Object):
        _check_source(notification, content, settings)
    return _receive_content(notification, content, settings)


def finish_inbound(
    events: Iterable[AnymailTrackingEvent | AnymailInboundEvent | AccountChange],
    settings: AmazonSESSettings,
) -> None:
    """Delete the S3 objects of received mails, if ``AMAZON_SES_INBOUND_DELETE_S3_OBJECT`` says so.

    Call it when every receiver has returned without an exception. Mails that could not be read
    are kept, and so are those of unverified events. A failure is only logged: the mail has been
    processed, and must not be processed again.

    :param events: the result of :func:`receive_inbound`.
    :param settings: for Amazon SES.
    """
    if not settings.inbound_delete_s3_object:
        return
    for event in events:
        if isinstance(event, AnymailInboundEvent) and event.s3_object and event.is_verified:
            _delete(event.s3_object, settings)


def _delete(stored: S3Object, settings: AmazonSESSettings) -> None:
    try:
        storage.delete_object(stored, settings)
    except AnymailAPIError as err:
        logger.error(
            "%s",
            err,
            extra={"anymail_s3_object": str(stored), "anymail_error_code": err.error_code},
        )


def _check_source(
    notification: SesNotification, stored: S3Object, settings: AmazonSESSettings
) -> None:
    if not notification.is_verified:
        raise AnymailWebhookValidationFailure(
            f"The mail {stored} was not downloaded from S3, because nothing proves that the SNS "
            f"topic {notification.topic_arn} is yours: anybody's topic could name any object that "
            'this application may read. Set ANYMAIL["WEBHOOK_SECRET"], or '
            'ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] with signature checking on; and turn raw message '
            "delivery off."
        )
    if settings.inbound_buckets and stored.bucket not in settings.inbound_buckets:
        raise AnymailWebhookValidationFailure(
            f"{notification.source} names the S3 bucket {stored.bucket}, which is "
            'not in ANYMAIL["AMAZON_SES_INBOUND_BUCKETS"].'
        )


def _receive_content(
    notification: SesNotification, content: bytes | S3Object, settings: AmazonSESSettings
) -> list[AnymailInboundEvent]:
    if isinstance(content, bytes):
        return [inbound_event(notification, content)]
    try:
        chunks = storage.download(content, settings)
        message = AnymailInboundMessage.parse_raw_mime_chunks(chunks)
    except UnreadableMail as err:
        _log_error(err, notification, content)
        return [failed_event(notification, str(err))]
    except AnymailAPIError as err:
        if err.error_code == "NoSuchKey" and settings.inbound_delete_s3_object:
            # SNS delivers at least once; the first time, the object was deleted.
            logger.warning(
                "The S3 object %s is gone: the mail was processed before",
                content,
                extra={"anymail_s3_object": str(content)},
            )
            return []
        raise
    return [inbound_event(notification, message, content)]


def _log_error(
    err: Exception, notification: SesNotification, stored: S3Object | None = None
) -> None:
    message_id = notification.message_id and notification.message_id[:100]
    logger.log(
        # Anybody could fill the log with errors.
        logging.ERROR if notification.is_verified else logging.WARNING,
        "A received mail was not handed over (topic %s, SES message id %r, S3 object %s): %s",
        notification.topic_arn,
        message_id,
        stored,
        err,
        extra={
            "anymail_topic": notification.topic_arn,
            "anymail_message_id": message_id,
            "anymail_s3_object": None if stored is None else str(stored),
        },
    )
