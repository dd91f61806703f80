from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta

from django.test import SimpleTestCase

from anymail.processes.options import MAX_SECONDS, duration, number


class NumberTests(SimpleTestCase):
    def test_numbers_in_the_range(self):
        self.assertEqual([number(int, 0, 20)(text) for text in ("0", "20")], [0, 20])
        self.assertEqual(number(float, 0, MAX_SECONDS)("0.5"), 0.5)
        self.assertEqual(number(int, 1)("1000000"), 1_000_000)

    def test_others_are_refused_with_the_range(self):
        for parse, texts, wanted in (
            (number(int, 0, 20), ("-1", "21", "x", "", "1.5"), "must be 0 to 20, not "),
            (number(float, 0, MAX_SECONDS), ("nan", "inf", "-1", "1e12"), "must be 0 to "),
            (number(int, 1), ("0",), "must be 1 or more, not '0'"),
        ):
            for text in texts:
                with self.subTest(text), self.assertRaisesRegex(ArgumentTypeError, wanted):
                    parse(text)


class DurationTests(SimpleTestCase):
    def test_units(self):
        self.assertEqual(duration("90d"), timedelta(days=90))
        self.assertEqual(duration("12H"), timedelta(hours=12))
        self.assertEqual(duration("4w"), timedelta(weeks=4))

    def test_others_are_refused(self):
        for wrong in ("", "90", "0d", "-1d", "d", "9y", "1d2h", "999999w"):
            with self.assertRaises(ArgumentTypeError):
                duration(wrong)
