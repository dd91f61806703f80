from __future__ import annotations

import tempfile
from pathlib import Path

from django.core.management.base import CommandError
from django.test import SimpleTestCase

from anymail.processes.health import check_health_file, touch


class HealthFileTests(SimpleTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.impossible = self.folder / "no" / "file"

    def test_it_is_made(self):
        for number, function in enumerate((check_health_file, touch)):
            function(self.folder / str(number))
            self.assertTrue((self.folder / str(number)).exists())

    def test_there_may_be_none(self):
        check_health_file(None)
        touch(None)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_at_the_start_one_that_cannot_be_written_is_refused(self):
        with self.assertRaises(CommandError) as caught:
            check_health_file(self.impossible)
        self.assertEqual(caught.exception.returncode, 2)
        self.assertIn("--health-file cannot be written", str(caught.exception))

    def test_later_one_that_cannot_be_written_is_logged(self):
        with self.assertLogs("anymail.processes.health", "WARNING") as logs:
            touch(self.impossible)
        self.assertIn("The health file cannot be written", logs.output[0])
