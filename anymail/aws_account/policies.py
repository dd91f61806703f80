"""Policies of topics, queues, buckets and keys: what SES, SNS and EventBridge have to be allowed.

The statements are those of AWS's own guides, which the docstrings name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..amazon_ses.untrusted_json import MAX_NESTING, as_list, is_nested_deeper

#: The version of the language of policies (IAM User Guide, "IAM JSON policy elements: Version").
VERSION = "2012-10-17"
SES = "ses.amazonaws.com"
SNS = "sns.amazonaws.com"
EVENTBRIDGE = "events.amazonaws.com"
#: What :func:`allow_use_of_key` allows: a service that writes into something encrypted.
USE_OF_KEY = ("kms:GenerateDataKey*", "kms:Decrypt")
#: Of these actions, such that a request can have.
KEY_REQUESTS = ("kms:GenerateDataKey", "kms:Decrypt")

Statement = dict[str, Any]
Policy = dict[str, Any]


def receipt_rules(account: str, region: str, rule_set: str = "*", *, partition: str = "aws") -> str:
    """The ARNs of receipt rules, for a condition.

    Source: Amazon SES Developer Guide, "Giving permissions to Amazon SES for email receiving".

    :param rule_set: the name of a rule set; all of them without it.
    """
    return f"arn:{partition}:ses:{region}:{account}:receipt-rule-set/{rule_set}:receipt-rule/*"


def allow_ses_to_publish(topic: str, account: str) -> Statement:
    """For the policy of a topic: SES may publish events and mail of one account.

    Source: Amazon SES Developer Guide, "Set up an Amazon SNS event destination for event
    publishing".

    :param topic: its ARN.
    :param account: the one that sends, twelve digits.
    """
    return {
        "Sid": "AllowSESToPublish",
        "Effect": "Allow",
        "Principal": {"Service": SES},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"StringEquals": {"AWS:SourceAccount": account}},
    }


def allow_sns_to_send(queue: str, topics: Iterable[str]) -> Statement:
    """For the policy of a queue: SNS may put the messages of topics into it.

    Source: Amazon SNS Developer Guide, "Subscribing an Amazon SQS queue to an Amazon SNS topic".

    :param queue: its ARN.
    :param topics: their ARNs.
    """
    return _allow_to_send("AllowSNSToSend", SNS, queue, topics)


def allow_eventbridge_to_send(queue: str, rules: Iterable[str]) -> Statement:
    """For the policy of a queue: EventBridge may put the events of rules into it.

    Source: Amazon EventBridge User Guide, "Using resource-based policies for Amazon EventBridge".

    :param queue: its ARN.
    :param rules: their ARNs.
    """
    return _allow_to_send("AllowEventBridgeToSend", EVENTBRIDGE, queue, rules)


def allow_ses_to_put(bucket: str, account: str, rules: str, *, partition: str = "aws") -> Statement:
    """For the policy of a bucket: SES may store the mail that receipt rules of an account receive.

    Source: as for :func:`receipt_rules`.

    :param bucket: its name.
    :param account: the one that receives, twelve digits.
    :param rules: from :func:`receipt_rules`.
    """
    return {
        "Sid": "AllowSESToPut",
        "Effect": "Allow",
        "Principal": {"Service": SES},
        "Action": "s3:PutObject",
        "Resource": f"arn:{partition}:s3:::{bucket}/*",
        "Condition": _from_rules(account, rules),
    }


def allow_ses_to_encrypt(account: str, rules: str) -> Statement:
    """For the policy of a KMS key: SES may encrypt the mail that receipt rules receive.

    Source: as for :func:`receipt_rules`.

    :param account: the one that receives, twelve digits.
    :param rules: from :func:`receipt_rules`.
    """
    return {
        "Sid": "AllowSESToEncrypt",
        "Effect": "Allow",
        "Principal": {"Service": SES},
        "Action": ["kms:GenerateDataKey*", "kms:Encrypt"],
        "Resource": "*",
        "Condition": _from_rules(account, rules),
    }


def allow_to_decrypt(principal: str) -> Statement:
    """For the policy of a KMS key: a user or role may decrypt.

    Source: AWS KMS Developer Guide, "Key policies in AWS KMS".

    :param principal: its ARN.
    """
    return {
        "Sid": "AllowToDecrypt",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "kms:Decrypt",
        "Resource": "*",
    }


def allow_use_of_key(service: str) -> Statement:
    """For the policy of a KMS key: a service may write into a topic or queue encrypted with it.

    SES writes into topics, SNS and EventBridge into queues.

    Source: Amazon SNS Developer Guide, "Managing Amazon SNS encryption keys and costs"; Amazon SQS
    Developer Guide, "Key management".

    :param service: :data:`SES`, :data:`SNS` or :data:`EVENTBRIDGE`.
    """
    name = service.partition(".")[0].upper()
    return {
        "Sid": f"Allow{name}ToUseTheKey",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": list(USE_OF_KEY),
        "Resource": "*",
    }


def parse_policy(text: str | None) -> Policy | None:
    """The policy in an attribute of a resource, as AWS returns it.

    :param text: JSON; None or an empty string for no policy, which is an empty dict.
    :return: None if it is no policy, and must not be replaced.
    """
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or is_nested_deeper(found, MAX_NESTING):
        return None
    return found


def statements(policy: Mapping[str, Any]) -> list[Any]:
    """The statements of a policy, which may have a single one instead of a list."""
    found = policy.get("Statement")
    return [] if found is None else as_list(found)


def has_statement(policy: Mapping[str, Any], statement: Statement) -> bool:
    """Whether a policy has a statement, under whatever ``Sid``."""
    return _meaning(statement) in map(_meaning, statements(policy))


def with_statement(policy: Mapping[str, Any], statement: Statement) -> Policy:
    """A policy with one more statement, unless it has it; the others stay as they are.

    :param policy: from :func:`parse_policy`; it is not changed.
    """
    present = statements(policy)
    if has_statement(policy, statement):
        return dict(policy)
    sids = [each.get("Sid") for each in present if isinstance(each, dict)]
    added = {**statement, "Sid": _free_sid(statement.get("Sid", "Allow"), sids)}
    return {"Version": VERSION, **policy, "Statement": [*present, added]}


def document(*found: Statement) -> Policy:
    """A new policy."""
    return {"Version": VERSION, "Statement": list(found)}


def _allow_to_send(sid: str, service: str, queue: str, sources: Iterable[str]) -> Statement:
    arns = list(sources)
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": arns[0] if len(arns) == 1 else arns}},
    }


def _from_rules(account: str, rules: str) -> dict[str, Any]:
    return {
        "StringEquals": {"AWS:SourceAccount": account},
        "ArnLike": {"AWS:SourceArn": rules},
    }


def _free_sid(sid: str, taken: list[Any]) -> str:
    """The ``Sid``, or with a number: SNS and SQS refuse a policy that has one twice."""
    number, free = 1, sid
    while free in taken:
        number += 1
        free = f"{sid}{number}"
    return free


def _meaning(statement: Any) -> Any:
    """A form that is equal for statements that say the same in other words.

    Source: IAM User Guide, "Grammar of the IAM JSON policy language": a list of one is the same as
    its only value, the order is of no account; names of actions and condition keys ignore case.
    """
    if not isinstance(statement, dict):
        return statement
    return {
        name: _values(value, name == "Action")
        for name, value in statement.items()
        if name != "Sid" and not (name == "Condition" and not value)
    }


def _values(value: Any, ignores_case: bool = False) -> Any:
    if isinstance(value, dict):
        return {_key(key): _values(inner) for key, inner in value.items()}
    texts = sorted(str(each) for each in as_list(value))
    return [text.lower() for text in texts] if ignores_case else texts


def _key(name: str) -> str:
    """A condition key in lower case; operators and kinds of principals as they are."""
    return name.lower() if ":" in name else name
