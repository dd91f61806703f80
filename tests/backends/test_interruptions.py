"""Exceptions of signal handlers in the middle of ``send_messages()``: real signals."""

from __future__ import annotations

import os
import signal
import threading
import unittest
from typing import Any
from unittest import mock

from django.test import SimpleTestCase

from anymail.backends import base
from anymail.backends.amazon_ses import EmailBackend
from anymail.backends.batch import MessageQueue

from ..local_sns import PATIENCE
from ..ses import CREDENTIALS, loopback_server, simple_message, v1_error, v1_success


class SoftTimeLimitExceeded(Exception):
    """What a task queue raises in its signal handler; like Celery's, an ``Exception``."""


class Stop(KeyboardInterrupt):
    """What Ctrl-C raises."""


@unittest.skipUnless(hasattr(signal, "SIGUSR1"), "no such signal here")
class InterruptionTests(SimpleTestCase):
    raised: type[BaseException]

    def setUp(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            self.skipTest("signals are handled in the main thread only")
        before = signal.signal(signal.SIGUSR1, self.handle)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        self.handled = threading.Event()

    def handle(self, number: int, frame: Any) -> None:
        self.handled.set()
        raise self.raised("time is up")

    def interrupt(self) -> None:
        """Have the handler run in the main thread, which waits for an answer."""
        os.kill(os.getpid(), signal.SIGUSR1)
        self.handled.wait(PATIENCE)

    def send(self, answer: Any, count: int, **options: Any) -> list[Any]:
        messages = [simple_message() for _ in range(count)]
        with loopback_server(answer) as server:
            backend = EmailBackend(
                session_params=CREDENTIALS, client_params={"endpoint_url": server.url}, **options
            )
            with self.assertRaises(self.raised):
                backend.send_messages(messages)
        return messages

    def statuses(self, messages: list[Any]) -> list[set[str] | None]:
        return [getattr(m, "anymail_status", None) and m.anymail_status.status for m in messages]

    def test_the_message_under_way_is_unknown(self) -> None:
        def answer(request: Any, number: int) -> tuple[int, bytes]:
            if number == 2:
                self.interrupt()
            return 200, v1_success()

        for self.raised in (SoftTimeLimitExceeded, Stop):
            for silently in (False, True):
                with self.subTest(self.raised, fail_silently=silently):
                    messages = self.send(answer, 3, max_concurrency=1, fail_silently=silently)
                    self.assertEqual(self.statuses(messages), [{"queued"}, {"unknown"}, None])

    def test_calls_in_threads_are_finished_and_keep_their_answers(self) -> None:
        self.raised = SoftTimeLimitExceeded
        all_posted, waiting = threading.Event(), threading.Event()

        def answer(request: Any, number: int) -> tuple[int, bytes]:
            if number == 1:
                threading.Event().wait(0.05)  # so that the next calls run in threads
            elif number == 4:
                all_posted.set()
                self.handled.wait(PATIENCE)
            elif number > 1:
                all_posted.wait(PATIENCE)
                waiting.wait(PATIENCE)
                self.interrupt()
            return 200, v1_success()

        class Waiting(MessageQueue):
            started = 0

            def _start(self, message: Any) -> None:
                super()._start(message)
                self.started += 1

            def _finish_oldest(self) -> None:
                if self.started == 4:  # nothing is being started any more
                    waiting.set()
                super()._finish_oldest()

        with mock.patch.object(base, "MessageQueue", Waiting):
            messages = self.send(answer, 4, max_concurrency=4)
        self.assertEqual(self.statuses(messages), [{"queued"}] * 4)

    def test_a_call_that_waits_to_be_repeated_gives_up(self) -> None:
        self.raised = SoftTimeLimitExceeded
        throttled = v1_error("Throttling", "Maximum sending rate exceeded.")
        posted: list[int] = []

        def answer(request: Any, number: int) -> tuple[int, bytes]:
            posted.append(number)
            if number == 1:
                threading.Event().wait(0.05)
                return 200, v1_success()
            if number == 4:
                self.interrupt()
            return 400, throttled

        messages = self.send(answer, 2, max_concurrency=4, throttle_timeout=600)
        self.assertEqual(self.statuses(messages)[0], {"queued"})
        self.assertLess(len(posted), 8)
