"""Settings of packages that this one replaces, and their replacements."""

from __future__ import annotations

from collections.abc import Iterator

from .. import conf
from .mailers import configured_mailers
from .unknown_settings import REPLACEMENTS, SERVICE_PREFIX

#: Package -> its settings, apart from those of django-bouncy that are still read.
#: Source: the "Full List of Settings" in the READMEs of django-ses and django-amazon-ses.
SETTINGS: dict[str, tuple[str, ...]] = {
    "django-ses": (
        "AWS_SES_ACCESS_KEY_ID",
        "AWS_SES_SECRET_ACCESS_KEY",
        "AWS_SES_SESSION_TOKEN",
        "AWS_SESSION_PROFILE",
        "AWS_SES_REGION_NAME",
        "AWS_SES_REGION_ENDPOINT",
        "AWS_SES_REGION_ENDPOINT_URL",
        "AWS_SES_CONFIG",
        "AWS_SES_PROXY",
        "AWS_SES_PROXY_PORT",
        "AWS_SES_PROXY_USER",
        "AWS_SES_PROXY_PASS",
        "AWS_SES_AUTO_THROTTLE",
        "AWS_SES_CONFIGURATION_SET",
        "AWS_SES_FROM_EMAIL",
        "AWS_SES_RETURN_PATH",
        "AWS_SES_SOURCE_ARN",
        "AWS_SES_FROM_ARN",
        "AWS_SES_RETURN_PATH_ARN",
        "AWS_SES_GLOBAL_ENDPOINT_ID",
        "USE_SES_V2",
        "AWS_SES_VERIFY_EVENT_SIGNATURES",
        "AWS_SES_VERIFY_BOUNCE_SIGNATURES",
        "AWS_SNS_EVENT_TRUSTED_TOPIC_ARNS",
        "AWS_SNS_EVENT_CERT_TRUSTED_DOMAINS",
        "AWS_SNS_BOUNCE_CERT_TRUSTED_DOMAINS",
        "AWS_SES_USE_BLACKLIST",
        "AWS_SES_ADD_BOUNCE_TO_BLACKLIST",
        "AWS_SES_ADD_COMPLAINT_TO_BLACKLIST",
        "AWS_SES_INBOUND_HANDLER",
        "AWS_SES_INBOUND_ACCESS_KEY_ID",
        "AWS_SES_INBOUND_SECRET_ACCESS_KEY",
        "AWS_SES_INBOUND_SESSION_TOKEN",
        "DKIM_DOMAIN",
        "DKIM_PRIVATE_KEY",
        "DKIM_SELECTOR",
        "DKIM_HEADERS",
    ),
    "django-amazon-ses": ("AWS_SES_TAGS",),
    "django-bouncy": ("BOUNCY_SUBSCRIBE_DOMAIN_REGEX",),
}
#: Where their backends are. As long as one is configured, its settings are in use.
BACKENDS = {"django-ses": "django_ses.", "django-amazon-ses": "django_amazon_ses."}


def leftover_settings() -> Iterator[tuple[str, str, str]]:
    """Find settings of other packages that nothing reads any more.

    :return: the name, the package and the hint for each.
    """
    paths = [str(mailer.path) for mailer in configured_mailers()]
    if any(path.startswith(tuple(BACKENDS.values())) for path in paths):
        return
    for package, names in SETTINGS.items():
        for name in names:
            value = conf.django_setting(name, conf.UNSET)
            if value is not conf.UNSET:
                yield name, package, _instead(name, value)


def _instead(name: str, value: object) -> str:
    if name != "AWS_SES_CONFIGURATION_SET":
        bare = SERVICE_PREFIX.sub("", name)
        return REPLACEMENTS.get(bare, f"Use AMAZON_SES_{bare} in ANYMAIL, with the same value.")
    if callable(value):
        return (
            "Call it in a receiver of pre_send, which sets "
            'message.esp_extra = {"ConfigurationSetName": ...}.'
        )
    return "Use AMAZON_SES_CONFIGURATION_SET_NAME."
