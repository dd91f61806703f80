"""The JSON document that SES publishes about a received mail.

Source: Amazon SES Developer Guide, "Contents of notifications for Amazon SES email receiving".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....addresses.parser import parse_mailboxes
from ....amazon_ses.timestamps import iso_time
from ...journal import ReceivedMail
from ..events.documents import describe_headers
from ..headers import first, parse_headers, unfold, values
from .envelope import VERDICTS


def received_document(
    mail: ReceivedMail,
    *,
    dmarc_policy: str,
    recipients: Sequence[str],
    action: Mapping[str, Any],
    milliseconds: int,
    content: str | None = None,
) -> dict[str, Any]:
    """The document for one action.

    :param dmarc_policy: what the sender's domain asks for if DMARC fails.
    :param recipients: those that the rule is for.
    :param action: ``receipt.action``.
    :param milliseconds: how long the rule took.
    :param content: the whole mail, for an SNS action.
    """
    verdicts = mail.verdicts
    policy = {"dmarcPolicy": dmarc_policy} if verdicts["dmarc"] == "FAIL" else {}
    document = {
        "notificationType": "Received",
        "mail": _mail(mail),
        "receipt": {
            "timestamp": iso_time(mail.at),
            "processingTimeMillis": milliseconds,
            "recipients": list(recipients),
            **{f"{name}Verdict": {"status": verdicts[name]} for name in VERDICTS},
            **policy,
            "action": dict(action),
        },
    }
    return document if content is None else {**document, "content": content}


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
