"""Mails that nobody should send: mutations of the samples, and what a receiver does with a mail."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from anymail.inbound import AnymailInboundMessage

SAMPLES = [
    path.read_bytes() for path in sorted((Path(__file__).parent / "payloads/inbound").glob("*.eml"))
]
#: Without the headers that SES adds, which take most of the time.
SHORT_SAMPLES = [mail[max(mail.find(b"\r\nFrom: ") + 2, 0) :] for mail in SAMPLES]
NOISE = b"()<>,;:@\"'\\=?*[]%\r\n-\x00\x01\x0b\x0c\x1c\x7f\x85\xa0\xff\xe9\xc3\xa4a1 \t"
LINES = [
    b"\r\n--mx\r\n",
    b"\r\n--rel1--\r\n",
    b"\r\r\n",
    b"\n\n",
    b"\r",
    b"--\n",
    b"\nFrom x\n",
    b"\n--fw\nContent-Type: message/delivery-status\n\nA: b\n\nC: d\n\n",
    b"\r\nContent-Transfer-Encoding: base64\r\n",
    b"\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 666 a\r\n#86)C\r\n",
    b'\r\nContent-Disposition: attachment; filename="../../etc/passwd"\r\n',
    b'\r\nContent-Disposition: inline; filename=".."\r\nContent-ID: <>\r\n',
    b"\r\nContent-Disposition: attachment; filename*" + b"9" * 5000 + b"*=x\r\n",
    b"\r\nContent-Disposition: attachment; filename*=idna'x'%ff%fe\r\n",
    b"\r\nContent-Type: text/plain; charset*=undefined''%ff; boundary*0*=a%00\r\n",
    b"\r\nContent-Type: multipart/related; start=<x>; boundary=in\r\n",
    b"\r\nContent-Type: multipart/digest; boundary=fw\r\n",
    b"\r\nDate: Mon, 99 Foo 99999999999999999999 25:61:61 +99999999999\r\n",
    b"\r\nFrom: =?utf-8?q?=0D=0ABcc:_evil?= <a@b.example>, c@d.example\r\n",
    b"\r\nTo: " + b"(" * 1200 + b"\r\n",
    b"\r\nSubject: =?a\x00b?q?x?= =?idna?q?=ff?= =?utf-16?b?/w==?= =?utf-8?b?*?=\r\n",
]
WORDS = [b"utf-8", b"text/plain", b"text/html", b"base64", b"boundary=", b"attachment", b"8bit"]
BAD_WORDS = [
    b"idna",
    b"x\x00y",
    b"punycode",
    b"undefined",
    b"rot13",
    b"utf-16",
    b"multipart/mixed",
    b"message/rfc822",
    b"message/delivery-status",
    b"message/external-body",
    b"boundary*0*=",
    b"x-uuencode",
    b"quoted-printable",
    b"inline",
]


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """Broken mails; the same for the same seed."""
    generator = random.Random(seed)
    for _ in range(count):
        samples = SAMPLES if generator.random() < 0.1 else SHORT_SAMPLES
        mail = bytearray(generator.choice(samples))
        for _ in range(generator.randint(1, 6)):
            mail = _mutate(generator, mail)
        yield bytes(mail)


def use(message: AnymailInboundMessage) -> None:
    """Call everything that is documented, of the message and of all its parts."""
    for part in message.walk():
        assert isinstance(part, AnymailInboundMessage)
        if part is message or part.get_content_maintype() == "message":
            _use_message(part)
        _use_content(part)
        _use_standard_library(part)
    for attachment in [*message.attachments, *message.inlines]:
        attachment.get_content_bytes()


def _use_message(part: AnymailInboundMessage) -> None:
    for name in ("from_email", "to", "cc", "bcc", "date", "auto_submitted", "content_id_map"):
        getattr(part, name)
    for name in ("Reply-To", "Return-Path", "Subject"):
        part.get_address_header(name)
        part.get_date_header(name)
    for text in (part.text, part.html, part.subject):
        assert text is None or text.encode() is not None
    assert part.inline_attachments.keys() == part.content_id_map.keys()
    part.as_bytes(), part.as_string()
    part.get_body(), list(part.iter_attachments()), list(part.iter_parts()), part.get_charsets()


def _use_content(part: AnymailInboundMessage) -> None:
    part.as_uploaded_file()
    if part.get_content_maintype() != "multipart":
        part.get_content_bytes()
        part.get_content_text()
        part.get_content_text("latin-1", "ignore")
        part.get_content()


def _use_standard_library(part: AnymailInboundMessage) -> None:
    for name, value in part.items():
        assert str(value).encode() is not None, name
    part["Content-Type"], part.get_all("To"), part.get("Date"), part.keys()
    part.get_content_type(), part.get_content_disposition(), part.is_attachment(), part.is_inline()
    part.is_inline_attachment(), part.get_filename(), part.get_boundary()
    part.get_content_charset(), part.get_params(), part.get_param("charset"), part.get_payload()
    part.get_payload(decode=True), part.defects, part.preamble, part.epilogue


def _mutate(generator: random.Random, mail: bytearray) -> bytearray:
    kind = generator.randrange(8)
    at = generator.randrange(len(mail) + 1)
    if kind == 0 and mail:
        mail[at % len(mail)] = generator.randrange(256)
    elif kind == 1:
        del mail[at : at + generator.randint(1, 40)]
    elif kind == 2:
        mail[at:at] = bytes(generator.choices(NOISE, k=generator.randint(1, 30)))
    elif kind == 3:
        other = generator.choice(SAMPLES)
        start = generator.randrange(len(other) + 1)
        mail[at:at] = other[start : start + generator.randint(1, 400)]
    elif kind == 4:
        mail[at:at] = generator.choice(LINES)
    elif kind == 5:
        return mail.replace(b"\r\n", generator.choice([b"\n", b"\r"]))
    elif kind == 6:
        return mail.replace(generator.choice(WORDS), generator.choice(BAD_WORDS))
    else:
        lines = mail.split(b"\n")
        lines.insert(generator.randrange(len(lines) + 1), generator.choice(lines))
        return bytearray(b"\n".join(lines))
    return mail
