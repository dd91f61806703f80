"""The messages of a probe: to SES's mailbox simulator, and to a receiving domain.

The simulator's mail counts neither as bounces and complaints of the account nor for its quota.
Source: Amazon SES Developer Guide, "Using the mailbox simulator in Amazon SES".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from django.utils import timezone

from ....checks.mailers import (
    OUTBOX,
    amazon_ses_backend,
    configured_mailers,
    default_is_amazon_ses,
)
from ....exceptions import AnymailConfigurationError
from ....message import AnymailMessage
from ....probes import TAG, inbound_address, simulator_address
from ....signals import EventType

#: The mailboxes of the simulator, and the events that their mail leads to.
MAILBOXES: dict[str, str] = {
    "success": EventType.DELIVERED,
    "bounce": EventType.BOUNCED,
    "complaint": EventType.COMPLAINED,
}
BODY = (
    "This message checks that mail is sent, and that its events are received. It was sent by:\n\n"
    "    manage.py anymail_doctor --probe\n"
)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What to send.

    :param from_email: the From address; None for ``DEFAULT_FROM_EMAIL``.
    :param mailer: its alias in ``MAILERS``; None for the default.
    :param inbound_domain: the domain to which a mail is sent that is to come back; None for none.
    :param timeout: seconds to wait for the events.
    :param nonce: distinguishes it from others.
    """

    from_email: str | None = None
    mailer: str | None = None
    inbound_domain: str | None = None
    timeout: float = 60.0
    nonce: str = field(default_factory=lambda: token_hex(8))

    @property
    def expected(self) -> tuple[str, ...]:
        """The types of the events that are to come."""
        inbound = () if self.inbound_domain is None else (EventType.INBOUND,)
        return (*MAILBOXES.values(), *inbound)


def check_mailer(probe: Probe) -> None:
    """Check that the messages would go to Amazon SES.

    :raises AnymailConfigurationError: they would not.
    """
    if probe.mailer is not None:
        amazon_ses_backend(probe.mailer)
    elif not default_is_amazon_ses():
        raise AnymailConfigurationError(
            "The probe was not sent: Django's default mailer does not send with Amazon SES. See "
            "manage.py anymail_doctor D30, or name another entry of MAILERS with --mailer."
        )


def build_messages(probe: Probe) -> list[AnymailMessage]:
    """The messages of a probe."""
    messages = [
        _build_message(probe, simulator_address(mailbox, probe.nonce)) for mailbox in MAILBOXES
    ]
    if probe.inbound_domain is not None:
        messages.append(_build_inbound_message(probe, probe.inbound_domain))
    return messages


def send(messages: Iterable[AnymailMessage], mailer: str | None) -> None:
    """Send messages as the project does.

    :raises AnymailError: a message is refused.
    :raises Exception: what the project's receivers, or another backend, raise.
    """
    options: Any = {} if mailer is None else {"using": mailer}  # from Django 6.1 on
    for message in messages:
        message.send(**options)


def _build_message(probe: Probe, address: str) -> AnymailMessage:
    message = AnymailMessage(
        "Probe of the mail loop",
        BODY,
        probe.from_email,
        [address],
        tags=[TAG],
        metadata={"probe": probe.nonce},
    )
    if probe.mailer is None and _is_stored():
        message.expires_at = _expiry(probe)
    return message


def _build_inbound_message(probe: Probe, domain: str) -> AnymailMessage:
    message = _build_message(probe, inbound_address(probe.nonce, domain))
    # So that it can be seen whether their signature would cover them (RFC 8058, section 4).
    message.extra_headers = {
        "List-Unsubscribe": f"<https://{domain}/unsubscribe/{probe.nonce}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    return message


def _is_stored() -> bool:
    return any(one.path == OUTBOX and one.is_default for one in configured_mailers())


def _expiry(probe: Probe) -> datetime:
    """Later, nobody waits for it any more."""
    return timezone.now() + timedelta(seconds=probe.timeout)
