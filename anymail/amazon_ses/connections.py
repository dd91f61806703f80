"""Database connections where there is no request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import close_old_connections, reset_queries


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
