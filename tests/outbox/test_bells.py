"""Bells ring after COMMIT, and what they ring for is never an error of the request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from unittest import mock, skipUnless

import django
from django.core import mail
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from anymail import outbox
from anymail.outbox import pausing
from anymail.outbox.ledger import entries
from anymail.outbox.models import State

from ..ses import CREDENTIALS, V1, loopback_server, simple_message, v1_error
from . import OutboxTestCase, OutboxTransactionTestCase, use_outbox

LOGGER = "anymail.outbox.bells"
TASKS_MODULE = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
needs_tasks = skipUnless(find_spec(TASKS_MODULE.partition(".")[0]), "There is no django-tasks.")


class BrokerDown(Exception):
    """What a broker's client raises."""


class Rings:
    """A bell that notes for when it was rung.

    :param broken: it raises, too.
    """

    def __init__(self, *, broken: bool = False) -> None:
        self.times: list[datetime | None] = []
        self._broken = broken

    def __call__(self, run_after: datetime | None = None) -> None:
        self.times.append(run_after)
        if self._broken:
            raise BrokerDown


class CommitTests(OutboxTransactionTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.bell = Rings()
        changed = use_outbox(OUTBOX_BELL=self.bell)
        changed.enable()
        self.addCleanup(changed.disable)

    def test_it_rings_after_commit(self) -> None:
        with transaction.atomic():
            simple_message().send()
            self.assertEqual(self.bell.times, [])
        self.assertEqual(self.bell.times, [None])

    def test_it_does_not_ring_for_what_was_rolled_back(self) -> None:
        with transaction.atomic():
            simple_message().send()
            transaction.set_rollback(True)
        self.assertEqual(self.bell.times, [])

    def test_it_rings_once_for_all_messages_of_a_transaction(self) -> None:
        for _ in range(2):
            with transaction.atomic():
                for _ in range(3):
                    simple_message().send()
        self.assertEqual(self.bell.times, [None, None])
        outbox.pause()
        outbox.resume()
        self.assertEqual(self.bell.times, [None, None, None])

    def test_it_rings_for_each_message_that_has_no_transaction_around_it(self) -> None:
        for _ in range(3):
            simple_message().send()
        self.assertEqual(self.bell.times, [None] * 3)

    def test_it_rings_for_a_message_after_one_whose_savepoint_was_rolled_back(self) -> None:
        with transaction.atomic():
            with transaction.atomic():
                simple_message().send()
                transaction.set_rollback(True)
            simple_message().send()
        self.assertEqual(self.bell.times, [None])

    def test_a_bell_that_sends_a_message_rings_for_that_one_too(self) -> None:
        def ring(run_after: datetime | None = None) -> None:
            self.bell(run_after=run_after)
            if len(self.bell.times) == 1:
                simple_message().send()

        with use_outbox(OUTBOX_BELL=ring), transaction.atomic():
            simple_message().send()
        self.assertEqual(self.bell.times, [None, None])

    def test_for_send_at_it_is_told_when(self) -> None:
        send_at = timezone.now() + timedelta(hours=1)
        with transaction.atomic():
            for seconds in (0, 0, 10):
                simple_message(send_at=send_at + timedelta(seconds=seconds)).send()
        self.assertEqual(len(self.bell.times), 2)
        for rung, wanted in zip(sorted(self.bell.times), (0, 10), strict=True):
            self.assertIsNotNone(rung.tzinfo)
            self.assertEqual(rung.microsecond, 0)  # engines may cut them off, and come too early
            late = rung - send_at - timedelta(seconds=wanted)
            self.assertTrue(timedelta(0) <= late <= timedelta(seconds=1), late)

    def test_people_ring_it_too(self) -> None:
        message = simple_message(send_at=timezone.now() + timedelta(days=1))
        message.send()
        self.bell.times.clear()
        outbox.reschedule(message.outbox_id, timezone.now())
        outbox.cancel(message.outbox_id)
        outbox.send_again(message.outbox_id)
        self.assertEqual(self.bell.times, [None, None])

    @override_settings(USE_TZ=False)
    def test_it_is_given_an_aware_time_without_use_tz(self) -> None:
        simple_message(send_at=timezone.now() + timedelta(hours=1)).send()
        self.assertIsNotNone(self.bell.times[0].tzinfo)


class BrokenBellTests(OutboxTransactionTestCase):
    def check_stored(self, bell: Any) -> None:
        with (
            use_outbox(OUTBOX_BELL=bell),
            self.assertLogs(LOGGER, "ERROR") as logs,
            transaction.atomic(),
        ):
            for _ in range(3):
                simple_message().send()
        self.assertEqual(len(logs.output), 1)  # a broker may let each ring wait
        self.assertEqual(entries().filter(state=State.WAITING).count(), 3)

    def test_a_broker_that_is_away_is_no_error_of_the_request(self) -> None:
        self.check_stored(Rings(broken=True))

    def test_nor_is_a_bell_that_does_not_exist(self) -> None:
        self.check_stored("no_such.module.ring")

    def test_what_was_not_rung_for_is_delivered_with_the_next_message(self) -> None:
        with use_outbox(OUTBOX_BELL=Rings(broken=True)), self.assertLogs(LOGGER, "ERROR"):
            simple_message(subject="First").send()

        def deliver(run_after: datetime | None = None) -> None:
            outbox.deliver(until_empty=True)

        with use_outbox(OUTBOX_BELL=deliver):
            simple_message(subject="Second").send()
        self.assertEqual([sent.subject for sent in mail.outbox], ["First", "Second"])


@contextmanager
def tasks(backend: str) -> Iterator[Any]:
    """Settings under which Django's tasks ring.

    :param backend: ``"immediate.ImmediateBackend"`` or ``"dummy.DummyBackend"``.
    """
    module = import_module(TASKS_MODULE)
    import_module(f"{TASKS_MODULE}.signals")  # which follows the setting
    found = {"default": {"BACKEND": f"{TASKS_MODULE}.backends.{backend}"}}
    with override_settings(TASKS=found):
        yield module.task_backends["default"]


@needs_tasks
class ImmediateTests(OutboxTransactionTestCase):
    """A backend without workers: the task runs in the request, after COMMIT."""

    def test_it_sends_after_commit(self) -> None:
        with tasks("immediate.ImmediateBackend"), use_outbox(OUTBOX_BELL="tasks"):
            with transaction.atomic():
                simple_message().send()
                self.assertEqual(mail.outbox, [])
            self.assertEqual(len(mail.outbox), 1)
        self.assertEqual(self.entry().state, State.SENT)

    def test_what_is_put_off_is_not_waited_for(self) -> None:
        with tasks("immediate.ImmediateBackend"), use_outbox(OUTBOX_BELL="tasks"):
            simple_message(send_at=timezone.now() + timedelta(hours=1)).send()
        self.assertEqual(self.entry().state, State.WAITING)

    def test_many_messages_are_one_task(self) -> None:
        from anymail.outbox import tasks as module

        with (
            tasks("immediate.ImmediateBackend") as backend,
            use_outbox(OUTBOX_BELL="tasks"),
            mock.patch.object(type(backend), "enqueue", autospec=True) as enqueue,
        ):
            enqueue.side_effect = lambda *args, **kwargs: module.deliver.call()
            with transaction.atomic():
                for _ in range(300):
                    simple_message().send()
        self.assertEqual((len(mail.outbox), enqueue.call_count), (300, 1))

    def test_an_error_in_the_task_is_logged_and_not_one_of_the_request(self) -> None:
        # The logger of the tasks says it, too, where their app is installed.
        with (
            tasks("immediate.ImmediateBackend"),
            use_outbox(OUTBOX_BELL="tasks"),
            mock.patch("anymail.outbox.worker.Worker.run", side_effect=BrokerDown),
            self.assertLogs(level="ERROR") as logs,
        ):
            simple_message().send()
        self.assertIn("BrokerDown", "\n".join(logs.output))
        self.assertIn("anymail.outbox.tasks", [record.name for record in logs.records])


@needs_tasks
class DeliverTaskTests(OutboxTransactionTestCase):
    """The task itself; the dummy backend of tasks keeps what it enqueues."""

    def run_task(self) -> list[datetime | None]:
        """Run it once; gives for when it enqueued others."""
        from anymail.outbox.tasks import deliver

        with tasks("dummy.DummyBackend") as backend:
            deliver.call()
            return [result.task.run_after for result in backend.results]

    def test_nothing_follows_when_all_is_sent(self) -> None:
        with use_outbox():
            simple_message().send()
            self.assertEqual(self.run_task(), [])
        self.assertEqual(len(mail.outbox), 1)

    def test_nothing_follows_while_nothing_is_due(self) -> None:
        with use_outbox():
            simple_message(send_at=timezone.now() + timedelta(hours=1)).send()
            self.assertEqual(self.run_task(), [])

    def test_its_result_is_what_it_did(self) -> None:
        from anymail.outbox.tasks import deliver

        with use_outbox():
            simple_message().send()
            result = deliver.call()
        self.assertEqual((result["claimed"], result["sent"], result["failed"]), (1, 1, 0))

    def test_another_follows_when_the_time_is_up(self) -> None:
        with use_outbox(), mock.patch("anymail.outbox.tasks.MAX_SECONDS", 0.0):
            simple_message().send()
            self.assertEqual(self.run_task()[0], None)
        self.assertEqual(mail.outbox, [])

    def test_others_follow_for_what_is_put_off(self) -> None:
        before = timezone.now()
        run_after = self.run_task_with(400, "Throttling", "Maximum sending rate exceeded.")
        not_before = self.entry().not_before
        self.assertGreater(not_before, before)
        self.assertTrue(timedelta(0) <= run_after - not_before <= timedelta(seconds=21))

    def test_another_follows_for_a_doubt_that_is_to_be_resent(self) -> None:
        with self.assertLogs("anymail.outbox", "WARNING"):
            run_after = self.run_task_with(500, "InternalFailure", "No idea.", on_doubt="resend")
        self.assertTrue(timedelta(0) <= run_after - self.entry().lease <= timedelta(seconds=21))

    def test_another_follows_for_the_probe_of_a_mailer_that_cannot_be_used(self) -> None:
        with use_outbox():
            simple_message().send()
        with use_outbox("tests.outbox.loopback.Broken"), self.assertLogs("anymail.outbox"):
            [run_after] = self.run_task()
        self.assert_in_time_for_the_probe(run_after)

    def test_another_follows_for_the_next_probe(self) -> None:
        with use_outbox():
            simple_message().send()
        trouble = pausing.Trouble(lane="", scope="service", error_code="", reason="")
        with self.assertLogs("anymail.outbox"):
            pausing.pause(self.entry().mailer, trouble)
        now = timezone.now()
        since, until = now - timedelta(seconds=40), now - timedelta(seconds=1)
        pausing.pauses().update(since=since, until=until)
        unavailable = (503, v1_error("ServiceUnavailable", "No."))
        with loopback_server(lambda _request, _number: unavailable) as ses:
            params = {**CREDENTIALS, "endpoint_url": ses.url}
            with use_outbox(V1, AMAZON_SES_CLIENT_PARAMS=params, AMAZON_SES_MAX_SEND_RATE=100):
                self.assert_in_time_for_the_probe(*self.run_task())

    def assert_in_time_for_the_probe(self, *moments: datetime | None) -> None:
        until = pausing.pauses().get().until
        assert until
        late = [moment - until for moment in moments if moment and moment >= until]
        self.assertTrue(late and min(late) <= timedelta(seconds=21), late)

    def run_task_with(self, status: int, code: str, text: str, **kwargs: Any) -> datetime:
        """Run the task while SES answers with an error; gives when it is to run again."""
        with loopback_server(lambda _request, _number: (status, v1_error(code, text))) as ses:
            params = {**CREDENTIALS, "endpoint_url": ses.url}
            with use_outbox(V1, AMAZON_SES_CLIENT_PARAMS=params, AMAZON_SES_MAX_SEND_RATE=100):
                simple_message(**kwargs).send()
                [run_after] = self.run_task()
        assert run_after
        return run_after

    def test_a_backend_that_cannot_wait_is_not_asked_to(self) -> None:
        from anymail.outbox.tasks import ring

        with tasks("dummy.DummyBackend") as backend:
            with mock.patch.object(type(backend), "supports_defer", False):
                ring(run_after=timezone.now() + timedelta(hours=1))
            self.assertEqual(backend.results, [])

    @override_settings(USE_TZ=False)
    def test_it_is_enqueued_for_later_without_use_tz(self) -> None:
        with (
            tasks("dummy.DummyBackend") as backend,
            use_outbox(OUTBOX_BELL="tasks"),
        ):
            simple_message(send_at=timezone.now() + timedelta(hours=1)).send()
            [result] = backend.results
        self.assertGreaterEqual(result.task.run_after, self.entry().not_before)


@needs_tasks
class WithinTestCaseTests(OutboxTestCase):
    def test_tests_of_applications_run_the_task(self) -> None:
        with tasks("immediate.ImmediateBackend"), use_outbox(OUTBOX_BELL="tasks"):
            with self.captureOnCommitCallbacks(execute=True):
                simple_message().send()
            self.assertEqual(len(mail.outbox), 1)
