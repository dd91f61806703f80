"""The page on Celery: its code runs, in a real worker, and what it says of errors is so."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from unittest import mock, skipUnless

from django.test import RequestFactory, SimpleTestCase, TestCase, override_settings

from anymail.exceptions import AnymailAPIError
from tests.docs_pages import DOCS, blocks
from tests.docs_runner import Amazon
from tests.ses import CREDENTIALS, V1, use_backend

from .class_context import enter_class_context

#: With its own patience the backend would wait for SES, and there would be nothing to retry.
IMPATIENT = {"AMAZON_SES_THROTTLE_TIMEOUT": 0, "AMAZON_SES_SESSION_PARAMS": CREDENTIALS}
PAGES = itertools.count()


class ForgetfulAmazon(Amazon):
    """Refuses calls with the error codes of a list, one after the other; then it accepts."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__()
        self.codes = codes
        self.calls = 0

    def refuse(self, **_kwargs: Any) -> Any:
        self.calls += 1
        if not self.codes:
            return None
        code = self.codes.pop(0)
        status = 500 if code == "InternalFailure" else 400
        error = {"Code": code, "Message": "No."}
        return mock.Mock(status_code=status), {"Error": error, "ResponseMetadata": {}}


@contextlib.contextmanager
def page_names(**config: Any) -> Iterator[dict[str, Any]]:
    """The names of the page, whose task waits before no retry."""
    import celery

    app = celery.Celery("tests", broker="memory://", backend="cache+memory://")
    app.set_current()
    app.conf.update(config)
    module = ModuleType(f"tests.celery_page_{next(PAGES)}")  # shared tasks are never forgotten
    sys.modules[module.__name__] = module
    try:
        for block in blocks(DOCS / "celery.rst"):
            text = block.text.replace("countdown=30 *", "countdown=0 *")
            exec(compile(text, str(block), "exec"), vars(module))
        app.finalize()
        yield {**vars(module), "app": app}
    finally:
        del sys.modules[module.__name__]
        app.close()


def leave_logging_alone(**_kwargs: Any) -> None:
    """A receiver of Celery's ``setup_logging``."""


@contextlib.contextmanager
def page_at_work(**config: Any) -> Iterator[dict[str, Any]]:
    """The same, with a worker that runs its task."""
    from celery.contrib.testing.worker import start_worker
    from celery.signals import setup_logging

    # Who receives this signal sets logging up; otherwise Celery puts a handler on the root logger.
    setup_logging.connect(leave_logging_alone)
    with (
        page_names(**config) as page,
        start_worker(page["app"], perform_ping_check=False, pool="solo", loglevel="CRITICAL"),
    ):
        yield page


def send(page: dict[str, Any], *codes: str) -> tuple[Any, int]:
    """What became of the page's task, and how many calls SES got, if SES refuses at first."""
    amazon = ForgetfulAmazon(list(codes))
    with use_backend(V1), override_settings(ANYMAIL=IMPATIENT), amazon.at_work():
        result = page["send_receipt"].delay("ann@example.com")
        try:
            return result.get(timeout=30), amazon.calls
        except AnymailAPIError as error:
            return error, amazon.calls


@skipUnless(find_spec("celery"), "Celery is not installed")
class TaskTests(SimpleTestCase):
    page: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.page = enter_class_context(cls, page_at_work())

    def test_what_is_throttled_is_sent_later(self):
        outcome, calls = send(self.page, "Throttling", "Throttling")
        self.assertIsInstance(outcome, str)
        self.assertEqual(calls, 3)

    def test_what_cannot_succeed_is_not_repeated(self):
        outcome, calls = send(self.page, "MessageRejected")
        self.assertIsInstance(outcome, AnymailAPIError)
        self.assertEqual(calls, 1)

    def test_what_may_have_arrived_is_not_repeated(self):
        outcome, calls = send(self.page, "InternalFailure")
        self.assertIsInstance(outcome, AnymailAPIError)
        self.assertEqual(calls, 1)

    def test_json_keeps_the_class_and_the_text_of_an_error(self):
        error, _ = send(self.page, "MessageRejected")
        self.assertIn("MessageRejected", str(error))
        self.assertEqual((error.error_code, error.response, error.is_unsent), (None, None, False))


@skipUnless(find_spec("celery"), "Celery is not installed")
class PickleTests(SimpleTestCase):
    def test_pickle_keeps_everything_but_the_backend(self):
        config = {"result_serializer": "pickle", "accept_content": ["json", "pickle"]}
        with page_at_work(**config) as page:
            error, _ = send(page, "MessageRejected")
        self.assertEqual((error.error_code, error.is_unsent), ("MessageRejected", True))
        self.assertEqual(error.email_message.to, ["ann@example.com"])
        self.assertIsNone(error.backend)


@skipUnless(find_spec("celery"), "Celery is not installed")
class TransactionTests(TestCase):
    def test_the_view_starts_the_task_when_the_transaction_is_committed(self):
        request = RequestFactory().post("/order", {"email": "ann@example.com"})
        with (
            page_names() as page,
            mock.patch.object(page["send_receipt"], "delay") as delay,
            self.captureOnCommitCallbacks() as callbacks,
        ):
            page["place_order"](request)
            delay.assert_not_called()
        for callback in callbacks:
            callback()
        delay.assert_called_once_with("ann@example.com")
