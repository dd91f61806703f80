"""Every sample of SES gives the same signals, by whatever way it comes."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from anymail import testing
from anymail.amazon_ses.aws_lambda import LambdaHandler, handler
from anymail.amazon_ses.carriers import parse_notifications
from anymail.amazon_ses.queued import handle_message
from anymail.amazon_ses.receive import handle, queue_proof
from anymail.amazon_ses.sqs import SqsMessage
from anymail.amazon_ses.timestamps import iso_time, utc_now
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from anymail.inbound import AnymailInboundMessage
from anymail.signals import account_changed, inbound, tracking
from anymail.webhooks.amazon_ses import AmazonSESWebhookView

from ..log_guard import recorded
from ..sns_samples import PAYLOADS, read_json, read_text
from ..webhooks.test_inbound_mail import (
    BUCKET,
    EXPECTED,
    OBJECT,
    TOPIC,
    WebhookTestCase,
    eml,
    stubbed_kms,
)
from .test_carriers import DISABLED, QUEUE, in_eventbridge, in_sns

BOTH_URL = "/anymail/amazon_ses/"
#: What the carriers themselves say, which differs.
OF_THE_CARRIER = {"event_id", "timestamp", "topic_arn", "queue_arn", "sns_message"}


class CarrierTestCase(WebhookTestCase):
    """``by_*``: bring a document of SES, as its text, to the receivers."""

    def setUp(self) -> None:
        super().setUp()
        self.calls: list[tuple[str, Any, Any]] = []
        for name, signal in (
            ("tracking", tracking),
            ("inbound", inbound),
            ("account_changed", account_changed),
        ):

            def keep(sender: Any, event: Any, signal_name: str = name, **kwargs: Any) -> None:
                self.calls.append((signal_name, sender, event))

            signal.connect(keep, weak=False)
            self.addCleanup(signal.disconnect, keep)

    def set_up_anymail(self, **changes: Any) -> None:
        super().set_up_anymail(AMAZON_SES_INBOUND_BUCKETS=[BUCKET], **changes)

    def by_webhook(self, text: str) -> None:
        fields = {**in_sns(text), "TopicArn": TOPIC, "Timestamp": iso_time(utc_now())}
        self.client.post(BOTH_URL, **testing.sns_request(fields))

    def by_sns_and_sqs(self, text: str) -> None:
        self.by_queue(json.dumps(in_sns(text, TopicArn=TOPIC)))

    def by_raw_sqs(self, text: str) -> None:
        self.by_queue(text)

    def by_eventbridge_and_sqs(self, text: str) -> None:
        self.by_queue(json.dumps(self.eventbridge(text)))

    def by_eventbridge_sns_and_sqs(self, text: str) -> None:
        self.by_sns_and_sqs(json.dumps(self.eventbridge(text)))

    def by_lambda_from_sqs(self, text: str) -> None:
        body = json.dumps(in_sns(text, TopicArn=TOPIC))
        handler({"Records": [sqs_record(body)]}, None)

    def by_lambda_from_raw_sqs(self, text: str) -> None:
        handler({"Records": [sqs_record(text)]}, None)

    def by_lambda_from_sns(self, text: str) -> None:
        sns = in_sns(text, TopicArn=TOPIC, Subject=None, SigningCertUrl="x", UnsubscribeUrl="x")
        handler({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns}]}, None)

    def by_lambda_from_eventbridge(self, text: str) -> None:
        handler(self.eventbridge(text), None)

    def by_queue(self, body: str) -> None:
        settings = AmazonSESSettings.load()
        message = SqsMessage(id="sqs-1", receipt="", body=body, receive_count=1, sent_at=None)
        proof = queue_proof(settings)
        handle_message(message, QUEUE, settings, proof=proof, sender=type(self))

    def eventbridge(self, text: str) -> dict[str, Any]:
        document = json.loads(text)
        return document if "detail-type" in document else in_eventbridge(document, "Email …")

    def bring(self, way: Any, text: str) -> list[Any]:
        """What the receivers get of a document."""
        self.calls.clear()
        try:
            with recorded("anymail"):
                way(text)
        except AnymailError:
            self.assertEqual(self.calls, [])
        return [(signal, *plain(event)) for signal, _, event in self.calls]


def sqs_record(body: str, message_id: str = "sqs-1") -> dict[str, Any]:
    """A message as Lambda gets it (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS")."""
    return {
        "messageId": message_id,
        "receiptHandle": "AQEB",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1741064768123"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE,
        "awsRegion": "us-east-1",
    }


def plain(event: Any) -> list[Any]:
    """What an event says, without what its carrier says."""
    values = {f.name: getattr(event, f.name) for f in fields(event)}
    message = values.get("message")
    if isinstance(message, AnymailInboundMessage):
        names = ("envelope_sender", "envelope_recipients", "spam_detected", "dmarc_verdict")
        values["message"] = (message.as_bytes(), *(getattr(message, n) for n in names))
    return [(name, value) for name, value in values.items() if name not in OF_THE_CARRIER]


WAYS = (
    CarrierTestCase.by_sns_and_sqs,
    CarrierTestCase.by_raw_sqs,
    CarrierTestCase.by_eventbridge_and_sqs,
    CarrierTestCase.by_eventbridge_sns_and_sqs,
    CarrierTestCase.by_lambda_from_sqs,
    CarrierTestCase.by_lambda_from_raw_sqs,
    CarrierTestCase.by_lambda_from_sns,
    CarrierTestCase.by_lambda_from_eventbridge,
)


class SameSignalsTests(CarrierTestCase):
    def check_every_way(self, text: str, count: int) -> None:
        wanted = self.bring(self.by_webhook, text)
        self.assertEqual(len(wanted), count)
        for way in WAYS:
            with self.subTest(way.__name__):
                self.assertEqual(self.bring(lambda t, w=way: w(self, t), text), wanted)

    def test_events(self):
        for name, wanted in read_json("expected-events.json")["files"].items():
            with self.subTest(name):
                self.check_every_way(read_text(f"events/{name}"), len(wanted))

    def test_received_mail(self):
        for name, expected in EXPECTED.items():
            body = read_json(f"inbound/{name}")
            if body["receipt"]["action"]["type"] == "S3" and "eml" in expected:
                self.store(body, eml(expected["eml"]))
            if name != "s3-encrypted.json":
                count = int(expected["outcome"] in ("inbound", "inbound_failed"))
                with self.subTest(name):
                    self.check_every_way(json.dumps(body), count)

    def test_encrypted_mail(self):
        body = read_json("inbound/s3-encrypted.json")
        content = (PAYLOADS / "encrypted" / "object.bin").read_bytes()
        self.store(body, content, Metadata=OBJECT["Metadata"])
        for way in (type(self).by_webhook, *WAYS):
            with self.subTest(way.__name__), stubbed_kms():
                [(signal, *values)] = self.bring(lambda t, w=way: w(self, t), json.dumps(body))
            self.assertEqual((signal, dict(values)["event_type"]), ("inbound", "inbound"))

    def test_changes_of_the_account(self):
        self.check_every_way(json.dumps(DISABLED), 1)

    def test_other_texts_give_nothing(self):
        for path in PAYLOADS.glob("events/*.txt"):
            text = path.read_text(encoding="utf-8")
            for way in (type(self).by_webhook, type(self).by_sns_and_sqs, type(self).by_raw_sqs):
                with self.subTest(path.name, way=way.__name__):
                    self.assertEqual(self.bring(lambda t, w=way: w(self, t), text), [])


class CarrierFieldTests(CarrierTestCase):
    TEXT = json.dumps(testing.ses_event("bounce"))

    def carrier_of(self, way: Any) -> tuple[Any, ...]:
        self.bring(way, self.TEXT)
        [(_, sender, event)] = self.calls
        return sender, event.topic_arn, event.queue_arn, bool(event.sns_message), event.event_id

    def test_events_tell_their_carrier(self):
        me = type(self)
        for way, wanted in (
            (self.by_webhook, (AmazonSESWebhookView, TOPIC, None, True, "sns-1")),
            (self.by_sns_and_sqs, (me, TOPIC, QUEUE, True, "sns-1")),
            (self.by_raw_sqs, (me, None, QUEUE, False, "sqs-1")),
            (self.by_eventbridge_and_sqs, (me, None, QUEUE, False, "e1")),
            (self.by_lambda_from_sqs, (LambdaHandler, TOPIC, QUEUE, True, "sns-1")),
            (self.by_lambda_from_raw_sqs, (LambdaHandler, None, QUEUE, False, "sqs-1")),
            (self.by_lambda_from_sns, (LambdaHandler, TOPIC, None, True, "sns-1")),
            (self.by_lambda_from_eventbridge, (LambdaHandler, None, None, False, "e1")),
        ):
            with self.subTest(way.__name__):
                self.assertEqual(self.carrier_of(way), wanted)

    def test_received_mail_tells_its_carrier_too(self):
        self.bring(self.by_sns_and_sqs, read_text("inbound/sns-base64-plain.json"))
        [(_, _, event)] = self.calls
        self.assertEqual((event.topic_arn, event.queue_arn), (TOPIC, QUEUE))


class PoisonOfTheCarriersTests(CarrierTestCase):
    def test_what_a_setting_can_repair_is_no_poison(self):
        """A bucket that is not on the list: the mail must not be thrown away."""
        body = read_text("inbound/s3-foreign-bucket.json")
        settings = AmazonSESSettings.load()
        found = parse_notifications(body, proof=queue_proof(settings))
        with self.assertRaises(AnymailWebhookValidationFailure):
            handle(found, settings, sender=type(self))
