"""What never answers is waited for only so long."""

from __future__ import annotations

import gc
import threading

from django.test import SimpleTestCase

from anymail.amazon_ses.impatience import MAX_HANGING, ImpatientCaller

from ..local_sns import PATIENCE, wait_until


class ImpatientCallerTests(SimpleTestCase):
    def setUp(self) -> None:
        self.end = threading.Event()
        self.addCleanup(self.end.set)
        self.started = 0

    def hang(self) -> None:
        self.started += 1
        self.end.wait(PATIENCE)

    def test_results_and_errors_come_through(self) -> None:
        caller = ImpatientCaller(PATIENCE)
        self.assertEqual(caller.call(lambda: 5), 5)
        with self.assertRaises(ZeroDivisionError):
            caller.call(lambda: 1 / 0)

    def test_its_thread_stays_the_same(self) -> None:
        caller = ImpatientCaller(PATIENCE)
        self.assertEqual(len({caller.call(threading.get_ident) for _ in range(5)}), 1)

    def test_after_one_that_hangs_the_next_has_another_thread(self) -> None:
        caller = ImpatientCaller(0.05)
        with self.assertRaises(TimeoutError):
            caller.call(self.hang)
        caller.limit = PATIENCE
        self.assertEqual(caller.call(lambda: 5), 5)

    def test_threads_that_hang_are_few_and_it_recovers(self) -> None:
        caller = ImpatientCaller(0.05)
        for _ in range(3 * MAX_HANGING):
            with self.assertRaises(TimeoutError):
                caller.call(self.hang)
        self.assertEqual(self.started, MAX_HANGING)
        self.end.set()
        wait_until(lambda: not any(thread.is_alive() for thread in caller._hanging))
        caller.limit = PATIENCE
        self.assertEqual(caller.call(lambda: 5), 5)

    def test_its_thread_ends_with_it(self) -> None:
        caller = ImpatientCaller(PATIENCE)
        thread = caller.call(threading.current_thread)
        del caller
        gc.collect()
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())
