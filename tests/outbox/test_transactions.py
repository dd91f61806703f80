"""A message is stored in the caller's transaction, and shares its fate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

from django.conf import settings
from django.core import mail
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.http import HttpResponse
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from anymail import outbox
from anymail.exceptions import AnymailInvalidAddress
from anymail.outbox import storing
from anymail.outbox.models import Entry, Pause, Recipient

from ..ses import simple_message
from . import OutboxTestCase, OutboxTransactionTestCase, outbox_backend, use_outbox


def good_view(request: Any) -> HttpResponse:
    simple_message().send()
    return HttpResponse()


def bad_view(request: Any) -> HttpResponse:
    simple_message().send()
    raise ZeroDivisionError


urlpatterns = [path("good/", good_view), path("bad/", bad_view)]


class Bell:
    """Notes what happens, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def __call__(self, run_after: Any = None) -> None:
        self.events.append("bell")

    def note(self, event: str) -> None:
        transaction.on_commit(lambda: self.events.append(event))


class CollidingRecipients:
    """Has the database refuse the second INSERT, as PostgreSQL does: the transaction is over."""

    def __enter__(self) -> None:
        def colliding(entry: Entry, outgoing: Any) -> list[Recipient]:
            return [Recipient(pk=1, entry=entry, kind="to", address="a") for _ in range(2)]

        self.patch = mock.patch.object(storing, "recipient_rows", colliding)
        self.patch.start()

    def __exit__(self, *error: object) -> None:
        self.patch.stop()


@use_outbox()
class TransactionTests(OutboxTransactionTestCase):
    def ringing(self, bell: Any) -> Any:
        return override_settings(ANYMAIL={**settings.ANYMAIL, "OUTBOX_BELL": bell})

    def send_silently(self) -> int:
        return outbox_backend(fail_silently=True).send_messages([simple_message()])

    def test_commit_stores_and_rollback_does_not(self):
        with transaction.atomic():
            committed = simple_message()
            committed.send()
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            simple_message().send()
            raise ZeroDivisionError
        self.assertEqual(self.entry().pk, committed.outbox_id)
        self.assertEqual(Recipient.objects.count(), 1)

    def test_a_rolled_back_savepoint_takes_only_its_own(self):
        with transaction.atomic():
            outer, inner, last = simple_message(), simple_message(), simple_message()
            outer.send()
            with self.assertRaises(ZeroDivisionError), transaction.atomic():
                inner.send()
                raise ZeroDivisionError
            last.send()
        stored = set(Entry.objects.values_list("pk", flat=True))
        self.assertEqual(stored, {outer.outbox_id, last.outbox_id})

    def test_in_a_durable_block(self):
        with transaction.atomic(durable=True):
            simple_message().send()
        self.assertEqual(Entry.objects.count(), 1)

    @override_settings(ROOT_URLCONF=__name__)
    def test_atomic_requests(self):
        self.client.raise_request_exception = False
        with mock.patch.dict(connections["default"].settings_dict, ATOMIC_REQUESTS=True):
            with self.assertLogs("django.request"):
                self.assertEqual(self.client.get("/bad/").status_code, 500)
            self.assertEqual(Entry.objects.count(), 0)
            self.client.get("/good/")
            self.assertEqual(Entry.objects.count(), 1)

    def test_the_bell_rings_in_the_order_of_on_commit(self):
        bell = Bell()
        with self.ringing(bell), transaction.atomic():
            bell.note("before")
            simple_message().send()
            bell.note("after")
            self.assertEqual(bell.events, [])
        self.assertEqual(bell.events, ["before", "bell", "after"])

    def test_without_a_transaction_the_bell_rings_at_once(self):
        bell = Bell()
        with self.ringing(bell):
            simple_message().send()
        self.assertEqual(bell.events, ["bell"])

    def test_no_bell_after_rollback_or_for_nothing(self):
        bell = Bell()
        with self.ringing(bell):
            with self.assertRaises(ZeroDivisionError), transaction.atomic():
                simple_message().send()
                raise ZeroDivisionError
            simple_message(to=[]).send()
        self.assertEqual(bell.events, [])

    def test_a_bell_that_fails_is_not_the_callers_trouble(self):
        def broken(run_after: Any = None) -> None:
            raise OSError("No broker")

        events = Bell()
        with (
            self.ringing(broken),
            self.assertLogs("anymail.outbox.bells", "ERROR"),
            transaction.atomic(),
        ):
            simple_message().send()
            events.note("after")
        self.assertEqual(events.events, ["after"])

    def test_a_transaction_that_is_over_stores_nothing(self):
        with self.assertRaises(transaction.TransactionManagementError), transaction.atomic():
            with CollidingRecipients(), self.assertRaises(IntegrityError):
                simple_message().send()
            simple_message().send()
        self.assertEqual(Entry.objects.count(), 0)

    def test_with_fail_silently_the_callers_transaction_goes_on(self):
        with transaction.atomic():
            with CollidingRecipients():
                self.assertEqual(self.send_silently(), 0)
            simple_message().send()
        self.assertEqual(Entry.objects.count(), 1)

    def test_fail_silently_in_a_transaction_that_is_over(self):
        with transaction.atomic():
            connection.set_rollback(True)
            self.assertEqual(self.send_silently(), 0)

    def test_while_the_database_is_away(self):
        def away(*args: Any) -> None:
            raise OperationalError

        with connection.execute_wrapper(away):
            self.assertEqual(self.send_silently(), 0)
            with self.assertRaises(DatabaseError):
                simple_message().send()

    def test_what_was_committed_before_an_error_rings(self):
        bell = Bell()
        messages = [simple_message(), simple_message(to=["no address"]), simple_message()]
        with self.ringing(bell), self.assertRaises(AnymailInvalidAddress):
            outbox_backend().send_messages(messages)
        self.assertEqual(self.entry().pk, messages[0].outbox_id)
        self.assertEqual(bell.events, ["bell"])

    def test_what_comes_before_an_error_of_the_iterable_is_stored(self):
        def messages() -> Iterator[Any]:
            yield simple_message()
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            outbox_backend().send_messages(messages())
        self.assertEqual(Entry.objects.count(), 1)

    def test_delivering_in_a_transaction_is_refused(self):
        with transaction.atomic(), self.assertRaisesMessage(RuntimeError, "within a transaction"):
            outbox.deliver(until_empty=True)


