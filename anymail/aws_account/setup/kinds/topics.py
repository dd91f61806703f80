"""Topics, as they should be. Pure.

Source: Amazon SNS API Reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from ... import policies
from ..grants import Grant, grant_in_policy, requests_of
from ..resources import Place, Topic
from ..steps import Call, Context, Outcome, Remark, call, tag_list
from .keys import compare_key


def create_topic(spec: Topic, context: Context) -> Call:
    """One to which SES may publish, with signatures of SHA-256."""
    policy = policies.document(topic_grant(spec, context.place).statement)
    attributes = {"SignatureVersion": "2", "Policy": json.dumps(policy)}
    tags = tag_list(context.tags)
    return call("sns", "create_topic", Name=spec.name, Attributes=attributes, Tags=tags)


def compare_topic(spec: Topic, found: Mapping[str, Any], context: Context) -> Iterator[Outcome]:
    """What its policy, and that of its key, lacks is added.

    :param found: ``Attributes``, and ``Key`` if it is encrypted.
    """
    attributes = found["Attributes"]
    grants = [topic_grant(spec, context.place)]
    set_policy = partial(_set_attribute, spec.arn, "Policy")
    yield from grant_in_policy(spec.title, attributes.get("Policy"), grants, set_policy)
    yield from compare_key(spec.title, found.get("Key"), policies.SES, spec.source)
    if attributes.get("SignatureVersion", "1") == "1":
        text = f"The {spec.title} has SignatureVersion 1: its messages are signed with SHA-1."
        yield Remark(text=text, fix=_set_attribute(spec.arn, "SignatureVersion", "2"))


def topic_grant(spec: Topic, place: Place) -> Grant:
    """SES may publish to a topic."""
    return Grant(
        statement=policies.allow_ses_to_publish(spec.arn, place.account),
        requests=requests_of(policies.SES, ("sns:Publish",), spec.arn, spec.source),
    )


def _set_attribute(topic_arn: str, name: str, value: str) -> Call:
    return call(
        "sns",
        "set_topic_attributes",
        TopicArn=topic_arn,
        AttributeName=name,
        AttributeValue=value,
    )
