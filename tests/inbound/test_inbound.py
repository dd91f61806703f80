"""AnymailInboundMessage: members, making, hostile mail."""

from __future__ import annotations

import io
import pickle
import time
from datetime import datetime, timedelta, timezone
from email.feedparser import BytesFeedParser
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from unittest import mock

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import SimpleTestCase, tag

from anymail.addresses import EmailAddress
from anymail.inbound import AnymailInboundMessage
from anymail.inbound.headers import policy_for_one_mail
from anymail.inbound.limits import (
    MAX_HEADER_LENGTH,
    MAX_HEADERS,
    MAX_NESTING,
    HeaderTooLongDefect,
    InvalidAddressDefect,
    NestingTooDeepDefect,
    TooManyLinesDefect,
    TooManyParametersDefect,
    UnknownCharsetDefect,
)

from ..hostile_mail import mutations, use

SAMPLES = Path(__file__).parent.parent / "payloads" / "inbound"


def sample(name: str) -> AnymailInboundMessage:
    return AnymailInboundMessage.parse_raw_mime_bytes((SAMPLES / f"{name}.eml").read_bytes())


def parse(*lines: str) -> AnymailInboundMessage:
    return AnymailInboundMessage.parse_raw_mime("\r\n".join([*lines, "", "body", ""]))


def defects(message: EmailMessage) -> list[type]:
    return [type(defect) for defect in message.defects]


