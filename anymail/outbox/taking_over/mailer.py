"""The messages that wait in the table of django-mailer."""

from __future__ import annotations

import binascii
from base64 import b64decode
from datetime import datetime
from typing import Any

from django.apps.registry import Apps
from django.db import models
from django.db.models import QuerySet

from ...conf import UNSET
from ...database.old_tables import find_tables
from .pickles import load_message
from .rows import CannotTake

registry: Apps = Apps()

#: The priority of messages that have failed, and wait for ``retry_deferred``.
DEFERRED = 4
#: From "high", "medium" and "low" to those of the outbox.
PRIORITIES = {1: 50, 2: 0, 3: -50, DEFERRED: 0}


class OldMessage(models.Model):  # noqa: DJ008
    """A row of django-mailer's ``Message``, from version 2.0 on."""

    #: Base64 of a pickle.
    message_data: models.TextField[str, str] = models.TextField()
    when_added: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    priority: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField()

    class Meta:
        """The table of django-mailer."""

        apps = registry
        app_label = "mailer"
        db_table = "mailer_message"


class MailerQueue:
    """The messages that wait.

    :param alias: the alias of the database that has the table.
    :param takes_deferred: those, too, that have failed and wait for ``retry_deferred``.
    :param trusts_pickles: whether pickles may call anything.
    :raises django.core.management.base.CommandError: there is no such database or table.
    """

    name = "mailer"

    def __init__(self, alias: str, *, takes_deferred: bool, trusts_pickles: bool) -> None:
        find_tables(alias, {OldMessage._meta.db_table}, "django-mailer")
        self.alias = alias
        self._takes_deferred = takes_deferred
        self._trusts_pickles = trusts_pickles

    def waiting(self) -> list[int]:
        """The ids of the messages that wait."""
        rows = self._all() if self._takes_deferred else self._all().exclude(priority=DEFERRED)
        return list(rows.order_by("pk").values_list("pk", flat=True))

    def left(self) -> list[str]:
        """The number of those that are deferred."""
        count = 0 if self._takes_deferred else self._all().filter(priority=DEFERRED).count()
        return [f"{count} deferred are left: to take them over, use --deferred"] if count else []

    def message(self, row_id: int) -> Any | None:
        """The message of a row; None if it does not wait any more.

        :raises CannotTake: there is no message to be made of it.
        """
        row = self._all().filter(pk=row_id).first()
        if row is None:
            return None
        try:
            pickled = b64decode(row.message_data)
        except (binascii.Error, ValueError):
            raise CannotTake("Its data is not base64.") from None
        message = load_message(pickled, is_trusted=self._trusts_pickles)
        message.priority = PRIORITIES.get(row.priority, 0)
        if getattr(message, "send_at", UNSET) in (UNSET, None):
            message.send_at = row.when_added  # so that they keep their place in the queue
        return message

    def remove(self, row_id: int) -> bool:
        """Delete the row, in the current transaction.

        :return: False if it does not wait any more.
        """
        deleted, _ = self._all().filter(pk=row_id).delete()
        return bool(deleted)

    def _all(self) -> QuerySet[OldMessage]:
        everything: QuerySet[OldMessage] = OldMessage._default_manager.using(self.alias)
        return everything
