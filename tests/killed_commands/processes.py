"""Commands that are killed, against an SES on loopback and a database that outlives them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings

from anymail.feedback.models import Bounce, Lift, Pull, Suppression
from anymail.sandbox.aws.defaults import CREDENTIALS, REGION

from ..command_processes import end, environment, start
from ..local_ses import LocalSesTestCase
from ..second_database import add_database

ALIAS = "killed"
#: How often tests look whether it is time to kill.
LOOK = 0.02


class KilledTestCase(LocalSesTestCase):
    """Starts commands in processes of their own. With SQLite, their database is a file."""

    is_file = connection.vendor == "sqlite"
    using: str = ALIAS if is_file else "default"
    # That of the file is added when there is one: Django looks for all of them.
    databases: ClassVar[set[str]] = set() if is_file else {"default"}
    chance = random.Random(7)

    @classmethod
    def setUpClass(cls) -> None:
        if cls.is_file:
            add_database(cls, ALIAS)
            cls.databases = {ALIAS}
        super().setUpClass()
        if cls.is_file:
            call_command("migrate", "anymail_feedback", database=ALIAS, verbosity=0)

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(self.amazon.state.suppression.entries.clear)
        for model in (Bounce, Lift, Pull, Suppression):
            self.addCleanup(model._default_manager.using(self.using).all().delete)
        self.anymail: dict[str, Any] = {
            "FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"],
            "AMAZON_SES_CLIENT_PARAMS": {**CREDENTIALS, "endpoint_url": self.amazon.url},
        }
        changed = override_settings(ANYMAIL=self.anymail)
        changed.enable()
        self.addCleanup(changed.disable)

    def put(self, address: str, **attributes: str) -> None:
        """Amazon lists an address."""
        self.amazon.state.suppression.add(REGION, address, "BOUNCE", **attributes)

    def at_amazon(self) -> list[str]:
        """The addresses that Amazon lists."""
        return sorted(address for _, address in list(self.amazon.state.suppression.entries))

    def start(self, *arguments: str, **others: str) -> subprocess.Popen[str]:
        """Start a command: its name first.

        :param others: what else is in its environment.
        """
        made = {
            **environment(
                "tests.killed_commands.site",
                self.folder,
                {"NAME": str(connections[self.using].settings_dict["NAME"])},
                self.anymail,
            ),
            "ANYMAIL_TEST_DB": os.environ.get("ANYMAIL_TEST_DB", "sqlite"),
            "SITE_NOTES": str(self.folder / "notes"),
            **others,
        }
        process = start(made, *arguments)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def finish(self, *arguments: str, **others: str) -> str:
        """Run a command to its end; gives what it printed."""
        code, output, _ = end(self.start(*arguments, **others))
        self.assertEqual(code, 0, output)
        return output

    def kill(self, condition: Callable[[], Any], *arguments: str, **others: str) -> None:
        """Start a command, and kill it a moment after something has happened."""
        process = self.start(*arguments, **others)
        while process.poll() is None and not condition():
            time.sleep(LOOK)
        time.sleep(self.chance.uniform(0, LOOK))
        process.kill()
        output = process.communicate()[0]
        self.assertEqual(process.returncode, -signal.SIGKILL, output)

    def notes(self, what: str) -> list[str]:
        """The recipients of the events that the receiver ``"began"`` or ``"ended"`` with."""
        path = self.folder / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        found = (line.split(" ") for line in lines)
        return [recipient for kind, recipient in found if kind == what]
