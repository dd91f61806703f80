"""Which rows ``manage.py anymail_prune`` may delete: the installed apps say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from django.apps import apps
from django.db import router, transaction
from django.db.models import QuerySet
from django.dispatch import Signal

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


#: Sent before anything is deleted: what is to outlive the rows is written down now.
before_pruning: Signal = Signal()


def delete_rows(rows: QuerySet[Any]) -> int:
    """Delete rows, and those that go with them (``on_delete``).

    :return: the number of rows, without those that go with them.
    """
    _, counts = rows.delete()
    return counts.get(rows.model._meta.label, 0)


def delete_locked(rows: QuerySet[Any], clean_up: Callable[[Any], None]) -> int:
    """Delete rows as they are when they are locked, and what else belongs to them.

    :param clean_up: is given each row, within the transaction, after it was deleted.
    :return: as :func:`delete_rows`.
    """
    with transaction.atomic(using=rows.db):
        found = list(rows.select_for_update())
        own = rows.model._default_manager.using(rows.db).filter(pk__in=[row.pk for row in found])
        deleted = delete_rows(own)
        for row in found:
            clean_up(row)
    return deleted


class Prunable(Protocol):
    """Something old that may be deleted."""

    @property
    def name(self) -> StrOrPromise:
        """What it is called, for example ``"bounces"``."""

    def count(self, database: str | None) -> int:
        """How many there are.

        :param database: its alias; None for the one to which the routers send what is written.
        """

    def prune(self, database: str | None, batch_size: int) -> int:
        """Delete them.

        :param database: as for :meth:`count`.
        :param batch_size: how many at once.
        :return: how many were deleted.
        """


@dataclass(frozen=True, kw_only=True)
class PrunableRows:
    """Rows of a table that may be deleted.

    :param rows: the oldest first, without ``using()``.
    :param name: what they are called, for example ``"bounces"``.
    :param delete: deletes a batch of them, and what else belongs to them, such as files, and
        returns the number of rows it has deleted. The batch has the filters of ``rows``, too: what
        was changed in the meantime, so that it may no longer be deleted, is not in it.
    """

    rows: QuerySet[Any]
    name: StrOrPromise
    delete: Callable[[QuerySet[Any]], int] = delete_rows

    def find(self, database: str | None = None) -> QuerySet[Any]:
        """The rows in a database.

        :param database: its alias; None for the one to which the routers send what is written.
        """
        rows: QuerySet[Any] = self.rows.using(database or router.db_for_write(self.rows.model))
        return rows

    def count(self, database: str | None) -> int:
        """How many there are.

        :param database: as for :meth:`find`.
        """
        return self.find(database).count()

    def prune(self, database: str | None, batch_size: int) -> int:
        """Delete the rows in batches, so that locks are short.

        After an interruption it can be run again.

        :param database: as for :meth:`find`.
        :param batch_size: rows to delete at once.
        :return: the number of deleted rows.
        """
        rows, count = self.find(database), 0
        while batch := list(rows.values_list("pk", flat=True)[:batch_size]):
            deleted = self.delete(rows.filter(pk__in=batch))
            count += deleted
            if not deleted:  # somebody else deletes them now
                break
        return count


@runtime_checkable
class PrunableApp(Protocol):
    """An ``AppConfig`` with rows that may be deleted."""

    def anymail_prunable(self, older_than: timedelta | None) -> Iterable[Prunable]:
        """Say which rows may be deleted.

        :param older_than: their least age; None for what the settings of the app say, and for
            nothing if it has no such settings.
        """


def prunable_apps() -> list[PrunableApp]:
    """The installed apps that have rows to delete, in the order of ``INSTALLED_APPS``."""
    return [app for app in apps.get_app_configs() if isinstance(app, PrunableApp)]
