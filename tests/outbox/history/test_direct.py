"""Mail that a backend sends by itself is logged."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any
from unittest import mock, skipIf, skipUnless

import django
from django.contrib.auth.models import Group
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import OperationalError, connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.log import AdminEmailHandler

from anymail import outbox, testing
from anymail.backends import amazon_ses, amazon_sesv2, console
from anymail.backends import test as test_backend
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from anymail.message import AnymailRecipientStatus
from anymail.outbox.advice import advice
from anymail.outbox.history import direct
from anymail.outbox.models import Entry, EntryTag, State
from anymail.signals import recipients_resolved

from ...backends.test_backends import connected
from ...class_context import enter_class_context
from ...local_sns import PATIENCE
from ...log_guard import recorded
from ...ses import CREDENTIALS, simple_message, use_backend
from .. import OutboxTestCase, OutboxTransactionTestCase, use_outbox
from ..loopback import Ses, loopback_ses, refusing

V1 = "anymail.backends.amazon_ses.EmailBackend"
LOGGER = "anymail.outbox.history.direct"
ADMIN = "admin@example.com"


class OnLoopback:
    """With an SES on loopback."""

    ses: Ses

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()  # type: ignore[misc]
        cls.ses = enter_class_context(cls, loopback_ses())  # type: ignore[arg-type]

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        self.ses.answer = self.ses.accept

    @property
    def params(self) -> dict[str, Any]:
        """What boto3 needs to find it."""
        return {"endpoint_url": self.ses.url, **CREDENTIALS}

    def send(self, backend: Any = amazon_ses.EmailBackend, **kwargs: Any) -> Any:
        """Send a message directly."""
        options = kwargs.pop("options", {})
        message = simple_message(**kwargs)
        backend(client_params=self.params, **options).send_messages([message])
        return message

    @contextmanager
    def table_away(self) -> Iterator[None]:
        """The database answers every query with an error that quotes an address."""

        def away(*args: Any) -> None:
            raise OperationalError("no row for to@example.com\nDETAIL: (Subject, to@example.com)")

        with connection.execute_wrapper(away):
            yield


class DirectTests(OnLoopback, OutboxTestCase):
    def send(self, backend: Any = amazon_ses.EmailBackend, **kwargs: Any) -> Any:
        with self.captureOnCommitCallbacks(execute=True):
            return super().send(backend, **kwargs)

    def test_it_is_an_entry_that_is_sent_with_its_recipients(self) -> None:
        for backend in (amazon_ses.EmailBackend, amazon_sesv2.EmailBackend):
            with self.subTest(backend=backend):
                message = self.send(
                    backend,
                    to=["Ann <Ann@Example.com>"],
                    cc=["c@example.com"],
                    bcc=["b@example.com"],
                    options={"configuration_set_name": "news"},
                )
                entry = Entry.objects.latest("created_at")
                self.assertEqual(
                    (entry.state, entry.subject, entry.mailer, entry.content, entry.is_direct),
                    (State.SENT, "Subject", "default", None, True),
                )
                self.assertEqual(entry.lane, "example.com, configuration set news")
                self.assertEqual((entry.recipients_count, entry.refused_count), (3, 0))
                self.assertEqual(
                    {entry.posted_at, entry.done_at, entry.not_before}, {entry.created_at}
                )
                rows = entry.recipients.order_by("pk")
                self.assertEqual(
                    [(row.kind, row.address, row.address_key) for row in rows],
                    [
                        ("to", "Ann@Example.com", "ann@example.com"),
                        ("cc", "c@example.com", "c@example.com"),
                        ("bcc", "b@example.com", "b@example.com"),
                    ],
                )
                self.assertEqual(
                    {(row.status, row.message_id) for row in rows},
                    {("queued", message.anymail_status.message_id)},
                )

    def test_it_is_two_inserts_and_one_more_for_tags(self) -> None:
        for count, tags in ((2, None), (3, ["receipt", "shop"])):
            with self.subTest(tags=tags), CaptureQueriesContext(connection) as queries:
                self.send(tags=tags)
            verbs = [query["sql"].split()[0] for query in queries]
            self.assertEqual(verbs, ["SAVEPOINT", *["INSERT"] * count, "RELEASE"])

    def test_what_send_defaults_add_is_there(self) -> None:
        self.send(tags=["receipt"], options={"send_defaults": {"tags": ["shop"]}})
        self.assertEqual({*EntryTag.objects.values_list("tag", flat=True)}, {"shop", "receipt"})

    def test_who_was_refused_beforehand_is_there_with_the_reason(self) -> None:
        def refuse(message: Any, recipients: Any, **kwargs: Any) -> None:
            refused = AnymailRecipientStatus(None, "rejected", "Suppressed", "Has bounced.")
            message.anymail_status.set_recipient_status({"a@example.com": refused})

        with connected(recipients_resolved, refuse):
            self.send(to=["a@example.com", "b@example.com"])
            with self.assertRaises(AnymailRecipientsRefused):
                self.send(to=["a@example.com"])
        failed, sent = Entry.objects.order_by("state")
        self.assertEqual((sent.refused_count, sent.error_code), (1, ""))
        row = sent.recipients.get(address="a@example.com")
        self.assertEqual((row.status, row.error_code), ("rejected", "Suppressed"))
        self.assertEqual(
            (failed.state, failed.error_code, failed.error, failed.refused_count),
            (State.FAILED, "Suppressed", "Has bounced.", 1),
        )
        self.assertTrue(failed.is_direct)

    def test_a_message_of_which_a_later_call_failed_is_sent_to_the_others(self) -> None:
        def refuse_second(call: Any) -> Any:
            return self.ses.accept(call) if "a@example.com" in call.to else refused(call)

        refused = refusing("MessageRejected")
        self.ses.answer = refuse_second
        with self.assertRaises(AnymailAPIError):
            self.send(
                amazon_sesv2.EmailBackend,
                to=["a@example.com", "b@example.com"],
                merge_track_opens={"a@example.com": True},
                template_id="news",
                subject="",
                body="",
                options={"max_concurrency": 1},
            )
        entry = self.entry()
        self.assertEqual((entry.state, entry.refused_count), (State.SENT, 1))
        statuses = dict(entry.recipients.values_list("address", "status"))
        self.assertEqual(statuses, {"a@example.com": "queued", "b@example.com": "failed"})

    def test_what_raises_with_nobody_accepted_is_not_logged(self) -> None:
        for answer in (refusing("MessageRejected"), lambda call: None):
            self.ses.answer = answer
            with self.assertRaises(AnymailAPIError):
                self.send()
        self.assertEqual(Entry.objects.count(), 0)

    def test_what_only_pretends_to_send_is_not_logged(self) -> None:
        test_backend.EmailBackend().send_messages([simple_message()])
        console.EmailBackend(stream=mock.Mock()).send_messages([simple_message()])
        self.assertEqual(Entry.objects.count(), 0)

    def test_the_setting_turns_it_off(self) -> None:
        with override_settings(ANYMAIL={"OUTBOX_LOG": False}):
            self.send()
        self.assertEqual(Entry.objects.count(), 0)

    def test_an_error_is_logged_with_the_message_id_and_without_addresses(self) -> None:
        with self.table_away(), self.assertLogs(LOGGER, logging.ERROR) as logs:
            message = self.send()
        message_id = message.anymail_status.message_id
        self.assertEqual(
            logs.records[0].getMessage(),
            f"The message {message_id} was sent, and the outbox could not log it: "
            "OperationalError: no row for ***@example.com",
        )
        self.assertEqual(vars(logs.records[0])["anymail_message_id"], message_id)

    def test_rows_hold_whatever_a_backend_says(self) -> None:
        message = self.send(subject="S" * 1000)
        outgoing = amazon_ses.EmailBackend().check(message)
        status = message.anymail_status
        wild = AnymailRecipientStatus(17, "failed", "C\x00" * 200, "to@example.com\x00", "sender")  # type: ignore[arg-type]
        status.set_recipient_status({"to@example.com": wild})
        with transaction.atomic():
            direct.insert([direct.rows_of_sent(amazon_ses.EmailBackend(), outgoing, status)])
        entry = Entry.objects.get(state=State.FAILED)
        self.assertEqual(
            (entry.scope, entry.error[:3], len(entry.error_code)), ("sender", "***", 100)
        )
        self.assertEqual(entry.recipients.get().message_id, "17")

    def test_the_admin_says_why_it_cannot_be_sent_again(self) -> None:
        self.send()
        now = timezone.now()
        texts = advice(self.entry(), has_content=False, is_paused=False, batch="", now=now)
        [text] = map(str, texts)
        self.assertRegex(text, "It was sent directly.* its content is not stored")
        self.assertFalse(outbox.send_again(self.entry().pk))

    def test_it_is_no_stored_message_for_assertions(self) -> None:
        self.send()
        testing.assert_not_stored(state=None)

    def test_without_time_zones(self) -> None:
        with override_settings(USE_TZ=False):
            self.send()
            self.assertLess(abs(timezone.now() - self.entry().done_at).total_seconds(), 600)

    def test_the_mailer_is_djangos_alias(self) -> None:
        if django.VERSION < (6, 1):
            self.skipTest("MAILERS is new in Django 6.1")
        with use_backend(V1, client_params=self.params):
            simple_message().send()
            self.assertEqual(self.entry().mailer, "default")
        mailers = {"ses": {"BACKEND": V1, "OPTIONS": {"client_params": self.params}}}
        with override_settings(MAILERS=mailers):
            simple_message().send(using="ses")
        self.assertEqual(Entry.objects.latest("created_at").mailer, "ses")


class SoftTimeLimitExceeded(Exception):
    """What a task queue raises in its signal handler; like Celery's, an ``Exception``."""


