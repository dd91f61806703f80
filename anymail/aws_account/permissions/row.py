"""A permission: which IAM actions something needs, on which resources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ..actions import actions_of
from .usage import Resource, Usage


class Holder(Enum):
    """Who needs a permission."""

    #: The application; its role if ``AMAZON_SES_ROLE_ARN`` is set.
    APPLICATION = "application"
    #: The application's own credentials, if that is set.
    CALLER = "caller"
    #: Who runs ``anymail_doctor``.
    DOCTOR = "doctor"
    #: Who runs ``anymail_setup``.
    SETUP = "setup"


@dataclass(frozen=True, kw_only=True)
class Permission:
    """A row of the table.

    :param sid: of the statement in a policy; rows with the same one make one statement.
    :param calls: as boto3 and the API name them, for example ``"sesv2:GetAccount"``.
    :param actions: what IAM checks for them.
    :param resources: on which each of the actions has to be allowed.
    :param why: what it is for.
    :param is_vital: something fails without it; otherwise it is only done less well.
    :param is_needed: None is what nobody can tell from outside of a project's code.
    """

    sid: str
    calls: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[Resource, ...]
    why: str
    holder: Holder
    is_vital: bool
    is_needed: Callable[[Usage], bool | None]


def permission(
    sid: str,
    calls: str,
    *resources: Resource,
    why: str,
    holder: Holder = Holder.APPLICATION,
    actions: str | None = None,
    also: str = "",
    is_vital: bool = True,
    is_needed: Callable[[Usage], bool | None] = lambda usage: True,
) -> Permission:
    """A row.

    :param calls: with spaces between them, as ``actions`` and ``also``.
    :param actions: None for those that the calls need.
    :param also: actions that IAM checks beside them.
    """
    names = calls.split()
    found = [action for name in names for action in actions_of(*name.split(":"))]
    given = found if actions is None else actions.split()
    return Permission(
        sid=sid,
        calls=tuple(names),
        actions=tuple(dict.fromkeys([*given, *also.split()])),
        resources=resources,
        why=why,
        holder=holder,
        is_vital=is_vital,
        is_needed=is_needed,
    )
