"""Batches and their messages, without what it takes to send them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from anymail.outbox.ids import name_digest
from anymail.outbox.models import Batch, Entry, Recipient, State


def make_batch(name: str = "news", **columns: Any) -> Batch:
    """A batch of which everything is stored."""
    defaults = {"mailer": "ses", "stored_at": timezone.now()}
    row: Batch = Batch._default_manager.create(
        name=name, name_digest=name_digest(name), **{**defaults, **columns}
    )
    return row


def add_entry(
    batch: Batch, state: str = State.WAITING, statuses: tuple[str, ...] = ("", ""), **columns: Any
) -> Entry:
    """A message to some recipients.

    :param statuses: of the recipients.
    """
    entry: Entry = Entry._default_manager.create(
        batch=batch,
        state=state,
        mailer=batch.mailer,
        priority=batch.priority,
        recipients_count=len(statuses),
        **columns,
    )
    Recipient._default_manager.bulk_create(
        Recipient(
            entry=entry,
            kind="to",
            status=status,
            address=f"to{position}@example.com",
            address_key=f"to{position}@example.com",
        )
        for position, status in enumerate(statuses)
    )
    Batch._default_manager.filter(pk=batch.pk).update(
        chunks=batch.chunks + 1, recipients_count=batch.recipients_count + len(statuses)
    )
    batch.refresh_from_db()
    return entry
