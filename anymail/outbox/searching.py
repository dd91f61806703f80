"""What people look for in the list of messages -> the messages.

Every query reads a bounded part of an index, however many messages there are: of an address or a
tag, the newest are found; subjects, which have no index, are searched in the newest messages of the
list.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from ..database.columns import address_key, storable_text
from .ids import parse_tag
from .models import EntryTag, Recipient

#: In how many messages subjects are searched, and how many of an address or a tag are found: of
#: 1,000 values MariaDB makes a subquery ("in_predicate_conversion_threshold").
MAX_SEARCHED, MAX_FOUND = 10_000, 999
#: What a term begins with that is a tag.
TAG = "tag:"


def find(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """The messages that a person means, in the same order.

    :param rows: those in the list.
    :param term: the id of a message in the outbox, or the value of its SES message tag; a whole
        address; SES's message id; ``tag:`` and a tag; or else a part of a subject.
    """
    term = storable_text(term.strip())
    if not term:
        return rows
    if term.startswith(TAG):
        return with_tag(rows, term.removeprefix(TAG).strip())
    lookup = _lookup(term, rows.db)
    if lookup is None:
        rows, lookup = newest(rows, "created_at", MAX_SEARCHED), {"subject__icontains": term}
    found: QuerySet[Any] = rows.filter(**lookup)
    return found


def with_tag(rows: QuerySet[Any], tag: str) -> QuerySet[Any]:
    """Those of the newest messages with a tag that are in the list."""
    tags = EntryTag._default_manager.using(rows.db).filter(tag=tag)
    found: QuerySet[Any] = rows.filter(pk__in=_newest_entries(tags))
    return found


def is_tag(term: str) -> bool:
    """Whether a message has this tag."""
    rows: QuerySet[EntryTag] = EntryTag._default_manager.filter(tag=storable_text(term.strip()))
    return rows.exists()


def newest(rows: QuerySet[Any], column: str, limit: int) -> QuerySet[Any]:
    """Up to ``limit`` of the rows, or a few more if the last ones are equal.

    :param column: of an index; the newest have the greatest values.
    """
    values = rows.order_by(f"-{column}").values_list(column, flat=True)
    for oldest in values[limit - 1 : limit]:
        found: QuerySet[Any] = rows.filter(**{f"{column}__gte": oldest})
        return found
    return rows


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
        if found := _newest_entries(recipients.filter(**name)):
            return {"pk__in": found}
    return None


def _newest_entries(rows: QuerySet[Any]) -> list[UUID]:
    """The ids of up to :data:`MAX_FOUND` messages, from rows about them.

    In place of the ids, a subquery would leave it to the database where to begin: MariaDB begins
    with the newest messages, and reads millions.
    """
    ids = rows.order_by("-entry_id").values_list("entry_id", flat=True)
    return list(dict.fromkeys(ids[:MAX_FOUND]))


def _entry_id(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return (parse_tag(term) or (None,))[0]
