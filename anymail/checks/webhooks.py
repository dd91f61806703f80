"""System checks of the settings of webhooks. :mod:`anymail.checks` registers them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.core.cache import caches
from django.core.checks import CheckMessage, Error, Warning

from .. import conf
from ..amazon_ses.sns import TOPIC_ARN
from ..amazon_ses.x509 import load_certificate
from ..conf import AmazonSESSettings, WebhookSettings
from ..exceptions import AnymailConfigurationError


def check_webhook_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E112 to E114, W113, W118 and W119: values of settings that are wrong.

    What makes a webhook refuse every request is a warning, and does not stop ``migrate``: the
    site may well do without webhooks.
    """
    try:
        secrets = WebhookSettings.load().webhook_secret
        settings = AmazonSESSettings.load()
    except AnymailConfigurationError:
        return []  # another check reports it
    return [
        *_secret_problems(secrets),
        *_topic_problems(settings),
        *_certificate_problems(settings),
        *_cache_problems(settings),
        *_borrowed_settings(),
    ]


def _secret_problems(secrets: tuple[str, ...]) -> Iterator[CheckMessage]:
    if any(":" not in secret for secret in secrets):
        yield Warning(
            'ANYMAIL["WEBHOOK_SECRET"] has no colon, so the webhooks refuse every request.',
            hint='It must be "some-user:some-password", or a list of such strings.',
            id="anymail.W118",
        )


def _topic_problems(settings: AmazonSESSettings) -> Iterator[CheckMessage]:
    for topic in settings.sns_topic_arns:
        if not TOPIC_ARN.fullmatch(topic):
            yield Warning(
                f'{topic!r} in ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] is not the ARN of an SNS '
                "topic, so nothing can match it.",
                hint="It must look like arn:aws:sns:us-east-1:123456789012:name, without "
                "wildcards.",
                id="anymail.W119",
            )


def _certificate_problems(settings: AmazonSESSettings) -> Iterator[CheckMessage]:
    try:
        re.compile(settings.sns_cert_host_regex or "")
    except re.error as err:
        yield Error(
            f'ANYMAIL["AMAZON_SES_SNS_CERT_HOST_REGEX"] is not a valid regular expression: {err}.',
            hint='Remove "AMAZON_SES_SNS_CERT_HOST_REGEX" from ANYMAIL, unless your region has '
            "unusual host names.",
            id="anymail.E112",
        )
    for url, pem in settings.sns_certificates.items():
        try:
            load_certificate(pem)
        except (AttributeError, TypeError, ValueError) as err:
            yield Error(
                f'ANYMAIL["AMAZON_SES_SNS_CERTIFICATES"][{url!r}] is not a valid certificate: '
                f"{err}.",
                hint="Each value must be the text of one PEM file: "
                '{"https://sns...pem": Path("sns.pem").read_text()}.',
                id="anymail.E113",
            )


def _cache_problems(settings: AmazonSESSettings) -> Iterator[CheckMessage]:
    if settings.sns_cert_cache not in caches:
        yield Error(
            f'ANYMAIL["AMAZON_SES_SNS_CERT_CACHE"] is {settings.sns_cert_cache!r}, and CACHES has '
            "no such cache.",
            hint=f"Name one that it has: {', '.join(map(repr, caches))}.",
            id="anymail.E114",
        )


def _borrowed_settings() -> Iterator[CheckMessage]:
    for old, new in conf.fallbacks_in_use().items():
        yield Warning(
            f"The setting {old} of django-bouncy is used.",
            hint=f'Rename it to ANYMAIL["{new}"].',
            id="anymail.W113",
        )
