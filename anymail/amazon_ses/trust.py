"""May we believe this SNS message? Raise if not.

Sources: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages"; RFC 8017
section 8.2 (the signature scheme); the partitions and DNS suffixes of botocore's endpoint data.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from ..conf import AmazonSESSettings
from ..exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from .sns import NOTIFICATION, SUBSCRIPTION_CONFIRMATION, TOPIC_ARN, SnsEnvelope

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

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


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What we need of a signing certificate.

    :param verifiers: for each SignatureVersion, a function that takes signature and text, and
        raises :exc:`~anymail.exceptions.AnymailWebhookValidationFailure`.
    :param not_before: the start of its validity.
    :param not_after: the end of it.
    """

    verifiers: Mapping[str, Callable[[bytes, bytes], None]]
    not_before: datetime
    not_after: datetime


def check(
    envelope: SnsEnvelope,
    settings: AmazonSESSettings,
    fetch_certificate: Callable[[str], str],
    now: datetime | None = None,
) -> None:
    """Raise unless the envelope is to be believed.

    The cheap checks come first: nothing is fetched for a message that is refused anyway. What
    raw message delivery brings cannot be checked, apart from its topic: it proves nothing.

    :param settings: ``allow_raw_message_delivery``, ``sns_topic_arns``, ``sns_max_age``,
        ``verify_sns_signatures``, ``sns_certificates`` and ``sns_cert_host_regex`` count.
    :param fetch_certificate: the PEM text of the certificate at a URL, which is checked before.
    :param now: the time to compare with, if not the present one.
    :raises AnymailWebhookValidationFailure: with the reason.
    :raises AnymailAPIError: the certificate cannot be had; let SNS repeat the message.
    :raises AnymailConfigurationError: a setting is not a regular expression, or not a certificate.
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


def is_topic_proven(settings: AmazonSESSettings, *, knows_secret: bool) -> bool:
    """Whether a message that passed :func:`check` is surely of a topic of ours.

    Every AWS account can have SNS sign messages, so a signature alone does not prove that.

    :param knows_secret: the request came with our shared secret.
    """
    return knows_secret or bool(settings.sns_topic_arns and settings.verify_sns_signatures)


def check_topic(envelope: SnsEnvelope, settings: AmazonSESSettings) -> None:
    """Raise unless the topic is on the allow-list, if there is one, and is an ARN.

    Messages that people write in their tests have anything there, or nothing: that will do for a
    notification where no setting asks for a proof anyway.

    :raises AnymailWebhookValidationFailure: it is not.
    """
    is_lax = envelope.type == NOTIFICATION and not (
        settings.verify_sns_signatures
        or settings.sns_topic_arns
        or settings.sns_max_age is not None
    )
    if not is_lax and not TOPIC_ARN.fullmatch(envelope.topic):
        raise AnymailWebhookValidationFailure("The SNS message has no valid TopicArn.")
    if settings.sns_topic_arns and envelope.topic not in settings.sns_topic_arns:
        raise AnymailWebhookValidationFailure(
            f'The SNS topic {envelope.topic} is not in ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"].'
        )


def raw_delivery_refused(topic: str) -> AnymailWebhookValidationFailure:
    """The error for a message that came by raw message delivery, and must not.

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
    :raises AnymailWebhookValidationFailure: it is, or has no time.
    """
    if settings.sns_max_age is None:
        return
    if envelope.timestamp is None:
        raise AnymailWebhookValidationFailure("The SNS message has no valid Timestamp.")
    age = now - envelope.timestamp
    if age.total_seconds() > settings.sns_max_age:
        raise AnymailWebhookValidationFailure(
            'The SNS message is older than ANYMAIL["AMAZON_SES_SNS_MAX_AGE"] allows.'
        )
    if -age > CLOCK_SKEW:
        raise AnymailWebhookValidationFailure("The SNS message is dated in the future.")


def check_certificate_url(url: str, topic: str, settings: AmazonSESSettings) -> None:
    """Raise unless the certificate is where SNS keeps that of the topic's region.

    Everybody can write any URL into an envelope; it is not signed.

    :param url: in the words of the sender.
    :param topic: the topic's ARN.
    :raises AnymailWebhookValidationFailure: it is not.
    """
    if len(url) > 512 or not _is_certificate_url(url, topic, settings.sns_cert_host_regex):
        raise AnymailWebhookValidationFailure(
            "The SigningCertURL of the SNS message is not that of SNS in the topic's region."
        )


def check_subscribe_url(url: object, topic: str, settings: AmazonSESSettings) -> None:
    """Raise if a request to confirm a subscription links to another host than that of SNS.

    The link is never followed; but SNS does not write such requests.

    :param url: in the words of the sender.
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


def usable_certificate(pem: str, now: datetime) -> Certificate:
    """The certificate in a PEM text.

    :param now: aware.
    :raises AnymailConfigurationError: it is none, so a setting is wrong: what is fetched was
        looked at before.
    :raises AnymailWebhookValidationFailure: it is not valid at this time.
    """
    try:
        certificate = load_certificate(pem)
    except (AttributeError, TypeError, ValueError) as err:
        raise AnymailConfigurationError(
            f'A value in ANYMAIL["AMAZON_SES_SNS_CERTIFICATES"] is not a certificate: {err}'
        ) from err
    if not certificate.not_before <= now <= certificate.not_after:
        raise AnymailWebhookValidationFailure(
            "The SNS signing certificate is not valid now (expired, or our clock is wrong)."
        )
    return certificate


@lru_cache(maxsize=64)
def load_certificate(pem: str) -> Certificate:
    """Parse a PEM text; the result is kept.

    :raises ValueError: it is not exactly one X.509 certificate of an RSA key.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    found = x509.load_pem_x509_certificates(pem.encode("ascii", "replace"))
    if len(found) != 1:
        raise ValueError(f"exactly one certificate is needed, and there are {len(found)}")
    public_key = found[0].public_key()
    if not isinstance(public_key, RSAPublicKey):
        raise ValueError("it is not of an RSA key")
    return Certificate(
        verifiers={version: _verifier(public_key, version) for version in signature_schemes()},
        not_before=found[0].not_valid_before_utc,
        not_after=found[0].not_valid_after_utc,
    )


def signature_schemes() -> dict[str, tuple[AsymmetricPadding, HashAlgorithm]]:
    """SignatureVersion to the padding (RFC 8017 section 8.2) and the hash that it stands for."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    return {"1": (PKCS1v15(), hashes.SHA1()), "2": (PKCS1v15(), hashes.SHA256())}  # noqa: S303


def _verifier(public_key: RSAPublicKey, version: str) -> Callable[[bytes, bytes], None]:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    padding, algorithm = signature_schemes()[version]

    def verify(signature: bytes, text: bytes) -> None:
        try:
            public_key.verify(signature, text, padding, algorithm)
        except InvalidSignature:
            raise AnymailWebhookValidationFailure("The SNS signature is wrong.") from None
        except UnsupportedAlgorithm as err:
            raise AnymailWebhookValidationFailure(
                f"This system cannot check SNS signatures of version {version} (is SHA-1 "
                "disabled?). Set the attribute SignatureVersion of the SNS topic to 2."
            ) from err

    return verify


def utc_now() -> datetime:
    """The present time."""
    return datetime.now(timezone.utc)


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
            f'ANYMAIL["AMAZON_SES_SNS_CERT_HOST_REGEX"] is not a regular expression: {err}'
        ) from err
