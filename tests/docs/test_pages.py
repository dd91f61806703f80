"""The documentation is about this code: settings, checks, files, commands and links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from django.test import SimpleTestCase

from anymail import conf
from anymail.checks.leftover_settings import SETTINGS
from anymail.exceptions import AnymailConfigurationError

from ..docs_pages import DOCS, ROOT, literals, pages, table, tables

SETTING_PAGES = [DOCS / "settings.rst", *sorted(DOCS.glob("_settings_*.inc"))]
EXTERNAL = ("http://", "https://", "mailto:")


def described_settings(page: Path) -> list[str]:
    """The settings that a page has a description of."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^\.\. setting:: (.+(?:\n {13}\S+)*)$", text, re.MULTILINE)
    return [name for names in found for name in names.split()]


def declared_settings() -> dict[str, Field[Any]]:
    """What the groups of settings declare: the name of each setting, and its field."""
    return {
        group.PREFIX + spec.name.upper(): spec for group in conf.GROUPS for spec in fields(group)
    }


def wanted_type(spec: Field[Any]) -> str:
    """The words for the type of a setting, as an error has them."""
    clean = spec.metadata["clean"]
    try:
        clean(object(), "It")
    except AnymailConfigurationError as err:
        words = str(err).removeprefix("It must be ").removesuffix(", not object.")
    if "None" in words or not takes_none(spec):
        return words
    return words + (", or None" if "," in words else " or None")


def takes_none(spec: Field[Any]) -> bool:
    """Whether None is a value of its own, and not just another way to write an empty one."""
    try:
        return spec.metadata["clean"](None, "It") is None
    except AnymailConfigurationError:
        return False


def check_messages() -> Iterator[ast.Call]:
    """Where the package makes the messages of system checks."""
    for path in (ROOT / "anymail").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and check_id(node):
                yield node


def check_id(node: ast.Call) -> str | None:
    for keyword in node.keywords:
        if keyword.arg == "id" and isinstance(keyword.value, ast.Constant):
            value = keyword.value.value
            return value if str(value).startswith("anymail.") else None
    return None


