"""What is logged: by which logger, with which details, and nothing that concerns people."""

from __future__ import annotations

import ast
import contextlib
import io
import logging
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.test import SimpleTestCase, override_settings

from . import log_guard
from .docs_pages import DOCS
from .log_guard import Guard, problems
from .ses import BODY, CREDENTIALS

PACKAGE = Path(__file__).parent.parent / "anymail"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module that applications run."""
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE)
        if "sandbox" not in module.parts:
            yield str(module), ast.parse(path.read_text("utf-8"))


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for call in calls(tree):
        owner, _, level = ast.unparse(call.func).rpartition(".")
        if owner == "logger" and level in LEVELS:
            yield call


def extra_names(tree: ast.AST) -> set[str]:
    """The keys of dicts in a module that are called like our extras."""
    keys = (key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys)
    names = {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return {name for name in names if name.startswith("anymail_")}


class LoggerTests(SimpleTestCase):
    def test_a_module_that_logs_has_one_logger_with_its_name(self) -> None:
        for name, tree in modules():
            if name == "outbox/logs.py":  # it makes the outbox's own kind of logger
                continue
            made = [ast.unparse(c) for c in calls(tree) if "Logger" in ast.unparse(c.func)]
            logs = any(ast.unparse(call.func).startswith("logger.") for call in calls(tree))
            kind = "OwnLogger" if name.startswith("outbox/") else "logging.getLogger"
            self.assertEqual(made, [f"{kind}(__name__)"] if logs else [], name)

    def test_everything_that_is_logged_has_structured_details(self) -> None:
        count = 0
        for name, tree in modules():
            for call in log_calls(tree):
                count += 1
                keywords = [keyword.arg for keyword in call.keywords]
                self.assertIn("extra", keywords, f"{name}:{call.lineno}")
        self.assertGreater(count, 10)

    def test_texts_are_filled_in_by_logging(self) -> None:
        for name, tree in modules():
            for call in log_calls(tree):
                self.assertIsInstance(call.args[0], ast.Constant, f"{name}:{call.lineno}")

    def test_the_details_are_documented(self) -> None:
        page = (DOCS / "security.rst").read_text("utf-8")
        found = {extra for _, tree in modules() for extra in extra_names(tree)}
        self.assertEqual({extra for extra in found if f"``{extra}``" not in page}, set())


class GuardTests(SimpleTestCase):
    """The runner of these tests sees every record, and what is wrong with it."""

    logger = logging.getLogger("anymail.tests.guard")

    def watched(self) -> Any:
        log_guard.install()
        return Guard().watching()

    def test_what_no_log_may_have(self) -> None:
        for text in (
            "to ann@example.com",
            "https://user:pass@example.com/",
            f"Token: {'0123456789abcdef' * 4}",
            f"Signature {'A1+/' * 50}",
            f"sent: {BODY}",
            "MIME-Version: 1.0",
            '{"eventType": "Bounce"}',
            CREDENTIALS["aws_secret_access_key"],
        ):
            self.assertEqual(len(problems(text)), 1, text)

    def test_what_a_log_may_have(self) -> None:
        for text in (
            "Email address ***@example.com is not verified",
            "arn:aws:sns:us-east-1:123456789012:ses-events",
            "example-inbound-mail:o3vrnil0e2ic28trm7dfhrc2v0cnbeccl4nbp0g1",
            "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
        ):
            self.assertEqual(problems(text), [])

    @override_settings(ANYMAIL={"WEBHOOK_SECRET": ["some-user:long-password"]})
    def test_the_secret_of_the_settings_is_known_in_every_form(self) -> None:
        for text in (
            "some-user:long-password",
            "long-password",
            "c29tZS11c2VyOmxvbmctcGFzc3dvcmQ=",
        ):
            self.assertIn("the secret", problems(f"It is {text}."))

    def test_records_that_nobody_listens_to_are_seen(self) -> None:
        with self.watched() as guard:
            self.logger.info("to %s", "ann@example.com")
        self.assertEqual(len(guard.found), 1)
        self.assertIn("test_logging.py", guard.found[0])

    def test_details_and_exceptions_are_seen(self) -> None:
        with self.watched() as guard, self.assertLogs(self.logger):
            self.logger.info("a", extra={"anymail_recipient": "ann@example.com"})
            try:
                try:
                    raise ValueError("ann@example.com")
                except ValueError as err:
                    raise TypeError("no") from err
            except TypeError:
                self.logger.exception("b")
        self.assertEqual(len(guard.found), 2)

    def test_records_within_assert_logs_are_seen_whatever_its_level(self) -> None:
        with self.watched() as guard, self.assertLogs(self.logger, "ERROR") as logs:
            self.logger.info("to ann@example.com")
            self.logger.error("to bob@example.com")
        self.assertEqual(len(guard.found), 2)
        self.assertEqual(len(logs.records), 1)  # and assertLogs() sees what it would

    def test_debug_may_have_it(self) -> None:
        with self.watched() as guard, self.assertLogs(self.logger, "DEBUG"):
            self.logger.debug("to ann@example.com")
        self.assertEqual(guard.found, [])

    def test_a_run_in_which_it_happens_fails(self) -> None:
        def logs() -> None:
            self.logger.info("to ann@example.com")

        for function, failures in ((logs, 1), (lambda: None, 0)):
            runner = log_guard.Runner(verbosity=0)
            suite = unittest.TestSuite([unittest.FunctionTestCase(function)])
            with contextlib.redirect_stderr(io.StringIO()) as printed:
                result = runner.run_suite(suite)
                self.assertEqual(runner.suite_result(suite, result), failures)
            self.assertEqual("FAIL: logged test_logging.py" in printed.getvalue(), bool(failures))