@use_outbox()
class QueryTests(OutboxTestCase):
    def test_send_is_two_inserts(self):
        simple_message().send()
        with self.assertNumQueries(2) as queries:
            simple_message(to=["a@example.com", "b@example.com"], cc=["c@example.com"]).send()
        self.assertTrue(all(query["sql"].startswith("INSERT") for query in queries))

    def test_with_fail_silently_there_is_a_savepoint(self):
        with self.assertNumQueries(4):
            outbox_backend(fail_silently=True).send_messages([simple_message()])

    def test_messages_to_many_are_inserted_a_few_at_a_time(self):
        to = [f"a{n}@example.com" for n in range(200)]
        with (
            mock.patch.object(storing, "MAX_CHARACTERS", 400_000),
            CaptureQueriesContext(connection) as queries,
        ):
            outbox_backend().send_messages(simple_message(to=to) for _ in range(20))
        inserts = [query for query in queries if "idempotency_key" in query["sql"]]
        self.assertEqual(len(inserts), 3)

    def test_a_key_costs_one_more(self):
        with self.assertNumQueries(3):
            simple_message(idempotency_key="order/17").send()


@use_outbox("anymail.backends.amazon_ses.EmailBackend")
class NothingElseTests(OutboxTestCase):
    def test_send_makes_no_client(self):
        with mock.patch("anymail.amazon_ses.aws.client", side_effect=AssertionError):
            simple_message().send()
        self.assertEqual(len(mail.outbox), 0)
        self.assertEqual((Entry.objects.count(), Pause.objects.count()), (1, 0))
