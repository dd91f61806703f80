"""AnymailMessage, its status, and inline images."""

from __future__ import annotations

import copy
import pickle
import tempfile
import threading
import warnings
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.test import SimpleTestCase

from anymail.exceptions import AnymailAPIError
from anymail.message import (
    UNSET,
    AnymailMessage,
    AnymailMessageMixin,
    AnymailRecipientStatus,
    AnymailStatus,
    attach_inline_image,
    attach_inline_image_file,
)
from tests.ses import send, simple_message, use_backend

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000000000500010d0a2db400000000"
    "49454e44ae426082"
)
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
ATTRIBUTES = {
    "esp_extra": {"ConfigurationSetName": "set"},
    "envelope_sender": "bounces@example.com",
    "metadata": {"a": 1},
    "merge_headers": {"to@example.com": {"X-A": "1"}},
    "merge_metadata": {"to@example.com": {"b": 2}},
    "send_at": 5,
    "priority": -5,
    "expires_at": 6,
    "idempotency_key": "order/17",
    "on_doubt": "hold",
    "tags": ["a"],
    "merge_track_clicks": {"to@example.com": True},
    "merge_track_opens": {"to@example.com": False},
    "tenant": "acme",
    "track_clicks": True,
    "track_opens": False,
    "template_id": "welcome",
    "merge_data": {"to@example.com": {"name": "Ann"}},
    "merge_global_data": {"site": "here"},
}


class Recorder(BaseEmailBackend):
    """Keeps messages, and the thread that sent each."""

    sent: ClassVar[list[tuple[Any, int]]] = []

    def send_messages(self, email_messages: Any) -> int:
        self.sent.extend((message, threading.get_ident()) for message in email_messages)
        return len(email_messages)


RECORDER = f"{__name__}.Recorder"


class AsyncTests(SimpleTestCase):
    def setUp(self) -> None:
        Recorder.sent.clear()

    @use_backend(RECORDER)
    async def test_any_backend_sends_in_the_thread_of_the_async_orm(self):
        message = simple_message()
        self.assertEqual(await message.asend(), 1)
        [(sent, thread)] = Recorder.sent
        self.assertIs(sent, message)
        self.assertEqual(thread, await sync_to_async(threading.get_ident)())
        self.assertNotEqual(thread, threading.get_ident())

    @use_backend("anymail.backends.test.EmailBackend")
    async def test_an_error_is_raised_and_the_status_is_there(self):
        message = simple_message()
        message.anymail_test_response = AnymailAPIError("Throttled")
        with self.assertRaisesMessage(AnymailAPIError, "Throttled"):
            await message.asend()
        self.assertEqual(message.anymail_status.status, {"unknown"})
        message.anymail_test_response = None
        await message.asend()
        self.assertEqual(message.anymail_status.status, {"sent"})

    async def test_arguments_are_passed_on(self):
        class Own(AnymailMessageMixin, EmailMessage):
            def send(self, fail_silently: bool = False, **kwargs: Any) -> Any:
                return fail_silently, kwargs

        self.assertEqual(await Own().asend(), (False, {}))
        self.assertEqual(await Own().asend(True), (True, {}))
        self.assertEqual(await Own().asend(using="other"), (False, {"using": "other"}))

    async def test_nobody_to_send_to_is_0(self):
        self.assertEqual(await simple_message(to=[]).asend(), 0)


class Invoice(AnymailMessageMixin, EmailMessage):
    """A message class of an application."""


