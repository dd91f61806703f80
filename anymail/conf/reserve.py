"""The type of ``OUTBOX_RESERVE``: what bulk messages leave for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..exceptions import AnymailConfigurationError
from .values import wrong_number, wrong_type

#: What a message's priority can be.
LOWEST, HIGHEST = -100, 100


@dataclass(frozen=True, kw_only=True)
class Reserve:
    """What bulk messages, those of a low priority, never take.

    :param min_priority: messages of at least this priority may take everything.
    :param rate: a share of the send rate.
    :param daily: a share of the day's quota.
    """

    min_priority: int = 0
    rate: float = 0.0
    daily: float = 0.0

    def is_for(self, priority: int) -> bool:
        """Whether a message may use the reserve."""
        return priority >= self.min_priority


#: There is no bulk.
NO_RESERVE = Reserve(min_priority=LOWEST)
NAMES: tuple[str, ...] = tuple(field.name for field in fields(Reserve))


def reserve(value: Any, where: str) -> Reserve:
    """A dict with values for :class:`Reserve`, or None for no reserve."""
    if isinstance(value, Reserve):
        return value
    if value is None:
        return NO_RESERVE
    if not isinstance(value, Mapping):
        raise wrong_type(where, "a dict or None", value)
    if unknown := [name for name in value if name not in NAMES]:
        raise AnymailConfigurationError(
            f"{where} has {unknown[0]!r}, which is not one of {list(NAMES)}."
        )
    return Reserve(
        min_priority=_priority(value.get("min_priority", 0), f'{where}["min_priority"]'),
        rate=_share(value.get("rate", 0), f'{where}["rate"]'),
        daily=_share(value.get("daily", 0), f'{where}["daily"]'),
    )


def _priority(value: Any, where: str) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and LOWEST <= value <= HIGHEST:
        return int(value)
    raise wrong_number(where, f"a whole number from {LOWEST} to {HIGHEST}", value)


def _share(value: Any, where: str) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and 0 <= value < 1:
        return float(value)
    raise wrong_number(where, "a share from 0 to less than 1, such as 0.2", value)
