"""Who makes the calls: a user, a role, the root user.

Source: IAM User Guide, "IAM identifiers"; AWS STS API Reference, "GetCallerIdentity".
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from dataclasses import dataclass

from ...exceptions import AnymailAPIError
from .context import Context, Unanswered

ARN = re.compile(
    r"arn:[a-z-]+:(?:iam::[0-9]{12}:(?:role|user)|sts::[0-9]{12}:assumed-role)/[\w+=,.@/-]+",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who makes the calls.

    :param arn: that IAM knows: of an assumed role, the role's.
    :param kind: ``"user"``, ``"role"``, ``"root"`` or ``"federated-user"``.
    :param name: without its path.
    """

    arn: str
    kind: str
    name: str

    def __str__(self) -> str:
        return self.kind if self.kind == self.name else f"{self.kind}/{self.name}"


def principal_arn(text: str) -> str:
    """A text that is the ARN of a role, a session of one, or a user.

    :raises ArgumentTypeError: it is something else.
    """
    if not ARN.fullmatch(text):
        raise ArgumentTypeError(
            "not the ARN of a role or user, such as arn:aws:iam::123456789012:role/shop"
        )
    return text


def find_principal(context: Context) -> Principal:
    """Who makes the application's calls: who asks, unless an option tells.

    :raises Unanswered: AWS STS does not tell.
    :raises AnymailAPIError: it refuses the credentials.
    """
    arn = context.options.principal or str(context.ask("sts", "GetCallerIdentity")["Arn"])
    kind, _, path = arn.split(":", 5)[-1].partition("/")
    if kind == "assumed-role":
        name = path.partition("/")[0]
        return Principal(arn=_role_arn(arn, name, context), kind="role", name=name)
    return Principal(arn=arn, kind=kind, name=path.rpartition("/")[2] or kind)


def _role_arn(session: str, name: str, context: Context) -> str:
    """The ARN of a role. That of its sessions does not have its path.

    :param session: the ARN of one.
    """
    configured = context.settings.role_arn
    if configured is not None and configured.endswith(f"/{name}"):
        return configured
    try:
        return str(context.ask("iam", "GetRole", RoleName=name)["Role"]["Arn"])
    except (Unanswered, AnymailAPIError):
        _, partition, _, _, account, _ = session.split(":", 5)
        return f"arn:{partition}:iam::{account}:role/{name}"
