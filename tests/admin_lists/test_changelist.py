"""How the lists look is tested with those of feedback."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.test import SimpleTestCase

from anymail.admin_lists.changelist import periods


class PeriodTests(SimpleTestCase):
    def test_periods(self) -> None:
        first, last = datetime(2025, 11, 30, 23), datetime(2026, 2, 1, 1)
        self.assertEqual([day.year for day in periods(first, last, "year")], [2025, 2026])
        self.assertEqual([day.month for day in periods(first, last, "month")], [11, 12, 1, 2])
        days = periods(first, first + timedelta(hours=2), "day")
        self.assertEqual([day.day for day in days], [30, 1])
