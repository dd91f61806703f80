"""Bodies of SQS messages and events of Lambda -> notifications, without a network."""

from __future__ import annotations

import json
import logging
import random
import time
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

from django.test import SimpleTestCase, tag

from anymail.amazon_ses import storage
from anymail.amazon_ses.carriers import MAIL_EVENTS, account_change, parse_notifications
from anymail.amazon_ses.inbound import S3Object, is_setup, locate_content
from anymail.amazon_ses.notifications import KINDS, SesNotification
from anymail.amazon_ses.receive import receive
from anymail.amazon_ses.sns import SnsEnvelope
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.signals import AccountChange

from ..sns_samples import EVENTS_TOPIC, read_json, read_text

LOGGER = "anymail.amazon_ses.carriers"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:ses-events"
SENT = datetime(2025, 3, 4, 5, 6, 9, tzinfo=timezone.utc)
BOUNCE = {"eventType": "Bounce", "mail": {"messageId": "m1"}, "bounce": {}}
DISABLED = {
    "version": "0",
    "id": "e1",
    "detail-type": "Sending Status Disabled",
    "source": "aws.ses",
    "account": "123456789012",
    "time": "2025-07-24T12:44:28Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ses:us-east-1:123456789012:tenant/acme/tn-1"],
    "detail": {
        "version": "1.0.0",
        "data": {"origin": "AWS_MANAGED", "record": {"status": "DISABLED", "cause": "Bounces."}},
    },
}


def in_sns(message: object, **changes: object) -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    return {
        "Type": "Notification",
        "MessageId": "sns-1",
        "TopicArn": EVENTS_TOPIC,
        "Message": text,
        "Timestamp": "2025-03-04T05:06:08.123Z",
        **changes,
    }


def in_eventbridge(detail: object, detail_type: str = "Email Bounced", **changes: object) -> Any:
    return {**DISABLED, "detail-type": detail_type, "detail": detail, **changes}


