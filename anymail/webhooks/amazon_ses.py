"""The webhooks for Amazon SES. Amazon SNS calls them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.dispatch import Signal
from django.http import HttpRequest, RawPostDataException, UnreadablePostError

from .. import signals
from ..amazon_ses import ESP_NAME, aws, receive, trust
from ..amazon_ses.carriers import account_change, sns_documents
from ..amazon_ses.certificates import fetch_certificate
from ..amazon_ses.connections import check_transactions
from ..amazon_ses.notifications import SesNotification, is_account_change
from ..amazon_ses.sns import SUBSCRIPTION_CONFIRMATION, UNSUBSCRIBE_CONFIRMATION, SnsEnvelope
from ..amazon_ses.untrusted_json import MAX_BODY_SIZE
from ..conf import AmazonSESSettings, Settings, WebhookSettings
from ..exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailWebhookValidationFailure,
)
from .base import AnymailBaseWebhookView, UnprovenRequest

logger: logging.Logger = logging.getLogger(__name__)

#: SNS writes hexadecimal digits. A token may be logged.
TOKEN = re.compile(r"[!-~]{1,1024}")
#: RFC 9110 section 8.6. Servers pass on anything that clients write there.
CONTENT_LENGTH = re.compile(r"[0-9]{1,18}")


class AmazonSESBaseWebhookView(AnymailBaseWebhookView):
    """The base of the views: confirms subscriptions, and checks what SNS posts.

    A subclass supplies :meth:`esp_to_anymail_events`. Source: Amazon SNS Developer Guide, "Fanout
    Amazon SNS notifications to HTTPS endpoints".
    """

    esp_name = ESP_NAME
    settings_groups: ClassVar[tuple[type[Settings], ...]] = (WebhookSettings, AmazonSESSettings)
    #: Whether the request provably comes from a topic of ours; :meth:`trusted_envelope` sets it.
    is_verified: bool = False

    @property
    def ses_settings(self) -> AmazonSESSettings:
        """The settings for Amazon SES, as they are now for this view.

        :raises AnymailConfigurationError: one of them is wrong.
        """
        return self.load_settings(AmazonSESSettings)

    def parse_events(self, request: HttpRequest) -> Sequence[Any]:
        """The events in an SNS message; none in a request to confirm something.

        :raises AnymailWebhookValidationFailure: the message is refused.
        :raises AnymailAPIError: a call to AWS, or fetching the certificate, failed.
        """
        envelope = self.trusted_envelope(request)
        about = {"anymail_topic": envelope.topic}
        if envelope.type == SUBSCRIPTION_CONFIRMATION:
            self.auto_confirm_sns_subscription(envelope.fields)
            return []
        if envelope.type == UNSUBSCRIBE_CONFIRMATION:
            # Confirming it would subscribe us again.
            logger.info("SNS ended the subscription to %s", envelope.topic, extra=about)
            return []
        with self.quiet_unless_verified():
            documents = sns_documents(envelope)
        return [
            event
            for document in documents
            for event in self.events_in(document.body, envelope.fields)
        ]

    def events_in(self, ses_event: dict[str, Any], sns_message: Mapping[str, Any]) -> Sequence[Any]:
        """The events in a document: :meth:`esp_to_anymail_events`, or one about the account.

        :param ses_event: the document of SES, or that of EventBridge about the account.
        :param sns_message: the document of SNS around it.
        """
        if is_account_change(ses_event):
            return [account_change(self.notification(ses_event, sns_message))]
        return self.esp_to_anymail_events(ses_event, sns_message)

    def trusted_envelope(self, request: HttpRequest) -> SnsEnvelope:
        """The SNS message in a request, after all checks (:func:`.trust.check`).

        It sets :attr:`is_verified`.

        :raises UnprovenRequest: it is refused.
        :raises AnymailAPIError: the certificate cannot be fetched at present.
        """
        settings = self.ses_settings
        knows_secret = self.knows_secret(request)
        self.is_verified = False
        try:
            envelope = SnsEnvelope.from_http(request.headers, read_body(request))
            if envelope.is_raw and not knows_secret:
                raise trust.raw_delivery_refused(envelope.topic)
            trust.check(
                envelope, settings, lambda url: fetch_certificate(url, settings.sns_cert_cache)
            )
        except AnymailWebhookValidationFailure as err:
            raise UnprovenRequest(str(err)) from err
        self.is_verified = not envelope.is_raw and trust.topic_is_ours(
            settings, knows_secret=knows_secret
        )
        return envelope

    def _parse_sns_message(self, request: HttpRequest) -> Mapping[str, Any]:
        """The document of SNS in a request: :meth:`trusted_envelope` for code that knows this name.

        :raises UnprovenRequest: it is refused.
        :raises AnymailAPIError: the certificate cannot be fetched at present.
        """
        return self.trusted_envelope(request).fields

    @contextmanager
    def quiet_unless_verified(self) -> Iterator[None]:
        """Refuse an unusable document with a warning, unless the sender is verified.

        From a verified sender it is an error.

        :raises UnprovenRequest: within the block the document was refused, and the sender is not
            verified.
        """
        try:
            yield
        except (AnymailConfigurationError, AnymailWebhookValidationFailure) as err:
            if self.is_verified:
                raise
            raise UnprovenRequest(str(err)) from err

    def auto_confirm_sns_subscription(self, sns_message: Mapping[str, Any]) -> None:
        """Confirm a subscription, if the settings allow it and the topic is provably ours.

        :param sns_message: the document that SNS sent; it passed :func:`.trust.check`.
        :raises AnymailWebhookValidationFailure: it was not confirmed.
        :raises AnymailAPIError: SNS could not be reached, or refused (then it is an
            ``AnymailBotoClientAPIError``).
        """
        topic, token = sns_message["TopicArn"], sns_message.get("Token")
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            with self.quiet_unless_verified():
                raise AnymailWebhookValidationFailure("The SNS message has no valid Token.")
        settings = self.ses_settings
        if not settings.auto_confirm_sns_subscriptions:
            _refuse_confirmation(
                topic, token, 'ANYMAIL["AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS"] is False.'
            )
        if not self.is_verified:
            _refuse_confirmation(
                topic,
                token,
                'Nothing proves that the topic is yours: set ANYMAIL["WEBHOOK_SECRET"], or '
                'ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] with signature checking on.',
            )
        try:
            aws.confirm_subscription(topic, token, settings)
        except AnymailAPIError as err:
            if not err.is_transient:
                _log_unconfirmed(topic, token, f"SNS answered {err.error_code}.")
            raise
        about = {"anymail_topic": topic}
        logger.info("Confirmed the subscription to the SNS topic %s", topic, extra=about)

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: Mapping[str, Any]
    ) -> Sequence[Any]:
        """The events in a document of SES.

        :param ses_event: the document.
        :param sns_message: the document of SNS around it.
        :raises AnymailConfigurationError: it is for the other webhook.
        """
        raise NotImplementedError

    def notification(
        self, ses_event: dict[str, Any], sns_message: Mapping[str, Any]
    ) -> SesNotification:
        """The arguments of :meth:`esp_to_anymail_events` as one value."""
        return SesNotification.from_sns(ses_event, sns_message, is_verified=self.is_verified)

    def dispatch_events(self, events: Sequence[Any]) -> None:
        """Call the receivers, and then :func:`.receive.finish_inbound`.

        :raises Exception: a receiver raised it, or the database would roll back what they wrote.
            Mail in S3 is not deleted.
        """
        super().dispatch_events(events)
        check_transactions()
        receive.finish_inbound(events, self.ses_settings)

    def warn_if_insecure(self) -> None:
        """Warn if anyone with an AWS account can post events."""
        if not trust.topic_is_ours(self.ses_settings, knows_secret=False):
            super().warn_if_insecure()


class AmazonSESTrackingWebhookView(AmazonSESBaseWebhookView):
    """Receives tracking events: SES's notifications and published events."""

    signal: ClassVar[Signal | None] = signals.tracking

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: Mapping[str, Any]
    ) -> Sequence[signals.AnymailTrackingEvent]:
        """The tracking events in a document of SES; see :func:`.receive.receive_tracking`."""
        settings, notification = self.ses_settings, self.notification(ses_event, sns_message)
        with self.quiet_unless_verified():
            return receive.receive_tracking(notification, settings)


