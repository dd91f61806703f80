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

    :param entries: by region and address in lower case, as ``GetSuppressedDestination`` has them.
    """

    entries: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def add(self, region: str, address: str, reason: str, **attributes: str) -> None:
        """:param reason: ``"BOUNCE"`` or ``"COMPLAINT"``."""
        self.entries[region, address.lower()] = {
            "EmailAddress": address,
            "Reason": reason,
            "LastUpdateTime": now(),
            "Attributes": attributes,
        }

    def suppressed(
        self, region: str, addresses: Iterable[str], reasons: Collection[str]
    ) -> list[str]:
        """The addresses that are on the list for one of these reasons."""
        found = {address: self.entries.get((region, address.lower())) for address in addresses}
        return [address for address, one in found.items() if one and one["Reason"] in reasons]
