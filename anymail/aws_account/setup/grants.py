"""What the policies of resources have to allow services of AWS, and what they lack of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from .. import policies
from ..policy_evaluation import Decision, Request, evaluate, service_request
from .steps import Call, Outcome, Remark, addition


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Something that a policy has to allow a service.

    :param statement: allows it.
    :param requests: what the service asks for then.
    """

    statement: policies.Statement
    requests: tuple[Request, ...]

    @property
    def service(self) -> str:
        """Who is let in, for example ``"ses.amazonaws.com"``."""
        return self.requests[0].principal


def grant_in_policy(
    title: str, current: str | None, grants: Sequence[Grant], put: Callable[[str], Call]
) -> Iterator[Outcome]:
    """The step that adds to a policy what it does not allow yet, and what it denies all the same.

    :param title: of what has the policy.
    :param current: the policy as AWS returned it; None if there is none.
    :param grants: to one service.
    :param put: makes the call, from the new policy as JSON.
    """
    policy = policies.parse_policy(current)
    if policy is None:
        wanted = json.dumps([one.statement for one in grants])
        text = f"The policy of the {title} cannot be read."
        yield Remark(text=text, fix=f"Correct it. It has to have: {wanted}")
        return
    missing = [one.statement for one in grants if _decisions(policy, [one]) != {Decision.ALLOWED}]
    complete = reduce(policies.with_statement, missing, policy)
    if complete != policy:
        added = f"{title}: a statement of its policy that lets {grants[0].service} in"
        yield addition(added, put(json.dumps(complete)))
    decisions = _decisions(complete, grants)
    what = f"{grants[0].service} {' and '.join(one.action for one in grants[0].requests)}"
    fix = 'See its statements with the effect "Deny".'
    if Decision.DENIED in decisions:
        text = f"The policy of the {title} denies {what}."
        yield Remark(text=text, fix=fix)
    elif decisions != {Decision.ALLOWED}:
        text = f"The policy of the {title} may deny {what}."
        yield Remark(text=text, fix=fix)


def _decisions(policy: policies.Policy, grants: Sequence[Grant]) -> set[Decision]:
    return {evaluate(policy, request) for grant in grants for request in grant.requests}


def requests_of(
    service: str, actions: Sequence[str], resource: str, source: str
) -> tuple[Request, ...]:
    """What a service asks for on behalf of the account of what makes it act.

    :param resource: the ARN of what is asked for.
    :param source: the ARN of what makes it act.
    """
    account = source.split(":")[4]
    return tuple(
        service_request(service, action, resource, account=account, source=source)
        for action in actions
    )
