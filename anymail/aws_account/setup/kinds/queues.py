"""Queues, as they should be. Pure.

Source: Amazon SQS API Reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial, reduce
from typing import Any

from ... import policies
from ..grants import Grant, grant_in_policy, requests_of
from ..resources import Queue
from ..steps import Call, Context, Outcome, Remark, addition, call
from .keys import compare_key

#: Seconds: 14 days, the longest that SQS keeps a message.
RETENTION = 14 * 24 * 3600
#: Seconds for which a received message is hidden; ``anymail_consume`` extends it.
VISIBILITY_TIMEOUT = 60
#: With this, ``anymail_consume`` tries a message that fails for 10 hours.
MAX_RECEIVE_COUNT = 50
#: With shorter ones, messages come twice, or go to the dead letters after minutes.
MIN_VISIBILITY_TIMEOUT, MIN_RECEIVE_COUNT = 30, 10


def create_queue(spec: Queue, context: Context) -> Call:
    """With the policy that lets the topics in; a queue of dead letters has none."""
    attributes = {"MessageRetentionPeriod": str(RETENTION)}
    if spec.dead_letter_arn:
        policy = queue_policy(spec)
        attributes |= {
            "VisibilityTimeout": str(VISIBILITY_TIMEOUT),
            "RedrivePolicy": _redrive_policy(spec.dead_letter_arn),
            "Policy": json.dumps(policy),
        }
    return call(
        "sqs", "create_queue", QueueName=spec.name, Attributes=attributes, tags=dict(context.tags)
    )


def compare_queue(spec: Queue, found: Mapping[str, Any], context: Context) -> Iterator[Outcome]:
    """What its policy lacks is added, and so is a redrive policy where there is none.

    :param found: ``QueueUrl``, ``Attributes``, and ``Key`` if it is encrypted with one of KMS.
    """
    attributes = found["Attributes"]
    url = found["QueueUrl"]
    if spec.dead_letter_arn:
        if not attributes.get("RedrivePolicy"):
            dead = _redrive_policy(spec.dead_letter_arn)
            made = _set_attribute(url, "RedrivePolicy", dead)
            yield addition(f"{spec.title}: a dead-letter queue", made)
        set_policy = partial(_set_attribute, url, "Policy")
        policy = attributes.get("Policy")
        yield from _compare_tries(spec, attributes, url)
        yield from grant_in_policy(spec.title, policy, queue_grants(spec), set_policy)
        for topic_arn in spec.topic_arns[:1]:
            yield from compare_key(spec.title, found.get("Key"), policies.SNS, topic_arn)
    if int(attributes.get("MessageRetentionPeriod", RETENTION)) < RETENTION:
        fix = _set_attribute(url, "MessageRetentionPeriod", str(RETENTION))
        yield Remark(text=f"The {spec.title} keeps messages for less than 14 days.", fix=fix)


def _compare_tries(spec: Queue, attributes: Mapping[str, str], url: str) -> Iterator[Outcome]:
    """How long a message is hidden, and how often it is received."""
    if int(attributes.get("VisibilityTimeout", VISIBILITY_TIMEOUT)) < MIN_VISIBILITY_TIMEOUT:
        longer = _set_attribute(url, "VisibilityTimeout", str(VISIBILITY_TIMEOUT))
        text = f"The {spec.title} hides a received message for less than 30 seconds."
        yield Remark(text=text, fix=longer)
    redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
    if redrive and int(redrive.get("maxReceiveCount", 0)) < MIN_RECEIVE_COUNT:
        policy = _redrive_policy(redrive.get("deadLetterTargetArn", spec.dead_letter_arn))
        text = f"The {spec.title} gives a message up before it was received 10 times."
        yield Remark(text=text, fix=_set_attribute(url, "RedrivePolicy", policy))


def queue_policy(spec: Queue) -> policies.Policy:
    """What lets the topics in."""
    statements = [one.statement for one in queue_grants(spec)]
    return reduce(policies.with_statement, statements, policies.document())


def _redrive_policy(dead_letter_arn: str) -> str:
    target = {"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": str(MAX_RECEIVE_COUNT)}
    return json.dumps(target)


def queue_grants(spec: Queue) -> list[Grant]:
    """Topics may fill a queue: one for each, so that a topic can be added."""
    return [
        Grant(
            statement=policies.allow_sns_to_send(spec.arn, [topic]),
            requests=requests_of(policies.SNS, ("sqs:SendMessage",), spec.arn, topic),
        )
        for topic in spec.topic_arns
    ]


def _set_attribute(url: str, name: str, value: str) -> Call:
    return call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={name: value})
