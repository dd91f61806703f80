"""Messages in the table of another package -> entries of the outbox, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from django.core.mail import EmailMessage
from django.db import InterfaceError, OperationalError, ProgrammingError, transaction

from ...attributes import has_recipients
from ...exceptions import AnymailError
from ..freezing import freeze
from ..mailers import deliverer
from ..storing import check, store


class CannotTake(Exception):
    """A message that cannot be taken over. Says why, without addresses and content."""


class OldQueue(Protocol):
    """The messages that wait in the table of another package."""

    #: Of the package; idempotency keys begin with it.
    name: str
    #: The alias of the database that has the table.
    alias: str

    def waiting(self) -> list[int]:
        """The ids of the rows that are to be taken over."""
        ...

    def left(self) -> list[str]:
        """What else waits, and how to take it over."""
        ...

    def message(self, row_id: int) -> Any | None:
        """The message of a row; None if it does not wait any more.

        :raises CannotTake: there is no message to be made of it.
        """
        ...

    def remove(self, row_id: int) -> bool:
        """Have the old package not send it, once the current transaction is committed.

        :return: False if it does not wait any more.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a row.

    :param row_id: its id.
    :param is_taken: False if it did not wait any more, or could not be taken over.
    :param problem: why it could not be; otherwise empty.
    """

    row_id: int
    is_taken: bool = False
    problem: str = ""


def take_over(
    queue: OldQueue, row_ids: Iterable[int], mailer: str, *, is_rehearsal: bool
) -> Iterator[Result]:
    """Take over rows, each in a transaction of its own.

    So it can be interrupted at any time, and run again, also by several processes at once.

    :param mailer: who sends the messages, an alias in ``MAILERS`` or ``"default"``.
    :param is_rehearsal: only find out which can be taken over; nothing is written.
    :raises django.db.Error: the database cannot be used, or the table has not the columns.
    """
    take = _rehearse if is_rehearsal else _take
    for row_id in row_ids:
        try:
            yield Result(row_id=row_id, is_taken=take(queue, row_id, mailer))
        except (OperationalError, InterfaceError, ProgrammingError):
            raise  # none of the others could be, either
        except Exception as err:
            yield Result(row_id=row_id, problem=_reason(err))


def _take(queue: OldQueue, row_id: int, mailer: str) -> bool:
    message = queue.message(row_id)
    if message is None:
        return False
    # In two databases, a crash between the two commits leaves the row: the key tells that it has
    # been taken over.
    message.idempotency_key = f"{queue.name}:{row_id}"
    with transaction.atomic(using=queue.alias):
        if not queue.remove(row_id):
            return False
        _check_recipients(message)
        store([message], mailer)
    return True


def _rehearse(queue: OldQueue, row_id: int, mailer: str) -> bool:
    message = queue.message(row_id)
    if message is None:
        return False
    _check_recipients(message)
    plain, _ = check(message, deliverer(mailer)[0])
    freeze(plain)
    return True


def _check_recipients(message: EmailMessage) -> None:
    if not has_recipients(message):
        raise CannotTake("It has no recipients.")


def _reason(err: Exception) -> str:
    if isinstance(err, (CannotTake, AnymailError)):
        return str(err)
    # Django's errors quote the content.
    return f"It cannot be stored: {type(err).__name__}."
