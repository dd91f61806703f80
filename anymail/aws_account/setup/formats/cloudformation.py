"""A template of AWS CloudFormation. Pure.

Source: AWS CloudFormation Template Reference, "Resource and property reference".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from ... import policies
from ..kinds.buckets import PUBLIC_ACCESS_BLOCK, bucket_grant
from ..kinds.identities import KEY_LENGTH
from ..kinds.queues import MAX_RECEIVE_COUNT, RETENTION, VISIBILITY_TIMEOUT, queue_policy
from ..kinds.receipt_rules import activate, receipt_rule
from ..kinds.topics import topic_grant
from ..resources import (
    ActiveRuleSet,
    Bucket,
    ConfigurationSet,
    Desired,
    EventDestination,
    Identity,
    Place,
    Queue,
    ReceiptRule,
    ReceiptRuleSet,
    Resource,
    Subscription,
    Topic,
)
from ..steps import Context, command, tag_list

Properties: TypeAlias = dict[str, Any]
#: What is appended to the key of a resource, with the type and the properties.
Entries: TypeAlias = Iterator[tuple[str, str, Properties]]
SECRET = "WebhookSecret"  # noqa: S105


def template(desired: Desired) -> str:
    """The template, as JSON: with a parameter for the secret if a webhook is subscribed.

    The activation of a rule set is an output, since CloudFormation cannot do it.
    """
    resources = dict(_resources(desired))
    document = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Amazon SES for Django",
        **_parameters(desired),
        "Resources": resources,
        **_outputs(desired),
    }
    return json.dumps(document, indent=2)


def _parameters(desired: Desired) -> Properties:
    if not any(_is_webhook(resource) for resource in desired.resources):
        return {}
    return {
        "Parameters": {
            SECRET: {
                "Type": "String",
                "NoEcho": True,
                "Description": "user:password of the webhooks, percent-encoded as in a URL",
            }
        }
    }


def _is_webhook(resource: Resource) -> bool:
    return isinstance(resource.spec, Subscription) and resource.spec.is_webhook


def _resources(desired: Desired) -> Iterator[tuple[str, Properties]]:
    ids: dict[str, list[str]] = {}
    for resource in desired.resources:
        entries = list(_entries(resource, desired))
        ids[resource.key] = [f"{resource.key}{suffix}" for suffix, _, _ in entries]
        needed = [one for key in resource.needs for one in ids[key]]
        for suffix, kind, properties in entries:
            before = [*needed, *([resource.key] if suffix else [])]
            kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
            yield (
                f"{resource.key}{suffix}",
                {
                    "Type": kind,
                    **(kept if kind == "AWS::S3::Bucket" else {}),
                    **({"DependsOn": before} if before else {}),
                    "Properties": properties,
                },
            )


def _entries(resource: Resource, desired: Desired) -> Entries:
    make = KINDS.get(type(resource.spec))
    return make(resource.spec, desired.place, tag_list(desired.tags)) if make else iter(())


def _outputs(desired: Desired) -> Properties:
    """What is left to do by hand: DNS records, and the activation of a rule set."""
    found: Properties = {}
    for resource in desired.resources:
        spec = resource.spec
        if isinstance(spec, Identity) and spec.is_domain:
            found.update(_dkim_outputs(resource.key))
        elif isinstance(spec, ActiveRuleSet):
            context = Context(place=desired.place, tags=desired.tags)
            found[resource.key] = {
                "Description": "CloudFormation cannot activate a receipt rule set: type this",
                "Value": command(activate(spec, context)),
            }
    return {"Outputs": found} if found else {}


def _dkim_outputs(key: str) -> Properties:
    return {
        f"{key}Dkim{number}": {
            "Description": "A CNAME record to publish",
            "Value": {
                "Fn::Join": [
                    " CNAME ",
                    [
                        {"Fn::GetAtt": [key, f"DkimDNSTokenName{number}"]},
                        {"Fn::GetAtt": [key, f"DkimDNSTokenValue{number}"]},
                    ],
                ]
            },
        }
        for number in (1, 2, 3)
    }


def _identity(spec: Identity, place: Place, tags: Any) -> Entries:
    properties: Properties = {"EmailIdentity": spec.name, "Tags": tags}
    if spec.is_domain:
        properties["DkimSigningAttributes"] = {"NextSigningKeyLength": KEY_LENGTH}
    if spec.mail_from:
        properties["MailFromAttributes"] = {
            "MailFromDomain": spec.mail_from,
            "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
        }
    yield "", "AWS::SES::EmailIdentity", properties


def _configuration_set(spec: ConfigurationSet, place: Place, tags: Any) -> Entries:
    metrics = {"ReputationMetricsEnabled": True}
    properties = {"Name": spec.name, "ReputationOptions": metrics, "Tags": tags}
    yield "", "AWS::SES::ConfigurationSet", properties


def _topic(spec: Topic, place: Place, tags: Any) -> Entries:
    properties = {"TopicName": spec.name, "SignatureVersion": "2", "Tags": tags}
    yield "", "AWS::SNS::Topic", properties
    policy = policies.document(topic_grant(spec, place).statement)
    yield "Policy", "AWS::SNS::TopicPolicy", {"Topics": [spec.arn], "PolicyDocument": policy}


def _event_destination(spec: EventDestination, place: Place, tags: Any) -> Entries:
    destination = {
        "Name": spec.name,
        "Enabled": True,
        "MatchingEventTypes": [_camel_case(kind) for kind in spec.event_types],
        "SnsDestination": {"TopicARN": spec.topic_arn},
    }
    properties = {"ConfigurationSetName": spec.configuration_set, "EventDestination": destination}
    yield "", "AWS::SES::ConfigurationSetEventDestination", properties


def _subscription(spec: Subscription, place: Place, tags: Any) -> Entries:
    endpoint: Any = spec.endpoint
    if spec.is_webhook:
        endpoint = {"Fn::Sub": spec.endpoint.replace("://", f"://${{{SECRET}}}@", 1)}
    properties = {"TopicArn": spec.topic_arn, "Protocol": spec.protocol, "Endpoint": endpoint}
    yield "", "AWS::SNS::Subscription", properties


def _queue(spec: Queue, place: Place, tags: Any) -> Entries:
    properties = {"QueueName": spec.name, "MessageRetentionPeriod": RETENTION, "Tags": tags}
    if spec.dead_letter_arn is None:
        yield "", "AWS::SQS::Queue", properties
        return
    redrive = {"deadLetterTargetArn": spec.dead_letter_arn, "maxReceiveCount": MAX_RECEIVE_COUNT}
    more = {"VisibilityTimeout": VISIBILITY_TIMEOUT, "RedrivePolicy": redrive}
    yield "", "AWS::SQS::Queue", {**properties, **more}
    url = {
        "Fn::Sub": f"https://sqs.${{AWS::Region}}.${{AWS::URLSuffix}}/{place.account}/{spec.name}"
    }
    yield "Policy", "AWS::SQS::QueuePolicy", {"Queues": [url], "PolicyDocument": queue_policy(spec)}


def _bucket(spec: Bucket, place: Place, tags: Any) -> Entries:
    rule = {
        "Id": "delete-received-mail",
        "Status": "Enabled",
        "ExpirationInDays": spec.expires_after,
    }
    properties = {
        "BucketName": spec.name,
        "PublicAccessBlockConfiguration": PUBLIC_ACCESS_BLOCK,
        "LifecycleConfiguration": {"Rules": [rule]},
        "Tags": tags,
    }
    yield "", "AWS::S3::Bucket", properties
    policy = policies.document(bucket_grant(spec, place).statement)
    yield "Policy", "AWS::S3::BucketPolicy", {"Bucket": spec.name, "PolicyDocument": policy}


def _rule_set(spec: ReceiptRuleSet, place: Place, tags: Any) -> Entries:
    yield "", "AWS::SES::ReceiptRuleSet", {"RuleSetName": spec.name}


def _rule(spec: ReceiptRule, place: Place, tags: Any) -> Entries:
    properties = {"RuleSetName": spec.rule_set, "Rule": receipt_rule(spec)}
    yield "", "AWS::SES::ReceiptRule", properties


#: What CloudFormation can make.
KINDS: Mapping[type, Callable[[Any, Place, Any], Entries]] = {
    Identity: _identity,
    ConfigurationSet: _configuration_set,
    Topic: _topic,
    EventDestination: _event_destination,
    Subscription: _subscription,
    Queue: _queue,
    Bucket: _bucket,
    ReceiptRuleSet: _rule_set,
    ReceiptRule: _rule,
}


def _camel_case(kind: str) -> str:
    """``DELIVERY_DELAY`` -> ``deliveryDelay``: the template has v1's names of event types."""
    first, *others = kind.lower().split("_")
    return first + "".join(map(str.capitalize, others))
