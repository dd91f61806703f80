"""Task engines on loopback: their workers and the processes that send are as in production."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..command_processes import create_tables
from ..docs_pages import DOCS, blocks
from ..local_sns import PATIENCE, reserved_port, wait_until
from ..ses import CREDENTIALS, V1, Request, loopback_server, v1_success

ROOT = Path(__file__).parent.parent.parent
RECIPES = DOCS / "_outbox_bells.inc"
#: Where nothing listens.
NO_BROKER = "redis://127.0.0.1:1/0"
SEND = "import django; django.setup(); from tests.outbox.engines import send; send({})"


def send(first: int, count: int, seconds: float = 0, transactions: int = 1) -> None:
    """What a view does, or several.

    :param first: the number of the first message; it is in the recipient's address, and all have it
        in their subject.
    :param count: how many there are.
    :param seconds: from now to ``send_at``; 0 for no ``send_at``.
    :param transactions: in which they are sent.
    """
    from datetime import timedelta

    from django.db import transaction
    from django.utils import timezone

    from anymail.message import AnymailMessage

    send_at = timezone.now() + timedelta(seconds=seconds) if seconds else None
    for begin in range(transactions):
        with transaction.atomic():
            for number in range(first + begin, first + count, transactions):
                to = [f"to{number}@example.com"]
                AnymailMessage(f"{first}", "", "from@example.com", to, send_at=send_at).send()


class SlowSes:
    """What SES accepts.

    ``latency`` is how many seconds a call takes.
    """

    def __init__(self) -> None:
        self.latency = 0.0
        self.accepted: Counter[str] = Counter()

    def __call__(self, request: Request, number: int) -> tuple[int, bytes]:
        self.accepted[request.form["Destinations.member.1"]] += 1
        time.sleep(self.latency)
        return 200, v1_success(f"id-{number}")

    def wait_for(self, first: int, count: int) -> None:
        """Wait until it has these messages of :func:`send`, each of them once."""
        wanted = {f"to{number}@example.com" for number in range(first, first + count)}
        wait_until(lambda: self.accepted.keys() >= wanted)
        assert set(self.accepted.values()) == {1}, self.accepted.most_common(3)


@dataclass(kw_only=True)
class Engine:
    """A project with a task engine.

    :param ses: on loopback, in this process.
    :param folder: for the database, the log, and the modules of the documentation.
    :param settings: see :mod:`.engine_site`.
    :param command: of a worker.
    """

    ses: SlowSes
    folder: Path
    settings: dict[str, Any]
    command: Sequence[str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self, **changes: Any) -> dict[str, str]:
        """Of its processes.

        :param changes: to the settings.
        """
        path = [str(ROOT), str(self.folder), *filter(None, sys.path)]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            "DJANGO_SETTINGS_MODULE": "tests.outbox.engine_site",
            "SITE": json.dumps({**self.settings, **changes}),
        }

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a worker, or another program of the engine; :meth:`kill` ends it."""
        with open(self.folder / "log", "ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", *(command or self.command)],
                cwd=self.folder,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    def stop(self, worker: subprocess.Popen[bytes]) -> None:
        """End what :meth:`start` has started."""
        self.workers.remove(worker)
        kill(worker)

    def run(self, *arguments: str, **changes: Any) -> str:
        """Run Python to its end; gives what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def create_tables(self) -> None:
        """As ``migrate`` does."""
        create_tables(Path(self.settings["database"]), self.environment(), *self.settings["apps"])

    def send(self, *arguments: float, **changes: Any) -> str:
        """Run :func:`send` in a process of its own; gives what it logged."""
        return self.run("-c", SEND.format(", ".join(map(str, arguments))), **changes)

    def states(self, first: int) -> dict[str, int]:
        """How many messages of a :func:`send` are in which state."""
        return dict(self._rows("state, COUNT(*)", "state", first))

    def workers_of(self, first: int) -> set[str]:
        """The ids of the processes that hold messages of a :func:`send`."""
        rows = self._rows("worker, COUNT(*)", "worker", first)
        return {worker.split(":")[-2] for worker, _ in rows if worker}

    def _rows(self, columns: str, group: str, first: int) -> list[Any]:
        query = f"SELECT {columns} FROM anymail_outbox_entry WHERE subject = ? GROUP BY {group}"
        with contextlib.closing(sqlite3.connect(self.settings["database"], PATIENCE)) as connection:
            return connection.execute(query, [str(first)]).fetchall()

    def kill(self) -> int:
        """kill -9 to all workers; gives how many there were."""
        count = len(self.workers)
        while self.workers:
            kill(self.workers.pop())
        return count


def kill(worker: subprocess.Popen[bytes]) -> None:
    """kill -9 to a process and those that it made, which may be in process groups of their own."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            session = stat.read_text().rpartition(")")[2].split()[3]
            if session == str(worker.pid):
                os.kill(int(stat.parent.name), signal.SIGKILL)
    worker.kill()
    worker.wait()


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A Redis of our own; gives its URL."""
    with reserved_port() as port, tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--save", "", "--dir", folder]
        server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()
            server.wait()


@contextlib.contextmanager
def engine(
    command: Sequence[str],
    *,
    bell: str,
    workers: int,
    apps: Sequence[str] = (),
    tasks: str = "",
    has_broker: bool = True,
) -> Iterator[Engine]:
    """A project, for the length of a block.

    :param command: of a worker.
    :param workers: how many are started.
    :param apps: of the engine.
    :param tasks: the backend of Django's tasks.
    :param has_broker: whether it needs Redis.
    """
    with contextlib.ExitStack() as stack:
        ses = SlowSes()
        server = stack.enter_context(loopback_server(ses))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for block in blocks(RECIPES):
            if block.caption:
                (folder / block.caption).write_text(block.text)
        anymail = {
            "OUTBOX_BACKEND": V1,
            "OUTBOX_BELL": bell,
            "OUTBOX_LEASE": 2,
            "AMAZON_SES_MAX_SEND_RATE": 1000,
            "AMAZON_SES_CLIENT_PARAMS": {**CREDENTIALS, "endpoint_url": server.url},
        }
        settings = {
            "apps": list(apps),
            "database": str(folder / "db.sqlite3"),
            "anymail": anymail,
            "tasks": tasks,
            "broker": stack.enter_context(redis()) if has_broker else NO_BROKER,
            "celery": documented_celery(),
        }
        made = Engine(ses=ses, folder=folder, settings=settings, command=command)
        made.create_tables()
        stack.callback(made.kill)
        for _ in range(workers):
            made.start()
        yield made


def documented_celery() -> dict[str, Any]:
    """The settings in the documentation, with beat every second instead of every minute."""
    [text] = [block.text for block in blocks(RECIPES) if "CELERY_BEAT_SCHEDULE" in block.text]
    names: dict[str, Any] = {}
    exec(text, names)
    beat = names["CELERY_BEAT_SCHEDULE"]
    return {
        "beat_schedule": {name: {**entry, "schedule": 1} for name, entry in beat.items()},
        "broker_transport_options": names["CELERY_BROKER_TRANSPORT_OPTIONS"],
    }
