"""What anybody can post: never a 5xx, never an event that is not true."""

from __future__ import annotations

import copy
import json
import random
import tracemalloc
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from unittest import mock

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.test import Client, RequestFactory, SimpleTestCase, override_settings, tag

from anymail import testing
from anymail.amazon_ses import untrusted_json
from anymail.amazon_ses.timestamps import iso_time
from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason, tracking
from anymail.testing.requests import CERTIFICATE_URL, signing_key
from anymail.testing.sns import notification_fields
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView

from ..log_guard import recorded
from ..sns_samples import (
    EVENTS_TOPIC,
    PAYLOADS,
    TRACKING_URL,
    anymail_settings,
    fetch_sample,
    freeze_time,
    ignore_insecure_webhooks,
    read_json,
    read_text,
)

UNSIGNED = 20_000
SIGNED = 5_000
DEEP = "deep-nesting-goes-here"

ODD_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1e308,
    float("nan"),
    10**400,
    "",
    " ",
    "\x00",
    "\ud800",
    "é" * 50,
    "9" * 5000,
    "<" * 100,
    "(" * 5000 + "<a@b>",
    '"' * 99 + "<",
    "a@b" * 200,
    "=?utf-8?b?////?=",
    "=?x?q?y?= =?utf-8?q?=ff?=",
    "2025-99-99T99:99:99Z",
    "2025-03-04Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "Permanent",
    "OptOut",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": ""},
    {"name": "X-Metadata", "value": "{"},
    [{"name": "X-Metadata", "value": '{"a":'}],
    [{"name": "X-Tag", "value": None}],
    ["Ann <ann@example.net>", 1, None],
    DEEP,
]
ODD_BODIES: list[bytes] = [
    b"",
    b"\x00",
    b"\xff\xfe{}",
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"1" * 5000,
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b'{"Type":' + b"[" * 99_999 + b"]" * 99_999 + b"}",
    b'{"Type": "' + b"x" * 1_000_000 + b'"}',
    b'{"Type": "\\ud800"}',
    b'{"Type": NaN, "Message": Infinity}',
    b"\xef\xbb\xbf{}",
]
META = {
    "HTTP_X_AMZ_SNS_MESSAGE_TYPE": "Notification",
    "HTTP_X_AMZ_SNS_MESSAGE_ID": "8d5c1a5e-0a0f-5a54-9a7f-3f0f3a8e0001",
    "HTTP_X_AMZ_SNS_TOPIC_ARN": EVENTS_TOPIC,
    "HTTP_X_AMZ_SNS_RAWDELIVERY": "true",
}


class HostileTestCase(SimpleTestCase):
    def setUp(self) -> None:
        self.random = random.Random(20_250_304)
        self.events: list[AnymailTrackingEvent] = []
        self.view = AmazonSESTrackingWebhookView.as_view()
        tracking.connect(self.receive)
        self.addCleanup(tracking.disconnect, self.receive)
        logs = recorded("anymail.webhooks.base")
        self.refusals = logs.__enter__()
        self.addCleanup(logs.__exit__, None, None, None)

    def receive(self, event: AnymailTrackingEvent, **kwargs: Any) -> None:
        self.events.append(event)

    def status(self, body: bytes, meta: dict[str, str] | None = None) -> int:
        """What Django answers; every exception that it would answer with 500 goes through."""
        request = HttpRequest()
        request.method = "POST"
        request.META = {**(meta or {})}
        request._body = body
        try:
            return self.view(request).status_code
        except SuspiciousOperation:
            return 400

    def some_meta(self) -> dict[str, str]:
        return {name: value for name, value in META.items() if self.random.random() < 0.15}


