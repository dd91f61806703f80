"""The outbox in a database of its own."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from ..conf import OutboxSettings, current_settings

APP = "anymail_outbox"


class OutboxRouter:
    """A router for ``DATABASE_ROUTERS``: the outbox's tables are in :setting:`OUTBOX_DATABASE`.

    It says nothing about other models, and nothing at all without the setting.

    A transaction is one of a single database. So with this router a message is stored as soon as
    it is sent, and stays if a transaction in another database is rolled back.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        """The database of the setting for the outbox's models."""
        return _database(model._meta.app_label)

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        """The same."""
        return _database(model._meta.app_label)

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool | None:
        """Messages belong to recipients, and to nothing outside of the outbox."""
        labels = {obj1._meta.app_label, obj2._meta.app_label}
        return True if labels == {APP} and _database(APP) else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """The outbox's tables are made there, and nowhere else."""
        database = _database(app_label)
        return None if database is None else db == database


def _database(app_label: str) -> str | None:
    if app_label != APP:
        return None
    return current_settings().get(OutboxSettings).outbox_database
