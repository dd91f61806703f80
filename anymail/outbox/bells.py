"""Bells: after COMMIT, wake a worker.

A bell that rings twice wakes a worker that finds nothing to do. One that is lost delays a message
until the next rings, or until ``manage.py anymail_deliver`` looks.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from ..conf import OutboxSettings, current_settings
from .logs import OwnLogger

logger: OwnLogger = OwnLogger(__name__)

#: The values of ``OUTBOX_BELL`` that are no functions.
TASKS, COMMAND = "tasks", "command"
_numbers = itertools.count(1)


class Bell(Protocol):
    """A function for ``OUTBOX_BELL``."""

    def __call__(self, run_after: datetime | None = None) -> object:
        """Have something call :func:`anymail.outbox.deliver`.

        :param run_after: not before that time, which is aware; None for now.
        """
        ...


class _Rung(threading.local):
    """What this thread has rung for since its last COMMIT.

    Database connections belong to threads, and run what waits for a COMMIT in its order. So what
    was wanted before the last ring belongs to the same COMMIT.
    """

    def __init__(self) -> None:
        self._last = 0
        self._seen: set[object] = set()

    def is_new(self, what: object, number: int) -> bool:
        """Note a ring.

        :param what: where, and for when.
        :param number: of ``_numbers``, from when it was wanted.
        :return: whether this COMMIT has not had it yet.
        """
        if number > self._last:
            self._seen.clear()
        self._last = next(_numbers)
        is_new = what not in self._seen
        self._seen.add(what)
        return is_new


_rung = _Rung()


def ring_on_commit(using: str, moments: Iterable[datetime]) -> None:
    """Ring the bell of ``OUTBOX_BELL`` once the current transaction is committed: once for all
    messages of the transaction that are due, and once for each later second.

    :param using: the alias of the database with the outbox.
    :param moments: when there will be something to do.
    """
    setting = current_settings().get(OutboxSettings).outbox_bell
    if setting in (None, COMMAND):
        return
    now = timezone.now()
    for run_after in {_full_second(moment) if moment > now else None for moment in moments}:
        ring = partial(_ring, setting, using, run_after, next(_numbers))
        transaction.on_commit(ring, using=using)


def _full_second(moment: datetime) -> datetime:
    """The next one, aware. Engines that count in whole seconds would come too early."""
    full = moment.replace(microsecond=0) + timedelta(seconds=1)
    return full if timezone.is_aware(full) else timezone.make_aware(full)


def find_bell(setting: str | Callable[..., Any] | None) -> Bell | None:
    """The function that rings; None if nothing does.

    :param setting: the value of ``OUTBOX_BELL``.
    :raises ImportError: there is no such function.
    """
    if setting is None or setting == COMMAND:
        return None
    if setting == TASKS:
        from .tasks import ring  # needs django.tasks

        return ring
    found: Bell = import_string(setting) if isinstance(setting, str) else setting
    return found


def _ring(
    setting: str | Callable[..., Any] | None, using: str, run_after: datetime | None, number: int
) -> None:
    """Ring. The message is stored, so nothing that is wrong here is an error of the request."""
    if not _rung.is_new((using, run_after), number):
        return
    try:
        if (bell := find_bell(setting)) is not None:
            bell(run_after=run_after)
    except Exception as err:
        logger.exception(
            "The outbox's bell cannot be rung. Messages wait until it rings again, or until "
            "manage.py anymail_deliver runs",
            extra={"anymail_error_code": type(err).__name__},
        )
