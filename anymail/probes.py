"""Probes: messages that prove that mail leaves, and that what becomes of it is heard of.

``manage.py anymail_doctor --probe`` sends them and waits. Their events reach another process, which
notes them in Django's cache for the one that waits. An address tells what is a probe: SES reports
it in every event, and the headers of a message only if it is told to.

Source: Amazon SES Developer Guide, "Using the mailbox simulator in Amazon SES".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from django.core.cache import cache

from .amazon_ses.untrusted_json import as_object, as_string
from .signals import AccountChange, AnymailInboundEvent, AnymailTrackingEvent, EventType

#: The tag of the messages, for receivers that leave them alone.
TAG = "anymail-probe"
#: Where SES's mailbox simulator is.
SIMULATOR = "simulator.amazonses.com"
#: Seconds that notes are kept, and that a probe may take.
KEEP = 3600
#: The types of tracking events that are noted.
TRACKED = (EventType.DELIVERED, EventType.BOUNCED, EventType.COMPLAINED)
#: What notes are about; a mail that could not be read has come, too.
NOTED = (*TRACKED, EventType.INBOUND)
#: Names of verdicts in the receipt of a received mail.
VERDICTS = ("spf", "dkim", "dmarc", "spam", "virus")
#: Characters of a header that are noted.
MAX_HEADER = 2000

_MARK = re.compile(rf"(?:^|\+){TAG}-([0-9a-f]{{16}})@")


def simulator_address(mailbox: str, nonce: str) -> str:
    """An address of the mailbox simulator that belongs to one probe.

    :param mailbox: ``"success"``, ``"bounce"`` or ``"complaint"``.
    :param nonce: of the probe, 16 hexadecimal digits.
    """
    return f"{mailbox}+{TAG}-{nonce}@{SIMULATOR}"


def inbound_address(nonce: str, domain: str) -> str:
    """The address at a receiving domain that belongs to one probe.

    :param nonce: of the probe, 16 hexadecimal digits.
    """
    return f"{TAG}-{nonce}@{domain}"


def nonce_of(address: str | None) -> str | None:
    """The probe that an address belongs to; None for any other address."""
    found = _MARK.search(address or "")
    return found and found[1]


def is_probe(address: str | None) -> bool:
    """Whether an address belongs to a probe: what happens to it says nothing about recipients."""
    return nonce_of(address) is not None


def begin(nonce: str) -> bool:
    """Have what happens to a probe noted; what nobody waits for is not.

    :return: whether the cache keeps what is written there.
    """
    cache.set(_key(nonce), True, KEEP)
    return bool(cache.get(_key(nonce)))


def noted(nonce: str) -> dict[str, Any]:
    """What has happened to a probe: its events, each with its note."""
    keys = {_key(nonce, event_type): event_type for event_type in NOTED}
    return {str(keys[key]): note for key, note in cache.get_many(keys).items()}


def forget(nonce: str) -> None:
    """Delete the notes of a probe."""
    cache.delete_many([_key(nonce), *(_key(nonce, event_type) for event_type in NOTED)])


def on_arrived(
    event: AnymailTrackingEvent | AnymailInboundEvent | AccountChange, **kwargs: Any
) -> None:
    """The receiver of the ``arrived`` signal: note what happens to probes.

    :raises Exception: the cache does not answer.
    """
    if isinstance(event, AnymailInboundEvent):
        for address in _received_by(event):
            _note(address, EventType.INBOUND, lambda: describe_inbound(event))
    elif isinstance(event, AnymailTrackingEvent) and event.event_type in TRACKED:
        _note(event.recipient, event.event_type, lambda: True)


def describe_inbound(event: AnymailInboundEvent) -> dict[str, Any]:
    """The note of a received mail.

    :return: ``verdicts`` (SES's words by name), ``signatures`` (the values of its DKIM-Signature
        headers) and ``description`` (why it could not be read, or None).
    """
    receipt = _receipt(event)
    statuses = {name: as_object(receipt.get(f"{name}Verdict")).get("status") for name in VERDICTS}
    headers = () if event.message is None else event.message.get_all("DKIM-Signature") or ()
    return {
        "verdicts": {name: as_string(status) or "missing" for name, status in statuses.items()},
        "signatures": [str(header)[:MAX_HEADER] for header in headers],
        "description": event.description,
    }


def _note(address: str | None, event_type: str, describe: Callable[[], Any]) -> None:
    nonce = nonce_of(address)
    if nonce is not None and cache.get(_key(nonce)):
        cache.add(_key(nonce, event_type), describe(), KEEP)


def _received_by(event: AnymailInboundEvent) -> Iterable[str]:
    found = _receipt(event).get("recipients")
    return filter(None, map(as_string, found)) if isinstance(found, list) else ()


def _receipt(event: AnymailInboundEvent) -> dict[str, Any]:
    return as_object(as_object(event.esp_event).get("receipt"))


def _key(nonce: str, *words: str) -> str:
    return ":".join([TAG, nonce, *words])
