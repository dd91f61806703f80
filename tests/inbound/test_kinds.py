"""Mail as programs write it, kind by kind: what stands in the source, and what is read."""

from __future__ import annotations

import base64
from email.errors import MessageDefect

from django.test import SimpleTestCase

from anymail.addresses import EmailAddress
from anymail.inbound import AnymailInboundMessage as Message
from anymail.inbound.limits import HeaderTooLongDefect, NestingTooDeepDefect, OddHeaderLineDefect

#: From headers with one address: the name and the address.
SENDERS = {
    "=?iso-8859-1?Q?M=FCl?=\r\n =?iso-8859-1?Q?ler?= <a@b.example>": ("Müller", "a@b.example"),
    "=?utf-8?q?J=C3=BC?= =?iso-8859-1?q?rgen?= <a@b.example>": ("Jürgen", "a@b.example"),
    "=?utf-8?q?J=C3=BCrgen?= Klein <a@b.example>": ("Jürgen Klein", "a@b.example"),
    '"=?utf-8?q?J=C3=BCrgen?=" <a@b.example>': ("Jürgen", "a@b.example"),
    "=?utf-8?q?Klein=2C_Ann?= <a@b.example>": ("Klein, Ann", "a@b.example"),
    "=?utf-8?b?QQBubg==?= <a@b.example>": ("Ann", "a@b.example"),
    "Jürgen <a@b.example>": ("Jürgen", "a@b.example"),
    "Jü <jü@b.example>": ("Jü", "jü@b.example"),
    '"Klein, Ann" <a@b.example>': ("Klein, Ann", "a@b.example"),
    r'"Ann \"X\" K" <a@b.example>': ('Ann "X" K', "a@b.example"),
    '"Ann <a@b.example>': ("Ann", "a@b.example"),
    "Ann <a@b.example": ("Ann", "a@b.example"),
    "Ann<a@b.example>": ("Ann", "a@b.example"),
    "[Ticket #1] Ann <a@b.example>": ("[Ticket #1] Ann", "a@b.example"),
    "Re: Ann <a@b.example>": ("Ann", "a@b.example"),
    "Ann <mailto:a@b.example>": ("Ann", "a@b.example"),
    "O'Brien <a@b.example>": ("O'Brien", "a@b.example"),
    "J. R. Ann <a@b.example>": ("J. R. Ann", "a@b.example"),
    "A/B <a@b.example>": ("A/B", "a@b.example"),
    "a@b.example (Ann (the) Great)": ("Ann (the) Great", "a@b.example"),
    "a@b.example (=?utf-8?q?J=C3=BCrgen?=)": ("Jürgen", "a@b.example"),
    "a@[192.0.2.1]": ("", "a@[192.0.2.1]"),
    '"a b"@b.example': ("", '"a b"@b.example'),
}
#: To headers: the addresses in them.
RECIPIENTS = {
    "Ann <a@b.example>, Bob <b@b.example>": ["a@b.example", "b@b.example"],
    "a@b.example; c@b.example;": ["a@b.example", "c@b.example"],
    "Team: Ann <a@b.example>, b@b.example;, c@b.example": [
        "a@b.example",
        "b@b.example",
        "c@b.example",
    ],
    "undisclosed-recipients:;": [],
    "<>": [],
}
#: Charset labels: the Python codec of what programs mean by them, and text that shows it.
CHARSETS = {
    "utf8": ("utf-8", "é"),
    "UTF-8": ("utf-8", "é"),
    "unicode-1-1-utf-8": ("utf-8", "é"),
    "utf-16le": ("utf-16-le", "é"),
    "us-ascii": ("cp1252", "“x”"),
    "ansi_x3.4-1968": ("cp1252", "…"),
    "latin1": ("cp1252", "€"),
    "iso88591": ("cp1252", "“"),
    "ISO_8859-1": ("cp1252", "“"),
    "cp1252": ("cp1252", "€"),
    "cp-1252": ("cp1252", "“"),
    "windows1252": ("cp1252", "€"),
    "iso-8859-9": ("cp1254", "€"),
    "iso-8859-15": ("iso-8859-15", "€"),
    "windows-1251": ("cp1251", "Привет"),
    "koi8-r": ("koi8-r", "Привет"),
    "cp-866": ("cp866", "Привет"),
    "x-mac-cyrillic": ("mac_cyrillic", "Ж"),
    "cp-437": ("cp437", "é"),
    "cp850": ("cp850", "é"),
    "ibm850": ("cp850", "é"),
    "shift_jis": ("cp932", "①髙"),
    "x-sjis": ("cp932", "髙"),
    "iso-2022-jp": ("iso2022_jp", "日本"),
    "euc-kr": ("cp949", "똠"),
    "ks_c_5601-1987": ("cp949", "똠"),
    "big5": ("big5hkscs", "嗰"),
    "gb18030": ("gb18030", "镕€"),
    "x-gbk": ("gbk", "镕"),
    "unknown-8bit": ("utf-8", "é"),
    "8bit": ("utf-8", "é"),
    "default": ("utf-8", "é"),
    "none": ("utf-8", "é"),
}
#: Charset parameters that only a body can have.
DECORATED_CHARSETS = {
    "'utf-8'": ("utf-8", "é"),
    "utf-8;": ("utf-8", "é"),
    "utf-16": ("utf-16", "é"),
}
#: Subject headers: the subject.
SUBJECTS = {
    "=?utf-8*en?q?caf=C3=A9?=": "café",
    "=?UTF-8?b?Y2Fmw6k=?= x": "café x",
    "Re:=?utf-8?q?caf=C3=A9?=": "Re:café",
    "=?utf-8?Q?caf=C3=A9 au lait?=": "café au lait",
    "=?utf-8?b?Y2Fmww==?=\r\n =?utf-8?b?qQ==?=": "café",
    "Grüße": "Grüße",
    "a\0b": "ab",
}
#: Content-Disposition headers: the file name in them.
FILE_NAMES = {
    'attachment; filename="a;b.pdf"': "a;b.pdf",
    'attachment; filename="a b.pdf': "a b.pdf",
    'attachment ; filename = "a.pdf" ': "a.pdf",
    'attachment; filename="é.pdf"': "é.pdf",
    r'attachment; filename="C:\docs\a.pdf"': r"C:\docs\a.pdf",
    "attachment; filename='a.pdf'": "'a.pdf'",
    "attachment; filename=a,b.pdf": "a,b.pdf",
    "attachment; filename=a[1].pdf": "a[1].pdf",
    "attachment; filename=a/b.pdf": "a/b.pdf",
    "attachment; filename=a@b.pdf; size=3": "a@b.pdf",
    "ATTACHMENT; FileName=a.pdf": "a.pdf",
    'filename="a.pdf"': "a.pdf",
    'attachment; filename="=?utf-8?q?M=C3=BCl?=\r\n =?utf-8?q?ler.pdf?="': "Müller.pdf",
    "attachment; filename*=utf-8''%C3%A9.pdf": "é.pdf",
    "attachment; filename*=\"utf-8''%C3%A9.pdf\"": "é.pdf",
    "attachment; filename=\"e.pdf\"; filename*=utf-8''%C3%A9.pdf": "é.pdf",
    "attachment; filename*1=b.pdf; filename*0=a": "ab.pdf",
    "attachment; filename*0*=utf-8''%C3%A9; filename*1=-x; filename*2*=%C3%A9.pdf": "é-xé.pdf",
    "attachment\r\nContent-Type: application/pdf; name=My report (1).pdf": "My report (1).pdf",
}
#: Boundary parameters: the boundary.
BOUNDARIES = {
    "=_a?b=c": "=_a?b=c",
    "----=_Part:1": "----=_Part:1",
    "a/b(c)": "a/b(c)",
    "a,b": "a,b",
    "<a>": "<a>",
    "x@y": "x@y",
    "[b]": "[b]",
    '"a b"; type=x': "a b",
    '"b" ': "b",
}
#: Content-Transfer-Encoding headers, and "café" in that encoding.
ENCODED_TEXTS = {
    "quoted-printable ": b"caf=C3=A9",
    "quoted-printable;": b"caf=C3=A9",
    "quoted-printable,": b"caf=C3=A9",
    "quoted-printable (x)": b"caf=C3=A9",
    "quoted-printable; charset=utf-8": b"caf=C3=A9",
    "Quoted-Printable": b"caf=C3=A9",
    '"quoted-printable"': b"caf=C3=A9",
    "\r\n quoted-printable": b"caf=C3=A9",
    "base64 (x)": b"Y2Fmw6k=",
}
#: Content in base64, and what comes out.
BASE64 = {
    b"SGVsbG8=": b"Hello",
    b"SGVsbG8": b"Hello",
    b"SGVs\r\nbG8=\r\n\r\n": b"Hello",
    b"SGVs-!bG8=": b"Hello",
    b"SGVsbG8=\r\n\r\n-- \r\n": b"Hello",
    b"SGVsbG8gV29ybGQH": b"Hello World\x07",
}
#: Beginnings of a mail that has a subject all the same.
ODD_HEADS = [
    b"From x@y Mon Jan\r\nSubject: Hello",
    b">From x@y Mon\r\nSubject: Hello",
    b"\xef\xbb\xbfSubject: Hello",
    b"Subject\t: Hello",
    b": x\r\nSubject: Hello",
    "Sübject: x\r\nSubject: Hello".encode(),
    b"From: a@b.example\nSubject: Hello\nthis is not a header",
]
#: Content-ID headers: the key in ``content_id_map``.
CONTENT_IDS = {
    "<l@x>": "l@x",
    "l@x": "l@x",
    "<l@x": "l@x",
    "<<l@x>>": "l@x",
    '"<l@x>"': "l@x",
    "< l@x >": "l@x",
    "<l@x> (logo)": "l@x",
    "\r\n <l@x>": "l@x",
}
#: Elements that declare KOI8-R.
META_ELEMENTS = [
    "<meta charset=koi8-r>",
    "<meta charset='koi8-r'/>",
    '<META http-equiv="Content-Type" content="text/html; charset=koi8-r">',
]
#: Date headers, all of the same moment.
DATES = [
    "Mon, 01 Jan 2024 10:00:00 +01:00",
    "Mon, 1 Jan 2024 10:00:00 CET",
    "Mon, 1 Jan 2024 10:00:00 GMT+1",
    "1 Jan 2024 10:00 +0100 (CET)",
    "Mon, 1 Jan 2024 09:00:00 UT",
    "Mon, 1 Jan 2024 09:00:00",
    "Mon Jan  1 09:00:00 2024",
]


