"""Which actions of the receipt rules are for a mail.

Source: Amazon SES Developer Guide, "How Amazon SES receives email": rules in their order, for the
recipients that they name, until one stops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import SandboxError
from ..ses.state import ReceiptRule


@dataclass(frozen=True, kw_only=True)
class Step:
    """An action of a receipt rule.

    :param recipients: those that the rule is for.
    :param kind: ``"S3Action"``, ``"SNSAction"``, ….
    """

    rule: ReceiptRule
    recipients: Sequence[str]
    kind: str
    params: Mapping[str, Any]


def plan(
    rules: Sequence[ReceiptRule], recipients: Sequence[str], name: str | None = None
) -> list[Step]:
    """The actions for a mail, in their order.

    :param rules: the enabled rules of the active rule set.
    :param name: of the only rule to use.
    :raises SandboxError: no rule takes the mail.
    """
    steps = []
    for rule in rules:
        matching = [address for address in recipients if rule.takes(address)]
        if not matching or name not in (None, rule.name):
            continue
        for action in rule.actions:
            for kind, params in action.items():
                step = Step(rule=rule, recipients=matching, kind=kind, params=params or {})
                steps.append(step)
                if kind == "StopAction":
                    return steps
    if not steps:
        which = "no enabled rule" if name is None else f"no enabled rule {name!r}"
        raise SandboxError(
            f"SES does not take this mail: its active receipt rule set has {which} with an action "
            f"for {', '.join(recipients)}."
        )
    return steps
