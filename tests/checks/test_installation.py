"""What notices that django-anymail was installed over this package, or removed with parts of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

from django.core import checks
from django.test import SimpleTestCase

from anymail.installation import check_installation

PACKAGE = Path(__file__).parent.parent.parent / "anymail"
#: What django-anymail has in the place of ours, as far as Django sees it.
FOREIGN_FILES = {
    "__init__.py": '__version__ = "13.0"\n',
    "apps.py": (
        "from django.apps import AppConfig\n"
        "class AnymailBaseConfig(AppConfig):\n"
        '    name = "anymail"\n'
        "    def ready(self):\n"
        "        from . import checks\n"
    ),
    "checks.py": "def check_deprecated_settings(app_configs, **kwargs):\n    return []\n",
    "exceptions.py": "class AnymailError(Exception):\n    pass\n",
    "message.py": "class AnymailMessage:\n    pass\n",
    "signals.py": "from django.dispatch import Signal\ntracking = Signal()\n",
    "urls.py": "urlpatterns = []\n",
    "utils.py": "",
    "backends/base.py": "class AnymailBaseBackend:\n    pass\n",
    "backends/amazon_ses.py": "class EmailBackend:\n    pass\n",
    "webhooks/base.py": "",
    "webhooks/amazon_ses.py": "",
}
SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = {apps!r}
"""


class CheckTests(SimpleTestCase):
    """Beside the files of these tests, with other distributions installed."""

    def found(self, name: str, *files: str, record: bool = True) -> list[checks.CheckMessage]:
        """What the check says where a distribution of this name has these files."""
        with tempfile.TemporaryDirectory() as folder:
            info = Path(folder, f"{name.replace('-', '_')}-13.0.dist-info")
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 13.0\n")
            if record:
                (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
            with mock.patch.object(sys, "path", [folder, *sys.path]):
                return check_installation()

    def test_e100_reports_that_django_anymail_is_installed_too(self):
        for record in (True, False):
            [error] = self.found("django-anymail", "anymail/apps.py", record=record)
            self.assertEqual((error.id, error.level), ("anymail.E100", checks.ERROR))
            self.assertIn("pip uninstall django-anymail &&", error.hint)

    def test_e100_knows_every_spelling_of_the_name(self):
        [error] = self.found("Django_Anymail", "anymail/apps.py")
        self.assertEqual(error.id, "anymail.E100")

    def test_e100_is_silent_about_an_empty_distribution_that_stands_in_for_it(self):
        self.assertEqual(self.found("django-anymail", "django_anymail-13.0.dist-info/RECORD"), [])

    def test_e106_reports_modules_that_are_gone(self):
        [error] = self.found(
            "django-anymail-ses", "anymail/conf.py", "anymail/gone.py", "anymail/webhooks/gone.py"
        )
        self.assertEqual((error.id, error.level), ("anymail.E106", checks.ERROR))
        self.assertIn("missing: anymail/gone.py, anymail/webhooks/gone.py.", error.msg)
        self.assertIn("--force-reinstall", error.hint)

    def test_e106_is_silent_about_an_installation_that_is_complete_or_editable(self):
        modules = [str(path.relative_to(PACKAGE.parent)) for path in PACKAGE.rglob("*.py")]
        self.assertEqual(self.found("django-anymail-ses", *modules), [])
        self.assertEqual(self.found("django-anymail-ses", "_editable_anymail.pth"), [])


class OverwrittenTests(SimpleTestCase):
    """``manage.py check`` in an environment where pip has unpacked the wheels of both."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.site = Path(folder.name)
        ignored = shutil.ignore_patterns("__pycache__", "sandbox")
        shutil.copytree(PACKAGE, self.site / "anymail", ignore=ignored)
        ours = [str(path.relative_to(self.site)) for path in (self.site / "anymail").rglob("*.py")]
        self.record("django-anymail-ses", ours)

    def record(self, name: str, files: list[str]) -> None:
        info = self.site / f"{name.replace('-', '_')}-13.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 13.0\n")
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))

    def install_django_anymail(self) -> None:
        for name, text in FOREIGN_FILES.items():
            (self.site / "anymail" / name).write_text(text)
        self.record("django-anymail", [f"anymail/{name}" for name in FOREIGN_FILES])

    def uninstall_django_anymail(self) -> None:
        for name in FOREIGN_FILES:
            (self.site / "anymail" / name).unlink()
        shutil.rmtree(self.site / "django_anymail-13.0.dist-info")

    def without_anymail(self, folder: Path) -> Path:
        """A folder with all that another one has, but this package: itself, or links."""
        if not (folder / "anymail").exists():
            return folder
        links = Path(tempfile.mkdtemp(dir=self.site))
        for entry in folder.iterdir():
            if not entry.name.startswith(("anymail", "django_anymail")):
                (links / entry.name).symlink_to(entry)
        return links

    def check(self, *apps: str) -> str:
        """What ``manage.py check`` prints."""
        (self.site / "site_settings.py").write_text(SETTINGS.format(apps=["anymail", *apps]))
        # -S: a .pth file may lead to this package, too.
        command = [sys.executable, "-S", "-m", "django", "check", "--settings", "site_settings"]
        others = [self.without_anymail(Path(path)) for path in sys.path if os.path.isdir(path)]
        environment = {"PYTHONPATH": os.pathsep.join(map(str, [self.site, *others]))}
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.site, env=environment, check=False
        )
        return done.stdout + done.stderr

    def test_nothing_is_wrong_with_this_package_alone(self):
        self.assertIn("no issues", self.check())

    def test_django_anymail_over_this_package_is_noticed(self):
        self.install_django_anymail()
        shown = self.check()
        self.assertIn("ImproperlyConfigured: django-anymail and django-anymail-ses", shown)
        self.assertIn("pip uninstall django-anymail &&", shown)

    def test_this_package_over_django_anymail_is_noticed(self):
        self.record("django-anymail", [f"anymail/{name}" for name in FOREIGN_FILES])
        self.assertIn("(anymail.E100)", self.check())

    def test_the_feedback_app_says_so_before_anything_else(self):
        self.install_django_anymail()
        shown = self.check("django.contrib.contenttypes", "anymail.feedback")
        self.assertIn("ImproperlyConfigured: django-anymail and django-anymail-ses", shown)
        self.assertIn("pip uninstall django-anymail &&", shown)

    def test_what_its_removal_takes_along_is_noticed(self):
        self.install_django_anymail()
        self.uninstall_django_anymail()
        shown = self.check()
        self.assertIn("(anymail.E106)", shown)
        self.assertIn("anymail/__init__.py", shown)
        self.assertIn("anymail/webhooks/amazon_ses.py", shown)
