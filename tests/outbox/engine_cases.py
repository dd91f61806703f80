"""What has to be so with every task engine."""

from __future__ import annotations

import shutil
import time
from importlib.util import find_spec
from typing import Any

from django.test import SimpleTestCase

from ..class_context import enter_class_context
from ..local_sns import wait_until
from .engines import NO_BROKER, Engine, engine

HAS_REDIS = bool(shutil.which("redis-server") and find_spec("redis"))
#: How many calls one process makes at the same time: the default of AMAZON_SES_MAX_CONCURRENCY.
CONCURRENCY = 10


class EngineTestCase(SimpleTestCase):
    """A project and its workers, for all tests of a class. Each test has numbers of its own."""

    engine: Engine

    @classmethod
    def start(cls, *command: str, **options: Any) -> None:
        """Start a project; see :func:`.engines.engine`."""
        cls.engine = enter_class_context(cls, engine(command, **options))

    def setUp(self) -> None:
        self.engine.ses.latency = 0

    def check_send_at(self, first: int) -> None:
        """A message is sent when it is due, and nobody else rings meanwhile."""
        started = time.time()
        self.engine.send(first, 1, 2)
        self.engine.ses.wait_for(first, 1)
        self.assertGreater(time.time() - started, 2)

    def check_many(self, first: int) -> None:
        """Four bells at the same time: several workers send, and nothing twice."""
        self.engine.ses.latency = 0.2
        self.engine.send(first, 200, 0, 4)
        workers: set[str] = set()

        def are_sent() -> bool:
            workers.update(self.engine.workers_of(first))
            return self.engine.states(first) == {"sent": 200}

        wait_until(are_sent)
        self.assertGreater(len(workers), 1)
        self.engine.ses.wait_for(first, 200)

    def check_kill(self, first: int) -> None:
        """kill -9 while calls are posted: only those are in doubt, and nothing is sent twice."""
        ses = self.engine.ses
        ses.latency, before = 0.3, len(ses.accepted)
        self.engine.send(first, 300)
        wait_until(lambda: len(ses.accepted) >= before + 15)
        killed = self.engine.kill()
        self.assertGreater(self.engine.states(first).get("waiting", 0), 0)
        time.sleep(2.5)  # the lease
        for _ in range(killed):
            self.engine.start()
        ses.latency = 0
        self.engine.send(first + 300, 1)
        ses.wait_for(first + 300, 1)
        # On a busy machine, the worker may have been killed between two calls.
        wait_until(lambda: self.engine.states(first).keys() <= {"sent", "in_doubt"})
        in_doubt = self.engine.states(first).get("in_doubt", 0)
        self.assertLessEqual(in_doubt, CONCURRENCY)
        self.assertGreaterEqual(len(ses.accepted) - before, 301 - in_doubt)
        ses.wait_for(first + 300, 1)

    def check_broker_away(self, first: int) -> None:
        """No broker when ten transactions are committed: they succeed, and do not wait."""
        started = time.monotonic()
        logged = self.engine.send(first, 10, 0, 10, broker=NO_BROKER)
        self.assertLess(time.monotonic() - started, 30)
        self.assertIn("bell cannot be rung", logged)
        self.assertEqual(self.engine.states(first), {"waiting": 10})
