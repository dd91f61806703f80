"""Settings as an application has them: no overrides in between."""

from tests.settings import *  # noqa: F403

ANYMAIL = {
    "AMAZON_SES_CLIENT_PARAMS": {"region_name": "us-east-1"},
    "AMAZON_SES_CONFIGURATION_SET_NAME": "tracking",
    "AMAZON_SES_SNS_TOPIC_ARNS": ["arn:aws:sns:us-east-1:123456789012:ses-events"],
    "AMAZON_SES_SNS_MAX_AGE": 7200,
}
