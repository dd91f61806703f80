"""What SES answers, and what becomes of messages, of the others, and of the account.

Also with ``--db postgres`` and ``--db mariadb``.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any
from unittest import mock

from botocore.config import Config
from django.db import OperationalError, transaction
from django.test import override_settings

from anymail import outbox
from anymail.exceptions import AnymailCancelSend
from anymail.outbox import followup
from anymail.outbox.attachments import storage
from anymail.outbox.channel import Channel
from anymail.outbox.ids import parse_tag
from anymail.outbox.ledger import entries
from anymail.outbox.models import Pause, State
from anymail.outbox.outcomes import Result, Verdict
from anymail.outbox.proof import prove
from anymail.outbox.signals import sending_paused, sending_resumed
from anymail.signals import post_send, pre_send

from ..ses import V2, v1_error, v2_error
from .loopback import Answer, Call, FaultTestCase, Held, bulk_answer, refusing

UNVERIFIED = (
    "Email address is not verified. The following identities failed the check in region "
    "US-EAST-1: from@example.com"
)
#: What every message is refused with: code, text, HTTP status, and how much pauses.
TROUBLES = {
    "quota used up": ("Throttling", "Daily message quota exceeded.", 400, ""),
    "account paused": ("AccountSendingPausedException", "Sending paused.", 400, ""),
    "identity unverified": ("MessageRejected", UNVERIFIED, 400, "example.com"),
    "wrong key": ("InvalidClientTokenId", "The security token is invalid.", 403, ""),
    "wrong secret": ("SignatureDoesNotMatch", "The signature does not match.", 403, ""),
    "no permission": ("AccessDenied", "User is not authorized.", 403, ""),
    "no configuration set": (
        "ConfigurationSetDoesNotExist",
        "Configuration set news does not exist.",
        400,
        "example.com",
    ),
}


class DoubtTests(FaultTestCase):
    """Nobody knows whether SES has the message."""

    def check(self, answer: Any, **kwargs: Any) -> None:
        self.ses.answer = answer
        self.send(**kwargs)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual((self.state(), entries().get().failures), (State.IN_DOUBT, 0))
        self.assertEqual(self.statuses(), {"to@example.com": "unknown"})

    def test_an_answer_that_is_lost(self) -> None:
        self.check(self.ses.accept_and(None))
        self.clock.pass_by(86_400)
        self.deliver()
        [call] = self.ses.accepted
        self.post_event(call)
        self.assertEqual(
            (self.state(), self.message_ids()), (State.SENT, {"to@example.com": "m-1"})
        )

    def test_internal_errors_and_gateways(self) -> None:
        for status in (500, 502, 504):
            with self.subTest(status):
                entries().delete()
                Pause._default_manager.all().delete()
                self.check(self.ses.accept_and((status, v1_error("InternalFailure", "Oops"))))
                self.post_event(self.ses.accepted[-1])
                self.assertEqual(self.state(), State.SENT)

    def test_an_answer_that_is_nonsense(self) -> None:
        self.check(self.ses.accept_and((200, b"<html>Welcome to the hotel")))

    def test_it_is_sent_again_only_if_that_was_asked_for(self) -> None:
        self.check(self.ses.accept_and(None), on_doubt="resend")
        self.deliver()
        self.assertEqual(len(self.ses.accepted), 1)
        self.ses.answer = self.ses.accept
        self.clock.pass_by(31)
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 2))

    def test_and_not_for_ever(self) -> None:
        self.ses.answer = self.ses.accept_and(None)
        self.send(on_doubt="resend")
        for _ in range(8):
            with self.assertLogs("anymail.outbox", "WARNING"):
                self.deliver()
                self.clock.pass_by(300)
                outbox.resume(self.mailer())
                self.reap()
                outbox.pause(self.mailer(), by="test")
                outbox.resume(self.mailer())
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.IN_DOUBT, 4))

    def test_people_end_it(self) -> None:
        self.check(self.ses.accept_and(None))
        pk = entries().get().pk
        self.assertFalse(outbox.send_again(pk))
        self.assertFalse(outbox.cancel(pk))
        self.assertTrue(outbox.mark_sent(pk))
        self.assertEqual((self.state(), self.statuses()), (State.SENT, {"to@example.com": "sent"}))
        self.assertIsNone(entries().get().content)
        self.assertFalse(outbox.release(pk))

    def test_attachments_stay_if_that_is_rolled_back(self) -> None:
        storages = {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
        with override_settings(STORAGES=storages):
            one = self.send(attachments=[("a.bin", b"x" * 40_000, "application/octet-stream")])
            self.posted()
            self.doubt()
            with suppress(ZeroDivisionError), transaction.atomic():
                self.assertTrue(outbox.mark_sent(one))
                raise ZeroDivisionError
            self.assertEqual(self.state(), State.IN_DOUBT)
            self.assertTrue(storage().exists(f"anymail-outbox/{one.hex}/0"))
            self.assertTrue(outbox.mark_sent(one))
            self.assertFalse(storage().exists(f"anymail-outbox/{one.hex}/0"))

    def test_or_have_it_sent_again(self) -> None:
        self.check(self.ses.accept_and(None))
        self.ses.answer = self.ses.accept
        self.assertTrue(outbox.release(entries().get().pk))
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 2))


class TimeoutTests(FaultTestCase):
    def test_a_call_that_is_never_answered_does_not_hold_up_others(self) -> None:
        params = self.with_anymail()["AMAZON_SES_CLIENT_PARAMS"]
        config = Config(read_timeout=10)  # time for 30 others, even on a busy machine
        held = Held(self.ses)
        self.addCleanup(held.released.set)

        def answer(call: Call) -> Answer:
            return held(call) if call.to == ["never@example.com"] else self.ses.accept(call)

        self.ses.answer = answer
        changed = self.with_anymail(AMAZON_SES_CLIENT_PARAMS={**params, "config": config})
        with self.settings(ANYMAIL=changed):
            never = self.send("never@example.com", priority=100)
            others = [self.send(f"to{number}@example.com") for number in range(30)]
            done: list[float] = []
            start = time.monotonic()

            def note(sender: Any, **kwargs: Any) -> None:
                done.append(time.monotonic() - start)

            post_send.connect(note)
            self.addCleanup(post_send.disconnect, note)
            with self.assertLogs("anymail.outbox", "WARNING"):
                counts = self.deliver()
        self.assertEqual((counts.sent, counts.in_doubt), (30, 1))
        self.assertEqual({self.state(pk) for pk in others}, {State.SENT})
        self.assertEqual(self.state(never), State.IN_DOUBT)
        self.assertLess(max(done), time.monotonic() - start - 1, "They waited for it.")


class PassingTests(FaultTestCase):
    """Surely not sent; it passes, and burns no attempt."""

    def test_throttled(self) -> None:
        self.send()
        self.ses.answer = refusing("Throttling", "Maximum sending rate exceeded.")
        for _ in range(10):
            self.deliver()
            entry = entries().get()
            self.assertEqual((entry.state, entry.failures), (State.WAITING, 0))
            self.assertGreater(entry.not_before, self.clock.now())
            self.clock.pass_by(3)
        self.assertEqual(Pause._default_manager.count(), 0)
        self.ses.answer = self.ses.accept
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))

    def test_503(self) -> None:
        self.check_service(refusing("ServiceUnavailable", status=503))

    def check_service(self, answer: Any) -> None:
        for number in range(4):
            self.send(f"to{number}@example.com")
        self.ses.answer = answer
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(set(entries().values_list("state", "failures")), {(State.WAITING, 0)})
        pause = Pause._default_manager.get()
        self.assertEqual((pause.lane, pause.scope), ("", "service"))
        self.ses.answer = self.ses.accept
        self.clock.pass_by(61)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(Pause._default_manager.count(), 0)
        self.assertEqual((set(self.ses.got.values()), len(self.ses.got)), ({1}, 4))

    def test_no_connection(self) -> None:
        params = self.with_anymail()["AMAZON_SES_CLIENT_PARAMS"]
        nobody = {**params, "endpoint_url": "http://127.0.0.1:9"}
        self.send()
        with self.settings(ANYMAIL=self.with_anymail(AMAZON_SES_CLIENT_PARAMS=nobody)):
            self.deliver()
        entry = entries().get()
        self.assertEqual((entry.state, entry.failures), (State.WAITING, 0))
        self.clock.pass_by(10)
        self.deliver()
        self.assertEqual((self.state(), len(self.ses.accepted)), (State.SENT, 1))


class TroubleTests(FaultTestCase):
    """The account's trouble, or the sender's."""

    def setUp(self) -> None:
        super().setUp()
        self.signals: list[tuple[str, str]] = []
        sending_paused.connect(self.on_paused)
        sending_resumed.connect(self.on_resumed)
        self.addCleanup(sending_paused.disconnect, self.on_paused)
        self.addCleanup(sending_resumed.disconnect, self.on_resumed)

    def on_paused(self, pause: Pause, **kwargs: Any) -> None:
        self.signals.append(("paused", pause.lane))

    def on_resumed(self, pause: Pause, **kwargs: Any) -> None:
        self.signals.append(("resumed", pause.lane))

    def test_it_pauses_and_goes_on_by_itself(self) -> None:
        for name, (code, text, status, lane) in TROUBLES.items():
            with self.subTest(name):
                entries().delete()
                self.signals.clear()
                self.ses.calls.clear()
                self.ses.accepted.clear()
                self.check(refusing(code, text, status), lane)

    def check(self, answer: Any, lane: str) -> None:
        self.ses.answer = answer
        for number in range(20):
            self.send(f"to{number}@example.com")
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(set(entries().values_list("state", "failures")), {(State.WAITING, 0)})
        self.assertEqual(Pause._default_manager.get().lane, lane)
        for minute in range(3):
            calls = len(self.ses.calls)
            self.deliver()
            self.assertEqual(len(self.ses.calls), calls, f"Not before a minute, {minute}")
            self.clock.pass_by(61)
            self.deliver()
            self.assertEqual(len(self.ses.calls), calls + 1, f"One probe a minute, {minute}")
        self.assertEqual(set(entries().values_list("state", "failures")), {(State.WAITING, 0)})
        self.ses.answer = self.ses.accept
        self.clock.pass_by(61)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(set(entries().values_list("state", flat=True)), {State.SENT})
        self.assertEqual((set(self.ses.got.values()), len(self.ses.got)), ({1}, 20))
        self.assertEqual(self.signals, [("paused", lane), ("resumed", lane)])

    def test_other_lanes_go_on(self) -> None:
        def answer(call: Call) -> Answer:
            if "bad.example" in call.to[0]:
                return 400, v1_error("MessageRejected", UNVERIFIED)
            return self.ses.accept(call)

        self.ses.answer = answer
        for number in range(5):
            self.send(f"to{number}@bad.example", from_email="from@bad.example", priority=50)
            self.send(f"to{number}@example.com")
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        found = set(entries().values_list("lane", "state"))
        self.assertEqual(found, {("bad.example", State.WAITING), ("example.com", State.SENT)})

    def test_a_lane_and_the_account_at_the_same_time(self) -> None:
        self.ses.answer = refusing("MessageRejected", UNVERIFIED)
        self.send()
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.ses.answer = refusing("AccountSendingPausedException")
        self.send("b@example.net", from_email="from@example.net")
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        entries().filter(lane="example.net").delete()
        self.assertEqual(Pause._default_manager.count(), 2)
        self.ses.answer = self.ses.accept
        with self.assertLogs("anymail.outbox", "WARNING"):
            for _ in range(4):
                self.clock.pass_by(61)
                self.deliver()
                self.send(f"{_}@example.com")
        self.deliver()
        self.assertEqual(set(entries().values_list("state", flat=True)), {State.SENT})
        self.assertEqual(Pause._default_manager.count(), 0)

    def test_a_person_who_pauses_everything_pauses_probes_of_lanes_too(self) -> None:
        self.ses.answer = refusing("MessageRejected", UNVERIFIED)
        self.send()
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
            outbox.pause(self.mailer(), by="Ann")
        calls = len(self.ses.calls)
        self.clock.pass_by(3600)
        self.deliver()
        self.assertEqual(len(self.ses.calls), calls)

    def test_a_probe_does_not_end_the_pause_of_a_person(self) -> None:
        self.ses.answer = refusing("AccountSendingPausedException")
        self.send()
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.ses.answer = self.ses.accept
        self.clock.pass_by(61)
        worker = self.posted()
        outbox.pause(self.mailer(), by="Ann")
        self.work(worker, may_claim=False)
        self.assertEqual((self.state(), Pause._default_manager.get().by), (State.SENT, "Ann"))

    def test_credentials_that_are_missing(self) -> None:
        self.send()
        params = {"endpoint_url": self.ses.url, "region_name": "us-east-1"}
        with self.settings(ANYMAIL=self.with_anymail(AMAZON_SES_CLIENT_PARAMS=params)):
            environment = {
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
                "AWS_CONFIG_FILE": "/nonexistent",
            }
            patched = mock.patch.dict(os.environ, environment)
            with patched, self.assertLogs("anymail.outbox", "WARNING"):
                self.deliver()
        entry = entries().get()
        self.assertEqual((entry.state, entry.failures), (State.WAITING, 0))
        self.assertEqual(Pause._default_manager.get().scope, "account")
        self.clock.pass_by(61)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(self.state(), State.SENT)


class TenantTests(FaultTestCase):
    path = V2

    def test_a_tenant_that_is_not_associated_pauses_its_own_lane(self) -> None:
        def answer(call: Call) -> Any:
            if call.form["TenantName"] == "bad":
                return v2_error(400, "AccessDeniedException", "Tenant not associated with identity")
            return self.ses.accept(call)

        self.ses.answer = answer
        for number in range(3):
            self.send(f"bad{number}@example.com", tenant="bad", priority=10)
            self.send(f"good{number}@example.com", tenant="good")
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(
            set(entries().values_list("lane", "state", "failures")),
            {
                ("example.com, tenant bad", State.WAITING, 0),
                ("example.com, tenant good", State.SENT, 0),
            },
        )


class RefusedTests(FaultTestCase):
    def refuse_one(self, call: Call) -> Answer:
        if call.to == ["bad@example.com"]:
            return 400, v1_error("InvalidParameterValue", "Missing final '@domain'")
        return self.ses.accept(call)

    def test_only_that_message_fails(self) -> None:
        self.ses.answer = self.refuse_one
        bad = self.send("bad@example.com", priority=100)
        others = [self.send(f"to{number}@example.com") for number in range(20)]
        with self.assertLogs("anymail.outbox", "WARNING"):
            counts = self.deliver()
        self.assertEqual((counts.sent, counts.failed), (20, 1))
        self.assertEqual({self.state(pk) for pk in others}, {State.SENT})
        self.assertEqual((self.state(bad), len(self.ses.calls)), (State.FAILED, 21))

    def test_it_keeps_its_content_and_can_be_sent_again(self) -> None:
        self.ses.answer = self.refuse_one
        bad = self.send("bad@example.com")
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        entry = entries().get()
        self.assertEqual((entry.error_code, entry.scope), ("InvalidParameterValue", "recipient"))
        self.assertIsNotNone(entry.content)
        self.ses.answer = self.ses.accept
        self.assertTrue(outbox.send_again(bad))
        self.deliver()
        self.assertEqual(
            (self.state(), self.statuses()), (State.SENT, {"bad@example.com": "queued"})
        )
        self.assertIsNone(entries().get().content)
        self.assertFalse(outbox.send_again(bad))


class SplitTests(FaultTestCase):
    """Messages of several calls, each to 50 recipients."""

    anymail = {"AMAZON_SES_SPLIT_RECIPIENTS": True, "AMAZON_SES_MAX_CONCURRENCY": 1}
    to = [f"to{number}@example.com" for number in range(1000)]

    def begun(self, calls: int, to: list[str]) -> Channel:
        """A worker that has posted some calls."""
        self.send(*to)
        worker = self.claimed()
        for number in range(calls):
            while len(self.ses.accepted) <= number:
                worker.step(may_claim=False)
                time.sleep(0.005)
        self.wait_until(lambda: not worker.posted)
        return worker

    def test_a_crash_in_the_middle_sends_only_to_those_not_yet_begun(self) -> None:
        self.begun(7, self.to)
        self.doubt()
        self.deliver()
        self.assertEqual(self.ses.got, dict.fromkeys(self.to, 1))
        unproven = [address for address, status in self.statuses().items() if status == "unknown"]
        self.assertLessEqual(len(unproven), 50)
        self.assertEqual(self.state(), State.IN_DOUBT)
        for call in list(self.ses.accepted):
            self.post_event(call)
        self.assertEqual((self.state(), set(self.statuses().values())), (State.SENT, {"queued"}))
        sent_as = {address: call.id for call in self.ses.accepted for address in call.to}
        self.assertEqual(self.message_ids(), sent_as)

    def test_one_that_is_cancelled_and_sent_again_goes_to_nobody_in_doubt(self) -> None:
        self.begun(2, self.to[:200])
        self.doubt()
        pk = entries().get().pk
        self.assertTrue(outbox.cancel(pk))
        self.assertTrue(outbox.send_again(pk))
        self.deliver()
        self.assertEqual(self.ses.got, dict.fromkeys(self.to[:200], 1))
        self.assertEqual(self.state(), State.IN_DOUBT)

    def test_events_prove_only_those_that_they_name(self) -> None:
        self.begun(3, self.to[:150])
        self.doubt()
        self.post_event(self.ses.accepted[1])
        proven = {address for address, status in self.statuses().items() if status == "queued"}
        self.assertLessEqual(set(self.ses.accepted[1].to), proven)
        self.assertEqual(self.statuses()[self.ses.accepted[2].to[0]], "unknown")
        self.assertEqual(self.state(), State.IN_DOUBT)

    def test_an_event_that_names_nobody_does_not_settle_those_who_wait(self) -> None:
        self.begun(1, self.to[:100])
        found = parse_tag(self.ses.accepted[0].tag)
        assert found
        prove(*found, {"": Result(verdict=Verdict.ACCEPTED, message_id="m-1")})
        self.assertEqual(self.statuses()[self.to[99]], "")

    def test_trouble_of_the_account_in_the_middle(self) -> None:
        def answer(call: Call) -> Answer:
            if len(self.ses.accepted) >= 5:
                return 400, v1_error("AccountSendingPausedException", "Paused.")
            return self.ses.accept(call)

        self.ses.answer = answer
        self.send(*self.to)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(self.state(), State.WAITING)
        self.assertLess(len(self.ses.calls), 13, "It goes on though everything is refused.")
        self.ses.answer = self.ses.accept
        self.clock.pass_by(61)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual((self.state(), self.ses.got), (State.SENT, dict.fromkeys(self.to, 1)))


class BulkTests(FaultTestCase):
    def test_statuses_of_single_recipients(self) -> None:
        to = [f"to{number}@example.com" for number in range(6)]
        failed = {
            to[1]: "AccountThrottled",
            to[2]: "InvalidParameterValue",
            to[3]: "TransientFailure",
        }

        def answer(call: Call) -> Answer:
            self.ses.accepted.append(call)
            return bulk_answer(call, {a: s for a, s in failed.items() if len(call.to) == 6})

        self.ses.answer = answer
        self.send(*to, template_id="t", merge_data={address: {} for address in to})
        self.deliver()
        self.assertEqual((self.state(), entries().get().failures), (State.WAITING, 0))
        self.clock.pass_by(3600)
        self.deliver()
        self.assertEqual([set(call.to) for call in self.ses.calls], [set(to), {to[1], to[3]}])
        self.assertEqual(self.state(), State.SENT)
        self.assertEqual(self.statuses(), {**dict.fromkeys(to, "queued"), to[2]: "failed"})

    def test_a_thousand_recipients_and_a_crash(self) -> None:
        to = [f"to{number}@example.com" for number in range(1000)]
        self.send(*to, template_id="t", merge_data={address: {} for address in to})
        worker = self.claimed()
        while len(self.ses.accepted) < 8:
            worker.step(may_claim=False)
        self.wait_until(lambda: not worker.posted)
        self.doubt()
        self.deliver()
        self.assertEqual(set(self.ses.got.values()), {1})
        for call in list(self.ses.accepted):
            for position, address in enumerate(call.to):
                self.post_event(replace(call, id=f"{call.id}-{position}"), to=[address])
        self.assertEqual((self.state(), len(self.ses.got)), (State.SENT, 1000))


class ReceiverTests(FaultTestCase):
    def connect(self, signal: Any, receiver: Any) -> None:
        signal.connect(receiver)
        self.addCleanup(signal.disconnect, receiver)

    def test_pre_send_cancels(self) -> None:
        def cancel(sender: Any, message: Any, **kwargs: Any) -> None:
            if message.to == ["a@example.com"]:
                raise AnymailCancelSend

        self.connect(pre_send, cancel)
        one, other = self.send("a@example.com"), self.send("b@example.com")
        counts = self.deliver()
        self.assertEqual((self.state(one), self.state(other)), (State.CANCELLED, State.SENT))
        self.assertEqual((counts.cancelled, counts.sent), (1, 1))

    def test_pre_send_raises(self) -> None:
        def fail(sender: Any, message: Any, **kwargs: Any) -> None:
            if message.to == ["a@example.com"]:
                raise OSError("no route to the address book")

        self.connect(pre_send, fail)
        one, other = self.send("a@example.com", priority=50), self.send("b@example.com")
        self.check_given_up(one)
        self.assertEqual(self.state(other), State.SENT)

    def test_an_error_that_no_database_can_hold(self) -> None:
        def fail(sender: Any, **kwargs: Any) -> None:
            raise OSError("\0 and half a \ud83d")

        self.connect(pre_send, fail)
        entry_id = self.send()
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        self.assertEqual(entries().get(pk=entry_id).error, "\ufffd and half a \ufffd")

    def check_given_up(self, entry_id: Any) -> None:
        """It is tried a few times, later and later, and then fails with a text."""
        for failures in (1, 2, 3):
            with self.assertLogs("anymail.outbox", "WARNING"):
                self.deliver()
            entry = entries().get(pk=entry_id)
            self.assertEqual(entry.failures, failures)
            self.assertEqual(entry.state, State.FAILED if failures == 3 else State.WAITING)
            self.assertTrue(entry.error)
            self.clock.pass_by(3600)
        self.deliver()
        self.assertEqual(entries().get(pk=entry_id).state, State.FAILED)
        self.assertIsNotNone(entries().get(pk=entry_id).content)

    def test_post_send_raises(self) -> None:
        def fail(sender: Any, **kwargs: Any) -> None:
            raise ZeroDivisionError

        self.connect(post_send, fail)
        self.send("a@example.com")
        self.send("b@example.com")
        with self.assertLogs("anymail.outbox", "ERROR"):
            counts = self.deliver()
        self.assertEqual(counts.sent, 2)
        self.assertEqual(self.ses.got, {"a@example.com": 1, "b@example.com": 1})

    def test_post_send_is_sent_for_each_message_even_if_a_pause_cannot_be_written(self) -> None:
        seen: list[str] = []

        def note(sender: Any, message: Any, **kwargs: Any) -> None:
            seen.append(message.to[0])

        self.connect(post_send, note)
        for address in ("a@example.com", "b@example.com", "c@example.com"):
            self.send(address)
        real, failures = followup.pause_for, [OperationalError("gone")]

        def pause_for(*args: Any) -> None:
            if failures:
                raise failures.pop()
            real(*args)

        failing = mock.patch.object(followup, "pause_for", pause_for)
        with failing, self.assertLogs("anymail.outbox", "WARNING"):
            counts = self.deliver()
        self.assertEqual((sorted(seen), counts.sent), ([f"{x}@example.com" for x in "abc"], 3))
