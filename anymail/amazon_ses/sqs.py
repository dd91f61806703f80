"""Every call to Amazon SQS: queues, and receiving, hiding and deleting their messages.

Source: the API reference of Amazon SQS, and botocore's model of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType
from typing import Any

from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError, AnymailConfigurationError
from . import aws
from .aws_errors import api_errors
from .timestamps import parse_milliseconds, utc_now

#: What one request takes or returns at most.
MAX_BATCH = 10
#: The timeout to use where the queue's own is 0, with which every message would come twice.
DEFAULT_VISIBILITY_TIMEOUT = 30
#: Errors that last until somebody changes the AWS account or the settings. botocore has several
#: names for some, because SQS has had two protocols.
FATAL_CODES = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "AccessDenied",
        "AccessDeniedException",
        "InvalidAddress",
        "InvalidRegionError",
        "InvalidSecurity",
        "KmsAccessDenied",
        "KMS.AccessDeniedException",
        "KmsDisabled",
        "KMS.DisabledException",
        "KmsNotFound",
        "KMS.NotFoundException",
        "NoRegionError",
        "ProfileNotFound",
        "QueueDoesNotExist",
        "UnsupportedOperation",
    }
)
NO_QUEUE = (
    "There is no such queue in this account and region. `aws sqs list-queues` prints those that "
    "there are; a queue of another region needs its whole URL."
)
NO_PERMISSION = "The IAM identity needs the permission sqs:{operation} on {queue}."
NO_KEY = (
    "The queue is encrypted. The IAM identity needs kms:Decrypt on its key, and the key must be "
    "enabled."
)
HINTS = {
    "AWS.SimpleQueueService.NonExistentQueue": NO_QUEUE,
    "QueueDoesNotExist": NO_QUEUE,
    "AccessDenied": NO_PERMISSION,
    "AccessDeniedException": NO_PERMISSION,
    **{code: NO_KEY for code in FATAL_CODES if code.lower().startswith("kms")},
}
#: The IAM actions that are not named like their calls ("Actions, resources, and condition keys for
#: Amazon SQS").
ACTIONS = {
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "DeleteMessageBatch": "DeleteMessage",
}
#: The options of clients that :mod:`.aws` and the settings have.
DEFAULTS: Mapping[str, Any] = MappingProxyType({})
ATTRIBUTES = (
    "QueueArn",
    "VisibilityTimeout",
    "RedrivePolicy",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_ARN = re.compile(r"arn:[a-z-]+:sqs:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<name>[^:/]+)")
_URL = re.compile(r"https?://[^/]+/.*")
#: "Amazon SQS endpoints and quotas", also the old form ``https://eu-west-1.queue.amazonaws.com``.
_REGION_IN_URL = re.compile(
    r"https://(?:(?:sqs|sqs-fips)\.(?P<new>[a-z0-9-]+)|(?P<old>[a-z0-9-]+)\.queue)\.[^/]+/.*"
)
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}(\.fifo)?")


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue, with its attributes when it was looked up.

    :param region: of the queue; None for that of the client.
    :param visibility_timeout: seconds for which a received message is hidden; 1 or more.
    :param dead_letter_arn: the queue that messages go to when they were received too often; None
        if there is none.
    :param max_receives: how often a message is received before that; None without such a queue.
    :param depth: messages to receive, approximately.
    :param in_flight: messages that some consumer has received and not deleted.
    :param delayed: messages that cannot be received yet.
    """

    url: str
    arn: str
    region: str | None = None
    visibility_timeout: int = DEFAULT_VISIBILITY_TIMEOUT
    dead_letter_arn: str | None = None
    max_receives: int | None = None
    depth: int = 0
    in_flight: int = 0
    delayed: int = 0

    @property
    def name(self) -> str:
        """The name of the queue."""
        return self.arn.rpartition(":")[2]


@dataclass(frozen=True, kw_only=True)
class SqsMessage:
    """A message as it was received.

    :param id: SQS's own, the same whenever it is received.
    :param receipt: needed to delete it; a new one whenever it is received.
    :param receive_count: how often it was received, including this time.
    :param sent_at: when it came to the queue; aware.
    """

    id: str
    receipt: str = field(repr=False)
    body: str = field(repr=False)
    receive_count: int
    sent_at: datetime | None


