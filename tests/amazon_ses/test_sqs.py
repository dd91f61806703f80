from __future__ import annotations

import json
from pathlib import Path

from django.test import SimpleTestCase

from anymail.amazon_ses import sqs
from anymail.amazon_ses.sqs import Queue, batches, parse_message, parse_queue
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailAPIError, AnymailConfigurationError
from anymail.sandbox.aws.defaults import ACCOUNT, CREDENTIALS, REGION

from ..class_context import enter_class_context
from ..local_sqs import LocalSqs, local_sqs

ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:events"


class ParseTests(SimpleTestCase):
    def test_a_queue_with_everything(self):
        queue = parse_queue(
            "https://x/1/events",
            "eu-west-1",
            {
                "QueueArn": ARN,
                "VisibilityTimeout": "45",
                "RedrivePolicy": '{"deadLetterTargetArn": "arn:dead", "maxReceiveCount": "5"}',
                "ApproximateNumberOfMessages": "3",
                "ApproximateNumberOfMessagesNotVisible": "2",
                "ApproximateNumberOfMessagesDelayed": "1",
            },
        )
        self.assertEqual(
            queue,
            Queue(
                url="https://x/1/events",
                arn=ARN,
                region="eu-west-1",
                visibility_timeout=45,
                dead_letter_arn="arn:dead",
                max_receives=5,
                depth=3,
                in_flight=2,
                delayed=1,
            ),
        )
        self.assertEqual(queue.name, "events")

    def test_max_receives_may_be_a_number(self):
        policy = '{"deadLetterTargetArn": "arn:dead", "maxReceiveCount": 5}'
        queue = parse_queue("u", None, {"QueueArn": ARN, "RedrivePolicy": policy})
        self.assertEqual(queue.max_receives, 5)

    def test_a_timeout_of_0_is_30_seconds(self):
        queue = parse_queue("u", None, {"QueueArn": ARN, "VisibilityTimeout": "0"})
        self.assertEqual((queue.visibility_timeout, queue.dead_letter_arn), (30, None))

    def test_samples_of_messages(self):
        folder = Path(__file__).parent.parent / "payloads" / "sqs"
        for path in sorted(folder.glob("receive-*.json")):
            with self.subTest(path.name):
                document = json.loads(path.read_text())
                for message in document.get("Messages", ()):
                    found = parse_message(message)
                    self.assertEqual(found.id, message["MessageId"])
                    self.assertGreaterEqual(found.receive_count, 1)

    def test_a_message(self):
        found = parse_message(
            {
                "MessageId": "id",
                "ReceiptHandle": "secret receipt",
                "Body": "secret body",
                "Attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1760000000123"},
            }
        )
        self.assertEqual((found.receive_count, found.sent_at.year), (3, 2025))
        self.assertNotIn("secret", repr(found))

    def test_batches_have_ten_at_most(self):
        self.assertEqual([len(batch) for batch in batches(range(25))], [10, 10, 5])
        self.assertEqual(list(batches([])), [])


class RegionTests(SimpleTestCase):
    def region(self, name: str, **settings: object) -> str | None:
        return sqs._region(name, AmazonSESSettings.load({**settings}))

    def test_it_is_that_of_the_queue(self):
        for name in (
            "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
            "https://sqs-fips.eu-west-1.amazonaws.com/123456789012/events",
            "https://eu-west-1.queue.amazonaws.com/123456789012/events",
            "https://sqs.eu-west-1.amazonaws.com.cn/123456789012/events",
            "arn:aws:sqs:eu-west-1:123456789012:events",
        ):
            with self.subTest(name):
                self.assertEqual(self.region(name), "eu-west-1")

    def test_of_a_name_or_another_url_it_is_unknown(self):
        for name in ("events", "http://127.0.0.1:4566/123456789012/events"):
            self.assertIsNone(self.region(name))

    def test_that_in_the_settings_of_sqs_wins(self):
        params = {"region_name": "eu-north-1"}
        self.assertIsNone(self.region(ARN, sqs_client_params=params))


