"""The outbox delivers with the e-mail backends of Django and of other packages, too."""

from __future__ import annotations

from email.header import decode_header, make_header
from typing import Any

import django
from django.core import mail
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend
from django.test import override_settings

from anymail import outbox
from anymail.exceptions import AnymailAPIError
from anymail.message import AnymailMessage, AnymailRecipientStatus
from anymail.outbox.models import Pause, Recipient, State
from anymail.signals import post_send, pre_send, recipients_resolved

from ..backends.test_backends import connected
from . import OUTBOX, OutboxTransactionTestCase, use_outbox
from .loopback_smtp import loopback_smtp

SMTP = "django.core.mail.backends.smtp.EmailBackend"
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


class Failing(BaseEmailBackend):
    """Raises, or returns, what a test says."""

    opening: Exception | None = None
    sending: Any = None

    def open(self) -> bool:
        if self.opening is not None:
            raise self.opening
        return True

    def close(self) -> None:
        raise ConnectionResetError

    def send_messages(self, email_messages: Any) -> Any:
        if isinstance(self.sending, Exception):
            raise self.sending
        return self.sending


class OwnSmtp(smtp.EmailBackend):
    """A class of another package, which could send a message in parts."""


class OtherBackendTestCase(OutboxTransactionTestCase):
    def send(self, **kwargs: Any) -> Any:
        message = AnymailMessage(
            "Hello", "Text", "from@example.com", **{"to": ["to@example.com"], **kwargs}
        )
        message.send()
        return message

    def deliver(self) -> outbox.Counts:
        return outbox.deliver(until_empty=True, max_seconds=60)

    def deliver_in_vain(self) -> None:
        """Deliver; the log says what is wrong."""
        with self.assertLogs("anymail.outbox", "INFO"):
            self.deliver()

    def statuses(self) -> dict[str, str]:
        return dict(Recipient._default_manager.values_list("address", "status"))


@use_outbox(LOCMEM)
class SignalTests(OtherBackendTestCase):
    def test_all_signals_are_sent(self) -> None:
        self.send()
        seen: list[Any] = []

        def receive(signal: Any, esp_name: str, **kwargs: Any) -> None:
            seen.append((signal, esp_name, kwargs["message"].subject))

        with (
            connected(pre_send, receive),
            connected(recipients_resolved, receive),
            connected(post_send, receive),
        ):
            self.deliver()
        signals = (pre_send, recipients_resolved, post_send)
        self.assertEqual(seen, [(signal, "Other", "Hello") for signal in signals])

    def test_post_send_gets_the_statuses(self) -> None:
        self.send()
        seen: list[Any] = []
        with connected(post_send, lambda status, **_: seen.append(status.recipients)):
            self.deliver()
        self.assertEqual(seen, [{"to@example.com": AnymailRecipientStatus(None, "sent")}])

    def test_who_is_suppressed_gets_nothing(self) -> None:
        self.send(to=["Ann <ann@example.com>", "bob@example.com"], cc=["cy@example.com"])

        def suppress(message: Any, **kwargs: Any) -> None:
            rejected = AnymailRecipientStatus(None, "rejected")
            message.anymail_status.set_recipient_status({"bob@example.com": rejected})

        with connected(recipients_resolved, suppress):
            self.assertEqual(self.deliver().sent, 1)
        [sent] = mail.outbox
        self.assertEqual(sent.recipients(), ["Ann <ann@example.com>", "cy@example.com"])
        self.assertEqual(
            self.statuses(),
            {"ann@example.com": "sent", "bob@example.com": "rejected", "cy@example.com": "sent"},
        )

    def test_attributes_of_anymail_stay_on_the_message(self) -> None:
        self.send(tags=["receipt"])
        self.deliver()
        [sent] = mail.outbox
        self.assertEqual(sent.tags, ["receipt"])  # type: ignore[attr-defined]