class MessageTests(SimpleTestCase):
    def test_every_attribute_is_a_keyword(self):
        message = AnymailMessage(**ATTRIBUTES)
        self.assertEqual({name: getattr(message, name) for name in ATTRIBUTES}, ATTRIBUTES)

    def test_without_keywords_every_attribute_is_unset(self):
        message = AnymailMessage()
        for name in ATTRIBUTES:
            with self.subTest(name=name):
                self.assertIs(getattr(message, name), UNSET)

    def test_none_is_kept(self):
        self.assertIsNone(AnymailMessage(tags=None).tags)

    def test_the_keywords_of_django_work_too(self):
        message = AnymailMessage(
            "Subject", "Text", "f@x.com", ["t@x.com"], headers={"X-A": "1"}, reply_to=["r@x.com"]
        )
        self.assertEqual((message.subject, message.body), ("Subject", "Text"))
        self.assertEqual((message.from_email, message.to), ("f@x.com", ["t@x.com"]))
        self.assertEqual(message.extra_headers, {"X-A": "1"})
        self.assertEqual(message.reply_to, ["r@x.com"])

    def test_an_unknown_keyword_is_refused(self):
        with self.assertRaises(TypeError):
            AnymailMessage(taggs=["a"])

    def test_it_is_one_of_djangos_messages_with_alternatives(self):
        message = AnymailMessage(alternatives=[("<p>", "text/html")])
        self.assertIsInstance(message, EmailMultiAlternatives)
        self.assertEqual(list(map(tuple, message.alternatives)), [("<p>", "text/html")])

    def test_the_mixin_works_with_a_class_of_ones_own(self):
        message = Invoice("Subject", tags=["a"])
        self.assertEqual((message.subject, message.tags), ("Subject", ["a"]))
        self.assertIsInstance(message.anymail_status, AnymailStatus)

    def test_it_can_be_pickled_and_copied_before_sending(self):
        """Queues pickle messages, and Django's locmem backend copies them."""
        message = full_message()
        for again in (pickle.loads(pickle.dumps(message)), copy.deepcopy(message)):
            self.assertEqual(again.tags, ["a"])
            self.assertIs(again.metadata, UNSET)
            self.assertEqual(again.recipients(), ["to@example.com"])
            self.assertIn(b"Content-Id:".lower(), again.message().as_bytes().lower())

    def test_it_can_be_pickled_and_copied_after_sending(self):
        message = full_message()
        send(message)
        for again in (pickle.loads(pickle.dumps(message)), copy.deepcopy(message)):
            self.assertEqual(again.anymail_status.message_id, "id-1")
            self.assertEqual(
                again.anymail_status.recipients["to@example.com"],
                AnymailRecipientStatus("id-1", "queued"),
            )

    def test_what_was_pickled_can_be_sent(self):
        sent = send(pickle.loads(pickle.dumps(full_message())))
        self.assertEqual(sent.mime.get_all("X-Tag"), ["a"])


def full_message() -> AnymailMessage:
    message = simple_message(tags=["a"])
    message.attach_alternative("<p>Text</p>", "text/html")
    message.attach("a.txt", "text", "text/plain")
    message.attach_inline_image(PNG, "a.png")
    return message


class RecipientStatusTests(SimpleTestCase):
    def test_an_unknown_status_is_refused(self):
        with self.assertRaisesMessage(ValueError, "Invalid status 'delivered'"):
            AnymailRecipientStatus("id", "delivered")

    def test_an_id_that_is_not_hashable_is_refused(self):
        with self.assertRaisesMessage(TypeError, "Invalid message_id ['id']"):
            AnymailRecipientStatus(["id"], "sent")

    def test_its_representation_is_the_documented_one(self):
        self.assertEqual(
            repr(AnymailRecipientStatus("id", "sent")), "AnymailRecipientStatus('id', 'sent')"
        )
        self.assertEqual(
            repr(AnymailRecipientStatus(None, "failed", "AccountThrottled", "text")),
            "AnymailRecipientStatus(None, 'failed', error_code='AccountThrottled')",
        )

    def test_equal_ones_are_equal(self):
        one = AnymailRecipientStatus("id", "failed", "code")
        self.assertEqual(one, AnymailRecipientStatus("id", "failed", "code"))
        self.assertEqual(hash(one), hash(AnymailRecipientStatus("id", "failed", "code")))
        self.assertNotEqual(one, AnymailRecipientStatus("id", "failed"))
        self.assertNotEqual(one, ("id", "failed"))


