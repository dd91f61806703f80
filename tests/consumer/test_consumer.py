from __future__ import annotations

import json
import logging
import tempfile
import threading
import time
from asyncio import CancelledError
from pathlib import Path
from typing import Any
from unittest import mock

from anymail.consumer import Consumer, hand, slow_receivers
from anymail.exceptions import AnymailAPIError
from anymail.signals import inbound
from anymail.testing import ses_event, ses_received

from ..local_sqs import bodies, stored_messages
from . import ConsumerTestCase, envelope, event_body, wait_until

#: What is no document of SES.
POISON = {
    "empty object": "{}",
    "text": "hello",
    "a list": "[1, 2]",
    "a number": "1",
    "null": "null",
    "half of it": event_body()[:100],
    "other alphabets": "привет 你好 🐦",
    "UTF-7": "+AHsAfQ-",
    "base64": "eyJldmVudFR5cGUiOiAiQm91bmNlIn0=",
    "a byte order mark": "\ufeff{}",
    "half of a pair": '{"eventType": 1, "x": "\\ud800"}',
    "nested": "[" * 100_000,
    "nested objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "SNS around text": envelope("hello"),
    "SNS around a list": envelope("[]"),
    "SNS of no type": '{"Type": "Bell", "MessageId": "x", "TopicArn": "y", "Message": "{}"}',
    "a task of Celery": '{"body": "W10=", "headers": {}, "content-type": "application/json"}',
    "1 MiB of text": "x" * 1_000_000,
    "1 MiB of JSON": json.dumps({"eventType": "Bounce", "x": "é" * 160_000}),
    "1 MiB of brackets": "[" * 1_000_000,
    "another source": json.dumps({"detail-type": "x", "source": "aws.ec2", "detail": {}}),
}


def is_waiting(queue_name: str) -> Any:
    return [message for message in stored_messages(queue_name) if message.visible]


