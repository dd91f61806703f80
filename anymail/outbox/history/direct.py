"""The log of mail that e-mail backends send by themselves: statuses -> rows, of a message that has
come to its end.

They are written as soon as SES has answered, or after COMMIT if the caller is in a transaction. A
message that was sent stays sent whatever becomes of its rows, and so does the caller's transaction:
a savepoint would not do, for a deadlock in it ends all of the transaction in MariaDB and MySQL.

Source: MySQL Reference Manual, "InnoDB Error Handling".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
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
from ...exceptions.tracebacks import signal_handler_error
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
    """Log a message that a backend has sent.

    What the outbox itself logs may be mailed: while that is sent nothing is written, for it may be
    about this log.

    :raises Exception: only that of a signal handler, such as Celery's ``SoftTimeLimitExceeded``: if
        it were swallowed, the task would go on until it is killed.
    """
    if is_closed() or is_delivering():
        return
    watched = partial(_watched, _message_id(status), is_report=is_report(outgoing.source))
    with watched():
        if current_settings().get(OutboxSettings).outbox_log:
            _after_commit(partial(_write, rows_of_sent(backend, outgoing, status)), watched)


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
    # Not the message: a long transaction would keep its attachments.
    return Prepared(message=None, entry=entry, recipients=rows, tags=tags)


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


def _after_commit(
    write: Callable[[], None], watched: Callable[[], AbstractContextManager[None]]
) -> None:
    """Call a function that writes: now, unless the caller is in a transaction of that database."""

    def write_watched() -> None:
        with watched():
            _in_thread_for_orm(write)

    if connections[database()].in_atomic_block:
        # Not robust=True, which would swallow the exceptions of signal handlers.
        transaction.on_commit(write_watched, using=database())
    else:
        write_watched()


def _write(prepared: Prepared) -> None:
    alias = database()
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


@contextmanager
def _watched(message_id: str, *, is_report: bool) -> Iterator[None]:
    """Log what goes wrong within the block, and go on.

    :param is_report: of the message: it would be reported that it was not logged, without end.
    :raises Exception: of a signal handler.
    """
    try:
        yield
    except Exception as err:
        if interruption := signal_handler_error(err):
            raise interruption from interruption.__cause__
        if not is_report:
            _complain(err, message_id)


def _complain(err: Exception, message_id: str) -> None:
    # The first line: PostgreSQL's next ones quote the row.
    text = mask_addresses(str(err)).partition("\n")[0]
    logger.error(
        "The message %s was sent, and the outbox could not log it: %s: %s",
        message_id,
        type(err).__name__,
        text,
        extra={"anymail_message_id": message_id},
    )


def _message_id(status: AnymailStatus) -> str:
    """That of the first recipient who has one."""
    results = status.recipients.values()
    return next((str(one.message_id) for one in results if one.message_id), "")