class HeaderTests(SimpleTestCase):
    def test_one_from_address_is_an_address(self):
        message = parse('From: "Ann, Inc." <ann@example.net>')
        self.assertEqual(message.from_email, EmailAddress("Ann, Inc.", "ann@example.net"))

    def test_several_from_addresses_are_a_list(self):
        message = parse("From: a@example.net, b@example.net")
        self.assertEqual(
            [a.addr_spec for a in message.from_email], ["a@example.net", "b@example.net"]
        )

    def test_no_from_header_is_none(self):
        self.assertIsNone(parse("To: a@example.net").from_email)

    def test_invalid_from_is_none_and_a_defect(self):
        message = parse("From: nobody")
        self.assertIsNone(message.from_email)
        self.assertEqual(defects(message), [InvalidAddressDefect])
        self.assertIn("From: ", str(message.defects[0]))

    def test_good_addresses_are_kept_beside_invalid_ones(self):
        message = parse("To: a@example.net, nobody, <>, B <b@example.net>")
        self.assertEqual([a.addr_spec for a in message.to], ["a@example.net", "b@example.net"])
        self.assertIn(InvalidAddressDefect, defects(message))

    def test_line_break_in_an_encoded_name_does_no_harm(self):
        message = parse("To: =?utf-8?q?=0D=0ABcc:_evil?= <a@example.net>, b@example.net")
        self.assertEqual([a.addr_spec for a in message.to], ["a@example.net", "b@example.net"])
        self.assertTrue(message.to[0].display_name.isprintable())

    def test_what_was_wrong_is_noted_once_however_often_it_is_read(self):
        message = parse("To: nobody")
        self.assertEqual([message.to, message.to], [[], []])
        self.assertEqual(defects(message), [InvalidAddressDefect])

    def test_defects_do_not_quote_addresses(self):
        message = parse("To: secret-name")
        self.assertEqual(message.to, [])
        self.assertNotIn("secret-name", str(message.defects))

    def test_repeated_address_headers_are_combined(self):
        self.assertEqual(len(sample("malformed-duplicate-headers").to), 2)

    def test_empty_address_header_is_an_empty_list_without_a_defect(self):
        message = parse("To:", "Cc: undisclosed-recipients:;")
        self.assertEqual((message.to, message.cc, message.bcc, message.defects), ([], [], [], []))

    def test_raw_utf8_in_an_address_header_is_read(self):
        self.assertEqual(sample("utf8-raw-headers").from_email.display_name, "Jörg Müller")

    def test_address_header_of_any_name(self):
        message = parse("X-Original-To: Ann <ann@example.net>")
        self.assertEqual(
            message.get_address_header("x-original-to"), [EmailAddress("Ann", "ann@example.net")]
        )

    def test_long_list_of_addresses_is_read_in_full(self):
        recipients = ", ".join(f'"Last, First" <user{n}@example.net>' for n in range(500))
        addresses = parse(f"To: {recipients}").to
        self.assertEqual(len(addresses), 500)
        self.assertEqual(addresses[499], EmailAddress("Last, First", "user499@example.net"))

    def test_group_in_a_long_list_of_addresses(self):
        recipients = ", ".join(f"user{n}@example.net" for n in range(200))
        self.assertEqual(len(parse(f"To: Friends: {recipients};").to), 200)

    def test_subject_is_decoded_and_on_one_line(self):
        message = parse("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe=0AX?=")
        self.assertEqual(message.subject, "Grüße X")

    def test_long_subject_is_decoded(self):
        message = parse("Subject: " + "\r\n ".join(["=?utf-8?q?=C3=BC?="] * 500))
        self.assertEqual(message.subject, "ü" * 500)

    def test_no_subject_is_none(self):
        self.assertIsNone(parse("To: a@example.net").subject)

    def test_date_has_the_zone_of_the_header(self):
        self.assertEqual(
            sample("plain").date,
            datetime(2025, 3, 4, 6, 6, 5, tzinfo=timezone(timedelta(hours=1))),
        )

    def test_date_in_the_unknown_zone_is_naive(self):
        self.assertEqual(
            parse("Date: Tue, 4 Mar 2025 06:06:05 -0000").date, datetime(2025, 3, 4, 6, 6, 5)
        )

    def test_invalid_or_missing_date_is_none(self):
        for line in ("Date: not a date", "Date: 99 Foo 99999 99:99:99 +9999999", "X: y"):
            with self.subTest(line):
                self.assertIsNone(parse(line).date)

    def test_auto_submitted_is_the_keyword(self):
        for value, expected in (
            ("auto-replied", "auto-replied"),
            ("Auto-Generated; owner-email=a@example.net", "auto-generated"),
            ("auto-notified (vacation)", "auto-notified"),
            ("no", None),
            ("", None),
        ):
            with self.subTest(value):
                self.assertEqual(parse(f"Auto-Submitted: {value}").auto_submitted, expected)

    def test_mail_without_auto_submitted_is_not_automatic(self):
        self.assertIsNone(sample("plain").auto_submitted)

    def test_envelope_and_verdicts_are_unknown_until_set(self):
        message = AnymailInboundMessage()
        names = "envelope_sender envelope_recipient stripped_text stripped_html spam_detected"
        names += " spam_score virus_detected spf_verdict dkim_verdict dmarc_verdict dmarc_policy"
        for name in names.split():
            self.assertIsNone(getattr(message, name), name)
        self.assertEqual(message.envelope_recipients, [])