class HandledTests(ConsumerTestCase):
    def test_receivers_get_the_event_and_the_message_is_deleted(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body("bounce", recipient="ann@example.com"))
        with self.receiving() as received:
            consumer = self.consume(name, count=1)
        [(sender, event, esp_name)] = received
        self.assertIs(sender, Consumer)
        self.assertEqual(esp_name, "Amazon SES")
        self.assertEqual((event.event_type, event.recipient), ("bounced", "ann@example.com"))
        self.assertTrue(event.is_verified)
        self.assertEqual(event.queue_arn, consumer.queues[0].arn)
        self.assertEqual(self.sqs.count(name), 0)
        self.assertEqual((consumer.tally.counts().handled, consumer.tally.counts().events), (1, 1))

    def test_tracking_and_received_mail_come_from_the_same_queue(self):
        name = self.sqs.create_queue()
        received = json.dumps(ses_received(b"Subject: Hi\r\n\r\nText\r\n"))
        self.sqs.send(name, event_body("open"), envelope(received), received, event_body("click"))
        with self.receiving() as tracked, self.receiving(signal=inbound) as mails:
            self.consume(name, count=4)
        self.assertEqual({event.event_type for _, event, _ in tracked}, {"opened", "clicked"})
        self.assertEqual([event.message.subject for _, event, _ in mails], ["Hi", "Hi"])

    def test_raw_messages_have_the_id_and_the_time_of_sqs(self):
        name = self.sqs.create_queue()
        [id_] = self.sqs.send(name, json.dumps(ses_event("delivery")))
        with self.receiving() as received:
            self.consume(name, count=1)
        [(_, event, _)] = received
        self.assertEqual(event.event_id, id_)
        self.assertLess(abs(event.timestamp.timestamp() - time.time()), 60)

    def test_nothing_is_deleted_before_the_receivers_return(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body())

        def receive(event: Any) -> None:
            time.sleep(0.3)
            self.assertNotIn("DeleteMessageBatch", self.sqs.operations())

        with self.receiving(receive):
            consumer = self.consume(name, count=1)
        self.assertEqual(consumer.tally.counts().handled, 1)

    def test_deletions_are_batches_of_ten(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, *[event_body() for _ in range(40)])
        with self.receiving():
            self.consume(name, count=40, threads=1)
        sizes = [
            len(call.parameters["Entries"])
            for call in self.sqs.calls
            if call.operation == "DeleteMessageBatch"
        ]
        self.assertEqual(sum(sizes), 40)
        self.assertLessEqual(max(sizes), 10)
        self.assertLessEqual(len(sizes), 8)
        received = [c.parameters for c in self.sqs.calls if c.operation == "ReceiveMessage"]
        self.assertEqual({call["MaxNumberOfMessages"] for call in received}, {10})

    def test_several_queues_are_consumed_at_once(self):
        names = [self.sqs.create_queue() for _ in range(3)]
        for name in names:
            self.sqs.send(name, event_body(), event_body())
        with self.receiving() as received:
            self.consume(*names, count=6)
        self.assertEqual(len({event.queue_arn for _, event, _ in received}), 3)
        self.assertEqual([self.sqs.count(name) for name in names], [0, 0, 0])

    def test_with_one_thread_receivers_run_in_the_callers(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body())
        threads = []
        with self.receiving(lambda event: threads.append(threading.current_thread())):
            self.consume(name, count=1, threads=1)
        self.assertEqual(threads, [threading.current_thread()])

    def test_as_many_receivers_run_at_once_as_there_are_threads(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, *[event_body() for _ in range(6)])
        barrier = threading.Barrier(6)
        with self.receiving(lambda event: barrier.wait(30) and None):
            consumer = self.consume(name, count=6, threads=6)
        self.assertEqual(consumer.tally.counts().handled, 6)

    def test_it_ends_when_the_queue_is_empty(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, *[event_body() for _ in range(25)])
        consumer = self.consumer(name, ends_when_empty=True)
        with self.receiving() as received:
            self.run_to_end(consumer)
        self.assertEqual((len(received), self.sqs.count(name)), (25, 0))

    def test_it_receives_no_more_than_it_may(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, *[event_body() for _ in range(25)])
        with self.receiving() as received:
            self.consume(name, self.sqs.create_queue(), count=13)
        self.assertEqual((len(received), self.sqs.count(name)), (13, 12))
        self.assertEqual(len(is_waiting(name)), 12)

    def test_the_lag_is_the_time_since_the_message_came(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body())
        time.sleep(0.5)
        with self.receiving():
            consumer = self.consume(name, count=1)
        self.assertTrue(0.5 <= consumer.tally.take_lag() < 30)
        self.assertEqual(consumer.tally.take_lag(), 0)


