"""The backend that records instead of sending."""

from __future__ import annotations

import contextlib
import copy
import unittest
import warnings
from datetime import datetime, timezone
from unittest import mock

import django
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives, send_mail
from django.test import SimpleTestCase, override_settings
from django.utils.translation import gettext_lazy

from anymail.addresses import EmailAddress
from anymail.attachments import Attachment
from anymail.backends.test import EmailBackend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailCancelSend,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
)
from anymail.message import AnymailRecipientStatus
from anymail.signals import post_send, pre_send

from ..ses import BODY, simple_message, use_backend

PATH = "anymail.backends.test.EmailBackend"


@contextlib.contextmanager
def received(signal):
    """The keyword arguments of each time that a signal is sent."""
    calls = []

    def receiver(**kwargs):
        calls.append(kwargs)

    signal.connect(receiver)
    try:
        yield calls
    finally:
        signal.disconnect(receiver)


def record(message, **options):
    """What the backend recorded of a message."""
    EmailBackend(**options).send_messages([message])
    return message.anymail_test_params


def tenant_of(message):
    """The function of an application."""
    return message.subject.lower()


class TenantTests(SimpleTestCase):
    def test_the_setting_is_for_messages_without_one(self):
        for setting in ("subject", tenant_of, f"{__name__}.tenant_of"):
            with self.subTest(setting), override_settings(ANYMAIL={"AMAZON_SES_TENANT": setting}):
                self.assertEqual(record(simple_message(subject="Subject"))["tenant"], "subject")
                self.assertEqual(record(simple_message(tenant="own"))["tenant"], "own")
                self.assertNotIn("tenant", record(simple_message(tenant=None)))

    @override_settings(ANYMAIL={"AMAZON_SES_TENANT": "setting"})
    def test_send_defaults_come_before_the_setting(self):
        params = record(simple_message(), send_defaults={"tenant": "default"})
        self.assertEqual(params["tenant"], "default")

    def test_an_option_counts_before_the_setting(self):
        with override_settings(ANYMAIL={"AMAZON_SES_TENANT": "setting"}):
            self.assertEqual(record(simple_message(), tenant="option")["tenant"], "option")
            self.assertNotIn("tenant", record(simple_message(), tenant=None))


