"""The document that SES publishes about a received mail.

Source: Amazon SES Developer Guide, "Contents of notifications for Amazon SES email receiving".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from .arrivals import VERDICTS, Arrival, parse_mailboxes

#: So many bytes of headers are told.
MAX_HEADERS = 10 * 1024
#: Headers with addresses, and what they are called in ``commonHeaders``.
ADDRESSES = {"from": "from", "to": "to", "cc": "cc", "bcc": "bcc", "reply-to": "replyTo"}
TEXTS = {"sender": "sender", "message-id": "messageId", "subject": "subject"}

Headers = Sequence[tuple[str, str]]


def received_document(
    arrival: Arrival,
    headers: Headers,
    *,
    recipients: Sequence[str],
    action: Mapping[str, Any],
    milliseconds: int,
    content: str | None = None,
) -> dict[str, Any]:
    """What SES publishes.

    :param headers: of the mail, from the top.
    :param recipients: those that the rule is for.
    :param action: what the rule did.
    :param milliseconds: how long that took.
    :param content: the whole mail, for an SNS action.
    """
    document = {
        "notificationType": "Received",
        "mail": _mail(arrival, headers),
        "receipt": {
            "timestamp": _timestamp(arrival.at),
            "processingTimeMillis": milliseconds,
            "recipients": list(recipients),
            **{f"{name}Verdict": {"status": arrival.verdicts[name]} for name in VERDICTS},
            **_dmarc_policy(arrival),
            "action": dict(action),
        },
    }
    return document if content is None else {**document, "content": content}


def _dmarc_policy(arrival: Arrival) -> dict[str, str]:
    failed = arrival.verdicts["dmarc"] == "FAIL"
    return {"dmarcPolicy": arrival.dmarc_policy} if failed else {}


def _mail(arrival: Arrival, headers: Headers) -> dict[str, Any]:
    told = list(_first(headers, MAX_HEADERS))
    named = [value for name, value in headers if name.lower() in ("to", "cc", "bcc")]
    return {
        "timestamp": _timestamp(arrival.at),
        "source": arrival.sender or "<>",
        "messageId": arrival.id,
        "destination": [address for _, address in parse_mailboxes(named) if address],
        "headersTruncated": len(told) < len(headers),
        "headers": [{"name": name, "value": value} for name, value in told],
        "commonHeaders": {"returnPath": arrival.sender, **_common_headers(headers)},
    }


def _first(headers: Headers, size: int) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        size -= len(f"{name}{value}".encode())
        if size < 0:
            return
        yield name, value


def _common_headers(headers: Headers) -> dict[str, Any]:
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value)
    common: dict[str, Any] = {
        short: [_address(name, address) for name, address in parse_mailboxes(values[header])]
        for header, short in ADDRESSES.items()
        if header in values
    }
    common |= {
        short: _decoded(values[header][0]) for header, short in TEXTS.items() if header in values
    }
    if "date" in values:
        common["date"] = _date(values["date"][0])
    return common


def _address(name: str, address: str) -> str:
    name = _decoded(name)
    if any(character in name for character in ',.:;<>@()[]\\"'):
        name = '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"'))
    return f"{name} <{address}>" if name else address


def _decoded(value: str) -> str:
    """The text of a header with encoded words (RFC 2047)."""
    try:
        value = str(make_header(decode_header(value)))
    except (LookupError, MessageError, ValueError):
        return value
    return value.encode("utf-8", "replace").decode()


def _date(value: str) -> str:
    try:
        return format_datetime(parsedate_to_datetime(value))
    except (OverflowError, TypeError, ValueError):
        return value


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
