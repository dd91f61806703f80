"""The Amazon side as a whole: starts it, and sets up an account as people set up theirs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .. import SandboxError
from ..journal import Journal, ReceivedMail
from ..samples import TEMPLATE
from . import defaults
from .dns.zone import Dns
from .events.subscribers import EVENT_TYPES
from .faults import Faults
from .identities import Identities
from .sns.signing_key import SigningKey
from .suppression import SuppressionLists

if TYPE_CHECKING:
    from ..outbox_worker import OutboxWorker
    from .sns.local_sns import LocalSns
    from .sns.subscription import Subscription


@dataclass(kw_only=True)
class LocalAws:
    """SES, SNS, S3, SQS and KMS behind one URL.

    :param url: the endpoint of all of them.
    :param faults: how slow it is, and whom it refuses.
    :param settings_text: what a project has in its settings to use it; empty if none can.
    :param dns: what the DNS says.
    :param sns: None until it has started.
    :param sites: of the project beside which it runs; None if it runs by itself.
    :param outbox: delivers what the page stores; None if nothing does.
    """

    url: str
    journal: Journal
    faults: Faults
    dns: Dns = field(default_factory=Dns)
    sns: LocalSns | None = None
    settings_text: str = ""
    sites: Sequence[str] | None = None
    outbox: OutboxWorker | None = None
    _clients: dict[str, Any] = field(default_factory=dict)

    def receive(self, raw: bytes, **options: Any) -> ReceivedMail:
        """A mail arrives from outside.

        :param options: ``sender`` and ``recipients`` of the envelope; ``rule``, the name of the
            only receipt rule to use; ``verdicts`` of ``spam``, ``virus``, ``spf``, ``dkim``,
            ``dmarc``, which are ``PASS`` unless given.
        :raises SandboxError: no rule takes it, or it is too large for the rule's action.
        """
        from .receive.receive import receive

        sns, journal = self.started_sns, self.journal
        return receive(raw, region=defaults.REGION, sns=sns, journal=journal, **options)

    def webhooks(self) -> list[Subscription]:
        """Every webhook that is subscribed, the oldest first."""
        return [] if self.sns is None else self.sns.webhooks()

    @property
    def started_sns(self) -> LocalSns:
        if self.sns is None:
            raise SandboxError("The sandbox is still starting. Try again in a moment.")
        return self.sns

    def client(self, service: str) -> Any:
        """A boto3 client of it."""
        import boto3

        if service not in self._clients:
            make: Any = boto3.client
            self._clients[service] = make(service, endpoint_url=self.url, **defaults.CREDENTIALS)
        return self._clients[service]


def forget_environment() -> None:
    """Make boto3 blind to this machine's AWS settings and proxies, and moto to its own."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "BOTO_", "MOTO_")):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


def check_installed() -> None:
    """Raise SandboxError without moto, which takes a second to import and is imported later."""
    needed = {"moto": "moto", "flask": "flask", "flask_cors": "flask-cors", "dns": "dnspython"}
    missing = [name for module, name in needed.items() if find_spec(module) is None]
    if missing:
        raise SandboxError(
            f"The sandbox needs {', '.join(missing)}. "
            'Install it with: python -m pip install "django-anymail-ses[sandbox]"'
        )


@contextmanager
def run_services(
    aws: LocalAws, application: Future[Any], *, key: SigningKey, hosts: Sequence[str]
) -> Iterator[None]:
    """Run the services for the length of a ``with`` block. Their imports take a second.

    :param application: gets the WSGI application as soon as there is one.
    :param hosts: the names under which they may be called, and posted to; ``["*"]`` for all.
    """
    from .endpoint import AwsEndpoint
    from .events.publish import Publisher
    from .queues import watch_queues
    from .receive.receive import receive
    from .ses.context import SesContext
    from .sns.local_sns import LocalSns

    watch_queues(aws.journal)
    aws.sns = LocalSns(aws.journal, key, allow_remote="*" in hosts)
    incoming = partial(receive, sns=aws.sns, journal=aws.journal)
    identities = Identities(dns=aws.dns, faults=aws.faults)
    suppression = SuppressionLists()
    publisher = Publisher(aws.journal, aws.sns, incoming, identities, suppression)
    ses = SesContext(
        publisher=publisher,
        sns=aws.sns,
        faults=aws.faults,
        identities=identities,
        suppression=suppression,
    )
    try:
        application.set_result(AwsEndpoint(ses, hosts=hosts))
        yield
    finally:
        publisher.close()
        aws.sns.close()


def set_up_account(
    aws: LocalAws,
    domains: Sequence[str],
    configuration_sets: Sequence[str],
    verified: Sequence[str],
) -> None:
    """Topics, a queue, configuration sets that publish everything, a template, a bucket, rules.

    :param domains: that receive mail; :data:`~.defaults.DOMAIN` if empty.
    :param verified: addresses and domains that are verified as well.
    """
    for topic in (defaults.EVENTS_TOPIC, defaults.INBOUND_TOPIC):
        aws.client("sns").create_topic(Name=topic.rpartition(":")[2])
    _create_queue(aws)
    for name in dict.fromkeys([defaults.CONFIGURATION_SET, *configuration_sets]):
        _create_configuration_set(aws, name)
    for identity in dict.fromkeys([*(domains or [defaults.DOMAIN]), *verified]):
        aws.client("sesv2").create_email_identity(EmailIdentity=identity.lower())
    aws.client("ses").create_template(Template=TEMPLATE)
    aws.client("s3").create_bucket(Bucket=defaults.BUCKET)
    key = aws.client("kms").create_key(Description="Received mail")["KeyMetadata"]["Arn"]
    _create_rules(aws.client("ses"), key)


def _create_queue(aws: LocalAws) -> None:
    """A queue that gets what both topics publish, and one for what is received in vain."""
    sqs, arn = aws.client("sqs"), f"arn:aws:sqs:{defaults.REGION}:{defaults.ACCOUNT}"
    sqs.create_queue(QueueName=defaults.DEAD_LETTER_QUEUE)
    dead = f"{arn}:{defaults.DEAD_LETTER_QUEUE}"
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": "5"})
    sqs.create_queue(QueueName=defaults.QUEUE, Attributes={"RedrivePolicy": redrive})
    queue = f"{arn}:{defaults.QUEUE}"
    for topic in (defaults.EVENTS_TOPIC, defaults.INBOUND_TOPIC):
        aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)


def _create_configuration_set(aws: LocalAws, name: str) -> None:
    aws.client("ses").create_configuration_set(ConfigurationSet={"Name": name})
    sns = {"SnsDestination": {"TopicArn": defaults.EVENTS_TOPIC}}
    destination = {"Enabled": True, "MatchingEventTypes": list(EVENT_TYPES), **sns}
    aws.client("sesv2").create_configuration_set_event_destination(
        ConfigurationSetName=name, EventDestinationName="sns", EventDestination=destination
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
        both = [actions[name], {"StopAction": {"Scope": "RuleSet"}}]
        rule = {"Name": name, "Enabled": True, "ScanEnabled": True, "Actions": both}
        ses.create_receipt_rule(RuleSetName=defaults.RULE_SET, Rule=rule)
    ses.set_active_receipt_rule_set(RuleSetName=defaults.RULE_SET)
