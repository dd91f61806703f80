"""Messages -> rows, in the caller's transaction.

Two INSERTs, one for the messages with their content and one for their recipients, however many
messages there are, and a third one if they have tags. Only a message with an idempotency key needs
a query more, which tells who came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any

from django.core.mail import EmailMessage
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from ..attributes import AttributeReader, has_recipients
from ..attributes.outbox import outbox_values
from ..backends.base import AnymailBaseBackend
from ..database.columns import ADDRESS_LENGTH, address_key, storable_text, truncate
from ..exceptions import AnymailError, AnymailIdempotencyConflict, AnymailSerializationError
from ..message import AnymailRecipientStatus, AnymailStatus
from ..outgoing import OutgoingMessage
from .attachments import delete_parts, save_parts
from .bells import ring_on_commit
from .fingerprint import fingerprint
from .freezing import COLUMNS as SCHEDULING
from .freezing import freeze
from .ids import key_digest
from .lanes import lane_of
from .ledger import database, entries, recipients, storable, tags
from .logs import is_closed
from .mailers import deliverer
from .models import NAME_LENGTH, SUBJECT_LENGTH, Entry, EntryTag, Recipient, State

#: What one INSERT holds at most: messages, characters, recipients. MySQL takes 16 MB by default.
MAX_ROWS, MAX_CHARACTERS, MAX_RECIPIENTS = 500, 4_000_000, 20_000
#: Characters of a recipient's row, about.
ROW = 200


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A message and the rows for it.

    :param message: the caller's; it gets its status when the rows are stored.
    :param entry: its row.
    :param recipients: their rows.
    :param tags: those of its tags.
    :param files: the names under which its large contents are stored.
    """

    message: Any
    entry: Entry
    recipients: Sequence[Recipient]
    tags: Sequence[EntryTag] = ()
    files: Sequence[str] = ()


def store(messages: Iterable[EmailMessage], mailer: str, *, fail_silently: bool = False) -> int:
    """Store messages, so that workers send them after COMMIT.

    :param messages: Django messages; they are consumed as they go.
    :param mailer: who sends them.
    :param fail_silently: leave out messages that cannot be sent, or that the database does not
        take; a savepoint keeps the caller's transaction usable.
    :return: how many are stored.
    :raises AnymailError: the first that cannot be sent; those before it are stored.
    :raises AnymailConfigurationError: the mailer cannot be used.
    :raises DatabaseError: those of the last INSERT are not stored; those before it are.
    """
    if is_closed():
        return 0
    stored = 0
    moments: set[datetime] = set()
    error: list[BaseException] = []
    found = _prepared(messages, mailer, error, fail_silently=fail_silently)
    try:
        for batch in _inserts(found, keys_apart=True):
            try:
                stored += _store_batch(batch, savepoint=fail_silently)
            except (AnymailIdempotencyConflict, DatabaseError, InterfaceError):
                if not fail_silently:
                    raise
            else:
                moments.update(one.entry.not_before for one in batch)
    finally:
        if moments:
            ring_on_commit(database(), moments)
    for err in error:
        raise err
    return stored


def _prepared(
    messages: Iterable[EmailMessage],
    mailer: str,
    error: list[BaseException],
    *,
    fail_silently: bool,
) -> Iterator[Prepared]:
    """The rows of messages, until one cannot be sent: then its error is the last thing."""
    backend: AnymailBaseBackend | None = None
    try:
        for message in messages:
            backend = backend or deliverer(mailer)[0]
            try:
                prepared = prepare(message, mailer, backend)
            except AnymailError as err:
                err.email_message = err.email_message or message
                if not fail_silently:
                    raise
            else:
                if prepared is not None:
                    yield prepared
    except Exception as err:  # of the iterable, too
        error.append(err)


def prepare(message: Any, mailer: str, backend: AnymailBaseBackend) -> Prepared | None:
    """The rows for a message.

    :param backend: what will send it, which says whether it can.
    :return: None if it has no recipients.
    :raises AnymailError: it cannot be sent.
    """
    message.anymail_status = AnymailStatus()
    if not has_recipients(message):
        return None
    plain, outgoing = check(message, backend)
    frozen = freeze(plain)
    scheduling = outbox_values(AttributeReader(message, backend.defaults_for(plain)))
    entry = Entry(
        recipients_count=len(outgoing.recipients),
        **common_columns(outgoing, mailer, backend),
        **scheduling_columns(scheduling),
    )
    if entry.idempotency_key is not None:
        entry.key_digest = key_digest(mailer, entry.idempotency_key)
        entry.fingerprint = fingerprint(plain)
    files = save_parts(entry.id, frozen.parts) if frozen.parts else ()
    entry.content = frozen.as_json(files)
    return Prepared(
        message=message,
        entry=entry,
        recipients=recipient_rows(entry, outgoing),
        tags=tag_rows(entry, outgoing.tags),
        files=files,
    )


def check(message: Any, backend: AnymailBaseBackend) -> tuple[Any, OutgoingMessage]:
    """A message as a worker will get it, and as it will be sent.

    :raises AnymailError: it cannot be sent.
    """
    plain = _without(message, SCHEDULING)
    outgoing = backend.check(plain)
    # The function in AMAZON_SES_TENANT may go by the request, which a worker does not know.
    plain.tenant = outgoing.tenant
    return plain, outgoing


def common_columns(
    outgoing: OutgoingMessage, mailer: str, backend: AnymailBaseBackend
) -> dict[str, Any]:
    """The columns that a message and a batch have in common."""
    return {
        "mailer": mailer,
        "lane": lane_of(outgoing, getattr(backend, "settings", None)),
        "subject": storable_text(outgoing.subject)[:SUBJECT_LENGTH],
    }