class StatusTests(SimpleTestCase):
    def status(self, **recipients: tuple[str | None, str | None]) -> AnymailStatus:
        status = AnymailStatus()
        status.set_recipient_status(
            {name: AnymailRecipientStatus(*values) for name, values in recipients.items()}
        )
        return status

    def test_recipients_that_were_refused_beforehand_have_no_id_to_miss(self):
        for refused in ("rejected", "invalid"):
            status = self.status(a=("id", "queued"), b=(None, refused))
            self.assertEqual((status.message_id, status.status), ("id", {"queued", refused}))
            self.assertIsNone(self.status(a=(None, refused)).message_id)

    def test_it_is_empty_before_sending(self):
        status = AnymailStatus()
        self.assertEqual(
            (status.message_id, status.status, status.recipients, status.esp_response),
            (None, None, {}, None),
        )

    def test_the_status_is_a_set_even_for_one_recipient(self):
        self.assertEqual(self.status(a=("id", "sent")).status, {"sent"})

    def test_one_id_for_everyone_is_no_set(self):
        self.assertEqual(self.status(a=("id", "sent"), b=("id", "sent")).message_id, "id")

    def test_several_ids_are_a_set(self):
        status = self.status(a=("x", "queued"), b=("y", "queued"), c=(None, "failed"))
        self.assertEqual(status.message_id, {"x", "y", None})
        self.assertEqual(status.status, {"queued", "failed"})

    def test_recipients_add_up(self):
        status = self.status(a=("x", "queued"))
        status.set_recipient_status({"b": AnymailRecipientStatus("y", "failed")})
        self.assertEqual(set(status.recipients), {"a", "b"})
        self.assertEqual(status.status, {"queued", "failed"})
        self.assertEqual(status.message_id, {"x", "y"})

    def test_a_recipient_is_replaced_in_the_summary_too(self):
        status = self.status(a=("x", "queued"))
        status.set_recipient_status({"a": AnymailRecipientStatus("y", "sent")})
        self.assertEqual((status.status, status.message_id), ({"sent"}, "y"))

    def test_no_recipients_change_nothing(self):
        status = AnymailStatus()
        status.set_recipient_status({})
        self.assertEqual((status.status, status.message_id), (None, None))

    def test_its_representation_is_the_documented_one(self):
        self.assertEqual(repr(AnymailStatus()), "AnymailStatus<status=None>")
        self.assertEqual(
            repr(self.status(a=("x", "sent"), b=("x", "queued"))),
            "AnymailStatus<status={'queued', 'sent'}, message_id='x', 2 recipients>",
        )
        self.assertEqual(
            repr(self.status(a=("y", "sent"), b=("x", "sent"), c=(None, "sent"))),
            "AnymailStatus<status={'sent'}, message_id={'x', 'y', None}, 3 recipients>",
        )


