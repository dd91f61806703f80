"""The SNS and SES documents in tests/payloads, and the time that they belong to."""

from __future__ import annotations

import json
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from unittest import TestCase, mock

from django.test import override_settings

from anymail.exceptions import AnymailInsecureWebhookWarning

PAYLOADS = Path(__file__).parent / "payloads"
NOW = datetime(2025, 3, 4, 5, 6, 10, tzinfo=timezone.utc)
EVENTS_TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
INBOUND_TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-inbound"
CERTIFICATE_URL = (
    "https://sns.us-east-1.amazonaws.com/"
    "SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
)
TRACKING_URL = "/anymail/amazon_ses/tracking/"
INBOUND_URL = "/anymail/amazon_ses/inbound/"


def read_json(name: str) -> Any:
    return json.loads(read_text(name))


def read_text(name: str) -> str:
    return (PAYLOADS / name).read_text(encoding="utf-8")


def certificate(name: str = "valid") -> str:
    return read_text(f"sns/cert-{name}.pem")


def freeze_time(now: datetime = NOW) -> Any:
    """Make it the time at which the samples arrived."""
    return mock.patch("anymail.amazon_ses.trust.utc_now", return_value=now)


def fetch_sample(pem: str | None = None) -> Any:
    """Answer every fetch of a certificate with that of the samples."""
    return mock.patch(
        "anymail.webhooks.amazon_ses.fetch_certificate", return_value=pem or certificate()
    )


def ignore_insecure_webhooks(test: TestCase) -> None:
    """No warnings for the rest of a test that has neither a secret nor an allow-list."""
    catcher = warnings.catch_warnings()
    catcher.__enter__()
    test.addCleanup(catcher.__exit__, None, None, None)
    warnings.simplefilter("ignore", AnymailInsecureWebhookWarning)


def anymail_settings(**changes: Any) -> override_settings:
    """``ANYMAIL`` with the samples' topics allowed."""
    return override_settings(
        ANYMAIL={"AMAZON_SES_SNS_TOPIC_ARNS": [EVENTS_TOPIC, INBOUND_TOPIC], **changes}
    )
