"""Inserting a notification's rows: how many at once, and what to do about deadlocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import OperationalError, connections

#: If a notification has more rows, only the first of them gets the document of SES.
#: SES takes 50 recipients for a message.
MAX_DOCUMENTS = 50
#: Limits of one INSERT: rows, and characters of documents (MariaDB takes 16 MB).
MAX_ROWS, MAX_CHARACTERS = 500, 2**20
#: MySQL's and PostgreSQL's codes.
DEADLOCKS = (1213, "40P01")

Found = TypeVar("Found")


def batch_size(count: int, document: Any) -> int:
    """How many rows to insert at once.

    :param count: how many there are. If it is more than :data:`MAX_DOCUMENTS`, one of them has the
        document, otherwise all have.
    :param document: of SES.
    """
    if count > MAX_DOCUMENTS:
        return MAX_ROWS
    return max(1, min(MAX_ROWS, MAX_CHARACTERS // len(json.dumps(document))))


def past_deadlocks(using: str, act: Callable[[], Found]) -> Found:
    """Do something in the database that begins again, once, if a deadlock ends it.

    :param using: the alias of the database.
    :param act: is a transaction. Within one of the caller, only that can begin again.
    :raises OperationalError: as ``act`` does.
    """
    try:
        return act()
    except OperationalError as err:
        if not is_deadlock(err) or connections[using].in_atomic_block:
            raise
    return act()


def is_deadlock(error: OperationalError) -> bool:
    """Whether a database ended a transaction because it and another waited for each other."""
    cause = error.__cause__
    codes = (*error.args[:1], getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None))
    return any(code in DEADLOCKS for code in codes)