class WrappingBackend(BaseEmailBackend):
    """A backend of a project, which sends with one of ours."""

    client_params: Any = None

    def send_messages(self, email_messages: Any) -> int:
        backend = amazon_ses.EmailBackend(client_params=self.client_params)
        return backend.send_messages(email_messages)


@override_settings(ADMINS=[ADMIN] if django.VERSION >= (6, 0) else [("Admin", ADMIN)])
class DirectTransactionTests(OnLoopback, OutboxTransactionTestCase):
    def test_mail_of_the_outbox_is_not_logged_again(self) -> None:
        anymail = {"AMAZON_SES_CLIENT_PARAMS": self.params, "AMAZON_SES_MAX_SEND_RATE": 10_000}
        with mock.patch.object(WrappingBackend, "client_params", self.params):
            for path in (V1, f"{__name__}.WrappingBackend"):
                with use_outbox(path, **anymail):
                    simple_message().send()
                    self.assertEqual(outbox.deliver(until_empty=True).sent, 1)
        self.assertEqual([*Entry.objects.values_list("attempt", flat=True)], [1, 1])
        self.assertEqual([entry.is_direct for entry in Entry.objects.all()], [False, False])

    def test_it_goes_with_a_transaction_that_is_rolled_back(self) -> None:
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            self.send()
            raise ZeroDivisionError
        self.assertEqual(Entry.objects.count(), 0)

    def test_it_does_nothing_in_the_callers_transaction(self) -> None:
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            message = self.send()
            self.assertEqual(len(queries), 0)
        self.assertEqual(message.anymail_status.status, {"queued"})
        self.assertEqual(self.entry().state, State.SENT)

    def test_the_content_of_a_message_is_not_kept_until_the_transaction_ends(self) -> None:
        with transaction.atomic():
            gone = weakref.ref(self.send())
            gc.collect()
            self.assertIsNone(gone())
        self.assertEqual(Entry.objects.count(), 1)

    def test_an_error_after_the_commit_is_logged(self) -> None:
        with (
            self.assertLogs(LOGGER, logging.ERROR) as logs,
            ExitStack() as stack,
            transaction.atomic(),
        ):
            self.send()
            transaction.on_commit(partial(stack.enter_context, self.table_away()))
            self.send()
        self.assertEqual((Entry.objects.count(), len(logs.records)), (1, 1))

    def test_while_an_event_loop_runs(self) -> None:
        async def view() -> None:
            self.send()

        asyncio.run(view())
        self.assertEqual(self.entry().state, State.SENT)

    def test_a_connection_that_the_server_has_closed_is_replaced(self) -> None:
        self.send()
        with (
            mock.patch.object(connection, "is_usable", return_value=False),
            mock.patch.object(connection, "close", wraps=connection.close) as close,
            self.table_away(),
            self.assertLogs(LOGGER, logging.ERROR),
        ):
            self.send()
        close.assert_called_once_with()
        self.send()
        self.assertEqual(Entry.objects.count(), 2)

    @skipUnless(hasattr(signal, "SIGUSR1"), "no such signal here")
    def test_the_exception_of_a_signal_handler_is_passed_on(self) -> None:
        """Celery's soft time limit, while the rows are written."""

        def handle(number: int, frame: Any) -> None:
            raise SoftTimeLimitExceeded

        def interrupted(execute: Any, sql: str, *args: Any) -> Any:
            if sql.startswith("INSERT"):
                os.kill(os.getpid(), signal.SIGUSR1)
            return execute(sql, *args)

        before = signal.signal(signal.SIGUSR1, handle)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        messages = [simple_message(), simple_message()]
        for caller in (nullcontext, transaction.atomic):
            with (
                self.subTest(caller),
                recorded("django.dispatch"),
                self.assertNoLogs(LOGGER),
                connection.execute_wrapper(interrupted),
                self.assertRaises(SoftTimeLimitExceeded),
                caller(),
            ):
                amazon_ses.EmailBackend(client_params=self.params).send_messages(messages)
            self.assertEqual(messages[0].anymail_status.status, {"queued"})
        self.assertEqual(Entry.objects.count(), 0)

    def test_a_report_that_it_failed_is_not_reported_without_end(self) -> None:
        handler = AdminEmailHandler()
        sent: list[EmailMessage] = []

        def mail_admins(*args: Any, **kwargs: Any) -> None:
            if len(sent) < 3:  # without end otherwise
                sent.append(self.send(to=["operators@example.com"]))

        with ExitStack() as stack:
            stack.enter_context(mock.patch("django.utils.log.mail.mail_admins", mail_admins))
            stack.enter_context(recorded(LOGGER))
            stack.enter_context(self.table_away())
            log = logging.getLogger(LOGGER)
            log.addHandler(handler)
            stack.callback(log.removeHandler, handler)
            self.send()
            self.assertEqual(len(sent), 1)
            # A handler in another thread does not know that it is about this log.
            with self.assertNoLogs(LOGGER, logging.ERROR):
                self.send(to=[ADMIN])


