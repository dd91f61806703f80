"""A check, and how checks are run: whatever happens in one, the others are run, too."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from django.db import DatabaseError

from ...exceptions import AnymailConfigurationError, AnymailError
from .context import Context, Unanswered
from .findings import Finding, Fix, FixKind, Status, advice, command, not_checked

logger: logging.Logger = logging.getLogger(__name__)

STATUSES = tuple(Status)


class Group(str, Enum):
    """The parts of a report, in its order."""

    ACCOUNT = "AWS account"
    SENDER = "Sender and DNS"
    EVENTS = "Events"
    INBOUND = "Inbound mail"
    PROJECT = "Project"


@dataclass(frozen=True, kw_only=True)
class Check:
    """A question about an account or a project.

    :param id: stays for ever, for ``--json`` and for those who silence it.
    :param run: finds the answers, the first first; what it raises is one more.
    """

    id: str
    title: str
    group: Group
    run: Callable[[Context], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A check, and its findings: one or more, the worst first."""

    check: Check
    findings: Sequence[Finding]

    @property
    def status(self) -> Status:
        """That of the worst finding."""
        return self.findings[0].status


def run_checks(checks: Iterable[Check], context: Context) -> Iterator[Result]:
    """Run checks, one after the other."""
    for check in checks:
        found = [_in_region(one, context) for one in _findings(check, context)]
        yield Result(check=check, findings=sorted(found, key=_severity))


def _severity(finding: Finding) -> int:
    return STATUSES.index(finding.status)


def _in_region(finding: Finding, context: Context) -> Finding:
    """A finding whose commands name the region of SES: the ``aws`` tool does not know settings."""
    if not any(_lacks_region(fix) for fix in finding.fixes):
        return finding
    option = f" --region {context.region}"
    fixes = [
        replace(fix, text=fix.text + option) if _lacks_region(fix) else fix for fix in finding.fixes
    ]
    return replace(finding, fixes=fixes)


def _lacks_region(fix: Fix) -> bool:
    is_of_aws = fix.kind is FixKind.COMMAND and fix.text.startswith("aws ")
    return is_of_aws and " --region " not in fix.text and not fix.text.startswith("aws iam ")


def _findings(check: Check, context: Context) -> Iterator[Finding]:
    """What a check finds, with what stops it."""
    try:
        yield from check.run(context)
    except Unanswered as err:
        yield err.finding
    except AnymailConfigurationError as err:
        text, *hints = str(err).splitlines()
        yield not_checked(f"not checked: {text}", *map(advice, hints))
    except AnymailError as err:
        yield not_checked(f"not checked: {str(err).splitlines()[0]}")
    except DatabaseError as err:
        migrate = command("python manage.py migrate")
        yield not_checked(f"not checked: the database refuses ({type(err).__name__})", migrate)
    except Exception as err:
        logger.exception("The check %s failed", check.id, extra={"anymail_check": check.id})
        yield not_checked(f"not checked: the check failed ({type(err).__name__}); see the log")
