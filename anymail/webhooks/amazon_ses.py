"""The webhooks for Amazon SES. Amazon SNS calls them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.dispatch import Signal
from django.http import HttpRequest, RawPostDataException, UnreadablePostError

from .. import signals
from ..amazon_ses import ESP_NAME, aws, receive, trust
from ..amazon_ses.certificates import fetch_certificate
from ..amazon_ses.notifications import SesNotification
from ..amazon_ses.sns import (
    HEADERS,
    SUBSCRIPTION_CONFIRMATION,
    UNSUBSCRIBE_CONFIRMATION,
    SnsEnvelope,
)
from ..conf import AmazonSESSettings, Settings, WebhookSettings
from ..exceptions import AnymailAPIError, AnymailWebhookValidationFailure
from .base import AnymailBaseWebhookView

logger: logging.Logger = logging.getLogger(__name__)

#: ``request.headers`` would parse every header of the request.
META_NAMES = tuple((name, "HTTP_" + name.upper().replace("-", "_")) for name in HEADERS)
#: SNS writes hexadecimal digits. A token may have to be logged.
TOKEN = re.compile(r"[!-~]{1,1024}")
#: SNS's words for a token that is wrong or too old, and for a topic that is gone.
HOPELESS_CODES = frozenset(
    {"InvalidParameter", "InvalidParameterException", "NotFound", "NotFoundException"}
)


class AmazonSESBaseWebhookView(AnymailBaseWebhookView):
    """What the tracking and the inbound webhook have in common: the way through SNS.

    A subclass supplies :meth:`esp_to_anymail_events`. Source: Amazon SNS Developer Guide, "Fanout
    Amazon SNS notifications to HTTPS endpoints".
    """

    esp_name = ESP_NAME
    settings_groups: ClassVar[tuple[type[Settings], ...]] = (WebhookSettings, AmazonSESSettings)
    #: Whether the request is proven to come from a topic of ours; :meth:`trusted_envelope` sets it.
    is_verified: bool = False

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Read the settings for Amazon SES, once for each request.

        :raises AnymailConfigurationError: one of them is wrong.
        """
        super().setup(request, *args, **kwargs)
        self.ses_settings: AmazonSESSettings = self.load_settings(AmazonSESSettings)

    def parse_events(self, request: HttpRequest) -> Sequence[Any]:
        """The events in what SNS posted; none when it only wants something confirmed.

        :raises AnymailWebhookValidationFailure: the message is not to be believed.
        :raises AnymailAPIError: something else does not work at present.
        """
        envelope = self.trusted_envelope(request)
        about = {"anymail_topic": envelope.topic}
        if envelope.type == SUBSCRIPTION_CONFIRMATION:
            self.auto_confirm_sns_subscription(envelope.fields)
            return []
        if envelope.type == UNSUBSCRIBE_CONFIRMATION:
            # What it asks to confirm would subscribe us again.
            logger.info("SNS ended the subscription to %s", envelope.topic, extra=about)
            return []
        notification = envelope.notification(is_verified=self.is_verified)
        if notification is None:
            logger.info("SES set up the SNS topic %s", envelope.topic, extra=about)
            return []
        return self.esp_to_anymail_events(notification.body, envelope.fields)

    def trusted_envelope(self, request: HttpRequest) -> SnsEnvelope:
        """The SNS message in a request, after everything that :func:`.trust.check` looks at.

        :raises AnymailWebhookValidationFailure: it is not to be believed.
        :raises AnymailAPIError: that cannot be told at present.
        """
        meta = request.META
        headers = {name: meta[key] for name, key in META_NAMES if key in meta}
        try:
            body = request.body
        except UnreadablePostError:
            raise AnymailWebhookValidationFailure("The request's body broke off.") from None
        except RawPostDataException:  # some middleware took it for an uploaded form
            raise AnymailWebhookValidationFailure("The request's body is a form.") from None
        envelope = SnsEnvelope.from_http(headers, body)
        if envelope.is_raw and not self.secrets:
            raise AnymailWebhookValidationFailure(
                f"The subscription to the SNS topic {envelope.topic} has raw message delivery on, "
                "so that nothing is signed. Turn it off, or protect the webhook with "
                'ANYMAIL["WEBHOOK_SECRET"].'
            )
        alias = self.ses_settings.sns_cert_cache
        trust.check(envelope, self.ses_settings, lambda url: fetch_certificate(url, alias))
        self.is_verified = not envelope.is_raw and trust.is_topic_proven(
            self.ses_settings, knows_secret=self.knows_secret(request)
        )
        return envelope

    def auto_confirm_sns_subscription(self, sns_message: Mapping[str, Any]) -> None:
        """Confirm a subscription, if the settings say so and the topic is surely ours.

        :param sns_message: the document that SNS sent; it passed :func:`.trust.check`.
        :raises AnymailWebhookValidationFailure: it was not confirmed.
        :raises AnymailAPIError: SNS could not do it.
        """
        topic, token = sns_message["TopicArn"], sns_message.get("Token")
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            raise AnymailWebhookValidationFailure("The SNS message has no valid Token.")
        if not self.ses_settings.auto_confirm_sns_subscriptions:
            raise _unconfirmed(
                topic, token, 'ANYMAIL["AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS"] is False.'
            )
        if not self.is_verified:
            raise _unconfirmed(
                topic,
                token,
                'Nothing proves that the topic is yours: set ANYMAIL["WEBHOOK_SECRET"], or '
                'ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] with signature checking on.',
            )
        try:
            aws.confirm_subscription(topic, token, self.ses_settings)
        except AnymailAPIError as err:
            if err.error_code in HOPELESS_CODES:
                raise _unconfirmed(topic, token, f"SNS answered {err.error_code}.") from err
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

    def warn_if_insecure(self) -> None:
        """Warn that anybody with an AWS account can post events, if so."""
        if not trust.is_topic_proven(self.ses_settings, knows_secret=False):
            super().warn_if_insecure()


