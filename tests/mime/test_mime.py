"""The raw message: what a receiver sees, and what SES reports back of it."""

from __future__ import annotations

import datetime
import warnings
from decimal import Decimal
from email import message_from_bytes, policy
from email.charset import Charset
from email.header import decode_header, make_header
from email.message import MIMEPart
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.utils import formataddr, getaddresses
from typing import Any

import django
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test import SimpleTestCase, override_settings
from django.utils.functional import lazystr
from django.utils.translation import gettext_lazy
from hypothesis import given, settings
from hypothesis import strategies as st

from anymail.addresses import idna_encoder
from anymail.amazon_ses.encoded_addresses import encode_addresses
from anymail.amazon_ses.mime import build_mime
from anymail.amazon_ses.tags_and_metadata import metadata_value, parse_tags_and_metadata, tag_value
from anymail.exceptions import AnymailInvalidAddress, AnymailSerializationError
from anymail.outgoing import OutgoingMessage

from ..ses import parse, simple_message

IDNA2008 = idna_encoder("idna2008")


def wire(message: EmailMessage, **defaults: Any) -> bytes:
    outgoing = OutgoingMessage.from_django(message, defaults)
    return build_mime(outgoing, encode_addresses(outgoing, IDNA2008))


def reported_headers(raw: bytes) -> list[dict[str, str]]:
    """The header as SES puts it into events: values as they were on the wire, folds included."""
    header = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    fields: list[dict[str, str]] = []
    for line in header.split("\r\n"):
        if line[0] in " \t":
            fields[-1]["value"] += f"\r\n{line}"
        else:
            name, _, value = line.partition(":")
            fields.append({"name": name, "value": value.removeprefix(" ")})
    return fields


def leaves(raw: bytes) -> list[Any]:
    return [part for part in parse(raw).walk() if not part.is_multipart()]