@skipIf(connection.vendor == "sqlite", "SQLite in memory has one connection.")
class DeadlockTests(OnLoopback, OutboxTransactionTestCase):
    """Another transaction has locked the table of messages, and waits for the caller's."""

    def setUp(self) -> None:
        super().setUp()
        self.shared = Group.objects.create(name="shared")
        self.locked, self.changed = threading.Event(), threading.Event()
        self.errors: list[Exception] = []

    def other(self) -> None:
        try:
            with connection.cursor() as cursor:
                if connection.vendor == "mysql":
                    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                with transaction.atomic():
                    # The one that has changed more is not the victim.
                    Group.objects.bulk_create(Group(name=str(number)) for number in range(99))
                    cursor.execute(
                        "SELECT id FROM anymail_outbox_entry FOR UPDATE"
                        if connection.vendor == "mysql"
                        else "LOCK TABLE anymail_outbox_entry IN SHARE MODE"
                    )
                    self.locked.set()
                    self.changed.wait(PATIENCE)
                    Group.objects.filter(pk=self.shared.pk).update(name="other's")
        except Exception as err:
            self.errors.append(err)
        finally:
            connection.close()

    def test_the_callers_transaction_is_committed(self) -> None:
        thread = threading.Thread(target=self.other)
        thread.start()
        self.locked.wait(PATIENCE)
        with transaction.atomic():
            Group.objects.filter(pk=self.shared.pk).update(name="caller's")
            Group.objects.create(name="caller's own")
            self.changed.set()
            self.send()
        thread.join(PATIENCE)
        self.assertEqual(self.errors, [])
        self.assertTrue(Group.objects.filter(name="caller's own").exists())
        self.assertEqual(self.entry().state, State.SENT)