class ContentTests(SimpleTestCase):
    def test_text_and_html_are_the_first_of_their_type(self):
        message = sample("multipart-alternative")
        self.assertIn("Grüße, see the HTML part", message.text)
        self.assertIn("<b>HTML</b>", message.html)

    def test_no_text_is_none(self):
        self.assertIsNone(sample("html-only").text)

    def test_attached_text_is_no_body(self):
        part = AnymailInboundMessage.construct_attachment("text/plain", "x", filename="x.txt")
        self.assertIsNone(AnymailInboundMessage.construct(attachments=[part]).text)

    def test_lines_of_text_end_with_line_feeds(self):
        message = AnymailInboundMessage.parse_raw_mime("Subject: x\r\n\r\none\r\ntwo\r\n")
        self.assertEqual(message.text, "one\ntwo\n")

    def test_declared_charset_is_used(self):
        for name in ("latin1-8bit", "latin1-quoted-printable", "utf8-8bit"):
            with self.subTest(name):
                text = sample(name).text
                self.assertFalse(text.isascii())
                self.assertNotIn("\ufffd", text)

    def test_unknown_charset_is_decoded_all_the_same_with_a_defect(self):
        message = sample("malformed-unknown-charset")
        self.assertTrue(message.text.startswith("bytes: "))
        self.assertNotIn("\ufffd", message.text)
        self.assertEqual(defects(message), [UnknownCharsetDefect])

    def test_codecs_that_are_no_charsets_are_unknown(self):
        for charset in ("idna", "punycode", "undefined", "rot13", "base64", "unicode_escape"):
            with self.subTest(charset):
                message = parse(f"Content-Type: text/plain; charset={charset}")
                self.assertEqual(message.text, "body\n")
                self.assertEqual(defects(message), [UnknownCharsetDefect])

    def test_text_of_windows_that_is_called_latin1_is_read(self):
        self.assertIn("Curly “quotes”", sample("windows1252-mislabelled").text)

    def test_utf8_without_a_charset_is_decoded(self):
        message = AnymailInboundMessage.parse_raw_mime_bytes(b"Subject: x\r\n\r\n\xc3\xbc")
        self.assertEqual(message.text, "ü")

    def test_charset_that_the_caller_gives_must_exist(self):
        with self.assertRaises(LookupError):
            parse("Subject: x").get_content_text(charset="x-no-such-charset")

    def test_errors_that_the_caller_gives_are_used(self):
        message = AnymailInboundMessage.parse_raw_mime_bytes(b"Subject: x\r\n\r\n\xfc")
        self.assertEqual(message.get_content_text(errors="ignore"), "")
        with self.assertRaises(UnicodeDecodeError):
            message.get_content_text(errors="strict")

    def test_multipart_has_no_content(self):
        message = sample("multipart-alternative")
        for method in (message.get_content_bytes, message.get_content_text):
            with self.assertRaises(ValueError):
                method()

    def test_content_of_an_attached_message_is_that_message(self):
        content = sample("nested-rfc822").attachments[0].get_content_bytes()
        self.assertTrue(content.startswith(b"From: Inner <inner@example.org>\r\n"), content[:60])

    def test_attachments_of_attached_messages_are_included(self):
        names = [part.get_filename() for part in sample("nested-rfc822").attachments]
        self.assertEqual(names, ["inner.eml", "inner.txt"])

    def test_attachment_is_byte_exact(self):
        content = bytes(range(256)) * 300
        for encoding in ("base64", "binary"):
            with self.subTest(encoding):
                part = AnymailInboundMessage.construct_attachment(
                    "application/x", content, filename="x"
                )
                source = AnymailInboundMessage.construct(attachments=[part]).as_bytes()
                parsed = AnymailInboundMessage.parse_raw_mime_bytes(source)
                self.assertEqual(parsed.attachments[0].get_content_bytes(), content)

    def test_binary_attachment_is_byte_exact(self):
        content = bytes(range(256)) * 300 + b"\r\n--other\r\n\r--b\n--bb\n-"
        mail = (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
            b"Content-Disposition: attachment\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            + content.replace(b"\r--b\n", b"\r--c\n")
            + b"\r\n--b--\r\n"
        )
        for size in (1, 7, 100_000):
            chunks = [mail[start : start + size] for start in range(0, len(mail), size)]
            message = AnymailInboundMessage.parse_raw_mime_chunks(chunks)
            self.assertEqual(
                message.attachments[0].get_content_bytes(), content.replace(b"\r--b\n", b"\r--c\n")
            )

    def test_multipart_without_parts_is_written_as_it_came(self):
        source = b"Content-Type: multipart/mixed\n\nno boundary: \xff\xfe\n"
        message = AnymailInboundMessage.parse_raw_mime_bytes(source)
        self.assertEqual(message.as_bytes(), source)

    def test_broken_base64_is_decoded_as_far_as_possible(self):
        self.assertIsInstance(sample("malformed-bad-base64").get_content_bytes(), bytes)

    def test_multipart_marked_as_attachment_is_no_attachment_itself(self):
        message = parse(
            "Content-Type: multipart/mixed; boundary=b", "Content-Disposition: attachment"
        )
        self.assertEqual(message.attachments, [])

    def test_inline_parts_by_content_id(self):
        message = sample("inline-image")
        self.assertEqual(list(message.content_id_map), ["logo.1@example.net"])
        self.assertEqual(message.inlines, list(message.content_id_map.values()))
        self.assertTrue(message.inlines[0].is_inline())
        self.assertFalse(message.inlines[0].is_attachment())

    def test_old_names_of_inline_parts(self):
        message = sample("inline-image")
        self.assertEqual(message.inline_attachments, message.content_id_map)
        self.assertTrue(message.inlines[0].is_inline_attachment())

    def test_every_part_is_of_the_same_class(self):
        for part in sample("nested-rfc822").walk():
            self.assertIs(type(part), AnymailInboundMessage)

    def test_uploaded_file(self):
        file = sample("inline-image").inlines[0].as_uploaded_file()
        self.assertEqual((file.name, file.content_type), ("logo.png", "image/png"))
        self.assertTrue(file.read().startswith(b"\x89PNG"))

    def test_part_without_disposition_is_no_uploaded_file(self):
        self.assertIsNone(sample("plain").as_uploaded_file())

    def test_name_of_an_uploaded_file_is_no_path(self):
        for name, expected in (
            ("../../etc/passwd", "passwd"),
            (r"C:\\Windows\\win.ini", "win.ini"),
            ("..", "attachment"),
            ("a\tb.txt", "ab.txt"),
            (" ", "attachment"),
        ):
            with self.subTest(name):
                part = AnymailInboundMessage()
                part.set_raw("Content-Disposition", f'attachment; filename="{name}"')
                part.set_payload("x")
                self.assertEqual(part.as_uploaded_file().name, expected)

    def test_message_can_be_pickled(self):
        message = pickle.loads(pickle.dumps(sample("inline-image")))
        self.assertEqual(message.from_email.addr_spec, "ann@example.net")


