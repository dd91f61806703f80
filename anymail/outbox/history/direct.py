"""The log of mail that e-mail backends send by themselves: statuses -> rows, of a message that has
come to its end.

They are written in the caller's transaction, in a savepoint, as soon as SES has answered. A message
that was sent stays sent whatever becomes of its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections, transaction
from django.utils import timezone

from ...amazon_ses.masking import mask_addresses
from ...backends.base import AnymailBaseBackend
from ...backends.statuses import count_accepted
from ...conf import OutboxSettings, current_settings
from ...database.columns import storable_text, truncate
from ...message import AnymailRecipientStatus, AnymailStatus
from ...outgoing import OutgoingMessage
from ..ledger import database
from ..logs import OwnLogger, is_closed, is_report
from ..mailers import DEFAULT
from ..models import CODE_LENGTH, ERROR_LENGTH, NAME_LENGTH, Entry, Recipient, State
from ..other_backend import is_delivering
from ..results import REFUSED_STATUSES
from ..storing import Prepared, common_columns, insert, recipient_rows, tag_rows

logger: OwnLogger = OwnLogger(__name__)


def on_sent(
    sender: Any,
    backend: AnymailBaseBackend,
    outgoing: OutgoingMessage,
    status: AnymailStatus,
    **kwargs: Any,
) -> None:
    """Log a message that a backend has sent. Never raises.

    What the outbox itself logs may be mailed: while that is sent nothing is written, for it may be
    about this log.
    """
    if is_closed() or is_delivering():
        return
    try:
        if current_settings().get(OutboxSettings).outbox_log:
            _in_thread_for_orm(partial(_write, backend, outgoing, status))
    except Exception as err:
        if not is_report(outgoing.source):  # it would be reported, without end
            _complain(err, status)


def rows_of_sent(
    backend: AnymailBaseBackend, outgoing: OutgoingMessage, status: AnymailStatus
) -> Prepared:
    """The rows for a message that was sent. Pure.

    :param outgoing: with all its recipients.
    :param status: theirs.
    """
    now = timezone.now()
    is_sent = count_accepted(status) > 0
    entry = Entry(
        state=State.SENT if is_sent else State.FAILED,
        not_before=now,
        posted_at=now,
        done_at=now,
        created_at=now,
        recipients_count=len(outgoing.recipients),
        **common_columns(outgoing, getattr(backend, "alias", None) or DEFAULT, backend),
        **({} if is_sent else _failure(status)),
    )
    rows = recipient_rows(entry, outgoing)
    for row, address in zip(rows, outgoing.recipients, strict=True):
        if (found := status.recipients.get(address.addr_spec)) is not None:
            _set_result(row, found)
    entry.refused_count = sum(row.status in REFUSED_STATUSES for row in rows)
    tags = tag_rows(entry, outgoing.tags)
    return Prepared(message=outgoing.source, entry=entry, recipients=rows, tags=tags)


def _set_result(row: Recipient, result: AnymailRecipientStatus) -> None:
    row.status = result.status or ""
    if result.message_id is not None:
        row.message_id = truncate(str(result.message_id), NAME_LENGTH)
    row.error_code = truncate(str(result.error_code or ""), CODE_LENGTH)


def _failure(status: AnymailStatus) -> dict[str, str]:
    """Why nobody was accepted: what is said of the first."""
    first = next(iter(status.recipients.values()), None)
    if first is None:
        return {}
    return {
        "error_code": truncate(str(first.error_code or ""), CODE_LENGTH),
        "error": storable_text(mask_addresses(first.error_message or ""))[:ERROR_LENGTH],
        "scope": first.error_scope or "",
    }


def _write(backend: AnymailBaseBackend, outgoing: OutgoingMessage, status: AnymailStatus) -> None:
    prepared, alias = rows_of_sent(backend, outgoing, status), database()
    try:
        with transaction.atomic(using=alias):
            insert([prepared])
    except Exception:
        _drop_dead_connection(alias)
        raise


def _drop_dead_connection(alias: str) -> None:
    """Have the next message open a new connection. Nobody else does that in a process that uses the
    database for nothing but this."""
    connection = connections[alias]
    is_open = connection.connection is not None
    if is_open and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


def _in_thread_for_orm(write: Callable[[], None]) -> None:
    """Call a function that writes: where an event loop runs, in another thread, for the ORM refuses
    to work there."""
    try:
        write()
    except SynchronousOnlyOperation:
        with ThreadPoolExecutor(1, "anymail-log") as pool:
            pool.submit(_with_own_connections, write).result()


def _with_own_connections(write: Callable[[], None]) -> None:
    try:
        write()
    finally:
        connections.close_all()


def _complain(err: Exception, status: AnymailStatus) -> None:
    results = status.recipients.values()
    message_id = next((str(one.message_id) for one in results if one.message_id), "")
    # The first line: PostgreSQL's next ones quote the row.
    text = mask_addresses(str(err)).partition("\n")[0]
    logger.error(
        "The message %s was sent, and the outbox could not log it: %s: %s",
        message_id,
        type(err).__name__,
        text,
        extra={"anymail_message_id": message_id},
    )
