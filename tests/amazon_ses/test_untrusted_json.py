from __future__ import annotations

from typing import Any

from django.test import SimpleTestCase

from anymail.amazon_ses.notifications import SesNotification
from anymail.amazon_ses.untrusted_json import MAX_NESTING, parse_json
from anymail.exceptions import AnymailWebhookValidationFailure


class ParseJsonTests(SimpleTestCase):
    def test_what_python_cannot_hold_is_refused(self):
        for name, text in {
            "deep nesting": "[" * 100_000,
            "deep nesting in an object": '{"a":' * 100_000,
            "huge number": '{"a": ' + "9" * 10_000 + "}",
            "not UTF-8": b'{"a": "\xff"}',
            "surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
            "UTF-16": '{"a": 1}'.encode("utf-16"),
            "trailing text": "{} {}",
            "list": "[]",
            "string": '"x"',
            "null": "null",
            "nothing": "",
        }.items():
            with self.subTest(name), self.assertRaises(AnymailWebhookValidationFailure):
                parse_json(text, "It")

    def test_whitespace_around_it_is_ignored(self):
        self.assertEqual(parse_json(' \r\n{"a": 1}\n', "It"), {"a": 1})

    def test_the_last_of_duplicate_keys_counts(self):
        self.assertEqual(parse_json('{"a": 1, "a": 2}', "It"), {"a": 2})


class NestingTests(SimpleTestCase):
    """Receivers read documents by recursion, from whatever carrier they come."""

    def nested(self, depth: int) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for _ in range(depth - 1):
            document = {"a": [document] if depth % 2 else document}
        return document

    def test_every_way_to_a_notification_is_bounded(self):
        for depth in (MAX_NESTING + 1, 900, 50_000):
            with self.subTest(depth):
                for make in (
                    lambda body: SesNotification(id=None, timestamp=None, body=body),
                    lambda body: SesNotification.from_sns(body, {}),
                ):
                    with self.assertRaisesMessage(
                        AnymailWebhookValidationFailure, "The notification is nested more than 32"
                    ):
                        make(self.nested(depth))

    def test_what_is_less_deep_is_taken(self):
        body = self.nested(MAX_NESTING)
        self.assertIs(SesNotification(id=None, timestamp=None, body=body).body, body)