class MakingTests(SimpleTestCase):
    def test_all_ways_of_parsing_agree(self):
        source = (SAMPLES / "attachment.eml").read_bytes()
        expected = sample("attachment").as_bytes()
        for made in (
            AnymailInboundMessage.parse_raw_mime(source.decode()),
            AnymailInboundMessage.parse_raw_mime_file(io.BytesIO(source)),
            AnymailInboundMessage.parse_raw_mime_file(io.StringIO(source.decode(), newline="")),
            AnymailInboundMessage.parse_raw_mime_chunks([source[:100], b"", source[100:]]),
        ):
            self.assertEqual(made.as_bytes(), expected)

    def test_text_with_lone_surrogates_is_parsed(self):
        message = AnymailInboundMessage.parse_raw_mime("Subject: \ud800\udcff\r\n\r\nx")
        self.assertEqual(message.text, "x")

    def test_constructed_message_has_what_it_was_given(self):
        attachment = AnymailInboundMessage.construct_attachment(
            "application/pdf", b"PDF", filename="ü.pdf"
        )
        inline = AnymailInboundMessage.construct_attachment(
            "image/png", "UE5H", content_id="<x@y>", base64=True
        )
        message = AnymailInboundMessage.construct(
            raw_headers="X-Raw: raw\r\nSubject: replaced\r\n",
            from_email="Ann <ann@example.net>",
            to="b@example.net, c@example.net",
            cc="d@example.net",
            bcc="e@example.net",
            subject="Grüße",
            headers={"X-More": "more"},
            text="Käse\n",
            html="<p>Käse</p>",
            html_charset="iso-8859-1",
            attachments=[attachment, inline],
        )
        self._check_constructed(message)
        self._check_constructed(AnymailInboundMessage.parse_raw_mime_bytes(message.as_bytes()))

    def _check_constructed(self, message: AnymailInboundMessage) -> None:
        self.assertEqual(message.from_email, EmailAddress("Ann", "ann@example.net"))
        self.assertEqual((len(message.to), len(message.cc), len(message.bcc)), (2, 1, 1))
        self.assertEqual(message.get_all("Subject"), ["Grüße"])
        self.assertEqual((message["X-Raw"], message["X-More"]), ("raw", "more"))
        self.assertEqual((message.text, message.html), ("Käse\n", "<p>Käse</p>"))
        self.assertEqual(message.attachments[0].get_filename(), "ü.pdf")
        self.assertEqual(message.content_id_map["x@y"].get_content_bytes(), b"PNG")
        kinds = [part.get_content_type() for part in message.walk() if part.is_multipart()]
        self.assertEqual(kinds, ["multipart/mixed", "multipart/related", "multipart/alternative"])

    def test_constructed_message_always_has_the_same_structure(self):
        message = AnymailInboundMessage.construct(text="x")
        kinds = [part.get_content_type() for part in message.walk()]
        self.assertEqual(
            kinds,
            ["multipart/mixed", "multipart/related", "multipart/alternative", "text/plain"],
        )
        self.assertEqual((message.text, message.html), ("x", None))

    def test_message_without_content_has_neither_text_nor_html(self):
        made = AnymailInboundMessage.construct(subject="x")
        for message in (
            AnymailInboundMessage(),
            made,
            AnymailInboundMessage.parse_raw_mime_bytes(made.as_bytes()),
        ):
            self.assertEqual((message.text, message.html), (None, None))

    def test_content_type_of_raw_headers_is_dropped(self):
        message = AnymailInboundMessage.construct(
            raw_headers="Content-Type: application/x; a=b\nContent-Transfer-Encoding: base64\n"
        )
        self.assertEqual(message.get_content_type(), "multipart/mixed")
        self.assertEqual(message.transfer_encoding, "")

    def test_line_break_in_the_name_of_an_attachment_becomes_a_space(self):
        for name in ("a\nb.txt", "a\r\nb.txt", "a\rb.txt"):
            part = AnymailInboundMessage.construct_attachment("text/plain", "x", filename=name)
            with self.subTest(name):
                self.assertEqual(part.get_filename(), "a b.txt")
                self.assertNotRegex(part["Content-Type"] + part["Content-Disposition"], "[\r\n]")

    def test_name_of_an_attachment_stands_in_both_headers(self):
        part = AnymailInboundMessage.construct_attachment("text/csv", "x", filename="a\r\nb ü.csv")
        self.assertEqual(part.get_filename(), "a b ü.csv")
        self.assertEqual(part.get_param("name"), "a b ü.csv")

    def test_headers_are_added_to_those_of_the_same_name(self):
        message = AnymailInboundMessage.construct(
            subject="one", headers=[("Subject", "two"), ("Subject", "three")]
        )
        self.assertEqual(message.get_all("Subject"), ["one", "two", "three"])

    def test_line_break_in_a_header_is_refused(self):
        with self.assertRaises(ValueError):
            AnymailInboundMessage.construct(subject="x\r\nBcc: evil@example.net")

    def test_attached_message(self):
        part = AnymailInboundMessage.construct_attachment("message/rfc822", b"Subject: in\n\nx")
        self.assertEqual(part.get_content_bytes(), b"Subject: in\n\nx")

    def test_attachment_from_an_uploaded_file(self):
        file = SimpleUploadedFile("a.txt", b"content", "text/plain")
        part = AnymailInboundMessage.construct_attachment_from_uploaded_file(file, "cid@x")
        self.assertEqual(part.get_content_bytes(), b"content")
        self.assertEqual((part.get_filename(), part.is_inline()), ("a.txt", True))


