"""What hostile mail costs: in proportion to its size, whatever is in it."""

from __future__ import annotations

import sys
import tracemalloc
from unittest import skipIf

from django.test import SimpleTestCase, tag
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from anymail.inbound import AnymailInboundMessage

from ..hostile_mail_costs import MAILS, cpu, filled, in_headers, in_parts, read_everything

#: Seconds for a mail of up to 1 MB.
MAX_CPU = 1
#: Times the size of the mail.
MAX_MEMORY = 10
unless_traced = skipIf(sys.gettrace() is not None, "coverage or a debugger would be measured, too")
#: Those that cost most.
WORST = [
    "at signs in To",
    "words in file names",
    "parts with names",
    "parts with Content-IDs",
    "short messages",
    "dashes in nested parts",
    "padded base64",
    "broken uuencode",
]


def least_cpu(mail: bytes, tries: int = 3) -> float:
    """What reading everything takes: the first that is good enough, else the best of some."""
    best = float("inf")
    for _ in range(tries):
        best = min(best, cpu(mail))
        if best <= MAX_CPU:
            break
    return best


def peak_memory(mail: bytes) -> int:
    """The most bytes in use while a mail is parsed."""
    tracemalloc.start()
    try:
        message = AnymailInboundMessage.parse_raw_mime_bytes(mail)
        assert message is not None
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class WorstMailTests(SimpleTestCase):
    """The worst of them, small."""

    names = WORST
    size = 200_000

    @unless_traced
    def test_cpu_is_at_most_a_second(self):
        for name in self.names:
            with self.subTest(name):
                self.assertLessEqual(least_cpu(MAILS[name](self.size)), MAX_CPU)

    def test_memory_is_at_most_ten_times_the_size(self):
        for name in self.names:
            mail = MAILS[name](self.size)
            with self.subTest(name):
                self.assertLessEqual(peak_memory(mail), MAX_MEMORY * len(mail))


@tag("fuzz")
class HostileMailTests(WorstMailTests):
    """All of them, of 1 MB."""

    names = list(MAILS)
    size = 1_000_000


NAMES = st.sampled_from(
    [
        "From",
        "To",
        "Cc",
        "Subject",
        "Date",
        "Message-ID",
        "Content-Type",
        "Content-Disposition",
        "Content-ID",
        "X-Metadata",
        "Content-Transfer-Encoding",
        "MIME-Version",
        "References",
        "Received",
    ]
)
ATOMS = st.sampled_from(
    [
        "a",
        "@",
        "a@b",
        " ",
        '"',
        '""',
        "\\",
        "(",
        ")",
        "<",
        ">",
        "[",
        "]",
        ",",
        ";",
        ":",
        "=",
        "*",
        "=?",
        "?=",
        "=?utf-8?q?a?=",
        "=?x?b?",
        "text/plain",
        "multipart/mixed",
        "boundary=b",
        "'",
        "filename",
        "filename*0*=",
        "charset=",
        "%41",
        "\t",
        "\r\n ",
        "é",
        "\x00",
        "--",
        "1",
        "+",
        "base64",
        "quoted-printable",
        "punycode",
        "attachment",
        "message/rfc822",
        ";a=b",
        "a@b,",
    ]
)
UNITS = st.lists(ATOMS, min_size=1, max_size=6).map("".join)
LINES = st.sampled_from(
    [
        "--b\r\n",
        "--\r\n",
        "\r\n",
        "\n",
        "\r",
        "a:\r\n",
        " \r\n",
        "x\r\n",
        "--b--\r\n",
        "--c\r\n",
        "From x\r\n",
        "Content-Type: multipart/mixed; boundary=c\r\n",
        "Content-Type: a/b\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: message/delivery-status\r\n",
        "=\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "YQ==\r\n",
        "begin 644 a\r\n",
        "M#\r\n",
        "\x1b$B",
    ]
)
HEADS = st.sampled_from(
    [
        "",
        "\r\n",
        "Subject: x\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        "Content-Type: text/html\r\n\r\n",
        "Content-Transfer-Encoding: base64\r\n\r\n",
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n",
        "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n",
    ]
)
LENGTHS = st.sampled_from([50, 400, 1000, 90_000])
HEADER_MAILS = st.builds(
    lambda make, name, head, unit, length, tail: make(name, head, unit, length, tail)(300_000),
    st.sampled_from([in_headers, in_parts]),
    *(NAMES, UNITS, UNITS, LENGTHS, UNITS),
)
BODY_MAILS = st.builds(
    lambda head, lines: filled(head, "".join(lines))(300_000),
    HEADS,
    st.lists(LINES, min_size=1, max_size=8),
)


@tag("fuzz")
class WorstCaseTests(SimpleTestCase):
    """A search for what costs most, by headers and by structure."""

    @unless_traced
    @given(HEADER_MAILS | BODY_MAILS)
    @settings(
        max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    def test_no_mail_takes_more_than_a_second(self, mail: bytes):
        found = least_cpu(mail)
        target(found)
        self.assertLessEqual(found, MAX_CPU)

    @given(HEADER_MAILS | BODY_MAILS)
    @settings(
        max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    def test_whatever_comes_can_be_stored(self, mail: bytes):
        message = read_everything(mail[:5000])
        texts = [message.text, message.html, message.subject, message.as_string()]
        texts += [text for header in message.items() for text in header]
        for address in (*message.to, *message.cc, *message.get_address_header("From")):
            texts += [address.display_name, address.addr_spec]
        for part in message.walk():
            texts += [part.get_filename(), part.get_content_charset(), part.get_content_type()]
        for text in filter(None, texts[:3] + texts[4:]):
            self.assertNotIn("\0", text)
            text.encode()