class WireFormatTests(SimpleTestCase):
    def assert_clean(self, raw: bytes) -> None:
        self.assertTrue(raw.isascii())
        self.assertNotIn(b"\n", raw.replace(b"\r\n", b""))
        self.assertNotIn(b"\r", raw.replace(b"\r\n", b""))
        self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 998)

    def test_every_line_is_short_ascii_and_ends_in_crlf(self) -> None:
        message = simple_message(
            subject="Übersicht " * 40,
            body="Zeile eins\nZeile zwei mit Umlaut ü\r\nlang " + "x" * 3000,
            to=[f'"Empfänger Nummer {n}, mit Komma" <to{n}@example.com>' for n in range(20)],
            headers={"X-Custom": "ö" * 300, "X-Long": "word " * 300},
            tags=["etikett ü", "plain"],
            metadata={"schlüssel": "wert " * 200},
        )
        message.attach_alternative("<p>日本語</p>" * 400, "text/html")
        message.attach("daten.csv", "ä;ö\r\nü;ß\n", "text/csv")
        message.attach("bild.bin", bytes(range(256)) * 20, "application/octet-stream")
        self.assert_clean(wire(message))

    def test_text_that_is_not_ascii_is_quoted_printable(self) -> None:
        message = simple_message(body="Grüße\n" * 3)
        message.attach_alternative("<p>日本語テキスト</p>\n" * 30, "text/html")
        message.attach("note.txt", "Notiz ü", "text/plain")
        self.assertEqual(
            [part["Content-Transfer-Encoding"] for part in leaves(wire(message))],
            ["quoted-printable"] * 3,
        )

    def test_ascii_text_stays_as_it_is(self) -> None:
        self.assertIn(b"\r\n\r\nPlain text\r\n", wire(simple_message(body="Plain text\n")))

    def test_ascii_text_with_a_long_line_is_quoted_printable(self) -> None:
        raw = wire(simple_message(body="x" * 2000))
        self.assert_clean(raw)
        self.assertEqual(parse(raw).get_content().strip(), "x" * 2000)

    def test_text_is_kept_in_its_own_charset(self) -> None:
        message = simple_message(body="Grüße")
        message.encoding = "iso-8859-1"
        raw = wire(message)
        self.assertIn(b"Gr=FC=DFe", raw)
        self.assertEqual(parse(raw).get_content().strip(), "Grüße")

    def test_text_with_nul_is_encoded(self) -> None:
        self.assertNotIn(b"\0", wire(simple_message(body="a\0b")))

    def test_attachments_arrive_byte_for_byte(self) -> None:
        content = bytes(range(256)) * 50
        message = simple_message()
        message.attach("data.bin", content, "application/octet-stream")
        (attachment,) = parse(wire(message)).iter_attachments()
        self.assertEqual(attachment.get_content(), content)

    def test_a_user_supplied_8bit_part_is_base64(self) -> None:
        part: Any
        if django.VERSION < (6, 0):
            part = MIMEBase("application", "x-data")
        else:
            part = MIMEPart()
            part["Content-Type"] = "application/x-data"
        part.set_payload(b"\xff\xfe data \xe4".decode("ascii", "surrogateescape"))
        part["Content-Transfer-Encoding"] = "8bit"
        message = simple_message()
        message.attach(part)
        raw = wire(message)
        self.assert_clean(raw)
        self.assertEqual(leaves(raw)[1].get_payload(decode=True), b"\xff\xfe data \xe4")

    def test_an_attached_message_keeps_its_structure_and_becomes_7bit(self) -> None:
        inner = (
            "From: a@example.com\r\nSubject: Grüße\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            "Übung\r\n--b\r\nContent-Type: application/pdf\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n"
        ).encode()
        message = simple_message()
        message.attach("mail.eml", inner, "message/rfc822")
        raw = wire(message)
        self.assert_clean(raw)
        attached = next(p for p in parse(raw).walk() if p.get_content_type() == "message/rfc822")
        nested: Any = attached.get_payload(0)
        text, pdf = nested.get_payload()
        self.assertEqual(text.get_content(), "Übung")
        self.assertEqual(text["Content-Transfer-Encoding"], "quoted-printable")
        self.assertEqual(pdf.get_payload(decode=True), b"%PDF")
        self.assertEqual(nested["Subject"], "Grüße")
        self.assertNotEqual(attached.get("Content-Transfer-Encoding"), "8bit")

    def test_an_attached_django_message_is_nested(self) -> None:
        message = simple_message()
        message.attach(
            "m.eml", EmailMessage("Inner ü", "Body ü", to=["x@example.com"]), "message/rfc822"
        )
        raw = wire(message)
        self.assert_clean(raw)
        attached = next(p for p in parse(raw).walk() if p.get_content_type() == "message/rfc822")
        nested: Any = attached.get_payload(0)
        self.assertEqual(nested["Subject"], "Inner ü")
        self.assertEqual(nested.get_content().strip(), "Body ü")

    def test_what_a_signature_covers_is_not_touched(self) -> None:
        signed = (
            b'Content-Type: multipart/signed; boundary="s"; protocol="application/x-sig"\r\n\r\n'
            b"--s\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\nw5w=\r\n"
            b"--s\r\nContent-Type: application/x-sig\r\n\r\nsig\r\n--s--\r\n"
        )
        parser_policy = policy.compat32 if django.VERSION < (6, 0) else policy.default

        class Signed(EmailMessage):
            def message(self, **kwargs: Any) -> Any:
                mime = message_from_bytes(signed, policy=parser_policy)
                mime["From"], mime["To"] = "from@example.com", "to@example.com"
                return mime

        raw = wire(Signed("s", "b", "from@example.com", ["to@example.com"]))
        self.assertIn(signed.partition(b"\r\n\r\n")[2].rstrip(), raw)

    def test_html_only_message(self) -> None:
        message = simple_message(body="<b>Hallo</b>")
        message.content_subtype = "html"
        self.assertEqual(parse(wire(message)).get_content_type(), "text/html")

    def test_alternatives_of_any_type_and_number(self) -> None:
        message = simple_message()
        message.attach_alternative("<p>one</p>", "text/html")
        message.attach_alternative("<!doctype html><html amp4email></html>", "text/x-amp-html")
        message.attach_alternative('{"a": 1}', "application/json")
        self.assertEqual(
            [part.get_content_type() for part in leaves(wire(message))],
            ["text/plain", "text/html", "text/x-amp-html", "application/json"],
        )

    def test_inline_images_can_be_found_by_content_id(self) -> None:
        png = b"\x89PNG\r\n\x1a\n" + bytes(20)
        message = simple_message()
        cid = message.attach_inline_image(png, filename="Bild ü.png")
        message.attach_alternative(f'<img src="cid:{cid}">', "text/html")
        image = leaves(wire(message))[-1]
        self.assertEqual(image["Content-ID"], f"<{cid}>")
        self.assertEqual(image.get_content_disposition(), "inline")
        self.assertEqual(image.get_filename(), "Bild ü.png")
        self.assertEqual(image.get_payload(decode=True), png)

    def test_no_warning_is_raised(self) -> None:
        message = simple_message(subject="ü", metadata={"a": 1})
        message.attach("x.txt", "ü", "text/plain")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            wire(message)

    def test_lazy_strings_are_forced(self) -> None:
        message = EmailMultiAlternatives(
            gettext_lazy("Subject"),
            gettext_lazy("Body"),
            "from@example.com",
            [gettext_lazy("to@example.com")],
            headers={"X-Lazy": gettext_lazy("value")},
        )
        received = parse(wire(message))
        self.assertEqual(
            (received["Subject"], received["To"], received["X-Lazy"]),
            ("Subject", "to@example.com", "value"),
        )

    def test_lazy_strings_in_attachments_and_alternatives_are_forced(self) -> None:
        message = simple_message()
        message.attach_alternative(lazystr("<p>ü</p>"), "text/html")
        message.attach(lazystr("naïve.bin"), b"\xff", "application/octet-stream")
        html, attachment = leaves(wire(message))[1:]
        self.assertEqual(html.get_content().strip(), "<p>ü</p>")
        self.assertEqual(attachment.get_filename(), "naïve.bin")

    def test_a_signed_part_is_byte_for_byte_as_it_was_signed(self) -> None:
        """RFC 1847 section 2.1: folds of its headers and white space at line ends, too."""
        signed = (
            b"Content-Type: text/plain;\r\n\tcharset=us-ascii\r\n"
            b"Content-Disposition: attachment; \r\n"
            b" filename=" + b"a" * 80 + b"\r\n\r\nText  \r\n"
        )

        class Signed(EmailMessage):
            def message(self, **_kwargs: Any) -> Any:
                mime = MIMEMultipart("signed", _subparts=[message_from_bytes(signed)])
                mime["Subject"] = self.subject
                return mime

        message = Signed("Subject", "", "from@example.com", ["to@example.com"])
        self.assertIn(b"\r\n" + signed + b"\r\n--", wire(message))

    def test_text_may_be_in_any_kind_of_bytes(self) -> None:
        for kind in (bytes, bytearray, memoryview):
            message = simple_message(alternatives=[(kind("<p>ü</p>".encode()), "text/html")])
            message.attachments.append(("a.txt", kind("ü".encode()), None))  # type: ignore[arg-type]
            with self.subTest(kind):
                html, attachment = leaves(wire(message))[1:]
                self.assertEqual(html.get_content().strip(), "<p>ü</p>")
                self.assertEqual(attachment.get_content().strip(), "ü")

    def test_attachments_need_no_media_type(self) -> None:
        content = bytes(range(256)) * 200
        for form in (("a.pdf", content), ("a.pdf", content, None), ["a.pdf", content]):
            message = simple_message()
            message.attachments.append(form)  # type: ignore[arg-type]
            with self.subTest(type(form), length=len(form)):
                part = leaves(wire(message))[1]
                self.assertEqual(part.get_content_type(), "application/pdf")
                self.assertEqual(part.get_payload(decode=True), content)

    def test_text_of_any_other_media_type_arrives(self) -> None:
        message = simple_message()
        message.attach("price.json", '{"price": "3 €"}', "application/json")
        message.attach_alternative('{"ü": "€"}', "application/ld+json")
        message.attach_alternative("<p>ü</p>".encode(), "text/html")
        data, html, attachment = leaves(wire(message))[1:]
        self.assertEqual(attachment.get_payload(decode=True).decode(), '{"price": "3 €"}')
        self.assertEqual(data.get_payload(decode=True).decode(), '{"ü": "€"}')
        self.assertEqual(html.get_content().strip(), "<p>ü</p>")

    def test_a_charset_object_is_a_charset(self) -> None:
        message = simple_message(subject="ü", body="ü")
        message.encoding = Charset("utf-8")  # type: ignore[assignment]
        self.assertEqual(parse(wire(message)).get_content().strip(), "ü")

    def test_file_names_of_any_length_arrive(self) -> None:
        for name in ("ü" * 400 + ".bin", "u" * 2000 + ".bin", 'a "b" ' * 300 + ".bin"):
            message = simple_message()
            message.attach(name, b"\xff", "application/octet-stream")
            raw = wire(message)
            with self.subTest(name[:5]):
                self.assert_clean(raw)
                self.assertEqual(leaves(raw)[1].get_filename(), name)

    def test_parts_that_the_user_encoded_badly_are_encoded_anew(self) -> None:
        for encoding, payload, content in (
            ("base64", "QUJD" * 3000, b"ABC" * 3000),
            ("base64", "QUJD\udcff", b"ABC"),
            ("quoted-printable", "a=3Db" * 300, b"a=b" * 300),
            ("x-unknown", "a\udcff", b"a\xff"),
        ):
            part: Any = MIMEBase("application", "x-data")
            if django.VERSION >= (6, 0):
                part = MIMEPart()
                part["Content-Type"] = "application/x-data"
            part.set_payload(payload)
            part["Content-Transfer-Encoding"] = encoding
            message = simple_message()
            message.attach(part)
            raw = wire(message)
            with self.subTest(encoding, payload=payload[:5]):
                self.assert_clean(raw)
                self.assertEqual(leaves(raw)[1].get_payload(decode=True), content)

    def test_a_multipart_that_is_not_one_has_crlf_too(self) -> None:
        message = simple_message()
        message.attach("x", b"hello\xff", "multipart/mixed")
        self.assert_clean(wire(message))

    def test_a_class_that_builds_its_own_mime_shows_no_bcc(self) -> None:
        class Own(EmailMessage):
            def message(self, **kwargs: Any) -> Any:
                mime = super().message(**kwargs)
                mime["Bcc"] = "hidden@example.com"
                return mime

        raw = wire(Own("s", "b", "from@example.com", ["to@example.com"]))
        self.assertNotIn(b"hidden", raw)

    def test_the_callers_message_is_left_alone(self) -> None:
        message = simple_message(
            from_email="Ü <from@münchen.example>", bcc=["b@example.com"], headers={"to": "spoof"}
        )
        before = {name: repr(value) for name, value in vars(message).items()}
        wire(message)
        self.assertEqual(before, {name: repr(value) for name, value in vars(message).items()})