class AmazonSESTrackingWebhookView(AmazonSESBaseWebhookView):
    """Receives what happens to sent messages: both SES's notifications and published events."""

    signal: ClassVar[Signal | None] = signals.tracking

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: Mapping[str, Any]
    ) -> Sequence[signals.AnymailTrackingEvent]:
        """The tracking events in a document of SES; see :func:`.receive.receive_tracking`."""
        notification = SesNotification.from_sns(
            ses_event, sns_message, is_verified=self.is_verified
        )
        return receive.receive_tracking(notification, self.ses_settings)


class AmazonSESInboundWebhookView(AmazonSESBaseWebhookView):
    """Receives mail: what SES's receipt rules publish, with the mail in it or in S3."""

    signal: ClassVar[Signal | None] = signals.inbound

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: Mapping[str, Any]
    ) -> Sequence[signals.AnymailInboundEvent]:
        """The event for a received mail; see :func:`.receive.receive_inbound`."""
        notification = SesNotification.from_sns(
            ses_event, sns_message, is_verified=self.is_verified
        )
        return receive.receive_inbound(notification, self.ses_settings)

    def dispatch_events(
        self, events: Iterable[signals.AnymailTrackingEvent | signals.AnymailInboundEvent]
    ) -> None:
        """Call the receivers; then the stored mail can be deleted.

        See :func:`.receive.finish_inbound`.

        :raises Exception: whatever a receiver raises; the mail stays.
        """
        events = list(events)
        super().dispatch_events(events)
        receive.finish_inbound(events, self.ses_settings)


def _unconfirmed(topic: str, token: str, reason: str) -> AnymailWebhookValidationFailure:
    about = {"anymail_topic": topic}
    logger.warning(
        "The subscription to the SNS topic %s was not confirmed. %s If it is yours, it can be "
        "confirmed by hand: the token is logged at DEBUG.",
        topic,
        reason,
        extra=about,
    )
    logger.debug("The token of the subscription to %s: %s", topic, token, extra=about)
    return AnymailWebhookValidationFailure(
        f"The subscription to the SNS topic {topic} was not confirmed. {reason}"
    )


def __getattr__(name: str) -> Any:
    # Applications' tests patch anymail.webhooks.amazon_ses.boto3.session.Session.
    if name in ("boto3", "AnymailBotoClientAPIError", "BOTO_BASE_ERRORS"):
        return getattr(aws, name)
    if name == "AnymailBotoClientSecurityError":
        # django-anymail 15.2 has a class of its own for what KMS refuses.
        return aws.AnymailBotoClientAPIError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