class CallTests(SimpleTestCase):
    amazon: LocalSqs

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.amazon = enter_class_context(cls, local_sqs())

    def setUp(self) -> None:
        self.amazon.fault = lambda operation, parameters: None
        self.settings = AmazonSESSettings(
            session_params=CREDENTIALS,
            client_params={"endpoint_url": "http://127.0.0.1:9"},
            sqs_client_params={"endpoint_url": self.amazon.url},
        )

    def test_a_queue_has_a_name_a_url_and_an_arn(self):
        name = self.amazon.create_queue(visibility=7)
        queue = sqs.find_queue(name, self.settings)
        self.assertEqual((queue.name, queue.visibility_timeout), (name, 7))
        for other in (queue.url, queue.arn):
            self.assertEqual(sqs.find_queue(other, self.settings).arn, queue.arn)

    def test_a_message_is_received_extended_and_deleted(self):
        queue = sqs.find_queue(self.amazon.create_queue(), self.settings)
        self.amazon.send(queue.name, "body")
        [message] = sqs.receive(queue, self.settings, wait=0)
        self.assertEqual((message.body, message.receive_count), ("body", 1))
        self.assertEqual(sqs.receive(queue, self.settings, wait=0), [])
        self.assertEqual(sqs.change_visibility(queue, {message.receipt: 0}, self.settings), {})
        [again] = sqs.receive(queue, self.settings, wait=0)
        self.assertEqual((again.id, again.receive_count), (message.id, 2))
        self.assertEqual(sqs.delete(queue, [again.receipt], self.settings), {})
        self.assertEqual(self.amazon.count(queue.name), 0)

    def test_entries_that_failed(self):
        queue = sqs.find_queue(self.amazon.create_queue(), self.settings)
        self.amazon.fault = lambda operation, parameters: {
            "Failed": [
                {"Id": "0", "Code": "InternalError", "SenderFault": False},
                {"Id": "2", "Code": "ReceiptHandleIsInvalid", "SenderFault": True},
            ]
        }
        wanted = {"a": True, "c": False}
        self.assertEqual(sqs.delete(queue, ["a", "b", "c"], self.settings), wanted)
        seconds = dict.fromkeys("abc", 1)
        self.assertEqual(sqs.change_visibility(queue, seconds, self.settings), wanted)

    def test_an_error_says_what_to_do(self):
        queue = sqs.find_queue(self.amazon.create_queue(), self.settings)
        for code, text in (
            ("AccessDenied", f"needs the permission sqs:DeleteMessage on {queue.name}."),
            ("AWS.SimpleQueueService.NonExistentQueue", "aws sqs list-queues"),
            ("KmsAccessDenied", "kms:Decrypt"),
        ):
            self.amazon.fault = lambda operation, parameters, code=code: (400, code)
            with self.subTest(code), self.assertRaises(AnymailAPIError) as caught:
                sqs.delete(queue, ["a"], self.settings)
            self.assertIn(text, str(caught.exception))
            self.assertTrue(sqs.is_fatal(caught.exception))

    def test_what_passes_by_itself_is_not_fatal(self):
        queue = sqs.find_queue(self.amazon.create_queue(), self.settings)
        for status, code in ((500, "InternalError"), (403, "RequestThrottled"), (400, "OverLimit")):
            self.amazon.fault = lambda operation, parameters, answer=(status, code): answer
            with self.subTest(code), self.assertRaises(AnymailAPIError) as caught:
                sqs.receive(queue, self.settings, wait=0)
            self.assertFalse(sqs.is_fatal(caught.exception))

    def test_a_fifo_queue_is_refused(self):
        with self.assertRaisesMessage(AnymailConfigurationError, "standard topics"):
            sqs.find_queue("events.fifo", self.settings)