class HeaderTests(SimpleTestCase):
    def test_there_is_no_bcc(self) -> None:
        raw = wire(simple_message(bcc=["hidden@example.com"]))
        self.assertNotIn(b"hidden", raw)
        self.assertIsNone(parse(raw)["Bcc"])

    def test_a_bcc_header_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, '"bcc" argument'):
            wire(simple_message(headers={"bcc": "x@example.com"}))

    def test_control_characters_in_names_and_types_of_parts_are_refused(self) -> None:
        for character in "\x00\x07\x1f\x7f\x85":
            named, typed, other = (simple_message() for _ in range(3))
            named.attach(f"a{character}.pdf", b"%PDF", "application/pdf")
            typed.attach("a.pdf", b"%PDF", f"application/{character}pdf")
            other.attach_alternative("<p>", f"text/{character}html")
            for message in (named, typed, other):
                with (
                    self.subTest(character=character),
                    self.assertRaisesRegex(ValueError, "1 can't"),
                ):
                    wire(message)

    def test_hidden_recipients_only_need_a_to_header(self) -> None:
        raw = wire(simple_message(to=[], bcc=["hidden@example.com"]))
        self.assertIn(b"\r\nTo: undisclosed-recipients:;\r\n", raw)

    def test_display_names_arrive_whatever_they_hold(self) -> None:
        names = [
            "Plain",
            "Comma, Inc.",
            'Quote " and \\ backslash',
            "Müller, Jürgen (Vertrieb) <intern>",
            "日本語の名前" * 12,
            "Very long name " * 12,
            "=?utf-8?q?=3D=3Futf-8=3Fq=3Fnot=5Fencoded=3F=3D?=",
            "emoji 👩‍👩‍👧 family",
        ]
        message = simple_message()
        message.to = [
            '"{}" <to{}@example.com>'.format(name.replace("\\", "\\\\").replace('"', '\\"'), n)
            for n, name in enumerate(names)
        ]
        (value,) = (f["value"] for f in reported_headers(wire(message)) if f["name"] == "To")
        # Not with the modern parser: it keeps the space between two encoded-words of a name.
        names[6] = "=?utf-8?q?not_encoded?="
        received = getaddresses([value.replace("\r\n", "")])
        decoded = [str(make_header(decode_header(name))) for name, _ in received]
        self.assertEqual([n.strip() for n in decoded], [n.strip() for n in names])
        self.assertEqual(
            [addr_spec for _, addr_spec in received],
            [f"to{n}@example.com" for n in range(len(names))],
        )

    def test_domains_are_encoded(self) -> None:
        message = simple_message(from_email="a@straße.example", to=["b@münchen.example"])
        received = parse(wire(message))
        self.assertEqual(received["From"], "a@xn--strae-oqa.example")
        self.assertEqual(received["To"], "b@xn--mnchen-3ya.example")

    def test_a_local_part_that_is_not_ascii_is_refused_by_field_name(self) -> None:
        for field in ("from_email", "to", "cc", "reply_to"):
            value: Any = "jörg@example.com"
            message = simple_message(**{field: value if field == "from_email" else [value]})
            with (
                self.subTest(field),
                self.assertRaisesRegex(AnymailInvalidAddress, f"`{field}`") as caught,
            ):
                wire(message)
            self.assertNotIn("jörg", str(caught.exception))

    def test_several_from_addresses(self) -> None:
        received = parse(wire(simple_message(from_email="a@example.com, B <b@example.com>")))
        self.assertEqual(
            [a.addr_spec for a in received["From"].addresses], ["a@example.com", "b@example.com"]
        )

    def test_special_headers_in_any_case(self) -> None:
        headers = {"from": "Shown <shown@example.com>", "TO": "Team", "reply-to": "r@example.com"}
        raw = wire(simple_message(headers=headers, reply_to=["other@example.com"]))
        names = [f["name"].lower() for f in reported_headers(raw)]
        for name in ("from", "to", "reply-to"):
            self.assertEqual(names.count(name), 1)
        self.assertIn(b"\r\nFrom: Shown <shown@example.com>\r\n", raw)
        self.assertIn(b"\r\nTo: Team\r\n", raw)
        self.assertIn(b"\r\nReply-To: r@example.com\r\n", raw)

    def test_a_long_word_is_never_encoded(self) -> None:
        for length in range(60, 990, 31):
            url = f"<https://example.com/{'u' * length}>"[:960]
            raw = wire(simple_message(headers={"List-Unsubscribe": url, "References": url}))
            with self.subTest(length):
                self.assertIn(f"List-Unsubscribe: {url}\r\n".encode(), raw)
                self.assertIn(f"References: {url}\r\n".encode(), raw)

    def test_a_word_too_long_for_any_line_is_refused_where_software_reads_it(self) -> None:
        with self.assertRaisesRegex(ValueError, "List-Unsubscribe"):
            wire(simple_message(headers={"List-Unsubscribe": "<https://x/" + "u" * 1000 + ">"}))

    def test_a_word_too_long_for_any_line_is_encoded_where_people_read_it(self) -> None:
        raw = wire(simple_message(subject="s" * 1500, headers={"X-Text": "t" * 1500}))
        received = parse(raw)
        self.assertEqual((received["Subject"], received["X-Text"]), ("s" * 1500, "t" * 1500))
        self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 998)

    def test_a_name_that_is_encoded_already_is_encoded_once(self) -> None:
        name = "Käse GmbH, Köln"
        for charset in ("utf-8", "iso-8859-1"):
            encoded = formataddr((name, "ann@example.com"), charset)
            for fields in (
                {"from_email": encoded},
                {"to": [encoded]},
                {"cc": [encoded]},
                {"reply_to": [encoded]},
                {"headers": {"From": encoded}},
                {"headers": {"To": encoded}},
                {"headers": {"Reply-To": encoded}},
                {"headers": {"Sender": encoded}},
                {"headers": {"Cc": f"{encoded}, Zoë <zoe@example.com>"}},
            ):
                with self.subTest(charset=charset, fields=list(fields)):
                    field, value = next(iter(fields.items()))
                    header = next(iter(value)) if field == "headers" else field
                    header = {"from_email": "From", "reply_to": "Reply-To"}.get(header, header)
                    received = parse(wire(simple_message(**fields)))[header]
                    self.assertEqual(received.addresses[0].display_name, name)

    def test_a_header_that_is_written_anyway_is_refused_on_every_django(self) -> None:
        for name in ("Subject", "MIME-Version", "content-type", "Content-Transfer-Encoding"):
            with self.subTest(name=name), self.assertRaisesRegex(ValueError, f"{name}.*twice"):
                wire(simple_message(headers={name: "8bit"}))

    def test_control_characters_in_headers_with_addresses_are_refused(self) -> None:
        for name in ("To", "Cc", "Sender", "From", "Reply-To", "Resent-To"):
            for character in "\x00\t\x0b\x1f\x7f\x85":
                text = f'"A{character}nn" <ann@example.com>'
                with self.subTest(text=text), self.assertRaises(AnymailInvalidAddress):
                    wire(simple_message(headers={name: text}))

    def test_a_subject_arrives_with_any_other_control_character(self) -> None:
        """str.splitlines() breaks lines at some of them, and so does the standard library."""
        for character in "\x00\x0b\x0c\x1c\x1d\x1e\x7f\x85\u2028":
            subject = f"x{character}Bcc: evil@example.com"
            with self.subTest(character=character):
                found = parse(wire(simple_message(subject=subject)))
                self.assertEqual(found["Subject"], subject)
                self.assertIsNone(found["Bcc"])

    def test_line_breaks_are_refused(self) -> None:
        for kwargs in (
            {"subject": "a\nBcc: x@example.com"},
            {"headers": {"X-A": "a\r\nBcc: x@example.com"}},
            {"headers": {"X-A\nBcc": "x@example.com"}},
            {"headers": {"To": "a\nBcc: x@example.com"}},
            {"headers": {"X-A": "a\rb"}},
            {"tags": ["a\nb"]},
        ):
            with self.subTest(kwargs), self.assertRaises(ValueError):
                wire(simple_message(**kwargs))

    def test_line_breaks_in_file_names_are_refused_by_position(self) -> None:
        message = simple_message()
        message.attach("ok.txt", "text", "text/plain")
        message.attach("bad\r\nX-Evil: 1.pdf", b"%PDF", "application/pdf")
        with self.assertRaisesRegex(ValueError, "attachment 2"):
            wire(message)

    def test_lone_surrogates_are_a_clear_error(self) -> None:
        for kwargs in ({"subject": "a\ud800"}, {"body": "a\ud800"}, {"tags": ["\ud800"]}):
            with self.subTest(kwargs), self.assertRaises(AnymailSerializationError):
                wire(simple_message(**kwargs))

    def test_bytes_that_are_not_text_are_a_clear_error(self) -> None:
        message = EmailMultiAlternatives("Subject", "Text", "f@x.com", ["t@x.com"])
        message.attach_alternative(b"\xff", "text/html")
        with self.assertRaisesMessage(AnymailSerializationError, "utf-8 cannot decode"):
            wire(message)

    def test_an_attachment_without_name_and_type_is_binary(self) -> None:
        message = simple_message()
        message.attachments = [(None, b"a")]  # type: ignore[list-item]
        [attachment] = parse(wire(message)).iter_attachments()
        self.assertEqual(attachment.get_content_type(), "application/octet-stream")

    @override_settings(DEFAULT_CHARSET="iso-2022-jp")
    def test_another_default_charset(self) -> None:
        received = parse(wire(simple_message(subject="日本語", body="日本語")))
        self.assertEqual(received["Subject"], "日本語")
        self.assertEqual(received.get_content().strip(), "日本語")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
