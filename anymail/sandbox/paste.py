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
# For development only, below your own ANYMAIL and EMAIL_BACKEND: the local SES of
# "manage.py anymail_sandbox".
EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
"""
HEAD_MAILERS = """\
# For development only, below your own ANYMAIL and MAILERS: the local SES of
# "manage.py anymail_sandbox".
MAILERS = {"default": {"BACKEND": "anymail.backends.amazon_ses.EmailBackend"}}
"""


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
    }


def uses_mailers() -> bool:
    """Whether ``MAILERS`` names a project's backends, which excludes settings of former times."""
    settings: Any = conf.settings
    former = getattr(conf, "DEPRECATED_EMAIL_SETTINGS", ())
    return django.VERSION >= (6, 1) and not any(map(settings.is_overridden, former))


def settings_text(anymail: Mapping[str, Any], *, mailers: bool) -> str:
    """The same as Python, to paste into a settings module.

    :param mailers: with ``MAILERS`` (Django 6.1) in place of ``EMAIL_BACKEND``.
    """
    lines = []
    for name, value in anymail.items():
        if name == "AMAZON_SES_SNS_CERTIFICATES":
            text = "".join(f'"{url}": """\\\n{pem}""",\n' for url, pem in value.items())
            lines.append(f'    "{name}": {{\n{indent(text, "", lambda _: True)}    }},\n')
        else:
            # Strings, lists and dicts look alike in Python.
            text = json.dumps(value, indent=4, ensure_ascii=False)
            lines.append(f'    "{name}": {indent(text, "    ").lstrip()},\n')
    head = HEAD_MAILERS if mailers else HEAD
    return f"{head}ANYMAIL = {{\n{''.join(lines)}}}\n"
