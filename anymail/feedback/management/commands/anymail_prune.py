"""``manage.py anymail_prune``: delete what is old."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from ...models import Bounce, Complaint, Delivery, MailEvent, Suppression

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """``90d``, ``12h`` or ``4w``.

    :param text: a whole number, and a unit: hours, days or weeks.
    :raises argparse.ArgumentTypeError: it is not a valid duration.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text.strip().lower())
    if not match:
        raise ArgumentTypeError(f"{text!r} is not a valid duration, like 90d, 12h or 4w")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


class Command(BaseCommand):
    """Delete old rows, in batches."""

    help = (
        "Delete old bounces, complaints, deliveries and other events, and suppressions that "
        "expired as long ago. "
        "Suppressions that have not expired are never deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--older-than",
            type=duration,
            required=True,
            metavar="90d",
            help="how old: a number with h, d or w for hours, days or weeks",
        )
        parser.add_argument("--dry-run", action="store_true", help="only print the numbers")
        parser.add_argument(
            "--batch-size", type=int, default=1_000, help="rows to delete at once (default: 1000)"
        )
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="the database's alias")

    def handle(self, **options: Any) -> None:
        """Delete, and print the number of rows of each table."""
        limit: datetime = timezone.now() - options["older_than"]
        done = "would be deleted" if options["dry_run"] else "deleted"
        for model, column in (
            (Bounce, "created_at"),
            (Complaint, "created_at"),
            (Delivery, "created_at"),
            (MailEvent, "created_at"),
            (Suppression, "expires_at"),
        ):
            rows = model._default_manager.using(options["database"])
            rows = rows.filter(**{f"{column}__lt": limit}).order_by(column, "pk")
            count = rows.count() if options["dry_run"] else delete(rows, options["batch_size"])
            if options["verbosity"] > 0:
                self.stdout.write(f"{model._meta.verbose_name_plural}: {count} {done}")


def delete(rows: Any, batch_size: int) -> int:
    """Delete rows in batches, each in a transaction of its own, so that locks are short.

    After an interruption it can be run again.

    :param rows: a queryset.
    :return: the number of deleted rows.
    """
    count = 0
    while batch := list(rows.values_list("pk", flat=True)[: max(batch_size, 1)]):
        rows.model._default_manager.using(rows.db).filter(pk__in=batch).delete()
        count += len(batch)
    return count
