"""Signals to real processes."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from typing import Any

from ..command_processes import end
from ..local_sqs import stored_messages
from . import PATIENCE, ConsumerTestCase, event_body, wait_until
from .processes import Site, site

#: Seconds that even a busy machine needs no more of for what takes less than one (the benchmark
#: "stop" measures it), and less than it takes if something is waited for in vain.
SOON = 10


def visible(name: str) -> int:
    return sum(message.visible for message in stored_messages(name))


class ProcessTests(ConsumerTestCase):
    name: str

    def site(self, **environment: str) -> Site:
        """A project that consumes a new queue."""
        self.name = self.sqs.create_queue(visibility=30, max_receives=10)
        manager = site(self.sqs.settings(AMAZON_SES_QUEUES=[self.name]), **environment)
        made = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return made

    def start(self, made: Site, *arguments: str) -> subprocess.Popen[str]:
        process = made.start(*arguments)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def begun(self, made: Site, count: int) -> None:
        wait_until(lambda: len(made.notes("began")) >= count)


class SignalTests(ProcessTests):
    def test_an_idle_consumer_ends_soon(self):
        made = self.site()
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                process = self.start(made)
                self.sqs.calls.clear()
                wait_until(lambda: self.sqs.operations().count("ReceiveMessage") > 2)
                process.send_signal(number)
                code, output, seconds = end(process)
                self.assertEqual((code, output), (0, ""))
                self.assertLess(seconds, SOON)

    def test_it_ends_soon_while_its_first_request_has_no_answer(self):
        made, answer = self.site(), threading.Event()
        self.addCleanup(answer.set)
        self.sqs.fault = lambda operation, parameters: answer.wait(PATIENCE) and None
        self.sqs.calls.clear()
        process = self.start(made, "--health-file", str(made.folder / "healthy"))
        wait_until(self.sqs.operations)
        self.assertTrue((made.folder / "healthy").exists())
        process.send_signal(signal.SIGTERM)
        code, output, seconds = end(process)
        self.assertEqual((code, output), (0, ""))
        self.assertLess(seconds, SOON)

    def test_what_runs_ends_and_the_rest_is_soon_there_for_others(self):
        for threads in ("1", "4"):
            with self.subTest(threads=threads):
                made = self.site(SITE_SLEEP="2")
                self.sqs.send(self.name, *[event_body() for _ in range(40)])
                process = self.start(made, "--threads", threads)
                self.begun(made, int(threads))
                process.send_signal(signal.SIGTERM)
                start = time.monotonic()
                wait_until(lambda n=int(threads): visible(self.name) == 40 - n)
                self.assertLess(time.monotonic() - start, SOON)
                code, output, _ = end(process)
                took = time.monotonic() - start
                self.assertEqual((code, output), (0, ""))
                self.assertLess(took, 2 + SOON)
                self.assertEqual(len(made.notes("ended")), int(threads))
                self.assertEqual(self.sqs.count(self.name), 40 - int(threads))

    def test_receivers_have_no_more_than_the_grace(self):
        for threads in ("1", "2"):
            with self.subTest(threads=threads):
                made = self.site(SITE_SLEEP="600")
                self.sqs.send(self.name, *[event_body() for _ in range(3)])
                process = self.start(made, "--grace", "1", "--threads", threads)
                self.begun(made, int(threads))
                process.send_signal(signal.SIGTERM)
                code, _, seconds = end(process)
                self.assertEqual(code, 1)
                self.assertLess(seconds, 1 + SOON)
                self.assertEqual(visible(self.name), 3)
                self.assertIn("were still being handled", made.log())

    def test_signals_to_children_of_receivers_are_theirs(self):
        for threads in ("1", "2"):
            with self.subTest(threads=threads):
                made = self.site(SITE_FORKS="1")
                process = self.start(made, "--threads", threads)
                for count in (1, 2):  # it has not stopped after the first one
                    self.sqs.send(self.name, event_body())
                    wait_until(lambda n=count, made=made: len(made.notes("ended")) == n)
                process.send_signal(signal.SIGTERM)
                self.assertEqual(end(process)[0], 0)

    def test_a_second_signal_ends_it_at_once(self):
        made = self.site(SITE_SLEEP="600")
        self.sqs.send(self.name, event_body())
        process = self.start(made, "--threads", "1")
        self.begun(made, 1)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        code, _, seconds = end(process)
        self.assertEqual(code, 128 + signal.SIGINT)
        self.assertLess(seconds, SOON)
        self.assertEqual(self.sqs.count(self.name), 1)

    def test_what_a_killed_process_had_comes_to_another(self):
        name = self.sqs.create_queue(visibility=2)
        self.sqs.send(name, *[event_body() for _ in range(12)])
        made = self.site(SITE_SLEEP="0.3")
        first = self.start(made, name, "--threads", "2")
        self.begun(made, 4)
        first.kill()
        second = self.start(made, name, "--threads", "4")
        wait_until(lambda: self.sqs.count(name) == 0)
        second.send_signal(signal.SIGTERM)
        self.assertEqual(end(second)[0], 0)
        self.assertEqual(len({id_ for id_, *_ in made.notes("ended")}), 12)


class ExitTests(ProcessTests):
    def test_a_queue_that_is_deleted_ends_it_with_2(self):
        made = self.site()
        process = self.start(made)
        self.sqs.calls.clear()
        wait_until(lambda: "ReceiveMessage" in self.sqs.operations())
        self.sqs.client().delete_queue(QueueUrl=self.sqs.url_of(self.name))
        code, output, _ = end(process)
        self.assertEqual(code, 2)
        self.assertIn("aws sqs list-queues", output)

    def test_it_waits_while_nothing_listens(self):
        made = self.site()
        process = self.start(made)
        self.sqs.calls.clear()
        wait_until(lambda: "ReceiveMessage" in self.sqs.operations())

        def away(operation: str, parameters: dict[str, Any]) -> Any:
            return 503, "ServiceUnavailable"

        self.sqs.fault = away
        wait_until(lambda: "Trying again in 2 s" in made.log())
        self.sqs.fault = lambda operation, parameters: None
        self.sqs.send(self.name, event_body())
        wait_until(lambda: self.sqs.count(self.name) == 0)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(end(process)[0], 0)
