"""Nothing that is logged above DEBUG during the tests is an address, a token, a secret or a body.

The test runner watches what is logged. It sees records of this package that nobody listens to,
which logging does not even make, and those that ``assertLogs()`` keeps to itself; not those of
programs that tests start.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from django.test.runner import DiscoverRunner, ParallelTestSuite

from . import botocore_data
from .emptying import delete_rather_than_truncate
from .ses import BODY, CREDENTIALS

TESTS = Path(__file__).parent
#: Whose records are looked at. What others log about us (Django, exceptions of ours), is that too.
WATCHED = ("anymail", "django", "py.warnings")
FORBIDDEN = {
    # "***" before the @ is how addresses are masked.
    "an address": re.compile(r"[\w.%+=-]+@[\w-]+\.\w"),
    "a token": re.compile(r"[0-9a-f]{64}|[?&]Token=", re.IGNORECASE),
    "a signature": re.compile(r"[A-Za-z0-9+/]{200}|\"Signature\""),
    "a body": re.compile(
        rf"{re.escape(BODY)}|MIME-Version:|Content-Type:|^Subject:|\"(?:event|notification)Type\"",
        re.MULTILINE,
    ),
    "a key": re.compile(re.escape(CREDENTIALS["aws_secret_access_key"])),
}
_USUAL = frozenset(vars(logging.makeLogRecord({})))


class Guard:
    """Looks at records, and remembers what is wrong with them.

    :param path: a file to write it to, too.
    """

    #: The last one looks.
    active: list[Guard] = []

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self.found: list[str] = []

    def look_at(self, record: logging.LogRecord) -> None:
        """Remember what is wrong with a record, and where it came from."""
        for text in texts(record):
            for what in problems(text):
                where = f"{record.name}, {record.levelname}: {what} in {text[:300]!r}"
                self.found.append(f"{_place()}{where}")
                if self.path:
                    with open(self.path, "a", encoding="utf-8") as file:
                        file.write(json.dumps(self.found[-1]) + "\n")

    @contextlib.contextmanager
    def watching(self) -> Iterator[Guard]:
        """Look at everything that is logged meanwhile."""
        self.active.append(self)
        try:
            yield self
        finally:
            self.active.remove(self)


def install() -> None:
    """Show every record to the guard. Also where a level, or ``assertLogs()``, would prevent it."""
    if getattr(logging.Logger.handle, "is_watched", False):
        return
    is_enabled, handle = logging.Logger.isEnabledFor, logging.Logger.handle

    def is_enabled_or_watched(logger: logging.Logger, level: int) -> bool:
        return is_enabled(logger, level) or (level >= logging.INFO and _is_watched(logger.name))

    def handle_if_enabled(logger: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno >= logging.INFO and _is_watched(record.name) and Guard.active:
            Guard.active[-1].look_at(record)
        if is_enabled(logger, record.levelno):
            handle(logger, record)

    handle_if_enabled.is_watched = True  # type: ignore[attr-defined]
    logging.Logger.isEnabledFor = is_enabled_or_watched  # type: ignore[method-assign]
    logging.Logger.handle = handle_if_enabled  # type: ignore[method-assign]


def install_in_worker(path: str) -> None:
    """The same, in a process that does not inherit the memory of the test runner."""
    botocore_data.share()
    install()
    Guard.active.append(Guard(path))


@contextlib.contextmanager
def recorded(name: str) -> Iterator[list[logging.LogRecord]]:
    """The records of a logger, which may be none, and go nowhere else."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign,assignment]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        with mock.patch.object(logger, "propagate", False):
            yield records
    finally:
        logger.removeHandler(handler)


def texts(record: logging.LogRecord) -> Iterator[str]:
    """Everything that a handler could write: message, extras, texts of exceptions."""
    yield record.getMessage()
    for name, value in vars(record).items():
        if name not in _USUAL and name != "request":
            yield f"{name}={value}"
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        yield str(error)
        error = error.__cause__ or error.__context__


def problems(text: str) -> list[str]:
    """What a text has that no log may have."""
    found = [what for what, pattern in FORBIDDEN.items() if pattern.search(text)]
    return found + ["the secret" for secret in secrets() if secret in text]


def secrets() -> Iterable[str]:
    """``WEBHOOK_SECRET`` as it is at present, in every form that is long enough to be told."""
    from anymail.conf import WebhookSettings
    from anymail.exceptions import AnymailConfigurationError

    try:
        known = WebhookSettings.load().webhook_secret
    except AnymailConfigurationError:
        return []
    forms = [f for s in known for f in (s, s.partition(":")[2], _base64(s))]
    return [form for form in forms if len(form) > 5]


class Suite(ParallelTestSuite):
    """Django's, whose worker processes are watched as well."""

    process_setup = install_in_worker


class Runner(DiscoverRunner):
    """Django's, which fails when something was logged that no log may have."""

    parallel_test_suite = Suite
    offenders: list[str] = []

    def setup_databases(self, **kwargs: Any) -> Any:
        delete_rather_than_truncate()
        return super().setup_databases(**kwargs)

    def run_suite(self, suite: Any, **kwargs: Any) -> Any:
        botocore_data.share()
        install()
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as file:
            suite.process_setup_args = (file.name,)
            with Guard(file.name).watching():
                result = super().run_suite(suite, **kwargs)
            self.offenders = [json.loads(line) for line in file]
        return result

    def suite_result(self, suite: Any, result: Any, **kwargs: Any) -> int:
        failures: int = super().suite_result(suite, result, **kwargs)
        for offender in self.offenders:
            print(f"FAIL: logged {offender}", file=sys.stderr)
        if self.offenders:
            print(f"FAILED (failures={len(self.offenders)})", file=sys.stderr)
        return failures + len(self.offenders)


def _is_watched(name: str) -> bool:
    return name.partition(".")[0] in WATCHED or name in WATCHED


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _place() -> str:
    """The test, as far as the stack tells: ``test_x.py:12: ``."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.parent == TESTS and path.name.startswith("test_"):
            return f"{path.name}:{frame.f_lineno}: "
        frame = frame.f_back
    return ""
