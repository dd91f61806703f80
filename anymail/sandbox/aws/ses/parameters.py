"""Parameters that the send operations of both APIs have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .addresses import parse_addresses
from .composing import Envelope

DESTINATION_KEYS = ("ToAddresses", "CcAddresses", "BccAddresses")


def tags_of(given: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """Message tags as the API has them: ``[{"Name": …, "Value": …}]``."""
    tags: dict[str, list[str]] = {}
    for tag in given:
        tags.setdefault(tag["Name"], []).append(tag["Value"])
    return tags


def recipients_of(destination: Mapping[str, Sequence[str]]) -> list[str]:
    """The bare addresses in a ``Destination``.

    :raises Refused: one of them is none.
    """
    return [a for key in DESTINATION_KEYS for a in parse_addresses(destination.get(key, ()))]


def envelope_of(
    sender: str, destination: Mapping[str, Sequence[str]], reply_to: Sequence[str], **more: Any
) -> Envelope:
    """What the headers of a composed message show. Nobody sees ``BccAddresses``.

    :raises Refused: something is no address.
    """
    parse_addresses(reply_to)
    return Envelope(
        sender=sender,
        to=destination.get("ToAddresses", ()),
        cc=destination.get("CcAddresses", ()),
        reply_to=reply_to,
        **more,
    )