class UnsignedTests(HostileTestCase):
    def setUp(self) -> None:
        super().setUp()
        # In the form of SNS, but signed by nobody that we believe.
        names = (
            "bad-signature-other-key",
            "bad-signature-missing",
            "bad-confirmation-subscribeurl-changed",
            "bad-type-changed",
        )
        self.texts = [read_text(f"sns/{name}.json").encode() for name in names]
        self.documents = [json.loads(text) for text in self.texts]

    @tag("fuzz")
    def test_whatever_is_not_signed_is_refused(self):
        makers: list[Callable[[], bytes]] = [
            self.random_bytes,
            self.changed_bytes,
            self.changed_bytes,
            self.changed_field,
            self.changed_field,
            self.changed_field,
            self.duplicate_key,
            self.random_json,
        ]
        with freeze_time(), fetch_sample(), anymail_settings():
            for number in range(UNSIGNED):
                if number % 1000 == 0:
                    body = ODD_BODIES[number // 1000 % len(ODD_BODIES)]
                else:
                    body = makers[number % len(makers)]()
                status = self.status(body, self.some_meta())
                if status != 400:
                    self.fail(f"number {number}: {status} for {body[:300]!r}")
        self.assertEqual(self.events, [])

    def test_odd_bodies_are_refused_by_every_open_webhook(self):
        """Even with neither an allow-list nor signature checking."""
        with (
            freeze_time(),
            anymail_settings(AMAZON_SES_SNS_TOPIC_ARNS=[], AMAZON_SES_VERIFY_SNS_SIGNATURES=False),
            self.assertWarnsRegex(Warning, "anybody"),
        ):
            for body in ODD_BODIES:
                for meta in ({}, META):
                    with self.subTest(body[:40]):
                        self.assertEqual(self.status(body, meta), 400)

    def random_bytes(self) -> bytes:
        return self.random.randbytes(self.random.randrange(200))

    def changed_bytes(self) -> bytes:
        text = bytearray(self.random.choice(self.texts))
        for _ in range(self.random.randint(1, 5)):
            at = self.random.randrange(len(text))
            text[at : at + self.random.randrange(3)] = self.random.randbytes(
                self.random.randrange(3)
            )
        return bytes(text)

    def changed_field(self) -> bytes:
        fields = dict(self.random.choice(self.documents))
        for name in self.random.sample(sorted(fields), self.random.randint(1, 3)):
            fields[name] = self.random.choice(ODD_VALUES)
        return dumped(fields, depth=5000)

    def duplicate_key(self) -> bytes:
        fields = dict(self.random.choice(self.documents))
        name = self.random.choice(sorted(fields))
        twice = json.dumps({name: self.random.choice(ODD_VALUES)})[1:-1]
        return f"{json.dumps(fields)[:-1]}, {twice}}}".encode()

    def random_json(self) -> bytes:
        names = ("Type", "MessageId", "TopicArn", "Message", "Timestamp", "Signature", "Token")
        fields = {name: self.random.choice(ODD_VALUES) for name in names}
        fields["Type"] = self.random.choice(("Notification", "SubscriptionConfirmation", None))
        return dumped(fields, depth=5000)


class SignedTests(HostileTestCase):
    @tag("fuzz")
    def test_whatever_ses_may_say_gives_documented_events_or_a_400(self):
        paths = sorted(PAYLOADS.glob("events/*.json"))
        samples = [path.read_text(encoding="utf-8") for path in paths]
        statuses = {200: 0, 400: 0}
        with testing.trusted_sns(), anymail_settings():
            certificates = {CERTIFICATE_URL: signing_key()[1]}
            with anymail_settings(AMAZON_SES_SNS_CERTIFICATES=certificates):
                for number in range(SIGNED):
                    document = json.loads(samples[number % len(samples)])
                    for _ in range(self.random.randint(1, 4)):
                        document = self.mutated(document)
                    text = dumped(document, depth=100_000).decode()
                    self.events.clear()
                    status = self.status(self.signed(text))
                    self.assertIn(status, statuses, text[:500])
                    statuses[status] += 1
                    for event in self.events:
                        self.assertDocumented(event)
        self.assertGreater(statuses[200], SIGNED / 2)

    def test_every_part_may_be_missing(self):
        certificates = {CERTIFICATE_URL: signing_key()[1]}
        with anymail_settings(AMAZON_SES_SNS_CERTIFICATES=certificates):
            for path in sorted(PAYLOADS.glob("events/p-*.json")):
                document = json.loads(path.read_text(encoding="utf-8"))
                for name in document:
                    rest = {key: value for key, value in document.items() if key != name}
                    with self.subTest(path.name, without=name):
                        self.assertEqual(self.status(self.signed(json.dumps(rest))), 200)

    def signed(self, text: str) -> bytes:
        fields = {
            "Type": "Notification",
            "MessageId": str(uuid.UUID(int=self.random.getrandbits(128))),
            "TopicArn": EVENTS_TOPIC,
            "Message": text,
            "Timestamp": iso_time(datetime.now(timezone.utc)),
        }
        body: bytes = testing.sns_request(fields, secret="")["data"]
        return body

    def mutated(self, value: Any) -> Any:
        """The same document with one part changed."""
        if not isinstance(value, (dict, list)) or not value or self.random.random() < 0.15:
            return self.random.choice(ODD_VALUES)
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = self.random.choice(keys)
        if self.random.random() < 0.2:
            del value[key]
        elif self.random.random() < 0.1:
            value[key] = [value[key], value[key]]
        else:
            value[key] = self.mutated(value[key])
        return value

    def assertDocumented(self, event: AnymailTrackingEvent) -> None:
        self.assertIn(event.event_type, EventType.values)
        self.assertIn(event.reject_reason, [None, *RejectReason.values])
        self.assertIsInstance(event.recipient, str)
        self.assertIsInstance(event.event_id, str)
        for name in (
            "message_id",
            "description",
            "mta_response",
            "user_agent",
            "click_url",
            "bounce_type",
            "bounce_subtype",
            "complaint_type",
            "delay_type",
            "smtp_status",
        ):
            self.assertIsInstance(getattr(event, name), (str, type(None)), name)
        for name in ("is_hard_bounce", "is_suppressed", "is_autoreply", "recipient_uncertain"):
            self.assertIsInstance(getattr(event, name), bool, name)
        self.assertTrue(all(isinstance(tag, str) for tag in event.tags))
        self.assertIsInstance(event.message_tags, dict)
        self.assertIsInstance(event.esp_event, dict)
        if event.occurred_at is not None:
            self.assertEqual(event.occurred_at.tzinfo, timezone.utc)


class QuietTests(HostileTestCase):
    """What nobody proved is no mail to ADMINS, however often it comes."""

    def status_in_django(self, body: bytes = b"{}", **headers: str) -> int:
        """Through Django's handler, which must neither see an exception nor log an error."""
        with self.assertNoLogs("django", "ERROR"):
            response = Client().post(
                TRACKING_URL, body, content_type="text/plain", headers=headers or None
            )
        return response.status_code

    def test_a_wrong_secret_is_a_warning_with_the_reason(self):
        with anymail_settings(WEBHOOK_SECRET="a:b-c-d-e-f"):
            for _ in range(50):
                self.assertEqual(self.status_in_django(Authorization="Basic eDp5"), 400)
        self.assertEqual([record.levelname for record in self.refusals], ["WARNING"] * 50)
        self.assertIn("basic authentication is wrong", self.refusals[0].getMessage())

    def test_garbage_and_foreign_topics_are_warnings(self):
        foreign = testing.sns_notification("bounce", topic=EVENTS_TOPIC + "-of-somebody")["data"]
        with anymail_settings(), freeze_time(), fetch_sample():
            for body in (b"", b"{", b"[]", foreign, self.deep_document(b"{}")):
                self.assertEqual(self.status_in_django(body), 400)
        self.assertEqual([record.levelname for record in self.refusals], ["WARNING"] * 5)

    def test_a_signed_document_of_anybody_is_a_warning_if_nobody_can_use_it(self):
        """SNS signs what any AWS account publishes."""
        ignore_insecure_webhooks(self)
        received = testing.ses_received()
        with testing.trusted_sns():
            for document in ({"notificationType": "Received"}, received):
                self.assertEqual(
                    self.status_in_django(testing.sns_notification(document)["data"]), 400
                )
            garbage = testing.sns_request(notification_fields(EVENTS_TOPIC, "no document"))
            self.assertEqual(self.status_in_django(garbage["data"]), 400)
        self.assertEqual({record.levelname for record in self.refusals}, {"WARNING"})

    def test_what_a_proven_sender_sends_and_nobody_can_use_is_an_error(self):
        garbage = notification_fields(EVENTS_TOPIC, "no document")
        with anymail_settings(), testing.trusted_sns(), self.assertLogs("django.security", "ERROR"):
            response = Client().post(TRACKING_URL, **testing.sns_request(garbage))
        self.assertEqual(response.status_code, 400)
        with (
            anymail_settings(),
            testing.trusted_sns(),
            self.assertRaises(AnymailConfigurationError),
        ):
            Client().post(TRACKING_URL, **testing.sns_notification(testing.ses_received()))
        self.assertEqual(self.refusals, [])

    def test_a_subclass_may_still_raise_the_error_itself(self):
        class View(AmazonSESTrackingWebhookView):
            def parse_events(self, request: Any) -> Any:
                raise AnymailWebhookValidationFailure("not ours")

        request = RequestFactory().post("/")
        ignore_insecure_webhooks(self)
        with self.assertRaises(AnymailWebhookValidationFailure):
            View.as_view()(request)

    def deep_document(self, body: bytes) -> bytes:
        return b'{"a":' * 100 + body + b"}" * 100


class SizeTests(HostileTestCase):
    def setUp(self) -> None:
        super().setUp()
        ignore_insecure_webhooks(self)

    def test_a_content_length_that_is_not_valid_is_refused(self):
        lengths = ("x", "-1", "1.5", "12, 12", "٣", "9" * 5000, "1e3", "+5", " 5")
        for length in lengths:
            with self.subTest(length[:20]):
                request = HttpRequest()
                request.method = "POST"
                request.META = {"CONTENT_LENGTH": length}
                self.assertEqual(self.view(request).status_code, 400)

    def test_a_large_body_is_not_even_read(self):
        request = HttpRequest()
        request.method = "POST"
        request.META = {"CONTENT_LENGTH": str(untrusted_json.MAX_BODY_SIZE + 1)}
        request._stream = None  # reading it would raise an AttributeError
        self.assertEqual(self.view(request).status_code, 400)
        self.assertIn("too large", self.refusals[0].getMessage())

    def test_the_largest_message_of_sns_is_taken(self):
        """256 KiB, of which each character may be escaped."""
        document = testing.ses_event("bounce")
        document["padding"] = '"' * (100 * 1024)
        with testing.trusted_sns():
            request = testing.sns_notification(document)
            self.assertGreater(len(request["data"]), 400 * 1024)
            response = Client().post(TRACKING_URL, **request)
        self.assertEqual(response.status_code, 200)

    def test_what_is_not_proven_costs_little_memory(self):
        body = b'{"a":[' + b"[]," * (untrusted_json.MAX_BODY_SIZE // 3 - 10) + b"0]}"
        self.status(body)  # imports
        tracemalloc.start()
        try:
            self.assertEqual(self.status(body), 400)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 20_000_000)


class NestingTests(HostileTestCase):
    """A receiver may copy, compare or print a document by recursion."""

    DEPTHS = (33, 100, 300, 942, 3_000, 100_000)

    def setUp(self) -> None:
        super().setUp()
        ignore_insecure_webhooks(self)

    def test_a_nested_envelope_is_refused(self):
        for depth in self.DEPTHS:
            for opening, closing in (("[", "]"), ('{"a":', "}")):
                body = f'{{"Type": {opening * depth}1{closing * depth}}}'.encode()
                with self.subTest(depth, opening=opening):
                    self.assertEqual(self.status(body), 400)
                    self.assertRegex(self.refusals[-1].getMessage(), "nested|too large")

    def test_a_nested_document_of_a_proven_sender_is_refused(self):
        for depth in self.DEPTHS:
            text = dumped({**testing.ses_event("bounce"), "x": DEEP}, depth).decode()
            fields = notification_fields(EVENTS_TOPIC, text)
            topics = override_settings(ANYMAIL_AMAZON_SES_SNS_TOPIC_ARNS=[EVENTS_TOPIC])
            with self.subTest(depth), topics, testing.trusted_sns():
                request = testing.sns_request(fields)
                self.assertEqual(self.status(request["data"]), 400)
        self.assertEqual(self.events, [])

    def test_a_document_with_the_levels_of_ses_is_taken(self):
        text = dumped({**testing.ses_event("bounce"), "x": DEEP}, depth=31).decode()
        fields = notification_fields(EVENTS_TOPIC, text)
        with testing.trusted_sns():
            self.assertEqual(self.status(testing.sns_request(fields)["data"]), 200)
        [event] = self.events
        self.assertIsNotNone(copy.deepcopy(event.esp_event))

    def test_nested_metadata_is_left_out(self):
        for depth, expected in ((5, True), (34, False), (900, False)):
            metadata = "[" * depth + "]" * depth
            document = testing.ses_event("bounce")
            document["mail"]["headers"] = [{"name": "X-Metadata", "value": metadata}]
            self.events.clear()
            with self.subTest(depth), testing.trusted_sns():
                self.status(testing.sns_notification(document)["data"])
                [event] = self.events
                self.assertEqual(bool(event.metadata), expected)


class CertificateUrlTests(HostileTestCase):
    def test_secret_and_topics_are_looked_at_before_anything_is_fetched(self):
        request = testing.sns_notification("bounce", topic=EVENTS_TOPIC + "-2")
        with mock.patch("anymail.amazon_ses.certificates.download") as download:
            with anymail_settings():
                self.assertEqual(self.status(request["data"]), 400)
            with anymail_settings(WEBHOOK_SECRET="sns:some-long-text"):
                wrong = {"HTTP_AUTHORIZATION": "Basic eDp5"}
                self.assertEqual(self.status(request["data"], wrong), 400)
                self.assertEqual(self.status(request["data"]), 401)
        download.assert_not_called()


class FieldTests(SimpleTestCase):
    def test_the_odd_values_are_no_valid_document(self):
        """Else the tests above would prove less than they say."""
        valid = read_json("sns/notification-v1.json")
        self.assertFalse([value for value in ODD_VALUES if value in valid.values()])


def dumped(document: Any, depth: int) -> bytes:
    text = json.dumps(document)
    return text.replace(f'"{DEEP}"', "[" * depth + "]" * depth).encode()