class SendTests(SimpleTestCase):
    def test_absent_recipients_are_empty_lists(self):
        params = record(simple_message())
        self.assertEqual((params["cc"], params["bcc"], params["reply_to"]), ([], [], []))

    def test_a_to_header_shows(self):
        params = record(simple_message(headers={"To": "Everybody <all@x.com>"}))
        self.assertEqual(params["extra_headers"], {"To": "Everybody <all@x.com>"})

    def test_a_text_alternative_of_an_empty_body_is_the_text(self):
        message = EmailMultiAlternatives("s", "", "f@x.com", ["t@x.com"])
        message.attach_alternative("text", "text/plain")
        params = record(message)
        self.assertEqual(params["text_body"], "text")
        self.assertNotIn("alternatives", params)

    def test_lazy_strings_are_forced_wherever_they_are(self):
        lazy = gettext_lazy("lazy")
        message = simple_message(subject=lazy, body=lazy, tags=[lazy], metadata={"a": lazy})
        message.attach_alternative(lazy, "text/html")
        message.attach_alternative(lazy, "text/calendar")
        params = record(message)
        found = [
            params["subject"],
            params["text_body"],
            params["html_body"],
            params["alternatives"][0][0],
            params["tags"][0],
            params["metadata"]["a"],
        ]
        self.assertEqual([(type(value), value) for value in found], [(str, "lazy")] * 6)

    def test_the_service_has_send_defaults_of_its_own(self):
        class OwnBackend(EmailBackend):
            esp_name = "My ESP"

        anymail = {"TEST_SEND_DEFAULTS": {"tags": ["t"]}, "MY_ESP_SEND_DEFAULTS": {"tags": ["m"]}}
        with override_settings(ANYMAIL=anymail):
            self.assertEqual(record(simple_message())["tags"], ["t"])
            message = simple_message()
            OwnBackend().send_messages([message])
            self.assertEqual(message.anymail_test_params["tags"], ["m"])

    def test_messages_go_to_the_outbox(self):
        message = simple_message()
        self.assertEqual(EmailBackend().send_messages([message]), 1)
        self.assertEqual(len(mail.outbox), 1)
        self.assertIs(mail.outbox[0], message)

    def test_there_need_be_no_outbox_before(self):
        outbox = mail.outbox
        del mail.outbox
        try:
            EmailBackend().send_messages([simple_message()])
            self.assertEqual(len(mail.outbox), 1)
        finally:
            mail.outbox = outbox

    def test_nothing_to_send_is_0(self):
        for nothing in ([], (), None):
            with self.subTest(nothing=nothing):
                self.assertIs(type(EmailBackend().send_messages(nothing)), int)
                self.assertEqual(EmailBackend().send_messages(nothing), 0)

    def test_a_message_without_recipients_is_not_sent(self):
        message = simple_message(to=[])
        self.assertEqual(EmailBackend().send_messages([message]), 0)
        self.assertEqual(mail.outbox, [])

    def test_everyone_is_sent_with_the_place_in_the_outbox_as_id(self):
        messages = [simple_message(), simple_message(to=["a@x.com"], cc=["b@x.com"])]
        self.assertEqual(EmailBackend().send_messages(messages), 2)
        self.assertEqual([m.anymail_status.message_id for m in messages], [0, 1])
        self.assertEqual(
            messages[1].anymail_status.recipients,
            {
                "a@x.com": AnymailRecipientStatus(1, "sent"),
                "b@x.com": AnymailRecipientStatus(1, "sent"),
            },
        )
        self.assertEqual(messages[1].anymail_status.status, {"sent"})

    def test_plain_django_messages_get_a_status_too(self):
        message = EmailMessage("S", "B", "f@x.com", ["t@x.com"])
        EmailBackend().send_messages([message])
        self.assertEqual(message.anymail_status.status, {"sent"})

    def test_what_was_sent_can_be_copied(self):
        message = simple_message(tags=["a"])
        EmailBackend().send_messages([message])
        self.assertEqual(copy.deepcopy(message).anymail_test_params["tags"], ["a"])


class SignalTests(SimpleTestCase):
    def test_both_signals_are_sent(self):
        message = simple_message()
        with received(pre_send) as before, received(post_send) as after:
            EmailBackend().send_messages([message])
        [one], [two] = before, after
        for call in (one, two):
            self.assertIs(call["sender"], EmailBackend)
            self.assertIs(call["message"], message)
            self.assertEqual(call["esp_name"], "Test")
        self.assertIs(two["status"], message.anymail_status)

    def test_a_receiver_can_cancel(self):
        def cancel(**kwargs):
            raise AnymailCancelSend

        message = simple_message()
        pre_send.connect(cancel)
        try:
            self.assertEqual(EmailBackend().send_messages([message]), 0)
        finally:
            pre_send.disconnect(cancel)
        self.assertEqual(mail.outbox, [])


class ResponseTests(SimpleTestCase):
    def test_an_error_is_raised(self):
        message = simple_message()
        message.anymail_test_response = AnymailAPIError("no", error_code="Throttling")
        with self.assertRaises(AnymailAPIError) as caught:
            EmailBackend().send_messages([message])
        self.assertIs(caught.exception, message.anymail_test_response)
        self.assertIs(caught.exception.email_message, message)
        self.assertEqual(caught.exception.esp_name, "Test")
        self.assertEqual(mail.outbox, [])
        self.assertIn("to", message.anymail_test_params)

    def test_an_error_can_be_silent(self):
        message = simple_message()
        message.anymail_test_response = AnymailAPIError("no")
        backend = EmailBackend(fail_silently=True)
        self.assertEqual(backend.send_messages([message, simple_message()]), 1)

    def test_statuses_are_taken_over(self):
        message = simple_message(to=["a@x.com", "b@x.com"])
        statuses = {
            "a@x.com": AnymailRecipientStatus("1", "queued"),
            "b@x.com": AnymailRecipientStatus("2", "failed"),
        }
        message.anymail_test_response = {"recipient_status": statuses}
        self.assertEqual(EmailBackend().send_messages([message]), 1)
        self.assertEqual(message.anymail_status.recipients, statuses)
        self.assertEqual(message.anymail_status.message_id, {"1", "2"})
        self.assertEqual(message.anymail_status.esp_response, message.anymail_test_response)

    def test_refused_recipients_are_an_error_unless_ignored(self):
        def refused():
            message = simple_message()
            status = AnymailRecipientStatus(None, "rejected")
            message.anymail_test_response = {"recipient_status": {"to@example.com": status}}
            return message

        with self.assertRaises(AnymailRecipientsRefused):
            EmailBackend().send_messages([refused()])
        ignoring = EmailBackend(ignore_recipient_status=True)
        self.assertEqual(ignoring.send_messages([refused()]), 1)
        with override_settings(ANYMAIL={"IGNORE_RECIPIENT_STATUS": True}):
            self.assertEqual(EmailBackend().send_messages([refused()]), 1)

    def test_a_message_id_can_be_given(self):
        message = simple_message()
        message.anymail_test_response = {"message_id": "m-1"}
        EmailBackend().send_messages([message])
        self.assertEqual(message.anymail_status.message_id, "m-1")


