"""Consumers in processes of their own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..command_processes import create_tables, log, start
from ..command_processes import environment as shared_environment


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
        return start(self.environment, "anymail_consume", *arguments)

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
        return log(self.folder)


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
                **shared_environment("tests.consumer.site", folder, database, anymail),
                "SITE_NOTES": str(folder / "notes"),
                **environment,
            },
        )
        if "sqlite3" in database.get("ENGINE", ""):
            create_tables(Path(database["NAME"]), made.environment)
        yield made
