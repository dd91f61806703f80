"""Checks that an SNS message really comes from SNS, and from a topic of ours.

Sources: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages"; the
partitions and DNS suffixes of botocore's endpoint data.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

from ..conf import AmazonSESSettings
from ..exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from .sns import NOTIFICATION, SUBSCRIPTION_CONFIRMATION, TOPIC_ARN, SnsEnvelope
from .timestamps import utc_now
from .x509 import Certificate, usable_certificate

#: The DNS suffix of SNS in each partition.
DNS_SUFFIXES = {
    "aws": "amazonaws.com",
    "aws-us-gov": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}
#: How far ahead of ours the clock of SNS may be.
CLOCK_SKEW = timedelta(minutes=5)

# The whole URL is matched, not taken apart: nothing is left for two parsers to disagree about.
_CERTIFICATE_URL = re.compile(
    r"https://([a-z0-9.-]{1,253})/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem"
)
_SUBSCRIBE_URL = re.compile(r"https://([a-z0-9.-]{1,253})/\?[!-~]*")


def check(
    envelope: SnsEnvelope,
    settings: AmazonSESSettings,
    fetch_certificate: Callable[[str], str],
    now: datetime | None = None,
) -> None:
    """Raise unless the envelope can be trusted.

    The cheap checks come first: nothing is fetched for a message that is refused anyway. Of raw
    message delivery only the topic can be checked, which proves nothing.

    :param settings: ``allow_raw_message_delivery``, ``sns_topic_arns``, ``sns_max_age``,
        ``verify_sns_signatures``, ``sns_certificates`` and ``sns_cert_host_regex`` count.
    :param fetch_certificate: returns the PEM text of the certificate at a URL, which was checked.
    :param now: instead of the present time.
    :raises AnymailWebhookValidationFailure: with the reason.
    :raises AnymailAPIError: the certificate cannot be fetched; let SNS repeat the message.
    :raises AnymailConfigurationError: a setting is not a valid regular expression or certificate.
    """
    now = now or utc_now()
    check_topic(envelope, settings)
    if envelope.is_raw:
        if not settings.allow_raw_message_delivery:
            raise raw_delivery_refused(envelope.topic)
        return
    check_age(envelope, settings, now)
    if settings.verify_sns_signatures:
        url = envelope.signing_cert_url
        known = settings.sns_certificates.get(url)
        if known is None:
            check_certificate_url(url, envelope.topic, settings)
        if envelope.type == SUBSCRIPTION_CONFIRMATION:
            check_subscribe_url(envelope.fields.get("SubscribeURL"), envelope.topic, settings)
        check_signature(envelope, usable_certificate(known or fetch_certificate(url), now))


def topic_is_ours(settings: AmazonSESSettings, *, knows_secret: bool) -> bool:
    """Whether a message that passed :func:`check` provably comes from a topic of ours.

    Any AWS account can have SNS sign messages, so a signature alone does not prove that.

    :param knows_secret: the request came with our shared secret.
    """
    return knows_secret or bool(settings.sns_topic_arns and settings.verify_sns_signatures)


def check_topic(envelope: SnsEnvelope, settings: AmazonSESSettings) -> None:
    """Raise unless the topic is on the allow-list, if there is one, and is an ARN.

    The form of the ARN is not checked for notifications if all checks are turned off, as in tests.

    :raises AnymailWebhookValidationFailure: it is not.
    """
    if not TOPIC_ARN.fullmatch(envelope.topic):
        if envelope.type != NOTIFICATION:
            raise AnymailWebhookValidationFailure("The SNS message has no valid TopicArn.")
        if proofs := _proofs_asked_for(settings):
            raise AnymailWebhookValidationFailure(
                "The SNS message has no valid TopicArn, which is needed because of "
                f"{' and '.join(proofs)}."
            )
    if settings.sns_topic_arns and envelope.topic not in settings.sns_topic_arns:
        raise AnymailWebhookValidationFailure(
            f'The SNS topic {envelope.topic} is not in ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"].'
        )


def _proofs_asked_for(settings: AmazonSESSettings) -> list[str]:
    asked = {
        "AMAZON_SES_VERIFY_SNS_SIGNATURES": settings.verify_sns_signatures,
        "AMAZON_SES_SNS_TOPIC_ARNS": settings.sns_topic_arns,
        "AMAZON_SES_SNS_MAX_AGE": settings.sns_max_age is not None,
    }
    return [f'ANYMAIL["{name}"]' for name, is_asked in asked.items() if is_asked]


def raw_delivery_refused(topic: str) -> AnymailWebhookValidationFailure:
    """The error for a message by raw message delivery where that is not allowed.

    :param topic: the topic's ARN.
    """
    return AnymailWebhookValidationFailure(
        f"The subscription to the SNS topic {topic} has raw message delivery on, so nothing is "
        "signed. Turn raw message delivery off in SNS. If you cannot, set "
        'ANYMAIL["AMAZON_SES_ALLOW_RAW_MESSAGE_DELIVERY"] to True, and ANYMAIL["WEBHOOK_SECRET"].'
    )


def check_age(envelope: SnsEnvelope, settings: AmazonSESSettings, now: datetime) -> None:
    """Raise if the envelope is too old, or from the future.

    :param now: aware.
    :raises AnymailWebhookValidationFailure: it is, or it has no valid time.
    """
    if settings.sns_max_age is None:
        return
    if envelope.timestamp is None:
        raise AnymailWebhookValidationFailure(
            "The SNS message has no valid Timestamp, which is needed because of "
            'ANYMAIL["AMAZON_SES_SNS_MAX_AGE"].'
        )
    age = now - envelope.timestamp
    if age.total_seconds() > settings.sns_max_age:
        raise AnymailWebhookValidationFailure(
            'The SNS message is older than ANYMAIL["AMAZON_SES_SNS_MAX_AGE"] allows.'
        )
    if -age > CLOCK_SKEW:
        raise AnymailWebhookValidationFailure("The SNS message is dated in the future.")


def check_certificate_url(url: str, topic: str, settings: AmazonSESSettings) -> None:
    """Raise unless the URL is that of a certificate of SNS in the topic's region.

    The sender can write any URL into an envelope: it is not signed.

    :param url: as the sender gives it.
    :param topic: the topic's ARN.
    :raises AnymailWebhookValidationFailure: it is not.
    """
    if len(url) > 512 or not _is_certificate_url(url, topic, settings.sns_cert_host_regex):
        raise AnymailWebhookValidationFailure(
            "The SigningCertURL of the SNS message is not that of SNS in the topic's region."
        )


def check_subscribe_url(url: object, topic: str, settings: AmazonSESSettings) -> None:
    """Raise if a request to confirm a subscription links to another host than that of SNS.

    The link is never followed, but SNS does not send such requests.

    :param url: as the sender gives it.
    :param topic: the topic's ARN.
    :raises AnymailWebhookValidationFailure: it does.
    """
    match = _SUBSCRIBE_URL.fullmatch(str(url))
    if match is None or not _is_sns_host(match[1], topic, settings.sns_cert_host_regex):
        raise AnymailWebhookValidationFailure(
            "The SubscribeURL of the SNS message is not that of SNS in the topic's region."
        )


def check_signature(envelope: SnsEnvelope, certificate: Certificate) -> None:
    """Raise unless the envelope's signature is that of the certificate's key.

    :raises AnymailWebhookValidationFailure: it is not.
    """
    text = envelope.string_to_sign()
    version = envelope.fields.get("SignatureVersion")
    if not isinstance(version, str) or version not in certificate.verifiers:
        raise AnymailWebhookValidationFailure("The SNS message has no known SignatureVersion.")
    try:
        signature = a2b_base64(envelope.fields.get("Signature", ""))
    except (TypeError, ValueError):
        raise AnymailWebhookValidationFailure("The SNS message has no valid Signature.") from None
    certificate.verifiers[version](signature, text)


@lru_cache(maxsize=64)
def _is_certificate_url(url: str, topic: str, host_regex: str | None) -> bool:
    match = _CERTIFICATE_URL.fullmatch(url)
    return match is not None and _is_sns_host(match[1], topic, host_regex)


def _is_sns_host(host: str, topic: str, host_regex: str | None) -> bool:
    if host_regex is None:
        _, partition, _, region, *_ = topic.split(":")
        suffix = DNS_SUFFIXES.get(partition)
        return suffix is not None and host == f"sns.{region}.{suffix}"
    try:
        return re.fullmatch(host_regex, host) is not None
    except re.error as err:
        raise AnymailConfigurationError(
            f'ANYMAIL["AMAZON_SES_SNS_CERT_HOST_REGEX"] is not a valid regular expression: {err}'
        ) from err
