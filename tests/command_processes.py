"""Commands of a project in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: Databases without rows, by settings and apps: to migrate takes more than a second.
EMPTY: dict[tuple[str, ...], bytes] = {}


def environment(
    settings: str, folder: Path, database: dict[str, Any], anymail: dict[str, Any]
) -> dict[str, str]:
    """The environment of a project's processes.

    :param settings: the module of its settings, which reads the rest.
    :param folder: for what they log.
    :param database: what is in ``DATABASES``.
    :param anymail: ``ANYMAIL``.
    """
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "DJANGO_SETTINGS_MODULE": settings,
        "SITE_DB": json.dumps(database),
        "SITE_ANYMAIL": json.dumps(anymail),
        "SITE_LOG": str(folder / "log"),
    }


def create_tables(database: Path, environment: dict[str, str], *apps: str) -> None:
    """Create an SQLite database with the tables of a project.

    :param database: where.
    :param environment: of the project's processes.
    :param apps: those that only some projects with these settings have.
    """
    kind = (environment["DJANGO_SETTINGS_MODULE"], *apps)
    if kind not in EMPTY:
        migrate = [sys.executable, "-m", "django", "migrate", "-v", "0"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
        EMPTY[kind] = database.read_bytes()
    database.write_bytes(EMPTY[kind])


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start a command.

    :param arguments: its name first.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "django", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def log(folder: Path) -> str:
    """What was logged."""
    path = folder / "log"
    return path.read_text() if path.exists() else ""


def end(process: subprocess.Popen[str], patience: float = 60) -> tuple[int, str, float]:
    """Wait for a process: its exit code, what it printed, and how many seconds it took."""
    start = time.monotonic()
    try:
        output, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(process.communicate()[0]) from None
    return process.returncode, output, time.monotonic() - start
