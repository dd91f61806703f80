"""IAM and STS on loopback, which judge requests by the policies that a test attaches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from anymail.aws_account.policy_evaluation import Decision, Request, evaluate

from ..steady_server import steady_server

ACCOUNT = "123456789012"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/shop/i-0123456789abcdef0"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/web/shop"
CREDENTIALS = {
    "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
    "SecretAccessKey": "secret",
    "SessionToken": "token",
    "Expiration": "2099-01-01T00:00:00Z",
}
#: IAM User Guide, "Policy evaluation logic".
WORDS = {Decision.ALLOWED: "allowed", Decision.DENIED: "explicitDeny"}


@dataclass(kw_only=True)
class LocalIam:
    """IAM, whose answers a test can change.

    :param arn: who makes the calls, as STS says it.
    :param entities: the ARNs of users and roles, each with its policies.
    :param refused: the calls that nobody may make.
    :param organization: whether the organization allows anything.
    :param boundary: likewise of the permissions boundary.
    :param missing: condition keys that decide, for whatever is denied.
    :param page_size: results in an answer.
    :param asked: the parameters of every simulation.
    """

    arn: str = SESSION
    entities: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {ROLE: []})
    refused: set[str] = field(default_factory=set)
    organization: bool = True
    boundary: bool = True
    missing: tuple[str, ...] = ()
    page_size: int = 100
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, form: dict[str, str]) -> tuple[int, str]:
        """The status and the XML of the answer to a call."""
        name = form["Action"]
        if name in self.refused:
            return 403, _error("AccessDenied", f"not authorized to perform: iam:{name}")
        if name == "GetCallerIdentity":
            return 200, _result(name, _tags(Account=ACCOUNT, Arn=self.arn, UserId="AIDA"))
        if name == "AssumeRole":
            return 200, _result(name, f"<Credentials>{_tags(**CREDENTIALS)}</Credentials>")
        if name == "GetRole":
            found = [arn for arn in self.entities if arn.endswith(f"/{form['RoleName']}")]
            role = f"<Role>{_tags(Arn=found[0], RoleName=form['RoleName'])}</Role>" if found else ""
            return (200, _result(name, role)) if found else (404, _error("NoSuchEntity", "none"))
        self.asked.append(form)
        policies = self.entities.get(form["PolicySourceArn"])
        if policies is None:
            return 404, _error("NoSuchEntity", "The entity does not exist.")
        start = int(form.get("Marker", 0))
        results = [
            self._evaluation(action, _members(form, "ResourceArns"), policies)
            for action in _members(form, "ActionNames")
        ]
        end = start + self.page_size
        more = _tags(IsTruncated="true", Marker=str(end)) if results[end:] else ""
        page = "".join(results[start:end])
        return 200, _result(name, f"<EvaluationResults>{page}</EvaluationResults>{more}")

    def _evaluation(self, action: str, arns: list[str], policies: list[dict[str, Any]]) -> str:
        words = [self._word(action, arn, policies) for arn in arns]
        specific = "".join(
            "<member>"
            + _tags(EvalResourceName=arn, EvalResourceDecision=word)
            + self._details(word)
            + "</member>"
            for arn, word in zip(arns, words, strict=True)
        )
        overall = next((word for word in words if word != "allowed"), "allowed")
        organization = _tags(AllowedByOrganizations=str(self.organization).lower())
        return (
            f"<member>{_tags(EvalActionName=action, EvalDecision=overall, EvalResourceName='*')}"
            f"<OrganizationsDecisionDetail>{organization}</OrganizationsDecisionDetail>"
            + (
                f"<ResourceSpecificResults>{specific}</ResourceSpecificResults>"
                if arns != ["*"]
                else ""
            )
            + self._details(overall)
            + "</member>"
        )

    def _word(self, action: str, arn: str, policies: list[dict[str, Any]]) -> str:
        """A policy of a principal is for that principal."""
        statements = [
            {**statement, "Principal": "*"}
            for policy in policies
            for statement in policy["Statement"]
        ]
        request = Request(principal=ROLE, action=action, resource=arn)
        word = WORDS.get(evaluate({"Statement": statements}, request), "implicitDeny")
        is_possible = self.organization and self.boundary
        return word if word != "allowed" or is_possible else "implicitDeny"

    def _details(self, word: str) -> str:
        keys = "".join(f"<member>{key}</member>" for key in self.missing if word != "allowed")
        boundary = _tags(AllowedByPermissionsBoundary=str(self.boundary).lower())
        return (
            f"<MissingContextValues>{keys}</MissingContextValues>"
            f"<PermissionsBoundaryDecisionDetail>{boundary}</PermissionsBoundaryDecisionDetail>"
        )


@contextmanager
def local_iam() -> Iterator[LocalIam]:
    """IAM and STS for the length of a ``with`` block, at the URL of the rest of AWS."""
    iam, server = LocalIam(), steady_server.get()
    others = server.application

    def answer(environ: Any, start_response: Any) -> Any:
        if not re.search("/(iam|sts)/aws4_request", environ.get("HTTP_AUTHORIZATION", "")):
            return others(environ, start_response)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        status, text = iam.answer(dict(parse_qsl(body)))
        return Response(text, status, mimetype="text/xml")(environ, start_response)

    with server.serving(answer):
        yield iam


def _members(form: dict[str, str], name: str) -> list[str]:
    return [value for key, value in form.items() if key.startswith(f"{name}.member.")]


def _tags(**values: str) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())


def _result(name: str, content: str) -> str:
    return f"<{name}Response><{name}Result>{content}</{name}Result></{name}Response>"


def _error(code: str, text: str) -> str:
    error = _tags(Type="Sender", Code=code, Message=text)
    return f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
