"""Idempotency keys: the same mail is stored once, whoever comes first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from unittest import skipUnless

from django.conf import settings
from django.core import mail
from django.core.management import call_command
from django.db import OperationalError, connection, connections, transaction
from django.test import TransactionTestCase, override_settings

from anymail import outbox
from anymail.exceptions import AnymailIdempotencyConflict
from anymail.outbox.models import Entry, Recipient
from anymail.outbox.storing import store

from ..second_database import add_database
from ..ses import simple_message
from . import OutboxTestCase, OutboxTransactionTestCase, outbox_backend, use_outbox

IN_MEMORY = "django.core.files.storage.InMemoryStorage"
KEY = "order/17/receipt"


def receipt(**kwargs):
    return simple_message(**{"idempotency_key": KEY, **kwargs})


@use_outbox()
class KeyTests(OutboxTestCase):
    def test_the_same_message_is_stored_once(self):
        first, second = receipt(), receipt()
        self.assertEqual((first.send(), second.send()), (1, 1))
        self.assertEqual(second.outbox_id, first.outbox_id)
        self.assertEqual(second.anymail_status.status, {"queued"})
        self.assertEqual(Recipient.objects.count(), 1)
        self.assertEqual(outbox.deliver(until_empty=True).sent, 1)

    def test_within_one_list(self):
        first, second = receipt(), receipt()
        sent = outbox_backend().send_messages([first, simple_message(), second])
        self.assertEqual(sent, 3)
        self.assertEqual(second.outbox_id, first.outbox_id)
        self.assertEqual(Entry.objects.count(), 2)

    def test_another_message_with_the_same_key_is_a_conflict(self):
        first, second = receipt(), receipt(body="Something else")
        first.send()
        with self.assertRaises(AnymailIdempotencyConflict) as raised:
            second.send()
        self.assertIn(str(first.outbox_id), str(raised.exception))
        self.assertIs(raised.exception.email_message, second)
        self.assertEqual(second.anymail_status.recipients, {})
        self.assertEqual(Entry.objects.count(), 1)

    def test_after_a_conflict_the_callers_transaction_goes_on(self):
        receipt().send()
        with transaction.atomic():
            with self.assertRaises(AnymailIdempotencyConflict):
                receipt(body="Something else").send()
            simple_message().send()
        self.assertEqual(Entry.objects.count(), 2)

    def test_a_conflict_stops_a_list_as_any_error_does(self):
        receipt().send()
        before, after = simple_message(), simple_message()
        rung = []
        with (
            override_settings(ANYMAIL=self.with_bell(lambda **_: rung.append(1))),
            self.assertRaises(AnymailIdempotencyConflict),
            self.captureOnCommitCallbacks(execute=True),
        ):
            outbox_backend().send_messages([before, receipt(body="Something else"), after])
        self.assertTrue(Entry.objects.filter(pk=before.outbox_id).exists())
        self.assertIsNone(after.outbox_id)
        self.assertEqual(rung, [1])

    def with_bell(self, bell: Callable[..., object]) -> dict[str, object]:
        return {**settings.ANYMAIL, "OUTBOX_BELL": bell}

    def test_fail_silently_leaves_out_a_conflict(self):
        receipt().send()
        messages = [simple_message(), receipt(body="Something else"), simple_message()]
        self.assertEqual(outbox_backend(fail_silently=True).send_messages(messages), 2)
        self.assertEqual(Entry.objects.count(), 3)

    def test_another_mailer_is_another_matter(self):
        if hasattr(mail, "mailers"):
            mailers = {**settings.MAILERS, "other": settings.MAILERS["ses"]}
            override = override_settings(MAILERS=mailers)
            override.enable()
            self.addCleanup(override.disable)
        store([receipt()], "ses")
        store([receipt(body="Something else")], "other")
        self.assertEqual(Entry.objects.count(), 2)

    def test_keys_that_only_look_alike_are_different(self):
        keys = ["Order/é", "order/é", "order/e", "order/e ", "order/\u212f"]
        for key in keys:
            receipt(idempotency_key=key, body=key).send()
        self.assertCountEqual(Entry.objects.values_list("idempotency_key", flat=True), keys)

    def test_the_key_outlives_the_content(self):
        first, same = receipt(), receipt()
        first.send()
        outbox.deliver(until_empty=True)
        self.assertIsNone(self.entry().content)
        same.send()
        self.assertEqual(same.outbox_id, first.outbox_id)
        self.assertEqual(same.anymail_status.status, {"sent"})
        self.assertEqual(same.anymail_status.message_id, "0")
        with self.assertRaises(AnymailIdempotencyConflict):
            receipt(body="Something else").send()

    def test_the_status_of_one_that_was_cancelled_is_not_queued(self):
        first, second = receipt(), receipt()
        first.send()
        outbox.cancel(first.outbox_id)
        second.send()
        [status] = second.anymail_status.recipients.values()
        self.assertEqual((status.status, status.error_code), ("failed", "cancelled"))

    @override_settings(STORAGES={"anymail": {"BACKEND": IN_MEMORY}})
    def test_large_attachments_of_a_repeat_are_not_kept(self):
        from anymail.outbox.attachments import FOLDER, storage

        for _ in range(2):
            message = receipt()
            message.attach("large.bin", bytes(40_000), "application/octet-stream")
            message.send()
        folders, _ = storage().listdir(FOLDER)
        files = {folder for folder in folders if any(storage().listdir(f"{FOLDER}/{folder}"))}
        self.assertEqual(files, {message.outbox_id.hex})


@use_outbox()
class CommittedKeyTests(OutboxTransactionTestCase):
    def test_a_key_is_free_after_rollback(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            receipt().send()
            raise ZeroDivisionError
        receipt(body="Something else").send()
        self.assertEqual(Entry.objects.count(), 1)

    @skipUnless(connection.features.test_db_allows_multiple_connections, "one connection only")
    def test_many_at_once(self):
        messages = [receipt() for _ in range(8)]
        _together([message.send for message in messages])
        self.assertEqual(len({message.outbox_id for message in messages}), 1)
        self.assertTrue(all(m.anymail_status.status == {"queued"} for m in messages))
        self.assertEqual((Entry.objects.count(), Recipient.objects.count()), (1, 1))

    @skipUnless(connection.features.test_db_allows_multiple_connections, "one connection only")
    def test_the_second_waits_for_the_transaction_of_the_first(self):
        second = receipt()
        with transaction.atomic():
            receipt().send()
            thread = _start(second.send)
            thread.join(0.3)
            self.assertTrue(thread.is_alive())
        thread.join(30)
        self.assertEqual(second.outbox_id, self.entry().pk)

    @skipUnless(connection.features.test_db_allows_multiple_connections, "one connection only")
    def test_the_second_is_stored_if_the_first_is_rolled_back(self):
        second = receipt(body="Something else")
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            receipt().send()
            thread = _start(second.send)
            thread.join(0.3)
            raise ZeroDivisionError
        thread.join(30)
        self.assertEqual(second.outbox_id, self.entry().pk)

    @skipUnless(connection.vendor == "mysql", "how MariaDB and MySQL see other transactions")
    def test_in_a_snapshot_from_before_the_first(self):
        second = receipt()
        with RepeatableRead(), transaction.atomic():
            self.assertEqual(Entry.objects.count(), 0)
            _start(receipt().send).join(30)
            second.send()
        self.assertEqual(second.anymail_status.status, {"queued"})
        self.assertEqual(second.outbox_id, self.entry().pk)

    @skipUnless(connection.vendor == "postgresql", "how PostgreSQL sees other transactions")
    def test_in_a_snapshot_from_before_the_first_the_transaction_has_to_be_repeated(self):
        second = receipt()
        with RepeatableRead():
            with self.assertRaises(OperationalError), transaction.atomic():
                self.assertEqual(Entry.objects.count(), 0)
                _start(receipt().send).join(30)
                second.send()
            with transaction.atomic():
                second.send()
        self.assertEqual(second.outbox_id, self.entry().pk)


@use_outbox(OUTBOX_DATABASE="file")
@override_settings(DATABASE_ROUTERS=["anymail.outbox.router.OutboxRouter"])
class SQLiteFileTests(TransactionTestCase):
    """Whatever the database of the other tests is."""

    @classmethod
    def setUpClass(cls) -> None:
        add_database(cls, "file", timeout=30)
        cls.databases = {"default", "file"}
        with override_settings(DATABASE_ROUTERS=[]):
            call_command("migrate", database="file", verbosity=0)
        super().setUpClass()

    def test_many_at_once(self):
        messages = [receipt() for _ in range(8)]
        _together([message.send for message in messages])
        self.assertEqual(len({message.outbox_id for message in messages}), 1)
        self.assertTrue(all(m.anymail_status.status == {"queued"} for m in messages))
        self.assertEqual(Entry.objects.using("file").count(), 1)
        self.assertEqual(Recipient.objects.using("file").count(), 1)
        self.assertEqual(Entry.objects.using("default").count(), 0)


def _start(send: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            send()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def _together(functions: list[Callable[[], object]]) -> None:
    for thread in [_start(function) for function in functions]:
        thread.join(30)


class RepeatableRead:
    """The isolation level of transactions that are begun in it."""

    def __enter__(self) -> None:
        self._set("REPEATABLE READ")

    def __exit__(self, *error: object) -> None:
        self._set("READ COMMITTED")

    def _set(self, level: str) -> None:
        scope = (
            "SESSION TRANSACTION"
            if connection.vendor == "mysql"
            else "SESSION CHARACTERISTICS AS TRANSACTION"
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SET {scope} ISOLATION LEVEL {level}")
