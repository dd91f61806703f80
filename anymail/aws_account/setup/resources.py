"""What mail needs in an AWS account, whichever way it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Part = Literal["sending", "tracking", "queue", "inbound"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where resources are.

    :param account: the id of the AWS account, 12 digits.
    :param partition: ``"aws"``, ``"aws-cn"`` or ``"aws-us-gov"``.
    """

    account: str
    region: str
    partition: str

    def arn(self, service: str, name: str) -> str:
        """The ARN of something in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{name}"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A domain or an address to send from.

    :param mail_from: the custom MAIL FROM domain, or None for Amazon's.
    """

    name: str
    mail_from: str | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return f"identity {self.name}"

    @property
    def is_domain(self) -> bool:
        """Whether it is not a single address."""
        return "@" not in self.name


@dataclass(frozen=True, kw_only=True)
class ConfigurationSet:
    """A configuration set of SES."""

    name: str

    @property
    def title(self) -> str:
        """What people call it."""
        return f"configuration set {self.name}"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A standard SNS topic to which SES may publish.

    :param source: the ARN of the configuration set or receipt rule for which SES publishes.
    """

    arn: str
    source: str

    @property
    def name(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition(":")[2]

    @property
    def title(self) -> str:
        """What people call it."""
        return f"topic {self.name}"


@dataclass(frozen=True, kw_only=True)
class EventDestination:
    """Where a configuration set publishes events.

    :param event_types: as v2 of the API spells them.
    """

    name: str
    configuration_set: str
    topic_arn: str
    event_types: tuple[str, ...]

    @property
    def title(self) -> str:
        """What people call it."""
        return f"event destination {self.name} of {self.configuration_set}"


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A standard SQS queue.

    :param topic_arns: the topics whose messages it takes.
    :param dead_letter_arn: where messages go that cannot be handled; None for a queue of such.
    """

    arn: str
    topic_arns: tuple[str, ...] = ()
    dead_letter_arn: str | None = None

    @property
    def name(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition(":")[2]

    @property
    def title(self) -> str:
        """What people call it."""
        return f"queue {self.name}"


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Who gets what is published to a topic.

    :param endpoint: the ARN of a queue, or the URL of a webhook without user name and password.
    """

    topic_arn: str
    protocol: Literal["http", "https", "sqs"]
    endpoint: str

    @property
    def is_webhook(self) -> bool:
        """Whether it is not a queue."""
        return self.protocol != "sqs"

    @property
    def title(self) -> str:
        """What people call it."""
        who = self.endpoint
        if self.protocol == "sqs":
            who = f"the queue {self.endpoint.rpartition(':')[2]}"
        return f"subscription of {who} to {self.topic_arn.rpartition(':')[2]}"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """An S3 bucket into which receipt rules of SES put mail.

    :param owner: the account that has it.
    :param expires_after: days after which S3 deletes a mail.
    :param is_ours: the settings do not name it; it has a name that the set-up gives.
    :param source: the ARN of the receipt rule for which SES stores mail.
    """

    name: str
    owner: str
    expires_after: int
    is_ours: bool
    source: str

    @property
    def title(self) -> str:
        """What people call it."""
        return f"bucket {self.name}"


@dataclass(frozen=True, kw_only=True)
class ReceiptRuleSet:
    """A receipt rule set."""

    name: str

    @property
    def title(self) -> str:
        """What people call it."""
        return f"receipt rule set {self.name}"


@dataclass(frozen=True, kw_only=True)
class ReceiptRule:
    """A receipt rule that stores mail in a bucket, and tells a topic.

    :param recipients: domains and addresses.
    """

    name: str
    rule_set: str
    recipients: tuple[str, ...]
    bucket: str
    topic_arn: str

    @property
    def title(self) -> str:
        """What people call it."""
        return f"receipt rule {self.name} in {self.rule_set}"


@dataclass(frozen=True, kw_only=True)
class ActiveRuleSet:
    """The receipt rule set that SES uses: one for the account in a region."""

    name: str

    @property
    def title(self) -> str:
        """What people call it."""
        return f"activation of the receipt rule set {self.name}"


Spec: TypeAlias = (
    Identity
    | ConfigurationSet
    | Topic
    | EventDestination
    | Queue
    | Subscription
    | Bucket
    | ReceiptRuleSet
    | ReceiptRule
    | ActiveRuleSet
)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One of them, and how it belongs to the others.

    :param key: what a template calls it; letters and digits.
    :param needs: the keys of what has to be there before.
    :param is_named: the settings name it, so it may have been made by somebody else.
    """

    key: str
    part: Part
    spec: Spec
    needs: tuple[str, ...] = ()
    is_named: bool = False


@dataclass(frozen=True, kw_only=True)
class Desired:
    """Everything that is to be there.

    :param resources: each after those that it needs.
    :param tags: of all that can be tagged.
    """

    place: Place
    resources: tuple[Resource, ...]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Present:
    """What an account has that decides what is desired.

    :param active_rule_set: the name of the receipt rule set that SES uses; None if there is none.
    :param dead_letter_arn: where dead letters of our queue go; None if there is no such queue.
    """

    active_rule_set: str | None = None
    dead_letter_arn: str | None = None
