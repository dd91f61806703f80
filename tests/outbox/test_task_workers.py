"""Django's tasks ring, with real workers."""

from __future__ import annotations

from importlib.util import find_spec
from unittest import skipUnless

import django

from .engine_cases import HAS_REDIS, EngineTestCase

TASKS_APPS = [] if django.VERSION >= (6, 0) else ["django_tasks"]


@skipUnless(find_spec("django_tasks_db"), "There is no django-tasks-db.")
class DatabaseTests(EngineTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.start(
            *("django", "db_worker", "--interval", "0.2", "--no-startup-delay"),
            bell="tasks",
            workers=2,
            apps=[*TASKS_APPS, "django_tasks_db"],
            tasks="django_tasks_db.DatabaseBackend",
            has_broker=False,
        )

    def test_send_at(self) -> None:
        self.check_send_at(2000)

    def test_workers_that_are_killed(self) -> None:
        self.check_kill(3000)


@skipUnless(
    HAS_REDIS and find_spec("django_tasks_rq"), "There is no redis-server, or no django-tasks-rq."
)
class RQTests(EngineTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        command = ["django", "rqworker", "--with-scheduler", "--job-class", "django_tasks_rq.Job"]
        cls.start(
            *command,
            bell="tasks",
            workers=1,
            apps=["django_tasks", "django_rq", "django_tasks_rq"],
            tasks="django_tasks_rq.RQBackend",
        )

    def test_at_once(self) -> None:
        self.engine.send(1000, 5)
        self.engine.ses.wait_for(1000, 5)

    def test_send_at(self) -> None:
        self.check_send_at(2000)
