"""The sandbox in a process of its own, as people start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "anymail.sandbox"]
#: Any port: tests do not meet each other, nor somebody's own sandbox.
ANY_PORT = ("--port=0", "--amazon-port=0")
#: What is there as long as the tests run, so that nobody's own signing key is found or made.
HOME = tempfile.TemporaryDirectory()
#: Enough for a slow machine; the sandbox needs about three seconds.
TIMEOUT = 300


def environment(**more: str) -> dict[str, str]:
    """Nothing of ours but the way to the package; coverage measures through its variables."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {
        **kept,
        "HOME": HOME.name,
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        **more,
    }


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the sandbox to its end in an empty folder."""
    return run_command([*COMMAND, *ANY_PORT, *arguments], **more)


def run_command(
    command: list[str], cwd: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            command,
            capture_output=True,
            check=False,
            cwd=cwd or folder,
            encoding="utf-8",
            env=environment(**{"HOME": folder, **more}),
            timeout=TIMEOUT,
        )


@dataclass
class Running:
    """A sandbox that is ready.

    :param ready: what it printed of itself.
    :param doing: what it printed before.
    """

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    doing: list[str]

    @property
    def page(self) -> str:
        """Where the page is."""
        return self.ready["page"]


def start(command: list[str], **kwargs: Any) -> subprocess.Popen[str]:
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        command,
        encoding="utf-8",
        start_new_session=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Where nobody leaves modules.
        **{"cwd": ROOT.anchor, "env": environment(), **kwargs},
    )


def wait_until_ready(process: subprocess.Popen[str]) -> Running:
    """Read what a sandbox prints with ``--json`` until it is ready."""
    doing = []
    for line in process.stdout or ():
        printed = json.loads(line)
        if "ready" in printed:
            return Running(process, printed["ready"], doing)
        doing.append(printed["doing"])
    _, errors = process.communicate(timeout=TIMEOUT)
    raise AssertionError(f"The sandbox ended with {process.returncode}: {errors}")


@contextmanager
def running_sandbox(*arguments: str) -> Iterator[Running]:
    """A sandbox of its own for the length of a ``with`` block."""
    process = start([*COMMAND, "--json", *ANY_PORT, *arguments])
    try:
        yield wait_until_ready(process)
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT)
