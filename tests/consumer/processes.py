"""Consumers in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, kw_only=True)
class Site:
    """What such processes share.

    :param folder: for what they write.
    :param environment: of the processes.
    """

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``manage.py anymail_consume``."""
        return subprocess.Popen(
            [sys.executable, "-m", "django", "anymail_consume", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def notes(self, what: str = "ended") -> set[tuple[str, str]]:
        """Which events receivers ``"began"`` or ``"ended"``: ids and recipients."""
        path = self.folder / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        found = (line.split(" ", 4) for line in lines)
        return {(id_, recipient) for kind, id_, _, _, recipient in found if kind == what}

    def notes_size(self) -> int:
        """How many bytes of notes there are."""
        path = self.folder / "notes"
        return path.stat().st_size if path.exists() else 0

    def last_at_work(self) -> int:
        """The id of the process that wrote the last note."""
        with open(self.folder / "notes", "rb") as file:
            file.seek(max(0, self.notes_size() - 2000))
            return int(file.read().splitlines()[-1].split(b" ")[2])

    def log(self) -> str:
        """What was logged."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""


@contextmanager
def site(
    anymail: dict[str, Any], database: dict[str, Any] | None = None, **environment: str
) -> Iterator[Site]:
    """A project whose consumers run as processes, for the length of a block.

    :param anymail: its settings.
    :param database: its database; SQLite in a file if there is none.
    :param environment: see :mod:`.receivers`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = database or {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(folder / "db.sqlite3"),
            "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"},
        }
        made = Site(
            folder=folder,
            environment={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
                "DJANGO_SETTINGS_MODULE": "tests.consumer.site",
                "SITE_DB": json.dumps(database),
                "SITE_ANYMAIL": json.dumps(anymail),
                "SITE_NOTES": str(folder / "notes"),
                "SITE_LOG": str(folder / "log"),
                **environment,
            },
        )
        if "sqlite3" in database.get("ENGINE", ""):
            migrate = [sys.executable, "-m", "django", "migrate", "-v", "0"]
            subprocess.run(migrate, cwd=ROOT, env=made.environment, check=True)
        yield made


def end(process: subprocess.Popen[str], patience: float = 60) -> tuple[int, str, float]:
    """Wait for a process: its exit code, what it printed, and how many seconds it took."""
    start = time.monotonic()
    try:
        output, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(process.communicate()[0]) from None
    return process.returncode, output, time.monotonic() - start
