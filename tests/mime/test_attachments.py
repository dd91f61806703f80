"""Attachment: whatever form it has in a Django message."""

from __future__ import annotations

from email.mime.image import MIMEImage
from email.mime.message import MIMEMessage
from unittest import skipIf, skipUnless

import django
from django.core.mail import EmailMessage
from django.test import SimpleTestCase
from django.utils.translation import gettext_lazy

from anymail.attachments import Attachment

from ..ses import simple_message


class AttachmentTests(SimpleTestCase):
    def test_text_is_encoded(self):
        attachment = Attachment(("ü.txt", "ü", "text/plain"))
        self.assertEqual(attachment.name, "ü.txt")
        self.assertEqual(attachment.content, "ü")
        self.assertEqual(attachment.content_bytes, "ü".encode())
        self.assertEqual(attachment.mimetype, "text/plain")
        self.assertFalse(attachment.inline)
        self.assertIsNone(attachment.content_id)
        self.assertEqual(attachment.cid, "")

    def test_text_is_encoded_in_the_charset_of_the_message(self):
        attachment = Attachment(("a.txt", "ü", "text/plain"), encoding="iso-8859-1")
        self.assertEqual(attachment.content_bytes, b"\xfc")
        self.assertEqual(Attachment(("a.txt", "ü", "text/plain"), None).content_bytes, "ü".encode())

    def test_lazy_strings_are_forced(self):
        attachment = Attachment(map(gettext_lazy, ("a.txt", "text", "text/plain")))
        found = (attachment.name, attachment.content, attachment.mimetype)
        self.assertEqual(found, ("a.txt", "text", "text/plain"))
        self.assertEqual([type(value) for value in found], [str] * 3)

    def test_bytes_stay(self):
        attachment = Attachment((None, b"\x00\xff", None))
        self.assertEqual((attachment.name, attachment.content), (None, b"\x00\xff"))
        self.assertEqual(attachment.mimetype, "application/octet-stream")
        self.assertEqual(attachment.b64content, "AP8=")

    def test_the_media_type_may_be_left_out(self):
        self.assertEqual(Attachment(("a", b"b")).mimetype, "application/octet-stream")

    def test_what_django_made_of_it_is_understood(self):
        message = simple_message()
        message.attach("a.png", b"x")
        [attachment] = map(Attachment, message.attachments)
        self.assertEqual((attachment.name, attachment.mimetype), ("a.png", "image/png"))

    def test_inline_images_are_understood(self):
        message = simple_message()
        cid = message.attach_inline_image(b"GIF89a", "a.gif")
        [attachment] = map(Attachment, message.attachments)
        self.assertTrue(attachment.inline)
        self.assertEqual(attachment.content_id, f"<{cid}>")
        self.assertEqual(attachment.cid, cid)
        self.assertEqual((attachment.name, attachment.mimetype), ("a.gif", "image/gif"))
        self.assertEqual(attachment.content, b"GIF89a")

    @skipIf(django.VERSION >= (6, 0), "deprecated there")
    def test_old_mime_parts_are_understood(self):
        attachment = Attachment(MIMEImage(b"GIF89a"))
        self.assertEqual((attachment.content, attachment.mimetype), (b"GIF89a", "image/gif"))
        self.assertFalse(attachment.inline)

    def test_a_part_with_a_content_id_is_inline_unless_it_says_otherwise(self):
        for disposition, inline in ((None, True), ("inline", True), ("attachment", False)):
            part = MIMEImage(b"GIF89a")
            part["Content-ID"] = "<logo>"
            if disposition:
                part["Content-Disposition"] = disposition
            with self.subTest(disposition=disposition):
                self.assertEqual(Attachment(part).inline, inline)
                self.assertEqual(Attachment(part).cid, "logo")

    def test_the_content_type_of_a_part_has_its_parameters(self):
        part = MIMEImage(b"GIF89a", name="a.gif")
        attachment = Attachment(part)
        self.assertEqual(attachment.mimetype, "image/gif")
        self.assertEqual(attachment.content_type, 'image/gif; name="a.gif"')
        self.assertIn('image/gif; name="a.gif"', repr(attachment))

    def test_the_media_type_is_guessed_from_the_name(self):
        attachment = Attachment(("report.pdf", b"%PDF"))
        self.assertEqual(attachment.mimetype, "application/pdf")
        self.assertEqual(attachment.content_type, "application/pdf")
        self.assertIn("application/pdf", repr(attachment))

    def test_an_attached_message_is_understood(self):
        inner = EmailMessage("Inner", "ü", "f@x.com", ["t@x.com"])
        message = simple_message()
        message.attach("a.eml", inner, "message/rfc822")
        message.attach("b.eml", inner.message(), "message/rfc822")
        for attachment in map(Attachment, message.attachments):
            self.assertEqual(attachment.mimetype, "message/rfc822")
            self.assertIn(b"Subject: Inner", attachment.content)

    def test_an_attached_message_part_is_understood(self):
        part = MIMEMessage(EmailMessage("Inner", "x", "f@x.com", ["t@x.com"]).message())
        self.assertIn(b"Subject: Inner", Attachment(part).content)

    @skipUnless(django.VERSION >= (6, 0), "refused before")
    def test_new_mime_parts_are_understood(self):
        from email.message import MIMEPart

        part = MIMEPart()
        part.set_content("ü", filename="ü.txt")
        attachment = Attachment(part)
        self.assertEqual((attachment.name, attachment.mimetype), ("ü.txt", "text/plain"))
        self.assertEqual(attachment.content, "ü\n".encode())