def defined_names(path: Path) -> set[str]:
    """Functions, classes and constants of a module; methods as ``Class.method``."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


class SettingsTests(SimpleTestCase):
    def test_every_setting_is_described_once_and_every_described_one_exists(self):
        found = [name for page in SETTING_PAGES for name in described_settings(page)]
        self.assertEqual(sorted(found), sorted(conf.known_names()))

    def test_every_setting_is_in_the_table_above_its_description(self):
        for page in SETTING_PAGES:
            rows = [row for table in self.tables(page) for row in table.rows]
            listed = [re.fullmatch(r":setting:`(\w+)`", row[0])[1] for row in rows]
            self.assertEqual(listed, described_settings(page))

    def test_documented_types_are_those_of_the_errors(self):
        for name, words, _ in self.rows():
            self.assertEqual(words, wanted_type(declared_settings()[name]), name)

    def test_documented_defaults_are_those_of_the_code(self):
        for name, _, default in self.rows():
            with self.subTest(name):
                spec = declared_settings()[name]
                documented = ast.literal_eval(default.strip("`"))
                clean = spec.metadata["clean"]
                self.assertEqual(clean(documented, name), clean(spec.default, name))

    def test_the_settings_of_other_packages_that_count_are_named(self):
        text = "\n".join(page.read_text(encoding="utf-8") for page in SETTING_PAGES)
        named = set(re.findall(r"Fallback: ``(\w+)``", text))
        fallbacks = {spec.metadata["fallback"] for spec in declared_settings().values()}
        self.assertEqual(named, fallbacks - {None})

    def test_nothing_outside_of_the_settings_pages_defines_a_setting(self):
        for page in set(pages()) - set(SETTING_PAGES):
            self.assertEqual(described_settings(page), [], page.name)

    def tables(self, page: Path) -> list[Any]:
        found = [t for t in tables(page) if t.header == ["Setting", "Type", "Default"]]
        self.assertTrue(found)
        return found

    def rows(self) -> list[tuple[str, str, str]]:
        return [
            (row[0].removeprefix(":setting:`").rstrip("`"), row[1], row[2])
            for page in SETTING_PAGES
            for table in self.tables(page)
            for row in table.rows
        ]


class MigratingTests(SimpleTestCase):
    page = (DOCS / "migrating.rst").read_text(encoding="utf-8")

    def test_every_setting_of_a_package_that_this_one_replaces_has_a_row(self):
        left_over = [name for names in SETTINGS.values() for name in names]
        self.assertEqual([name for name in left_over if f"``{name}``" not in self.page], [])

    def test_every_setting_of_another_package_that_has_a_row_is_reported_by_the_check(self):
        rows = "".join(row[0] for found in tables(DOCS / "migrating.rst") for row in found.rows)
        named = set(re.findall(r"``((?:AWS_SES|AWS_SNS|DKIM)_[A-Z_]+)``", rows))
        self.assertGreater(len(named), 30)
        reported = {name for names in SETTINGS.values() for name in names}
        self.assertEqual(sorted(named - reported), [])

    def test_what_behaves_in_another_way_is_named(self):
        """Whoever comes from another package searches for its words."""
        for words in (
            ("DeliveryDelay", "``deferred``"),
            ("Subscription", "``unsubscribed``", "``subscribed``"),
            ("unreadable ``From``",),
            ("may have been accepted", "message.anymail_status"),
            ("anymail.webhooks.mailgun",),
            ("``bounce_received``", "once for"),
            ("``AWS_SES_REGION_ENDPOINT``",),
            ("django-anymail 9", "Django 5.2"),
            ("AMAZON_SES_VERIFY_SNS_SIGNATURES=False", "@override_settings("),
            ("anymail-history", "constraint", "--no-deps", "override-dependencies"),
            ("binary file", "``bytes``", "data.read()"),
        ):
            with self.subTest(words[0]):
                text = " ".join(self.page.split())
                self.assertEqual([word for word in words if word not in text], [])

    def test_what_replaces_a_setting_of_django_bouncy_is_what_the_code_reads(self):
        for name, spec in declared_settings().items():
            if fallback := spec.metadata["fallback"]:
                self.assertRegex(self.page, rf"\* - ``{fallback}``\n +- :setting:`{name}`")


class PermissionTests(SimpleTestCase):
    def test_a_search_for_iam_leads_to_the_policy(self):
        text = (DOCS / "amazon_ses.rst").read_text(encoding="utf-8")
        section = re.search(r"^.*\bIAM\b.*\n-+\n((?s:.*?))^-{3,}$", text, re.MULTILINE)
        self.assertIn('"Statement"', section[1])


class SystemCheckTests(SimpleTestCase):
    def test_every_check_is_in_the_table_and_the_other_way_round(self):
        found = table(DOCS / "troubleshooting.rst", "Id", "Text", "What to do")
        listed = [re.match(r"``(anymail\.[EWI]\d{3})``", row[0])[1] for row in found.rows]
        self.assertEqual(sorted(listed), sorted({check_id(node) for node in check_messages()}))
        self.assertTrue(all(row[2] for row in found.rows))

    def test_those_of_check_deploy_are_marked(self):
        found = table(DOCS / "troubleshooting.rst", "Id", "Text", "What to do")
        marked = {literals(row[0])[0] for row in found.rows if "(deploy)" in row[0]}
        functions = (
            ("anymail/checks/deployment.py", "def _deployment_problems"),
            ("anymail/checks/deployment.py", "def check_feedback_webhook"),
            ("anymail/checks/sending.py", "def check_endpoint"),
            ("anymail/outbox/checks.py", "def check_task_backend"),
            ("anymail/outbox/checks.py", "def check_configuration_sets"),
            ("anymail/outbox/checks.py", "def check_events"),
            ("anymail/outbox/checks.py", "def check_pretenders"),
            ("anymail/outbox/checks.py", "def check_use"),
            ("anymail/outbox/checks.py", "def check_storage"),
        )
        found_there = set()
        for path, function in functions:
            body = (ROOT / path).read_text(encoding="utf-8").partition(function)[2]
            found_there |= set(re.findall(r'id="(anymail\.[IW]\d+)"', body.partition("\ndef ")[0]))
        self.assertEqual(marked, found_there)

    def test_every_check_has_a_hint(self):
        for node in check_messages():
            hints = [keyword for keyword in node.keywords if keyword.arg == "hint"]
            self.assertEqual(len(hints), 1, check_id(node))

    def test_every_check_is_asserted_somewhere(self):
        asserted: set[str] = set()
        for path in (ROOT / "tests" / "checks").glob("test_*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and self.is_assertion(node):
                    parts = ast.walk(node)
                    asserted |= {n.value for n in parts if isinstance(n, ast.Constant)}
        self.assertEqual({check_id(node) for node in check_messages()} - asserted, set())

    def is_assertion(self, node: ast.Call) -> bool:
        return isinstance(node.func, ast.Attribute) and node.func.attr.startswith("assert")


class SecurityTests(SimpleTestCase):
    def test_every_line_that_stops_an_attack_exists(self):
        found = table(DOCS / "security.rst", "Attack", "File", "Name")
        self.assertGreater(len(found.rows), 25)
        for attack, files, names in found.rows:
            with self.subTest(attack):
                defined: set[str] = set()
                for name in literals(files):
                    own = defined_names(ROOT / "anymail" / name)
                    self.assertTrue(own & set(literals(names)), f"nothing of {name} is named")
                    defined |= own
                self.assertEqual(sorted(set(literals(names)) - defined), [])

    def test_every_setting_that_concerns_the_webhooks_security_is_mentioned(self):
        text = (DOCS / "security.rst").read_text(encoding="utf-8")
        for name in conf.known_names():
            if "SNS" in name and "CLIENT" not in name and "AUTO_CONFIRM" not in name:
                self.assertIn(name, text)


class ArchitectureTests(SimpleTestCase):
    page = (DOCS / "architecture.rst").read_text()

    def test_every_folder_has_a_layer(self):
        layers = self.page[self.page.index("Layers\n------") : self.page.index("Verbs\n-----")]
        folders = {path.parent.name for path in (ROOT / "anymail").glob("*/__init__.py")}
        self.assertEqual(sorted(folders - set(re.findall(r"(\w+)/", layers))), [])

    def test_every_file_and_folder_in_the_text_exists(self):
        for name in set(re.findall(r"``([a-z0-9_/]+(?:\.py|/))``", self.page)):
            found = (ROOT / name).exists() or list((ROOT / "anymail").rglob(name))
            self.assertTrue(found, name)


class PatienceTests(SimpleTestCase):
    """A send in a view or a receiver must end before what waits for it gives up."""

    def test_there_is_advice_for_wherever_mail_is_sent(self):
        found = table(DOCS / "sending.rst", "You send in", "Limit", "Set")
        advice = {where: (limit, choice) for where, limit, choice in found.rows}
        default = conf.AmazonSESSettings.load().throttle_timeout
        limit, choice = advice["a view"]
        self.assertIn(f"default of {default:g} seconds", choice)
        self.assertLess(default, int(re.findall(r"\d+", limit)[0]))
        limit, choice = advice["a receiver of tracking or inbound events"]
        self.assertLess(
            max(map(int, re.findall(r"\d+", choice))), int(re.findall(r"\d+", limit)[0])
        )
        self.assertIn("a task, a management command", advice)


class ReadmeTests(SimpleTestCase):
    readme = (ROOT / "README.rst").read_text()

    def test_the_extra_that_builds_the_documentation_has_all_that_its_configuration_needs(self):
        self.assertRegex(self.readme, r"with the ``dev`` extra installed, ``sphinx-build docs")
        project = (ROOT / "pyproject.toml").read_text()
        extra = re.findall(r"^dev = \[$(.*?)^\]$", project, re.MULTILINE | re.DOTALL)[0]
        config = (DOCS / "conf.py").read_text()
        theme = re.findall(r'^html_theme = "(\w+)"$', config, re.MULTILINE)
        listed = re.findall(r"^extensions = \[(.*)\]$", config, re.MULTILINE)[0]
        for module in [*theme, *re.findall(r'"(\w+)', listed)]:
            self.assertRegex(extra, rf'"{module.replace("_", "-")}>=')

    def test_the_two_commands_are_complete_lines_of_the_readme_and_the_index(self):
        for command in (
            '-m pip install -e ".[sandbox]" && .venv/bin/python -m anymail.sandbox',
            '-m pip install -e ".[dev]" && .venv/bin/python runtests.py',
        ):
            # PEP 668: Debian, Ubuntu and Homebrew refuse to install beside their own packages.
            command = f"python3 -m venv .venv && .venv/bin/python {command}"
            self.assertIn(f"    {command}\n", self.readme)
            self.assertIn(f"   $ {command}\n", (DOCS / "index.rst").read_text())

    def test_ci_takes_them_from_the_readme(self):
        script = (ROOT / ".ci" / "run").read_text()
        self.assertIn('bash -c "$(readme_command anymail.sandbox)"', script)
        # In two parts: the installation is not measured.
        self.assertIn("command=$(readme_command runtests.py)", script)
        self.assertIn('bash -c "${command% && *}"', script)
        # What searches for hostile input runs elsewhere, where it is not measured.
        self.assertIn('run_tests "${command##* && } --exclude-tag fuzz"', script)
        for end in ("runtests.py", "anymail.sandbox"):
            commands = re.findall(
                rf"^ +python3 -m venv .venv && .*{end}$", self.readme, re.MULTILINE
            )
            self.assertEqual(len(commands), 1)


class LinkTests(SimpleTestCase):
    """Sphinx checks roles, too, but does not see the README, and is not installed everywhere."""

    def test_relative_links_lead_to_files(self):
        for page in [*pages(), ROOT / "CHANGELOG.rst"]:
            text = page.read_text(encoding="utf-8")
            targets = re.findall(r"`[^`<]+<([^>]+)>`__?(?!\w)", text)
            targets += re.findall(r"^\.\. (?:include|image|figure):: (\S+)$", text, re.MULTILINE)
            for target in targets:
                if not target.startswith(EXTERNAL):
                    path = page.parent / target.partition("#")[0]
                    self.assertTrue(path.is_file(), f"{page.name}: {target}")

    def test_every_document_that_is_linked_exists(self):
        for page in pages():
            for target in self.targets("doc", page):
                folder = DOCS if target.startswith("/") else page.parent
                path = folder / f"{target.lstrip('/')}.rst"
                self.assertTrue(path.is_file(), f"{page.name}: {target}")

    def test_every_section_that_is_linked_exists(self):
        for page in pages():
            for target in self.targets("ref", page):
                if target in ("genindex", "modindex", "search"):
                    continue
                document, _, title = target.partition(":")
                text = (DOCS / f"{document}.rst").read_text(encoding="utf-8")
                heading = rf"^{re.escape(title)}\n[=~^-]{{{len(title)}}}$"
                found = re.search(heading, text, re.MULTILINE | re.IGNORECASE)
                self.assertTrue(found, f"{page.name}: {target}")

    def test_every_setting_that_is_linked_exists(self):
        for page in pages():
            missing = set(self.targets("setting", page)) - set(conf.known_names())
            self.assertEqual(sorted(missing), [], page.name)

    def test_every_page_is_in_the_table_of_contents(self):
        index = (DOCS / "index.rst").read_text(encoding="utf-8")
        for page in DOCS.glob("*.rst"):
            self.assertTrue(
                page.stem == "index" or re.search(rf"^   {page.stem}$", index, re.MULTILINE), page
            )

    def targets(self, role: str, page: Path) -> list[str]:
        text = page.read_text(encoding="utf-8")
        found = re.findall(rf":{role}:`([^`]+)`", text)
        return [" ".join(re.sub(r".*<(.+)>", r"\1", t, flags=re.DOTALL).split()) for t in found]
