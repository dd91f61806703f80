"""What happens to a message, by its recipients: the mailbox simulator, and a little more.

Source: Amazon SES Developer Guide, "Using the mailbox simulator". Amazon's has no ``delay@``,
``open@``, ``click@`` and ``reject@``. Everybody else gets the mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DOMAIN = "simulator.amazonses.com"

_UNKNOWN_USER = {
    "action": "failed",
    "status": "5.1.1",
    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
}
_SUPPRESSED = {
    "action": "failed",
    "status": "5.1.1",
    "diagnosticCode": "Amazon SES has suppressed sending to this address.",
}
_MAILBOX_FULL = {"status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox is full"}


@dataclass(frozen=True, kw_only=True)
class Fate:
    """One thing that happens.

    :param kind: SES's word.
    :param delay: seconds after the mail was accepted.
    :param together: recipients of one message share the news; those of several mail hosts do not
        share a Delivery.
    :param detail: what SES says about it, beside what follows from the message.
    :param recipient: what SES says about each recipient.
    """

    kind: str
    delay: float
    together: bool = True
    detail: Mapping[str, Any] = field(default_factory=dict)
    recipient: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Happening:
    """Something that happens to some recipients of a message."""

    fate: Fate
    recipients: tuple[str, ...]

    @property
    def kind(self) -> str:
        """SES's word for it."""
        return self.fate.kind


SEND = Fate(kind="Send", delay=0.05)
RENDERING_FAILURE = Fate(kind="Rendering Failure", delay=0.1)
REJECT = Fate(kind="Reject", delay=0.1, detail={"reason": "Bad content"})
DELIVERY = Fate(kind="Delivery", delay=0.3)
LATE_DELIVERY = Fate(kind="Delivery", delay=0.8)
DELAY = Fate(
    kind="DeliveryDelay", delay=0.3, detail={"delayType": "MailboxFull"}, recipient=_MAILBOX_FULL
)
BOUNCE = Fate(
    kind="Bounce",
    delay=0.4,
    detail={"bounceType": "Permanent", "bounceSubType": "General", "reportingMTA": "dsn; {mta}"},
    recipient=_UNKNOWN_USER,
)
SUPPRESSED = Fate(
    kind="Bounce",
    delay=0.2,
    detail={
        "bounceType": "Permanent",
        "bounceSubType": "Suppressed",
        "reportingMTA": "dns; amazonses.com",
    },
    recipient=_SUPPRESSED,
)
# An answer by a person's vacation program is no delivery status notification: no details.
AUTO_REPLY = Fate(
    kind="Bounce", delay=0.7, detail={"bounceType": "Transient", "bounceSubType": "General"}
)
COMPLAINT = Fate(
    kind="Complaint",
    delay=0.8,
    detail={
        "complaintSubType": None,
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": "abuse",
    },
)
OPEN = Fate(kind="Open", delay=0.9, together=False)
CLICK = Fate(kind="Click", delay=1.0, together=False)

#: By the local part, without ``+label``.
FATES: Mapping[str, tuple[Fate, ...]] = {
    "success": (DELIVERY,),
    "bounce": (BOUNCE,),
    "ooto": (DELIVERY, AUTO_REPLY),
    "complaint": (DELIVERY, COMPLAINT),
    "suppressionlist": (SUPPRESSED,),
    "delay": (DELAY, LATE_DELIVERY),
    "open": (DELIVERY, OPEN),
    "click": (DELIVERY, CLICK),
    "reject": (REJECT,),
}
EVERYBODY_ELSE = (DELIVERY,)


def is_simulated(address: str) -> bool:
    """Whether the mailbox simulator has this address: its mail does not count for the quota."""
    return address.lower().endswith(f"@{DOMAIN}")


def fates_of(address: str) -> tuple[Fate, ...]:
    """What happens to a recipient, one after the other."""
    local = address.lower().rpartition("@")[0].partition("+")[0]
    return FATES.get(local, EVERYBODY_ELSE) if is_simulated(address) else EVERYBODY_ELSE


def happenings(recipients: Sequence[str], *, rendered: bool = True) -> list[Happening]:
    """Everything that happens to a message, in its order.

    :param rendered: its template could be.
    """
    everybody = tuple(recipients)
    if not rendered:
        return [Happening(fate=RENDERING_FAILURE, recipients=everybody)]
    if any(REJECT in fates_of(address) for address in recipients):
        return [Happening(fate=REJECT, recipients=everybody)]
    groups: dict[tuple[int, str], Happening] = {}
    for position, address in enumerate(recipients):
        for fate in fates_of(address):
            key = (id(fate), _group(fate, address, position))
            before = groups[key].recipients if key in groups else ()
            groups[key] = Happening(fate=fate, recipients=(*before, address))
    return [Happening(fate=SEND, recipients=everybody), *_by_time(groups.values())]


def _group(fate: Fate, address: str, position: int) -> str:
    if fate.kind == "Delivery":
        return address.lower().rpartition("@")[2]
    return "" if fate.together else str(position)


def _by_time(found: Iterable[Happening]) -> list[Happening]:
    return sorted(found, key=lambda happening: happening.fate.delay)
