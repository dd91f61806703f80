"""Fills the outbox inside of the server, with as many copies of a message as wanted.

The message has been stored as usual, to addresses that begin with ``copy0-``. Its copies are other
messages to other addresses, ``copy1-…`` and so on, and a worker can deliver them. Their ids are in
the order of time, as those of all messages are.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Model

from anymail.outbox.models import Batch, Entry, Recipient, State

#: Rows of one statement, about.
ROWS = 500_000
#: How the two servers write what is not the same: a list of numbers, the id and the time of the
#: message with the number n. Each is made one millisecond after the one before.
DIALECTS = {
    "postgresql": {
        "numbers": "generate_series({first}, {last}) AS n",
        "id": "concat(lpad(to_hex({begin} + n), 12, '0'), '7', lpad(to_hex({run}), 3, '0'), '8', "
        "lpad(to_hex(n), 15, '0'))::uuid",
        "time": "to_timestamp(({begin} + n) / 1000.0)",
    },
    "mysql": {
        "numbers": "(SELECT seq AS n FROM seq_{first}_to_{last}) AS numbers",
        "id": "concat(lpad(hex({begin} + n), 12, '0'), '7', lpad(hex({run}), 3, '0'), '8', "
        "lpad(hex(n), 15, '0'))",
        "time": "TIMESTAMPADD(MICROSECOND, ({begin} + n) * 1000, '1970-01-01')",
    },
}
ADDRESS = "copy0-{}@example.com"
_COPIED = "replace({}, 'copy0-', concat('copy', n, '-'))"
SENT = {
    "state": f"'{State.SENT}'",
    "content": "NULL",
    "attempt": "1",
    "posted_at": "{time}",
    "done_at": "{time}",
}
_runs = itertools.count(1)


def fill(using: str, template: UUID, wanted: Mapping[str, int]) -> float:
    """Copy a message.

    :param using: the database.
    :param template: the id of the message; it is deleted in the end.
    :param wanted: how many copies in which state: "waiting" or "sent".
    :return: the seconds that it took.
    """
    started = time.perf_counter()
    for state, count in wanted.items():
        copy(using, template, count, SENT if state == State.SENT else {})
    _count_batch(using, template)
    Recipient._default_manager.using(using).filter(entry=template).delete()
    Entry._default_manager.using(using).filter(pk=template).delete()
    vacuum(using)
    return time.perf_counter() - started


def _count_batch(using: str, template: UUID) -> None:
    """Have the batch know how large it is."""
    entry = Entry._default_manager.using(using).get(pk=template)
    if entry.batch_id is not None:
        count = Entry._default_manager.using(using).filter(batch=entry.batch_id).count() - 1
        Batch._default_manager.using(using).filter(pk=entry.batch_id).update(
            chunks=count, recipients_count=count * entry.recipients_count
        )


def copy(using: str, template: UUID, count: int, changes: Mapping[str, str]) -> None:
    """Copy a message, and its recipients.

    :param changes: SQL for columns of the messages; ``{time}`` is when one was made.
    """
    rows = Recipient._default_manager.using(using).filter(entry=template).count()
    step, run = max(1, ROWS // rows), next(_runs)
    begin = int(time.time() * 1000) - count
    for first in range(1, count + 1, step):
        numbers = {"first": first, "last": min(first + step - 1, count)}
        dialect = DIALECTS[connections[using].vendor]
        words = {name: sql.format(begin=begin, run=run, **numbers) for name, sql in dialect.items()}
        entry = {
            "id": words["id"],
            "content": _COPIED.format("content"),
            "not_before": words["time"],
            "created_at": words["time"],
            "idempotency_key": "NULL",
            "key_digest": "NULL",
            **{column: sql.format(**words) for column, sql in changes.items()},
        }
        _copy(using, Entry, "id", template, words["numbers"], entry)
        recipient: dict[str, str | None] = {
            "id": None,
            "entry_id": words["id"],
            "address": _COPIED.format("address"),
            "address_key": _COPIED.format("address_key"),
        }
        if "done_at" in changes:
            recipient |= {"status": "'queued'", "message_id": "concat('0102-', n, address)"}
        _copy(using, Recipient, "entry_id", template, words["numbers"], recipient)


def _copy(
    using: str,
    model: type[Model],
    column: str,
    template: UUID,
    numbers: str,
    changes: Mapping[str, str | None],
) -> None:
    """Copy the rows of a message in one table.

    :param column: has the message's id.
    :param changes: SQL for columns; None for those that the database fills.
    """
    connection = connections[using]
    table, fields = model._meta.db_table, model._meta.concrete_fields
    columns = [str(field.column) for field in fields]
    values = {name: changes.get(name, f"original.{name}") for name in columns}
    made = {name: sql for name, sql in values.items() if sql is not None}
    pk: Any = model._meta.get_field(column.removesuffix("_id"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(made)}) SELECT {', '.join(made.values())} "
            f"FROM {table} AS original CROSS JOIN {numbers} WHERE original.{column} = %s "
            "ORDER BY n",
            [pk.get_db_prep_value(template, connection)],
        )


def vacuum(using: str) -> None:
    """Have the server know its tables, and nothing dead in them."""
    names = ", ".join(model._meta.db_table for model in (Entry, Recipient))
    connection = connections[using]
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(f"{'VACUUM ANALYZE' if is_postgres else 'ANALYZE TABLE'} {names}")
        if not is_postgres:
            cursor.fetchall()
