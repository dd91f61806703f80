"""The receipt rules of SES, and which of them bring mail to the project.

Source: Amazon SES Developer Guide, "Email receiving with Amazon SES"; Amazon SES API Reference
(v1), "ReceiptRule".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...conf import AmazonSESSettings
from ...exceptions import AnymailError
from ..dns.records import receiving_record
from .context import Context, Unanswered

Action = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule of the active rule set.

    :param rule_set: the name of the set.
    :param raw: the rule as the API has it.
    :param before: the enabled rules before it.
    :param to_us: the actions that bring mail to the project; empty if it is somebody else's.
    """

    rule_set: str
    raw: Mapping[str, Any]
    before: Sequence[Mapping[str, Any]] = ()
    to_us: Sequence[Action] = ()

    @property
    def name(self) -> str:
        """Within its rule set."""
        return str(self.raw["Name"])

    @property
    def recipients(self) -> Sequence[str]:
        """Addresses and domains; empty for all of the account."""
        return tuple(self.raw.get("Recipients", ()))

    @property
    def buckets(self) -> Sequence[Action]:
        """The S3 actions that bring mail to the project."""
        return [action["S3Action"] for action in self.to_us if "S3Action" in action]


def uses_inbound(context: Context) -> bool:
    """Whether the project receives mail: its settings say so, or the active rule set does.

    :raises Unanswered: AWS does not tell.
    """
    settings = context.settings
    says_so = settings.inbound_buckets or settings.inbound_kms_key_id
    return bool(says_so or settings.inbound_delete_s3_object or our_rules(context))


def active_rule_set(context: Context) -> str | None:
    """The name of the active rule set.

    :raises Unanswered: AWS does not tell.
    """
    name: str | None = _active(context).get("Metadata", {}).get("Name")
    return name


def rule_sets(context: Context) -> list[str]:
    """The names of all rule sets: an account has at most 40, which is one page.

    Source: Amazon SES Developer Guide, "Service quotas in Amazon SES".

    :raises Unanswered: AWS does not tell.
    """
    return [str(one["Name"]) for one in context.ask("ses", "ListReceiptRuleSets")["RuleSets"]]


def our_rules(context: Context) -> list[Rule]:
    """The rules of the active set that bring mail to the project, enabled or not.

    :raises Unanswered: AWS does not tell.
    """
    return [rule for rule in _rules(context) if rule.to_us]


def receiving_domain(context: Context) -> str | None:
    """The domain whose mail comes to the project, by its rules and its MX record.

    :return: None if there is none, if there are several, or if nobody tells.
    """
    try:
        rules = [rule for rule in our_rules(context) if rule.raw.get("Enabled")]
        domains = {one.lower() for rule in rules for one in rule.recipients if _is_domain(one)}
        found = [one for one in domains if leads_to_ses(one, context)]
    except (Unanswered, AnymailError):
        return None
    return found[0] if len(found) == 1 else None


def leads_to_ses(domain: str, context: Context) -> bool:
    """Whether an MX record of a domain names SES in its region.

    :raises Unanswered: the DNS does not answer.
    :raises AnymailImproperlyInstalled: dnspython is not installed.
    """
    wanted = receiving_record(domain, region=context.region).value.split()[1]
    return wanted in mail_hosts(domain, context)


def mail_hosts(domain: str, context: Context) -> list[str]:
    """The hosts of a domain's MX records.

    :raises Unanswered: the DNS does not answer.
    :raises AnymailImproperlyInstalled: dnspython is not installed.
    """
    return [value.split()[1] for value in context.look_up(domain, "MX")]


def stops(actions: Sequence[Action]) -> bool:
    """Whether a rule ends the evaluation of the rule set."""
    return any("StopAction" in action for action in actions)


def covers(recipients: Sequence[str], recipient: str) -> bool:
    """Whether the recipients of a rule include an address, or all of a domain.

    :param recipients: none for everybody. ``.example.com`` stands for all subdomains.
    """
    domain = recipient.rpartition("@")[2].lower()
    return not recipients or any(
        one.lower() in (recipient.lower(), domain)
        or (one.startswith(".") and domain.endswith(one.lower()))
        for one in recipients
    )


def _is_domain(recipient: str) -> bool:
    return "@" not in recipient and not recipient.startswith(".")


def _active(context: Context) -> Mapping[str, Any]:
    found: Mapping[str, Any] = context.ask("ses", "DescribeActiveReceiptRuleSet")
    return found


def _rules(context: Context) -> Iterator[Rule]:
    name = active_rule_set(context)
    enabled: list[Mapping[str, Any]] = []
    for raw in _active(context).get("Rules", ()):
        to_us = [one for one in raw.get("Actions", ()) if _is_ours(one, context.settings)]
        yield Rule(rule_set=name or "", raw=raw, before=tuple(enabled), to_us=to_us)
        if raw.get("Enabled"):
            enabled.append(raw)


def _is_ours(action: Action, settings: AmazonSESSettings) -> bool:
    stored, published = action.get("S3Action") or {}, action.get("SNSAction") or {}
    topics = {stored.get("TopicArn"), published.get("TopicArn")}
    is_known = not topics.isdisjoint(settings.sns_topic_arns)
    return is_known or stored.get("BucketName") in settings.inbound_buckets
