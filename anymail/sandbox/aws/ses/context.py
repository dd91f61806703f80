"""What the operations of SES work with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..api import ApiRequest

if TYPE_CHECKING:
    from ..events.publish import Publisher
    from ..faults import Faults
    from ..sns.local_sns import LocalSns
    from .templates import Template


#: As ``GetTenant`` has it, and the ARNs of what it may use, ``Resources``.
Tenant = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SesContext:
    """Everything that SES knows and uses; ``sent`` counts recipients by region."""

    publisher: Publisher
    sns: LocalSns
    faults: Faults
    sent: Counter[str] = field(default_factory=Counter)
    templates: dict[tuple[str, str], Template] = field(default_factory=dict)
    tenants: dict[tuple[str, str], Tenant] = field(default_factory=dict)


Result = Mapping[str, Any]
#: An operation raises ``ApiError`` or ``SesError``, or returns its result as boto3 does; None
#: leaves it to moto.
Operation = Callable[[SesContext, ApiRequest], Result | None]
