"""What a check has found, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Status(str, Enum):
    """How a check ended, the worst first."""

    ERROR = "error"
    WARNING = "warning"
    NOT_CHECKED = "not checked"
    OK = "ok"
    NOT_USED = "not used"


class FixKind(str, Enum):
    """What to do with the text of a :class:`Fix`."""

    COMMAND = "command"
    DNS_RECORD = "dns record"
    SETTING = "setting"
    POLICY = "policy"
    ADVICE = "advice"


@dataclass(frozen=True, kw_only=True)
class Fix:
    """What to type, publish or change.

    :param text: a command for a shell; a record as in a zone file (RFC 1035, section 5); a line of
        settings; a policy as JSON; or a sentence.
    """

    kind: FixKind
    text: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of a check, about one thing.

    :param text: without an address's local part, a token or a secret.
    :param fixes: in the order in which to do them; empty if there is nothing to do.
    """

    status: Status
    text: str
    fixes: Sequence[Fix] = ()


def ok(text: str) -> Finding:
    """It is as it should be."""
    return Finding(status=Status.OK, text=text)


def not_used(text: str) -> Finding:
    """The project does not use it."""
    return Finding(status=Status.NOT_USED, text=text)


def error(text: str, *fixes: Fix) -> Finding:
    """Mail is lost or refused, or events are lost."""
    return Finding(status=Status.ERROR, text=text, fixes=fixes)


def warning(text: str, *fixes: Fix) -> Finding:
    """It works, but not as well as it could, or not for long."""
    return Finding(status=Status.WARNING, text=text, fixes=fixes)


def not_checked(text: str, *fixes: Fix) -> Finding:
    """Nobody knows: a permission, a package or an answer was missing."""
    return Finding(status=Status.NOT_CHECKED, text=text, fixes=fixes)


def command(text: str) -> Fix:
    """A command to type into a shell."""
    return Fix(kind=FixKind.COMMAND, text=text)


def dns_record(text: str) -> Fix:
    """A DNS record to publish, as a line of a zone file: ``name. TYPE value``."""
    return Fix(kind=FixKind.DNS_RECORD, text=text)


def setting(text: str) -> Fix:
    """Lines of Django settings."""
    return Fix(kind=FixKind.SETTING, text=text)


def policy(text: str) -> Fix:
    """A policy document of IAM, as JSON."""
    return Fix(kind=FixKind.POLICY, text=text)


def advice(text: str) -> Fix:
    """A sentence, for what no command does."""
    return Fix(kind=FixKind.ADVICE, text=text)