class ParamsTests(SimpleTestCase):
    def test_a_simple_message(self):
        self.assertEqual(
            record(simple_message()),
            {
                "from": EmailAddress("", "from@example.com"),
                "to": [EmailAddress("", "to@example.com")],
                "cc": [],
                "bcc": [],
                "reply_to": [],
                "subject": "Subject",
                "text_body": BODY,
                "is_batch_send": False,
            },
        )

    def test_a_message_with_everything(self):
        message = simple_message(
            cc=["c@x.com"],
            bcc=["b@x.com"],
            reply_to=["r@x.com"],
            headers={"X-A": "1"},
            metadata={"a": 1},
            tags=["t"],
            send_at="later",
            priority=-5,
            expires_at=0,
            idempotency_key="order/17",
            on_doubt="hold",
            track_clicks=False,
            track_opens=True,
            template_id="T",
            merge_data={"to@example.com": {"n": 1}},
            merge_global_data={"g": 1},
            merge_metadata={"to@example.com": {"m": 1}},
            merge_headers={"to@example.com": {"X-B": "2"}},
            merge_track_clicks={"to@example.com": True},
            merge_track_opens={"to@example.com": False},
            tenant="acme",
            envelope_sender="e@x.com",
            esp_extra={"own": 5},
        )
        message.attach_alternative("<p>", "text/html")
        message.attach_alternative("BEGIN:VCALENDAR", "text/calendar")
        message.attach("a.txt", "text", "text/plain")
        params = record(message)
        [attachment] = params.pop("attachments")
        self.assertIsInstance(attachment, Attachment)
        self.assertEqual((attachment.name, attachment.content), ("a.txt", "text"))
        self.assertEqual(
            params,
            {
                "from": EmailAddress("", "from@example.com"),
                "to": [EmailAddress("", "to@example.com")],
                "cc": [EmailAddress("", "c@x.com")],
                "bcc": [EmailAddress("", "b@x.com")],
                "reply_to": [EmailAddress("", "r@x.com")],
                "subject": "Subject",
                "text_body": BODY,
                "html_body": "<p>",
                "alternatives": [("BEGIN:VCALENDAR", "text/calendar")],
                "extra_headers": {"X-A": "1"},
                "metadata": {"a": 1},
                "tags": ["t"],
                "send_at": "later",
                "priority": -5,
                "expires_at": datetime(1970, 1, 1, tzinfo=timezone.utc),
                "idempotency_key": "order/17",
                "on_doubt": "hold",
                "track_clicks": False,
                "track_opens": True,
                "template_id": "T",
                "merge_data": {"to@example.com": {"n": 1}},
                "merge_global_data": {"g": 1},
                "merge_metadata": {"to@example.com": {"m": 1}},
                "merge_headers": {"to@example.com": {"X-B": "2"}},
                "merge_track_clicks": {"to@example.com": True},
                "merge_track_opens": {"to@example.com": False},
                "tenant": "acme",
                "envelope_sender": "e@x.com",
                "is_batch_send": True,
                "own": 5,
            },
        )

    def test_it_is_a_batch_with_merge_data_even_if_empty(self):
        for name in (
            "merge_data",
            "merge_metadata",
            "merge_headers",
            "merge_track_clicks",
            "merge_track_opens",
        ):
            with self.subTest(name=name):
                self.assertTrue(record(simple_message(**{name: {}}))["is_batch_send"])
        self.assertFalse(record(simple_message(merge_global_data={"a": 1}))["is_batch_send"])

    def test_a_body_in_html(self):
        message = simple_message(body="<p>")
        message.content_subtype = "html"
        params = record(message)
        self.assertEqual(params["html_body"], "<p>")
        self.assertNotIn("text_body", params)

    def test_defaults_are_merged(self):
        anymail = {"SEND_DEFAULTS": {"tags": ["a"], "bcc": ["b@x.com"]}}
        with override_settings(ANYMAIL=anymail):
            params = record(simple_message(tags=["b"]))
        self.assertEqual(params["tags"], ["a", "b"])
        self.assertEqual([str(address) for address in params["bcc"]], ["b@x.com"])

    def test_defaults_can_be_given_as_an_option(self):
        with override_settings(ANYMAIL={"SEND_DEFAULTS": {"tags": ["a"], "metadata": {"a": 1}}}):
            params = record(simple_message(), send_defaults={"tags": ["b"]})
        self.assertEqual((params["tags"], params["metadata"]), (["b"], {"a": 1}))

    def test_an_attached_message_can_be_recorded(self):
        message = simple_message()
        message.attach(
            "a.eml", EmailMessage("Inner", "x", "f@x.com", ["t@x.com"]), "message/rfc822"
        )
        [attachment] = record(message)["attachments"]
        self.assertIn(b"Subject: Inner", attachment.content)

    def test_an_invalid_address_is_refused_as_ses_would(self):
        with self.assertRaises(AnymailInvalidAddress):
            record(simple_message(to=["nonsense"]))


