"""The tenant that a message is sent for.

Source: Amazon SES API v2 Reference, "CreateTenant".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.mail import EmailMessage

from ..conf import UNSET, AmazonSESSettings
from ..conf.aws_values import TENANT_NAME, import_tenant
from ..outgoing import OutgoingMessage, unsupported
from . import ESP_NAME


def with_tenant(
    defaults: Mapping[str, Any], message: EmailMessage, settings: AmazonSESSettings
) -> Mapping[str, Any]:
    """Default attributes of a message, with the tenant of ``AMAZON_SES_TENANT`` if neither they nor
    the message have one.

    :param defaults: attribute name to value: ``SEND_DEFAULTS``.
    :param message: a Django message, for the function in the setting.
    :param settings: ``tenant`` counts.
    :return: the tenant in it is what the function returns, or the name; not checked.
    :raises AnymailConfigurationError: the function cannot be imported.
    :raises Exception: what the function raises.
    """
    if "tenant" in defaults or getattr(message, "tenant", UNSET) is not UNSET:
        return defaults
    choice: Any = settings.tenant
    if isinstance(choice, str):
        choice = import_tenant(choice, 'ANYMAIL["AMAZON_SES_TENANT"]')
    return {**defaults, "tenant": choice(message) if callable(choice) else choice}


def tenant_params(message: OutgoingMessage) -> dict[str, str]:
    """The parameter for the tenant, if there is one. ``esp_extra`` wins.

    :raises AnymailUnsupportedFeature: SES allows no such name.
    """
    name = (message.esp_extra or {}).get("TenantName", message.tenant)
    if isinstance(name, str) and not re.fullmatch(TENANT_NAME, name):
        raise unsupported(
            f"the tenant {name[:80]!r}: a name is made of 1 to 64 ASCII letters, digits, "
            "'_' and '-'",
            ESP_NAME,
        )
    return {} if name is None else {"TenantName": name}