class FailureTests(ConsumerTestCase):
    def test_a_message_that_fails_comes_again_after_a_while(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body())
        failures = iter([True, False])
        times = []

        def receive(event: Any) -> None:
            times.append(time.monotonic())
            if next(failures):
                raise RuntimeError("a bug in a receiver")

        logger = "anymail.amazon_ses.queued"
        with self.receiving(receive), self.assertLogs(logger, "ERROR") as logs:
            consumer = self.consume(name, count=2)
        self.assertTrue(1.5 <= times[1] - times[0] < 10)  # 2 ** 1
        self.assertEqual((consumer.tally.counts().failed, self.sqs.count(name)), (1, 0))
        self.assertIn("RuntimeError", logs.output[0])
        self.assertIn("a bug in a receiver", logs.output[0])  # in the traceback
        self.assertIn("it comes again; this was time 1", logs.output[0])

    def test_the_last_failure_is_an_error_even_if_it_passes(self):
        name = self.sqs.create_queue(max_receives=1)
        self.sqs.send(name, event_body())

        def receive(event: Any) -> None:
            raise AnymailAPIError("S3 is away", is_transient=True)

        with (
            self.receiving(receive),
            self.assertLogs("anymail.amazon_ses.queued", "ERROR") as logs,
        ):
            self.consume(name, count=1)
        self.assertIn("it goes to the dead-letter queue; this was time 1", logs.output[0])

    def test_it_delays_no_other_message(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body(message_id="bad"), *[event_body() for _ in range(9)])

        def receive(event: Any) -> None:
            if event.message_id == "bad":
                raise RuntimeError

        with self.receiving(receive), self.assertLogs("anymail", "ERROR"):
            consumer = self.consume(name, count=10)
        self.assertEqual((consumer.tally.counts().handled, self.sqs.count(name)), (9, 1))

    def test_the_redrive_policy_has_the_last_word(self):
        name = self.sqs.create_queue(max_receives=2)
        self.sqs.send(name, event_body())

        def receive(event: Any) -> None:
            raise RuntimeError

        with (
            self.receiving(receive),
            self.assertLogs("anymail", "ERROR"),
            self.consuming(name),
        ):
            wait_until(lambda: self.sqs.count(f"{name}-dead") == 1)
        self.assertEqual(self.sqs.count(name), 0)

    def test_all_receivers_of_a_message_are_called_again(self):
        name = self.sqs.create_queue()
        document = ses_event("bounce", recipient=["a@example.com", "b@example.com"])
        self.sqs.send(name, event_body(document))
        calls = []

        def receive(event: Any) -> None:
            calls.append(event.recipient)
            if len(calls) == 2:
                raise RuntimeError

        with self.receiving(receive), self.assertLogs("anymail", "ERROR"):
            self.consume(name, count=2)
        self.assertEqual(calls, ["a@example.com", "b@example.com"] * 2)

    def test_a_mail_that_cannot_be_fetched_is_tried_again(self):
        name = self.sqs.create_queue()
        document = ses_received(b"x")
        document["receipt"]["action"] = {"type": "S3", "bucketName": "gone", "objectKey": "x"}
        del document["content"]
        self.sqs.send(name, envelope(json.dumps(document)))
        with self.assertLogs("anymail.amazon_ses.queued", "ERROR") as logs:
            consumer = self.consume(name, count=1)
        self.assertIn("NoSuchBucket", logs.output[0])
        self.assertEqual((consumer.tally.counts().failed, self.sqs.count(name)), (1, 1))

    def test_what_is_no_exception_fails_as_well(self):
        for threads in (1, 2):
            for error in (SystemExit(0), CancelledError()):
                with self.subTest(type(error).__name__, threads=threads):
                    self.check_that_it_goes_on_after(error, threads)

    def check_that_it_goes_on_after(self, error: BaseException, threads: int) -> None:
        name = self.sqs.create_queue()
        [bad, _] = self.sqs.send(name, event_body(message_id="bad"), event_body())

        def receive(event: Any) -> None:
            if event.message_id == "bad":
                raise error

        with (
            self.receiving(receive) as received,
            self.assertLogs("anymail.amazon_ses.queued", "ERROR") as logs,
        ):
            consumer = self.consume(name, count=2, threads=threads)
        self.assertEqual((len(received), consumer.tally.counts().failed), (2, 1))
        self.assertEqual([record.anymail_sqs_id for record in logs.records], [bad])
        self.assertEqual(self.sqs.count(name), 1)

    def test_a_broken_thread_ends_the_consumer(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body())

        def receive(event: Any) -> None:
            raise GeneratorExit

        with self.receiving(receive), self.assertRaises(GeneratorExit):
            self.run_to_end(self.consumer(name))
        self.assertEqual(self.sqs.count(name), 1)


