"""Lanes: messages that fail together when SES refuses their sender."""

from __future__ import annotations

from typing import Any

from ..database.columns import truncate
from ..outgoing import OutgoingMessage
from .models import NAME_LENGTH


def lane_of(message: OutgoingMessage, settings: Any) -> str:
    """The identity, the configuration set and the tenant of a message, as one text.

    The identity is the domain of From: that is what most people verify, and SES lets every address
    of it send (Amazon SES Developer Guide, "Verified identities").

    :param message: with its tenant.
    :param settings: of the backend that will send it; None if it does not send through Amazon SES.
    :return: for example ``"example.com"``, or ``"example.com, configuration set news, tenant a"``.
    """
    extra = message.esp_extra or {}
    configuration_set = extra.get(
        "ConfigurationSetName", getattr(settings, "configuration_set_name", None)
    )
    tenant = extra.get("TenantName", message.tenant)
    parts = [
        message.from_emails[0].domain.lower(),
        *([f"configuration set {configuration_set}"] if configuration_set else []),
        *([f"tenant {tenant}"] if tenant else []),
    ]
    return truncate(", ".join(parts), NAME_LENGTH)
