"""What the operations of SES work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..api import ApiRequest
from .account import Account
from .templates import Templates

if TYPE_CHECKING:
    from ..events.publish import Publisher
    from ..events.subscribers import Subscribers
    from ..sns.local_sns import LocalSns
    from ..switches import Switches


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Everything that SES knows and uses."""

    publisher: Publisher
    sns: LocalSns
    switches: Switches
    account: Account = field(default_factory=Account)
    templates: Templates = field(default_factory=Templates)

    @property
    def subscribers(self) -> Subscribers:
        """Where events are published."""
        return self.publisher.subscribers


#: An operation raises ``ApiError`` or ``Refused``, or gives its result as boto3 does; None leaves
#: it to moto.
Operation = Callable[[Desk, ApiRequest], Mapping[str, Any] | None]
