"""The lines to put at the end of a project's settings, so that it uses the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django
from django import conf

TEXT = """\
# For development only: the local Amazon SES of
# {command}
from anymail.sandbox.settings import sandboxed

{backend}ANYMAIL = sandboxed(globals().get("ANYMAIL", {{}}), {arguments})
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


def uses_mailers() -> bool:
    """Whether the project may set ``MAILERS``, which excludes the deprecated settings."""
    settings: Any = conf.settings
    deprecated = getattr(conf, "DEPRECATED_EMAIL_SETTINGS", ())
    return django.VERSION >= (6, 1) and not any(map(settings.is_overridden, deprecated))


def settings_snippet(endpoint: str, *, command: str, mailers: bool, key_file: Path | None) -> str:
    """The lines to paste.

    :param endpoint: the URL of the AWS APIs.
    :param command: what starts the sandbox.
    :param mailers: with ``MAILERS`` (Django 6.1) instead of ``EMAIL_BACKEND``.
    :param key_file: where the signing key is kept, unless it is in the cache folder.
    """
    given = f", key_file={str(key_file.absolute())!r}" if key_file else ""
    return TEXT.format(
        command=command,
        backend=MAILERS if mailers else BACKEND,
        arguments=f'"{endpoint}"{given}',
    )
