"""Bounces and complaints -> the suppression list -> recipients that are not sent to.

Both ends read ``FEEDBACK_SUPPRESS``; while it is empty, the list is neither filled nor queried.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from ..addresses import EmailAddress
from ..conf import FeedbackSettings, current_settings
from ..database.columns import local_time
from ..message import AnymailRecipientStatus
from ..probes import is_probe
from .models import Bounce, Complaint, Lift, Reason, Record, Suppression

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

logger: logging.Logger = logging.getLogger(__name__)

#: The bounce subtype for a contact that left one list or topic of SES; other mail may be sent.
ONE_LIST_ONLY = "UnsubscribedRecipient"
#: The feedback type for a message that was taken out of the spam folder.
NO_COMPLAINT = "not-spam"


def enabled_reasons() -> tuple[str, ...]:
    """The setting ``FEEDBACK_SUPPRESS``.

    :raises AnymailConfigurationError: it has the wrong type, or an unknown value in it.
    """
    reasons: tuple[str, ...] = current_settings().get(FeedbackSettings).feedback_suppress
    return reasons


def reasons_in_force() -> tuple[str, ...]:
    """The reasons for which mail is not sent: those of the setting and, with them, ``manual``.

    :return: none while the list is off.
    :raises AnymailConfigurationError: as for :func:`enabled_reasons`.
    """
    reasons = enabled_reasons()
    return (*reasons, str(Reason.MANUAL)) if reasons else ()


def no_effect(entry: Suppression, in_force: Collection[str], now: datetime) -> StrOrPromise:
    """Why messages are sent to the address of an entry all the same; empty if they are not.

    :param in_force: from :func:`reasons_in_force`.
    :param now: aware, or naive with ``USE_TZ = False``.
    """
    if not entry.is_active_at(now):
        return _("It has expired.")
    if not in_force:
        return _("The list is off: the setting FEEDBACK_SUPPRESS is empty.")
    if entry.reason not in in_force:
        return _("The setting FEEDBACK_SUPPRESS does not name this reason.")
    return ""


def reason_for(row: Record) -> str | None:
    """The reason to send no more mail to the address of a row, or None.

    SES reports mail that its own suppression lists stopped as permanent bounces, too. Strangers
    write the reports of bounces and complaints, so addresses that the message was not sent to are
    never suppressed. Nor are those of probes.
    """
    if row.recipient_uncertain or is_probe(row.address):
        return None
    if isinstance(row, Bounce):
        return str(Reason.HARD_BOUNCE) if _is_final(row) else None
    if isinstance(row, Complaint) and row.feedback_type != NO_COMPLAINT:
        return str(Reason.COMPLAINT)
    return None


def fill(rows: Sequence[Record], using: str, *, is_verified: bool) -> None:
    """Put the addresses of one notification's rows on the list, if the settings say so.

    :param using: the alias of the database.
    :param is_verified: the notification is provably ours. Otherwise anyone could have invented it,
        and a warning says why nothing is suppressed.
    """
    for reason in enabled_reasons():
        found = [row for row in rows if reason_for(row) == reason]
        if found and not is_verified:
            _warn_of_unverified(found[0], len(found))
        elif found:
            Suppression.objects.using(using).suppress(
                [row.address for row in found], reason, event_id=found[0].sns_messageid
            )


def not_lifted_since(moment: datetime, rows: Sequence[Record], using: str) -> list[Record]:
    """The rows whose addresses nobody has lifted since then.

    :param moment: when the bounce or complaint happened; aware.
    :param using: the alias of the database.
    """
    lifts = Lift._default_manager.using(using).filter(lifted_at__gte=local_time(moment))
    lifts = lifts.filter(address__in=[row.address_key for row in rows])
    lifted = set(lifts.values_list("address", flat=True))
    return [row for row in rows if row.address_key not in lifted]


def on_recipients_resolved(message: Any, recipients: Sequence[EmailAddress], **kwargs: Any) -> None:
    """The receiver of the ``recipients_resolved`` signal: reject recipients on the list.

    They get the status ``rejected``, and the backend leaves them out. ``to``, ``cc`` and ``bcc``
    stay as they are. One query.

    :raises django.db.Error: the database does not answer; the message is not sent.
    """
    reasons = reasons_in_force()
    if not reasons:
        return
    addresses = [recipient.addr_spec for recipient in recipients]
    blocked = Suppression.objects.blocked(addresses, reasons)
    if blocked:
        message.anymail_status.set_recipient_status(
            {address: _status(entry) for address, entry in blocked.items()}
        )


def _is_final(bounce: Bounce) -> bool:
    return bounce.hard and bounce.bounce_subtype != ONE_LIST_ONLY


def _warn_of_unverified(row: Record, count: int) -> None:
    logger.warning(
        "%d recipients of the message %s were not put on the suppression list, because nothing "
        "proves that the notification is yours (SNS topic %s): anyone could have invented it. Set "
        'ANYMAIL["WEBHOOK_SECRET"], or ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] with signature '
        "checking on, and leave raw message delivery off.",
        count,
        row.mail_id,
        row.sns_topic,
        extra={"anymail_message_id": row.mail_id, "anymail_topic": row.sns_topic},
    )


def _status(entry: Suppression) -> AnymailRecipientStatus:
    text = f"On the suppression list ({entry.reason})."
    return AnymailRecipientStatus(None, "rejected", "Suppressed", text, "recipient")
