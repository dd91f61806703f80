"""Every operation of SES that is implemented here; moto has the others."""

from __future__ import annotations

from . import account, configuration_sets, identities, sending, templates
from .context import Operations

#: By service and name.
OPERATIONS: Operations = {
    **account.OPERATIONS,
    **configuration_sets.OPERATIONS,
    **identities.OPERATIONS,
    **sending.OPERATIONS,
    **templates.OPERATIONS,
}
SEND_OPERATIONS = frozenset(sending.OPERATIONS)
