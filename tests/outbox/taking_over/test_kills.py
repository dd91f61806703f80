"""The command is killed again and again, and runs several times at once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.db import connection
from django.test import TransactionTestCase

from anymail.outbox.taking_over.post_office_tables import MODELS

ROOT = Path(__file__).parent.parent.parent.parent
ROWS = 400
PATIENCE = 120.0


class KillTests(TransactionTestCase):
    def setUp(self) -> None:
        super().setUp()
        name = str(connection.settings_dict["NAME"])
        if connection.vendor == "sqlite":  # the test's own is in the memory of this process
            folder = TemporaryDirectory()
            self.addCleanup(folder.cleanup)
            name = os.path.join(folder.name, "db.sqlite3")
        else:
            self.addCleanup(self.drop)
        self.environment = {**os.environ, "TAKING_OVER_DATABASE": json.dumps({"NAME": name})}
        self.wait(self.start("create", str(ROWS)))

    def drop(self) -> None:
        with connection.schema_editor() as editor:
            for model in MODELS:
                editor.delete_model(model)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.outbox.taking_over.process", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(process.stdout.close)  # type: ignore[union-attr]
        self.addCleanup(process.kill)
        return process

    def wait(self, process: subprocess.Popen[str]) -> str:
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, out)
        return out

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.wait(self.start("report")))
        return found

    def check_all_taken(self) -> None:
        names = ("entries", "keys", "recipients", "addresses")
        self.assertEqual(self.report(), {**dict.fromkeys(names, ROWS), "waiting": 0})

    def test_killed_at_random_moments_it_takes_each_message_once(self) -> None:
        moments = random.Random(1)
        for _ in range(5):
            process = self.start("run")
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "ready\n")
            time.sleep(moments.uniform(0, 0.3))
            process.kill()
            process.wait(PATIENCE)
        found = self.report()
        self.assertEqual(found["entries"] + found["waiting"], ROWS)
        self.wait(self.start("run"))
        self.check_all_taken()

    def test_several_at_once_take_each_message_once(self) -> None:
        processes = [self.start("run") for _ in range(3)]
        for process in processes:
            self.wait(process)
        self.check_all_taken()