def is_fatal(error: AnymailAPIError) -> bool:
    """Whether trying the same call again is of no use."""
    return error.error_code in FATAL_CODES


def check_name(name: str) -> None:
    """Raise unless a text can be the name, URL or ARN of a standard queue.

    :raises AnymailConfigurationError: it cannot.
    """
    arn, is_url = _ARN.fullmatch(name), _URL.fullmatch(name) is not None
    bare = arn["name"] if arn else name.rstrip("/").rpartition("/")[2] if is_url else name
    if not NAME.fullmatch(bare):
        raise AnymailConfigurationError(f"{name!r} is not the name, URL or ARN of an SQS queue.")
    if bare.endswith(".fifo"):
        raise AnymailConfigurationError(
            f"{name!r} is a FIFO queue. Amazon SES publishes to standard topics, which need a "
            "standard queue."
        )


def find_queue(
    name: str, settings: AmazonSESSettings, *, config: Mapping[str, Any] = DEFAULTS
) -> Queue:
    """Look up a queue (``GetQueueUrl``, ``GetQueueAttributes``).

    :param name: its name, URL or ARN.
    :param config: as for :func:`.aws.client`.
    :raises AnymailConfigurationError: it cannot be one of a standard queue.
    :raises AnymailAPIError: SQS refuses, or cannot be reached.
    """
    check_name(name)
    region = _region(name, settings)
    url = name if _URL.fullmatch(name) else _find_url(name, region, settings, config)
    with _sqs_errors("Looking up", name):
        response = _client(region, settings, config).get_queue_attributes(
            QueueUrl=url, AttributeNames=list(ATTRIBUTES)
        )
    return parse_queue(url, region, response["Attributes"])


def region_in_url(url: str) -> str | None:
    """The region in the URL of a queue; None if it has none, or is something else."""
    match = _REGION_IN_URL.fullmatch(url)
    return (match["new"] or match["old"]) if match else None


def parse_queue(url: str, region: str | None, attributes: Mapping[str, str]) -> Queue:
    """A queue from the attributes that SQS returns, all of them strings."""
    redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
    return Queue(
        url=url,
        arn=attributes["QueueArn"],
        region=region,
        visibility_timeout=int(attributes.get("VisibilityTimeout", 0))
        or DEFAULT_VISIBILITY_TIMEOUT,
        dead_letter_arn=redrive.get("deadLetterTargetArn"),
        max_receives=int(redrive["maxReceiveCount"]) if "maxReceiveCount" in redrive else None,
        depth=int(attributes.get("ApproximateNumberOfMessages", 0)),
        in_flight=int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)),
        delayed=int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
    )


def receive(
    queue: Queue, settings: AmazonSESSettings, *, limit: int = MAX_BATCH, wait: int
) -> list[SqsMessage]:
    """Receive messages, which are hidden for the queue's visibility timeout.

    :param limit: receive at most so many, up to 10.
    :param wait: seconds to wait for the first one, up to 20.
    :raises AnymailAPIError: SQS refuses, or cannot be reached.
    """
    with _sqs_errors("Receiving from", queue.name):
        response = _client(queue.region, settings).receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=min(limit, MAX_BATCH),
            WaitTimeSeconds=wait,
            # The same as the queue's, unless somebody has changed that in the meantime.
            VisibilityTimeout=queue.visibility_timeout,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
    return [parse_message(message) for message in response.get("Messages", ())]


def parse_message(message: Mapping[str, Any]) -> SqsMessage:
    """A message from what SQS returns."""
    attributes = message.get("Attributes", {})
    return SqsMessage(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message.get("Body", ""),
        receive_count=int(attributes.get("ApproximateReceiveCount", 1)),
        sent_at=parse_milliseconds(attributes.get("SentTimestamp")),
    )


