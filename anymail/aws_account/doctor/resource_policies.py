"""Whether the policy of a topic, a queue or a key lets a service of AWS do what it has to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from ..policies import Statement, parse_policy, with_statement
from ..policy_evaluation import Decision, Request, evaluate
from .findings import Finding, Fix, advice, error, not_checked, warning


def policy_findings(
    what: str,
    text: str | None,
    requests: Sequence[Request],
    statement: Statement,
    put: Callable[[str], Fix],
) -> Iterator[Finding]:
    """What is wrong with the policy of a resource; nothing if it allows what it has to.

    :param what: the resource, for people.
    :param text: the policy as AWS returns it.
    :param requests: all of them, of one service, have to be allowed.
    :param statement: allows them.
    :param put: makes the fix that replaces the policy by another, which is JSON.
    """
    policy, service = parse_policy(text), requests[0].principal
    if policy is None:
        yield not_checked(f"not checked: the policy of {what} is no JSON object")
        return
    found = {evaluate(policy, request) for request in requests}
    verb = requests[0].action
    fix = put(json.dumps(with_statement(policy, statement)))
    if Decision.DENIED in found:
        remove = advice(f"Take the statement that denies it out of the policy of {what}.")
        yield error(f"the policy of {what} denies {service} the action {verb}", remove)
    elif Decision.NOT_ALLOWED in found:
        yield error(f"the policy of {what} does not allow {service} the action {verb}", fix)
    elif Decision.UNKNOWN in found:
        yield warning(f"the policy of {what} may not allow {service} the action {verb}", fix)
