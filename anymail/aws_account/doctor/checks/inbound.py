"""Received mail: receipt rules, and the MX records that lead to them.

Source: Amazon SES Developer Guide, "Email receiving with Amazon SES".
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from ....exceptions import AnymailError
from ...dns.records import receiving_record
from ..context import Context, Unanswered
from ..findings import Finding, Fix, advice, command, dns_record, error, not_used, ok, warning
from ..receipt_rules import (
    Action,
    Rule,
    active_rule_set,
    covers,
    leads_to_ses,
    mail_hosts,
    our_rules,
    rule_sets,
    stops,
    uses_inbound,
)

NOT_USED = "no mail is received: no bucket in the settings, and no receipt rule that leads here"
SET_UP = command("python manage.py anymail_setup --apply --inbound --receive-domain example.com")
ACTIVATE = "aws ses set-active-receipt-rule-set --rule-set-name"


def rules(context: Context) -> Iterator[Finding]:
    """D21: a receipt rule brings mail to the project."""
    if not uses_inbound(context):
        yield not_used(NOT_USED)
        return
    name, found = active_rule_set(context), our_rules(context)
    if name is None:
        yield error("no receipt rule set is active: SES receives no mail", _activation(context))
    elif not found:
        yield error(f"no rule of the active set {name} brings mail to this project", SET_UP)
    for rule in found:
        whom = ", ".join(rule.recipients) or "all identities"
        yield from list(_problems(rule)) or [ok(f"{rule.name} receives for {whom}")]


def mx_records(context: Context) -> Iterator[Finding]:
    """D22: mail for the domains of the rules is sent to SES."""
    if not uses_inbound(context):
        yield not_used(NOT_USED)
        return
    recipients = [one for rule in our_rules(context) for one in rule.recipients]
    domains = {one.rpartition("@")[2].lower() for one in recipients if not one.startswith(".")}
    if not domains:
        yield not_used("the rules name no domain")
    for domain in sorted(domains):
        yield _mx_record(domain, context)


def _activation(context: Context) -> Fix:
    """What activates the rule set of the account, or makes one."""
    try:
        names = rule_sets(context)
    except (Unanswered, AnymailError):
        return advice(f"Activate a rule set: {ACTIVATE} NAME")
    if not names:
        return SET_UP
    if len(names) == 1:
        return command(f"{ACTIVATE} {shlex.quote(names[0])}")
    return advice(f"Activate one of {', '.join(names)}: {ACTIVATE} NAME")


def _mx_record(domain: str, context: Context) -> Finding:
    if leads_to_ses(domain, context):
        return ok(f"{domain}: mail goes to SES in {context.region}")
    record, hosts = receiving_record(domain, region=context.region), mail_hosts(domain, context)
    found = f"its MX is {', '.join(hosts)}: replace it" if hosts else "it has no MX record"
    return error(f"{domain}: {found}", dns_record(str(record)))


def _problems(rule: Rule) -> Iterator[Finding]:
    if not rule.raw.get("Enabled"):
        yield error(f"the rule {rule.name} is disabled", _update(rule, Enabled=True))
    if not rule.raw.get("ScanEnabled"):
        text = f"the rule {rule.name} does not have mail scanned for spam and viruses"
        yield warning(text, _update(rule, ScanEnabled=True))
    tells = any(_tells(action) for action in rule.raw.get("Actions", ()))
    if not tells and any(not action.get("TopicArn") for action in rule.buckets):
        text = (
            f"the rule {rule.name} stores mail, and tells nobody of it: its S3 action has no topic"
        )
        yield error(text, SET_UP)
    yield from _what_is_before(rule)


def _tells(action: Action) -> bool:
    """Whether an action beside those of S3 tells of the mail that they store."""
    return "SNSAction" in action or "LambdaAction" in action


def _what_is_before(rule: Rule) -> Iterator[Finding]:
    """What ends the evaluation of the rule set before mail gets to us."""
    actions = list(rule.raw.get("Actions", ()))
    if stops(actions[: actions.index(rule.to_us[0])]):
        ordered = sorted(actions, key=lambda action: "StopAction" in action)
        text = f"the rule {rule.name} stops before the action that brings mail here"
        yield error(text, _update(rule, Actions=ordered))
    for other in rule.before:
        if stops(other.get("Actions", ())) and _covers_some(other.get("Recipients", ()), rule):
            yield error(
                f"the rule {other['Name']} comes before {rule.name}, and stops",
                command(
                    "aws ses set-receipt-rule-position "
                    f"--rule-set-name {shlex.quote(rule.rule_set)} "
                    f"--rule-name {shlex.quote(rule.name)}"
                ),
            )


def _covers_some(recipients: list[str], rule: Rule) -> bool:
    """Whether mail that is for the rule is for these recipients, too."""
    return not rule.recipients or any(covers(recipients, one) for one in rule.recipients)


def _update(rule: Rule, **changes: object) -> Fix:
    changed = json.dumps({**rule.raw, **changes})
    return command(
        f"aws ses update-receipt-rule --rule-set-name {shlex.quote(rule.rule_set)} "
        f"--rule {shlex.quote(changed)}"
    )