def parse(*lines: str | bytes) -> Message:
    """A mail of such headers and other lines."""
    return Message.parse_raw_mime_bytes(
        b"\r\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    )


def multipart(*parts: bytes, subtype: str = "mixed") -> Message:
    delimited = [b"--b\r\n" + part for part in parts]
    return parse(f"Content-Type: multipart/{subtype}; boundary=b", "", *delimited, "--b--", "")


def attachment(*lines: str | bytes) -> Message:
    """The one attachment of a mail, of such headers and other lines."""
    part = parse(*lines).as_bytes()
    (found,) = multipart(b"\r\nsee attached", part).attachments
    return found


def defects(message: Message) -> list[MessageDefect]:
    return [defect for part in message.walk() for defect in part.defects]


class AddressKindTests(SimpleTestCase):
    def test_sender(self):
        for header, (name, address) in SENDERS.items():
            with self.subTest(header):
                sender = parse(f"From: {header}", "", "x").from_email
                self.assertEqual(sender, EmailAddress(name, address))

    def test_name_in_raw_latin1(self):
        sender = parse("From: Jürgen <a@b.example>".encode("latin-1"), "", "x").from_email
        self.assertEqual(sender, EmailAddress("Jürgen", "a@b.example"))

    def test_recipients(self):
        for header, addresses in RECIPIENTS.items():
            with self.subTest(header):
                found = parse(f"To: {header}", "", "x").to
                self.assertEqual([address.addr_spec for address in found], addresses)

    def test_five_thousand_recipients(self):
        header = ", ".join(f"u{number}@b.example" for number in range(5000))
        self.assertEqual(len(parse(f"To: {header}", "", "x").to), 5000)


class TextKindTests(SimpleTestCase):
    def test_charset_of_a_body(self):
        for label, (codec, text) in (CHARSETS | DECORATED_CHARSETS).items():
            with self.subTest(label):
                message = parse(
                    f"Content-Type: text/plain; charset={label}",
                    "Content-Transfer-Encoding: base64",
                    "",
                    base64.b64encode(text.encode(codec)),
                )
                self.assertEqual(message.text, text)

    def test_charset_of_an_encoded_word(self):
        for label, (codec, text) in CHARSETS.items():
            with self.subTest(label):
                word = base64.b64encode(text.encode(codec)).decode()
                self.assertEqual(parse(f"Subject: =?{label}?B?{word}?=", "", "x").subject, text)

    def test_charset_of_html(self):
        for meta in META_ELEMENTS:
            with self.subTest(meta):
                html = f"<head>{meta}</head><p>Привет".encode("koi8-r")
                self.assertIn("Привет", parse("Content-Type: text/html", "", html).html)

    def test_charset_of_the_header_wins_over_that_in_html(self):
        html = "<meta charset=koi8-r>Привет"
        message = parse("Content-Type: text/html; charset=utf-8", "", html)
        self.assertIn("Привет", message.html)

    def test_subject(self):
        for header, subject in SUBJECTS.items():
            with self.subTest(header):
                self.assertEqual(parse(f"Subject: {header}", "", "x").subject, subject)

    def test_transfer_encoding(self):
        for encoding, content in ENCODED_TEXTS.items():
            with self.subTest(encoding):
                header = f"Content-Transfer-Encoding: {encoding}"
                message = parse("Content-Type: text/plain; charset=utf-8", header, "", content)
                self.assertEqual(message.text, "café")

    def test_base64(self):
        for content, decoded in BASE64.items():
            with self.subTest(content):
                part = attachment(
                    "Content-Disposition: attachment",
                    "Content-Transfer-Encoding: base64",
                    "",
                    content,
                )
                self.assertEqual(part.get_content_bytes(), decoded)


class HeaderKindTests(SimpleTestCase):
    def test_file_name(self):
        for header, name in FILE_NAMES.items():
            with self.subTest(header):
                part = attachment(f"Content-Disposition: {header}", "", "x")
                self.assertEqual(part.get_filename(), name)

    def test_boundary(self):
        for parameter, boundary in BOUNDARIES.items():
            with self.subTest(parameter):
                head = f"Content-Type: multipart/mixed; boundary={parameter}"
                message = parse(head, "", f"--{boundary}", "", "words", f"--{boundary}--", "")
                self.assertEqual(message.text, "words")

    def test_white_space_after_a_delimiter(self):
        head = "Content-Type: multipart/mixed; boundary=b"
        message = parse(head, "", "--b  ", "", "words", "--b--  ", "")
        self.assertEqual(message.text, "words")

    def test_odd_lines_before_a_header(self):
        for head in ODD_HEADS:
            with self.subTest(head):
                self.assertEqual(parse(head, "", "x").subject, "Hello")

    def test_odd_line_between_headers_leaves_a_defect(self):
        message = parse("From: a@b.example", "garbage", "Subject: Hello", "", "words")
        self.assertEqual((message.subject, message.text), ("Hello", "words"))
        self.assertEqual([type(defect) for defect in message.defects], [OddHeaderLineDefect])

    def test_content_id(self):
        for header, content_id in CONTENT_IDS.items():
            with self.subTest(header):
                image = f"Content-Type: image/png\r\nContent-ID: {header}\r\n\r\nx"
                message = multipart(b"\r\nsee", image.encode(), subtype="related")
                self.assertEqual(list(message.content_id_map), [content_id])

    def test_message_id(self):
        for header, message_id in (("\r\n <a@b>", "<a@b>"), ("<a b@c>", "<a b@c>")):
            with self.subTest(header):
                self.assertEqual(parse(f"Message-ID: {header}", "", "x")["Message-ID"], message_id)

    def test_date(self):
        for header in DATES:
            with self.subTest(header):
                date = parse(f"Date: {header}", "", "x").date
                self.assertEqual(date.timestamp(), 1704099600)


class AttachedMessageTests(SimpleTestCase):
    sources = (
        b"From: eve@x.example\r\nSubject: old\r\n\r\neve's words\r\n",
        b"From: eve@x.example\r\nSubject: old\r\n\r\neve's words",
        b"Subject:  two  spaces\r\n\tfolded\r\n\r\n\r\nwords\r\n\r\n",
        b"Subject: line feeds\n\nwords\n",
    )

    def test_uploaded_file_is_the_source_to_the_byte(self):
        for source in self.sources:
            for encoding, content in (("8bit", source), ("base64", base64.encodebytes(source))):
                with self.subTest(source, encoding=encoding):
                    head = f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode()
                    part = b"Content-Type: message/rfc822\r\n" + head + content
                    file = multipart(b"\r\nsee", part).attachments[0].as_uploaded_file()
                    self.assertEqual(file.content_type, "message/rfc822")
                    self.assertEqual(file.read(), source)

    def test_words_of_an_attached_message_are_not_the_text(self):
        for subtype, head in (("mixed", b"Content-Type: message/rfc822\r\n"), ("digest", b"")):
            with self.subTest(subtype):
                message = multipart(head + b"\r\n" + self.sources[0], subtype=subtype)
                self.assertEqual((message.text, message.html), (None, None))

    def test_text_of_a_report_is_that_for_people(self):
        status = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n"
        returned = b"Content-Type: message/rfc822\r\n\r\n" + self.sources[0]
        message = multipart(b"\r\nIt did not arrive.", status, returned, subtype="report")
        self.assertEqual(message.text, "It did not arrive.")


class PartsLeftUnreadTests(SimpleTestCase):
    def test_parts_beyond_the_limit_are_one_unparsed_part_with_a_defect(self):
        message = multipart(*[b"\r\nx"] * 3000)
        parts = message.get_payload()
        self.assertTrue(1000 <= len(parts) + 1 <= 1050, len(parts))
        self.assertEqual([type(defect) for defect in defects(parts[-1])], [NestingTooDeepDefect])
        self.assertGreater(parts[-1].get_content_bytes().count(b"--b\r\n"), 1900)
        self.assertFalse(any(defects(part) for part in parts[:-1]))

    def test_file_name_that_is_not_decoded_leaves_a_defect(self):
        words = "=?utf-8?q?caf=C3=A9?= " * 1000
        disposition = 'Content-Disposition: attachment; filename="{} {}"\r\n\r\nx'
        parts = [disposition.format(words, number).encode() for number in range(10)]
        files = multipart(*parts).attachments
        names = [file.get_filename() for file in files]
        self.assertTrue(names[0].startswith("café"))
        self.assertEqual(files[0].defects, [])
        self.assertTrue(names[-1].startswith("=?utf-8?q?caf=C3=A9?="))
        self.assertEqual([type(defect) for defect in files[-1].defects], [HeaderTooLongDefect])