class PoisonTests(ConsumerTestCase):
    def test_every_kind_is_logged_once_with_its_id_and_delays_nothing(self):
        name = self.sqs.create_queue(max_receives=2)
        ids, expected = [], set()
        for number, body in enumerate(POISON.values()):
            good = [event_body(message_id=f"{number}-{n}") for n in range(3)]
            expected |= {f"{number}-{n}" for n in range(3)}
            self.sqs.send(name, *good[:1])
            ids += self.sqs.send(name, body)
            self.sqs.send(name, *good[1:])
        with (
            self.receiving() as received,
            self.assertLogs("anymail.amazon_ses.queued", "INFO") as logs,
            self.consuming(name, threads=2) as consumer,
        ):
            wait_until(lambda: len(received) == len(expected))
            self.assertEqual(consumer.tally.counts().failed, 0)
            wait_until(lambda: self.sqs.count(f"{name}-dead") == len(POISON))
        self.assertEqual({event.message_id for _, event, _ in received}, expected)
        self.assertEqual(self.sqs.count(name), 0)
        self.assertEqual(sorted(bodies(f"{name}-dead")), sorted(POISON.values()))
        self.assertEqual([record.levelno for record in logs.records], [logging.ERROR] * len(ids))
        self.assertEqual({record.anymail_sqs_id for record in logs.records}, set(ids))
        for record, body in zip(logs.records, POISON.values(), strict=True):
            self.assertLess(len(record.getMessage()), 400)
            self.assertTrue(len(body) < 10 or body not in record.getMessage())

    def test_it_is_deleted_if_the_settings_say_so(self):
        name = self.sqs.create_queue()
        [id_] = self.sqs.send(name, "hello")
        self.sqs.send(name, event_body())
        with self.receiving() as received, self.assertLogs("anymail", "ERROR") as logs:
            consumer = self.consume(name, count=2, anymail={"queue_poison": "delete"})
        self.assertEqual((len(received), self.sqs.count(name)), (1, 0))
        self.assertEqual(consumer.tally.counts().poison, 1)
        self.assertIn(f"The SQS message {id_} cannot be used", logs.output[0])
        self.assertIn(f"(deleted, in the queue {name})", logs.output[0])

    def test_what_a_receiver_refuses_is_not_deleted_as_poison(self):
        name = self.sqs.create_queue()
        document = ses_received(b"x")
        document["receipt"]["action"] = {"type": "S3", "bucketName": "other", "objectKey": "x"}
        del document["content"]
        self.sqs.send(name, envelope(json.dumps(document)))
        anymail = {"queue_poison": "delete", "inbound_buckets": ["mine"]}
        with self.assertLogs("anymail", "ERROR"):
            consumer = self.consume(name, count=1, anymail=anymail)
        self.assertEqual((consumer.tally.counts().failed, self.sqs.count(name)), (1, 1))

    def test_what_nothing_has_to_be_done_for_is_deleted(self):
        name = self.sqs.create_queue()
        self.sqs.send(
            name,
            envelope("Successfully validated SNS topic for Amazon SES event publishing."),
            json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "x"}),
        )
        with self.receiving() as received:
            consumer = self.consume(name, count=2)
        self.assertEqual((received, self.sqs.count(name)), ([], 0))
        self.assertEqual(consumer.tally.counts().handled, 2)


class TrustTests(ConsumerTestCase):
    def test_by_signature_what_is_not_signed_is_poison(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body(), json.dumps(ses_event("bounce")))
        with self.receiving() as received, self.assertLogs("anymail", "ERROR"):
            consumer = self.consume(name, count=2, anymail={"queue_trust": "signature"})
        self.assertEqual((received, consumer.tally.counts().poison), ([], 2))


