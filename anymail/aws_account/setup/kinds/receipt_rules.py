"""Receipt rules and their sets, as they should be. Pure.

Source: Amazon SES API Reference (v1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..resources import ActiveRuleSet, ReceiptRule, ReceiptRuleSet
from ..steps import Call, Context, Outcome, Remark, call, creation


def create_rule_set(spec: ReceiptRuleSet, context: Context) -> Call:
    """Without rules, and not active."""
    return call("ses", "create_receipt_rule_set", RuleSetName=spec.name)


def create_rule(spec: ReceiptRule, context: Context) -> Call:
    """The first rule of its set."""
    return _create_rule(spec, None)


def compare_rule(
    spec: ReceiptRule, found: Mapping[str, Any], context: Context
) -> Iterator[Outcome]:
    """It goes to the end of its set: what others have there keeps its meaning.

    :param found: the answer of ``DescribeReceiptRuleSet``.
    """
    rules = {rule["Name"]: rule for rule in found.get("Rules", ())}
    if spec.name not in rules:
        yield creation(spec.title, _create_rule(spec, next(reversed(rules), None)))
        return
    rule = rules[spec.name]
    stored = [action["S3Action"] for action in rule.get("Actions", ()) if "S3Action" in action]
    is_right = any(
        one.get("BucketName") == spec.bucket and one.get("TopicArn") == spec.topic_arn
        for one in stored
    )
    missing = sorted({*spec.recipients} - {*rule.get("Recipients", spec.recipients)})
    update = call("ses", "update_receipt_rule", RuleSetName=spec.rule_set, Rule=receipt_rule(spec))
    for text, is_wrong in (
        (f"does not store mail in {spec.bucket} and tell {spec.topic_arn}", not is_right),
        (f"does not receive for {', '.join(missing)}", bool(missing)),
        ("is disabled", not rule.get("Enabled")),
        ("does not scan for spam and viruses", not rule.get("ScanEnabled")),
    ):
        if is_wrong:
            yield Remark(text=f"The {spec.title} {text}.", fix=update)


def receipt_rule(spec: ReceiptRule) -> dict[str, Any]:
    """A rule as the API has it."""
    action = {"BucketName": spec.bucket, "TopicArn": spec.topic_arn}
    return {
        "Name": spec.name,
        "Enabled": True,
        "ScanEnabled": True,
        "Recipients": list(spec.recipients),
        "Actions": [{"S3Action": action}],
    }


def activate(spec: ActiveRuleSet, context: Context) -> Call:
    """Only for where none is active: SES has one active rule set."""
    return call("ses", "set_active_receipt_rule_set", RuleSetName=spec.name)


def _create_rule(spec: ReceiptRule, after: str | None) -> Call:
    return call(
        "ses",
        "create_receipt_rule",
        RuleSetName=spec.rule_set,
        After=after,
        Rule=receipt_rule(spec),
    )