class AmazonSESInboundWebhookView(AmazonSESBaseWebhookView):
    """Receives mail: the notifications of receipt rules, with the mail in them or in S3."""

    signal: ClassVar[Signal | None] = signals.inbound

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: Mapping[str, Any]
    ) -> Sequence[signals.AnymailInboundEvent]:
        """The event for a received mail; see :func:`.receive.receive_inbound`."""
        settings, notification = self.ses_settings, self.notification(ses_event, sns_message)
        with self.quiet_unless_verified():
            return receive.receive_inbound(notification, settings)


class AmazonSESWebhookView(AmazonSESBaseWebhookView):
    """Receives tracking events and mail at one URL.

    For a subscription that was made for django-ses, which has one URL for both.
    """

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: Mapping[str, Any]
    ) -> Sequence[
        signals.AnymailTrackingEvent | signals.AnymailInboundEvent | signals.AccountChange
    ]:
        """The events in a document of SES; see :func:`.receive.receive`."""
        settings, notification = self.ses_settings, self.notification(ses_event, sns_message)
        with self.quiet_unless_verified():
            return receive.receive(notification, settings)


def read_body(request: HttpRequest) -> bytes:
    """The body of a request, if it may be a message of SNS.

    :raises AnymailWebhookValidationFailure: it is too large, broke off, or was read as a form.
    """
    length = str(request.META.get("CONTENT_LENGTH") or 0)
    if not CONTENT_LENGTH.fullmatch(length):
        raise AnymailWebhookValidationFailure("The request's Content-Length is not valid.")
    if int(length) > MAX_BODY_SIZE:
        raise AnymailWebhookValidationFailure("The SNS message is too large.")
    try:
        return request.body
    except RequestDataTooBig:  # DATA_UPLOAD_MAX_MEMORY_SIZE may be smaller
        raise AnymailWebhookValidationFailure("The SNS message is too large.") from None
    except UnreadablePostError:
        raise AnymailWebhookValidationFailure("The request's body broke off.") from None
    except RawPostDataException:  # some middleware took it for an uploaded form
        raise AnymailWebhookValidationFailure("The request's body is a form.") from None


