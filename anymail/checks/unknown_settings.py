"""Unknown settings in ``ANYMAIL``, and hints for them."""

from __future__ import annotations

import re
from difflib import get_close_matches

from ..conf import AmazonSESSettings, anymail_dict, known_names

#: How similar a name must be to be suggested (difflib's ratio).
CUTOFF = 0.8
#: Prefixes of settings, in this package and in others.
SERVICE_PREFIX = re.compile(r"^(AMAZON_SES|AWS_SES|AWS_SNS|AWS|SES)_")
#: Prefixes of django-anymail's settings for other services.
OTHER_SERVICES = (
    "BREVO_",
    "MAILERSEND_",
    "MAILGUN_",
    "MAILJET_",
    "MAILTRAP_",
    "MANDRILL_",
    "POSTAL_",
    "POSTMARK_",
    "RESEND_",
    "SCALEWAY_",
    "SENDGRID_",
    "SENDINBLUE_",
    "SPARKPOST_",
    "UNISENDER_GO_",
)
#: Settings of other packages and versions, without prefix -> the parameter of boto3's client.
CLIENT_PARAMETERS = {
    "ACCESS_KEY": "aws_access_key_id",
    "ACCESS_KEY_ID": "aws_access_key_id",
    "SECRET_KEY": "aws_secret_access_key",
    "SECRET_ACCESS_KEY": "aws_secret_access_key",
    "SESSION_TOKEN": "aws_session_token",
    "REGION": "region_name",
    "REGION_NAME": "region_name",
    "DEFAULT_REGION": "region_name",
    "ENDPOINT_URL": "endpoint_url",
    "REGION_ENDPOINT_URL": "endpoint_url",
    "CONFIG": "config",
}
#: The hint for the blacklist of django-ses.
BLACKLIST = (
    'Add "anymail.feedback" to INSTALLED_APPS, and run manage.py migrate and '
    "anymail_import_django_ses: until then, people on the blacklist get mail."
)
#: Settings of other packages and versions, without prefix -> the hint.
REPLACEMENTS = {
    **{
        name: f'Use "AMAZON_SES_CLIENT_PARAMS": {{"{parameter}": ...}}.'
        for name, parameter in CLIENT_PARAMETERS.items()
    },
    **{
        f"INBOUND_{name}": f'Use "AMAZON_SES_S3_CLIENT_PARAMS": {{"{parameter}": ...}}.'
        for name, parameter in CLIENT_PARAMETERS.items()
        if parameter.startswith("aws_")
    },
    "TIMEOUT": 'Use "AMAZON_SES_CLIENT_PARAMS": {"config": {"read_timeout": 30}}.',
    "REGION_ENDPOINT": 'Use "AMAZON_SES_CLIENT_PARAMS": {"region_name": ...}: boto3 knows the '
    'host. Another host is a URL there: {"endpoint_url": "https://..."}.',
    **dict.fromkeys(
        ("PROXY", "PROXY_PORT", "PROXY_USER", "PROXY_PASS"),
        'Use "AMAZON_SES_CLIENT_PARAMS": {"config": {"proxies": {"https": "http://..."}}}.',
    ),
    **dict.fromkeys(
        ("PROFILE", "PROFILE_NAME", "SESSION_PROFILE"),
        'Use "AMAZON_SES_SESSION_PARAMS": {"profile_name": ...}.',
    ),
    "GLOBAL_ENDPOINT_ID": 'Use AMAZON_SES_ENDPOINT_ID, with "AMAZON_SES_API_VERSION": 2.',
    "TAGS": 'Use "SEND_DEFAULTS": {"esp_extra": {"Tags": [...]}}; the v2 API calls them '
    '"EmailTags".',
    "FROM_EMAIL": "Set DEFAULT_FROM_EMAIL, a setting of Django; for the envelope sender alone use "
    '"SEND_DEFAULTS": {"envelope_sender": ...}.',
    "AUTO_THROTTLE": "Remove it: throttled calls are repeated, see AMAZON_SES_THROTTLE_TIMEOUT; "
    "AMAZON_SES_MAX_SEND_RATE keeps below a rate.",
    "DOWNLOAD_CHUNK_SIZE": "Remove it: received mail is read while it is downloaded.",
    "EVENT_TRUSTED_TOPIC_ARNS": "Use AMAZON_SES_SNS_TOPIC_ARNS.",
    **dict.fromkeys(
        ("VERIFY_EVENT_SIGNATURES", "VERIFY_BOUNCE_SIGNATURES"),
        "Use AMAZON_SES_VERIFY_SNS_SIGNATURES, which is True by default.",
    ),
    **dict.fromkeys(
        ("EVENT_CERT_TRUSTED_DOMAINS", "BOUNCE_CERT_TRUSTED_DOMAINS"),
        "Remove it; for a partition with unusual host names use AMAZON_SES_SNS_CERT_HOST_REGEX.",
    ),
    "BOUNCY_SUBSCRIBE_DOMAIN_REGEX": "Remove it: subscriptions are confirmed by calling SNS, not "
    "the URL in the message.",
    "USE_BLACKLIST": f'Use "FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"]. {BLACKLIST}',
    "ADD_BOUNCE_TO_BLACKLIST": f'Use "FEEDBACK_SUPPRESS": ["hard_bounce"]. {BLACKLIST}',
    "ADD_COMPLAINT_TO_BLACKLIST": f'Use "FEEDBACK_SUPPRESS": ["complaint"]. {BLACKLIST}',
    "INBOUND_HANDLER": "Connect a receiver to anymail.signals.inbound.",
    "USE_SES_V2": 'Use "AMAZON_SES_API_VERSION": 2, or name '
    '"anymail.backends.amazon_sesv2.EmailBackend".',
    **dict.fromkeys(
        ("DKIM_DOMAIN", "DKIM_PRIVATE_KEY", "DKIM_SELECTOR", "DKIM_HEADERS"),
        "Remove it, and have Amazon SES sign: Easy DKIM, or your own key (BYODKIM).",
    ),
}


def unknown_names() -> dict[str, str | None]:
    """The unknown keys of ``ANYMAIL``, each with the name that was probably meant.

    :raises AnymailConfigurationError: ``ANYMAIL`` is not a dict.
    """
    known = known_names()
    return {str(name): _meant(str(name)) for name in anymail_dict() if name not in known}


def is_of_another_service(name: str) -> bool:
    """Whether a setting is one of django-anymail's for another service, by its prefix."""
    return name.upper().startswith(OTHER_SERVICES) or name.upper() == "REQUESTS_TIMEOUT"


def _meant(name: str) -> str | None:
    prefix, known = AmazonSESSettings.PREFIX, known_names()
    written = re.sub(r"^(AWS_)?SES_", prefix, name.upper())
    bare = written.removeprefix(prefix)
    same = [other for other in (written, bare, prefix + bare) if other in known]
    close = get_close_matches(written, known, n=1, cutoff=CUTOFF)
    return next(iter(same + close), None)


def hint_for(name: str, meant: str | None) -> str:
    """The hint for an unknown setting.

    :param meant: the name that was probably meant, or None.
    """
    if instead := REPLACEMENTS.get(SERVICE_PREFIX.sub("", name.upper())):
        return instead
    if meant:
        return f"Did you mean {meant}?"
    return (
        "Remove it: the settings page of the documentation lists every setting. One of your own "
        f"can be ANYMAIL_{name.upper()}, next to the dict, or stay when SILENCED_SYSTEM_CHECKS has "
        '"anymail.W100".'
    )
