"""run_outbox() and the assertions about stored messages."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from typing import Any

from django.apps import apps
from django.core import mail
from django.core.mail import EmailMessage
from django.db import transaction
from django.test import SimpleTestCase, modify_settings, override_settings
from django.utils import timezone

from anymail import outbox
from anymail.exceptions import AnymailAPIError, AnymailConfigurationError
from anymail.message import AnymailMessage
from anymail.signals import post_send, pre_send
from anymail.testing import (
    assert_not_stored,
    assert_sent,
    assert_stored,
    run_outbox,
    sent_messages,
    stored_messages,
)

from ..backends.test_backends import connected
from ..local_ses import local_ses
from ..ses import CREDENTIALS, V2
from ..test_testing_sent import failure
from . import OutboxTestCase, OutboxTransactionTestCase, use_outbox

TOMORROW = timedelta(days=1)


def send(**kwargs: Any) -> AnymailMessage:
    defaults = {"subject": "Hi", "from_email": "shop@example.com", "to": ["ann@example.com"]}
    message = AnymailMessage(**{**defaults, **kwargs})
    message.send()
    return message


class NotStoredTests(OutboxTestCase):
    def test_a_message_that_is_not_stored_has_no_id_and_cannot_be_cancelled(self) -> None:
        message = send()  # with the backend of Django's test runner
        self.assertIsNone(message.outbox_id)
        self.assertFalse(outbox.cancel(message.outbox_id))


@use_outbox()
class BatchTests(OutboxTestCase):
    """The functions see the messages of a batch as they will be sent."""

    def stored(self) -> Any:
        message = AnymailMessage(from_email="news@example.com", template_id="news", tags=["news"])
        to = [("ann@example.com", {"name": "Ann"}), "ben@example.com", "nobody"]
        return outbox.send_many(message, to, name="news/1")

    def test_a_call_is_a_message(self) -> None:
        self.stored()
        message = assert_stored(to="ann@example.com", template_id="news", tags=["news"], count=1)
        self.assertEqual(message.to, ["ann@example.com", "ben@example.com"])
        self.assertEqual(vars(message)["merge_data"], {"ann@example.com": {"name": "Ann"}})
        self.assertEqual(vars(message)["priority"], -50)

    def test_it_is_sent_and_counted(self) -> None:
        batch = self.stored()
        self.assertEqual(run_outbox().sent, 1)
        assert_sent(to="ann@example.com", template_id="news", tags=["news"])
        batch.refresh_from_db()
        self.assertEqual((batch.state, batch.sent, batch.invalid), ("done", 2, 1))
        assert_stored(to="ann@example.com", state="sent")


@use_outbox()
class RunTests(OutboxTestCase):
    def test_it_sends_everything_that_is_due(self) -> None:
        for number in range(120):  # more than one claim
            send(subject=f"Number {number}")
        counts = run_outbox()
        self.assertEqual((counts.claimed, counts.sent), (120, 120))
        self.assertEqual(len(sent_messages()), 120)
        self.assertEqual(run_outbox(), outbox.Counts())

    def test_what_is_for_later_waits(self) -> None:
        send(send_at=timezone.now() + TOMORROW)
        self.assertEqual(run_outbox(), outbox.Counts())
        self.assertEqual(self.entry().state, "waiting")

    def test_until_it_is_time(self) -> None:
        now = timezone.now()
        send(subject="Tomorrow", send_at=now + TOMORROW)
        send(subject="In a week", send_at=now + 7 * TOMORROW)
        self.assertEqual(run_outbox(until=now + 2 * TOMORROW).sent, 1)
        assert_sent(subject="Tomorrow", count=1)
        assert_stored(subject="In a week", count=1)
        self.assertEqual(run_outbox(until=now + 7 * TOMORROW).sent, 1)

    def test_each_is_sent_as_if_it_were_its_time(self) -> None:
        now = timezone.now()
        seen = []

        def note(message: Any, **kwargs: Any) -> None:
            seen.append((message.subject, timezone.now()))

        send(subject="Late", send_at=now + 2 * TOMORROW, expires_at=now + 3 * TOMORROW)
        send(subject="Early", send_at=now + TOMORROW, expires_at=now + 1.5 * TOMORROW)
        with connected(pre_send, note):
            self.assertEqual(run_outbox(until=now + 9 * TOMORROW).sent, 2)
        self.assertEqual([subject for subject, _ in seen], ["Early", "Late"])
        for (_, at), wanted in zip(seen, (now + TOMORROW, now + 2 * TOMORROW), strict=True):
            self.assertLess(abs(at - wanted), timedelta(hours=1))
        self.assertLess(timezone.now(), now + timedelta(hours=1))

    def test_what_expires_until_then_is_not_sent(self) -> None:
        now = timezone.now()
        with self.assertLogs("anymail.outbox.pausing"):
            outbox.pause("ses" if hasattr(mail, "mailers") else "default", by="test")
        send(expires_at=now + TOMORROW)
        self.assertEqual(run_outbox(until=now + 2 * TOMORROW), outbox.Counts(expired=1))

    def test_until_takes_what_send_at_takes(self) -> None:
        later = timezone.now() + 3 * TOMORROW
        for until in (date.today() + 3 * TOMORROW, later.timestamp(), datetime.now() + TOMORROW):
            send(send_at=timezone.now() + timedelta(hours=1))
            self.assertEqual(run_outbox(until=until).sent, 1)
        wrong: Any = TOMORROW
        with self.assertRaisesMessage(TypeError, "until must be a datetime, a date or"):
            run_outbox(until=wrong)

    def test_a_time_that_is_over_is_now(self) -> None:
        send()
        self.assertEqual(run_outbox(until=timezone.now() - TOMORROW).sent, 1)

    def test_what_fails_for_the_moment_is_tried_again_until_then(self) -> None:
        def fail_once(message: Any, **kwargs: Any) -> None:
            if not failed:
                failed.append(message)
                raise AnymailAPIError("Throttling", is_transient=True, is_unsent=True)

        failed: list[Any] = []
        send()
        with self.assertNoLogs("anymail", "WARNING"), connected(pre_send, fail_once):
            self.assertEqual(run_outbox().postponed, 1)
            self.assertEqual(run_outbox(until=timezone.now() + TOMORROW).sent, 1)

    def test_what_receivers_send_is_sent_too(self) -> None:
        def answer(message: Any, **kwargs: Any) -> None:
            if message.subject == "Question":
                send(subject="Answer")

        send(subject="Question")
        with connected(post_send, answer):
            self.assertEqual(run_outbox().sent, 2)
        assert_sent(subject="Answer")

    def test_it_does_not_run_in_a_transaction_of_the_test(self) -> None:
        with self.assertRaisesMessage(RuntimeError, "within a transaction"), transaction.atomic():
            run_outbox()


class RateTests(OutboxTransactionTestCase):
    def test_it_keeps_no_send_rate(self) -> None:
        with local_ses() as ses:
            client = {"endpoint_url": ses.url, **CREDENTIALS}
            rates = {"AMAZON_SES_MAX_SEND_RATE": 0.1, "AMAZON_SES_RATE_LIMIT_CACHE": "default"}
            for anymail in ({}, {"AMAZON_SES_MAX_SEND_RATE": 0.1}, rates):
                with (
                    self.subTest(anymail),
                    use_outbox(V2, AMAZON_SES_CLIENT_PARAMS=client, **anymail),
                ):
                    for _ in range(5):
                        send()
                    began = time.monotonic()
                    self.assertEqual(run_outbox().sent, 5)
                    self.assertLess(time.monotonic() - began, 20)  # at the rate: 40 s


@use_outbox()
class AssertionTests(OutboxTestCase):
    def test_the_conditions_are_those_of_assert_sent(self) -> None:
        message = send(
            subject="Your order 1042",
            body="Thank you",
            cc=["bob@example.com"],
            tags=["order"],
            metadata={"order": 1042},
            template_id=None,
        )
        found = assert_stored(
            to="ann@example.com",
            cc=["bob@example.com"],
            from_email="shop@example.com",
            subject="Your order 1042",
            contains="Thank you",
            tags="order",
            metadata={"order": 1042},
            template_id=None,
            count=1,
        )
        self.assertEqual(vars(found)["outbox_id"], vars(message)["outbox_id"])
        for other in ({"to": "bob@example.com"}, {"tags": "other"}, {"template_id": "welcome"}):
            assert_not_stored(**other)  # type: ignore[arg-type]

    def test_when_and_how_it_is_sent(self) -> None:
        tomorrow = timezone.now() + TOMORROW
        given: dict[str, Any] = {
            "send_at": tomorrow,
            "priority": 50,
            "expires_at": tomorrow + TOMORROW,
            "idempotency_key": "order/17",
            "on_doubt": "resend",
        }
        send(**given)
        assert_stored(**given)
        for name, value in {
            "send_at": tomorrow + TOMORROW,
            "priority": 0,
            "expires_at": None,
            "idempotency_key": None,
            "on_doubt": "hold",
        }.items():
            with self.subTest(name):
                assert_not_stored(**{name: value})  # type: ignore[arg-type]

    def test_what_is_not_given_is_urgent_for_nobody_and_sent_at_once(self) -> None:
        send()
        assert_stored(
            send_at=None, priority=0, expires_at=None, idempotency_key=None, on_doubt="hold"
        )

    def test_only_what_waits_counts_unless_another_state_is_wanted(self) -> None:
        message = send()
        outbox.cancel(vars(message)["outbox_id"])
        assert_not_stored()
        assert_stored(state="cancelled", subject="Hi")
        assert_stored(state=None, subject="Hi")
        with self.assertRaisesMessage(ValueError, "state must be one of waiting, claimed"):
            assert_stored(state="canceled")

    def test_a_message_that_is_sent_still_has_its_subject_and_recipients(self) -> None:
        send(bcc=["bob@example.com"], idempotency_key="order/17")
        run_outbox()
        found = assert_stored(
            state="sent", subject="Hi", to="ann@example.com", idempotency_key="order/17"
        )
        self.assertEqual((found.cc, found.bcc), ([], ["bob@example.com"]))

    def test_the_order_is_that_of_storing(self) -> None:
        for subject in "abc":
            send(subject=subject)
        self.assertEqual([message.subject for message in stored_messages()], ["a", "b", "c"])
        self.assertEqual([message.subject for message in stored_messages(subject="b")], ["b"])

    def test_large_attachments_are_read_from_the_storage(self) -> None:
        memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
        with override_settings(STORAGES={"anymail": memory}):
            send(attachments=[("big.bin", b"x" * 100_000, "application/octet-stream")])
            found = assert_stored(attachments=["big.bin"])
            self.assertEqual(len(found.attachments[0][1]), 100_000)  # type: ignore[arg-type,index]

    def test_django_messages_are_stored_too(self) -> None:
        EmailMessage("Hi", "Hello", None, ["ann@example.com"]).send()
        assert_stored(subject="Hi", from_email="webmaster@example.com", contains="Hello")

    def test_the_text_says_what_is_stored_instead(self) -> None:
        send(subject="Welcome", tags=["greeting"])
        outbox.cancel(vars(send(subject="Password"))["outbox_id"])
        text = failure(assert_stored, subject="Welcome", tags=["welcome"])
        self.assertEqual(
            text,
            "No message was stored with\n"
            "    state = 'waiting'\n"
            "    subject = 'Welcome'\n"
            "    tags = ['welcome']\n"
            "Stored instead, the closest first:\n"
            "  waiting: 'Welcome' to ann@example.com\n"
            "    tags: has ['greeting']\n"
            "  cancelled: 'Password' to ann@example.com\n"
            "    state: has 'cancelled'\n"
            "    subject: has 'Password'\n"
            "    tags: has none",
        )
        self.assertIn("1 message was stored with", failure(assert_not_stored, subject="Welcome"))
        self.assertIn("1 message was stored instead of 2", failure(assert_stored, count=2))

    def test_an_empty_outbox_is_explained(self) -> None:
        self.assertIn("The outbox has no messages. Django's test runner", failure(assert_stored))

    def test_wrong_arguments(self) -> None:
        with self.assertRaisesMessage(TypeError, "'form_email' is not a condition"):
            assert_stored(form_email="a@b.example")  # type: ignore[call-arg]
        with self.assertRaisesMessage(ValueError, "use assert_not_stored()"):
            assert_stored(count=0)


class WithoutTheAppTests(SimpleTestCase):
    def test_the_functions_say_what_is_missing(self) -> None:
        with modify_settings(INSTALLED_APPS={"remove": ["tests.outbox.DisconnectedOutbox"]}):
            self.assertFalse(apps.is_installed("anymail.outbox"))
            for function in (run_outbox, assert_stored, assert_not_stored, stored_messages):
                with self.assertRaisesMessage(AnymailConfigurationError, "to INSTALLED_APPS"):
                    function()

    def test_importing_anymail_testing_imports_nothing_of_the_outbox(self) -> None:
        code = (
            "import sys, anymail.testing\n"
            "print(*(name for name in sys.modules if name.startswith('anymail.outbox')))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        self.assertEqual(done.stdout.strip(), "")