class VisibilityTests(ConsumerTestCase):
    def test_what_is_in_hand_stays_hidden_what_waits_too(self):
        name = self.sqs.create_queue(visibility=3)
        self.sqs.send(name, *[event_body() for _ in range(4)])
        with self.receiving(lambda event: time.sleep(1.7)) as received:
            consumer = self.consume(name, count=4, threads=1)
        self.assertEqual((len(received), self.sqs.count(name)), (4, 0))
        self.assertEqual(len({event.event_id for _, event, _ in received}), 4)
        self.assertEqual(consumer.tally.counts().handled, 4)
        extended = [
            call for call in self.sqs.calls if call.operation == "ChangeMessageVisibilityBatch"
        ]
        self.assertTrue(extended)
        for call in extended:
            self.assertEqual({e["VisibilityTimeout"] for e in call.parameters["Entries"]}, {3})

    def test_a_queue_whose_timeout_is_0_is_asked_for_30_seconds(self):
        name = self.sqs.create_queue(visibility=0)
        self.sqs.send(name, event_body())
        with self.receiving(lambda event: time.sleep(0.3)) as received:
            self.consume(name, count=1)
        self.assertEqual((len(received), self.sqs.count(name)), (1, 0))
        [call] = [c for c in self.sqs.calls if c.operation == "ReceiveMessage"]
        self.assertEqual(call.parameters["VisibilityTimeout"], 30)

    def test_if_the_extension_is_refused_what_is_not_begun_is_not_begun(self):
        name = self.sqs.create_queue(visibility=1)
        self.sqs.send(name, event_body(), event_body())

        def fault(operation: str, parameters: dict[str, Any]) -> Any:
            if operation != "ChangeMessageVisibilityBatch":
                return None
            return {
                "Successful": [],
                "Failed": [
                    {"Id": entry["Id"], "Code": "ReceiptHandleIsInvalid", "SenderFault": True}
                    for entry in parameters["Entries"]
                ],
            }

        self.sqs.fault = fault
        consumer = self.consumer(name, threads=1, max_messages=2)
        with self.receiving(lambda event: time.sleep(1.5)) as received:
            self.run_to_end(consumer)
        self.assertEqual(len(received), 1)


class SeveralQueuesTests(ConsumerTestCase):
    """Trouble with one queue does not stop another."""

    def test_deletions_that_fail(self):
        broken, name = self.sqs.create_queue(), self.sqs.create_queue()
        self.sqs.fault = lambda operation, parameters: (
            (500, "InternalError")
            if operation == "DeleteMessageBatch" and parameters["QueueUrl"].endswith(broken)
            else None
        )
        self.sqs.send(broken, event_body())
        self.sqs.send(name, *[event_body() for _ in range(20)])
        with (
            self.receiving(),
            self.assertLogs("anymail.consumer.settling", "WARNING") as logs,
            self.consuming(broken, name),
        ):
            wait_until(lambda: len(self.requests("DeleteMessageBatch", broken)) == 2)
            self.sqs.send(name, *[event_body() for _ in range(20)])
            wait_until(lambda: self.sqs.count(name) == 0)
            self.sqs.fault = lambda operation, parameters: None
        self.assertEqual(self.sqs.count(broken), 0)
        self.assertIn("Trying again in 1 s: Deleting from", logs.output[0])
        self.assertEqual({record.anymail_queue for record in logs.records}, {broken})

    def test_extensions_that_hang(self):
        broken, name = (self.sqs.create_queue(visibility=6) for _ in range(2))
        release, handled = threading.Event(), threading.Event()
        self.addCleanup(release.set)

        def fault(operation: str, parameters: dict[str, Any]) -> Any:
            url = parameters.get("QueueUrl", "")
            if operation == "ChangeMessageVisibilityBatch" and url.endswith(broken):
                release.wait()

        self.sqs.fault = fault
        self.sqs.send(broken, event_body())
        self.sqs.send(name, event_body())
        with (
            self.receiving(lambda event: handled.wait() and None) as received,
            self.consuming(broken, name, threads=6),
        ):
            wait_until(lambda: self.requests("ChangeMessageVisibilityBatch", broken))
            before = len(self.requests("ChangeMessageVisibilityBatch", name))
            try:
                wait_until(
                    lambda: len(self.requests("ChangeMessageVisibilityBatch", name)) > before
                )
            finally:
                release.set()
                handled.set()
        queues = [event.queue_arn.rpartition(":")[2] for _, event, _ in received]
        self.assertEqual(queues.count(name), 1)

    def requests(self, operation: str, name: str) -> list[Any]:
        return [
            call
            for call in self.sqs.calls
            if call.operation == operation and call.parameters["QueueUrl"].endswith(name)
        ]


