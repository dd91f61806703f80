"""What never answers is waited for only so long."""

from __future__ import annotations

import gc
import threading

from django.test import SimpleTestCase

from anymail.amazon_ses.timeouts import MAX_HANGING, TimeoutExecutor

from ..local_sns import PATIENCE, wait_until


class TimeoutExecutorTests(SimpleTestCase):
    def setUp(self) -> None:
        self.end = threading.Event()
        self.addCleanup(self.end.set)
        self.started = 0

    def hang(self) -> None:
        self.started += 1
        self.end.wait(PATIENCE)

    def test_results_and_errors_come_through(self) -> None:
        executor = TimeoutExecutor(PATIENCE)
        self.assertEqual(executor.run(lambda: 5), 5)
        with self.assertRaises(ZeroDivisionError):
            executor.run(lambda: 1 / 0)

    def test_its_thread_stays_the_same(self) -> None:
        executor = TimeoutExecutor(PATIENCE)
        self.assertEqual(len({executor.run(threading.get_ident) for _ in range(5)}), 1)

    def test_after_one_that_hangs_the_next_has_another_thread(self) -> None:
        executor = TimeoutExecutor(0.05)
        with self.assertRaises(TimeoutError):
            executor.run(self.hang)
        executor.limit = PATIENCE
        self.assertEqual(executor.run(lambda: 5), 5)

    def test_threads_that_hang_are_few_and_it_recovers(self) -> None:
        executor = TimeoutExecutor(0.05)
        for _ in range(3 * MAX_HANGING):
            with self.assertRaises(TimeoutError):
                executor.run(self.hang)
        self.assertEqual(self.started, MAX_HANGING)
        self.end.set()
        wait_until(lambda: not any(thread.is_alive() for thread in executor._hanging))
        executor.limit = PATIENCE
        self.assertEqual(executor.run(lambda: 5), 5)

    def test_its_thread_ends_with_it(self) -> None:
        executor = TimeoutExecutor(PATIENCE)
        thread = executor.run(threading.current_thread)
        del executor
        gc.collect()
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())
