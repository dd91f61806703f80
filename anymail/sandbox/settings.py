"""The settings with which a project uses the sandbox in place of Amazon, and the lines to paste."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import django
from django import conf

from .aws import defaults
from .aws.sns.signing_key import SigningKey, default_key_file

#: Settings of a project that would lead past the sandbox, or refuse its messages.
FORGOTTEN = (
    "AMAZON_SES_CLIENT_FACTORY",
    "AMAZON_SES_ROLE_ARN",
    "AMAZON_SES_ROLE_PARAMS",
    "AMAZON_SES_ENDPOINT_ID",
    "AMAZON_SES_SNS_CLIENT_PARAMS",
    "AMAZON_SES_S3_CLIENT_PARAMS",
    "AMAZON_SES_KMS_CLIENT_PARAMS",
    "AMAZON_SES_SQS_CLIENT_PARAMS",
    "AMAZON_SES_INBOUND_KMS_KEY_ID",
    "AMAZON_SES_SNS_CERT_HOST_REGEX",
)
#: The names of what the sandbox sets up.
SET_UP: dict[str, Any] = {
    "AMAZON_SES_CONFIGURATION_SET_NAME": defaults.CONFIGURATION_SET,
    "AMAZON_SES_SNS_TOPIC_ARNS": [defaults.EVENTS_TOPIC, defaults.INBOUND_TOPIC],
    "AMAZON_SES_QUEUES": [defaults.QUEUE],
    "AMAZON_SES_INBOUND_BUCKETS": [defaults.BUCKET],
}

#: What a project has at the end of its settings.
TEXT = """\
# For development only: the local Amazon SES of
# {command}
from anymail.sandbox.settings import sandboxed

{backend}ANYMAIL = sandboxed(globals().get("ANYMAIL", {{}}), {arguments})
"""
OUTBOX = "anymail.backends.outbox.EmailBackend"
BACKEND = 'EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"\n'
MAILERS = """\
MAILERS = {
    **globals().get("MAILERS", {}),
    "default": {"BACKEND": "anymail.backends.amazon_ses.EmailBackend"},
}
"""


def sandboxed(
    anymail: Mapping[str, Any],
    endpoint: str,
    key_file: str | Path | None = None,
    *,
    empty: bool = False,
) -> dict[str, Any]:
    """A project's ``ANYMAIL`` setting, changed to use the sandbox. For development only.

    :param anymail: the project's own; what has nothing to do with Amazon stays as it is.
    :param endpoint: the URL of the sandbox's AWS APIs.
    :param key_file: the sandbox's ``--key-file``, if it was started with one.
    :param empty: it was started with ``--empty``: the names of what the project set up stay, and
        the region where it is.
    :raises SandboxError: the sandbox's signing key can be neither read nor created.
    """
    key = SigningKey.load_or_create(Path(key_file) if key_file else default_key_file())
    own = anymail.get("WEBHOOK_SECRET") or []
    changed = anymail_settings(
        endpoint, certificates=key.certificates, secret=key.secret, empty=empty
    )
    region = (anymail.get("AMAZON_SES_CLIENT_PARAMS") or {}).get("region_name")
    if empty and region:
        changed["AMAZON_SES_CLIENT_PARAMS"]["region_name"] = region
    return {
        **anymail,
        **changed,
        # The sandbox sends the project's own if it knows it, and that of the key otherwise.
        "WEBHOOK_SECRET": [*([own] if isinstance(own, str) else own), key.secret],
    }


def anymail_settings(
    endpoint: str, *, certificates: Mapping[str, str], secret: str, empty: bool = False
) -> dict[str, Any]:
    """The ``ANYMAIL`` setting, with signature checks on.

    :param endpoint: the URL of the AWS APIs.
    :param certificates: those of the key that signs SNS messages: PEM by URL.
    :param secret: what SNS sends to the webhooks, ``user:password``.
    :param empty: nothing has been set up that settings could name.
    """
    return {
        "AMAZON_SES_SESSION_PARAMS": dict(defaults.CREDENTIALS),
        "AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": endpoint},
        **({} if empty else SET_UP),
        "AMAZON_SES_SNS_CERTIFICATES": dict(certificates),
        "WEBHOOK_SECRET": secret,
        **dict.fromkeys(FORGOTTEN),
    }


def backend_lines() -> str:
    """What has the project send with Amazon SES: nothing, if the outbox does it already."""
    settings: Any = conf.settings
    deprecated = getattr(conf, "DEPRECATED_EMAIL_SETTINGS", ())
    if django.VERSION < (6, 1) or any(map(settings.is_overridden, deprecated)):
        return "" if settings.EMAIL_BACKEND == OUTBOX else BACKEND
    default = (getattr(settings, "MAILERS", None) or {}).get("default", {})
    return "" if default.get("BACKEND") == OUTBOX else MAILERS


def settings_snippet(
    endpoint: str, *, command: str, backend: str, key_file: Path | None, empty: bool = False
) -> str:
    """The lines to paste.

    :param endpoint: the URL of the AWS APIs.
    :param command: what starts the sandbox.
    :param backend: the lines that choose the e-mail backend; see :func:`backend_lines`.
    :param key_file: where the signing key is kept, unless it is in the cache folder.
    :param empty: nothing has been set up that settings could name.
    """
    given = f", key_file={str(key_file.absolute())!r}" if key_file else ""
    given += ", empty=True" if empty else ""
    return TEXT.format(
        command=command,
        backend=backend,
        arguments=f'"{endpoint}"{given}',
    )
