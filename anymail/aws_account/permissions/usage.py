"""What a project uses of an AWS account, and the ARNs of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import urlsplit

from ...amazon_ses import sqs
from ...conf import AmazonSESSettings


class Resource(Enum):
    """A kind of resource that an IAM action is about (Service Authorization Reference)."""

    #: For actions that cannot be limited to resources.
    ANY = "any"
    IDENTITY = "identity"
    CONFIGURATION_SET = "configuration set"
    TEMPLATE = "template"
    TENANT = "tenant"
    EXPORT_JOB = "export job"
    TOPIC = "topic"
    QUEUE = "queue"
    DEAD_LETTER_QUEUE = "dead-letter queue"
    BUCKET = "bucket"
    OBJECT = "object"
    KEY = "key"
    ROLE = "role"
    PRINCIPAL = "principal"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a project uses. None is what nobody can tell from outside of its code.

    :param settings: those of the backend that sends.
    :param account: twelve digits.
    :param region: where SES sends from.
    :param partition: the second part of all ARNs.
    :param api_versions: of SES: 1, 2 or both.
    :param identities: the domains and addresses that SES has verified and that are sent from; all
        those of the account if there are none.
    :param dead_letter_queues: ARNs; those of the queues with ``-dead`` if there are none.
    :param has_outbox: messages are sent by ``anymail_send``.
    :param has_feedback: ``anymail.feedback`` is installed.
    :param has_webhook: SNS posts to a webhook.
    :param has_inbound: mail is received, and fetched from S3.
    :param has_templates: messages have a ``template_id``.
    :param has_validators: SES is asked whether addresses are deliverable.
    """

    settings: AmazonSESSettings
    account: str
    region: str
    partition: str = "aws"
    api_versions: frozenset[int] = frozenset({1})
    identities: tuple[str, ...] = ()
    dead_letter_queues: tuple[str, ...] = ()
    has_outbox: bool = False
    has_feedback: bool = False
    has_webhook: bool | None = None
    has_inbound: bool | None = None
    has_templates: bool | None = None
    has_validators: bool | None = None

    def arn(self, service: str, resource: str) -> str:
        """An ARN in the account and the region of SES.

        :param resource: the last part.
        """
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def without_names(self) -> Usage:
        """The same with whatever resources the account has."""
        settings = replace(
            self.settings,
            configuration_set_name=None,
            from_arn=None,
            source_arn=None,
            return_path_arn=None,
            sns_topic_arns=(),
            inbound_buckets=(),
            inbound_kms_key_id=None,
            queues=(),
            role_arn=None,
        )
        return replace(self, settings=settings, identities=(), dead_letter_queues=())


def arns(resource: Resource, usage: Usage) -> list[str]:
    """The ARNs, or patterns of ARNs, of the resources of a kind that a project uses."""
    return ARNS[resource](usage)


def queue_arn(queue: str, usage: Usage) -> str:
    """The ARN of a queue.

    :param queue: its name, URL or ARN, as in ``AMAZON_SES_QUEUES``.
    """
    if queue.startswith("arn:"):
        return queue
    account, name = usage.account, queue
    if "://" in queue:
        account, _, name = urlsplit(queue).path.strip("/").rpartition("/")
    own = (usage.settings.sqs_client_params or {}).get("region_name")
    region = own or sqs.region_in_url(queue) or usage.region
    return f"arn:{usage.partition}:sqs:{region}:{account or usage.account}:{name}"


def _identities(usage: Usage) -> list[str]:
    settings = usage.settings
    others = (settings.from_arn, settings.source_arn, settings.return_path_arn)
    own = [usage.arn("ses", f"identity/{name}") for name in usage.identities or ("*",)]
    return list(dict.fromkeys([*own, *filter(None, others)]))


def _configuration_sets(usage: Usage) -> list[str]:
    name = usage.settings.configuration_set_name or "*"
    return [usage.arn("ses", f"configuration-set/{name}")]


def _topics(usage: Usage) -> list[str]:
    return list(usage.settings.sns_topic_arns) or [usage.arn("sns", "*")]


def _queues(usage: Usage) -> list[str]:
    return [queue_arn(queue, usage) for queue in usage.settings.queues] or [usage.arn("sqs", "*")]


def _dead_letter_queues(usage: Usage) -> list[str]:
    return list(usage.dead_letter_queues) or [f"{queue}-dead" for queue in _queues(usage)]


def _buckets(usage: Usage) -> list[str]:
    names = usage.settings.inbound_buckets or ("*",)
    return [f"arn:{usage.partition}:s3:::{name}" for name in names]


def _keys(usage: Usage) -> list[str]:
    key = usage.settings.inbound_kms_key_id or "*"
    if key.startswith("arn:") and ":key/" in key:
        return [key]
    # A policy cannot name a key by its alias.
    return [usage.arn("kms", f"key/{'*' if 'alias/' in key else key}")]


def _of_iam(resource: str, usage: Usage) -> str:
    return f"arn:{usage.partition}:iam::{usage.account}:{resource}"


ARNS: dict[Resource, Callable[[Usage], list[str]]] = {
    Resource.ANY: lambda usage: ["*"],
    Resource.IDENTITY: _identities,
    Resource.CONFIGURATION_SET: _configuration_sets,
    Resource.TEMPLATE: lambda usage: [usage.arn("ses", "template/*")],
    Resource.TENANT: lambda usage: [usage.arn("ses", "tenant/*")],
    Resource.EXPORT_JOB: lambda usage: [usage.arn("ses", "export-job/*")],
    Resource.TOPIC: _topics,
    Resource.QUEUE: _queues,
    Resource.DEAD_LETTER_QUEUE: _dead_letter_queues,
    Resource.BUCKET: _buckets,
    Resource.OBJECT: lambda usage: [f"{bucket}/*" for bucket in _buckets(usage)],
    Resource.KEY: _keys,
    Resource.ROLE: lambda usage: [usage.settings.role_arn or _of_iam("role/*", usage)],
    Resource.PRINCIPAL: lambda usage: [_of_iam("*", usage)],
}
