"""What SES says about a received mail: the headers that it adds, and what it publishes.

Source: Amazon SES Developer Guide, "Contents of notifications for Amazon SES email receiving", and
mail that SES received.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from ....addresses.parser import parse_mailboxes
from ....amazon_ses.timestamps import iso_time
from ...journal import ReceivedMail, now
from ..events.documents import describe_headers
from ..headers import first, parse_headers, unfold, values

VERDICTS = ("spam", "virus", "spf", "dkim", "dmarc")
#: Verdicts in the words of RFC 8601; the others are ``none``.
RESULTS = {"PASS": "pass", "FAIL": "fail", "PROCESSING_FAILED": "temperror"}


def add_headers(mail: ReceivedMail, region: str) -> bytes:
    """The source of a mail with SES's headers on top; with the line ends of SMTP."""
    raw = re.sub(rb"(?<!\r)\n", b"\r\n", mail.raw)
    added = "".join(f"{name}: {value}\r\n" for name, value in _headers(mail, region).items())
    return added.encode() + raw


def received_document(
    mail: ReceivedMail, recipients: Sequence[str], action: Mapping[str, Any]
) -> dict[str, Any]:
    """The document for one action.

    :param recipients: those that the rule is for.
    :param action: ``receipt.action``.
    """
    verdicts = mail.verdicts
    policy = {"dmarcPolicy": "none"} if verdicts["dmarc"] == "FAIL" else {}
    document = {
        "notificationType": "Received",
        "mail": _mail(mail),
        "receipt": {
            "timestamp": iso_time(mail.at),
            "processingTimeMillis": (now() - mail.at) // timedelta(milliseconds=1),
            "recipients": list(recipients),
            **{f"{name}Verdict": {"status": verdicts[name]} for name in VERDICTS},
            **policy,
            "action": dict(action),
        },
    }
    if action["type"] == "SNS":
        is_base64 = action["encoding"] == "BASE64"
        raw = base64.b64encode(mail.raw) if is_base64 else mail.raw
        document["content"] = raw.decode("utf-8", "replace")
    return document


def _mail(mail: ReceivedMail) -> dict[str, Any]:
    headers = [(name, unfold(value).strip()) for name, value in parse_headers(mail.raw)]
    described = describe_headers(headers, first(headers, "message-id"))
    described["commonHeaders"]["returnPath"] = mail.sender
    return {
        "timestamp": iso_time(mail.at),
        "source": mail.sender or "<>",
        "messageId": mail.id,
        "destination": [
            mailbox.addr_spec
            for value in values(headers, "to", "cc", "bcc")
            for mailbox in parse_mailboxes(value).mailboxes
        ],
        **described,
    }


def _headers(mail: ReceivedMail, region: str) -> dict[str, str]:
    given = {name: mail.verdicts[name] for name in ("spf", "dkim", "dmarc")}
    results = [f"{name}={RESULTS.get(verdict, 'none')}" for name, verdict in given.items()]
    return {
        "Return-Path": f"<{mail.sender}>",
        "Received": "from localhost (localhost [127.0.0.1])\r\n"
        f" by inbound-smtp.{region}.amazonaws.com with SMTP id {mail.id}\r\n"
        f" for {mail.recipients[0]};\r\n {format_datetime(mail.at)} (UTC)",
        "X-SES-Spam-Verdict": mail.verdicts["spam"],
        "X-SES-Virus-Verdict": mail.verdicts["virus"],
        "Authentication-Results": f"amazonses.com; {'; '.join(results)}",
        "X-SES-RECEIPT": base64.b64encode(secrets.token_bytes(48)).decode(),
    }
