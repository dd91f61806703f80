from __future__ import annotations

from django.test import SimpleTestCase

from anymail.consumer import timing
from anymail.consumer.progress import describe, summary
from anymail.consumer.tally import Counts


class RetryDelayTests(SimpleTestCase):
    def test_it_doubles_with_a_fifth_more_or_less(self):
        for count in range(1, 9):
            for _ in range(50):
                delay = timing.retry_delay(count)
                self.assertTrue(0.8 * 2**count - 1 <= delay <= 1.2 * 2**count + 1, (count, delay))

    def test_it_is_a_quarter_of_an_hour_at_most(self):
        for count in (11, 20, 10_000):
            self.assertEqual(timing.retry_delay(count), 900)

    def test_many_do_not_come_back_at_once(self):
        self.assertGreater(len({timing.retry_delay(6) for _ in range(200)}), 5)

    def test_all_tries_together_take_as_long_as_the_documentation_says(self):
        for receives, minutes in ((1, 0), (2, 0), (10, 17), (15, 92), (20, 167), (50, 617)):
            self.assertEqual(round(timing.time_to_last_try(receives) / 60), minutes)
        self.assertGreater(timing.time_to_last_try(1000), 9 * 24 * 3600)  # the most of SQS


class PauseTests(SimpleTestCase):
    def test_it_grows_from_one_second_to_a_minute(self):
        for failures, seconds in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60)):
            for _ in range(20):
                found = timing.pause(failures)
                self.assertTrue(max(1, 0.8 * seconds) <= found <= min(60, 1.2 * seconds), found)
        self.assertEqual(timing.pause(10_000), 60)

    def test_an_empty_queue_is_asked_once_a_second_after_a_while(self):
        found = [round(timing.idle_pause(count), 1) for count in (1, 2, 3, 4, 5, 10_000)]
        self.assertEqual(found, [0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


class VisibilityTests(SimpleTestCase):
    def test_it_is_due_at_half_of_the_time(self):
        self.assertFalse(timing.is_due(hidden_until=130, visibility_timeout=30, now=114.9))
        self.assertTrue(timing.is_due(hidden_until=130, visibility_timeout=30, now=115))

    def test_it_is_looked_at_often_enough(self):
        for timeout in (1, 2, 30, 43200):
            self.assertLessEqual(timing.check_interval(timeout), timeout / 4)

    def test_time_on_the_way_counts_as_hidden(self):
        self.assertEqual(
            timing.hidden_until(asked=99.9, answered=100, visibility_timeout=30), 129.9
        )
        # A request that waited for a message did not have it all the time.
        self.assertEqual(timing.hidden_until(asked=80, answered=100, visibility_timeout=30), 129)
        self.assertEqual(timing.hidden_until(asked=80, answered=100, visibility_timeout=1), 100.75)


class WordsTests(SimpleTestCase):
    def test_the_line_says_what_there_is_to_say(self):
        counts = Counts(received=1300, handled=1234)
        self.assertEqual(describe(counts, 250.4, 0, 12), "1,234 handled · 250/s · 12 in hand")
        counts = Counts(handled=1, failed=2, poison=3)
        self.assertEqual(
            describe(counts, 0, 1.5, 0),
            "1 handled · 0/s · 0 in hand · lag 1.5 s · 2 failed · 3 not about SES",
        )

    def test_the_sum(self):
        text = summary(Counts(handled=10, events=12, returned=3), 61)
        self.assertIn("Handled 10 messages (12 events) in 61 s.", text)
        self.assertIn("Given back to the queue: 3", text)
        self.assertNotIn("Failures", text)