def _without(message: EmailMessage, names: Iterable[str]) -> Any:
    """A copy of a message without some attributes, and without defaults for them."""
    plain = copy(message)
    vars(plain).update(dict.fromkeys(names))
    return plain


def scheduling_columns(
    scheduling: Mapping[str, Any], *, default_priority: int = 0
) -> dict[str, Any]:
    """The columns for the attributes of :data:`SCHEDULING`.

    :param scheduling: what :func:`.attributes.outbox.outbox_values` read.
    :raises AnymailSerializationError: ``send_at`` is no time.
    """
    now = timezone.now()
    send_at, expires_at = scheduling["send_at"], scheduling["expires_at"]
    if not isinstance(send_at, (datetime, NoneType)):
        raise AnymailSerializationError(
            "`send_at` must be a datetime, a date or a POSIX timestamp, not "
            f"{type(send_at).__name__}"
        )
    return {
        "priority": default_priority if scheduling["priority"] is None else scheduling["priority"],
        "not_before": now if send_at is None else storable(send_at),
        "expires_at": None if expires_at is None else storable(expires_at),
        "on_doubt": scheduling["on_doubt"] or "hold",
        "idempotency_key": scheduling["idempotency_key"],
        "created_at": now,
    }


def recipient_rows(entry: Entry, outgoing: OutgoingMessage) -> list[Recipient]:
    """The rows for all recipients, in the order of ``outgoing.recipients``."""
    found = [("to", one) for one in outgoing.to]
    found += [("cc", one) for one in outgoing.cc] + [("bcc", one) for one in outgoing.bcc]
    return [
        Recipient(
            entry=entry,
            kind=kind,
            address=truncate(address.addr_spec, ADDRESS_LENGTH),
            address_key=address_key(address.addr_spec),
        )
        for kind, address in found
    ]


def tag_rows(entry: Entry, names: Iterable[str] | None) -> list[EntryTag]:
    """The rows for tags, each once."""
    found = dict.fromkeys(truncate(name, NAME_LENGTH) for name in names or () if name)
    return [EntryTag(entry=entry, tag=tag) for tag in found]


def insert(prepared: Iterable[Prepared]) -> None:
    """Store what cannot be there yet, within a transaction.

    :param prepared: if they have idempotency keys, nobody else stores the same ones meanwhile.
    """
    for some in _inserts(prepared, keys_apart=False):
        entries().bulk_create([one.entry for one in some])
        _insert_parts(some)


def _insert_parts(prepared: Sequence[Prepared]) -> None:
    """Store what belongs to messages that are stored."""
    rows = [row for one in prepared for row in one.recipients]
    recipients().bulk_create(rows, batch_size=MAX_RECIPIENTS)
    tags().bulk_create([tag for one in prepared for tag in one.tags], batch_size=MAX_RECIPIENTS)


def _inserts(prepared: Iterable[Prepared], *, keys_apart: bool) -> Iterator[list[Prepared]]:
    """Together what fits into one INSERT.

    :param keys_apart: a message with an idempotency key by itself.
    """
    batch: list[Prepared] = []
    size = 0
    for one in prepared:
        length = len(one.entry.content or "") + ROW * len(one.recipients)
        is_full = len(batch) >= MAX_ROWS or size + length > MAX_CHARACTERS
        is_apart = keys_apart and one.entry.idempotency_key is not None
        if batch and (is_full or is_apart):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += length
        if is_apart:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _store_batch(batch: Sequence[Prepared], *, savepoint: bool) -> int:
    known: Entry | None = None
    with transaction.atomic(using=database(), savepoint=savepoint):
        if batch[0].entry.key_digest:
            known = _store_once(batch[0].entry)
        else:
            entries().bulk_create([one.entry for one in batch])
        if known is None:
            _insert_parts(batch)
    if known is not None:  # outside of the block: an error in it would end the caller's transaction
        _repeat(batch[0], known)
        return 1
    for one in batch:
        set_stored(one.message, one.entry, one.recipients)
    return len(batch)


def _store_once(entry: Entry) -> Entry | None:
    """Store a message unless its key is known.

    :return: the message that has the key already; None if this one has been stored.
    """
    entries().bulk_create([entry], ignore_conflicts=True)
    same = entries().filter(key_digest=entry.key_digest).defer("content")
    # If it was committed after this transaction's snapshot was made, a locking read sees it.
    known = same.first() or same.select_for_update().get()
    return None if known.pk == entry.pk else known


def _repeat(prepared: Prepared, known: Entry) -> None:
    delete_parts(prepared.files)
    if known.fingerprint != prepared.entry.fingerprint:
        raise AnymailIdempotencyConflict(
            f"The idempotency key {known.idempotency_key!r} was used for another message: the "
            f"outbox has it as {known.pk}. Use one key for each message, or send it without one.",
            email_message=prepared.message,
        )
    rows = recipients().filter(entry=known).order_by("pk")
    # Recipients that a snapshot does not show are those of a message that has just been stored.
    set_stored(prepared.message, known, list(rows) or prepared.recipients)


def set_stored(message: Any, entry: Entry, rows: Sequence[Recipient]) -> None:
    """Tell a message where it is, and its status.

    :param message: gets an ``outbox_id``, and for each recipient that has no other status yet
        ``"queued"``, or ``"failed"`` if it will not be sent any more.
    """
    is_over = entry.state in (State.CANCELLED, State.EXPIRED, State.FAILED)
    status, code = ("failed", entry.error_code or entry.state) if is_over else ("queued", None)
    message.outbox_id = entry.pk
    message.anymail_status.set_recipient_status(
        {
            row.address: AnymailRecipientStatus(
                row.message_id or None, row.status or status, row.error_code or code
            )
            for row in rows
        }
    )
