"""The tables of events, whichever of them are installed: what they know, and their rows in time.

They are those of ``anymail.feedback``, and of ``anymail.outbox`` for what the first do not store.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.apps import apps
from django.db import router
from django.db.models import Model, Q, QuerySet
from django.utils.timezone import get_current_timezone, is_naive, make_aware

from ..amazon_ses.feedback import BACKFILLED
from ..database.columns import address_key, local_time
from ..signals import EventType

#: Rows that are read at once.
BATCH_SIZE = 500
#: Rows about one message, or one address, that are looked through.
MAX_KNOWN = 1_000


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of events.

    :param app: the label of its app.
    :param model: its name.
    :param event_types: those that it has; none if a column tells.
    :param columns: where it has what a :class:`StoredRow` has.
    """

    app: str
    model: str
    event_types: frozenset[str]
    columns: Mapping[str, str]

    @property
    def rows(self) -> QuerySet[Any]:
        """All rows, in the database to which the routers send them."""
        model: type[Model] = apps.get_model(self.app, self.model)
        rows: QuerySet[Any] = model._default_manager.using(router.db_for_write(model))
        return rows

    def find(self, **values: Any) -> QuerySet[Any]:
        """Rows with these values.

        :param values: by the names of :class:`StoredRow`, as for ``filter()``.
        """
        named = {name.partition("__"): value for name, value in values.items()}
        given = {
            f"{self.columns[name]}{separator}{lookup}": value
            for (name, separator, lookup), value in named.items()
        }
        rows: QuerySet[Any] = self.rows.filter(**given)
        return rows


@dataclass(frozen=True, kw_only=True)
class StoredRow:
    """A row, about one recipient of a notification.

    :param created_at: when it was stored, as the database has it.
    :param pk: its key, with the table's name.
    :param event_id: of the event.
    :param topic: the ARN; empty if there was none, or the table does not say.
    :param document: SES's; empty where another row of the notification has it.
    """

    table: Table
    pk: int
    created_at: datetime
    event_id: str
    topic: str
    message_id: str
    address_key: str
    document: Any


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which rows are wanted.

    :param since: stored from then on; aware.
    :param until: and before that; aware.
    :param event_types: none for all.
    :param address: of the recipient, in any spelling; empty for all.
    :param message_id: empty for all.
    """

    since: datetime
    until: datetime
    event_types: Collection[str] = ()
    address: str = ""
    message_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is stored of an event.

    :param bounce_type: SES's; empty for other events.
    :param feedback_id: SES's id of the bounce or complaint; empty where the table has none.
    """

    event_id: str
    event_type: str
    address_key: str
    bounce_type: str = ""
    feedback_id: str = ""


FEEDBACK_COLUMNS = {
    "event_id": "sns_messageid",
    "topic": "sns_topic",
    "message_id": "mail_id",
    "address_key": "address_key",
    "document": "event",
}
OUTBOX_COLUMNS = {
    "event_id": "event_id",
    "message_id": "message_id",
    "address_key": "address_key",
    "document": "document",
}
#: Those of feedback first: they tell of the same moment more.
TABLES = (
    *(
        Table(
            app="anymail_feedback",
            model=model,
            event_types=frozenset(types),
            columns=FEEDBACK_COLUMNS,
        )
        for model, types in (
            ("Bounce", (EventType.BOUNCED,)),
            ("Complaint", (EventType.COMPLAINED,)),
            ("Delivery", (EventType.DELIVERED,)),
            ("MailEvent", ()),
        )
    ),
    Table(app="anymail_outbox", model="Event", event_types=frozenset(), columns=OUTBOX_COLUMNS),
)


def installed_tables() -> list[Table]:
    """Those whose apps are installed."""
    labels = {config.label for config in apps.get_app_configs()}
    return [table for table in TABLES if table.app in labels]


def known_events(message_id: str, address: str = "") -> list[Known]:
    """What is stored about a message, or about an address if the message is not known.

    :param message_id: SES's.
    :param address: counts only if there is no message id.
    """
    where = {"message_id": message_id} if message_id else {"address_key": address_key(address)}
    if not any(where.values()):
        return []
    return list(chain.from_iterable(_known(table, where) for table in installed_tables()))


def unheard_messages(since: datetime, until: datetime) -> Iterator[str]:
    """SES's ids of messages of ``anymail.outbox`` that no table has an event of.

    Those that events were made for later count as such: there may be more to learn.

    :param since: sent from then on; aware.
    :param until: and before that; aware.
    :return: in the order in which they were sent; nothing if the app is not installed.
    """
    if not apps.is_installed("anymail.outbox"):
        return
    for ids in _sent_messages(local_time(since), local_time(until)):
        heard: set[str] = set()
        for table in installed_tables():
            rows = table.find(message_id__in=ids)
            rows = rows.exclude(**{f"{table.columns['event_id']}__startswith": BACKFILLED})
            heard.update(rows.values_list(table.columns["message_id"], flat=True).distinct())
        yield from (one for one in ids if one not in heard)


