"""What needs which IAM actions, on which resources: one table, and the policies made from it.

Source: Service Authorization Reference, the pages of the services.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..policies import Policy, Statement, document
from . import application, doctor, setup
from .row import Holder, Permission
from .usage import Usage, arns

TABLE: tuple[Permission, ...] = (*application.ROWS, *doctor.ROWS, *setup.ROWS)


def rows(holder: Holder) -> list[Permission]:
    """Every permission that somebody can need."""
    return [row for row in TABLE if row.holder is holder]


def needed(usage: Usage, holder: Holder = Holder.APPLICATION) -> list[Permission]:
    """The permissions that are needed for what a project uses, or may use."""
    return [row for row in rows(holder) if row.is_needed(usage) is not False]


def minimal_policy(usage: Usage, holder: Holder = Holder.APPLICATION) -> Policy:
    """The policy that allows what a project uses, or may use, and nothing else."""
    return policy_for(needed(usage, holder), usage)


def full_policy(usage: Usage, holder: Holder = Holder.APPLICATION) -> Policy:
    """The policy that allows everything that this package can do."""
    return policy_for(rows(holder), usage)


def policy_for(permissions: Iterable[Permission], usage: Usage) -> Policy:
    """The policy that gives permissions, for the resources that a project uses."""
    by_sid: dict[str, list[Permission]] = {}
    for row in permissions:
        by_sid.setdefault(row.sid, []).append(row)
    return document(*(_statement(sid, group, usage) for sid, group in by_sid.items()))


def resources_of(row: Permission, usage: Usage) -> list[str]:
    """The ARNs, or patterns of ARNs, on which a permission is needed.

    The doctor and the set-up look at whatever there is.
    """
    used = usage.without_names() if row.holder in (Holder.DOCTOR, Holder.SETUP) else usage
    return [arn for resource in row.resources for arn in arns(resource, used)]


def _statement(sid: str, group: list[Permission], usage: Usage) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": _one_or_all(action for row in group for action in row.actions),
        "Resource": _one_or_all(arn for row in group for arn in resources_of(row, usage)),
    }


def _one_or_all(values: Iterable[str]) -> str | list[str]:
    found = list(dict.fromkeys(values))
    return found[0] if len(found) == 1 else found
