"""Where the tables are, and the time that is written into them."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone as datetime_timezone

from django.db import router
from django.db.models import QuerySet
from django.utils import timezone

from .models import Batch, Entry, EntryTag, Event, Recipient, Step


def database() -> str:
    """The alias of the database that has the tables, as the routers of the project say."""
    return router.db_for_write(Entry)


def entries() -> QuerySet[Entry]:
    """All messages, in that database."""
    rows: QuerySet[Entry] = Entry._default_manager.using(database())
    return rows


def recipients() -> QuerySet[Recipient]:
    """All recipients of messages, in that database."""
    rows: QuerySet[Recipient] = Recipient._default_manager.using(database())
    return rows


def tags() -> QuerySet[EntryTag]:
    """All tags of messages, in that database."""
    rows: QuerySet[EntryTag] = EntryTag._default_manager.using(database())
    return rows


def batches() -> QuerySet[Batch]:
    """All batches, in that database."""
    rows: QuerySet[Batch] = Batch._default_manager.using(database())
    return rows


def events() -> QuerySet[Event]:
    """All events that no table of ``anymail.feedback`` has, in that database."""
    rows: QuerySet[Event] = Event._default_manager.using(database())
    return rows


def steps() -> QuerySet[Step]:
    """All steps of messages, in that database."""
    rows: QuerySet[Step] = Step._default_manager.using(database())
    return rows


def with_content(rows: QuerySet[Entry]) -> QuerySet[Entry]:
    """Those whose content is all there: for a message in a batch, that of the batch, too."""
    bare = Batch._default_manager.using(rows.db).filter(content=None)
    whole: QuerySet[Entry] = rows.filter(content__isnull=False).exclude(batch__in=bare)
    return whole


def without_direct(rows: QuerySet[Entry]) -> QuerySet[Entry]:
    """Those that went through the outbox: see :attr:`.models.Entry.is_direct`."""
    rest: QuerySet[Entry] = rows.exclude(attempt=0, posted_at__isnull=False)
    return rest


def has_content(entry: Entry) -> bool:
    """Whether a message is one of :func:`with_content`."""
    if entry.content is None:
        return False
    return entry.batch is None or entry.batch.content is not None


def storable(moment: datetime) -> datetime:
    """A time for a column: aware, or naive in the current time zone with ``USE_TZ = False``.

    :param moment: aware or naive.
    """
    uses_time_zones = timezone.is_aware(timezone.now())
    if timezone.is_aware(moment) == uses_time_zones:
        return moment
    return timezone.make_aware(moment) if uses_time_zones else timezone.make_naive(moment)


def seconds_since_1970(moment: datetime) -> float:
    """A time as a number, for the tables that calculate with it."""
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    return moment.astimezone(datetime_timezone.utc).timestamp()
