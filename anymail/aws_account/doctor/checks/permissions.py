"""Whether IAM allows what the settings in use need."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ....amazon_ses.masking import mask_addresses
from ....exceptions import AnymailAPIError
from ...permissions import minimal_policy, needed, resources_of
from ...permissions.row import Permission
from ...permissions.usage import Usage
from ...project import project_usage
from ..context import Context, Unanswered
from ..findings import (
    Finding,
    Fix,
    Status,
    advice,
    command,
    error,
    not_checked,
    not_used,
    ok,
    policy,
    warning,
)
from ..iam_simulation import ALLOWED, EXPLICIT, Asked, Verdict, simulate
from ..identities import sending_identities
from ..principals import Principal, find_principal

#: Services of which the policy of a resource can allow what no policy of IAM does (IAM User Guide,
#: "AWS services that work with IAM").
WITH_RESOURCE_POLICIES = frozenset({"kms", "s3", "sns", "sqs"})
#: The beginning of the names of the roles that only IAM Identity Center changes (its User Guide,
#: "Referencing permission sets in resource policies, Amazon EKS Cluster config maps, and AWS KMS
#: key policies").
IDENTITY_CENTER = "AWSReservedSSO_"
#: The name of the policy that the printed command attaches, or replaces.
POLICY_NAME = "anymail"
NARROW = advice('Remove the action from the statement with "Effect": "Deny".')
ANY_SET = ":configuration-set/*"
UNKNOWN = Verdict(decision="unknown")
Answers = Mapping[Asked, Verdict]


def permissions(context: Context) -> Iterator[Finding]:
    """D26: IAM allows what the settings in use need."""
    usage = _usage(context)
    principal = find_principal(context)
    if principal.kind not in ("role", "user"):
        yield _without_policies(principal, usage)
        return
    rows = needed(usage)
    try:
        verdicts = simulate(principal.arn, _questions(rows, usage), context)
    except (Unanswered, AnymailAPIError) as err:
        yield _not_simulated(err, principal, usage)
        return
    problems = [found for row in rows if (found := _problem(row, usage, verdicts, principal))]
    serious = [found for found in problems if found.status is not Status.NOT_USED]
    yield from (found for found in problems if found not in serious)
    if not serious:
        yield ok(f"{principal} may do what the settings need")
        return
    worst, *others = sorted(serious, key=lambda found: tuple(Status).index(found.status))
    yield replace(worst, fixes=(*worst.fixes, *_to_attach(principal, usage)))
    yield from others


def _usage(context: Context) -> Usage:
    try:
        identities = sending_identities(context)
    except (Unanswered, AnymailAPIError):  # D05 reports it
        identities = []
    return project_usage(
        context.settings,
        api_version=context.api_version,
        account=context.account,
        region=context.region,
        partition=context.partition,
        identities=tuple(identities),
    )


def _questions(rows: Iterable[Permission], usage: Usage) -> dict[tuple[str, ...], set[str]]:
    """The actions to ask about, by the ARNs of what they are about."""
    found: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        found.setdefault(_arns(row, usage), set()).update(row.actions)
    return found


def _arns(row: Permission, usage: Usage) -> tuple[str, ...]:
    """What a permission is about. A project that names no configuration set may use none."""
    return tuple(arn for arn in resources_of(row, usage) if not arn.endswith(ANY_SET))


def _problem(
    row: Permission, usage: Usage, verdicts: Answers, principal: Principal
) -> Finding | None:
    """What is not allowed of a permission; None if everything is."""
    asked = [(action, arn) for action in row.actions for arn in _arns(row, usage)]
    answers = {each: verdicts.get(each, UNKNOWN) for each in asked}
    denied = {each: verdict for each, verdict in answers.items() if verdict.decision != ALLOWED}
    if not denied:
        return None
    text = f"{principal} may not use {_spoken(denied)} (for {row.why})"
    if row.is_needed(usage) is None:
        return not_used(f"{text}, and need not if the project does not do that")
    if doubt := _doubt(denied):
        return not_checked(f"perhaps {text}: {doubt}")
    problem = error if row.is_vital else warning
    if any(verdict.decision == EXPLICIT for verdict in denied.values()):
        return problem(f"{text}, since a policy denies it", NARROW)
    if by := next((verdict.by for verdict in denied.values() if verdict.by), ""):
        return problem(f"{text}, since {by} does not allow it", advice(f"Change {by}."))
    if {action.partition(":")[0] for action, _ in denied} <= WITH_RESOURCE_POLICIES:
        return warning(f"{text}, unless a policy of the resource allows it")
    return problem(text)


def _spoken(denied: Answers) -> str:
    """Actions, and what they are about, without the account and the region."""
    actions = dict.fromkeys(action for action, _ in denied)
    names = dict.fromkeys(arn.split(":", 5)[-1] for _, arn in denied if arn != "*")
    about = f" on {', '.join(names)}" if names else ""
    return mask_addresses(f"{', '.join(actions)}{about}")


def _doubt(denied: Answers) -> str | None:
    """Why a real request may be allowed all the same."""
    keys = dict.fromkeys(key for verdict in denied.values() for key in verdict.missing_keys)
    if keys:
        return f"it depends on {', '.join(keys)}, which only a real request has"
    if any(verdict == UNKNOWN for verdict in denied.values()):
        return "IAM did not say"
    if all("*" in arn and arn != "*" for _, arn in denied):
        return "it may be allowed on those that are used, but is not on all"
    return None


def _without_policies(principal: Principal, usage: Usage) -> Finding:
    attach = advice("Create a role or user with this policy, and use its credentials:")
    fixes = (attach, _policy(usage))
    if principal.kind == "root":
        return warning("these are the credentials of the root user, who may do anything", *fixes)
    return not_checked(f"not checked: IAM cannot simulate a {principal.kind}", *fixes)


def _not_simulated(
    err: Unanswered | AnymailAPIError, principal: Principal, usage: Usage
) -> Finding:
    compare = advice(f"Or compare the policies of {principal} with this one:")
    if isinstance(err, Unanswered):
        return not_checked(err.finding.text, *err.finding.fixes, compare, _policy(usage))
    text = f"not checked: IAM does not simulate {principal} ({err.error_code})"
    path = advice("Allow iam:GetRole, which tells the path of the role.")
    hints = [path] if err.error_code == "NoSuchEntity" else []
    return not_checked(text, *hints, compare, _policy(usage))


def _to_attach(principal: Principal, usage: Usage) -> Iterator[Fix]:
    """How the principal gets the permissions that it needs."""
    if principal.name.startswith(IDENTITY_CENTER):
        yield advice(f"Add this policy to the permission set of {principal}, in Identity Center:")
        yield _policy(usage)
        return
    yield advice("Save this policy as policy.json, and attach it:")
    yield _policy(usage)
    yield command(
        f"aws iam put-{principal.kind}-policy --{principal.kind}-name {principal.name} "
        f"--policy-name {POLICY_NAME} --policy-document file://policy.json"
    )


def _policy(usage: Usage) -> Fix:
    return policy(json.dumps(minimal_policy(usage), indent=2))
