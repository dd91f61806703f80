"""Whether the policy of a resource allows a request (IAM User Guide, "Policy evaluation logic").

A policy may hold anything: what cannot be judged here makes the answer :attr:`Decision.UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..amazon_ses.untrusted_json import as_list
from .policies import statements
from .policy_conditions import Truth, every, hold, matches, matches_any, negated

#: Keys that may or may not be in the request of a service: its account is in some organization, or
#: in none (IAM User Guide, "AWS global condition context keys").
KEYS_OF_ORGANIZATIONS = frozenset({"aws:sourceorgid", "aws:sourceorgpaths"})


class Decision(Enum):
    """What a policy says about a request."""

    ALLOWED = "allowed"
    #: A statement denies it, whatever others allow.
    DENIED = "denied"
    NOT_ALLOWED = "not allowed"
    #: It depends on what is not known here.
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Request:
    """Somebody wants to do something.

    :param principal: the name of a service, such as ``"ses.amazonaws.com"``, or the ARN of a user,
        a role or the root of an account. Of an assumed role, the role's.
    :param action: for example ``"sns:Publish"``.
    :param resource: its ARN.
    :param context: the condition keys that are in the request, in any case, and their values.
    :param uncertain: lower-case keys that may be in it.
    """

    principal: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    uncertain: frozenset[str] = frozenset()


def service_request(
    service: str, action: str, resource: str, *, account: str, source: str
) -> Request:
    """What a service asks for on behalf of an account, with the keys that it sends.

    Source: IAM User Guide, "AWS global condition context keys"; Amazon SNS Developer Guide,
    "Example cases for Amazon SNS access control" (``aws:SourceOwner``, which SES sends, too).

    :param account: twelve digits.
    :param source: the ARN of what makes the service act: a configuration set, a topic, a rule.
    """
    context = {
        "aws:SourceAccount": account,
        "aws:SourceOwner": account,
        "aws:SourceArn": source,
        "aws:SecureTransport": "true",
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": service,
    }
    return Request(
        principal=service,
        action=action,
        resource=resource,
        context=context,
        uncertain=KEYS_OF_ORGANIZATIONS,
    )


def allows(policy: Mapping[str, Any], request: Request) -> bool:
    """Whether a policy surely allows a request."""
    return evaluate(policy, request) is Decision.ALLOWED


def evaluate(policy: Mapping[str, Any], request: Request) -> Decision:
    """What the policy of a resource says about a request.

    :param policy: from :func:`.parse_policy`. Nothing in it raises an error.
    """
    found = [_effect(statement, request) for statement in statements(policy)]
    denied, allowed = ([truth[which] for truth in found] for which in (0, 1))
    if True in denied:
        return Decision.DENIED
    if None in denied:
        return Decision.UNKNOWN
    if True in allowed:
        return Decision.ALLOWED
    return Decision.UNKNOWN if None in allowed else Decision.NOT_ALLOWED


def _effect(statement: Any, request: Request) -> tuple[Truth, Truth]:
    """Whether a statement denies the request, and whether it allows it."""
    if not isinstance(statement, dict):
        return None, None
    truth, effect = _applies(statement, request), statement.get("Effect")
    if effect == "Allow":
        return False, truth
    return (truth, False) if effect == "Deny" else (None, None)  # AWS accepts no other effect


def _applies(statement: Mapping[str, Any], request: Request) -> Truth:
    return every(
        [
            _element(statement, "Principal", lambda value: _is_principal(value, request.principal)),
            _element(statement, "Action", lambda value: _is_action(value, request.action)),
            _element(
                statement, "Resource", lambda value: matches_any(value, request.resource, matches)
            ),
            hold(statement.get("Condition"), request.context, request.uncertain),
        ]
    )


def _element(statement: Mapping[str, Any], name: str, is_in: Callable[[Any], Truth]) -> Truth:
    """Whether the request is in an element, or not in that with ``Not`` before its name."""
    if name in statement:
        return is_in(statement[name])
    if f"Not{name}" in statement:
        return negated(is_in(statement[f"Not{name}"]))
    return None  # AWS accepts no such statement


def _is_principal(value: Any, principal: str) -> Truth:
    if value == "*":
        return True
    if not isinstance(value, dict):
        return None
    is_service = not principal.startswith("arn:")
    names = {str(name) for name in as_list(value.get("Service" if is_service else "AWS", []))}
    everybody = "*" in map(str, as_list(value.get("AWS", [])))
    return everybody or not names.isdisjoint({principal} if is_service else _names(principal))


def _names(arn: str) -> set[str]:
    """What a policy may call a user or a role: the whole account includes it.

    Source: IAM User Guide, "AWS JSON policy elements: Principal".
    """
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return {arn}
    partition, account = parts[1], parts[4]
    return {arn, account, f"arn:{partition}:iam::{account}:root"}


def _is_action(value: Any, action: str) -> Truth:
    return matches_any(value, action.lower(), lambda pattern, text: matches(pattern.lower(), text))
