"""What pyproject.toml promises is what is checked before each change."""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from unittest import skipUnless

from django.test import SimpleTestCase

try:
    from packaging.requirements import Requirement
except ImportError:  # gunicorn brings it, among the tests' dependencies
    Requirement = None

ROOT = Path(__file__).parent.parent
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def versions(prefix: str) -> set[str]:
    """The versions that classifiers name."""
    found = re.findall(rf'^    "{re.escape(prefix)} :: (\d+\.\d+)",$', PROJECT, re.MULTILINE)
    return set(found)


def pairs() -> list[tuple[str, str]]:
    """Django and Python of each run of the tests in .ci/run."""
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    [line] = re.findall(r"^PAIRS=\((.+)\)$", script, re.MULTILINE)
    return re.findall(r'"(\d+\.\d+) (\d+\.\d+)[^"]*"', line)


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


class ClassifierTests(SimpleTestCase):
    def test_they_name_what_ci_runs_and_nothing_else(self) -> None:
        self.assertEqual(versions("Framework :: Django"), {django for django, _ in pairs()})
        self.assertEqual(versions("Programming Language :: Python"), {py for _, py in pairs()})
        systems = re.findall(r'"Operating System :: (.+)"', PROJECT)
        self.assertEqual(systems, ["POSIX :: Linux"])

    def test_the_oldest_versions_are_run_with_the_oldest_dependencies(self) -> None:
        script = (ROOT / ".ci" / "run").read_text("utf-8")
        django, python = min(pairs(), key=lambda pair: (number(pair[0]), number(pair[1])))
        self.assertIn(f'"{django} {python} oldest"', script)
        self.assertIn(f'requires-python = ">={python}"', PROJECT)
        self.assertRegex(PROJECT, rf'"Django>={re.escape(django)}(\.\d+)?"')

    def test_style_and_types_are_checked_for_the_oldest_python(self) -> None:
        _, python = min(pairs(), key=lambda pair: number(pair[1]))
        self.assertIn(f'target-version = "py{python.replace(".", "")}"', PROJECT)
        self.assertIn(f'python_version = "{python}"', PROJECT)

    def test_the_license_is_an_spdx_expression_and_no_classifier(self) -> None:
        self.assertIn('license = "BSD-3-Clause"\nlicense-files = ["LICENSE"]\n', PROJECT)
        self.assertNotIn('"License ::', PROJECT)
        text = (ROOT / "LICENSE").read_text("utf-8")
        self.assertIn("Redistribution and use in source and binary", text)


#: The version that mended the last advisory we know of, and its name.
ADVISORIES = {
    "Django": ("5.2.17", "CVE-2026-15920"),
    "cryptography": ("50.0.0", "CVE-2026-69247"),
    "requests": ("2.33.0", "CVE-2026-25645"),
}


class DependencyTests(SimpleTestCase):
    def test_none_is_allowed_to_be_so_old_that_it_has_a_known_advisory(self) -> None:
        for name, (mended, advisory) in ADVISORIES.items():
            with self.subTest(name, advisory=advisory):
                [oldest] = re.findall(rf'^    "{name}>=([\d.]+)",$', PROJECT, re.MULTILINE)
                self.assertGreaterEqual(number(oldest), number(mended))


def installed_with(requirement: str) -> set[str]:
    """The names of all that pip installs for a requirement, as far as it is installed here."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(requirement)]
    while waiting:
        wanted = waiting.pop()
        found.add(wanted.name.lower())
        for extra in ("", *wanted.extras):
            if (wanted.name, extra) in seen:
                continue
            seen.add((wanted.name, extra))
            with suppress(PackageNotFoundError):
                waiting += [
                    further
                    for further in map(Requirement, requires(wanted.name) or ())
                    if not further.marker or further.marker.evaluate({"extra": extra})
                ]
    return found


class SandboxExtraTests(SimpleTestCase):
    @skipUnless(Requirement, "packaging is not installed")
    def test_it_installs_nothing_for_services_that_the_sandbox_does_not_have(self) -> None:
        """moto[server] would: that is half of the time and of the space."""
        [extra] = re.findall(r"^sandbox = \[(.+)\]$", PROJECT, re.MULTILINE)
        found = set().union(*map(installed_with, re.findall(r'"(.+?)"', extra)))
        self.assertLessEqual({"moto", "flask", "jinja2"}, found)
        self.assertEqual(found & {"aws-sam-translator", "cfn-lint", "docker", "sympy"}, set())


class PreCommitTests(SimpleTestCase):
    """The configuration of pre-commit downloads nothing, and does what .ci/run does."""

    path = ROOT / ".pre-commit-config.yaml"

    def setUp(self) -> None:
        if not self.path.exists():
            self.skipTest("not in the sdist")
        self.text = self.path.read_text("utf-8")

    def test_every_hook_runs_what_is_installed(self) -> None:
        self.assertEqual(re.findall(r"repo: (.+)", self.text), ["local"])
        self.assertEqual(set(re.findall(r"language: (.+)", self.text)), {"system"})

    def test_style_is_checked(self) -> None:
        script = (ROOT / ".ci" / "run").read_text("utf-8")
        for command in ("ruff check", "ruff format"):
            self.assertIn(command, self.text)
            self.assertIn(command, script)