class SmtpTests(OtherBackendTestCase):
    def setUp(self) -> None:
        super().setUp()
        with_server = loopback_smtp()
        self.server = with_server.__enter__()
        self.addCleanup(with_server.__exit__, None, None, None)
        self.use(SMTP)

    def use(self, path: str) -> None:
        options = {"host": "127.0.0.1", "port": self.server.port}
        if django.VERSION < (6, 1):
            named = {f"EMAIL_{name.upper()}": value for name, value in options.items()}
            settings = override_settings(
                EMAIL_BACKEND=OUTBOX, ANYMAIL={"OUTBOX_BACKEND": path}, **named
            )
        else:
            mailers = {
                "default": {"BACKEND": OUTBOX, "OPTIONS": {"mailer": "smtp"}},
                "smtp": {"BACKEND": path, "OPTIONS": options},
            }
            settings = override_settings(MAILERS=mailers)
        settings.enable()
        self.addCleanup(settings.disable)

    def outcome(self, **answers: str) -> tuple[str, str, str]:
        """What becomes of a message, with its error."""
        self.server.answers = answers
        self.send()
        self.deliver_in_vain()
        entry = self.entry()
        return entry.state, entry.error_code, entry.error

    def test_a_message_arrives(self) -> None:
        self.send(to=["Anné <ann@example.com>"], bcc=["bob@example.com"])
        self.send()
        self.assertEqual(self.deliver().sent, 2)
        self.assertEqual(
            self.server.to, [["ann@example.com", "bob@example.com"], ["to@example.com"]]
        )
        first = self.server.mails[0]
        shown = str(make_header(decode_header(first["To"])))
        self.assertEqual((shown, first["Bcc"]), ("Anné <ann@example.com>", None))

    def test_no_answer_leaves_it_in_doubt(self) -> None:
        state, code, _ = self.outcome(**{".": ""})
        self.assertEqual((state, code), (State.IN_DOUBT, "SMTPServerDisconnected"))
        self.assertEqual(len(self.server.to), 1)
        self.assertEqual(self.statuses(), {"to@example.com": "unknown"})

    def test_what_the_server_refuses_has_failed(self) -> None:
        state, code, text = self.outcome(RCPT="550 no such user: to@example.com")
        self.assertEqual((state, code), (State.FAILED, "SMTPRecipientsRefused"))
        self.assertIn("***@example.com", text)
        self.assertNotIn("to@example.com", text)

    def test_so_does_a_refused_message(self) -> None:
        self.assertEqual(self.outcome(**{".": "554 spam"})[:2], (State.FAILED, "SMTPDataError"))
        self.assertEqual(self.statuses(), {"to@example.com": "failed"})

    def test_what_is_refused_for_now_is_tried_again(self) -> None:
        state, code, _ = self.outcome(**{".": "451 try again later"})
        self.assertEqual((state, code), (State.WAITING, "SMTPDataError"))
        self.assertEqual(self.entry().failures, 1)
        outbox.reschedule(self.entry().pk, self.entry().created_at)
        self.server.answers.clear()
        self.assertEqual(self.deliver().sent, 1)

    def test_another_class_may_have_sent_a_part(self) -> None:
        self.use(f"{__name__}.OwnSmtp")
        self.assertEqual(self.outcome(**{".": "451 try again later"})[0], State.IN_DOUBT)

    def test_a_server_that_is_away_is_not_the_messages_failure(self) -> None:
        state, code, _ = self.outcome(**{"": ""})
        self.assertEqual((state, code), (State.WAITING, "SMTPServerDisconnected"))
        self.assertEqual((self.entry().scope, self.entry().failures), ("service", 0))


@use_outbox(f"{__name__}.Failing")
class FailingTests(OtherBackendTestCase):
    def state(self, opening: Exception | None = None, sending: Any = None) -> str:
        Failing.opening, Failing.sending = opening, sending
        self.addCleanup(setattr, Failing, "opening", None)
        self.send()
        self.deliver_in_vain()
        state: str = self.entry().state
        return state

    def test_an_unknown_error_leaves_it_in_doubt(self) -> None:
        state = self.state(sending=RuntimeError("to@example.com has it, perhaps"))
        self.assertEqual(state, State.IN_DOUBT)
        self.assertEqual(self.entry().error, "RuntimeError: ***@example.com has it, perhaps")

    def test_an_unknown_error_before_there_is_a_connection_pauses_the_mailer(self) -> None:
        self.assertEqual(self.state(opening=RuntimeError("no password")), State.WAITING)
        self.assertEqual(Pause._default_manager.get().reason, "RuntimeError: no password")

    def test_a_backend_that_sends_with_one_of_ours_knows_better(self) -> None:
        refused = AnymailAPIError("refused", error_code="MessageRejected", is_unsent=True)
        self.assertEqual(self.state(sending=refused), State.FAILED)

    def test_a_backend_that_says_that_it_sent_nothing_leaves_it_in_doubt(self) -> None:
        self.assertEqual(self.state(sending=0), State.IN_DOUBT)

    def test_one_that_says_nothing_has_sent_it_and_may_fail_to_close(self) -> None:
        self.send()
        Failing.sending = None
        self.assertEqual(self.deliver().sent, 1)
