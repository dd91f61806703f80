"""Without the app, nothing of it is imported, and nothing else needs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from django.test import SimpleTestCase

import anymail

PACKAGE = Path(anymail.__file__).parent
BACKENDS = ("amazon_ses", "amazon_sesv1", "amazon_sesv2", "console", "test")
PROJECT = f"""
import django, sys
from django.conf import settings
from django.core import checks
from django.core.management import call_command

settings.configure(
    SECRET_KEY="x", ROOT_URLCONF="anymail.urls", INSTALLED_APPS=["anymail"],
    **({{"MAILERS": {{"default": {{"BACKEND": "anymail.backends.test.EmailBackend"}}}}}}
       if django.VERSION >= (6, 1) else {{"EMAIL_BACKEND": "anymail.backends.test.EmailBackend"}}),
)
django.setup()
call_command("check")

from importlib import import_module
from anymail.message import AnymailMessage

for name in {BACKENDS!r}:
    import_module(f"anymail.backends.{{name}}").EmailBackend()
message = AnymailMessage("Hi", "text", None, ["a@example.com"])
assert message.send() == 1
assert message.anymail_status.status == {{"sent"}}
print(*sorted(name for name in sys.modules if name.startswith("anymail") and "outbox" in name))
"""


class NotInstalledTests(SimpleTestCase):
    def run_project(self, folder: Path) -> str:
        """What a project without the app prints.

        :param folder: that has the package.
        """
        code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{PROJECT}"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_nothing_of_it_is_imported(self):
        printed = self.run_project(PACKAGE.parent)
        self.assertEqual(printed.split("silenced).")[1].split(), ["anymail.attributes.outbox"])

    def test_the_package_works_without_its_files(self):
        with tempfile.TemporaryDirectory() as folder:
            copied = Path(folder, "anymail")
            shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.rmtree(copied / "outbox")
            (copied / "backends" / "outbox.py").unlink()
            self.assertIn("no issues", self.run_project(Path(folder)))
