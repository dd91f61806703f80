"""Error reports to ADMINS through the outbox."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock, skipIf

import django
from django.conf import settings
from django.core import mail
from django.db import connections, transaction
from django.test import override_settings
from django.utils.log import AdminEmailHandler

from anymail import outbox
from anymail.backends.test import EmailBackend
from anymail.exceptions import AnymailAPIError
from anymail.outbox.models import Entry
from anymail.signals import post_send

from ..ses import simple_message
from . import OutboxTransactionTestCase, use_outbox

MAILERS = django.VERSION >= (6, 1)
DIRECT = {"using": "ses"} if MAILERS else {"email_backend": "anymail.backends.test.EmailBackend"}
ADMIN = "admin@example.com"
logger = logging.getLogger("tests.shop")


class RefusingBackend(EmailBackend):
    """SES refuses every message."""

    def run(self, call: Any) -> Any:
        raise AnymailAPIError("No", is_unsent=True, error_code="MessageRejected")


class LoggingBackend(EmailBackend):
    """Takes every message for an error."""

    def run(self, call: Any) -> Any:
        logger.error("The shop sends mail")
        return super().run(call)


@use_outbox()
@override_settings(ADMINS=[ADMIN] if django.VERSION >= (6, 0) else [("Admin", ADMIN)])
class ErrorReportTests(OutboxTransactionTestCase):
    @contextmanager
    def reporting(self, *names: str, level: int = logging.ERROR, **options: Any) -> Iterator[None]:
        """Have what is logged mailed, and nothing else done with it."""
        handler = AdminEmailHandler(**options)
        handler.setLevel(level)
        for log in map(logging.getLogger, names):
            log.addHandler(handler)
            self.addCleanup(setattr, log, "propagate", log.propagate)
            log.propagate = False
        try:
            yield
        finally:
            for log in map(logging.getLogger, names):
                log.removeHandler(handler)

    def log_and_roll_back(self) -> None:
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            logger.error("The shop is closed")
            raise ZeroDivisionError

    def test_a_report_is_stored(self):
        with self.reporting("tests.shop"):
            logger.error("The shop is closed")
        self.assertIn("The shop is closed", self.entry().subject)

    def test_in_a_transaction_that_is_rolled_back_it_is_lost_with_it(self):
        with self.reporting("tests.shop"):
            self.log_and_roll_back()
        self.assertEqual(Entry.objects.count(), 0)

    def test_a_direct_one_is_not(self):
        with self.reporting("tests.shop", **DIRECT):
            self.log_and_roll_back()
        self.assertEqual(len(mail.outbox), 1)

    @override_settings(ROOT_URLCONF="tests.outbox.test_transactions", DEBUG=False)
    def test_djangos_report_of_a_view_comes_after_its_rollback(self):
        self.client.raise_request_exception = False
        with (
            mock.patch.dict(connections["default"].settings_dict, ATOMIC_REQUESTS=True),
            self.reporting("django.request"),
        ):
            self.client.get("/bad/")
        self.assertIn("Internal Server Error", self.entry().subject)

    @skipIf(MAILERS, "with MAILERS, Django's handler does not fail silently")
    def test_in_a_transaction_that_is_over_logging_goes_on(self):
        with self.reporting("tests.shop"), transaction.atomic():
            transaction.set_rollback(True)
            logger.error("The shop is closed")
        self.assertEqual(Entry.objects.count(), 0)

    def test_the_outbox_does_not_store_reports_of_a_bell_that_fails(self):
        def broken(run_after: Any = None) -> None:
            raise OSError("No broker")

        anymail = {**settings.ANYMAIL, "OUTBOX_BELL": broken}
        with override_settings(ANYMAIL=anymail), self.reporting("anymail"):
            simple_message().send()
        self.assertEqual(Entry.objects.count(), 1)

    def test_nor_of_what_happens_while_a_report_is_sent(self):
        def receiver(**kwargs: Any) -> None:
            raise ZeroDivisionError

        post_send.connect(receiver)
        self.addCleanup(post_send.disconnect, receiver)
        simple_message().send()
        with self.reporting("anymail"):  # Django logs errors of receivers, and has its own handler
            outbox.deliver(until_empty=True, max_seconds=30)
        self.assertEqual(Entry.objects.count(), 2)
        self.assertEqual(Entry.objects.filter(state="sent").count(), 2)

    @use_outbox(f"{__name__}.LoggingBackend")
    def test_nor_of_what_a_backend_logs_while_it_sends_one(self):
        simple_message().send()
        with self.reporting("tests.shop"):
            outbox.deliver(until_empty=True, max_seconds=30)
        self.assertEqual(Entry.objects.filter(state="sent").count(), 2)

    @use_outbox(f"{__name__}.RefusingBackend")
    def test_nor_of_its_own_failures_whatever_the_level(self):
        simple_message().send()
        with self.reporting("anymail", level=logging.INFO):
            outbox.deliver(until_empty=True, max_seconds=30)
        self.assertEqual(self.entry().state, "failed")

    def test_direct_reports_tell_of_the_outbox_too(self):
        def broken(run_after: Any = None) -> None:
            raise OSError("No broker")

        anymail = {**settings.ANYMAIL, "OUTBOX_BELL": broken}
        with override_settings(ANYMAIL=anymail), self.reporting("anymail", **DIRECT):
            simple_message().send()
        self.assertIn("bell cannot be rung", mail.outbox[0].subject)