def _log_unconfirmed(topic: str, token: str, reason: str) -> None:
    about = {"anymail_topic": topic}
    logger.warning(
        "The subscription to the SNS topic %s was not confirmed. %s If it is yours, it can be "
        "confirmed by hand: the token is logged at DEBUG.",
        topic,
        reason,
        extra=about,
    )
    logger.debug("The token of the subscription to %s: %s", topic, token, extra=about)


def _refuse_confirmation(topic: str, token: str, reason: str) -> NoReturn:
    _log_unconfirmed(topic, token, reason)
    raise AnymailWebhookValidationFailure(
        f"The subscription to the SNS topic {topic} was not confirmed. {reason}"
    )


def __getattr__(name: str) -> Any:
    if name == "boto3":  # tests of applications patch anymail.webhooks.amazon_ses.boto3
        return aws.import_boto3()
    if name in ("AnymailBotoClientAPIError", "AnymailBotoClientSecurityError"):
        # The second is what django-anymail 15.2 raises where KMS refuses.
        from ..amazon_ses.boto_errors import AnymailBotoClientAPIError

        return AnymailBotoClientAPIError
    if name == "BOTO_BASE_ERRORS":
        from ..amazon_ses.boto_errors import BOTO_BASE_ERRORS

        return BOTO_BASE_ERRORS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