class InlineImageTests(SimpleTestCase):
    def image(self, message: EmailMessage):
        parsed = message_from_bytes(message.message().as_bytes(), policy=policy.default)
        [part] = [part for part in parsed.walk() if part.get_content_maintype() == "image"]
        return part

    def test_it_is_attached_inline_with_its_content_id_and_name(self):
        message = simple_message()
        cid = message.attach_inline_image(PNG, "a.png")
        part = self.image(message)
        self.assertEqual(part["Content-ID"], f"<{cid}>")
        self.assertEqual(part.get_content_disposition(), "inline")
        self.assertEqual(part.get_filename(), "a.png")
        self.assertEqual(part.get_content(), PNG)

    def test_the_content_id_has_no_angle_brackets_and_ends_in_inline(self):
        cid = simple_message().attach_inline_image(PNG)
        self.assertRegex(cid, r"^[^<>@\s]+@inline$")

    def test_the_content_id_is_made_of_idstring_and_domain(self):
        cid = simple_message().attach_inline_image(PNG, idstring="logo", domain="example.com")
        self.assertRegex(cid, r"\.logo@example\.com$")

    def test_every_image_gets_another_content_id(self):
        message = simple_message()
        self.assertNotEqual(message.attach_inline_image(PNG), message.attach_inline_image(PNG))

    def test_the_subtype_is_guessed_from_the_content(self):
        for content, subtype in ((PNG, "png"), (GIF, "gif"), (b"\xff\xd8\xff\xe0..JFIF", "jpeg")):
            with self.subTest(subtype=subtype):
                message = simple_message()
                message.attach_inline_image(content)
                self.assertEqual(self.image(message).get_content_type(), f"image/{subtype}")

    def test_the_subtype_can_be_given(self):
        message = simple_message()
        message.attach_inline_image(b"<svg/>", "a.svg", subtype="svg+xml")
        part = self.image(message)
        self.assertEqual(part.get_content_type(), "image/svg+xml")
        self.assertEqual(part.get_content(), b"<svg/>")

    def test_a_subtype_that_cannot_be_guessed_is_an_error(self):
        with self.assertRaises(TypeError):
            simple_message().attach_inline_image(b"<svg/>", "a.svg")

    def test_a_name_is_not_needed(self):
        message = simple_message()
        message.attach_inline_image(PNG)
        part = self.image(message)
        self.assertIsNone(part.get_filename())
        self.assertEqual(part.get_content_disposition(), "inline")

    def test_a_name_need_not_be_ascii(self):
        for name in ("bild ü.png", "日本語.png", 'a "b".png'):
            with self.subTest(name=name):
                message = simple_message()
                message.attach_inline_image(PNG, name)
                self.assertEqual(self.image(message).get_filename(), name)

    def test_a_line_break_in_a_name_is_refused(self):
        for name in ("a.png\nX-Evil: 1", "a\r.png"):
            with self.subTest(name=name), self.assertRaisesMessage(ValueError, "file name"):
                simple_message().attach_inline_image(PNG, name)

    def test_a_file_is_attached_with_its_name(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "bild ü.gif")
            path.write_bytes(GIF)
            for form in (path, str(path)):
                with self.subTest(form=type(form).__name__):
                    message = simple_message()
                    cid = message.attach_inline_image_file(form)
                    part = self.image(message)
                    self.assertEqual(part.get_filename(), "bild ü.gif")
                    self.assertEqual(part.get_content(), GIF)
                    self.assertEqual(part["Content-ID"], f"<{cid}>")

    def test_a_file_takes_every_argument(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "a")
            path.write_bytes(b"<svg/>")
            message = simple_message()
            cid = message.attach_inline_image_file(path, "svg+xml", "logo", "example.com")
        self.assertRegex(cid, r"\.logo@example\.com$")
        self.assertEqual(self.image(message).get_content_type(), "image/svg+xml")

    def test_the_functions_work_on_plain_django_messages(self):
        message = EmailMessage("Subject", "Text", "f@x.com", ["t@x.com"])
        cid = attach_inline_image(message, PNG, "a.png")
        self.assertEqual(self.image(message)["Content-ID"], f"<{cid}>")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "a.png")
            path.write_bytes(PNG)
            message = EmailMessage("Subject", "Text", "f@x.com", ["t@x.com"])
            cid = attach_inline_image_file(message, path)
        self.assertEqual(self.image(message)["Content-ID"], f"<{cid}>")

    def test_no_version_of_django_warns(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            message = simple_message()
            message.attach_inline_image(PNG, "ü.png")
            message.message().as_bytes()
            copy.deepcopy(message).message().as_bytes()

    def test_the_image_arrives(self):
        message = simple_message()
        cid = message.attach_inline_image(PNG, "ü.png")
        message.attach_alternative(f'<img src="cid:{cid}">', "text/html")
        parts = list(send(message).mime.walk())
        [part] = [part for part in parts if part.get_content_type() == "image/png"]
        self.assertEqual(part["Content-ID"], f"<{cid}>")
        self.assertEqual((part.get_filename(), part.get_content()), ("ü.png", PNG))
