"""The events of a message, by its recipients: the mailbox simulator, and a little more.

Source: Amazon SES Developer Guide, "Using the mailbox simulator". Amazon's has no ``delay@``,
``open@``, ``click@`` and ``reject@``. Every other address gets its mail, except at domains that end
with ``.invalid``, which never exist (RFC 6761), and if it is on the account's suppression list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

DOMAIN = "simulator.amazonses.com"
#: The mail host of SES that reports.
MTA = "a8-51.smtp-out.amazonses.com"


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedEvent:
    """An event of a message.

    :param kind: as SES names it: ``"Bounce"``, ``"Rendering Failure"``.
    :param delay: seconds after the message was accepted.
    :param detail: fields of the event that do not depend on the message.
    :param recipient: fields for each recipient.
    :param recipients: whom it is about.
    :param suppresses: it puts them on the account's suppression list. Mail to the simulator does
        not.
    """

    kind: str
    delay: float
    detail: Mapping[str, Any] = field(default_factory=dict)
    recipient: Mapping[str, str] = field(default_factory=dict)
    recipients: tuple[str, ...] = ()
    suppresses: bool = False


FAILED = {"action": "failed", "status": "5.1.1"}
PERMANENT = {"bounceType": "Permanent", "bounceSubType": "General"}
SEND = SimulatedEvent(kind="Send", delay=0.05)
RENDERING_FAILURE = SimulatedEvent(kind="Rendering Failure", delay=0.1)
REJECT = SimulatedEvent(kind="Reject", delay=0.1, detail={"reason": "Bad content"})
DELIVERY = SimulatedEvent(kind="Delivery", delay=0.3)
LATE_DELIVERY = SimulatedEvent(kind="Delivery", delay=0.8)
DELAY = SimulatedEvent(
    kind="DeliveryDelay",
    delay=0.3,
    detail={"delayType": "MailboxFull"},
    recipient={"status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox is full"},
)
BOUNCE = SimulatedEvent(
    kind="Bounce",
    delay=0.4,
    detail={**PERMANENT, "reportingMTA": f"dsn; {MTA}"},
    recipient={**FAILED, "diagnosticCode": "smtp; 550 5.1.1 user unknown"},
)
SUPPRESSED = SimulatedEvent(
    kind="Bounce",
    delay=0.2,
    detail={**PERMANENT, "bounceSubType": "Suppressed", "reportingMTA": "dns; amazonses.com"},
    recipient={**FAILED, "diagnosticCode": "Amazon SES has suppressed sending to this address."},
)
SUPPRESSED_BY_ACCOUNT = SimulatedEvent(
    kind="Bounce",
    delay=0.2,
    detail={
        **PERMANENT,
        "bounceSubType": "OnAccountSuppressionList",
        "reportingMTA": "dns; amazonses.com",
    },
    recipient={
        **FAILED,
        "diagnosticCode": "Amazon SES did not send the message to this address because it is on "
        "the suppression list for your account.",
    },
)
NO_SUCH_DOMAIN = SimulatedEvent(
    kind="Bounce",
    delay=0.4,
    detail={**PERMANENT, "reportingMTA": f"dsn; {MTA}"},
    recipient={
        "action": "failed",
        "status": "5.4.4",
        "diagnosticCode": "smtp; 550 5.4.4 Invalid domain",
    },
    suppresses=True,
)
# An automatic reply is not a delivery status notification, and has no details.
AUTO_REPLY = SimulatedEvent(
    kind="Bounce", delay=0.7, detail={**PERMANENT, "bounceType": "Transient"}
)
COMPLAINT = SimulatedEvent(
    kind="Complaint",
    delay=0.8,
    detail={
        "complaintSubType": None,
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": "abuse",
    },
)
OPEN = SimulatedEvent(kind="Open", delay=0.9)
CLICK = SimulatedEvent(kind="Click", delay=1.0)

#: By the local part, without ``+label``.
MAILBOXES: Mapping[str, tuple[SimulatedEvent, ...]] = {
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


def is_simulated(address: str) -> bool:
    """Whether an address is the mailbox simulator's: its mail does not count for the quota."""
    return address.lower().endswith(f"@{DOMAIN}")


def events_for(
    recipients: Sequence[str], *, is_rendered: bool = True, suppressed: Collection[str] = ()
) -> list[SimulatedEvent]:
    """Every event of a message, in order.

    :param is_rendered: its template could be rendered.
    :param suppressed: the recipients that the account does not send to.
    """
    everybody = tuple(recipients)
    if not is_rendered:
        return [replace(RENDERING_FAILURE, recipients=everybody)]
    happens = {address: _events_of(address) for address in recipients}
    if any(REJECT in events for events in happens.values()):
        return [replace(REJECT, recipients=everybody)]
    happens |= dict.fromkeys(suppressed, (SUPPRESSED_BY_ACCOUNT,))
    groups: dict[tuple[SimulatedEvent, str], list[str]] = {}
    for address in recipients:
        for event in happens[address]:
            groups.setdefault((event, _group(event, address)), []).append(address)
    found = [replace(event, recipients=tuple(group)) for (event, _), group in groups.items()]
    return [replace(SEND, recipients=everybody), *sorted(found, key=attrgetter("delay"))]


def _events_of(address: str) -> tuple[SimulatedEvent, ...]:
    if address.lower().endswith(".invalid"):
        return (NO_SUCH_DOMAIN,)
    local = address.lower().rpartition("@")[0].partition("+")[0]
    return MAILBOXES.get(local, (DELIVERY,)) if is_simulated(address) else (DELIVERY,)


def _group(event: SimulatedEvent, address: str) -> str:
    """What the recipients of one event share: each mail host reports deliveries of its own."""
    if event.kind == "Delivery":
        return address.lower().rpartition("@")[2]
    return address if event.kind in ("Open", "Click") else ""
