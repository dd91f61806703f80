"""The quickstart, as its reader follows it: its files, its commands, and what they print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from django.test import SimpleTestCase

from ..docs_pages import DOCS, ROOT, Block, blocks

PAGE = DOCS / "quickstart.rst"
FILE = re.compile(r"# (\S+\.py)\b")
#: What the tests run in has this package already.
INSTALLING = ("python3 -m venv", "python -m pip")


def before_the_sandbox() -> Iterator[Block]:
    """The blocks of the steps that need nothing but the package."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    end = next(number for number, line in enumerate(lines, 1) if line.startswith("5. Send"))
    return (block for block in blocks(PAGE) if block.line < end)


def runs_with_this_django(block: Block) -> bool:
    """Whether it is for all versions of Django, or names this one in its first line."""
    first, this = block.text.partition("\n")[0], "{}.{}".format(*django.VERSION[:2])
    return "Django" not in first or this in first


class QuickstartTests(SimpleTestCase):
    def test_every_command_prints_what_the_page_shows(self) -> None:
        commands = []
        with TemporaryDirectory() as folder:
            for block in before_the_sandbox():
                if block.language == "python" and runs_with_this_django(block):
                    self.write(Path(folder), block)
                elif block.language == "console":
                    commands += self.run_commands(folder, block)
        self.assertEqual(commands[-2:], ["python manage.py check", "python manage.py test"])

    def write(self, folder: Path, block: Block) -> None:
        """Put code into the file that its first line names; settings are added to what is there."""
        match = FILE.match(block.text)
        assert match is not None, str(block)
        path = folder / match[1]
        if path.name == "settings.py":
            text = block.text.replace("    ...,", "    *INSTALLED_APPS,")
            path.write_text(f"{path.read_text()}\n{text}")
        else:
            path.write_text(block.text)

    def run_commands(self, folder: str, block: Block) -> Iterator[str]:
        """Run the commands of a block, each of which prints the lines that follow it there."""
        for text in block.text.split("$ ")[1:]:
            command, *expected = text.splitlines()
            if command.startswith(INSTALLING):
                continue
            printed = self.run_command(folder, command)
            for line in expected:
                self.assertIn(line, printed, f"{block}: {command}")
            yield command

    def run_command(self, folder: str, command: str) -> list[str]:
        program, *arguments = shlex.split(command)
        start = ["-m", "django"] if program == "django-admin" else []
        environment = {
            name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"
        }
        run = subprocess.run(
            [sys.executable, *start, *arguments],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        printed = run.stdout + run.stderr
        self.assertEqual(run.returncode, 0, printed)
        return [line.strip() for line in printed.splitlines()]
