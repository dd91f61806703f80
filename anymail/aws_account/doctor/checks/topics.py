"""Topics of SNS: those that SES publishes to, and those in the settings.

Source: Amazon SES Developer Guide, "Set up an Amazon SNS event destination for event publishing";
Amazon SNS API Reference, "GetTopicAttributes".
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from ...policies import SES, allow_ses_to_publish
from ...policy_evaluation import service_request
from ..context import Context
from ..encryption import key_findings
from ..event_paths import configuration_set, event_topics, topic_attributes
from ..findings import (
    Finding,
    Fix,
    advice,
    command,
    error,
    not_used,
    ok,
    policy,
    setting,
    warning,
)
from ..resource_policies import policy_findings
from ..webhooks import event_webhooks


def topics(context: Context) -> Iterator[Finding]:
    """D13: SES can publish to the topics."""
    arns = list(dict.fromkeys([*event_topics(context), *context.settings.sns_topic_arns]))
    if not arns:
        yield not_used("SES publishes to no topic: see D11")
    for arn in arns:
        findings = list(_topic(context, arn))
        yield from findings or [ok(f"SES may publish to {topic_name(arn)}")]


def allow_list(context: Context) -> Iterator[Finding]:
    """D14: the webhooks and queues take what comes from them."""
    arns, allowed = list(event_topics(context)), _allowed(context)
    missing = [arn for arn in arns if arn not in allowed]
    fix = setting(f'ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] = {json.dumps([*allowed, *missing])}')
    if not arns:
        yield not_used("SES publishes to no topic: see D11")
    elif not allowed and _asks_for_no_secret():
        yield warning("the webhooks take the events of any AWS account's topics", fix)
    elif not allowed:
        yield ok("events are taken from every topic: whoever sends them knows the secret")
    elif missing:
        names = ", ".join(map(topic_name, missing))
        yield error(f"{names} is not in AMAZON_SES_SNS_TOPIC_ARNS: its events are refused", fix)
    else:
        yield ok(f"it has {', '.join(map(topic_name, arns))}")


def topic_name(arn: str) -> str:
    """The name of a topic, without its account and region."""
    return arn.rpartition(":")[2]


def _topic(context: Context, arn: str) -> Iterator[Finding]:
    """What is wrong with a topic. Only those for events must let SES publish them."""
    parts, is_for_events = arn.split(":"), arn in event_topics(context)
    if len(parts) != 6 or parts[2] != "sns" or arn.endswith(".fifo"):
        yield _no_standard_topic(context, arn)
    elif parts[3] != context.region:
        text = (
            f"{topic_name(arn)} is in {parts[3]}, and SES in {context.region} cannot publish to it"
        )
        yield warning(text, advice("Use a topic of the same region: anymail_setup creates one."))
    elif parts[4] != context.account:
        yield _foreign(context, arn)
    elif (attributes := topic_attributes(context, arn)) is None:
        create = f"aws sns create-topic --name {parts[5]} --attributes SignatureVersion=2"
        yield error(f"there is no topic {topic_name(arn)}", command(create))
    else:
        yield from _signature(arn, attributes)
        if is_for_events:
            yield from _policy(context, arn, attributes)
            yield from _encryption(context, arn, attributes)


def _no_standard_topic(context: Context, arn: str) -> Finding:
    others = [one for one in context.settings.sns_topic_arns if one != arn]
    fix = setting(f'ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] = {json.dumps(others)}')
    if arn.endswith(".fifo"):
        text = f"{topic_name(arn)} is a FIFO topic, and SES publishes to standard topics only"
        return error(text, fix)
    return error("AMAZON_SES_SNS_TOPIC_ARNS has something that is no ARN of a topic", fix)


def _foreign(context: Context, arn: str) -> Finding:
    """A topic of another account: whether SES may publish there, only its owner can see."""
    statement = allow_ses_to_publish(arn, context.account)
    return warning(
        f"{topic_name(arn)} belongs to another account, {arn.split(':')[4]}, which gets the events",
        advice("If that is meant, the policy of the topic has to have this statement:"),
        policy(json.dumps(statement)),
    )


def _signature(arn: str, attributes: Mapping[str, str]) -> Iterator[Finding]:
    if attributes.get("SignatureVersion", "1") == "1":
        text = f"messages of {topic_name(arn)} are signed with SHA-1"
        yield warning(text, _set(arn, "SignatureVersion", "2"))


def _policy(context: Context, arn: str, attributes: Mapping[str, str]) -> Iterator[Finding]:
    account, source = context.account, _configuration_set_arn(context, arn)
    request = service_request(SES, "sns:Publish", arn, account=account, source=source)
    yield from policy_findings(
        topic_name(arn),
        attributes.get("Policy"),
        [request],
        allow_ses_to_publish(arn, account),
        partial(_set, arn, "Policy"),
    )


def _encryption(context: Context, arn: str, attributes: Mapping[str, str]) -> Iterator[Finding]:
    if key := attributes.get("KmsMasterKeyId"):
        yield from key_findings(
            context,
            topic_name(arn),
            key,
            SES,
            source=_configuration_set_arn(context, arn),
            otherwise=_set(arn, "KmsMasterKeyId", ""),
        )


def _set(arn: str, name: str, value: str) -> Fix:
    return command(
        f"aws sns set-topic-attributes --topic-arn {arn} --attribute-name {name} "
        f"--attribute-value {shlex.quote(value)}"
    )


def _configuration_set_arn(context: Context, topic: str) -> str:
    partition, region = topic.split(":")[1], context.region
    name = configuration_set(context)
    return f"arn:{partition}:ses:{region}:{context.account}:configuration-set/{name}"


def _allowed(context: Context) -> Sequence[str]:
    """The topics that are allowed where events are taken: a webhook may have its own settings."""
    found = event_webhooks()
    return (found[0] if found else context).settings.sns_topic_arns


def _asks_for_no_secret() -> bool:
    return any(not one.secrets for one in event_webhooks())
