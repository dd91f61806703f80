"""What AWS has of a resource: the only calls that a plan makes, and all of them read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ...exceptions import AnymailAPIError
from ..subscriptions import parse_subscription
from .resources import (
    ActiveRuleSet,
    Bucket,
    ConfigurationSet,
    EventDestination,
    Identity,
    Present,
    Queue,
    ReceiptRule,
    ReceiptRuleSet,
    Subscription,
    Topic,
)
from .steps import Call, call

#: Makes a call. Raises AnymailAPIError.
Run: TypeAlias = Callable[[Call], Mapping[str, Any]]
Found: TypeAlias = Mapping[str, Any] | None

#: The operation, the member of its answer, and the error code for a bucket without it.
BUCKET_PARTS = {
    "Policy": ("get_bucket_policy", "Policy", "NoSuchBucketPolicy"),
    "TagSet": ("get_bucket_tagging", "TagSet", "NoSuchTagSet"),
    "Public": (
        "get_public_access_block",
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
    ),
    "Lifecycle": (
        "get_bucket_lifecycle_configuration",
        "Rules",
        "NoSuchLifecycleConfiguration",
    ),
}
NO_QUEUE = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")


def find_identity(run: Run, spec: Identity) -> Found:
    """The answer of ``GetEmailIdentity``, without its tags: an identity need not be ours."""
    wanted = call("sesv2", "get_email_identity", EmailIdentity=spec.name)
    found = _find(run, wanted, "NotFoundException")
    return found and {name: value for name, value in found.items() if name != "Tags"}


def find_configuration_set(run: Run, spec: ConfigurationSet) -> Found:
    """The answer of ``GetConfigurationSet``."""
    wanted = call("sesv2", "get_configuration_set", ConfigurationSetName=spec.name)
    found = _find(run, wanted, "NotFoundException")
    return found and {**found, "Tags": _tags(found.get("Tags", ()))}


def find_event_destinations(run: Run, spec: EventDestination) -> Found:
    """The answer of ``GetConfigurationSetEventDestinations``; None without the set."""
    wanted = call(
        "sesv2",
        "get_configuration_set_event_destinations",
        ConfigurationSetName=spec.configuration_set,
    )
    return _find(run, wanted, "NotFoundException")


def find_topic(run: Run, spec: Topic) -> Found:
    """Its attributes and tags, and the key that encrypts it."""
    found = _find(run, call("sns", "get_topic_attributes", TopicArn=spec.arn), "NotFound")
    if found is None:
        return None
    tags = run(call("sns", "list_tags_for_resource", ResourceArn=spec.arn))
    key = _find_key(run, found["Attributes"].get("KmsMasterKeyId"))
    return {**found, "Tags": _tags(tags.get("Tags", ())), "Key": key}


def find_subscription(run: Run, spec: Subscription) -> Found:
    """The answer of ``GetSubscriptionAttributes``, or that it has not been confirmed."""
    try:
        found = next((one for one in _subscriptions(run, spec) if _is_of(one, spec)), None)
    except AnymailAPIError as err:
        if err.error_code == "NotFound":
            return None
        raise
    if found is None:
        return None
    arn = found["SubscriptionArn"]
    if not arn.startswith("arn:"):
        return {"PendingConfirmation": "true"}
    attributes = run(call("sns", "get_subscription_attributes", SubscriptionArn=arn))["Attributes"]
    return {**attributes, "SubscriptionArn": arn}


def find_queue(run: Run, spec: Queue) -> Found:
    """Its URL, attributes and tags, and the key that encrypts it."""
    found = _find(run, call("sqs", "get_queue_url", QueueName=spec.name), *NO_QUEUE)
    if found is None:
        return None
    url = found["QueueUrl"]
    answer = run(call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"]))
    tags = run(call("sqs", "list_queue_tags", QueueUrl=url)).get("Tags", {})
    key = _find_key(run, answer["Attributes"].get("KmsMasterKeyId"))
    return {"QueueUrl": url, "Attributes": answer["Attributes"], "Tags": tags, "Key": key}


def find_bucket(run: Run, spec: Bucket) -> Found:
    """Its region, what blocks public access, its lifecycle, tags and policy.

    None for what it has not.
    """
    asked: dict[str, Any] = {"Bucket": spec.name, "ExpectedBucketOwner": spec.owner}
    location = _find(run, call("s3", "get_bucket_location", **asked), "NoSuchBucket")
    if location is None:
        return None
    found = {
        name: (_find(run, call("s3", operation, **asked), missing) or {}).get(member)
        for name, (operation, member, missing) in BUCKET_PARTS.items()
    }
    # "GetBucketLocation": us-east-1 has no name, and eu-west-1 an old one.
    region = location.get("LocationConstraint") or "us-east-1"
    return {**found, "Region": "eu-west-1" if region == "EU" else region}


def find_rule_set(run: Run, spec: ReceiptRuleSet | ReceiptRule) -> Found:
    """The answer of ``DescribeReceiptRuleSet``."""
    name = spec.name if isinstance(spec, ReceiptRuleSet) else spec.rule_set
    wanted = call("ses", "describe_receipt_rule_set", RuleSetName=name)
    return _find(run, wanted, "RuleSetDoesNotExist")


def find_active_rule_set(run: Run, spec: ActiveRuleSet | None) -> Found:
    """The answer of ``DescribeActiveReceiptRuleSet``; None if there is none."""
    found = run(call("ses", "describe_active_receipt_rule_set"))
    return found if found.get("Metadata") else None


def _find(run: Run, wanted: Call, *missing: str) -> Found:
    """The answer, or None if AWS says that there is no such thing.

    :param missing: the error codes that say so.
    """
    try:
        return run(wanted)
    except AnymailAPIError as err:
        if err.error_code in missing:
            return None
        raise


def _find_key(run: Run, key_id: str | None) -> Found:
    """The KMS key that encrypts a topic or a queue.

    :param key_id: its id, ARN or alias; None or empty if there is none.
    """
    if not key_id:
        return None
    found = run(call("kms", "describe_key", KeyId=key_id))["KeyMetadata"]
    key = {"Arn": found["Arn"], "Manager": found["KeyManager"]}
    if found["KeyManager"] == "AWS":
        return key
    policy = run(call("kms", "get_key_policy", KeyId=found["Arn"], PolicyName="default"))
    return {**key, "Policy": policy["Policy"]}


def _subscriptions(run: Run, spec: Subscription) -> Iterator[Mapping[str, Any]]:
    token = None
    while True:
        page = call("sns", "list_subscriptions_by_topic", TopicArn=spec.topic_arn, NextToken=token)
        answer = run(page)
        yield from answer.get("Subscriptions", ())
        token = answer.get("NextToken")
        if not token:
            return


def _is_of(found: Mapping[str, Any], spec: Subscription) -> bool:
    """Whether a subscription leads to an endpoint. SNS shows URLs without their passwords."""
    listed = parse_subscription(found)
    is_there = found["SubscriptionArn"] != "Deleted"
    return is_there and (listed.protocol, listed.endpoint) == (spec.protocol, spec.endpoint)


def _tags(pairs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in pairs}


def find_present(run: Run, queue_arn: str | None, *, receives: bool) -> Present:
    """What the account has that decides what is desired.

    :param queue_arn: of the queue, or None if none is wanted.
    :param receives: whether mail is to be received.
    """
    active = find_active_rule_set(run, None) if receives else None
    queue = find_queue(run, Queue(arn=queue_arn)) if queue_arn else None
    redrive = json.loads((queue or {"Attributes": {}})["Attributes"].get("RedrivePolicy") or "{}")
    return Present(
        active_rule_set=active["Metadata"]["Name"] if active else None,
        dead_letter_arn=redrive.get("deadLetterTargetArn"),
    )