class LimitTests(SimpleTestCase):
    def test_long_header_is_cut_with_a_defect(self):
        message = parse("Subject: " + "a" * 1_000_000)
        self.assertEqual(len(message.subject), MAX_HEADER_LENGTH)
        self.assertEqual(defects(message), [HeaderTooLongDefect])

    def test_header_of_ordinary_length_is_not_cut(self):
        self.assertEqual(parse("Subject: " + "a" * 5000).subject, "a" * 5000)

    def test_address_headers_are_read_up_to_the_same_length_together(self):
        lines = ["To: " + "(" * 40_000 + str(number) for number in range(3)]
        message = parse(*lines, "To: " + "a@example.net, " * 3000)
        self.assertEqual(message.to, [])
        self.assertIn(HeaderTooLongDefect, defects(message))

    def test_parentheses_raise_nothing(self):
        for name in ("From", "To", "Subject", "Content-Type", "Date", "Message-ID"):
            with self.subTest(name):
                use(parse(f"{name}: " + "(" * 20_000))

    def test_escapes_and_semicolons_take_no_time(self):
        """Each of these took the standard library, or a regular expression, seconds."""
        for header, value in (
            ("To", '"' + '\\"' * 32_000),
            ("To", "(" + "\\(" * 32_000),
            ("Content-Type", 'text/plain; a="' + ";" * 64_000),
            ("Content-Disposition", 'inline; a="' + '\\";' * 20_000),
        ):
            with self.subTest(header, value=value[:20]):
                start = time.process_time()
                message = AnymailInboundMessage.parse_raw_mime(f"{header}: {value}\r\n\r\nx")
                self.assertEqual((message.to, message.get_filename()), ([], None))
                self.assertEqual(message.text, "x")
                self.assertLess(time.process_time() - start, 0.8)

    def test_escaped_quotes_and_brackets_separate_nothing(self):
        good = ", ".join(f"a{number}@example.com" for number in range(70))
        message = parse(f'To: "x \\", y" <b@example.com>, (\\), z) c@example.com, {good}')
        self.assertEqual([a.username for a in message.to[:3]], ["b", "c", "a0"])
        self.assertEqual(len(message.to), 72)

    def test_endless_headers_are_skipped_with_a_defect(self):
        message = parse(*["X: y"] * MAX_HEADERS * 2, "Subject: late")
        self.assertLess(len(message.keys()), MAX_HEADERS * 1.5)
        self.assertIsNone(message.subject)
        self.assertEqual(message.text, "body\n")
        self.assertEqual(defects(message), [HeaderTooLongDefect])

    def test_parameters_beyond_the_limit_leave_a_defect(self):
        message = parse("Content-Type: text/plain" + "".join(f"; a{n}=b" for n in range(300)))
        self.assertEqual(len(message.get_params()), 201)
        self.assertEqual(defects(message), [TooManyParametersDefect])

    def test_lines_of_uuencode_beyond_the_limit_leave_a_defect(self):
        encoded = "begin 644 a\n" + "!a\n" * 5000
        message = parse("Content-Transfer-Encoding: uuencode", "", encoded)
        message.get_content_bytes()
        self.assertEqual(defects(message), [TooManyLinesDefect])

    def test_disposition_of_parameters_only_is_an_attachment(self):
        message = parse('Content-Disposition: filename="a.pdf"')
        self.assertEqual([part.get_filename() for part in message.attachments], ["a.pdf"])

    def test_nesting_is_capped_with_a_defect(self):
        lines = []
        for level in range(300):
            lines += [f"Content-Type: multipart/mixed; boundary=b{level}", "", f"--b{level}"]
        message = parse(*lines)
        parts = list(message.walk())
        self.assertEqual(len(parts), MAX_NESTING + 1)
        self.assertEqual(parts[-1].get_content_type(), "application/octet-stream")
        self.assertIn(NestingTooDeepDefect, defects(parts[-1]))
        use(message)

    def test_nested_messages_are_capped_too(self):
        message = parse(*["Content-Type: message/rfc822", ""] * 2000)
        self.assertEqual(len(list(message.walk())), MAX_NESTING + 1)
        use(message)

    @mock.patch("anymail.inbound.limits.MAX_PARTS", 100)
    @mock.patch("anymail.inbound.limits.CHARACTERS_PER_PART", 10**9)
    def test_number_of_parts_is_capped_and_the_rest_belongs_to_the_last(self):
        for header in ("", "Content-Type: message/rfc822\n", "Content-Type: multipart/x\n"):
            with self.subTest(header):
                mail = "Content-Type: multipart/x; boundary=b\n\n" + f"--b\n{header}\nx\n" * 200
                message = AnymailInboundMessage.parse_raw_mime(mail)
                parts = list(message.walk())
                self.assertEqual(len(parts), 100)
                self.assertGreater(len(parts[-1].get_content_bytes()), 500)
                use(message)

    @mock.patch("anymail.inbound.limits.MAX_PARTS", 100)
    @mock.patch("anymail.inbound.limits.CHARACTERS_PER_PART", 10**9)
    def test_blocks_of_a_delivery_status_count_as_parts(self):
        mail = "Content-Type: message/delivery-status\n\n" + "A: b\n\n" * 200
        message = AnymailInboundMessage.parse_raw_mime(mail)
        self.assertEqual(len(list(message.walk())), 100)

    def test_nine_hundred_short_parts_are_not_too_many(self):
        part = '--b\nContent-Type: text/plain; charset=utf-8; name="x"\n\nsome text\n'
        mail = "Content-Type: multipart/mixed; boundary=b\n\n" + part * 900 + "--b--"
        self.assertEqual(len(AnymailInboundMessage.parse_raw_mime(mail).get_payload()), 900)


