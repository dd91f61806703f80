"""``manage.py anymail_deliver`` is told to stop, or is stopped and goes on."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.test import SimpleTestCase

from ..local_sns import PATIENCE, wait_until
from .engines import Engine, engine

#: The messages, of which a worker posts 10 at a time.
COUNT = 40
DELIVER = ("django", "anymail_deliver")


@contextmanager
def busy(latency: float, *arguments: str) -> Iterator[tuple[Engine, subprocess.Popen[bytes]]]:
    """A worker in the middle of its work.

    :param latency: seconds that a call takes.
    """
    with engine(DELIVER, bell="command", workers=0, has_broker=False) as made:
        made.ses.latency = latency
        made.send(0, COUNT)
        worker = made.start(*DELIVER, *arguments)
        wait_until(lambda: len(made.ses.accepted) >= 10)
        yield made, worker


class StoppingTests(SimpleTestCase):
    def stop(self, worker: subprocess.Popen[bytes]) -> tuple[int, float]:
        """SIGTERM; gives the exit code, and how many seconds it took."""
        start = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        return worker.wait(PATIENCE), time.monotonic() - start

    def test_sigterm_waits_for_answers_and_gives_back_the_rest(self) -> None:
        with busy(3) as (made, worker):
            code, seconds = self.stop(worker)
            self.assertEqual(code, 0)
            self.assertLess(seconds, 3 + 10)
            sent = len(made.ses.accepted)
            self.assertEqual(made.states(0), {"sent": sent, "waiting": COUNT - sent})
            made.ses.latency = 0
            made.run("-m", *DELIVER, "--once")
            self.assertEqual(made.states(0), {"sent": COUNT})
            self.assertEqual(set(made.ses.accepted.values()), {1})

    def test_what_is_only_claimed_is_given_back_at_once(self) -> None:
        with busy(PATIENCE) as (made, worker):
            worker.send_signal(signal.SIGTERM)
            wait_until(lambda: made.states(0).keys() <= {"posting", "waiting"})
            self.assertIsNone(worker.poll())

    def test_the_grace_is_for_the_answers(self) -> None:
        with busy(PATIENCE, "--grace", "1") as (made, worker):
            code, seconds = self.stop(worker)
            self.assertEqual(code, 0)
            self.assertLess(seconds, 1 + 10)
            posting = len(made.ses.accepted)
            self.assertEqual(made.states(0), {"posting": posting, "waiting": COUNT - posting})

    def test_a_second_sigterm_ends_it(self) -> None:
        with busy(PATIENCE) as (_, worker):

            def has_ended() -> bool:
                """Two signals count as one while the system has not delivered the first."""
                worker.send_signal(signal.SIGTERM)
                return worker.poll() is not None

            wait_until(has_ended, 10)
            self.assertEqual(worker.returncode, 128 + signal.SIGTERM)

    def test_one_that_was_frozen_posts_nothing_of_what_others_have_sent(self) -> None:
        with busy(0.3) as (made, worker):
            worker.send_signal(signal.SIGSTOP)
            other = made.start(*DELIVER)
            wait_until(lambda: made.states(0).keys() <= {"sent", "in_doubt"})
            worker.send_signal(signal.SIGCONT)
            wait_until(lambda: made.states(0) == {"sent": COUNT})
            self.assertEqual(
                (set(made.ses.accepted.values()), len(made.ses.accepted)), ({1}, COUNT)
            )
            for process in (worker, other):
                self.assertEqual(self.stop(process)[0], 0)