# Whoever decodes a header drops NUL, and U+FEFF where it is a byte order mark (RFC 3629 section 6).
TAG_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0\ufeff")


class RoundTripTests(SimpleTestCase):
    """Metadata and tags come back from what SES reports, whatever they hold."""

    def back(self, **kwargs: Any) -> tuple[list[str], Any]:
        return parse_tags_and_metadata(reported_headers(wire(simple_message(**kwargs))))

    @settings(max_examples=150, deadline=None)
    @given(st.dictionaries(st.text(), JSON, max_size=5))
    def test_any_metadata(self, metadata: dict[str, Any]) -> None:
        self.assertEqual(self.back(metadata=metadata)[1], metadata)

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.text(TAG_CHARACTERS, max_size=200), max_size=4))
    def test_any_tags(self, tags: list[str]) -> None:
        self.assertEqual(self.back(tags=tags)[0], tags)

    def test_values_that_are_hard_to_fold(self) -> None:
        for value in (
            "x" * 5000,
            "word " * 1000,
            " " * 500,
            " leading and trailing ",
            "tab\tand\r\nnewline",
            "=?utf-8?q?encoded=20word?=",
            '"quotes", {braces} and \\ backslashes',
            "日本語" * 600,
            "\ud800 lone surrogate",
            "\x00\x1f\x7f\x85\u2028",
        ):
            with self.subTest(value[:20]):
                self.assertEqual(self.back(metadata={"key": value})[1], {"key": value})

    def test_tags_that_are_hard_to_fold(self) -> None:
        tags = [
            "x" * 3000,
            "a  b",
            " a ",
            "\t",
            "",
            "=?utf-8?b?YQ==?=",
            "ü" * 900,
            "w " * 700 + "w",
        ]
        self.assertEqual(self.back(tags=tags)[0], tags)

    def test_a_value_survives_unfolding_that_keeps_one_space(self) -> None:
        """Not everything between SES and us keeps several spaces in a row."""
        self.assertNotIn("  ", metadata_value({"a": "b" + " " * 9 + "c"}))

    def test_a_plain_tag_stays_readable(self) -> None:
        self.assertEqual(tag_value("welcome message 2"), "welcome message 2")

    def test_empty_metadata_is_sent(self) -> None:
        self.assertIn(b"\r\nX-Metadata: {}\r\n", wire(simple_message(metadata={})))

    def test_metadata_that_json_cannot_hold_is_refused(self) -> None:
        circle: dict[str, Any] = {}
        circle["self"] = circle
        for value in (
            Decimal("1.5"),
            datetime.date(2026, 1, 1),
            object(),
            float("nan"),
            circle,
            {1},
        ):
            with (
                self.subTest(type(value)),
                self.assertRaisesRegex(AnymailSerializationError, "metadata"),
            ):
                wire(simple_message(metadata={"key": value}))
