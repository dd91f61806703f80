"""Workers in processes of their own: ``manage.py anymail_deliver``."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

from anymail.outbox.ledger import entries
from anymail.outbox.models import State

from ..command_processes import end, environment, log, start
from ..ses import CREDENTIALS, V1

#: Seconds that a worker may go on at most until it is killed.
LONGEST_WORK = 0.5
#: How often tests look at the database.
LOOK = 0.05


def settings_for(url: str, path: str = V1, **anymail: Any) -> dict[str, Any]:
    """``ANYMAIL`` for an outbox that sends to an SES on loopback.

    :param url: of the SES.
    :param path: the backend that delivers.
    """
    return {
        "WEBHOOK_SECRET": "ses:secret",
        "OUTBOX_BACKEND": path,
        "AMAZON_SES_CLIENT_PARAMS": {**CREDENTIALS, "endpoint_url": url},
        **anymail,
    }


@dataclass(frozen=True, kw_only=True)
class Site:
    """What such processes share.

    :param folder: for what they log.
    :param environment: of the processes.
    """

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``manage.py anymail_deliver``."""
        return start(self.environment, "anymail_deliver", *arguments)

    def log(self) -> str:
        """What was logged."""
        return log(self.folder)


@contextmanager
def site(anymail: dict[str, Any]) -> Iterator[Site]:
    """A project with the database of this process, for the length of a block.

    :param anymail: its settings.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = {"NAME": str(connection.settings_dict["NAME"])}
        yield Site(
            folder=folder,
            environment={
                **environment("tests.outbox.site", folder, database, anymail),
                "ANYMAIL_TEST_DB": os.environ.get("ANYMAIL_TEST_DB", "sqlite"),
            },
        )


class Workers:
    """Several workers, of which one or the other is killed.

    :param made: the project.
    :param count: how many.
    """

    def __init__(self, made: Site, count: int) -> None:
        self._site = made
        self.running = [made.start() for _ in range(count)]

    def kill_one(self, chance: random.Random, patience: float = 60.0) -> set[UUID]:
        """Kill one that holds messages, and start another.

        :return: the messages that it was posting.
        """
        deadline = time.monotonic() + patience
        while not (busy := self._busy()):
            assert time.monotonic() < deadline, "No worker holds any messages."
            time.sleep(LOOK)
        victim = chance.choice(busy)
        time.sleep(chance.uniform(0, LONGEST_WORK))
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        self.running[self.running.index(victim)] = self._site.start()
        posting = entries().filter(state=State.POSTING, worker__contains=f":{victim.pid}:")
        return set(posting.values_list("pk", flat=True))

    def _busy(self) -> list[subprocess.Popen[str]]:
        held = entries().filter(state__in=(State.CLAIMED, State.POSTING))
        names = held.order_by().values_list("worker", flat=True).distinct()
        pids = {int(name.split(":")[-2]) for name in names if name}
        return [process for process in self.running if process.pid in pids]

    def end(self) -> None:
        """End all of them in order; one that is still starting just ends."""
        for process in self.running:
            process.terminate()
        ended = [end(process) for process in self.running]
        wrong = [(code, output) for code, output, _ in ended if code not in (0, -signal.SIGTERM)]
        assert not wrong, wrong

    def kill(self) -> None:
        """Kill what still runs."""
        for process in self.running:
            process.kill()
            process.communicate()
