"""System checks. Each id keeps its meaning for ever; docs/troubleshooting lists them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from django.apps.config import AppConfig
from django.core import checks, mail
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from . import conf
from .exceptions import AnymailConfigurationError

Apps = Sequence[AppConfig] | None


def register() -> None:
    """Register every check of this package; called when the app is ready."""
    for check in (
        check_deprecated_settings,
        check_unknown_settings,
        check_setting_types,
        check_mailers,
        check_rate_limit_cache,
        check_other_distribution,
    ):
        checks.register(check, "mail")
    checks.register(check_insecure_settings, checks.Tags.security)
    checks.register(check_webhooks, checks.Tags.security)
    checks.register(check_webhook_deployment, checks.Tags.security, deploy=True)


def check_deprecated_settings(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E001: ``WEBHOOK_AUTHORIZATION``, which has another name since long."""
    try:
        if not conf.has_setting("WEBHOOK_AUTHORIZATION"):
            return []
    except AnymailConfigurationError:
        return []  # E101 reports it
    return [
        checks.Error(
            "The ANYMAIL setting WEBHOOK_AUTHORIZATION has been renamed to WEBHOOK_SECRET.",
            hint='Rename it: ANYMAIL = {"WEBHOOK_SECRET": "user:password", ...}.',
            id="anymail.E001",
        )
    ]


def check_insecure_settings(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W002: ``DEBUG_API_REQUESTS`` outside of ``DEBUG``."""
    try:
        on = conf.get_anymail_setting("debug_api_requests", default=False)
    except AnymailConfigurationError:
        return []  # E101 reports it
    if not on or conf.django_setting("DEBUG"):
        return []
    return [
        checks.Warning(
            "You have enabled the ANYMAIL setting DEBUG_API_REQUESTS, which can leak API keys and "
            "other sensitive data into logs or the console.",
            hint='Remove "DEBUG_API_REQUESTS" from ANYMAIL: it should not be on in production.',
            id="anymail.W002",
        )
    ]


def check_webhooks(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E110 to E114, W113: see :mod:`.webhooks.checks`."""
    from .webhooks import checks as webhook_checks

    return webhook_checks.check_webhook_settings()


def check_webhook_deployment(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W110 to W112: see :mod:`.webhooks.checks`."""
    from .webhooks import checks as webhook_checks

    return webhook_checks.check_webhook_deployment()


def check_unknown_settings(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W100: a key in ``ANYMAIL`` that no setting has."""
    try:
        unknown = conf.unknown_names()
    except AnymailConfigurationError:
        return []  # E101 reports it
    return [
        checks.Warning(
            f'Unknown setting ANYMAIL["{name}"].',
            hint=(
                f"Did you mean {meant}?"
                if meant
                else "Remove it: the settings page of the documentation lists every setting."
            ),
            id="anymail.W100",
        )
        for name, meant in unknown.items()
        if name != "WEBHOOK_AUTHORIZATION"
    ]


def check_setting_types(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E101: a setting has the wrong type."""
    return [
        checks.Error(
            problem,
            hint=(
                "Give it such a value. What comes from the environment is a string: convert it, "
                'for example by int(os.environ["..."]).'
            ),
            id="anymail.E101",
        )
        for problem in conf.type_problems()
    ]


def check_mailers(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E102: an e-mail backend of ours that cannot be constructed as it is configured."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Error(
            f"{where} cannot be used: {problem}",
            hint=(
                "OPTIONS takes the settings of this package in lower case and without the prefix "
                "AMAZON_SES_, for example client_params or configuration_set_name."
            ),
            id="anymail.E102",
        )
        for where, problem in _broken_mailers()
    ]


def check_rate_limit_cache(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E103: without the cache that is named, each process would keep to the rate by itself."""
    try:
        alias = conf.AmazonSESSettings.load().rate_limit_cache
    except AnymailConfigurationError:
        return []  # E101 reports it
    if alias is None or alias in caches:
        return []
    return [
        checks.Error(
            f'ANYMAIL["AMAZON_SES_RATE_LIMIT_CACHE"] is {alias!r}, and CACHES has no such cache.',
            hint=f"Name one that it has: {', '.join(map(repr, caches))}.",
            id="anymail.E103",
        )
    ]


def check_other_distribution(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E100: django-anymail is installed too, and overwrites files of this package."""
    try:
        distribution("django-anymail")
    except PackageNotFoundError:
        return []
    return [
        checks.Error(
            "django-anymail and django-anymail-ses are both installed: both own the package "
            "'anymail', and overwrite each other's files.",
            hint=(
                "python -m pip uninstall django-anymail && "
                "python -m pip install --force-reinstall --no-deps django-anymail-ses"
            ),
            id="anymail.E100",
        )
    ]


def _broken_mailers() -> list[tuple[str, str]]:
    broken = []
    for where, path, construct in _configured_backends():
        if not _is_ours(path):
            continue
        try:
            construct()
        except (ImproperlyConfigured, ImportError, TypeError) as err:
            broken.append((where, str(err)))
    return broken


def _configured_backends() -> list[tuple[str, str, Any]]:
    """Where each backend is configured, its dotted path, and a function that constructs it."""
    mailers: Any = getattr(mail, "mailers", None)  # from Django 6.1 on
    configured = conf.django_setting("MAILERS")
    if mailers is not None and configured is not None:
        return [
            (f"MAILERS[{alias!r}]", options.get("BACKEND", ""), lambda a=alias: mailers[a])
            for alias, options in configured.items()
            if isinstance(options, dict)  # else Django complains
        ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from Django 6.1 reading it is deprecated
        path = conf.django_setting("EMAIL_BACKEND")
    return [("EMAIL_BACKEND", path, lambda: import_string(path)())]


def _is_ours(path: str) -> bool:
    from .backends.base import AnymailBaseBackend

    try:
        backend: type[BaseEmailBackend] = import_string(path)
    except ImportError:
        return path.startswith("anymail.")
    return isinstance(backend, type) and issubclass(backend, AnymailBaseBackend)
