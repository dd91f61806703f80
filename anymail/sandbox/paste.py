"""The settings with which a project uses the sandbox in place of Amazon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from textwrap import indent
from typing import Any

import django
from django import conf

from .amazon.defaults import BUCKET, CONFIGURATION_SET, CREDENTIALS, EVENTS_TOPIC, INBOUND_TOPIC

HEAD = """\
# For development only, below your own ANYMAIL and {setting}: the local SES that this starts,
# and that tells the webhooks of your site what becomes of messages:
# python manage.py anymail_sandbox --site http://127.0.0.1:8000
"""
BACKEND = """\
EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
"""
MAILERS = """\
MAILERS = {
    **globals().get("MAILERS", {}),
    "default": {"BACKEND": "anymail.backends.amazon_ses.EmailBackend"},
}
"""
#: What a project may have set, and would lead past the sandbox, or refuse what comes from it.
FORGOTTEN = (
    "AMAZON_SES_CLIENT_FACTORY",
    "AMAZON_SES_SNS_CLIENT_PARAMS",
    "AMAZON_SES_S3_CLIENT_PARAMS",
    "AMAZON_SES_KMS_CLIENT_PARAMS",
    "AMAZON_SES_INBOUND_KMS_KEY_ID",
    "AMAZON_SES_SNS_CERT_HOST_REGEX",
)


def anymail_settings(
    endpoint: str, *, certificates: Mapping[str, str], secret: str
) -> dict[str, Any]:
    """The ``ANYMAIL`` setting: signatures are checked; topics and bucket are known.

    :param endpoint: the URL of the Amazon side.
    :param certificates: what SNS signs with, PEM by URL.
    :param secret: what SNS shows to the webhooks, ``user:password``.
    """
    return {
        "AMAZON_SES_SESSION_PARAMS": dict(CREDENTIALS),
        "AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": endpoint},
        "AMAZON_SES_CONFIGURATION_SET_NAME": CONFIGURATION_SET,
        "AMAZON_SES_SNS_TOPIC_ARNS": [EVENTS_TOPIC, INBOUND_TOPIC],
        "AMAZON_SES_INBOUND_BUCKETS": [BUCKET],
        "AMAZON_SES_SNS_CERTIFICATES": dict(certificates),
        "WEBHOOK_SECRET": secret,
        **dict.fromkeys(FORGOTTEN),
    }


def uses_mailers() -> bool:
    """Whether ``MAILERS`` names a project's backends, which excludes settings of former times."""
    settings: Any = conf.settings
    former = getattr(conf, "DEPRECATED_EMAIL_SETTINGS", ())
    return django.VERSION >= (6, 1) and not any(map(settings.is_overridden, former))


def settings_text(anymail: Mapping[str, Any], *, mailers: bool) -> str:
    """The same as Python, to paste into a settings module below what it has already.

    :param mailers: with ``MAILERS`` (Django 6.1) in place of ``EMAIL_BACKEND``.
    """
    lines = "".join(f'    "{name}": {_literal(value)},\n' for name, value in anymail.items())
    head = HEAD.format(setting="MAILERS" if mailers else "EMAIL_BACKEND")
    backend = MAILERS if mailers else BACKEND
    return f'{head}{backend}ANYMAIL = {{\n    **globals().get("ANYMAIL", {{}}),\n{lines}}}\n'


def _literal(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, Mapping) and any("\n" in str(text) for text in value.values()):
        texts = "".join(f'"{name}": """\\\n{text}""",\n' for name, text in value.items())
        return f"{{\n{texts}    }}"
    # Strings, lists and dicts look alike in Python.
    return indent(json.dumps(value, indent=4, ensure_ascii=False), "    ").lstrip()
