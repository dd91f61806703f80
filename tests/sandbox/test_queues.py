"""anymail.sandbox.aws.queues: what consumers do with the events is in the journal."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from botocore.exceptions import ClientError
from moto.core.utils import unix_time_millis
from moto.sqs import models
from moto.sqs.models import sqs_backends

from anymail.sandbox.aws import queues
from anymail.sandbox.aws.defaults import ACCOUNT, REGION
from anymail.sandbox.aws.queues import watch_queues
from anymail.sandbox.journal import Consumed, SesEvent

from ..local_ses import SENDER, LocalSesTestCase, Topic, unique


class QueueTestCase(LocalSesTestCase):
    def setUp(self) -> None:
        super().setUp()
        watch_queues(self.amazon.journal)
        self.sqs = self.amazon.client("sqs")
        self.topic: Topic = self.amazon.topic()
        self.set = self.amazon.configuration_set(self.topic, ["DELIVERY"])

    def publish(self) -> SesEvent:
        """A message is delivered, and its event is in the queue."""
        sent = self.ses.send_email(
            Source=SENDER,
            Destination={"ToAddresses": ["success@simulator.amazonses.com"]},
            Message={"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}},
            ConfigurationSetName=self.set,
        )
        return self.amazon.wait_for(sent["MessageId"], "Send", "Delivery").events[1]

    def receive(self, **params: Any) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(
            QueueUrl=self.topic.queue, MaxNumberOfMessages=10, WaitTimeSeconds=0, **params
        )
        return found.get("Messages", [])

    def consumed(self, **values: Any) -> list[Consumed]:
        return [Consumed(queue=self.topic.queue.rpartition("/")[2], **values)]


class JournalTests(QueueTestCase):
    def test_a_message_that_nobody_received_is_not_mentioned(self):
        self.assertEqual(self.publish().consumed, [])

    def test_a_message_that_was_received_and_deleted(self):
        event = self.publish()
        [message] = self.receive()
        self.assertEqual(event.consumed, self.consumed(received=1))
        version = self.amazon.journal.version
        self.sqs.delete_message(QueueUrl=self.topic.queue, ReceiptHandle=message["ReceiptHandle"])
        self.assertEqual(event.consumed, self.consumed(received=1, is_deleted=True))
        self.assertGreater(self.amazon.journal.version, version)

    def test_messages_that_are_deleted_together(self):
        events = [self.publish(), self.publish()]
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate([*self.receive(), *self.receive()])
        ]
        self.sqs.delete_message_batch(QueueUrl=self.topic.queue, Entries=entries)
        for event in events:
            self.assertEqual(event.consumed, self.consumed(received=1, is_deleted=True))

    def test_a_message_that_is_received_again(self):
        event = self.publish()
        self.receive(VisibilityTimeout=0)
        self.receive(VisibilityTimeout=0)
        self.assertEqual(event.consumed, self.consumed(received=2))

    def test_messages_that_are_not_of_sns(self):
        event = self.publish()
        for text in ("hello", "[]", '{"MessageId": 7}', '{"eventType": "Send"}'):
            self.sqs.send_message(QueueUrl=self.topic.queue, MessageBody=text)
        found = [message for _ in range(5) for message in self.receive()]
        for message in found:
            self.sqs.delete_message(
                QueueUrl=self.topic.queue, ReceiptHandle=message["ReceiptHandle"]
            )
        self.assertEqual(len(found), 5)
        self.assertEqual(event.consumed, self.consumed(received=1, is_deleted=True))

    def test_events_that_were_forgotten(self):
        self.publish()
        self.amazon.journal.clear()
        self.assertEqual(len(self.receive()), 1)


class RedriveTests(QueueTestCase):
    def test_dead_letters_go_back_where_they_came_from(self):
        name = unique("dead")
        self.sqs.create_queue(QueueName=name)
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
        self.sqs.set_queue_attributes(
            QueueUrl=self.topic.queue, Attributes={"RedrivePolicy": policy}
        )
        self.sqs.send_message(QueueUrl=self.topic.queue, MessageBody="x")
        found = [len(self.receive(VisibilityTimeout=0)) for _ in range(2)]
        self.sqs.start_message_move_task(SourceArn=arn)
        self.assertEqual([*found, len(self.receive(VisibilityTimeout=0))], [1, 0, 1])

    def test_a_queue_that_gets_no_dead_letters(self):
        arn = self.topic.arn.replace(":sns:", ":sqs:")
        with self.assertRaisesRegex(ClientError, "NonExistentQueue"):
            self.sqs.start_message_move_task(SourceArn=arn)


class OwnQueueTests(QueueTestCase):
    """The sandbox subscribes a queue that perhaps nobody consumes."""

    def test_it_forgets_its_older_half_where_others_would_refuse(self):
        sns, name = self.amazon.client("sns"), self.topic.queue.rpartition("/")[2]
        with mock.patch.multiple(queues, QUEUE=name, MAX_MESSAGES=4):
            for text in "abcde":
                sns.publish(TopicArn=self.topic.arn, Message=text)
        self.assertEqual([one["Message"] for one in self.topic.published()], ["c", "d", "e"])

    def test_one_more_message_takes_no_longer_when_many_wait(self):
        self.publish()
        queue = sqs_backends[ACCOUNT][REGION].get_queue(self.topic.queue.rpartition("/")[2])
        queue._messages *= 2_000
        with mock.patch.object(models, "unix_time_millis", wraps=unix_time_millis) as clock:
            self.sqs.send_message(QueueUrl=self.topic.queue, MessageBody="one more")
        self.assertLess(clock.call_count, 100)

    def test_messages_are_counted_by_their_state(self):
        for delay in (0, 0, 0, 60):
            self.sqs.send_message(QueueUrl=self.topic.queue, MessageBody="x", DelaySeconds=delay)
        self.assertEqual(
            len(self.sqs.receive_message(QueueUrl=self.topic.queue).get("Messages", [])), 1
        )
        names = ("Messages", "MessagesNotVisible", "MessagesDelayed")
        found = self.sqs.get_queue_attributes(QueueUrl=self.topic.queue, AttributeNames=["All"])
        counts = [int(found["Attributes"][f"ApproximateNumberOf{name}"]) for name in names]
        self.assertEqual(counts, [2, 1, 1])
