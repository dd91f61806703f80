"""X-Tag and X-Metadata, as SES hands them back."""

from __future__ import annotations

from typing import Any

from django.test import SimpleTestCase

from anymail.amazon_ses.tags_and_metadata import parse_tags_and_metadata

from ..clock import cpu_growth


class CustomHeadersTests(SimpleTestCase):
    def read(self, *headers: tuple[Any, Any]) -> tuple[list[str], Any]:
        return parse_tags_and_metadata([{"name": name, "value": value} for name, value in headers])

    def test_tags_come_in_order_whatever_the_case_of_the_name(self):
        self.assertEqual(self.read(("X-Tag", "a"), ("x-tag", "b"), ("X-TAG", "c"))[0], [*"abc"])

    def test_tags_are_unfolded(self):
        self.assertEqual(self.read(("X-Tag", "one\r\n two\n\tthree"))[0], ["one two\tthree"])

    def test_encoded_words_in_tags_are_decoded_and_joined(self):
        for value, expected in {
            "=?utf-8?q?caf=C3=A9?=": "café",
            "=?utf-8?b?Y2Fmw6k=?=": "café",
            "=?utf-8?q?caf=C3?=\r\n =?utf-8?q?=A9?=": "café",
            "=?utf-8?q?a_?= =?utf-8?q?b?=": "a b",
            "=?iso-8859-1?q?caf=E9?=": "café",
        }.items():
            with self.subTest(value):
                self.assertEqual(self.read(("X-Tag", value))[0], [expected])

    def test_tags_that_cannot_be_decoded_stay_as_they_are(self):
        for value in ("=?utf-8?b?!?=", "=?no-such-charset?q?x?=", "=?utf-8?b?a?=", "=?", "=?a?="):
            with self.subTest(value):
                [tag] = self.read(("X-Tag", value))[0]
                self.assertIsInstance(tag, str)

    def test_metadata_is_json(self):
        self.assertEqual(
            self.read(("X-Metadata", '{"a": "=?utf-8?q?x?="}'))[1], {"a": "=?utf-8?q?x?="}
        )

    def test_metadata_is_unfolded(self):
        self.assertEqual(self.read(("X-Metadata", '{"a":\r\n "b\r\n c"}'))[1], {"a": "b c"})

    def test_metadata_in_encoded_words_is_decoded(self):
        value = "=?utf-8?q?=7B=22a=22=3A_=22?=\r\n =?utf-8?q?b_c=22=7D?="
        self.assertEqual(self.read(("X-Metadata", value))[1], {"a": "b c"})

    def test_line_breaks_within_strings_are_the_last_resort(self):
        self.assertEqual(self.read(("X-Metadata", '{"a": "b\nc"}'))[1], {"a": "b\nc"})

    def test_other_json_than_an_object_passes(self):
        self.assertEqual(self.read(("X-Metadata", "[1]"))[1], [1])

    def test_metadata_that_was_cut_off_is_empty(self):
        for value in ('{"a": "b', "", "x", "{" * 50_000, "=?utf-8?b?!?=", "1" * 10_000):
            with self.subTest(value[:20]):
                self.assertEqual(self.read(("X-Metadata", value))[1], {})

    def test_time_grows_with_the_length_alone(self):
        """Anybody can write these headers into a mail that bounces."""
        for unit in ("b", "=?", "=?utf-8?b?YQ==?=", "=?a?q?", "[", "\\"):
            for name in ("X-Metadata", "X-Tag"):
                with self.subTest(name, unit=unit):
                    growth = cpu_growth(
                        lambda text, name=name: self.read((name, f"=?punycode?q?{text}?=")), unit
                    )
                    self.assertLess(growth, 10)

    def test_the_first_metadata_counts(self):
        found = self.read(("X-Metadata", "?"), ("X-Metadata", '{"a":1}'), ("X-Metadata", "[]"))
        self.assertEqual(found[1], {"a": 1})

    def test_what_are_no_headers_are_ignored(self):
        for headers in (
            None,
            1,
            "X-Tag",
            {},
            {"name": "X-Tag", "value": "a"},
            [None, 1, [], {}],
            [{"name": 1, "value": "a"}, {"name": "X-Tag"}, {"name": [], "value": ""}],
            [{"name": "X-Tag", "value": 1}, {"name": "X-Metadata", "value": {}}],
        ):
            with self.subTest(headers):
                self.assertEqual(parse_tags_and_metadata(headers), ([], {}))
