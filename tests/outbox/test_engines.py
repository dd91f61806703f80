"""Celery and RQ, as they are documented, with Redis and real workers."""

from __future__ import annotations

from importlib.util import find_spec
from unittest import skipUnless

from .engine_cases import HAS_REDIS, EngineTestCase

CELERY = ("celery", "-A", "tests.outbox.engine_site")


@skipUnless(HAS_REDIS and find_spec("celery"), "There is no redis-server, or no Celery.")
class CeleryTests(EngineTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        options = ["--concurrency", "4", "--without-gossip", "--without-mingle"]
        cls.start(*CELERY, "worker", *options, bell="mail_celery.ring", workers=1)

    def test_four_processes_send_nothing_twice(self) -> None:
        self.check_many(1000)

    def test_send_at(self) -> None:
        self.check_send_at(2000)

    def test_beat_makes_good_what_the_broker_lost(self) -> None:
        self.check_broker_away(4000)
        beat = self.engine.start(*CELERY, "beat", "--max-interval", "1")
        self.addCleanup(self.engine.stop, beat)
        self.engine.ses.wait_for(4000, 10)

    def test_workers_that_are_killed(self) -> None:
        self.check_kill(5000)


@skipUnless(HAS_REDIS and find_spec("django_rq"), "There is no redis-server, or no django-rq.")
class RQTests(EngineTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        command = ["django", "rqworker", "default", "--with-scheduler"]
        cls.start(*command, bell="mail_rq.ring", workers=4, apps=["django_rq"])

    def test_four_workers_send_nothing_twice(self) -> None:
        self.check_many(1000)

    def test_send_at(self) -> None:
        self.check_send_at(2000)

    def test_the_next_bell_makes_good_what_the_broker_lost(self) -> None:
        self.check_broker_away(4000)
        self.engine.send(4010, 1)
        self.engine.ses.wait_for(4000, 11)

    def test_workers_that_are_killed(self) -> None:
        # The last one: for a minute, RQ's scheduler leaves what is put off to the dead worker.
        self.check_kill(5000)