def read_rows(wanted: Wanted) -> Iterator[StoredRow]:
    """Rows of all tables, in the order in which they were stored, in constant memory.

    No cursor is open between two rows: what reads them may close the connection.
    """
    streams = [
        _read_table(table, wanted)
        for table in installed_tables()
        if not (wanted.event_types and table.event_types)
        or table.event_types & set(wanted.event_types)
    ]
    return heapq.merge(*streams, key=lambda row: row.created_at)


def find_document(row: StoredRow) -> Any:
    """SES's document for a row that has none: the first row of its notification has it."""
    if not row.event_id:
        return {}
    same = row.table.find(event_id=row.event_id, message_id=row.message_id).order_by("pk")
    return same.values_list(row.table.columns["document"], flat=True).first() or {}


def aware(moment: datetime) -> datetime:
    """What a database has, which is naive with ``USE_TZ = False``, as an aware time."""
    return make_aware(moment, get_current_timezone()) if is_naive(moment) else moment


def _known(table: Table, where: Mapping[str, str]) -> Iterator[Known]:
    """The newest ones."""
    columns = {"event_id": table.columns["event_id"], "address_key": "address_key"}
    if table.model in ("Bounce", "Complaint"):
        columns["feedback_id"] = "feedback_id"
    if table.model == "Bounce":
        columns["bounce_type"] = "bounce_type"
    if table.model == "Event":
        columns["bounce_type"] = "document__bounce__bounceType"
    if not table.event_types:
        columns["event_type"] = "event_type"
    for row in table.find(**where).order_by("-pk").values(*columns.values())[:MAX_KNOWN]:
        found = {name: row[column] or "" for name, column in columns.items()}
        yield Known(**{"event_type": next(iter(table.event_types), ""), **found})


def _sent_messages(since: datetime, until: datetime) -> Iterator[list[str]]:
    """The ids of messages that were sent in a span, some at a time, each once in a list."""
    entry, recipient = (apps.get_model("anymail_outbox", name) for name in ("Entry", "Recipient"))
    using = router.db_for_write(entry)
    sent = entry._default_manager.using(using).filter(done_at__gte=since, done_at__lt=until)
    for batch in _pages(sent.filter(state="sent"), "done_at", ["pk", "done_at"]):
        rows = recipient._default_manager.using(using).filter(
            entry__in=[found["pk"] for found in batch]
        )
        ids = rows.exclude(message_id="").order_by("pk").values_list("message_id", flat=True)
        unique = list(dict.fromkeys(ids))
        for start in range(0, len(unique), BATCH_SIZE):
            yield unique[start : start + BATCH_SIZE]


def _pages(
    rows: QuerySet[Any], moment: str, columns: Collection[str]
) -> Iterator[list[dict[str, Any]]]:
    """Rows in the order of a time, some at a time, without a cursor that stays open.

    :param moment: the column with the time, which an index begins with.
    :param columns: what is read; the time and the key among it.
    """
    after = Q()
    while True:
        batch = list(rows.filter(after).order_by(moment, "pk").values(*columns)[:BATCH_SIZE])
        yield batch
        if len(batch) < BATCH_SIZE:
            return
        last, key = batch[-1][moment], batch[-1]["pk"]
        # The first condition alone is what databases look up in the index.
        after = Q(**{f"{moment}__gte": last}) & (Q(**{f"{moment}__gt": last}) | Q(pk__gt=key))


def _read_table(table: Table, wanted: Wanted) -> Iterator[StoredRow]:
    names = {name: table.columns.get(name) for name in StoredRow.__dataclass_fields__}
    columns = ["pk", "created_at", *filter(None, names.values())]
    for batch in _pages(_filtered(table, wanted), "created_at", columns):
        for found in batch:
            given = {name: found[column] for name, column in names.items() if column}
            yield StoredRow(
                table=table,
                pk=found["pk"],
                created_at=found["created_at"],
                **{"topic": "", **given},
            )


def _filtered(table: Table, wanted: Wanted) -> QuerySet[Any]:
    rows: QuerySet[Any] = table.rows.filter(
        created_at__gte=local_time(wanted.since), created_at__lt=local_time(wanted.until)
    )
    if wanted.event_types and not table.event_types:
        rows = rows.filter(event_type__in=wanted.event_types)
    if wanted.address:
        rows = rows.filter(address_key=address_key(wanted.address))
    if wanted.message_id:
        rows = rows.filter(**{table.columns["message_id"]: wanted.message_id})
    return rows
