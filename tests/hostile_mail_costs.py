"""Mails of a given size that cost as much as their sender can make them cost."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from itertools import count

from anymail.inbound import AnymailInboundMessage


def filled(head: str, unit: str, tail: str = "") -> Callable[[int], bytes]:
    """A mail that repeats a unit until it has the size."""

    def make(size: int) -> bytes:
        times = max(1, (size - len(head) - len(tail)) // len(unit))
        return (head + unit * times + tail).encode("latin-1")

    return make


def numbered(head: str, unit: str, tail: str = "") -> Callable[[int], bytes]:
    """The same, where each unit has its number in place of ``{}``: no two are read as one."""
    before, after = unit.split("{}")

    def make(size: int) -> bytes:
        pieces, left = [head], size - len(head) - len(tail)
        for number in count():
            pieces.append(f"{before}{number}{after}")
            left -= len(pieces[-1])
            if left < len(pieces[-1]):
                return "".join([*pieces, tail]).encode("latin-1")
        raise AssertionError

    return make


def in_headers(
    name: str, head: str, unit: str, length: int, tail: str = ""
) -> Callable[[int], bytes]:
    """A mail of headers of that name and length."""
    header = f"{name}: {head}{unit * (length // len(unit))}{tail}{{}}\r\n"
    return numbered("", header, "\r\nx")


def in_parts(
    name: str, head: str, unit: str, length: int, tail: str = ""
) -> Callable[[int], bytes]:
    """A mail of parts with such a header each."""
    header = f"{name}: {head}{unit * (length // len(unit))}{tail}{{}}\r\n"
    return numbered(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        f"--b\r\n{header}\r\nx\r\n",
        "--b--\r\n",
    )


def nested(unit: str) -> Callable[[int], bytes]:
    """49 multiparts, each within the other, and in the innermost a body of such lines."""
    levels = "".join(
        f"Content-Type: multipart/mixed; boundary=-{level}\r\n\r\n---{level}\r\n"
        for level in range(49)
    )
    return filled(levels + "\r\n", unit)


def nested_messages(unit: str) -> Callable[[int], bytes]:
    """49 messages, each attached to the other, and in the innermost a body of such lines."""
    return filled("Content-Type: message/rfc822\r\n\r\n" * 49 + "Subject: x\r\n\r\n", unit)


def encoded_messages(size: int) -> bytes:
    """A message in base64 in a message in base64, and so on."""
    mail = b"Subject: x\r\n\r\n" + b"x\r\n" * (size // 10)
    while len(mail) < size:
        head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        mail = head + base64.encodebytes(mail)
    return mail[:size]


PLAIN = filled(
    "From: ann@example.net\r\nSubject: x\r\n\r\n",
    "words of a mail, seventy to a line; " * 2 + "\r\n",
)
#: By what they do.
MAILS: dict[str, Callable[[int], bytes]] = {
    "quotes in Content-Type of parts": in_parts("Content-Type", "a@b, ", '""', 4000),
    "quotes in Content-Disposition of parts": in_parts(
        "Content-Disposition", "attachment; a@b, ", '""', 4000
    ),
    "quotes in Content-Transfer-Encoding of parts": in_parts(
        "Content-Transfer-Encoding", "a@b, ", '""', 4000
    ),
    "brackets in Content-Transfer-Encoding": in_parts(
        "Content-Transfer-Encoding", "", "(a", 60_000
    ),
    "comments in To": in_headers("To", "a@b, ", "(a", 1000),
    "comments in long To": in_headers("To", "a@b, ", "(a", 60_000),
    "addresses in To": in_headers("To", "", "a@b.c,", 60_000),
    "angles in From": in_headers("From", "", "<", 60_000),
    "group in Cc": in_headers("Cc", "x:", "a@b,", 60_000, "<"),
    "quoted pairs in From": in_headers("From", "", '"\\"', 60_000),
    "combining marks in To": in_headers("To", "", "\xcc\x81", 60_000),
    "punycode in Subject": in_headers("Subject", "=?punycode?q?", "b", 60_000, "?="),
    "words in Subject": in_headers("Subject", "", "=?utf-8?q?a?= ", 60_000),
    "beginnings of words in Subject": in_headers("Subject", "", "=?", 60_000),
    "charsets in Subject": in_headers("Subject", "", "=?a?q?", 60_000),
    "words in X-Metadata": in_headers("X-Metadata", "", "=?utf-8?b?YQ==?=", 2000),
    "parameters": in_parts("Content-Type", "text/plain", ";a=b", 400),
    "long lists of parameters": in_parts("Content-Type", "text/plain", ";a=b", 60_000),
    "sections of file names": in_parts(
        "Content-Disposition", "attachment", ";filename*1*=a", 60_000
    ),
    "words in file names": in_parts(
        "Content-Disposition", "attachment; filename=", "=?utf-8?q?a?= ", 2000
    ),
    "parts with names": in_parts(
        "Content-Type: a/b; name=b\r\nTo: a@b\r\nContent-Disposition", "a;filename=", "b", 300
    ),
    "parts with Content-IDs": in_parts(
        "Content-Disposition: inline\r\nContent-Type: text/html\r\nContent-ID", "<a", "a", 400, ">"
    ),
    "messages with headers": in_parts(
        "Content-Type: message/rfc822\r\n\r\nTo: a@b.c\r\nSubject", "", "=?a?q?b?=", 400
    ),
    "quotes in file names": in_parts("Content-Disposition", "attachment", ';filename="a"b', 60_000),
    "white space in Content-Type": in_parts("Content-Type", "text/plain", " ", 60_000, "x"),
    "dates": in_headers("Date", "", "1 ", 60_000),
    "headers": filled("", "a:\n"),
    "headers of parts": filled(
        "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n" + "a:\n" * 300 + "\n"
    ),
    "folds": filled("Subject: x", "\n "),
    "odd lines": filled("Subject: x\n", "x\n"),
    "odd lines between headers": filled("Subject: x\n", "x\na:b\n"),
    "short parts": filled("Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\n"),
    "Content-IDs": filled(
        "Content-Type: multipart/related; boundary=b\n\n",
        "--b\nContent-Type: a/b\nContent-ID: <a>\n\n",
    ),
    "short messages": filled("Content-Type: multipart/digest; boundary=b\n\n", "--b\n\na:\n\n"),
    "delimiters": filled("Content-Type: multipart/mixed; boundary=b\n\n", "--b\n"),
    "dashes in nested parts": nested("--\r\n"),
    "longer dashes in nested parts": nested("---\n"),
    "line ends in nested parts": nested("\n"),
    "dashes in nested messages": nested_messages("--\n"),
    "line ends in nested messages": nested_messages("\n"),
    "line ends": filled("Subject: x\n\n", "\n"),
    "delivery status": filled("Content-Type: message/delivery-status\n\n", "a:\n\n"),
    "long delivery status": filled(
        "Content-Type: message/delivery-status\n\n", "a: b\n" * 90 + "\n"
    ),
    "at signs in To": in_headers("To", "", "@", 90_000),
    "padded base64": filled("Content-Transfer-Encoding: base64\n\n", "YQ==\n"),
    "padding": filled("Content-Transfer-Encoding: base64\n\n", "A="),
    "quoted-printable": filled("Content-Transfer-Encoding: quoted-printable\n\n", "=\n"),
    "uuencode": filled("Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n", "!a\n"),
    "broken uuencode": filled("Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n", "M\xe9\n"),
    "punycode text": filled("Content-Type: text/plain; charset=punycode\n\n", "b"),
    "idna text": filled("Content-Type: text/plain; charset=idna\n\n", "\xe9."),
    "ISO-2022-JP text": filled("Content-Type: text/plain; charset=iso-2022-jp\n\n", "\x1b$B"),
    "meta elements": filled("Content-Type: text/html\n\n", "<meta "),
    "encoded messages": encoded_messages,
}


def read_everything(mail: bytes) -> AnymailInboundMessage:
    """Parse a mail, and read all that there is of it and of its parts."""
    message = AnymailInboundMessage.parse_raw_mime_bytes(mail)
    for name in ("from_email", "to", "cc", "bcc", "subject", "date", "auto_submitted"):
        getattr(message, name)
    for name in ("text", "html", "attachments", "inlines", "content_id_map"):
        getattr(message, name)
    message.items(), message.get_body(), message.as_bytes(), message.as_string()
    for part in message.walk():
        part.get_content_type(), part.get_content_disposition(), part.get_filename()
        part.get_content_charset(), part.get_boundary(), part.get_params(), part["Subject"]
        part.as_uploaded_file(), part.is_attachment(), part.items()
        if not part.is_multipart() and part.get_content_maintype() != "multipart":
            part.get_content_text()
    return message


def cpu(mail: bytes) -> float:
    """Seconds of CPU that it takes to read everything of a mail."""
    start = time.process_time()
    read_everything(mail)
    return time.process_time() - start
