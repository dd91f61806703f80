"""A configuration of Terraform in JSON. Pure; nothing here can tell whether Terraform accepts it.

Sources: Terraform, "JSON Configuration Syntax"; the AWS provider's documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from ... import policies
from ..kinds.buckets import bucket_grant
from ..kinds.identities import KEY_LENGTH
from ..kinds.queues import MAX_RECEIVE_COUNT, RETENTION, VISIBILITY_TIMEOUT, queue_policy
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

Arguments: TypeAlias = dict[str, Any]
#: A type, and the arguments.
Entries: TypeAlias = Iterator[tuple[str, Arguments]]
SECRET = "webhook_secret"  # noqa: S105
NOTE = "Made by anymail_setup, which cannot validate it: run terraform validate and terraform plan."


def configuration(desired: Desired) -> str:
    """The text of a file ``*.tf.json``, with a variable for the secret of webhooks."""
    resources: dict[str, dict[str, Arguments]] = {}
    addresses: dict[str, list[str]] = {}
    for resource in desired.resources:
        label = _label(resource.key)
        before = [one for key in resource.needs for one in addresses[key]]
        own: list[str] = []
        for kind, arguments in _entries(resource, desired):
            needed = {"depends_on": [*before, *own]} if before or own else {}
            resources.setdefault(kind, {})[label] = {**_escaped(arguments), **needed}
            own.append(f"{kind}.{label}")
        addresses[resource.key] = own
    document = {
        "//": NOTE,
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {"aws": {"region": desired.place.region}},
        **_variables(desired),
        "resource": resources,
    }
    return json.dumps(document, indent=2)


def _variables(desired: Desired) -> Arguments:
    specs = [resource.spec for resource in desired.resources]
    if not any(isinstance(one, Subscription) and one.is_webhook for one in specs):
        return {}
    return {
        "variable": {
            SECRET: {
                "type": "string",
                "sensitive": True,
                "description": "user:password of the webhooks, percent-encoded as in a URL",
            }
        }
    }


def _entries(resource: Resource, desired: Desired) -> Entries:
    return KINDS[type(resource.spec)](resource.spec, desired.place, dict(desired.tags))


def _label(key: str) -> str:
    """``EventsTopic`` -> ``events_topic``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower()


def _escaped(value: Any) -> Any:
    """A value that Terraform takes as it is; the reference to our variable stays one."""
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    if not isinstance(value, str):
        return value
    return re.sub(rf"([$%])\{{(?!var\.{SECRET}\}})", r"\1\1{", value)


def _identity(spec: Identity, place: Place, tags: Arguments) -> Entries:
    arguments: Arguments = {"email_identity": spec.name, "tags": tags}
    if spec.is_domain:
        arguments["dkim_signing_attributes"] = {"next_signing_key_length": KEY_LENGTH}
    yield "aws_sesv2_email_identity", arguments
    if spec.mail_from:
        yield (
            "aws_sesv2_email_identity_mail_from_attributes",
            {
                "email_identity": spec.name,
                "mail_from_domain": spec.mail_from,
                "behavior_on_mx_failure": "USE_DEFAULT_VALUE",
            },
        )


def _configuration_set(spec: ConfigurationSet, place: Place, tags: Arguments) -> Entries:
    yield (
        "aws_sesv2_configuration_set",
        {
            "configuration_set_name": spec.name,
            "reputation_options": {"reputation_metrics_enabled": True},
            "tags": tags,
        },
    )


def _topic(spec: Topic, place: Place, tags: Arguments) -> Entries:
    policy = json.dumps(policies.document(topic_grant(spec, place).statement))
    arguments = {"name": spec.name, "signature_version": 2, "policy": policy, "tags": tags}
    yield "aws_sns_topic", arguments


def _event_destination(spec: EventDestination, place: Place, tags: Arguments) -> Entries:
    yield (
        "aws_sesv2_configuration_set_event_destination",
        {
            "configuration_set_name": spec.configuration_set,
            "event_destination_name": spec.name,
            "event_destination": {
                "enabled": True,
                "matching_event_types": list(spec.event_types),
                "sns_destination": {"topic_arn": spec.topic_arn},
            },
        },
    )


def _subscription(spec: Subscription, place: Place, tags: Arguments) -> Entries:
    arguments: Arguments = {
        "topic_arn": spec.topic_arn,
        "protocol": spec.protocol,
        "endpoint": spec.endpoint,
    }
    if spec.is_webhook:
        endpoint = spec.endpoint.replace("://", f"://${{var.{SECRET}}}@", 1)
        arguments |= {"endpoint": endpoint, "endpoint_auto_confirms": True}
    yield "aws_sns_topic_subscription", arguments


def _queue(spec: Queue, place: Place, tags: Arguments) -> Entries:
    arguments: Arguments = {
        "name": spec.name,
        "message_retention_seconds": RETENTION,
        "tags": tags,
    }
    if spec.dead_letter_arn is not None:
        redrive = {
            "deadLetterTargetArn": spec.dead_letter_arn,
            "maxReceiveCount": MAX_RECEIVE_COUNT,
        }
        arguments |= {
            "visibility_timeout_seconds": VISIBILITY_TIMEOUT,
            "redrive_policy": json.dumps(redrive),
            "policy": json.dumps(queue_policy(spec)),
        }
    yield "aws_sqs_queue", arguments


def _bucket(spec: Bucket, place: Place, tags: Arguments) -> Entries:
    yield "aws_s3_bucket", {"bucket": spec.name, "tags": tags}
    yield (
        "aws_s3_bucket_public_access_block",
        {
            "bucket": spec.name,
            "block_public_acls": True,
            "ignore_public_acls": True,
            "block_public_policy": True,
            "restrict_public_buckets": True,
        },
    )
    rule = {
        "id": "delete-received-mail",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": spec.expires_after},
    }
    yield "aws_s3_bucket_lifecycle_configuration", {"bucket": spec.name, "rule": [rule]}
    policy = json.dumps(policies.document(bucket_grant(spec, place).statement))
    yield "aws_s3_bucket_policy", {"bucket": spec.name, "policy": policy}


def _rule_set(spec: ReceiptRuleSet, place: Place, tags: Arguments) -> Entries:
    yield "aws_ses_receipt_rule_set", {"rule_set_name": spec.name}


def _rule(spec: ReceiptRule, place: Place, tags: Arguments) -> Entries:
    action = {"bucket_name": spec.bucket, "topic_arn": spec.topic_arn, "position": 1}
    yield (
        "aws_ses_receipt_rule",
        {
            "name": spec.name,
            "rule_set_name": spec.rule_set,
            "recipients": list(spec.recipients),
            "enabled": True,
            "scan_enabled": True,
            "s3_action": [action],
        },
    )


def _active_rule_set(spec: ActiveRuleSet, place: Place, tags: Arguments) -> Entries:
    yield "aws_ses_active_receipt_rule_set", {"rule_set_name": spec.name}


KINDS: Mapping[type, Callable[[Any, Place, Arguments], Entries]] = {
    Identity: _identity,
    ConfigurationSet: _configuration_set,
    Topic: _topic,
    EventDestination: _event_destination,
    Subscription: _subscription,
    Queue: _queue,
    Bucket: _bucket,
    ReceiptRuleSet: _rule_set,
    ReceiptRule: _rule,
    ActiveRuleSet: _active_rule_set,
}
