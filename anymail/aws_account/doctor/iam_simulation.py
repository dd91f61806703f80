"""What IAM says about actions that nobody takes (IAM API Reference, "SimulatePrincipalPolicy")."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .context import Context

ALLOWED = "allowed"
#: A statement denies it; otherwise none allows it.
EXPLICIT = "explicitDeny"
#: An action, and the ARN of what it is about.
Asked = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What IAM would do with a request.

    :param decision: IAM's word.
    :param by: what does not allow it, beside the policies of the principal; empty for nothing.
    :param missing_keys: the condition keys that decide, and that only a real request has.
    """

    decision: str
    by: str = ""
    missing_keys: tuple[str, ...] = ()


def simulate(
    principal: str, actions: Mapping[tuple[str, ...], Collection[str]], context: Context
) -> dict[Asked, Verdict]:
    """Ask IAM about actions.

    :param principal: the ARN of a user or role.
    :param actions: by the ARNs of what they are about.
    :return: nothing about what IAM does not mention.
    :raises Unanswered: it may not be asked.
    :raises AnymailAPIError: it refuses, for example since there is no such role.
    """
    found: dict[Asked, Verdict] = {}
    for arns, names in actions.items():
        params = {
            "PolicySourceArn": principal,
            "ActionNames": sorted(names),
            "ResourceArns": list(arns),
        }
        for page in _pages(params, context):
            for result in page.get("EvaluationResults", ()):
                found.update(parse_result(result, arns))
    return found


def parse_result(
    result: Mapping[str, Any], arns: Collection[str]
) -> Iterator[tuple[Asked, Verdict]]:
    """The verdicts about one action.

    :param arns: that were asked about; the result names them only if there was more than ``*``.
    """
    specific = result.get("ResourceSpecificResults")
    for each in specific or ({**result, "EvalResourceName": arn} for arn in arns):
        verdict = Verdict(
            decision=each.get("EvalResourceDecision") or each["EvalDecision"],
            by=_denied_by(result, each),
            missing_keys=tuple(each.get("MissingContextValues", ())),
        )
        yield (result["EvalActionName"], each["EvalResourceName"]), verdict


def _denied_by(result: Mapping[str, Any], specific: Mapping[str, Any]) -> str:
    organization = result.get("OrganizationsDecisionDetail", {})
    boundary = specific.get("PermissionsBoundaryDecisionDetail", {})
    if not organization.get("AllowedByOrganizations", True):
        return "a policy of the AWS organization"
    if not boundary.get("AllowedByPermissionsBoundary", True):
        return "the permissions boundary"
    return ""


def _pages(params: Mapping[str, Any], context: Context) -> Iterator[Mapping[str, Any]]:
    marker: dict[str, str] = {}
    while True:
        page = context.ask("iam", "SimulatePrincipalPolicy", **params, **marker)
        yield page
        if not page.get("IsTruncated"):
            return
        marker = {"Marker": page["Marker"]}
