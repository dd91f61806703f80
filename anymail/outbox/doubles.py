"""The alarm: SES has accepted a message twice for the same recipient.

That is the risk of ending a doubt by sending again, whether a person does that or
``on_doubt="resend"``. It is known once both message ids are, from answers or from events, in any
order.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from ..database.columns import address_key
from .ledger import database, entries, recipients
from .logs import OwnLogger
from .models import Entry, Recipient
from .outcomes import Result
from .results import ACCEPTED_STATUSES

logger: OwnLogger = OwnLogger(__name__)


def note_accepted(entry_id: UUID, attempt: int, accepted: Mapping[str, Result]) -> int:
    """Compare what SES has accepted with what it had accepted before.

    If a person wanted the message sent once more, what was accepted before that is not compared
    with what was accepted after it.

    :param attempt: the one that SES has accepted.
    :param accepted: by address. Those without a message id cannot be compared.
    :return: how many recipients turn out to have got it twice.
    """
    ids = {address_key(key): one.message_id for key, one in accepted.items() if one.message_id}
    if not ids:
        return 0
    with transaction.atomic(using=database()):
        row = entries().filter(pk=entry_id, attempt__gt=1, sent_again_after__lt=attempt)
        entry = row.select_for_update().defer("content").first()
        if entry is None:
            return 0
        found = [one for one in _rows(entry, ids) if one.message_id != ids[one.address_key]]
        for one in found:  # few, if any
            column = "second_message_id" if one.message_id else "message_id"
            recipients().filter(pk=one.pk).update(**{column: ids[one.address_key]})
        second = [one for one in found if one.message_id]
        if second:
            row.update(doubled_count=F("doubled_count") + len(second))
    if second and not entry.doubled_count:
        _warn(entry, attempt, second[0].message_id, ids[second[0].address_key])
    return len(second)


def _rows(entry: Entry, ids: Mapping[str, str]) -> QuerySet[Recipient]:
    """Those that count as sent, and of whom it is not known yet that they have got it twice."""
    rows = recipients().filter(entry=entry, address_key__in=list(ids), second_message_id="")
    if len(ids) < entry.recipients_count:
        # Those in cc and bcc get a copy of each call that goes to some of the others.
        rows = rows.filter(kind="to")
    accepted: QuerySet[Recipient] = rows.filter(status__in=ACCEPTED_STATUSES)
    return accepted


def _warn(entry: Entry, attempt: int, message_id: str, second: str) -> None:
    logger.error(
        "The message %s in the outbox was sent twice: SES has accepted it as %s, and in attempt %d "
        "as %s",
        entry.pk,
        message_id,
        attempt,
        second,
        extra={"anymail_outbox_id": str(entry.pk), "anymail_message_id": second},
    )
