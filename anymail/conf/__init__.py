"""The settings. Nothing else reads ``django.conf``."""

from .base import Settings, SomeSettings, setting
from .current import CurrentSettings, current_settings
from .groups import (
    FLAT_NAMES,
    GROUPS,
    AmazonSESSettings,
    FeedbackSettings,
    OutboxSettings,
    SendDefaults,
    SendSettings,
    WebhookSettings,
    fallbacks_in_use,
    known_names,
    type_problems,
)
from .lookup import UNSET, anymail_dict, django_setting, get_anymail_setting, has_setting
from .reserve import NO_RESERVE, Reserve

__all__ = [
    "FLAT_NAMES",
    "GROUPS",
    "NO_RESERVE",
    "UNSET",
    "AmazonSESSettings",
    "CurrentSettings",
    "FeedbackSettings",
    "OutboxSettings",
    "Reserve",
    "SendDefaults",
    "SendSettings",
    "Settings",
    "SomeSettings",
    "WebhookSettings",
    "anymail_dict",
    "current_settings",
    "django_setting",
    "fallbacks_in_use",
    "get_anymail_setting",
    "has_setting",
    "known_names",
    "setting",
    "type_problems",
]
