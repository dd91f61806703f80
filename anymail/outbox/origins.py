"""What SES would say of a message in its events, for those that are made without SES."""

from __future__ import annotations

from typing import Any

from ..database.columns import address_key
from .ids import TAG, tag_value
from .ledger import recipients


def mail_of(message_id: str, address: str) -> dict[str, Any]:
    """The message tag of what was sent, as in SES's object ``mail``.

    :param message_id: SES's.
    :param address: of one of its recipients.
    :return: empty if the outbox does not know it.
    """
    if not message_id:
        return {}
    rows = recipients().filter(message_id=message_id, address_key=address_key(address))
    found = rows.values_list("entry", "entry__attempt").first()
    return {"tags": {TAG: [tag_value(*found)]}} if found else {}
