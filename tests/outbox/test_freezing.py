"""What of a message is stored, and what cannot be."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from email.charset import QP, Charset
from types import MappingProxyType
from typing import Any
from unittest import skipIf

import django
from django.core.mail import EmailMessage
from django.test import SimpleTestCase
from django.utils.translation import gettext_lazy, override

from anymail.exceptions import AnymailSerializationError
from anymail.message import AnymailMessage
from anymail.outbox.freezing import CHUNK, COLUMNS, MAX_INLINE, freeze
from anymail.outgoing import FEATURES

from ..ses import simple_message


def data_of(**kwargs: Any) -> dict[str, Any]:
    return freeze(simple_message(**kwargs)).data


class StoredFormTests(SimpleTestCase):
    def test_a_plain_message(self):
        """Messages that are stored today must be readable by every later version."""
        message = EmailMessage("Hello", "Text", "from@example.com", ["to@example.com"])
        expected = {
            "version": 1,
            "subject": "Hello",
            "body": "Text",
            "from_email": "from@example.com",
            "to": ["to@example.com"],
            "content_subtype": "plain",
        }
        self.assertEqual(freeze(message).data, expected)
        self.assertEqual(freeze(message).parts, ())

    def test_it_is_the_same_for_equal_messages(self):
        def text() -> str:
            return freeze(simple_message(tags={"b", "a", "c"}, metadata={"b": 1, "a": 2})).as_json()

        self.assertEqual(text(), text())

    def test_every_attribute_of_anymail_but_the_columns(self):
        values: dict[str, Any] = dict.fromkeys(FEATURES, None)
        self.assertEqual(data_of(**values)["anymail"].keys(), {*FEATURES} - COLUMNS)

    def test_attributes_on_a_plain_message(self):
        message = EmailMessage("Hello")
        message.tags = ("a", gettext_lazy("b"))  # type: ignore[attr-defined]
        self.assertEqual(freeze(message).data["anymail"], {"tags": ["a", "b"]})

    def test_none_is_kept_and_unset_left_out(self):
        self.assertEqual(data_of(tags=None)["anymail"], {"tags": None})
        self.assertNotIn("anymail", data_of())

    def test_none_forgets_the_defaults_for_djangos_own_attributes_too(self):
        message = simple_message()
        message.reply_to = message.extra_headers = message.attachments = None
        data = freeze(message).data
        self.assertEqual(
            [data[n] for n in ("reply_to", "extra_headers", "attachments")], [None] * 3
        )

    def test_lazy_strings_are_those_of_the_active_language(self):
        lazy = gettext_lazy("Yes")
        message = simple_message(
            subject=lazy,
            body=lazy,
            headers={"X-Own": lazy},
            metadata={"deep": [{"er": lazy}]},
            template_id=lazy,
            attachments=[(lazy, lazy, "text/plain")],
            alternatives=[(lazy, "text/html")],
        )
        with override("de"):
            text = freeze(message).as_json()
        self.assertEqual(text.count('"Ja"'), 8)
        self.assertNotIn("Yes", text)

    def test_nul_and_lone_surrogates_are_ascii_in_json(self):
        message = simple_message(
            subject="\ud800", body=b"\xff\x00", metadata={"a": "\0\udfff"}, tags=["\0"]
        )
        text = freeze(message).as_json()
        self.assertTrue(text.isascii())
        self.assertNotIn("\0", text)
        self.assertEqual(json.loads(text)["body"], "\udcff\0")

    def test_headers_keep_their_order_and_simple_types(self):
        headers = {
            "X-B": 1,
            "X-A": True,
            "X-C": Decimal("1.5"),
            "X-D": None,
            "From": ("a@x", "b@x"),
        }
        found = data_of(headers=headers)["extra_headers"]
        self.assertEqual(
            list(found.items()),
            [("X-B", 1), ("X-A", True), ("X-C", "1.5"), ("X-D", None), ("From", ["a@x", "b@x"])],
        )

    def test_headers_of_recipients_are_headers_too(self):
        stored = data_of(merge_headers={"to@example.com": {"X-Own": Decimal("1.5")}})["anymail"]
        self.assertEqual(stored, {"merge_headers": {"to@example.com": {"X-Own": "1.5"}}})

    def test_tuples_and_mappings(self):
        message = simple_message(metadata=MappingProxyType({"a": (1, 2)}))
        message.to = ("a@example.com", "b@example.com")
        data = freeze(message).data
        self.assertEqual(data["to"], ["a@example.com", "b@example.com"])
        self.assertEqual(data["anymail"]["metadata"], {"a": [1, 2]})

    def test_a_charset_has_its_name(self):
        message = simple_message()
        message.encoding = Charset("iso-8859-1")
        message.encoding.body_encoding = QP
        self.assertEqual(freeze(message).data["encoding"], "iso-8859-1")

    @skipIf(django.VERSION >= (6, 0), "refused there")
    def test_subtypes_that_a_class_has(self):
        class Report(AnymailMessage):
            mixed_subtype = "report"
            alternative_subtype = "related"

        data = freeze(Report()).data
        self.assertEqual(
            (data["mixed_subtype"], data["alternative_subtype"]), ("report", "related")
        )
        self.assertNotIn("mixed_subtype", data_of())

    def test_the_connection_is_not_stored_nor_changed(self):
        message = simple_message(tags=["a"], metadata={"a": [1]})
        before = {name: repr(value) for name, value in vars(message).items()}
        freeze(message)
        self.assertEqual({name: repr(value) for name, value in vars(message).items()}, before)
        self.assertNotIn("connection", freeze(message).as_json())

    def test_what_a_class_of_the_applications_own_adds_is_lost(self):
        class Own(AnymailMessage):
            campaign = "spring"

        message = Own()
        message.campaign = "autumn"
        self.assertNotIn("campaign", freeze(message).as_json())


class ContentTests(SimpleTestCase):
    def test_large_contents_are_not_in_the_data_and_not_copied(self):
        content = b"x" * (MAX_INLINE + 1)
        frozen = freeze(simple_message(attachments=[("a.bin", content, None)]))
        [attachment] = frozen.data["attachments"]
        self.assertEqual(attachment["content"], {"stored": 0})
        self.assertEqual(frozen.data["part_sizes"], [MAX_INLINE + 1])
        [part] = frozen.parts
        self.assertIs(part.content, content)
        self.assertEqual((part.index, part.size), (0, MAX_INLINE + 1))

    def test_the_limit_itself_is_small(self):
        self.assertEqual(
            freeze(simple_message(attachments=[("a.bin", b"x" * MAX_INLINE, None)])).parts, ()
        )

    def test_text_counts_in_bytes(self):
        text = "ü" * (MAX_INLINE // 2)
        small, large = (
            freeze(simple_message(attachments=[("a.txt", content, "text/plain")]))
            for content in (text, text + "ü")
        )
        self.assertEqual(small.parts, ())
        self.assertEqual(large.parts[0].size, MAX_INLINE + 2)

    def test_bodies_are_always_in_the_data(self):
        html = "<p>" * MAX_INLINE
        frozen = freeze(simple_message(body=html, alternatives=[(html, "text/html")]))
        self.assertEqual(frozen.parts, ())
        self.assertEqual(frozen.data["alternatives"], [["text/html", {"text": html}]])

    def test_pieces_are_small_and_complete(self):
        for content in (
            b"ab" * CHUNK,
            bytearray(b"ab" * CHUNK),
            memoryview(b"ab" * CHUNK),
            "aü\ud83d\ude00\ud800" * CHUNK,
        ):
            with self.subTest(type(content)):
                attachment = ("a", content, "text/plain" if isinstance(content, str) else None)
                message = simple_message()
                message.attachments = [attachment]
                [part] = freeze(message).parts
                pieces = list(part.chunks())
                self.assertLessEqual(max(map(len, pieces)), 4 * CHUNK)
                expected = (
                    content.encode("utf-8", "surrogatepass")
                    if isinstance(content, str)
                    else bytes(content)
                )
                self.assertEqual(b"".join(pieces), expected)
                self.assertEqual(part.size, len(expected))

    def test_contents_are_not_shown(self):
        frozen = freeze(simple_message(attachments=[("a.bin", b"secret" * MAX_INLINE, None)]))
        self.assertNotIn("secret", repr(frozen) + repr(frozen.parts))


class RefusedTests(SimpleTestCase):
    def refusal(self, message: EmailMessage) -> str:
        with self.assertRaises(AnymailSerializationError) as raised:
            freeze(message)
        return str(raised.exception)

    def test_values_that_json_cannot_hold(self):
        values: list[Any] = [
            datetime.now(timezone.utc),
            b"x",
            {1},
            float("nan"),
            object(),
            Decimal(1),
        ]
        for name in ("esp_extra", "metadata", "merge_global_data"):
            for value in values:
                with self.subTest(name, value=value):
                    text = self.refusal(simple_message(**{name: {"key": value}}))
                    self.assertIn(f"The {name} of the message cannot be written as JSON", text)

    def test_iterators_which_could_be_read_only_once(self):
        for name in ("to", "reply_to", "tags", "attachments", "alternatives"):
            with self.subTest(name):
                message = simple_message()
                setattr(message, name, iter(()))
                self.assertEqual(
                    self.refusal(message),
                    f"`{name}` is an iterator, which can be read only once: make it a list.",
                )

    def test_strings_for_lists(self):
        for name in ("cc", "attachments"):
            with self.subTest(name):
                message = simple_message()
                setattr(message, name, gettext_lazy("a"))
                self.assertIn(f"`{name}` must be a list", self.refusal(message))

    def test_attachments_of_other_types(self):
        for attachment in (object(), ("a",), ("a", object()), (1, b"x")):
            message = simple_message()
            message.attachments = [attachment]
            with self.subTest(attachment):
                self.assertIn("attachment", self.refusal(message))

    def test_a_message_that_contains_itself(self):
        message = simple_message()
        message.attach("a", message, "message/rfc822")
        self.assertIn("contains itself", self.refusal(message))

    def test_a_dict_that_contains_itself(self):
        metadata: dict[str, Any] = {}
        metadata["self"] = metadata
        self.assertIn("contains itself", self.refusal(simple_message(metadata=metadata)))
