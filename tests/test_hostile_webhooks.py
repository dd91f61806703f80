"""What anybody can post: never a 5xx, never an event that is not true."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.test import SimpleTestCase

from anymail import testing, testing_sns
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason, tracking
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView

from .log_guard import recorded
from .sns_samples import (
    EVENTS_TOPIC,
    PAYLOADS,
    anymail_settings,
    fetch_sample,
    freeze_time,
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
    def test_whatever_ses_may_say_gives_documented_events_or_a_400(self):
        paths = sorted(PAYLOADS.glob("events/*.json"))
        samples = [path.read_text(encoding="utf-8") for path in paths]
        statuses = {200: 0, 400: 0}
        with testing.trusted_sns(), anymail_settings():
            certificates = {testing.CERTIFICATE_URL: testing._signing_key()[1]}
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
        certificates = {testing.CERTIFICATE_URL: testing._signing_key()[1]}
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
            "Timestamp": testing_sns.iso_time(datetime.now(timezone.utc)),
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


class FieldTests(SimpleTestCase):
    def test_the_odd_values_are_no_valid_document(self):
        """Else the tests above would prove less than they say."""
        valid = read_json("sns/notification-v1.json")
        self.assertFalse([value for value in ODD_VALUES if value in valid.values()])


def dumped(document: Any, depth: int) -> bytes:
    text = json.dumps(document)
    return text.replace(f'"{DEEP}"', "[" * depth + "]" * depth).encode()
