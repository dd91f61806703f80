"""Bounces and complaints -> the suppression list -> recipients that are not sent to.

Both ends read ``FEEDBACK_SUPPRESS``; while it is empty, the list is neither filled nor asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..addresses import EmailAddress
from ..conf import FeedbackSettings, current_settings
from ..message import AnymailRecipientStatus
from .models import Bounce, Complaint, Feedback, Reason, Suppression

#: Says that a contact left one list or topic of SES's, which is no reason to send no other mail.
ONE_LIST_ONLY = "UnsubscribedRecipient"
#: Says that somebody took a message out of the spam folder.
NO_COMPLAINT = "not-spam"


def enabled_reasons() -> tuple[str, ...]:
    """The setting ``FEEDBACK_SUPPRESS``.

    :raises AnymailConfigurationError: it has the wrong type, or an unknown word in it.
    """
    reasons: tuple[str, ...] = current_settings().get(FeedbackSettings).feedback_suppress
    return reasons


def reason_for(row: Feedback) -> str | None:
    """Why the address of a row should get no more mail; None if there is no reason.

    What SES refused because of its own suppression lists comes as a permanent bounce too.
    """
    if isinstance(row, Bounce):
        return str(Reason.HARD_BOUNCE) if _is_final(row) else None
    if isinstance(row, Complaint) and row.feedback_type != NO_COMPLAINT:
        return str(Reason.COMPLAINT)
    return None


def fill(rows: Sequence[Feedback], using: str) -> None:
    """Put the addresses of one notification's rows on the list, if the settings say so.

    :param using: the alias of the database.
    """
    enabled = enabled_reasons()
    for reason in enabled:
        if found := [row for row in rows if reason_for(row) == reason]:
            Suppression.objects.using(using).suppress(
                [row.address for row in found], reason, event_id=found[0].sns_messageid
            )


def on_addressed(message: Any, recipients: Sequence[EmailAddress], **kwargs: Any) -> None:
    """The receiver of the ``addressed`` signal: tell which recipients are on the list.

    They get the status ``rejected``, and the backend leaves them out. ``to``, ``cc`` and ``bcc``
    stay as they are. One query.

    :raises django.db.Error: the database does not answer; the message is not sent.
    """
    reasons = enabled_reasons()
    if not reasons:
        return
    addresses = [recipient.addr_spec for recipient in recipients]
    blocked = Suppression.objects.blocked(addresses, (*reasons, str(Reason.MANUAL)))
    if blocked:
        message.anymail_status.set_recipient_status(
            {address: _status(entry) for address, entry in blocked.items()}
        )


def _is_final(bounce: Bounce) -> bool:
    return bounce.hard and bounce.bounce_subtype != ONE_LIST_ONLY


def _status(entry: Suppression) -> AnymailRecipientStatus:
    text = f"On the suppression list ({entry.reason})."
    return AnymailRecipientStatus(None, "rejected", "Suppressed", text)