def in_s3(*keys: str, **changes: object) -> dict[str, Any]:
    """The notification of a bucket about new objects."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2025-03-04T05:06:08.000Z",
        "eventName": "ObjectCreated:Put",
        **changes,
    }
    bucket = {"name": "example-inbound-mail"}
    return {"Records": [{**record, "s3": {"bucket": bucket, "object": {"key": k}}} for k in keys]}


def object_created(key: str, **changes: object) -> dict[str, Any]:
    """The same from EventBridge, where the key is not encoded."""
    detail = {"bucket": {"name": "example-inbound-mail"}, "object": {"key": key}}
    made = in_eventbridge(detail, "Object Created", source="aws.s3", region="eu-west-1")
    return {**made, **changes}


class CarrierTestCase(SimpleTestCase):
    def setUp(self) -> None:
        self.envelopes: list[SnsEnvelope | None] = []

    def proof(self, envelope: SnsEnvelope | None) -> bool:
        self.envelopes.append(envelope)
        return True

    def parse(self, body: Any) -> list[SesNotification]:
        """As from an SQS queue."""
        return parse_notifications(
            body if isinstance(body, (str, bytes)) else json.dumps(body),
            proof=self.proof,
            message_id="sqs-1",
            timestamp=SENT,
            queue_arn=QUEUE,
        )

    def parse_one(self, body: Any) -> SesNotification:
        [found] = self.parse(body)
        return found


class KindOfBodyTests(CarrierTestCase):
    def test_a_message_of_sns_gives_its_own_id_time_and_topic(self):
        found = self.parse_one(in_sns(BOUNCE))
        self.assertEqual((found.body, found.id, found.queue_arn), (BOUNCE, "sns-1", QUEUE))
        self.assertEqual(found.timestamp, SENT - timedelta(seconds=0.877))
        self.assertEqual((found.topic_arn, found.sns_message), (EVENTS_TOPIC, in_sns(BOUNCE)))

    def test_raw_message_delivery_has_the_id_and_time_of_the_queue(self):
        found = self.parse_one(BOUNCE)
        self.assertEqual((found.body, found.id, found.timestamp), (BOUNCE, "sqs-1", SENT))
        self.assertEqual((found.topic_arn, found.sns_message), (None, None))

    def test_an_event_of_eventbridge_has_its_own_id_and_time(self):
        found = self.parse_one(in_eventbridge(BOUNCE))
        self.assertEqual((found.body, found.id), (BOUNCE, "e1"))
        self.assertEqual(found.timestamp, datetime(2025, 7, 24, 12, 44, 28, tzinfo=timezone.utc))

    def test_an_event_of_eventbridge_in_a_message_of_sns_has_the_id_of_sns(self):
        found = self.parse_one(in_sns(in_eventbridge(BOUNCE)))
        self.assertEqual((found.body, found.id, found.topic_arn), (BOUNCE, "sns-1", EVENTS_TOPIC))

    def test_lambda_wraps_messages_of_sns(self):
        records = [{"EventSource": "aws:sns", "Sns": in_sns(BOUNCE, Subject=None)}] * 2
        self.assertEqual([n.body for n in self.parse({"Records": records})], [BOUNCE, BOUNCE])

    def test_parsed_json_and_bytes_are_the_same_as_text(self):
        text = json.dumps(in_sns(BOUNCE))
        found = [
            parse_notifications(body, proof=self.proof)
            for body in (text, text.encode(), json.loads(text))
        ]
        self.assertEqual([found[0]] * 3, found)

    def test_eventbridge_names_the_kind_if_the_document_does_not(self):
        self.assertEqual(set(MAIL_EVENTS.values()) - set(KINDS), set())
        for detail_type, kind in MAIL_EVENTS.items():
            with self.subTest(detail_type):
                found = self.parse_one(in_eventbridge({"mail": {}}, detail_type))
                self.assertEqual(found.kind, kind)

    def test_the_documents_own_kind_wins(self):
        found = self.parse_one(in_eventbridge({"eventType": "New"}, "Email Bounced"))
        self.assertEqual(found.kind, "New")

    def test_setup_messages_are_logged_and_give_nothing(self):
        names = (
            "text-validation.txt",
            "text-validation-newline.txt",
            "n-setup-subscription-succeeded.json",
        )
        for text in map(read_text, (f"events/{name}" for name in names)):
            for body in (text, in_sns(text)):
                with self.subTest(body), self.assertLogs(LOGGER, "INFO") as logs:
                    self.assertEqual(self.parse(body), [])
                self.assertEqual(len(logs.records), 1)


class AccountTests(CarrierTestCase):
    def test_an_event_that_is_about_no_mail_is_about_the_account(self):
        for body in (DISABLED, in_sns(DISABLED)):
            with self.subTest(body):
                found = self.parse_one(body)
                self.assertTrue(found.is_account_change)
                self.assertEqual(found.body, DISABLED)

    def test_an_event_about_a_mail_is_not(self):
        self.assertFalse(self.parse_one(in_eventbridge(BOUNCE)).is_account_change)

    def test_the_event_has_what_eventbridge_says(self):
        self.assertEqual(
            account_change(self.parse_one(DISABLED)),
            AccountChange(
                kind="Sending Status Disabled",
                account="123456789012",
                region="us-east-1",
                resources=("arn:aws:ses:us-east-1:123456789012:tenant/acme/tn-1",),
                timestamp=datetime(2025, 7, 24, 12, 44, 28, tzinfo=timezone.utc),
                detail=DISABLED["detail"],
                event_id="e1",
                is_verified=True,
            ),
        )

    def test_anything_may_be_missing_or_wrong(self):
        body = {"detail-type": "New", "source": "aws.ses", "detail": {}, "resources": [1, {}, "a"]}
        change = account_change(self.parse_one(body))
        self.assertEqual((change.resources, change.account, change.region), (("a",), None, None))
        self.assertEqual((change.timestamp, change.event_id), (SENT, "sqs-1"))


class S3Tests(CarrierTestCase):
    def test_a_new_object_is_a_received_mail_in_s3(self):
        for body in (
            in_s3("in+box/%C3%A4%2Bb/abc"),
            in_sns(in_s3("in+box/%C3%A4%2Bb/abc")),
            object_created("in box/ä+b/abc"),
            in_sns(object_created("in box/ä+b/abc")),
        ):
            with self.subTest(body):
                found = self.parse_one(body)
                self.assertEqual(found.kind, "Received")
                self.assertEqual(
                    locate_content(found),
                    S3Object(
                        bucket="example-inbound-mail",
                        key="in box/ä+b/abc",
                        region="eu-west-1",
                        message_id="abc",
                    ),
                )

    def test_one_message_may_announce_several_mails(self):
        found = self.parse(in_s3("a", "b"))
        self.assertEqual([locate_content(n).key for n in found], ["a", "b"])

    def test_the_object_that_tests_a_receipt_rule_is_no_mail(self):
        found = self.parse_one(in_s3("inbox/AMAZON_SES_SETUP_NOTIFICATION"))
        self.assertTrue(is_setup(found))

    def test_the_time_is_that_of_the_object(self):
        found = self.parse_one(in_s3("a"))
        self.assertEqual((found.timestamp, found.id), (SENT - timedelta(seconds=1), "sqs-1"))

    def test_other_events_of_s3_give_nothing(self):
        for body in (
            {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
            in_s3("a", eventName="ObjectRemoved:Delete"),
            in_s3("a", eventName="LifecycleExpiration:Delete"),
            object_created("a", **{"detail-type": "Object Deleted"}),
        ):
            for wrapped in (body, in_sns(body)):
                with self.subTest(wrapped):
                    self.assertEqual(self.parse(wrapped), [])

    def test_an_event_that_names_no_object_is_refused(self):
        for s3 in (
            None,
            {},
            {"bucket": {"name": "b"}},
            {"bucket": "b", "object": {"key": "k"}},
            {"bucket": {"name": "b"}, "object": {"key": 7}},
            {"bucket": {"name": "b"}, "object": {"key": "%FF"}},
        ):
            record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}
            with self.subTest(s3), self.assertRaises(AnymailWebhookValidationFailure):
                self.parse({"Records": [record]})


class LambdaActionTests(CarrierTestCase):
    def test_the_lambda_action_of_a_receipt_rule_is_received_mail_that_is_nowhere(self):
        ses = {"mail": {"messageId": "m1"}, "receipt": {"action": {"type": "Lambda"}}}
        records = [{"eventSource": "aws:ses", "eventVersion": "1.0", "ses": ses}]
        found = self.parse_one({"Records": records})
        self.assertEqual((found.kind, found.mail), ("Received", {"messageId": "m1"}))
        with self.assertRaisesMessage(AnymailConfigurationError, "'Lambda'"):
            locate_content(found)


class ProofTests(CarrierTestCase):
    def test_the_proof_gets_the_message_of_sns_or_none(self):
        self.parse(in_sns(BOUNCE))
        self.parse(BOUNCE)
        self.assertEqual([e and e.id for e in self.envelopes], ["sns-1", None])

    def test_the_proof_decides_what_is_verified(self):
        for answer in (True, False):
            for body in (BOUNCE, in_sns(BOUNCE), in_eventbridge(BOUNCE), in_s3("a")):
                with self.subTest(answer=answer, body=body):
                    [found] = parse_notifications(body, proof=lambda envelope, a=answer: a)
                    self.assertIs(found.is_verified, answer)

    def test_the_proof_comes_before_a_message_is_opened(self):
        def refuse(envelope: SnsEnvelope | None) -> bool:
            raise AnymailWebhookValidationFailure("Refused.")

        for body in (in_sns("no JSON"), in_sns("x", Type="SubscriptionConfirmation")):
            with (
                self.subTest(body),
                self.assertNoLogs(LOGGER, "DEBUG"),
                self.assertRaisesMessage(AnymailWebhookValidationFailure, "Refused."),
            ):
                parse_notifications(body, proof=refuse)


class ConfirmationTests(CarrierTestCase):
    def test_a_request_for_confirmation_is_a_warning_with_the_token_at_debug(self):
        body = in_sns("You have chosen …", Type="SubscriptionConfirmation", Token="7f" * 20)
        with self.assertLogs(LOGGER, "DEBUG") as logs:
            self.assertEqual(self.parse(body), [])
        warning, debug = logs.records
        self.assertEqual((warning.levelname, debug.levelname), ("WARNING", "DEBUG"))
        self.assertIn(EVENTS_TOPIC, warning.getMessage())
        self.assertNotIn("7f7f", warning.getMessage())
        self.assertIn("7f7f", debug.getMessage())

    def test_a_token_writes_no_lines_into_logs(self):
        body = in_sns("x", Type="SubscriptionConfirmation", Token="t\nCRITICAL all is lost")
        with self.assertLogs(LOGGER, "DEBUG") as logs:
            self.parse(body)
        self.assertEqual([r.levelname for r in logs.records], ["WARNING"])

    def test_the_end_of_a_subscription_is_logged(self):
        with self.assertLogs(LOGGER, "DEBUG") as logs:
            self.assertEqual(self.parse(in_sns("x", Type="UnsubscribeConfirmation")), [])
        self.assertEqual([r.levelname for r in logs.records], ["INFO"])


def nested(depth: int) -> str:
    return '{"eventType":"Send","x":' + "[" * depth + "]" * depth + "}"


#: What anybody who may write to a queue could write there.
POISON: dict[str, str | bytes] = {
    "empty": "",
    "spaces": " \n",
    "text": "hello",
    "HTML": "<html>",
    "number": "1",
    "null": "null",
    "string": '"Successfully"',
    "list": "[]",
    "object": "{}",
    "other object": '{"foo": 1}',
    "byte order mark": '\ufeff{"eventType": "Send"}',
    "byte order mark in bytes": b'\xef\xbb\xbf{"eventType": "Send"}',
    "UTF-16": '{"eventType": "Send"}'.encode("utf-16"),
    "UTF-16 without mark": '{"eventType": "Send"}'.encode("utf-16-be"),
    "UTF-32": '{"eventType": "Send"}'.encode("utf-32"),
    "Latin-1": '{"eventType": "Sénd"}'.encode("latin-1"),
    "EBCDIC": '{"eventType": "Send"}'.encode("cp037"),
    "bytes": bytes(range(256)),
    "1 MiB of text": "x" * 2**20,
    "1 MiB of NUL": b"\0" * 2**20,
    "1 MiB of document": json.dumps({**BOUNCE, "x": "y" * 2**20}),
    "1 MiB of brackets": "[" * 2**20,
    "1 MiB of objects": '{"a":' * 2**17,
    "deep": nested(100_000),
    "a little too deep": nested(40),
    "deep in SNS": json.dumps(in_sns(nested(5_000))),
    "NaN": '{"eventType": "Send", "x": NaN}',
    "infinity": '{"eventType": "Send", "x": -Infinity}',
    "a float that is infinity": '{"eventType": "Send", "x": 1e999}',
    "huge integer": '{"eventType": "Send", "x": ' + "9" * 100_000 + "}",
    "garbage after the object": '{"eventType": "Send"} x',
    "two objects": '{"eventType": "Send"}{"eventType": "Send"}',
    "cut": '{"eventType": "Send", "mail": {"desti',
    "kind that is no text": '{"eventType": ["Send"]}',
    "SNS in SNS": json.dumps(in_sns(in_sns(BOUNCE))),
    "SNS with an unknown type": json.dumps(in_sns(BOUNCE, Type="Greeting")),
    "SNS without an id": json.dumps(in_sns(BOUNCE, MessageId=None)),
    "SNS with a topic of two lines": json.dumps(in_sns(BOUNCE, TopicArn="a\nb")),
    "SNS with a message that is an object": json.dumps({**in_sns("x"), "Message": BOUNCE}),
    "SNS of somebody else": json.dumps(in_sns("Your disk is full")),
    "CloudWatch alarm": json.dumps(in_sns({"AlarmName": "x", "NewStateValue": "ALARM"})),
    "EventBridge of another service": json.dumps(in_eventbridge(BOUNCE, source="aws.ec2")),
    "EventBridge without detail": json.dumps(in_eventbridge(None)),
    "EventBridge with a detail-type that is no text": json.dumps(in_eventbridge({}, 1)),  # type: ignore[arg-type]
    "no records": '{"Records": []}',
    "records that are none": '{"Records": [1, null, "x"]}',
    "DynamoDB": '{"Records": [{"eventSource": "aws:dynamodb", "eventName": "INSERT"}]}',
    "a record of SES without a document": '{"Records": [{"eventSource": "aws:ses"}]}',
    "records of two services": json.dumps(
        {"Records": [*in_s3("a")["Records"], {"eventSource": "aws:sqs"}]}
    ),
    "100,000 records": json.dumps({"Records": [{}] * 100_000}),
    "Celery": '{"body": "W1tdLCB7fV0=", "headers": {"task": "x"}, "properties": {}}',
}


class PoisonTests(CarrierTestCase):
    def test_every_kind_of_poison_raises_one_exception_on_one_line_at_once(self):
        for name, body in POISON.items():
            with self.subTest(name):
                started = time.perf_counter()
                with self.assertRaises(AnymailWebhookValidationFailure) as raised:
                    self.parse(body)
                self.assertLess(time.perf_counter() - started, 5)
                self.assertLess(len(str(raised.exception)), 200)
                self.assertNotIn("\n", str(raised.exception))

    def test_what_is_odd_but_json_is_no_poison(self):
        for body, kind in (
            ('{"eventType": "Send", "eventType": "Open"}', "Open"),
            ('{"eventType": "Send", "x": "\\ud800"}', "Send"),
            ('{"eventType": "Send", "x": "\\u0000"}', "Send"),
            (nested(20), "Send"),
            ('\r\n\t {"eventType": "Send"}\n\n', "Send"),
            ('{"eventType": "A Thing Of The Future"}', "A Thing Of The Future"),
        ):
            with self.subTest(body):
                self.assertEqual(self.parse_one(body).kind, kind)

    def test_parsed_json_that_is_nested_too_deep_is_poison_too(self):
        body: dict[str, Any] = {"eventType": "Send"}
        for _ in range(100):
            body = {"eventType": "Send", "x": body}
        with self.assertRaises(AnymailWebhookValidationFailure):
            parse_notifications(body, proof=self.proof)


class SampleTests(CarrierTestCase):
    def test_every_document_is_the_same_from_every_carrier(self):
        for name in read_json("expected-events.json")["files"]:
            document = read_json(f"events/{name}")
            if document.get("notificationType") == "AmazonSnsSubscriptionSucceeded":
                continue
            for body in (
                document,
                in_sns(document),
                in_eventbridge(document),
                in_sns(in_eventbridge(document)),
            ):
                with self.subTest(name):
                    self.assertEqual(self.parse_one(body).body, document)


#: What a mutation puts in the place of a value.
ODD_VALUES: tuple[Any, ...] = (
    *(None, 1, -1, 1.5, True, 10**30, "", "x", "a\nb", "\ud800", "\0"),
    *([], {}, [[]], [{}], ["x", 1], {"a": {}}, "aws.ses", "aws.s3", "ObjectCreated:Put"),
)


@tag("fuzz")
class MutationTests(CarrierTestCase):
    """Documents of every carrier, with anything in the place of anything."""

    SEEDS: tuple[Any, ...] = (
        *(BOUNCE, DISABLED, in_sns(BOUNCE), in_sns(DISABLED), in_eventbridge(BOUNCE)),
        *(in_sns(in_eventbridge(BOUNCE)), in_s3("a+b", "c"), in_sns(in_s3("a"))),
        *(object_created("x"), {"Records": [{"EventSource": "aws:sns", "Sns": in_sns(BOUNCE)}]}),
        in_sns("x", Type="SubscriptionConfirmation", Token="t"),
    )

    def setUp(self) -> None:
        super().setUp()
        self.random = random.Random(7)
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def mutated(self, value: Any) -> Any:
        if self.random.random() < 0.1:
            return self.random.choice(ODD_VALUES)
        if isinstance(value, dict):
            return {k: self.mutated(v) for k, v in value.items() if self.random.random() > 0.05}
        if isinstance(value, list):
            return [self.mutated(item) for item in value]
        if isinstance(value, str) and value.startswith("{"):
            return json.dumps(self.mutated(json.loads(value)))
        return value

    def test_a_mutated_document_is_poison_or_gives_events(self):
        def download(*args: Any) -> Any:
            yield b"Subject: x\r\n\r\n"

        settings, poison = AmazonSESSettings.load(), 0
        with mock.patch.object(storage, "download", download):
            for _ in range(10_000):
                body = self.mutated(self.random.choice(self.SEEDS))
                try:
                    found = self.parse(body)
                except AnymailWebhookValidationFailure:
                    poison += 1
                    continue
                for notification in found:
                    receive(notification, settings)
        self.assertTrue(2_000 < poison < 8_000, poison)
