"""The tenant that a message is sent for.

Source: Amazon SES API v2 Reference, "CreateTenant".
"""

from __future__ import annotations

import re
from typing import Any

from django.core.mail import EmailMessage

from ..conf import AmazonSESSettings
from ..conf.values import TENANT_NAME, import_tenant
from ..outgoing import OutgoingMessage, unsupported
from . import ESP_NAME


def default_tenant(message: EmailMessage, settings: AmazonSESSettings) -> Any:
    """The tenant of ``AMAZON_SES_TENANT`` for a message without one.

    :param message: a Django message, for the function in the setting.
    :return: what the function returns, or the name; not checked.
    :raises AnymailConfigurationError: the function cannot be imported.
    :raises Exception: what the function raises.
    """
    choice: Any = settings.tenant
    if isinstance(choice, str):
        choice = import_tenant(choice, 'ANYMAIL["AMAZON_SES_TENANT"]')
    return choice(message) if callable(choice) else choice


def tenant_params(message: OutgoingMessage) -> dict[str, str]:
    """The parameter for the tenant, if there is one.

    :raises AnymailUnsupportedFeature: SES allows no such name.
    """
    if message.tenant is None:
        return {}
    if not re.fullmatch(TENANT_NAME, message.tenant):
        raise unsupported(
            f"the tenant {message.tenant[:80]!r}: a name is made of 1 to 64 ASCII letters, digits, "
            "'_' and '-'",
            ESP_NAME,
        )
    return {"TenantName": message.tenant}
