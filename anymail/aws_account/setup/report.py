"""What ``anymail_setup`` prints: the plan, and what is left to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from ...processes.wording import counted
from ..dns.records import DnsRecord
from .plan import Comparison, Plan
from .request import SetupRequest
from .resources import Part, Place
from .steps import Call, Remark, command

HEADINGS: dict[Part, str] = {
    "sending": "Sending",
    "tracking": "Tracking",
    "queue": "Queue",
    "inbound": "Received mail",
}


def plan_lines(plan: Plan, place: Place) -> Iterator[str]:
    """The plan: ``=`` is there, ``+`` is missing, ``~`` lacks something, ``!`` differs."""
    yield f"Account {place.account}, region {place.region}"
    for part in get_args(Part):
        comparisons = plan.of_part(part)
        if comparisons:
            yield ""
            yield HEADINGS[part]
            for comparison in comparisons:
                yield from _comparison_lines(comparison, place.region)
    yield ""


def summary(plan: Plan) -> str:
    """The plan in one sentence."""
    if plan.blocking:
        return "Nothing can be changed before you have decided about what is marked with !."
    if not plan.steps:
        return "Everything is there; nothing to change."
    return f"To do: {_work(plan)}."


def question(plan: Plan, place: Place) -> str:
    """What is asked before anything is changed."""
    where = f"account {place.account}, region {place.region}"
    return f"Do this ({_work(plan)}) in {where}? [y/N] "


def _work(plan: Plan) -> str:
    create = f"create {counted(plan.missing, 'resource')}" if plan.missing else ""
    add = f"make {counted(plan.additions, 'addition')}" if plan.additions else ""
    return " and ".join(filter(None, [create, add]))


def dns_lines(records: Mapping[str, Sequence[DnsRecord]]) -> Iterator[str]:
    """The records to publish, unless they are.

    :param records: of each domain.
    """
    for domain, found in records.items():
        yield ""
        yield f"DNS records of {domain}, as in a zone file, where the dot at the end says that a"
        yield f'name is complete. Where names end with ".{domain}" by themselves, leave that out.'
        yield ""
        yield from (f"  {record}" for record in found)
        if any(record.name.startswith("_dmarc.") for record in found):
            yield ""
            yield "  Leave _dmarc out if this domain, or the one above it, has such a record."


def settings_lines(settings: Sequence[str]) -> Iterator[str]:
    """The lines of ``ANYMAIL`` to add."""
    if settings:
        yield ""
        yield "Settings to add:"
        yield ""
        yield "  ANYMAIL = {"
        yield "      ...,"
        yield from (f"      {line}" for line in settings)
        yield "  }"


def _comparison_lines(comparison: Comparison, region: str) -> Iterator[str]:
    title = comparison.resource.spec.title
    if not comparison.outcomes:
        yield f"  = {title}"
    for outcome in comparison.outcomes:
        if isinstance(outcome, Remark):
            yield f"  ! {outcome.text}"
            fix = outcome.fix
            yield f"      {command(fix, region) if isinstance(fix, Call) else fix}"
        else:
            yield f"  {'+' if comparison.is_new else '~'} {outcome.text}"


def next_lines(request: SetupRequest, *, is_done: bool) -> Iterator[str]:
    """What to type next.

    :param is_done: nothing is missing any more in the account.
    """
    yield ""
    if not is_done:
        yield "Next: type the same command with --apply, to create what is missing."
    elif request.tracking_url:
        site = "/".join(request.tracking_url.split("/")[:3])
        yield f"Next: python manage.py anymail_doctor --url {site}"
    elif "queue" in request.parts:
        yield "Next: start python manage.py anymail_consume, and type"
        yield "python manage.py anymail_doctor"
    else:
        yield "Next: publish the records, add the settings, deploy your site, and type the same"
        yield "command with --url https://www.example.com (your site), to subscribe its webhook."
