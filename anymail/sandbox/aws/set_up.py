"""Sets up the account through the APIs, as people do it with theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..samples import TEMPLATE
from . import defaults
from .events.subscribers import EVENT_TYPES

if TYPE_CHECKING:
    from .local_aws import LocalAws


def set_up_account(
    amazon: LocalAws,
    domains: Sequence[str],
    configuration_sets: Sequence[str],
    verified: Sequence[str],
) -> None:
    """Topics, configuration sets that publish everything, a template, a bucket, and receipt rules.

    :param domains: that receive mail; :data:`~.defaults.DOMAIN` if empty.
    :param configuration_sets: to have beside :data:`~.defaults.CONFIGURATION_SET`.
    :param verified: addresses and domains that are verified as well.
    """
    for topic in (defaults.EVENTS_TOPIC, defaults.INBOUND_TOPIC):
        amazon.client("sns").create_topic(Name=topic.rpartition(":")[2])
    for name in dict.fromkeys([defaults.CONFIGURATION_SET, *configuration_sets]):
        _create_configuration_set(amazon, name)
    for identity in dict.fromkeys([*(domains or [defaults.DOMAIN]), *verified]):
        amazon.client("sesv2").create_email_identity(EmailIdentity=identity.lower())
    amazon.client("ses").create_template(Template=TEMPLATE)
    amazon.client("s3").create_bucket(Bucket=defaults.BUCKET)
    key = amazon.client("kms").create_key(Description="Received mail")["KeyMetadata"]["Arn"]
    _create_rules(amazon.client("ses"), key)


def _create_configuration_set(amazon: LocalAws, name: str) -> None:
    amazon.client("ses").create_configuration_set(ConfigurationSet={"Name": name})
    # v1 of the API does not know every type of event.
    amazon.client("sesv2").create_configuration_set_event_destination(
        ConfigurationSetName=name,
        EventDestinationName="sns",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": list(EVENT_TYPES),
            "SnsDestination": {"TopicArn": defaults.EVENTS_TOPIC},
        },
    )


def _create_rules(ses: Any, key: str) -> None:
    """One rule for each way in which mail can come; the first takes what asks for no other."""
    s3 = {"BucketName": defaults.BUCKET, "TopicArn": defaults.INBOUND_TOPIC}
    actions: dict[str, dict[str, Any]] = {
        "s3": {"S3Action": s3},
        "sns": {"SNSAction": {"TopicArn": defaults.INBOUND_TOPIC, "Encoding": "Base64"}},
        "s3-encrypted": {"S3Action": {**s3, "KmsKeyArn": key}},
    }
    ses.create_receipt_rule_set(RuleSetName=defaults.RULE_SET)
    for name in reversed(actions):  # each goes before those that are there
        ses.create_receipt_rule(
            RuleSetName=defaults.RULE_SET,
            Rule={
                "Name": name,
                "Enabled": True,
                "ScanEnabled": True,
                "Actions": [actions[name], {"StopAction": {"Scope": "RuleSet"}}],
            },
        )
    ses.set_active_receipt_rule_set(RuleSetName=defaults.RULE_SET)