class DjangoTests(SimpleTestCase):
    def test_django_sends_through_it_without_any_warning(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with use_backend(PATH):
                self.assertEqual(send_mail("S", "B", "f@x.com", ["t@x.com"]), 1)
                message = EmailMultiAlternatives("S", "B", "f@x.com", ["t@x.com"])
                self.assertEqual(message.send(), 1)
                self.assertEqual(EmailMessage("S", "B", "f@x.com", []).send(), 0)
        self.assertEqual(message.anymail_status.status, {"sent"})
        self.assertEqual(mail.outbox[0].anymail_test_params["subject"], "S")

    @unittest.skipUnless(django.VERSION >= (6, 1), "MAILERS came with Django 6.1")
    def test_it_takes_options(self):
        mailers = {
            "default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"},
            "other": {"BACKEND": PATH, "OPTIONS": {"ignore_recipient_status": True}},
        }
        message = simple_message()
        message.anymail_test_response = {
            "recipient_status": {"to@example.com": AnymailRecipientStatus(None, "invalid")}
        }
        with override_settings(MAILERS=mailers):
            self.assertEqual(message.send(using="other"), 1)

    @unittest.skipUnless(django.VERSION >= (6, 1), "MAILERS came with Django 6.1")
    def test_it_takes_the_options_of_amazon_ses(self):
        options = {
            "client_params": {"region_name": "eu-west-1"},
            "configuration_set_name": "news",
            "tenant": "acme",
        }
        mailers = {"default": {"BACKEND": PATH, "OPTIONS": options}}
        message = simple_message()
        with override_settings(MAILERS=mailers):
            message.send()
        self.assertEqual(message.anymail_test_params["tenant"], "acme")

    @unittest.skipIf(django.VERSION >= (6, 1), "deprecated there")
    def test_it_can_be_had_from_get_connection(self):
        connection = mail.get_connection(PATH, fail_silently=True)
        self.assertTrue(connection.fail_silently)
        self.assertEqual(connection.send_messages([simple_message()]), 1)

    def test_it_touches_no_network(self):
        with mock.patch("socket.socket.connect") as connect:
            EmailBackend().send_messages([simple_message()])
        connect.assert_not_called()
