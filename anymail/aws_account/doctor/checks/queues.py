"""Queues: whether SNS may fill them, how they keep what fails, and whether anybody empties them.

Sources: Amazon SQS API Reference, "GetQueueAttributes"; Amazon SNS Developer Guide, "Subscribing an
Amazon SQS queue to an Amazon SNS topic".
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from ....amazon_ses.arns import arn_region
from ....exceptions import AnymailAPIError
from ....processes.wording import counted, spoken
from ...policies import SNS, allow_sns_to_send, parse_policy
from ...policy_evaluation import Decision, Request, evaluate, service_request
from ..context import Context, Unanswered
from ..encryption import key_findings
from ..event_paths import event_topics
from ..findings import Finding, Fix, advice, command, error, not_used, ok, warning
from ..queues import queue_arns
from ..resource_policies import policy_findings

#: In SQS's query protocol, and in its JSON protocol.
NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
#: With fewer receipts, a short outage of the database sends messages away for good.
MIN_RECEIVES = 10
#: Seconds: 14 days, which is what SQS keeps a message at most.
RETENTION = 14 * 86_400
#: SQS's default is four days: less than some holidays.
MIN_RETENTION = 7 * 86_400
#: Seconds. The consumer extends the visibility timeout of what it works on, which takes a moment.
MIN_VISIBILITY = 10
#: Seconds that a message may wait before somebody should look.
MAX_AGE = 900
ANYBODY = "arn:aws:iam::000000000000:root"


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue, and its attributes, which are strings."""

    arn: str
    url: str
    attributes: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.rpartition(":")[2]

    def number(self, attribute: str) -> int:
        """An attribute that is a number."""
        return int(self.attributes.get(attribute) or 0)


def queues(context: Context) -> Iterator[Finding]:
    """D19: SNS may fill the queues, and nothing in them is lost."""
    arns = queue_arns(context)
    if not arns:
        yield not_used("AMAZON_SES_QUEUES is not set")
    for arn in arns:
        queue = _find(context, arn)
        if queue is None:
            create = f"aws sqs create-queue --queue-name {arn.rpartition(':')[2]} --attributes"
            fix = command(f"{create} MessageRetentionPeriod={RETENTION}")
            yield error(f"there is no queue {arn.rpartition(':')[2]}", fix)
            continue
        problems = list(_problems(context, queue))
        yield from problems or [ok(f"{queue.name}: SNS may fill it, and nothing is lost")]


def consumer(context: Context) -> Iterator[Finding]:
    """D20: somebody handles what is in the queues."""
    arns = queue_arns(context)
    if not arns:
        yield not_used("AMAZON_SES_QUEUES is not set")
    for queue in filter(None, (_find(context, arn) for arn in arns)):
        yield _backlog(context, queue)


def _find(context: Context, arn: str) -> Queue | None:
    _, _, _, region, account, name = arn.split(":")
    found = context.find(
        "sqs",
        "GetQueueUrl",
        missing=NO_QUEUE,
        region=region,
        QueueName=name,
        QueueOwnerAWSAccountId=account,
    )
    if found is None:
        return None
    url = found["QueueUrl"]
    answer = context.ask(
        "sqs", "GetQueueAttributes", region=region, QueueUrl=url, AttributeNames=["All"]
    )
    return Queue(arn=arn, url=url, attributes=answer["Attributes"])


def _problems(context: Context, queue: Queue) -> Iterator[Finding]:
    for topic in event_topics(context):
        yield from _policy(context, queue, topic)
        yield from _encryption(context, queue, topic)
    yield from _open_to_all(queue)
    yield from _dead_letters(context, queue)
    if (seconds := queue.number("VisibilityTimeout")) < MIN_VISIBILITY:
        text = f"{queue.name} gives a message out again after {seconds} s: it is handled twice"
        yield warning(text, _set(queue, VisibilityTimeout="30"))
    if queue.number("MessageRetentionPeriod") < MIN_RETENTION:
        kept = spoken(queue.number("MessageRetentionPeriod"))
        fix = _set(queue, MessageRetentionPeriod=str(RETENTION))
        yield warning(f"{queue.name} keeps a message for {kept} only", fix)


