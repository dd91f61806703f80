from __future__ import annotations

from django.test import SimpleTestCase

from anymail.processes.wording import counted, spoken


class WordingTests(SimpleTestCase):
    def test_durations(self):
        for seconds, text in (
            (0.44, "0.4 s"),
            (45, "45 s"),
            (119, "119 s"),
            (185, "3 min"),
            (7300, "2 h"),
            (5 * 86400, "5 days"),
        ):
            self.assertEqual(spoken(seconds), text)

    def test_numbers(self):
        for number, text in ((0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12345, "12,345 rows")):
            self.assertEqual(counted(number, "row"), text)