class StopTests(ConsumerTestCase):
    def test_what_is_not_begun_goes_back_at_once_and_the_rest_ends(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, *[event_body() for _ in range(200)])
        release, stopped = threading.Event(), threading.Event()
        with self.receiving(lambda event: release.wait(30) and None) as received:
            consumer = self.consumer(name, threads=100)
            thread = threading.Thread(target=lambda: (consumer.run(), stopped.set()), daemon=True)
            thread.start()
            wait_until(lambda: consumer.in_hand == 200 and len(received) == 100)
            start = time.monotonic()
            consumer.stop()
            wait_until(lambda: len(is_waiting(name)) == 100)
            self.assertLess(time.monotonic() - start, 10)  # they are hidden for 30 s
            self.assertFalse(stopped.is_set())
            release.set()
            self.assertTrue(stopped.wait(30))
        self.assertEqual((len(received), self.sqs.count(name)), (100, 100))
        self.assertEqual(consumer.tally.counts().returned, 100)

    def test_what_comes_while_it_stops_goes_back_as_well(self):
        name = self.sqs.create_queue()
        with self.consuming(name, wait=3) as consumer:
            wait_until(lambda: "ReceiveMessage" in self.sqs.operations())
            consumer.stop()
            self.sqs.send(name, event_body())
        self.assertEqual(consumer.tally.counts().returned, 1)
        self.assertEqual(len(is_waiting(name)), 1)

    def test_nothing_is_received_after_it(self):
        name = self.sqs.create_queue()
        with self.consuming(name) as consumer:
            wait_until(lambda: "ReceiveMessage" in self.sqs.operations())
            consumer.stop()
            time.sleep(0.5)
            before = len(self.sqs.calls)
            time.sleep(1.5)
            self.assertEqual(len(self.sqs.calls), before)


