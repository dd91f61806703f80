"""Database connections where there is no request, and whether a transaction can be committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import close_old_connections, connections, reset_queries, transaction
from django.db.transaction import TransactionManagementError


@contextmanager
def fresh_connections() -> Iterator[None]:
    """Do around a message what Django does around a request.

    Connections that broke, or are older than ``CONN_MAX_AGE``, are closed before and after it.
    """
    reset_queries()
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


@contextmanager
def requests_transactions() -> Iterator[None]:
    """Begin what Django begins around a view: a transaction where ``ATOMIC_REQUESTS`` is on."""
    with ExitStack() as stack:
        for alias, database in connections.settings.items():
            if database["ATOMIC_REQUESTS"]:
                stack.enter_context(transaction.atomic(using=alias))
        yield


def check_transactions() -> None:
    """Check, after the receivers, that what they wrote will be committed.

    Django rolls a transaction back without an exception when an error was caught in it, or its
    connection was closed. PostgreSQL does it at the COMMIT when it has refused a query.

    :raises TransactionManagementError: it will not. Let the carrier deliver the events again.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            continue
        if connection.needs_rollback or not connection.is_usable():
            raise TransactionManagementError(
                "Nothing that the receivers of an event wrote to the database "
                f"{connection.alias!r} would be stored: one of them caught an error of the "
                "database, closed the connection or asked for a rollback. Put queries whose "
                "errors are caught into a transaction.atomic() of their own."
            )
