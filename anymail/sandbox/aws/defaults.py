"""The Amazon account that the sandbox starts with."""

from __future__ import annotations

from typing import Any

from .faults import DEFAULT_RATE

#: The account that moto puts everybody in whose access key it does not know.
ACCOUNT = "123456789012"
REGION = "us-east-1"
#: What boto3 signs requests with; everything is accepted.
CREDENTIALS = {
    "aws_access_key_id": "sandbox",
    "aws_secret_access_key": "sandbox",
    "region_name": REGION,
}
EVENTS_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:ses-events"
INBOUND_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:ses-inbound"
#: Gets what is published to both topics.
QUEUE = "ses-events"
DEAD_LETTER_QUEUE = "ses-events-dead"
CONFIGURATION_SET = "sandbox"
BUCKET = "sandbox-inbox"
#: The domain that receives mail, unless others are named.
DOMAIN = "tea.example"
RULE_SET = "sandbox"


def new_account() -> dict[str, Any]:
    """What ``GetAccount`` says of it: outside of SES's own sandbox, and in good standing."""
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "Details": {
            "MailType": "TRANSACTIONAL",
            "WebsiteURL": "https://tea.example",
            "ContactLanguage": "EN",
            "ReviewDetails": {"Status": "GRANTED"},
        },
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": True,
        "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": DEFAULT_RATE},
        "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
    }
