"""Results of recipients and ends of messages, in their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.expressions import RawSQL

from ..database.columns import address_key
from .attachments import delete_parts
from .ledger import database, entries, recipients
from .models import INVALID_ADDRESS, Entry, Recipient, State
from .outcomes import Result
from .thawing import UnreadableContent, parse_stored, part_names

#: Statuses of recipients of whom it is not known what became of them.
OPEN_STATUSES = ("", "unknown")
#: Statuses of those who have got it.
ACCEPTED_STATUSES = ("queued", "sent")
#: Statuses of those who do not get it.
REFUSED_STATUSES = ("failed", "rejected", "invalid")
#: The states in which a message has come to an end.
ENDS = (State.SENT, State.FAILED, State.EXPIRED, State.CANCELLED)
#: How many recipients are written at once: what a database does for that grows with the square, and
#: old versions of SQLite take 999 parameters.
MAX_RECIPIENTS = 300


def record_results(entry: Entry, results: Mapping[str, Result]) -> int:
    """Write what became of some recipients: one UPDATE for each status and error code, and no more
    than :data:`MAX_RECIPIENTS`. What SES has accepted counts, even if it has refused a later
    attempt.

    They are found by their keys: what MySQL and MariaDB take for equal addresses may be different
    ones, and long addresses are not stored as a whole.

    :return: of how many it was not known.
    """
    rows = recipients().filter(entry=entry)
    changed = 0
    found: dict[tuple[str, str, int], dict[str, str]] = {}
    for position, (address, result) in enumerate(results.items()):
        group = (result.stored_status, result.code, position // MAX_RECIPIENTS)
        found.setdefault(group, {})[address_key(address)] = result.message_id or ""
    for (status, code, _), message_ids in found.items():
        some = rows.filter(address_key__in=list(message_ids), status__in=_before(status))
        changes: dict[str, Any] = {"status": status}
        if status:
            changes |= {"error_code": code, "message_id": _ids(message_ids)}
        changed += some.update(**changes)
    return changed


def _before(status: str) -> Sequence[str]:
    """The statuses that give way to one."""
    if not status:  # untried
        return ("unknown",)
    return OPEN_STATUSES + REFUSED_STATUSES if status in ACCEPTED_STATUSES else OPEN_STATUSES


def ended(state: str, now: datetime, *, keeps_content: bool) -> dict[str, Any]:
    """The columns of a message that has come to an end.

    :param state: one of :data:`ENDS`.
    :param keeps_content: whether the content stays if the message was sent.
    """
    changes: dict[str, Any] = {"state": state, "done_at": now, "lease": None, "worker": ""}
    if state == State.SENT:
        changes |= {"error_code": "", "error": "", "scope": ""}
        if not keeps_content:
            changes["content"] = None
    return changes


def count_refused(ids: Sequence[UUID]) -> None:
    """Write how many recipients of messages that have come to an end did not get them."""
    if not ids:
        return
    refused = recipients().filter(entry=OuterRef("pk"), status__in=REFUSED_STATUSES)
    refused = refused.exclude(error_code=INVALID_ADDRESS)
    count = refused.values("entry").annotate(count=Count("pk")).values("count")
    rows = entries().filter(Exists(refused), pk__in=ids, state__in=ENDS)
    rows.update(refused_count=Subquery(count))


def delete_content_files(entry: Entry) -> None:
    """Delete the stored attachments of a message, after COMMIT. Never raises."""
    if entry.content is not None and '"part_names"' in entry.content:
        with suppress(UnreadableContent):
            names = part_names(parse_stored(entry.content))
            transaction.on_commit(partial(delete_parts, names), using=entry._state.db)


def _ids(message_ids: Mapping[str, str]) -> RawSQL | str:
    """The message id of each address key, as a value or an expression."""
    if len(set(message_ids.values())) == 1:
        return next(iter(message_ids.values()))
    return by_value("address_key", message_ids)


def by_value(name: str, values: Mapping[Any, str]) -> RawSQL:
    """An expression with a text for each value of a column: ``CASE entry_id WHEN … THEN … END``.

    Django's own ``Case`` takes longer to build than all else that recording does.

    :param name: of a field of :class:`.models.Recipient`.
    """
    field: Any = Recipient._meta.get_field(name)
    connection = connections[database()]
    parameters: list[Any] = []
    for key, text in values.items():
        parameters += [field.get_db_prep_value(key, connection), text]
    column = connection.ops.quote_name(field.column)
    return RawSQL(f"CASE {column} {'WHEN %s THEN %s ' * len(values)}END", parameters)  # noqa: S611
