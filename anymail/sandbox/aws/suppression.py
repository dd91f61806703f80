"""The suppression lists of the account, one in each region.

Source: Amazon SES Developer Guide, "Using the Amazon SES account-level suppression list".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..journal import now


@dataclass(kw_only=True)
class SuppressionLists:
    """Addresses to which SES does not send.

    :param entries: by region and :func:`spelling`, as ``GetSuppressedDestination`` has them.
    """

    entries: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def add(self, region: str, address: str, reason: str, **attributes: str) -> None:
        """:param reason: ``"BOUNCE"`` or ``"COMPLAINT"``."""
        self.entries[region, spelling(address)] = {
            "EmailAddress": spelling(address),
            "Reason": reason,
            "LastUpdateTime": now(),
            "Attributes": attributes,
        }

    def suppressed(
        self, region: str, addresses: Iterable[str], reasons: Collection[str]
    ) -> list[str]:
        """The addresses that are on the list for one of these reasons, in any spelling."""
        found = {
            listed.lower()
            for (where, listed), entry in self.entries.copy().items()
            if where == region and entry["Reason"] in reasons
        }
        return [address for address in dict.fromkeys(addresses) if address.lower() in found]


def spelling(address: str) -> str:
    """An address as SES keeps it: upper and lower case before the ``@`` are different there."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"
