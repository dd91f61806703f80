"""Messages that people change while workers have them, clocks that jump, databases that go away.

Also with ``--db postgres`` and ``--db mariadb``.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock, skipIf

import django
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from anymail import outbox
from anymail.exceptions import AnymailSerializationError
from anymail.outbox import channel, claiming, endings, reaping
from anymail.outbox.attachments import storage
from anymail.outbox.ledger import entries, recipients
from anymail.outbox.models import Entry, Pause, Recipient, State
from anymail.outbox.reaping import reap

from . import OutboxTestCase
from .loopback import LEASE, FaultTestCase, Held, refusing

HOUR = 3600.0


class CancelTests(FaultTestCase):
    def test_in_time_until_a_call_is_about_to_be_posted(self) -> None:
        one, other = self.send("a@example.com"), self.send("b@example.com")
        self.assertTrue(outbox.cancel(one))
        worker = self.claimed()
        self.assertEqual(self.state(other), State.CLAIMED)
        self.assertTrue(outbox.cancel(other))
        self.work(worker, may_claim=False)
        self.assertEqual((self.state(one), self.state(other)), (State.CANCELLED, State.CANCELLED))
        self.assertEqual((self.ses.calls, worker.counts.cancelled), ([], 1))

    def test_too_late_afterwards(self) -> None:
        one = self.send()
        worker = self.posted()
        self.assertFalse(outbox.cancel(one))
        self.assertFalse(outbox.reschedule(one, timezone.now() + timedelta(days=1)))
        self.work(worker, may_claim=False)
        self.assertFalse(outbox.cancel(one))
        self.assertEqual(self.state(), State.SENT)

    def test_a_worker_that_was_about_to_post_posts_the_others(self) -> None:
        ids = [self.send(f"to{number}@example.com") for number in range(4)]
        worker = self.claimed()
        begin = channel.begin_posting

        def cancel_first(*args: Any, **kwargs: Any) -> Any:
            outbox.cancel(ids[0])
            return begin(*args, **kwargs)

        with mock.patch.object(channel, "begin_posting", cancel_first):
            self.work(worker, may_claim=False)
        self.assertEqual([self.state(pk) for pk in ids], [State.CANCELLED] + [State.SENT] * 3)
        self.assertNotIn("to0@example.com", self.ses.got)

    def test_a_rescheduled_message_comes_then_and_only_once(self) -> None:
        one = self.send()
        worker = self.claimed()
        self.assertTrue(outbox.reschedule(one, self.clock.now() + timedelta(hours=1)))
        self.work(worker, may_claim=False)
        self.deliver()
        self.assertEqual(self.ses.calls, [])
        self.clock.pass_by(HOUR + 1)
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_it_is_not_rescheduled_to_what_is_no_time(self) -> None:
        one = self.send()
        for when in ("tomorrow", None, True):
            with (
                self.subTest(when=when),
                self.assertRaisesMessage(AnymailSerializationError, "`when` must be a datetime"),
            ):
                outbox.reschedule(one, when)  # type: ignore[arg-type]

    def test_one_that_another_worker_has_by_then(self) -> None:
        one = self.send()
        worker = self.claimed(name="slow")
        self.assertTrue(outbox.reschedule(one, self.clock.now()))
        other = self.claimed(name="other")
        self.work(worker, may_claim=False)
        self.assertEqual(self.state(), State.CLAIMED)
        self.work(other, may_claim=False)
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))


class ExpiryTests(FaultTestCase):
    def send_for_a_minute(self) -> None:
        self.send(expires_at=self.clock.now() + timedelta(seconds=50))

    def test_while_it_waits(self) -> None:
        self.send_for_a_minute()
        self.clock.pass_by(51)
        self.assertEqual(self.deliver().expired, 1)
        self.assertEqual((self.state(), self.ses.calls), (State.EXPIRED, []))

    def test_while_it_is_claimed(self) -> None:
        self.send_for_a_minute()
        worker = self.claimed()
        self.clock.pass_by(51)
        self.work(worker, may_claim=False)
        self.assertEqual((self.state(), worker.counts.expired), (State.EXPIRED, 1))
        self.assertEqual(self.ses.calls, [])

    def test_between_two_attempts(self) -> None:
        self.send_for_a_minute()
        self.ses.answer = refusing("Throttling", "Maximum sending rate exceeded.")
        self.deliver()
        self.clock.pass_by(51)
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.calls)), (State.EXPIRED, 1))

    def test_it_is_sent_again_without_an_end(self) -> None:
        self.send_for_a_minute()
        self.clock.pass_by(51)
        self.deliver()
        self.assertTrue(outbox.send_again(entries().get().pk))
        self.deliver()
        self.assertEqual(self.state(), State.SENT)

    def test_one_that_is_sent_does_not_expire(self) -> None:
        self.send_for_a_minute()
        self.deliver()
        self.clock.pass_by(51)
        self.deliver()
        self.assertEqual(self.state(), State.SENT)

    def test_one_in_doubt_stays_so(self) -> None:
        self.send_for_a_minute()
        self.posted()
        self.clock.pass_by(51)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.lease_is_over()
        self.deliver()
        self.assertEqual(self.state(), State.IN_DOUBT)


class SendAgainTests(FaultTestCase):
    anymail = {"OUTBOX_KEEP_CONTENT": 86_400}

    def test_events_about_the_first_time_do_not_end_the_second(self) -> None:
        one = self.send()
        self.deliver()
        self.assertTrue(outbox.send_again(one))
        [first] = self.ses.accepted
        for kind in ("delivery", "open"):
            self.post_event(first, kind)
        self.assertEqual(self.state(), State.WAITING)
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 2))
        self.assertEqual(self.message_ids(), {"to@example.com": self.ses.accepted[1].id})

    def test_nor_do_they_end_a_doubt_about_it(self) -> None:
        one = self.send()
        self.deliver()
        self.assertTrue(outbox.send_again(one))
        self.posted()
        self.doubt()
        first, second = self.ses.accepted
        self.post_event(first, "open")
        self.assertEqual(self.state(), State.IN_DOUBT)
        self.post_event(second)
        self.assertEqual((self.state(), self.message_ids()["to@example.com"]), ("sent", second.id))

    def test_content_is_deleted_when_it_is_to_be(self) -> None:
        one = self.send()
        self.deliver()
        self.assertIsNotNone(entries().get().content)
        self.clock.pass_by(86_500)
        self.deliver()
        self.assertIsNone(entries().get().content)
        self.assertFalse(outbox.send_again(one))

    def test_it_is_not_sent_again_while_its_content_is_deleted(self) -> None:
        one = self.send()
        self.deliver()
        done: list[bool] = []

        def send_again(entry: Entry) -> None:
            done.append(outbox.send_again(one))

        with mock.patch.object(reaping, "delete_content_files", send_again):
            reaping.delete_old_content(timezone.now() + timedelta(days=1), None)
        row = entries().get()
        self.assertEqual((done, row.state, row.content), ([False], State.SENT, None))


class ClockTests(FaultTestCase):
    """Clocks that jump by an hour, forwards and backwards: nothing twice, nothing stuck."""

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.clock.offset += seconds

    def check_all_sent(self, count: int) -> None:
        self.assertEqual(set(entries().values_list("state", flat=True)), {State.SENT})
        self.assertEqual((set(self.ses.got.values()), len(self.ses.got)), ({1}, count))

    def test_while_messages_are_claimed(self) -> None:
        for seconds in (HOUR, -HOUR):
            with self.subTest(seconds):
                entries().delete()
                self.ses.accepted.clear()
                for number in range(20):
                    self.send(f"to{number}@example.com")
                worker = self.claimed()
                self.jump(seconds)
                self.work(worker, may_claim=False)
                for _ in range(4):
                    self.deliver()
                    self.clock.pass_by(LEASE)
                self.deliver()
                if seconds < 0:  # those that were given back wait for the time that they were sent
                    self.clock.pass_by(HOUR)
                    self.deliver()
                self.check_all_sent(20)

    def test_while_a_call_is_running(self) -> None:
        for seconds in (2 * HOUR, -2 * HOUR):
            with self.subTest(seconds):
                entries().delete()
                self.ses.accepted.clear()
                self.send(on_doubt="resend")
                self.ses.answer = held = Held(self.ses)
                worker = self.claimed()
                worker.step(may_claim=False)
                self.wait_until(lambda: len(self.ses.accepted) == 1)
                self.jump(seconds)
                with self.assertLogs("anymail.outbox", "WARNING"):
                    self.reap()
                for _ in range(3):
                    worker.step(may_claim=False)
                    self.reap()
                held.released.set()
                self.work(worker, may_claim=False)
                self.reap()
                self.check_all_sent(1)

    def test_a_lease_that_a_wrong_clock_has_written(self) -> None:
        self.send()
        self.jump(HOUR)
        self.claimed(name="dead")
        self.jump(-HOUR)
        self.deliver()
        self.check_all_sent(1)

    def test_a_doubt_that_a_wrong_clock_has_written(self) -> None:
        self.send(on_doubt="resend")
        self.jump(HOUR)
        self.ses.answer = self.ses.accept_and(None)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.ses.answer = self.ses.accept
        self.jump(-HOUR)
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 2))

    def test_a_pause_that_a_wrong_clock_has_written(self) -> None:
        self.send()
        self.jump(HOUR)
        self.ses.answer = refusing("AccountSendingPausedException")
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.ses.answer = self.ses.accept
        self.jump(-HOUR)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual((self.state(), Pause._default_manager.count()), (State.SENT, 0))

    def test_a_rate_that_a_wrong_clock_has_given_out(self) -> None:
        self.send("a@example.com")
        self.jump(HOUR)
        self.deliver()
        self.jump(-HOUR)
        self.send("b@example.com")
        self.deliver()
        self.check_all_sent(2)


class DatabaseTests(FaultTestCase):
    """The database goes away after calls were posted."""

    def broken(self, name: str, times: int) -> Any:
        """The next calls of a function fail."""
        module = endings if name == "record" else channel
        real, left = getattr(module, name), [times]

        def function(*args: Any, **kwargs: Any) -> Any:
            if left[0]:
                left[0] -= 1
                raise OperationalError("server closed the connection unexpectedly")
            return real(*args, **kwargs)

        return mock.patch.object(module, name, function)

    def test_the_result_is_kept_in_memory(self) -> None:
        for number in range(5):
            self.send(f"to{number}@example.com")
        with self.broken("record", 2), self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(set(entries().values_list("state", flat=True)), {State.SENT})
        self.assertEqual(len(self.ses.accepted), 5)

    def test_whatever_it_is_that_fails(self) -> None:
        for name in ("claim", "begin_posting", "record", "note_recipients", "prepare"):
            with self.subTest(name):
                entries().delete()
                self.ses.accepted.clear()
                for number in range(5):
                    self.send(f"to{number}@example.com")
                with self.broken(name, 1), self.assertLogs("anymail.outbox", "WARNING"):
                    self.deliver()
                self.clock.pass_by(LEASE + 1)
                self.deliver()
                self.assertEqual(set(entries().values_list("state", flat=True)), {State.SENT})
                self.assertEqual(len(self.ses.accepted), 5)

    def test_for_longer_than_the_lease(self) -> None:
        self.send()
        worker = self.posted()
        with self.broken("record", 1), self.assertRaises(OperationalError):
            worker.step(may_claim=False)
        self.doubt()
        self.assertEqual(self.state(), State.IN_DOUBT)
        self.work(worker, may_claim=False)
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_and_the_worker_is_told_to_stop(self) -> None:
        self.send()
        worker = self.posted()
        with self.broken("record", 1), self.assertRaises(OperationalError):
            worker.step(may_claim=False)
        self.doubt()
        with self.assertLogs("anymail.outbox", "ERROR"):
            worker.give_up_if_late()
        self.assertTrue(worker.is_idle)
        self.post_event(self.ses.accepted[0])
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_the_answer_to_a_commit_is_lost(self) -> None:
        self.work(self.told_nothing_of_posting(), may_claim=False)
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_and_the_worker_is_told_to_stop_before_it_has_posted(self) -> None:
        self.told_nothing_of_posting().stop()
        self.assertEqual((self.state(), self.ses.calls), (State.WAITING, []))

    def told_nothing_of_posting(self) -> channel.Channel:
        """A worker whose message is POSTING, but it is told that this was not written."""
        self.send()
        worker = self.claimed()
        begin = claiming.begin_posting

        def lost(*args: Any, **kwargs: Any) -> Any:
            begin(*args, **kwargs)
            raise OperationalError("server closed the connection unexpectedly")

        with (
            mock.patch.object(channel, "begin_posting", lost),
            self.assertRaises(OperationalError),
        ):
            worker.step(may_claim=False)
        self.assertEqual(self.state(), State.POSTING)
        return worker


class ContentTests(FaultTestCase):
    """Content that cannot be sent: a state, a text, an end; and others are sent."""

    def check(self, entry_id: Any, code: str, *, attempts: int) -> None:
        other = self.send("other@example.com")
        for _ in range(attempts):
            with self.assertLogs("anymail.outbox", "WARNING"):
                self.deliver()
            self.clock.pass_by(2 * HOUR)
        self.deliver()
        self.assertEqual((self.state(other), self.state(entry_id)), (State.SENT, State.FAILED))
        entry = entries().get(pk=entry_id)
        self.assertEqual(entry.error_code, code)
        self.assertTrue(entry.error)
        self.assertNotIn("Text", entry.error)
        self.assertEqual(self.ses.got, {"other@example.com": 1})

    def change(self, entry_id: Any, content: str) -> None:
        entries().filter(pk=entry_id).update(content=content)

    def test_damaged(self) -> None:
        broken = ("", "{", "[]", '"Text"', "null", "[" * 100_000, '{"version": 1, "Text": 0}')
        for content in broken:
            with self.subTest(content[:10]):
                entries().delete()
                self.ses.accepted.clear()
                one = self.send(priority=100)
                self.change(one, content)
                self.check(one, "UnreadableContent", attempts=1)

    def test_lost(self) -> None:
        one = self.send(priority=100)
        entries().filter(pk=one).update(content=None)
        self.check(one, "UnreadableContent", attempts=1)

    def test_of_a_newer_version(self) -> None:
        one = self.send(priority=100)
        content = json.loads(entries().get().content or "")
        self.change(one, json.dumps({**content, "version": 99}))
        self.check(one, "NewerVersion", attempts=3)

    def test_an_attachment_that_is_lost(self) -> None:
        memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
        with override_settings(STORAGES={"default": memory, "anymail": memory}):
            one = self.send(priority=100, attachments=[("a.bin", b"x" * 100_000, "image/png")])
            folder = f"anymail-outbox/{one.hex}"
            storage().delete(f"{folder}/0")
            self.check(one, "LostAttachment", attempts=1)
            storage().save(f"{folder}/0", ContentFile(b"x" * 100_000))
            self.assertTrue(outbox.send_again(one))
            self.deliver()
            self.assertEqual(self.state(one), State.SENT)

    def test_a_storage_that_is_down(self) -> None:
        memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
        with override_settings(STORAGES={"default": memory, "anymail": memory}):
            one = self.send(priority=100, attachments=[("a.bin", b"x" * 100_000, "image/png")])
            down = mock.patch.object(type(storage()), "open", side_effect=ConnectionError("down"))
            with down:
                self.check(one, "ConnectionError", attempts=3)
            self.assertTrue(outbox.send_again(one))
            self.deliver()
            self.assertEqual(self.state(one), State.SENT)

    @skipIf(django.VERSION >= (6, 1), "MAILERS names what sends")
    def test_what_sends_is_gone(self) -> None:
        other = self.send("other@example.com")
        one = self.send()
        entries().filter(pk=one).update(mailer="gone")
        changed = self.settings(ANYMAIL=self.with_anymail(OUTBOX_BACKEND="nowhere.EmailBackend"))
        with changed, self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(set(entries().values_list("state", "failures")), {(State.WAITING, 0)})
        pauses = Pause._default_manager.values_list("reason", flat=True)
        self.assertTrue(all("nowhere" in reason for reason in pauses), pauses)
        self.clock.pass_by(61)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual((self.state(other), self.state(one)), (State.SENT, State.SENT))

    @skipIf(django.VERSION < (6, 1), "there is no MAILERS")
    def test_a_mailer_that_is_gone(self) -> None:
        one = self.send()
        entries().filter(pk=one).update(mailer="gone")
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(self.state(one), State.WAITING)
        self.assertIn("which MAILERS does not have", Pause._default_manager.get().reason)

    @skipIf(django.VERSION >= (6, 1), "MAILERS names what sends")
    def test_a_backend_that_cannot_be_made(self) -> None:
        self.send()
        for path in ("tests.outbox.loopback.Broken", "tests.outbox.loopback"):
            with self.subTest(path):
                changed = self.settings(ANYMAIL=self.with_anymail(OUTBOX_BACKEND=path))
                with changed, self.assertLogs("anymail.outbox", "WARNING"):
                    self.deliver()
                pause = Pause._default_manager.get()
                self.assertEqual((pause.scope, self.state()), ("account", State.WAITING))
                self.assertTrue(pause.reason)
                pause.delete()

    def test_a_client_that_cannot_be_made(self) -> None:
        self.send()

        def factory(*args: Any, **kwargs: Any) -> Any:
            raise ZeroDivisionError("in the project's own code")

        changed = self.with_anymail(AMAZON_SES_CLIENT_FACTORY=factory)
        with self.settings(ANYMAIL=changed), self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        entry = entries().get()
        self.assertEqual((entry.state, entry.failures), (State.WAITING, 0))
        self.assertIn("ZeroDivisionError", Pause._default_manager.get().reason)
        self.assertEqual(recipients().get().status, "")


class DeadlyMessageTests(OutboxTestCase):
    """A message that kills each worker that has claimed it, by its size for example."""

    def reaped(self, deaths: int, status: str = "") -> Entry:
        entry: Entry = Entry._default_manager.create(
            state=State.CLAIMED,
            lease=timezone.now() - timedelta(seconds=1),
            worker="dead",
            mailer="ses",
            recipients_count=1,
            deaths=deaths,
        )
        Recipient._default_manager.create(entry=entry, kind="to", address="a@b.c", status=status)
        reap(lease=60, max_attempts=10)
        entry.refresh_from_db()
        return entry

    def test_the_first_time_it_is_due_at_once(self) -> None:
        entry = self.reaped(deaths=0)
        self.assertEqual((entry.state, entry.deaths), (State.WAITING, 1))
        self.assertLessEqual(entry.not_before, timezone.now())

    def test_then_it_waits_apart_from_those_that_were_claimed_with_it(self) -> None:
        entry = self.reaped(deaths=3)
        self.assertEqual((entry.state, entry.deaths), (State.WAITING, 4))
        self.assertGreater(entry.not_before, timezone.now() + timedelta(seconds=15))

    def test_in_the_end_it_fails_and_says_why(self) -> None:
        entry = self.reaped(deaths=9)
        self.assertEqual((entry.state, entry.error_code), (State.FAILED, "WorkersDied"))
        self.assertIsNotNone(entry.done_at)

    def test_but_recipients_in_doubt_stay_in_doubt(self) -> None:
        self.assertEqual(self.reaped(deaths=9, status="unknown").state, State.IN_DOUBT)
