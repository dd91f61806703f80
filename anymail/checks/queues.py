"""System checks of the queues. :mod:`anymail.checks` registers them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning

from ..amazon_ses.sqs import check_name
from ..conf import AmazonSESSettings
from ..exceptions import AnymailConfigurationError


def check_queue_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E122: what cannot be a queue of SES. W123: signatures that prove little."""
    try:
        settings = AmazonSESSettings.load()
    except AnymailConfigurationError:
        return []  # another check reports it
    return [*_name_problems(settings), *_trust_problems(settings)]


def _name_problems(settings: AmazonSESSettings) -> Iterator[CheckMessage]:
    for name in settings.queues:
        try:
            check_name(name)
        except AnymailConfigurationError as err:
            yield Error(
                f'ANYMAIL["AMAZON_SES_QUEUES"] cannot be used: {err}',
                hint="Name a standard queue: ses-events, or "
                "https://sqs.us-east-1.amazonaws.com/123456789012/ses-events.",
                id="anymail.E122",
            )


def _trust_problems(settings: AmazonSESSettings) -> Iterator[CheckMessage]:
    if settings.queue_trust == "signature" and not settings.sns_topic_arns:
        yield Warning(
            'ANYMAIL["AMAZON_SES_QUEUE_TRUST"] is "signature", which proves little without a list '
            "of topics: any AWS account can have SNS sign messages.",
            hint='Set ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] to the ARNs of your topics.',
            id="anymail.W123",
        )
