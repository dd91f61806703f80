"""The backend that prints instead of sending."""

from __future__ import annotations

import contextlib
import io
import uuid
import warnings
from datetime import datetime, timezone
from unittest import mock

from django.core import mail
from django.core.mail import send_mail
from django.test import SimpleTestCase, override_settings

from anymail.backends.console import EmailBackend
from anymail.exceptions import AnymailInvalidAddress, AnymailSerializationError
from anymail.outgoing import FEATURES

from ..ses import BODY, simple_message, use_backend
from .test_test import received

PATH = "anymail.backends.console.EmailBackend"


def printed(*messages, **options) -> str:
    stream = io.StringIO()
    EmailBackend(stream=stream, **options).send_messages(messages)
    return stream.getvalue()


class ConsoleTests(SimpleTestCase):
    def test_the_mime_is_printed(self):
        text = printed(simple_message(subject="Hello"))
        self.assertIn("Subject: Hello", text)
        self.assertIn("To: to@example.com", text)
        self.assertIn(f"\n{BODY}", text)

    def test_a_message_whose_template_brings_subject_and_body_is_printed(self):
        message = simple_message(template_id="welcome")
        message.subject = message.body = None
        self.assertIn("template_id: 'welcome'", printed(message))

    def test_text_that_cannot_be_encoded_is_an_error_of_the_message(self):
        for name in ("subject", "body"):
            with self.subTest(name), self.assertRaises(AnymailSerializationError):
                printed(simple_message(**{name: "\ud800"}))

    def test_it_prints_to_standard_output_at_the_time_of_sending(self):
        backend = EmailBackend()
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            backend.send_messages([simple_message(subject="Hello")])
        self.assertIn("Subject: Hello", stream.getvalue())

    def test_messages_are_kept_apart(self):
        text = printed(simple_message(), simple_message())
        self.assertEqual(text.count("-" * 79), 2)
        self.assertEqual(text.count("Subject: Subject"), 2)

    @override_settings(ANYMAIL={"AMAZON_SES_TENANT": "acme"})
    def test_the_tenant_of_the_setting_is_printed(self):
        self.assertIn("tenant: 'acme'", printed(simple_message()))
        self.assertIn("tenant: 'option'", printed(simple_message(), tenant="option"))

    def test_every_feature_is_printed(self):
        personal = {"to@example.com": {"a": 1}}
        features = {
            "esp_extra": {"ConfigurationSetName": "set"},
            "envelope_sender": "bounces@example.com",
            "metadata": {"a": 1},
            "merge_headers": personal,
            "merge_metadata": personal,
            "send_at": datetime(2025, 3, 4, tzinfo=timezone.utc),
            "priority": 0,
            "expires_at": datetime(2025, 3, 5, tzinfo=timezone.utc),
            "idempotency_key": "order/17",
            "on_doubt": "resend",
            "tags": ["welcome"],
            "merge_track_clicks": {"to@example.com": True},
            "merge_track_opens": {"to@example.com": False},
            "tenant": "acme",
            "track_clicks": False,
            "track_opens": True,
            "template_id": "T",
            "merge_data": personal,
            "merge_global_data": {"b": 2},
        }
        self.assertEqual(set(features), set(FEATURES))
        lines = printed(simple_message(**features)).splitlines()
        for name, value in features.items():
            with self.subTest(name):
                self.assertIn(f"{name}: {value!r}", lines)

    def test_what_is_not_used_is_not_printed(self):
        self.assertTrue(printed(simple_message()).endswith("\n" + "-" * 79 + "\n"))

    def test_recipients_that_the_mime_does_not_show_are_printed(self):
        text = printed(
            simple_message(bcc=["Böb <b@example.com>"], headers={"To": "list@example.com"}),
            send_defaults={"cc": ["c@example.com"]},
        )
        for line in (
            "to: ['to@example.com']",
            "cc: ['c@example.com']",
            "bcc: ['Böb <b@example.com>']",
        ):
            with self.subTest(line):
                self.assertIn(line, text.splitlines())

    def test_text_need_not_be_ascii(self):
        self.assertIn("=?utf-8?", printed(simple_message(subject="日本語", body="日本語")))

    def test_it_returns_how_many_were_sent(self):
        backend = EmailBackend(stream=io.StringIO())
        self.assertEqual(backend.send_messages([simple_message(), simple_message()]), 2)

    def test_nothing_to_send_is_0(self):
        for nothing in ([], None):
            with self.subTest(nothing=nothing):
                count = EmailBackend(stream=io.StringIO()).send_messages(nothing)
                self.assertEqual((type(count), count), (int, 0))

    def test_everyone_is_sent_with_a_uuid(self):
        message = simple_message(cc=["cc@x.com"])
        printed(message)
        status = message.anymail_status
        self.assertEqual(status.status, {"sent"})
        self.assertEqual(set(status.recipients), {"to@example.com", "cc@x.com"})
        self.assertEqual(str(uuid.UUID(status.message_id)), status.message_id)

    def test_every_message_has_another_id(self):
        one, two = simple_message(), simple_message()
        printed(one, two)
        self.assertNotEqual(one.anymail_status.message_id, two.anymail_status.message_id)

    def test_both_signals_are_sent(self):
        from anymail.signals import post_send, pre_send

        with received(pre_send) as before, received(post_send) as after:
            printed(simple_message())
        self.assertEqual([call["esp_name"] for call in before + after], ["Console", "Console"])
        self.assertIs(before[0]["sender"], EmailBackend)

    def test_an_invalid_address_is_refused(self):
        with self.assertRaises(AnymailInvalidAddress):
            printed(simple_message(to=["nonsense"]))
        self.assertEqual(printed(simple_message(to=["nonsense"]), fail_silently=True), "")

    def test_nothing_goes_to_the_outbox_or_the_network(self):
        with mock.patch("socket.socket.connect") as connect:
            printed(simple_message())
        connect.assert_not_called()
        self.assertEqual(mail.outbox, [])

    def test_django_sends_through_it_without_any_warning(self):
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()) as stream,
            use_backend(PATH),
        ):
            warnings.simplefilter("error")
            self.assertEqual(send_mail("Hello", "B", "f@x.com", ["t@x.com"]), 1)
        self.assertIn("Subject: Hello", stream.getvalue())
