"""Messages -> the lines of a CSV file, one for each recipient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...admin_lists.exporting import Row, Table
from ..models import EntryTag, Recipient

#: By the name of the column: what it is of a message.
ENTRY = {
    "created": "created_at",
    "done": "done_at",
    "state": "state",
    "subject": "subject",
    "mailer": "mailer",
    "batch": "batch__name",
    "outbox id": "pk",
}
#: The same of a recipient.
RECIPIENT = {
    "kind": "kind",
    "address": "address",
    "status": "status",
    "event": "event",
    "recipient error code": "error_code",
    "message id": "message_id",
}


def lines(rows: Sequence[Row], database: str) -> Iterator[Sequence[Any]]:
    """Those of some messages, in two queries.

    :param rows: the columns of :data:`ENTRY`.
    :param database: the alias of the one that has them.
    """
    keys = [row["pk"] for row in rows]
    tags = _by_entry(EntryTag._default_manager.using(database), keys, "tag")
    recipients = _by_entry(Recipient._default_manager.using(database), keys, *RECIPIENT.values())
    for row in rows:
        message = [row[column] for column in ENTRY.values()]
        names = " ".join(sorted(one["tag"] for one in tags[row["pk"]]))
        for one in recipients[row["pk"]] or [{}]:
            yield [*message, names, *(one.get(column, "") for column in RECIPIENT.values())]


def _by_entry(rows: Any, keys: Sequence[Any], *columns: str) -> Mapping[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.filter(entry__in=keys).order_by("pk").values("entry", *columns):
        found[row["entry"]].append(row)
    return found


#: The list of messages as a file.
MESSAGES = Table(
    name="messages",
    header=[*ENTRY, "tags", *RECIPIENT],
    columns=[column for column in ENTRY.values() if column not in ("pk", "created_at")],
    lines=lines,
)
