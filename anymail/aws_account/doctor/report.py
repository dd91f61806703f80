"""Results for people, and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...processes.wording import counted
from .check import STATUSES, Group, Result
from .findings import Finding, Fix, FixKind, Status

MARKS = {
    Status.ERROR: "✗",
    Status.WARNING: "!",
    Status.NOT_CHECKED: "?",
    Status.OK: "✓",
    Status.NOT_USED: "·",
}
#: What comes before a fix; a command and a setting are typed as they stand.
LABELS = {
    FixKind.COMMAND: "$ ",
    FixKind.DNS_RECORD: "publish: ",
    FixKind.SETTING: "settings: ",
    FixKind.POLICY: "policy: ",
    FixKind.ADVICE: "",
}
#: What an error in a group means, the worst first.
SENTENCES = {
    Group.ACCOUNT: "Mail cannot be sent: see the errors of the AWS account.",
    Group.SENDER: "Mail is refused, or taken for spam: see the errors of sender and DNS.",
    Group.PROJECT: "The project cannot send or handle all mail: see its errors.",
    Group.EVENTS: "Mail is sent, but what becomes of it is lost: see the errors of events.",
    Group.INBOUND: "Mail is sent, but not received: see the errors of inbound mail.",
}
#: Paints a text: of :class:`django.core.management.color.Style`.
Paint = Callable[[str], str]


def as_text(results: Sequence[Result], paints: Mapping[Status, Paint]) -> Iterator[str]:
    """A report's lines: groups with their checks, the worst first, then a sentence.

    :param paints: how a line of a status is coloured; a status that is missing is not.
    """
    for group in Group:
        of_group = [result for result in results if result.check.group is group]
        if of_group:
            yield group.value
            for result in sorted(of_group, key=lambda one: STATUSES.index(one.status)):
                yield from _lines(result, paints)
            yield ""
    yield conclusion(results)


def as_json(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Results for programs: a dict for each check."""
    return [
        {
            "id": result.check.id,
            "title": result.check.title,
            "group": result.check.group.value,
            "status": result.status.value,
            "findings": [_finding(one) for one in result.findings],
        }
        for result in results
    ]


def conclusion(results: Sequence[Result]) -> str:
    """Whether mail works, in one sentence."""
    failed = {result.check.group for result in results if result.status is Status.ERROR}
    unknown = sum(result.status is Status.NOT_CHECKED for result in results)
    warned = sum(result.status is Status.WARNING for result in results)
    for group, sentence in SENTENCES.items():
        if group in failed:
            return sentence
    if unknown:
        return f"No error was found, but {counted(unknown, 'check')} could not be made."
    if warned:
        return f"Mail works, with {counted(warned, 'warning')}."
    return "Mail works."


def _lines(result: Result, paints: Mapping[Status, Paint]) -> Iterator[str]:
    for finding in result.findings:
        paint = paints.get(finding.status, str)
        mark, check = MARKS[finding.status], result.check
        yield paint(f"  {mark} {check.id} {check.title}: {finding.text}")
        for fix in finding.fixes:
            yield from _fix_lines(fix)


def _fix_lines(fix: Fix) -> Iterator[str]:
    first, *others = fix.text.splitlines()
    yield f"        {LABELS[fix.kind]}{first}"
    for line in others:
        yield f"        {line}"


def _finding(finding: Finding) -> dict[str, Any]:
    fixes = [{"kind": fix.kind.value, "text": fix.text} for fix in finding.fixes]
    return {"status": finding.status.value, "text": finding.text, "fixes": fixes}
