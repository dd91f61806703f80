from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime, timedelta, timezone

from django.test import SimpleTestCase, override_settings

from anymail.processes.options import MAX_SECONDS, duration, moment, number


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


class MomentTests(SimpleTestCase):
    def test_a_duration_is_so_long_ago(self):
        ago = datetime.now(timezone.utc) - moment("6h")
        self.assertAlmostEqual(ago, timedelta(hours=6), delta=timedelta(minutes=5))

    @override_settings(TIME_ZONE="Asia/Tokyo")
    def test_a_time_without_an_offset_is_that_of_the_project(self):
        wanted = datetime(2026, 11, 30, 5, tzinfo=timezone.utc)
        for text in ("2026-11-30T14:00", "2026-11-30 14:00:00", "2026-11-30T05:00:00Z"):
            self.assertEqual(moment(text), wanted)
        self.assertEqual(moment("2026-11-30"), wanted - timedelta(hours=14))

    @override_settings(USE_TZ=False)
    def test_it_is_aware_without_time_zones_too(self):
        self.assertIsNotNone(moment("2026-11-30").tzinfo)

    def test_others_are_refused_with_what_is_right(self):
        for wrong in ("", "6", "yesterday", "2026-13-01", "2026-11-30T25:00", "12"):
            with self.assertRaisesRegex(ArgumentTypeError, "is no time, like 6h"):
                moment(wrong)
