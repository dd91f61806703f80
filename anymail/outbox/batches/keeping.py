"""How long the content of batches is kept, and batches themselves."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet

from ...database.pruning import delete_locked
from ..attachments import delete_parts, folder_id
from ..ledger import batches, database, entries
from ..models import Batch, BatchState, Entry, State
from ..thawing import UnreadableContent, parse_stored, part_names


def delete_batch_content(before: datetime) -> None:
    """Delete the content of batches that are over, unless one of their messages may need it.

    :param before: those that ended before that time.
    """
    over = batches().filter(
        Q(done_at=None) | Q(done_at__lte=before),
        state__in=(BatchState.DONE, BatchState.CANCELLED),
        content__isnull=False,
    )
    for pk in list(over.values_list("pk", flat=True)):
        with transaction.atomic(using=database()):
            batch = over.select_for_update().filter(pk=pk).first()
            if batch is not None and not _is_needed(batch):
                over.filter(pk=pk).update(content=None)
                _delete_files(batch)


def _is_needed(batch: Batch) -> bool:
    """Whether a message of it has content. Those that were not sent are few, and the index finds
    them."""
    kept = entries().filter(batch=batch, content__isnull=False)
    others = [state for state in State.values if state != State.SENT]
    return any(kept.filter(state__in=some).exists() for some in (others, [State.SENT]))


def delete_batches(rows: QuerySet[Batch]) -> int:
    """Delete batches without messages, and their stored attachments.

    :return: how many.
    """
    return delete_locked(rows, _delete_files)


def entries_of_batch() -> QuerySet[Entry]:
    """The messages of a batch, for a subquery."""
    rows: QuerySet[Entry] = Entry._default_manager.filter(batch=OuterRef("pk"))
    return rows


def ids_of_files(database: str) -> set[UUID]:
    """The ids under which batches have stored attachments."""
    rows = Batch._default_manager.using(database).filter(content__contains='"part_names"')
    names = [name for batch in rows for name in _file_names(batch)]
    return {found for name in names if (found := folder_id(name)) is not None}


def _delete_files(batch: Batch) -> None:
    """Delete the stored attachments of a batch, after COMMIT. Never raises."""
    if names := _file_names(batch):
        transaction.on_commit(partial(delete_parts, names), using=batch._state.db)


def _file_names(batch: Batch) -> list[str]:
    with suppress(UnreadableContent):
        return part_names(parse_stored(batch.content or ""))
    return []
