"""The e-mails that wait in the tables of django-post-office."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.core.management.base import CommandError
from django.db.models import Count, QuerySet

from ...addresses import parse_address_list
from ...conf import django_setting
from ...database.old_tables import find_tables
from .post_office_parts import attachments, read_json, texts
from .post_office_tables import QUEUED, REQUEUED, OldEmail

#: From "low", "medium", "high" and "now" to those of the outbox.
PRIORITIES = {0: -50, 1: 0, 2: 50, 3: 100}
DEFAULT_BACKEND = "default"


class PostOfficeQueue:
    """The e-mails that are queued, or queued again after a failure.

    :param alias: the alias of the database that has the tables.
    :param backend: only those for this alias in ``POST_OFFICE["BACKENDS"]``.
    :raises django.core.management.base.CommandError: there is no such database or table, or
        ``OVERRIDE_RECIPIENTS`` is set.
    """

    name = "post_office"

    def __init__(self, alias: str, backend: str) -> None:
        self.alias = alias
        self._backend = backend
        find_tables(alias, {OldEmail._meta.db_table}, "django-post-office")
        settings = django_setting("POST_OFFICE", {})
        if settings.get("OVERRIDE_RECIPIENTS"):
            raise CommandError(
                'POST_OFFICE["OVERRIDE_RECIPIENTS"] is set: django-post-office would have sent the '
                "waiting messages to these addresses only, and the outbox would send them to their "
                "real recipients. If that is wanted, remove the setting."
            )
        self._engine: str = settings.get("TEMPLATE_ENGINE", "django")
        self._storage: str = settings.get("FILE_STORAGE", "default")

    def waiting(self) -> list[int]:
        """The ids of the e-mails that wait for the backend."""
        rows = self._all().filter(backend_alias__in=self._aliases())
        return list(rows.order_by("pk").values_list("pk", flat=True))

    def left(self) -> list[str]:
        """The numbers of those that wait for other backends."""
        others = self._all().exclude(backend_alias__in=self._aliases())
        counts = others.values_list("backend_alias").annotate(Count("pk")).order_by("backend_alias")
        return [
            f"{count} for the backend {other or DEFAULT_BACKEND!r} are left: use --backend "
            f"{other or DEFAULT_BACKEND}, with the --mailer that is to send them"
            for other, count in counts
        ]

    def message(self, row_id: int) -> EmailMultiAlternatives | None:
        """The message of a row; None if it does not wait any more.

        :raises CannotTake: there is no message to be made of it.
        :raises AnymailInvalidAddress: an address cannot be read.
        """
        row = self._all().filter(pk=row_id).values().first()
        if row is None:
            return None
        message = self._with_texts(row)
        for attachment in attachments(row_id, self.alias, self._storage):
            if isinstance(attachment, tuple):
                message.attach(*attachment)
            else:
                message.attachments.append(attachment)
        return message

    def remove(self, row_id: int) -> bool:
        """Empty the status, in the current transaction: django-post-office sends only what is
        queued or requeued. The row stays.

        :return: False if it does not wait any more.
        """
        return bool(self._all().filter(pk=row_id).update(status=None))

    def _with_texts(self, row: Mapping[str, Any]) -> EmailMultiAlternatives:
        found = texts(row, self.alias, self._engine)
        message: Any = EmailMultiAlternatives(
            subject=found.subject,
            body=found.text or found.html,
            from_email=row["from_email"] or None,
            headers=_headers(row),
        )
        for field in ("to", "cc", "bcc"):
            parsed = parse_address_list(row[field] or None, field)
            setattr(message, field, [address.address for address in parsed])
        if found.html and found.text:
            message.attach_alternative(found.html, "text/html")
        elif found.html:
            message.content_subtype = "html"
        message.priority = PRIORITIES.get(row["priority"], 0)
        # Not now, so that they keep their place in the queue.
        message.send_at = row["scheduled_time"] or row["created"]
        message.expires_at = row["expires_at"]
        sent: EmailMultiAlternatives = message
        return sent

    def _all(self) -> QuerySet[OldEmail]:
        everything = OldEmail._default_manager.using(self.alias)
        rows: QuerySet[OldEmail] = everything.filter(status__in=(QUEUED, REQUEUED))
        return rows

    def _aliases(self) -> list[str]:
        return ["", DEFAULT_BACKEND] if self._backend == DEFAULT_BACKEND else [self._backend]


def _headers(row: Mapping[str, Any]) -> dict[str, Any]:
    headers = read_json(row["headers"], "headers")
    has_id = any(name.lower() == "message-id" for name in headers)
    if row["message_id"] and not has_id:
        headers["Message-ID"] = row["message_id"]
    return headers
