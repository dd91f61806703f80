"""A message and its recipients -> a batch, with an entry for each call.

The recipients are read and stored in groups, each in a transaction that locks the batch. So memory
does not grow with them, several processes may store the same batch, and what was stored before a
crash is known afterwards: by its address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.core.mail import EmailMessage
from django.db import IntegrityError, connections, transaction
from django.db.models import F
from django.utils import timezone

from ...exceptions import AnymailError, AnymailIdempotencyConflict
from ..attachments import delete_parts
from ..bells import ring_on_commit
from ..ids import name_digest
from ..ledger import batches, database, recipients
from ..logs import OwnLogger
from ..mailers import chosen_mailers, default_mailer
from ..models import Batch, BatchState
from ..storing import insert
from .addressees import Addressee, AnyRecipient, addressees
from .chunks import chunked, prepared
from .drafts import Draft, draft
from .keeping import delete_batches

logger: OwnLogger = OwnLogger(__name__)

#: The columns that are changed here.
CHANGED = (
    "state",
    "stored_at",
    "done_at",
    "chunks",
    "recipients_count",
    "repeated",
    "invalid",
)
#: Recipients of a transaction. They are looked up in one query, and old versions of SQLite take
#: 999 parameters.
GROUP = 950


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One call of ``send_many()``.

    :param begun: when.
    :param locks: whether to read with locks: within a transaction, MySQL and MariaDB show what was
        there when it began.
    """

    made: Draft
    begun: datetime
    locks: bool


def send_many(
    message: EmailMessage, to: Iterable[AnyRecipient], *, name: str, mailer: str | None
) -> Batch:
    """See :func:`anymail.outbox.send_many`."""
    connection = connections[database()]
    run = _Run(
        made=draft(message, name, _mailer(mailer)),
        begun=timezone.now(),
        locks=connection.vendor == "mysql" and connection.in_atomic_block,
    )
    pk = _find_or_create(run.made)
    try:
        batch = _store_all(run, pk, to)
    except (AnymailError, TypeError):
        # With nobody in it, it would only keep its name from the message once that is put right.
        delete_batches(batches().filter(pk=pk, chunks=0))
        raise
    _log(batch)
    return batch


def _store_all(run: _Run, pk: int, to: Iterable[AnyRecipient]) -> Batch:
    """Store the recipients, group by group, unless somebody cancels the batch."""
    stream, waiting, is_over = addressees(to), list[Addressee](), False
    while not is_over:
        waiting += islice(stream, GROUP - len(waiting))
        is_over = len(waiting) < GROUP
        with transaction.atomic(using=database()):
            batch = _locked(pk)
            if batch.state == BatchState.CANCELLED:
                break
            waiting = _store(run, batch, waiting, is_last=is_over)
    return batch


def _mailer(wanted: str | None) -> str:
    return default_mailer() if wanted is None else chosen_mailers(wanted)[0]


def _find_or_create(made: Draft) -> int:
    """The batch of that name.

    :raises AnymailIdempotencyConflict: it has another message.
    """
    same = batches().filter(name_digest=name_digest(made.name)).defer("content")
    with transaction.atomic(using=database()):
        # If it was committed after this transaction's snapshot was made, a locking read sees it.
        known = same.first() or _create(made) or same.select_for_update().get()
    if (known.fingerprint, known.mailer) != (made.fingerprint, made.common["mailer"]):
        raise AnymailIdempotencyConflict(
            f"The outbox has a batch {made.name!r} with another message, or for another mailer. "
            "To go on with it, build the same message again; for a new one, use another name."
        )
    return known.pk


def _create(made: Draft) -> Batch | None:
    """Store a new batch; None if somebody else has just done so."""
    content, files = made.content()
    batch = Batch(
        name=made.name,
        name_digest=name_digest(made.name),
        content=content,
        fingerprint=made.fingerprint,
        priority=made.scheduling["priority"],
        **made.common,
    )
    try:
        with transaction.atomic(using=database()):
            batch.save(using=database(), force_insert=True)
    except BaseException as err:
        delete_parts(files)
        if isinstance(err, IntegrityError):
            return None
        raise
    return batch


def _locked(pk: int) -> Batch:
    """The batch, which nobody else stores, counts or cancels until COMMIT."""
    rows = batches().filter(pk=pk)
    if not connections[database()].features.has_select_for_update:
        rows.update(chunks=F("chunks"))  # SQLite locks as it writes, but not what was read before
    batch: Batch = rows.defer("content").select_for_update().get()
    return batch


def _store(
    run: _Run, batch: Batch, group: Sequence[Addressee], *, is_last: bool
) -> list[Addressee]:
    """Store some recipients, in full calls.

    :param is_last: no more recipients come, so the last call need not be full.
    :return: those that are left over.
    """
    made = run.made
    new, repeated = _unknown(run, batch, group)
    found, rest = chunked(made, new, is_last=is_last)
    if found:
        _reopen(made, batch)
        numbered = enumerate(found, start=batch.chunks + 1)
        insert(prepared(made, batch, chunk, number) for number, chunk in numbered)
        ring_on_commit(database(), [made.scheduling["not_before"]])
    batch.chunks += len(found)
    batch.recipients_count += sum(len(chunk.valid) for chunk in found)
    batch.invalid += sum(len(chunk.invalid) for chunk in found)
    batch.repeated += repeated
    if is_last and batch.stored_at is None:
        batch.stored_at = timezone.now()
        ring_on_commit(database(), [batch.stored_at])  # if all is sent already, it is done
    batch.save(using=database(), update_fields=CHANGED)
    return rest


def _unknown(run: _Run, batch: Batch, group: Iterable[Addressee]) -> tuple[list[Addressee], int]:
    """Those that the batch does not have, and how many others were met before since this run began.

    What was stored before that is no repetition: the same recipients again are how one goes on.
    """
    first: dict[str, Addressee] = {}
    repeated = 0
    for one in group:
        repeated += first.setdefault(one.key, one) is not one
    rows = recipients().filter(address_key__in=list(first), entry__batch=batch)
    if run.locks:
        rows = rows.select_for_update()
    for key, created_at in rows.values_list("address_key", "entry__created_at"):
        del first[key]
        repeated += created_at >= run.begun
    return list(first.values()), repeated


def _reopen(made: Draft, batch: Batch) -> None:
    """Let a batch run that may have been done, and have its content again."""
    batch.stored_at = None
    if batch.state != BatchState.DONE:
        return
    batch.state, batch.done_at = BatchState.RUNNING, None
    bare = batches().filter(pk=batch.pk, content=None)
    # With a lock: a snapshot of MySQL's may be older than the end of the batch.
    if bare.select_for_update().values_list("pk").first() is not None:
        content, _ = made.content()
        bare.update(content=content)


def _log(batch: Batch) -> None:
    logger.info(
        "The batch %s is stored: %d recipients in %d calls, %d repeated, %d invalid",
        batch.pk,
        batch.recipients_count,
        batch.chunks,
        batch.repeated,
        batch.invalid,
        extra={"anymail_batch": batch.pk},
    )