def _policy(context: Context, queue: Queue, topic: str) -> Iterator[Finding]:
    account = topic.split(":")[4]
    request = service_request(SNS, "sqs:SendMessage", queue.arn, account=account, source=topic)
    yield from policy_findings(
        queue.name,
        queue.attributes.get("Policy"),
        [request],
        allow_sns_to_send(queue.arn, [topic]),
        lambda policy: _set(queue, Policy=policy),
    )


def _open_to_all(queue: Queue) -> Iterator[Finding]:
    """Whoever may write to a queue can invent events."""
    policy = parse_policy(queue.attributes.get("Policy")) or {}
    request = Request(principal=ANYBODY, action="sqs:SendMessage", resource=queue.arn)
    if evaluate(policy, request) is Decision.ALLOWED:
        close = advice("Give the statement of its policy that allows * the condition of a topic.")
        yield error(f"every AWS account may put messages into {queue.name}", close)


def _encryption(context: Context, queue: Queue, topic: str) -> Iterator[Finding]:
    if key := queue.attributes.get("KmsMasterKeyId"):
        other = _set(queue, KmsMasterKeyId="", SqsManagedSseEnabled="true")
        yield from key_findings(context, queue.name, key, SNS, source=topic, otherwise=other)


def _dead_letters(context: Context, queue: Queue) -> Iterator[Finding]:
    redrive = json.loads(queue.attributes.get("RedrivePolicy") or "{}")
    dead_arn, receives = redrive.get("deadLetterTargetArn"), int(redrive.get("maxReceiveCount", 0))
    if dead_arn is None:
        yield warning(f"{queue.name} has no dead-letter queue", *_create_dead_letter_queue(queue))
        return
    dead = _find(context, dead_arn)
    if dead is None:
        text = f"the dead-letter queue of {queue.name} does not exist"
        yield error(text, *_create_dead_letter_queue(queue))
        return
    if receives < MIN_RECEIVES:
        fix = _redrive(queue, dead_arn)
        yield warning(f"{queue.name} gives a message up after {counted(receives, 'try')}", fix)
    if depth := dead.number("ApproximateNumberOfMessages"):
        redo = command("python manage.py anymail_consume --redrive")
        yield warning(f"{counted(depth, 'message')} could not be handled: {dead.name}", redo)


def _create_dead_letter_queue(queue: Queue) -> Iterator[Fix]:
    name = f"{queue.name}-dead"
    yield command(
        f"aws sqs create-queue --queue-name {name} --attributes MessageRetentionPeriod={RETENTION}"
    )
    yield _redrive(queue, f"{queue.arn}-dead")


def _redrive(queue: Queue, dead: str) -> Fix:
    policy = {"deadLetterTargetArn": dead, "maxReceiveCount": "50"}
    return _set(queue, RedrivePolicy=json.dumps(policy))


def _set(queue: Queue, **values: str) -> Fix:
    attributes = shlex.quote(json.dumps(values))
    return command(
        f"aws sqs set-queue-attributes --queue-url {queue.url} --attributes {attributes}"
    )


def _backlog(context: Context, queue: Queue) -> Finding:
    waiting = queue.number("ApproximateNumberOfMessages")
    held = queue.number("ApproximateNumberOfMessagesNotVisible")
    if not waiting:
        return ok(f"nothing waits in {queue.name}")
    start = command("python manage.py anymail_consume")
    age = _oldest_age(context, queue)
    text = f"{counted(waiting, 'message')} in {queue.name}"
    if age is not None and age > MAX_AGE:
        return error(f"{text}, for up to {spoken(age)}: does anymail_consume run?", start)
    if age is None and not held:
        return warning(f"{text}, and nobody handles them: does anymail_consume run?", start)
    return ok(f"{text}, {held:,} being handled")


def _oldest_age(context: Context, queue: Queue) -> float | None:
    """Seconds; None if CloudWatch does not tell."""
    try:
        answer = context.ask(
            "cloudwatch",
            "GetMetricStatistics",
            region=arn_region(queue.arn, "sqs"),
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": queue.name}],
            StartTime=context.now - timedelta(minutes=15),
            EndTime=context.now,
            Period=60,
            Statistics=["Maximum"],
        )
    except (AnymailAPIError, Unanswered):
        return None
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    return float(points[-1]["Maximum"]) if points else None
