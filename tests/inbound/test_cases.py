"""Mails of the kinds that real programs send, read as other parsers and the standards read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.test import SimpleTestCase

from anymail.addresses import EmailAddress
from anymail.inbound import AnymailInboundMessage as Message

CASES = Path(__file__).parent.parent / "payloads" / "inbound-cases"


def parse(source: bytes) -> Message:
    return Message.parse_raw_mime_bytes(source)


def senders(message: Message) -> list[EmailAddress]:
    return message.get_address_header("From")


def sender(message: Message) -> str | None:
    addresses = senders(message)
    return addresses[0].addr_spec if len(addresses) == 1 else None


def pairs(addresses: list[EmailAddress]) -> list[list[str]]:
    return [[address.display_name, address.addr_spec] for address in addresses]


def contents(message: Message) -> list[bytes]:
    return [part.get_content_bytes() for part in message.attachments]


def has_no_nul(message: Message) -> bool:
    return "\0" not in (message.subject or "") + (message.text or "")


def is_encodable(message: Message) -> bool:
    return all(address.display_name.encode() is not None for address in senders(message))


#: What to look at, and whether it is as it should be.
CHECKS: dict[str, Callable[[Message, Any], bool]] = {
    "from": lambda message, want: pairs(senders(message)) == want,
    "cc": lambda message, want: pairs(message.cc) == want,
    "from_addr": lambda message, want: sender(message) == want,
    "from_addr_in": lambda message, want: sender(message) in want,
    "from_encodable": lambda message, want: is_encodable(message) is want,
    "no_nul": lambda message, want: has_no_nul(message) is want,
    "text": lambda message, want: _without_line_end(message.text) == want,
    "html": lambda message, want: _without_line_end(message.html) == want,
    "subject": lambda message, want: message.subject == want,
    "message_id": lambda message, want: message["Message-ID"] == want,
    "html_contains": lambda message, want: want in (message.html or ""),
    "att_contains": lambda message, want: want.encode() in contents(message)[0],
    "att_bytes": lambda message, want: [c.decode("latin-1") for c in contents(message)] == want,
    "att_names": lambda message, want: [p.get_filename() for p in message.attachments] == want,
    "any_att": lambda message, want: (
        [part.get_filename() for part in (*message.attachments, *message.inlines)] == want
    ),
    "cids": lambda message, want: list(message.content_id_map) == want,
    "date_not_naive": lambda message, want: (message.date.tzinfo is not None) is want,
}


def _without_line_end(text: str | None) -> str | None:
    return text.removesuffix("\n") if text else text


class CaseTests(SimpleTestCase):
    def test_every_case_is_read_right(self):
        for case in json.loads((CASES / "index.json").read_text("utf-8")):
            with self.subTest(case["id"], why=case["why"]):
                message = parse((CASES / f"{case['id']}.eml").read_bytes())
                check = CHECKS[case["check"]]
                self.assertTrue(check(message, case["want"]), case["want"])

    def test_every_mail_has_a_case(self):
        cases = {case["id"] for case in json.loads((CASES / "index.json").read_text("utf-8"))}
        self.assertEqual({path.stem for path in CASES.glob("*.eml")}, cases)
