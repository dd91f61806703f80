"""What people look for in the list of messages -> the messages.

Every query reads a bounded part of an index, however many messages there are: of an address, the
newest are found; subjects, which have no index, are searched in the newest messages of the list.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from ..database.columns import address_key, storable_text
from .ids import parse_tag
from .models import Recipient

#: In how many messages subjects are searched, and how many of an address are found.
MAX_SEARCHED = 10_000


def find(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """The messages that a person means, in the same order.

    :param rows: those in the list.
    :param term: the id of a message in the outbox, or the value of its SES message tag; a whole
        address; SES's message id; or else a part of a subject.
    """
    term = storable_text(term.strip())
    if not term:
        return rows
    lookup = _lookup(term, rows.db)
    if lookup is None:
        rows, lookup = _newest(rows, "created_at"), {"subject__icontains": term}
    found: QuerySet[Any] = rows.filter(**lookup)
    return found


def _lookup(term: str, database: str) -> dict[str, Any] | None:
    """What the term names; None if it names nothing that is known."""
    if (entry_id := _entry_id(term)) is not None:
        return {"pk": entry_id}
    recipients = Recipient._default_manager.using(database)
    names: list[dict[str, Any]] = [{"message_id": term}]
    if "@" in term:
        names.insert(0, {"address_key": address_key(term)})
    # One index after the other: databases are bad at "or".
    for name in names:
        named = _newest(recipients.filter(**name), "entry_id")
        if named.exists():
            return {"pk__in": named.values("entry")}
    return None


def _entry_id(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return (parse_tag(term) or (None,))[0]


def _newest(rows: QuerySet[Any], column: str) -> QuerySet[Any]:
    """Up to :data:`MAX_SEARCHED` of the rows, or a few more if the last ones are equal.

    :param column: of an index; the newest have the greatest values.
    """
    values = rows.order_by(f"-{column}").values_list(column, flat=True)
    for oldest in values[MAX_SEARCHED - 1 : MAX_SEARCHED]:
        newest: QuerySet[Any] = rows.filter(**{f"{column}__gte": oldest})
        return newest
    return rows
