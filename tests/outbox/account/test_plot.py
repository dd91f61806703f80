"""Shapes, lines across and rates of the plots: pure functions."""

from __future__ import annotations

import re
from datetime import date, timedelta

from django.test import SimpleTestCase
from django.utils import translation

from anymail.outbox.account.figures import Day, days_from, totals, weekly
from anymail.outbox.account.plot import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Limit,
    Plot,
    Series,
    lines_across,
    plot,
    shown_labels,
)
from anymail.outbox.account.wording import compact, percent

FIRST = date(2026, 11, 1)


def drawn(*series: Series, limit: Limit | None = None, days: int = 4, **options: float) -> Plot:
    labels = [f"day {number}" for number in range(days)]
    return plot("id", "T", "D", labels, series, str, labels, limit=limit, **options)


def points(path: str) -> list[tuple[str, float, float]]:
    """Commands of a line, and where they go."""
    found = re.findall(r"([ML])([\d.]+) ([\d.]+)", path)
    return [(command, float(x), float(y)) for command, x, y in found]


class LinesAcrossTests(SimpleTestCase):
    def test_they_have_round_values_up_to_the_highest(self) -> None:
        for highest, expected in (
            (0, [0, 1]),
            (1, [0, 1]),
            (4, [0, 1, 2, 3, 4]),
            (5, [0, 2, 4, 6]),
            (87, [0, 50, 100]),
            (9_000, [0, 5_000, 10_000]),
            (10_000_000, [0, 5_000_000, 10_000_000]),
        ):
            self.assertEqual(lines_across(highest, 1.0), expected, highest)

    def test_those_of_rates_are_finer(self) -> None:
        found = lines_across(0.0013, 0.0001)
        for one, expected in zip(found, [0, 0.0005, 0.001, 0.0015], strict=True):
            self.assertAlmostEqual(one, expected)

    def test_nothing_is_above_them(self) -> None:
        for number in range(1, 5_000, 7):
            for highest in (number, number / 1e4, number * 1e6):
                lines = lines_across(highest, 0.0001)
                self.assertGreaterEqual(lines[-1] * (1 + 1e-9), highest)
                self.assertLessEqual(len(lines), 6)


class ShapeTests(SimpleTestCase):
    def test_a_line_goes_through_the_middle_of_days_and_has_gaps(self) -> None:
        [shape] = drawn(Series("x", "x", "line", [0, 4, None, 2])).shapes
        step = (WIDTH - LEFT - RIGHT) / 4
        bottom, top = HEIGHT - BOTTOM, TOP
        expected = [
            ("M", LEFT + step / 2, bottom),
            ("L", LEFT + step * 1.5, top),
            ("M", LEFT + step * 3.5, (bottom + top) / 2),
        ]
        for found, wanted in zip(points(shape.path), expected, strict=True):
            self.assertEqual(found[0], wanted[0])
            self.assertAlmostEqual(found[1], wanted[1], delta=0.06)
            self.assertAlmostEqual(found[2], wanted[2], delta=0.06)

    def test_there_is_a_bar_for_what_is_there(self) -> None:
        [shape] = drawn(Series("x", "x", "bars", [3, 0, None, 1])).shapes
        self.assertEqual(shape.path.count("z"), 2)

    def test_what_is_drawn_stays_inside(self) -> None:
        found = drawn(Series("x", "x", "line", [1e12, 1, 0, 7]), limit=Limit(1e13, "limit"))
        ys = [y for _, _, y in points(found.shapes[0].path)]
        assert found.limit is not None
        self.assertTrue(all(TOP <= y <= HEIGHT - BOTTOM for y in [*ys, float(found.limit.y)]))

    def test_only_a_short_line_has_marks(self) -> None:
        [few] = drawn(Series("x", "x", "line", [1.0] * 14), days=14).shapes
        [many] = drawn(Series("x", "x", "line", [1.0] * 90), days=90).shapes
        self.assertEqual((few.marks.count("h0"), many.marks), (14, ""))

    def test_without_numbers_there_is_an_empty_plot(self) -> None:
        found = drawn(Series("x", "x", "bars", [None] * 4))
        self.assertEqual([line.text for line in found.across], ["0.0", "1.0"])

    def test_attributes_have_a_point_in_every_language(self) -> None:
        with translation.override("de"):
            found = drawn(Series("x", "x", "line", [1, 2, 3, 7]))
        self.assertNotIn(",", found.shapes[0].path + found.hovers.split("<title>")[0])

    def test_texts_are_escaped(self) -> None:
        found = plot("id", "T", "D", ["a"], (), str, ["<script>"])
        self.assertIn("&lt;script&gt;", found.hovers)

    def test_labels_leave_room_and_the_newest_day_has_one(self) -> None:
        for days in (1, 7, 14, 90):
            found = shown_labels(days)
            self.assertEqual(found[-1], days - 1)
            self.assertLessEqual(len(found), 6)


class FigureTests(SimpleTestCase):
    def days(self, *sent: int | None) -> list[Day]:
        return [
            Day(day=FIRST + timedelta(n), sent=one, delivered=one, bounced=1, complained=0)
            for n, one in enumerate(sent)
        ]

    def test_a_rate_is_of_what_was_sent(self) -> None:
        [some, none] = self.days(40, 0)
        self.assertEqual((some.bounce_rate, some.complaint_rate), (1 / 40, 0.0))
        self.assertIsNone(none.bounce_rate)

    def test_that_of_a_week_is_of_its_sums(self) -> None:
        weeks = weekly(self.days(*[10] * 7, 100))
        self.assertEqual([week and week.sent for week in weeks][-2:], [70, 160])
        assert weeks[-1] is not None
        self.assertEqual(weeks[-1].bounce_rate, 7 / 160)

    def test_a_week_with_a_day_that_is_not_counted_has_none(self) -> None:
        weeks = weekly(self.days(10, None, *[10] * 7))
        self.assertEqual([week is None for week in weeks], [False] + [True] * 7 + [False])

    def test_a_day_that_goes_on_has_its_live_counts(self) -> None:
        today, before = FIRST + timedelta(1), FIRST
        kept = {(before, "sent"): 5, (today, "sent"): 99}
        live = {"sent": 1, "delivered": 1, "bounced": 0, "complained": 0}
        old, new = days_from([before, today], kept, {today: live})
        self.assertEqual((old.sent, old.delivered, old.is_over), (5, None, True))
        self.assertEqual((new.sent, new.is_over), (1, False))

    def test_sums_leave_out_what_is_not_counted(self) -> None:
        self.assertEqual(totals(self.days(10, None, 5)).sent, 15)


class WordingTests(SimpleTestCase):
    def test_rates_have_three_digits(self) -> None:
        for share, text in (
            (None, "-"),
            (0.0, "0 %"),
            (0.05, "5 %"),
            (0.001, "0.1 %"),
            (0.000537, "0.054 %"),
            (0.02512, "2.51 %"),
            (0.3333, "33.3 %"),
            (1.0, "100 %"),
        ):
            self.assertEqual(percent(share), text.replace(" ", "\N{NO-BREAK SPACE}"))

    def test_large_numbers_are_short(self) -> None:
        found = [compact(number) for number in (0, 5, 250_000, 1_500_000, 2e9)]
        self.assertEqual(found, ["0", "5", "250k", "1.5M", "2G"])
