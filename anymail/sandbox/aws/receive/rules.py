"""Choose the actions of the receipt rules for a mail.

Source: Amazon SES Developer Guide, "How Amazon SES receives email": rules in order, for the
recipients that they name, until one stops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ... import SandboxError
from ..moto_state import ReceiptRule


@dataclass(frozen=True, kw_only=True)
class RuleAction:
    """An action of a receipt rule.

    :param recipients: those that the rule is for.
    :param kind: ``"S3Action"``, ``"SNSAction"``, ….
    """

    rule: ReceiptRule
    recipients: Sequence[str]
    kind: str
    params: Mapping[str, Any]


def actions_for(
    rules: Sequence[ReceiptRule], recipients: Sequence[str], name: str | None = None
) -> list[RuleAction]:
    """The actions for a mail, in order.

    :param rules: the enabled rules of the active rule set.
    :param name: of the only rule to use.
    :raises SandboxError: no rule takes the mail.
    """
    found = []
    for rule in rules:
        matching = [address for address in recipients if rule.takes(address)]
        if not matching or name not in (None, rule.name):
            continue
        for kind, params in chain.from_iterable(action.items() for action in rule.actions):
            found.append(RuleAction(rule=rule, recipients=matching, kind=kind, params=params or {}))
            if kind == "StopAction":
                return found
    if not found:
        which = "no enabled rule" if name is None else f"no enabled rule {name!r}"
        raise SandboxError(
            f"SES does not take this mail: its active receipt rule set has {which} with an action "
            f"for {', '.join(recipients)}."
        )
    return found
