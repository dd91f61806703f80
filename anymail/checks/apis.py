"""System checks of what needs the v2 API. :mod:`anymail.checks` registers them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.core import checks

from .. import conf
from .mailers import Mailer, our_mailers

#: Attributes in ``SEND_DEFAULTS`` that the v1 API does not have.
V2_DEFAULTS = ("merge_track_clicks", "merge_track_opens", "tenant", "track_clicks", "track_opens")


def check_v1_api(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E107: a setting that the v1 API does not have, so that every message fails."""
    return [
        checks.Error(
            f"{where} sends with the v1 API of Amazon SES, which does not support {name}.",
            hint='Set ANYMAIL["AMAZON_SES_API_VERSION"] = 2, or use the backend '
            '"anymail.backends.amazon_sesv2.EmailBackend".',
            id="anymail.E107",
        )
        for where, backend in _amazon_ses_backends()
        if backend.api.SERVICE == "ses" and not backend.ignore_unsupported_features
        for name in _names_for_v2(backend)
    ]


def check_awscrt(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E108: a multi-region endpoint without the package that signs requests to it."""
    if find_spec("awscrt"):
        return []
    return [
        checks.Error(
            f"{where} has AMAZON_SES_ENDPOINT_ID, and the package awscrt is not installed.",
            hint='python -m pip install "botocore[crt]"',
            id="anymail.E108",
        )
        for where, backend in _amazon_ses_backends()
        if backend.settings.endpoint_id and backend.api.SERVICE == "sesv2"
    ]


def _amazon_ses_backends() -> Iterator[tuple[str, Any]]:
    """Every mailer's backend that sends with Amazon SES, with the setting that names it."""
    from ..backends.amazon_ses import EmailBackend  # checks are imported by every process

    if conf.type_problems():
        return  # E101 reports them
    for mailer in our_mailers():
        backend = _constructed(mailer)
        if isinstance(backend, EmailBackend):
            yield mailer.where, backend


def _constructed(mailer: Mailer) -> Any:
    try:
        return mailer.construct()
    except Exception:  # E102 reports it
        return None


def _names_for_v2(backend: Any) -> list[str]:
    settings = [
        f"AMAZON_SES_{name.upper()}"
        for name in ("tenant", "endpoint_id")
        if getattr(backend.settings, name)
    ]
    defaults = [name for name in V2_DEFAULTS if backend.send_defaults.get(name) is not None]
    return settings + [f"{name} in SEND_DEFAULTS" for name in defaults]
