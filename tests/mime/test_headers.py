"""Header fields: names, dates, angle brackets."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from django.test import SimpleTestCase

from anymail.mime.headers import (
    CaseInsensitiveCasePreservingDict,
    angle_wrap,
    getfirst,
    parse_rfc2822date,
    rfc2822date,
)


class CaseInsensitiveTests(SimpleTestCase):
    def test_names_are_found_in_any_case(self):
        headers = CaseInsensitiveCasePreservingDict({"Reply-To": "a"})
        self.assertEqual(headers["reply-TO"], "a")
        self.assertIn("REPLY-TO", headers)
        self.assertEqual(headers.get("reply-to"), "a")
        self.assertEqual(headers.pop("reply-to"), "a")
        self.assertEqual(len(headers), 0)

    def test_the_first_spelling_stays_and_the_last_value(self):
        headers = CaseInsensitiveCasePreservingDict({"X-Tag": "1"})
        headers["x-tag"] = "2"
        self.assertEqual(list(headers.items()), [("X-Tag", "2")])

    def test_two_spellings_in_one_dict_are_one_field(self):
        headers = CaseInsensitiveCasePreservingDict({"X-Tag": "1", "x-tag": "2"})
        self.assertEqual(dict(headers), {"X-Tag": "2"})

    def test_it_is_made_of_pairs_or_keywords_too(self):
        self.assertEqual(dict(CaseInsensitiveCasePreservingDict([("A", 1)], B=2)), {"A": 1, "B": 2})

    def test_a_field_can_be_deleted_in_any_case(self):
        headers = CaseInsensitiveCasePreservingDict({"A": 1})
        del headers["a"]
        self.assertEqual(dict(headers), {})

    def test_what_is_missing_is_a_key_error(self):
        with self.assertRaises(KeyError):
            CaseInsensitiveCasePreservingDict()["a"]

    def test_a_copy_is_another_one(self):
        headers = CaseInsensitiveCasePreservingDict({"A": 1})
        headers.copy()["a"] = 2
        self.assertEqual(headers["A"], 1)

    def test_its_representation_shows_the_fields(self):
        self.assertIn("{'A': 1}", repr(CaseInsensitiveCasePreservingDict({"A": 1})))


class DateTests(SimpleTestCase):
    def test_a_date_is_written_with_its_offset(self):
        moment = datetime(2025, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=2)))
        self.assertEqual(rfc2822date(moment), "Tue, 04 Mar 2025 05:06:07 +0200")

    def test_a_naive_date_is_utc(self):
        self.assertEqual(
            rfc2822date(datetime(2025, 3, 4, 5, 6, 7)), "Tue, 04 Mar 2025 05:06:07 -0000"
        )

    def test_a_written_date_is_read_back(self):
        moment = datetime(2025, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
        self.assertEqual(parse_rfc2822date(rfc2822date(moment)), moment)

    def test_what_is_no_date_is_none(self):
        huge = "9" * 30
        cases = (
            "",
            "yesterday",
            "Tue, 99 Mar 2025 05:06:07 +0000",
            "Tue, 04 Mar 2025 05:06:07 +9999",
            f"Tue, 04 Mar {huge} 05:06:07 +0000",
            f"Tue, {huge} Mar 2025 05:06:07 +{huge}",
            None,
        )
        for value in cases:
            with self.subTest(value=value):
                self.assertIsNone(parse_rfc2822date(value))


class SmallTests(SimpleTestCase):
    def test_angle_brackets_are_added_once(self):
        self.assertEqual(angle_wrap("a@b"), "<a@b>")
        self.assertEqual(angle_wrap("<a@b>"), "<a@b>")

    def test_the_first_key_that_is_there_counts(self):
        self.assertEqual(getfirst({"b": 2, "c": 3}, ["a", "b", "c"]), 2)

    def test_the_default_counts_if_none_is_there(self):
        self.assertIsNone(getfirst({}, ["a"], default=None))
        with self.assertRaises(KeyError):
            getfirst({}, ["a"])
