"""Every operation of SES that is answered here; the others are moto's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import (
    account,
    configuration_sets,
    event_destinations,
    identity_notifications,
    sending,
    sending_v2,
    template_operations,
)

if TYPE_CHECKING:
    from .desk import Operation

#: Those that send.
SEND_OPERATIONS: Mapping[tuple[str, str], Operation] = {
    **sending.OPERATIONS,
    **sending_v2.OPERATIONS,
}
#: By service and name.
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    **account.OPERATIONS,
    **configuration_sets.OPERATIONS,
    **event_destinations.OPERATIONS,
    **identity_notifications.OPERATIONS,
    **template_operations.OPERATIONS,
    **SEND_OPERATIONS,
}