def delete(queue: Queue, receipts: Sequence[str], settings: AmazonSESSettings) -> dict[str, bool]:
    """Delete messages.

    :param receipts: 10 at most.
    :return: the receipts of those that were not deleted, and whether another attempt may help.
    :raises AnymailAPIError: SQS refuses, or cannot be reached.
    """
    entries = [{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(receipts)]
    with _sqs_errors("Deleting from", queue.name):
        response = _client(queue.region, settings).delete_message_batch(
            QueueUrl=queue.url, Entries=entries
        )
    return _failed(response, receipts)


def change_visibility(
    queue: Queue, seconds: Mapping[str, int], settings: AmazonSESSettings
) -> dict[str, bool]:
    """Set how long messages stay hidden from now on.

    :param seconds: by receipt; 10 at most. With 0, anybody can receive the message at once.
    :return: the receipts of those that SQS refused, and whether another attempt may help.
    :raises AnymailAPIError: SQS refuses, or cannot be reached.
    """
    receipts = list(seconds)
    entries = [
        {"Id": str(n), "ReceiptHandle": receipt, "VisibilityTimeout": seconds[receipt]}
        for n, receipt in enumerate(receipts)
    ]
    with _sqs_errors("Changing the visibility of messages of", queue.name):
        response = _client(queue.region, settings).change_message_visibility_batch(
            QueueUrl=queue.url, Entries=entries
        )
    return _failed(response, receipts)


def start_redrive(dead: Queue, settings: AmazonSESSettings) -> None:
    """Have SQS move what is in a dead-letter queue back to the queues where it came from.

    :raises AnymailAPIError: SQS refuses, or cannot be reached.
    """
    with _sqs_errors("Moving messages out of", dead.name):
        _client(dead.region, settings).start_message_move_task(SourceArn=dead.arn)


def oldest_age(
    queue: Queue, settings: AmazonSESSettings, *, config: Mapping[str, Any] = DEFAULTS
) -> float | None:
    """The age in seconds of the oldest message in a queue; None if it is unknown.

    SQS itself does not tell: it is a metric of CloudWatch, some minutes behind.

    :param config: as for :func:`.aws.client`.
    :raises AnymailAPIError: CloudWatch refuses, or cannot be reached.
    """
    now = utc_now()
    with api_errors(f"Asking CloudWatch about the SQS queue {queue.name}"):
        response = aws.client(
            "cloudwatch", settings, config=config, **_in_region(queue.region)
        ).get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": queue.name}],
            StartTime=now - timedelta(minutes=15),
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )
    points = sorted(response["Datapoints"], key=lambda point: point["Timestamp"])
    return float(points[-1]["Maximum"]) if points else None


def batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Items in lists that fit into one request."""
    remaining = iter(items)
    while batch := list(islice(remaining, MAX_BATCH)):
        yield batch


def _failed(response: Mapping[str, Any], receipts: Sequence[str]) -> dict[str, bool]:
    return {
        receipts[int(entry["Id"])]: not entry.get("SenderFault", False)
        for entry in response.get("Failed", ())
    }


def _find_url(
    name: str, region: str | None, settings: AmazonSESSettings, config: Mapping[str, Any]
) -> str:
    arn = _ARN.fullmatch(name)
    owner = {"QueueOwnerAWSAccountId": arn["account"]} if arn else {}
    with _sqs_errors("Looking up", name):
        response = _client(region, settings, config).get_queue_url(
            QueueName=arn["name"] if arn else name, **owner
        )
    url: str = response["QueueUrl"]
    return url


def _region(name: str, settings: AmazonSESSettings) -> str | None:
    """The region in the URL or ARN of a queue, unless SQS's own parameters name one."""
    if "region_name" in (settings.sqs_client_params or {}):
        return None
    arn = _ARN.fullmatch(name)
    return arn["region"] if arn else region_in_url(name)


def _client(
    region: str | None, settings: AmazonSESSettings, config: Mapping[str, Any] = DEFAULTS
) -> Any:
    return aws.client("sqs", settings, config=config, **_in_region(region))


def _in_region(region: str | None) -> dict[str, Any]:
    return {} if region is None else {"region_name": region}


def _sqs_errors(doing: str, queue: str) -> AbstractContextManager[None]:
    def advise(operation: str, code: str) -> str:
        action = ACTIONS.get(operation, operation)
        return HINTS.get(code, "").format(operation=action, queue=queue)

    return api_errors(f"{doing} the SQS queue {queue}", advise=advise)
