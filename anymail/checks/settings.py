"""System checks of names and types of settings. :mod:`anymail.checks` registers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core import checks

from .. import conf
from ..conf import aws_values, values
from ..conf.reserve import reserve
from ..exceptions import AnymailConfigurationError
from .leftover_settings import leftover_settings
from .unknown_settings import hint_for, is_of_another_service, unknown_names

#: The type of a setting -> code that converts an environment variable to its type.
CONVERSIONS: dict[Callable[[Any, str], Any] | None, str] = {
    values.boolean: 'os.environ["..."].lower() == "true"',
    values.strings: 'os.environ["..."].split(",")',
    aws_values.tag_names: 'os.environ["..."].split(",")',
    values.suppress_reasons: 'os.environ["..."].split(",")',
    values.outbox_events: 'os.environ["..."].split(",")',
    reserve: 'json.loads(os.environ["..."])',
    values.dictionary: 'json.loads(os.environ["..."])',
    aws_values.role_params: 'json.loads(os.environ["..."])',
    values.optional_dictionary: 'json.loads(os.environ["..."])',
    values.seconds: 'float(os.environ["..."])',
    values.positive_seconds: 'float(os.environ["..."])',
    values.optional_seconds: 'float(os.environ["..."])',
    values.optional_share: 'float(os.environ["..."])',
    aws_values.send_rate: 'float(os.environ["..."])',
    values.byte_count: 'int(os.environ["..."])',
    values.positive_int: 'int(os.environ["..."])',
    aws_values.api_version: 'int(os.environ["..."])',
}


def check_deprecated_settings(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E001: ``WEBHOOK_AUTHORIZATION``, which was renamed long ago."""
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


def check_insecure_settings(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W002: ``DEBUG_API_REQUESTS`` outside of ``DEBUG``."""
    try:
        on = conf.get_anymail_setting("debug_api_requests", default=False)
    except AnymailConfigurationError:
        return []  # E101 reports it
    if not on or conf.django_setting("DEBUG"):
        return []
    return [
        checks.Warning(
            "You have enabled the ANYMAIL setting DEBUG_API_REQUESTS, which has no effect with "
            "Amazon SES.",
            hint='Remove "DEBUG_API_REQUESTS" from ANYMAIL. boto3.set_stream_logger("botocore") '
            "prints every request, with the messages in it: it should not be on in production.",
            id="anymail.W002",
        )
    ]


def check_unknown_settings(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W100: an unknown setting in ``ANYMAIL``."""
    return [
        checks.Warning(
            f'Unknown setting ANYMAIL["{name}"].',
            hint=hint_for(name, meant),
            id="anymail.W100",
        )
        for name, meant in _unknown_names().items()
        if name != "WEBHOOK_AUTHORIZATION" and not is_of_another_service(name)
    ]


def check_settings_of_other_services(
    app_configs: Any = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """I100: settings in ``ANYMAIL`` for other services of django-anymail, all in one message."""
    names = [name for name in _unknown_names() if is_of_another_service(name)]
    if not names:
        return []
    return [
        checks.Info(
            f"ANYMAIL has settings that Amazon SES does not use: {', '.join(names)}.",
            hint="They do no harm, and can be removed once nothing else reads them.",
            id="anymail.I100",
        )
    ]


def check_leftover_settings(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W115: settings of packages that this one replaces, which have no effect here."""
    return [
        checks.Warning(
            f"The setting {name} of {package} has no effect.", hint=hint, id="anymail.W115"
        )
        for name, package, hint in leftover_settings()
    ]


def check_setting_types(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E101: a setting has the wrong type."""
    return [
        checks.Error(problem, hint=_hint_type(clean), id="anymail.E101")
        for problem, clean in conf.type_problems().items()
    ]


def check_feedback_app(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E105: ``FEEDBACK_SUPPRESS`` without the app ``anymail.feedback``."""
    if conf.type_problems() or apps.is_installed("anymail.feedback"):
        return []  # E101 reports wrong types
    if not conf.FeedbackSettings.load().feedback_suppress:
        return []
    return [
        checks.Error(
            'ANYMAIL["FEEDBACK_SUPPRESS"] has no effect: the app "anymail.feedback" is not '
            "installed.",
            hint='Add "anymail.feedback" to INSTALLED_APPS and run manage.py migrate, or remove '
            "the setting.",
            id="anymail.E105",
        )
    ]


def check_feedback_sync(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W140: ``FEEDBACK_SUPPRESS_SYNC`` without ``FEEDBACK_SUPPRESS``."""
    if conf.type_problems():
        return []  # E101 reports it
    settings = conf.FeedbackSettings.load()
    if settings.feedback_suppress or settings.feedback_suppress_sync is None:
        return []
    return [
        checks.Warning(
            'ANYMAIL["FEEDBACK_SUPPRESS_SYNC"] has no effect on sending: '
            'ANYMAIL["FEEDBACK_SUPPRESS"] is empty.',
            hint='Set "FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"].',
            id="anymail.W140",
        )
    ]


def _unknown_names() -> dict[str, str | None]:
    try:
        return unknown_names()
    except AnymailConfigurationError:
        return {}  # E101 reports it


def _hint_type(clean: Callable[[Any, str], Any] | None) -> str:
    example = CONVERSIONS.get(clean)
    if example is None:
        return "Set it to a value of that type."
    return (
        "Give it such a value. What comes from the environment is a string: convert it, for "
        f"example by {example}."
    )
