"""Raw messages: the checks, the envelope, and what their ``X-SES-*`` headers ask for.

Source: Amazon SES Developer Guide, "Header fields in Amazon SES".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import raw_mail
from .addresses import parse_address, parse_addresses, split
from .raw_mail import CONFIGURATION_SET, MESSAGE_TAGS, Header
from .refusals import invalid
from .submission import Submission


@dataclass(frozen=True, kw_only=True)
class RawMessage:
    """The parameters of a raw message, from either API.

    :param source: may be absent: the message has a ``From``.
    :param destinations: the envelope; empty: the message has a ``To``.
    """

    data: bytes
    source: str | None
    destinations: Sequence[str]
    tags: Mapping[str, list[str]]
    configuration_set: str | None
    max_size: int


def raw_submission(message: RawMessage) -> Submission:
    """What somebody wants to send.

    :raises Refused: SES does not take it.
    """
    if len(message.data) > message.max_size:
        size = len(message.data)
        raise invalid(f"Message length is more than {message.max_size} bytes long: '{size}'.")
    headers = raw_mail.parse_headers(message.data)
    raw_mail.check_once(headers)
    raw_mail.check_required(headers)
    authors = _addresses_in(headers, "from")
    if not authors:
        raise invalid("Missing final '@domain'")
    recipients = parse_addresses(message.destinations)
    in_headers = raw_mail.first(headers, MESSAGE_TAGS)
    return Submission(
        source=parse_address(message.source) if message.source else authors[0],
        recipients=recipients or _addresses_in(headers, "to", "cc", "bcc"),
        headers=headers,
        raw=message.data,
        # Parameters win; nothing is merged.
        configuration_set=message.configuration_set or raw_mail.first(headers, CONFIGURATION_SET),
        tags=message.tags or raw_mail.parse_tags(in_headers or ""),
        senders=authors,
    )


def _addresses_in(headers: Sequence[Header], *names: str) -> list[str]:
    found = raw_mail.values(headers, *names)
    return [parse_address(mailbox) for value in found for mailbox in split(value)]
