"""What is old: messages, events, and files that no message has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import router
from django.db.models import Exists, QuerySet
from django.utils import timezone

from ..conf import OutboxSettings, current_settings
from ..database.pruning import Prunable, PrunableRows, delete_locked
from .attachments import delete_entry, orphans
from .batches.keeping import delete_batches, entries_of_batch, ids_of_files
from .ledger import entries
from .models import Batch, Entry, Event
from .results import ENDS, delete_content_files

#: A transaction that has stored files may take so long until its COMMIT.
LONGEST_TRANSACTION = timedelta(days=1)
#: Messages that are deleted at once.
BATCH = 500


def prunable(older_than: timedelta | None) -> list[Prunable]:
    """The messages that came to an end long ago, events that came as long ago, and the files of
    transactions that were rolled back. Messages that wait or are in doubt stay.

    :param older_than: how long ago; None for ``OUTBOX_KEEP`` days.
    """
    keep = current_settings().get(OutboxSettings).outbox_keep
    limit = timezone.now() - (timedelta(days=keep) if older_than is None else older_than)
    rows = Entry._default_manager.filter(state__in=ENDS, done_at__lt=limit)
    name = "messages in the outbox"
    messages = PrunableRows(rows=rows.order_by("done_at", "pk"), name=name, delete=_delete)
    bare = Batch._default_manager.filter(~Exists(entries_of_batch()), created_at__lt=limit)
    batches = PrunableRows(
        rows=bare.order_by("pk"), name="batches without messages", delete=delete_batches
    )
    old = Event._default_manager.filter(created_at__lt=limit)
    events = PrunableRows(rows=old.order_by("created_at", "pk"), name="events in the outbox")
    return [messages, batches, events, OrphanedFiles()]


@dataclass(frozen=True)
class OrphanedFiles:
    """Stored attachments of messages that are not in the table."""

    name: str = "stored attachments without a message"

    def count(self, database: str | None) -> int:
        """Of how many messages there are any."""
        return sum(1 for _ in self._find(database))

    def prune(self, database: str | None, batch_size: int) -> int:
        """Delete them."""
        count = 0
        for entry_id in self._find(database):
            delete_entry(entry_id)
            count += 1
        return count

    def _find(self, database: str | None) -> Iterator[UUID]:
        rows = Entry._default_manager.using(database or router.db_for_write(Entry))

        def exists(ids: Iterable[UUID]) -> set[UUID]:
            known = set(rows.filter(pk__in=list(ids)).values_list("pk", flat=True))
            return known | ids_of_files(rows.db)

        return orphans(timezone.now() - LONGEST_TRANSACTION, exists)


def delete_ended(ids: Sequence[UUID]) -> int:
    """Delete messages and their stored attachments, unless they wait or are in doubt.

    :return: how many.
    """
    ended = entries().filter(state__in=ENDS)
    batches = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
    return sum(_delete(ended.filter(pk__in=batch)) for batch in batches)


def _delete(rows: QuerySet[Entry]) -> int:
    return delete_locked(rows, delete_content_files)