def tree(message: EmailMessage) -> Any:
    payload = message._payload
    return (
        [(name, str(value)) for name, value in message.raw_items()],
        (message.preamble, message.epilogue),
        [tree(part) for part in payload] if isinstance(payload, list) else payload,
        defects(message),
    )


def faults(message: EmailMessage) -> list[Any]:
    return [defect for part in message.walk() for defect in part.defects]


class ParserTests(SimpleTestCase):
    def test_tree_of_a_mail_without_faults_is_that_of_the_standard_library(self):
        compared = 0
        for number, mail in enumerate(mutations(seed=5, count=1500)):
            parser = BytesFeedParser(EmailMessage, policy=policy_for_one_mail())
            parser.feed(mail)
            expected = parser.close()
            size = (1, 13, 1000)[number % 3]
            chunks = [mail[start : start + size] for start in range(0, len(mail), size)]
            message = AnymailInboundMessage.parse_raw_mime_chunks(chunks)
            if not faults(expected) and not faults(message):
                self.assertEqual(tree(message), tree(expected), mail)
                compared += 1
        self.assertGreater(compared, 250)

    def test_tree_does_not_depend_on_the_chunks(self):
        for mail in mutations(seed=6, count=150):
            whole = AnymailInboundMessage.parse_raw_mime_bytes(mail)
            with mock.patch("anymail.inbound.parser.MIN_BLOCK", 1):
                bytewise = [mail[n : n + 1] for n in range(len(mail))]
                message = AnymailInboundMessage.parse_raw_mime_chunks(bytewise)
            self.assertEqual(tree(message), tree(whole), mail)


class Fuzz1Tests(SimpleTestCase):
    """Broken mails: no documented member raises where it is not documented to."""

    seed = 1

    def test_nothing_raises(self):
        for mail in mutations(seed=self.seed, count=5000):
            try:
                use(AnymailInboundMessage.parse_raw_mime_bytes(mail))
            except Exception as err:
                raise AssertionError(f"{err!r} for {mail!r}") from err


@tag("fuzz")
class Fuzz2Tests(Fuzz1Tests):
    seed = 2


@tag("fuzz")
class Fuzz3Tests(Fuzz1Tests):
    seed = 3


@tag("fuzz")
class Fuzz4Tests(Fuzz1Tests):
    seed = 4
