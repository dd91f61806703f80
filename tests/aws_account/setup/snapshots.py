"""Everything that is in an account, as its APIs tell, to compare before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

#: What is made up whenever something is made, or counts what happens by itself.
VOLATILE = {
    "CreatedTimestamp",
    "CreationDate",
    "LastModifiedTimestamp",
    "LastKeyGenerationTimestamp",
    "Tokens",
    "ResponseMetadata",
    "SubscriptionArn",
    "SubscriptionsConfirmed",
    "SubscriptionsDeleted",
    "SubscriptionsPending",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "VerificationInfo",
}


def snapshot(client: Callable[[str], Any]) -> dict[str, Any]:
    """What is there, by its name.

    :param client: makes a boto3 client.
    """
    found = [
        *_of_ses(client("sesv2"), client("ses")),
        *_of_sns(client("sns")),
        *_of_sqs(client("sqs")),
        *_of_s3(client("s3")),
    ]
    return {name: json.loads(json.dumps(_lasting(value), default=str)) for name, value in found}


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(each) for key, each in value.items() if key not in VOLATILE}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


def _of_ses(sesv2: Any, ses: Any) -> Iterator[tuple[str, Any]]:
    for identity in sesv2.list_email_identities()["EmailIdentities"]:
        name = identity["IdentityName"]
        yield f"identity {name}", sesv2.get_email_identity(EmailIdentity=name)
    for name in sesv2.list_configuration_sets()["ConfigurationSets"]:
        asked = {"ConfigurationSetName": name}
        yield f"set {name}", sesv2.get_configuration_set(**asked)
        found = sesv2.get_configuration_set_event_destinations(**asked)
        yield f"destinations {name}", found
    for rule_set in ses.list_receipt_rule_sets()["RuleSets"]:
        name = rule_set["Name"]
        yield f"rule set {name}", ses.describe_receipt_rule_set(RuleSetName=name)
    yield "active rule set", ses.describe_active_receipt_rule_set().get("Metadata", {}).get("Name")


def _of_sns(sns: Any) -> Iterator[tuple[str, Any]]:
    for topic in sns.list_topics()["Topics"]:
        arn = topic["TopicArn"]
        yield arn, sns.get_topic_attributes(TopicArn=arn)
        yield f"tags of {arn}", sns.list_tags_for_resource(ResourceArn=arn)
    found = sns.list_subscriptions()["Subscriptions"]
    yield "subscriptions", sorted(f"{one['Endpoint']} to {one['TopicArn']}" for one in found)
    for one in found:
        if one["Protocol"] == "sqs":  # those of webhooks have no ARN until they are confirmed
            arn = one["SubscriptionArn"]
            name = f"{one['Endpoint']} at {one['TopicArn']}"
            yield name, sns.get_subscription_attributes(SubscriptionArn=arn)


def _of_sqs(sqs: Any) -> Iterator[tuple[str, Any]]:
    for url in sqs.list_queues().get("QueueUrls", ()):
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        yield found["Attributes"]["QueueArn"], found
        yield f"tags of {url}", sqs.list_queue_tags(QueueUrl=url)


def _of_s3(s3: Any) -> Iterator[tuple[str, Any]]:
    asked = (
        s3.get_bucket_policy,
        s3.get_bucket_tagging,
        s3.get_public_access_block,
        s3.get_bucket_lifecycle_configuration,
    )
    for bucket in s3.list_buckets()["Buckets"]:
        for call in asked:
            try:
                yield f"{call.__name__} {bucket['Name']}", call(Bucket=bucket["Name"])
            except ClientError as err:
                yield f"{call.__name__} {bucket['Name']}", err.response["Error"]["Code"]
