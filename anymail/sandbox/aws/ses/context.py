"""What the operations of SES work with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..api import ApiRequest
from ..defaults import new_account

if TYPE_CHECKING:
    from ..events.publish import Publisher
    from ..faults import Faults
    from ..identities import Identities
    from ..sns.local_sns import LocalSns
    from ..suppression import SuppressionLists
    from .templates import Template


#: As ``GetTenant`` has it, and the ARNs of what it may use, ``Resources``.
Tenant = dict[str, Any]
#: As ``GetConfigurationSet`` has it.
ConfigurationSet = dict[str, Any]
#: As ``GetExportJob`` has it, without the URL.
ExportJob = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SesContext:
    """Everything that SES knows and uses, by region, or by region and name.

    :param accounts: as ``GetAccount`` has them.
    :param recommendations: as ``ListRecommendations`` has them, in every region.
    :param sent: counts recipients.
    """

    publisher: Publisher
    sns: LocalSns
    faults: Faults
    identities: Identities
    suppression: SuppressionLists
    accounts: defaultdict[str, dict[str, Any]] = field(
        default_factory=lambda: defaultdict(new_account)
    )
    configuration_sets: dict[tuple[str, str], ConfigurationSet] = field(default_factory=dict)
    export_jobs: dict[tuple[str, str], ExportJob] = field(default_factory=dict)
    recommendations: list[Mapping[str, Any]] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    templates: dict[tuple[str, str], Template] = field(default_factory=dict)
    tenants: dict[tuple[str, str], Tenant] = field(default_factory=dict)


Result = Mapping[str, Any]
#: An operation raises ``ApiError`` or ``SesError``, or returns its result as boto3 does; None
#: leaves it to moto.
Operation = Callable[[SesContext, ApiRequest], Result | None]
