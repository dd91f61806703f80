"""Database connections where there is no request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import close_old_connections, connections, reset_queries, transaction


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
