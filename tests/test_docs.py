"""The documentation is about this code: settings, files and commands."""

from __future__ import annotations

import re
from pathlib import Path

from django.test import SimpleTestCase

from anymail import conf

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def tree_paths(text: str) -> list[Path]:
    """The files of ``anymail/`` that the tree in architecture.rst names."""
    paths: list[Path] = []
    folders: list[str] = []
    for line in text.splitlines():
        match = re.match(r"   ([│ ]*)[├└]── (\S+)", line)
        if line.strip() == "anymail/":
            folders = ["anymail"]
        elif match and folders:
            del folders[1 + len(match[1]) // 4 :]
            if match[2].endswith("/"):
                folders.append(match[2].rstrip("/"))
            else:
                paths.append(Path(*folders, match[2]))
        elif line.strip() == "tests/":
            break
    return paths


class SettingsTests(SimpleTestCase):
    def test_every_setting_is_documented(self):
        pages = [DOCS / "settings.rst", *sorted(DOCS.glob("_settings_*.inc"))]
        found = re.findall(
            r"^\.\. setting:: (\S+)$", "\n".join(page.read_text() for page in pages), re.MULTILINE
        )
        self.assertEqual(sorted(set(conf.known_names()) - set(found)), [])

    def test_every_documented_setting_exists(self):
        text = "\n".join(page.read_text() for page in DOCS.iterdir() if page.is_file())
        found = re.findall(r"^\.\. setting:: (\S+)$", text, re.MULTILINE)
        self.assertEqual(sorted(set(found) - set(conf.known_names())), [])
        self.assertEqual(len(found), len(set(found)), "a setting is documented twice")


class ArchitectureTests(SimpleTestCase):
    page = (DOCS / "architecture.rst").read_text()

    def test_every_file_in_the_tree_exists(self):
        missing = [str(path) for path in tree_paths(self.page) if not (ROOT / path).is_file()]
        self.assertEqual(missing, [])

    def test_every_module_is_in_the_tree(self):
        named = set(tree_paths(self.page))
        self.assertGreater(len(named), 20)
        modules = {path.relative_to(ROOT) for path in (ROOT / "anymail").rglob("*.py")}
        modules = {
            path
            for path in modules
            if (ROOT / path).stat().st_size and "migrations" not in path.parts
        }
        self.assertEqual(sorted(map(str, modules - named)), [])

    def test_every_file_in_the_text_exists(self):
        text = self.page[self.page.index("The five values") :]
        for name in set(re.findall(r"``([a-z0-9_/]+\.py)``", text)):
            folder = ROOT if name.startswith("tests/") else ROOT / "anymail"
            self.assertTrue((folder / name).is_file(), name)


class ReadmeTests(SimpleTestCase):
    readme = (ROOT / "README.rst").read_text()

    def test_the_two_commands_are_complete_lines_of_the_readme_and_the_index(self):
        for command in (
            'python -m pip install -e ".[sandbox]" && python -m anymail.sandbox',
            'python -m pip install -e ".[dev]" && python runtests.py',
        ):
            self.assertIn(f"    {command}\n", self.readme)
            self.assertIn(f"   $ {command}\n", (DOCS / "index.rst").read_text())

    def test_ci_takes_them_from_the_readme(self):
        script = (ROOT / ".ci" / "run").read_text()
        for end in ("runtests.py", "anymail.sandbox"):
            self.assertIn(f'bash -c "$(readme_command {end})"', script)
            commands = re.findall(
                rf"^ +python -m pip install -e .*{end}$", self.readme, re.MULTILINE
            )
            self.assertEqual(len(commands), 1)

    def test_links_lead_somewhere(self):
        for target in re.findall(r"<([^>]+\.rst|LICENSE)>`_", self.readme):
            self.assertTrue((ROOT / target).is_file(), target)