class FaultTests(ConsumerTestCase):
    """SQS is away, slow, or refuses."""

    def answer_with(
        self, operation: str, times: int, status: int = 500, code: str = "Internal"
    ) -> None:
        left = iter(range(times))

        def fault(called: str, parameters: dict[str, Any]) -> Any:
            if called == operation and next(left, None) is not None:
                return status, code
            return None

        self.sqs.fault = fault

    def test_it_goes_on_when_sqs_is_back(self):
        for operation in ("ReceiveMessage", "DeleteMessageBatch"):
            with self.subTest(operation):
                name = self.sqs.create_queue()
                self.sqs.send(name, event_body())
                self.answer_with(operation, 2)
                with self.receiving() as received, self.assertLogs("anymail", "WARNING") as logs:
                    logging.getLogger("anymail").warning("so that there is one")
                    self.consume(name, count=1)
                self.assertEqual((len(received), self.sqs.count(name)), (1, 0))
                if operation == "ReceiveMessage":
                    self.assertIn("Trying again in 1 s", logs.output[1])

    def test_no_answer_at_all_is_the_same(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, event_body())
        consumer = self.consumer(name, max_messages=1)
        self.answer_with("ReceiveMessage", 1, 200, "nonsense")
        with self.receiving() as received, self.assertLogs("anymail", "WARNING"):
            logging.getLogger("anymail").warning("so that there is one")
            self.run_to_end(consumer)
        self.assertEqual(len(received), 1)

    def test_it_ends_when_sqs_refuses_for_good(self):
        for operation in ("ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"):
            for code in ("AccessDenied", "QueueDoesNotExist"):
                with self.subTest(operation, code=code):
                    name = self.sqs.create_queue(visibility=1)
                    self.sqs.send(name, event_body())
                    self.answer_with(operation, 1000, 400, code)
                    with (
                        self.receiving(lambda event: time.sleep(1)),
                        self.assertRaises(AnymailAPIError) as caught,
                    ):
                        self.run_to_end(self.consumer(name))
                    self.assertEqual(caught.exception.error_code, code)
                    wanted = operation.removesuffix("Batch") if code == "AccessDenied" else "list-"
                    self.assertIn(wanted, str(caught.exception))

    def test_entries_of_a_batch_that_fail_are_deleted_later(self):
        name = self.sqs.create_queue()
        self.sqs.send(name, *[event_body() for _ in range(10)])
        answered = []

        def fault(operation: str, parameters: dict[str, Any]) -> Any:
            if operation == "DeleteMessageBatch" and not answered:
                answered.append(parameters["Entries"])
                return {
                    "Successful": [],
                    "Failed": [
                        {"Id": entry["Id"], "Code": "InternalError", "SenderFault": False}
                        for entry in parameters["Entries"]
                    ],
                }
            return None

        self.sqs.fault = fault
        with self.receiving() as received:
            self.consume(name, count=10)
        self.assertTrue(answered)
        self.assertEqual((len(received), self.sqs.count(name)), (10, 0))

    def test_what_cannot_be_deleted_is_logged(self):
        name = self.sqs.create_queue()
        [id_] = self.sqs.send(name, event_body())
        self.sqs.fault = lambda operation, parameters: (
            {"Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}]}
            if operation == "DeleteMessageBatch"
            else None
        )
        with self.receiving(), self.assertLogs("anymail.consumer.settling", "WARNING") as logs:
            self.consume(name, count=1)
        self.assertIn(id_, logs.output[0])

    def test_while_nothing_can_be_deleted_only_so_many_are_received(self):
        name = self.sqs.create_queue()
        most = 2 * 1 + hand.MAX_UNSETTLED + 10
        self.sqs.send(name, *[event_body() for _ in range(most + 100)])
        self.answer_with("DeleteMessageBatch", 10**6)
        with self.receiving() as received, self.consuming(name, threads=1):
            wait_until(lambda: len(received) >= hand.MAX_UNSETTLED)
            time.sleep(1)
            self.assertLessEqual(len(received), most)
            self.sqs.fault = lambda operation, parameters: None
            wait_until(lambda: self.sqs.count(name) == 0)


class HealthTests(ConsumerTestCase):
    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "healthy"

    def changes(self, seconds: float) -> bool:
        """Whether the file is touched in that time."""
        before = self.path.stat().st_mtime_ns if self.path.exists() else 0
        time.sleep(seconds)
        return self.path.exists() and self.path.stat().st_mtime_ns != before

    def test_it_is_touched_while_nothing_comes(self):
        with self.consuming(self.sqs.create_queue(), health_file=self.path):
            self.assertTrue(self.changes(2.5))

    def test_it_is_touched_while_sqs_is_away(self):
        self.sqs.fault = lambda operation, parameters: (
            (503, "Away") if operation == "ReceiveMessage" else None
        )
        with self.consuming(self.sqs.create_queue(), health_file=self.path):
            time.sleep(3)
            self.assertTrue(self.changes(2.5))

    def test_it_is_not_touched_when_all_receivers_hang_whatever_other_queues_do(self):
        name, other, release = self.sqs.create_queue(), self.sqs.create_queue(), threading.Event()
        self.sqs.send(name, *[event_body() for _ in range(5)])
        with (
            self.receiving(lambda event: release.wait(30) and None) as received,
            self.consuming(name, other, threads=2, health_file=self.path),
        ):
            wait_until(lambda: len(received) == 2)
            time.sleep(0.5)
            self.assertFalse(self.changes(2.5))
            release.set()
            self.assertTrue(self.changes(2.5))

    def test_receivers_that_take_long_are_logged_once(self):
        name, release = self.sqs.create_queue(), threading.Event()
        [id_] = self.sqs.send(name, event_body())
        with (
            mock.patch.object(slow_receivers, "SLOW", 0.5),
            self.receiving(lambda event: release.wait(30) and None) as received,
            self.assertLogs("anymail.consumer.slow_receivers", "WARNING") as logs,
            self.consuming(name, threads=2),
        ):
            wait_until(lambda: logs.output)
            time.sleep(1.5)
            release.set()
            self.sqs.send(name, event_body())
            wait_until(lambda: len(received) == 2)
        [line] = logs.output
        self.assertIn(f"The receivers of the SQS message {id_}, from the queue {name}", line)
