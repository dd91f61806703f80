"""``manage.py anymail_import_bouncy``: import the tables of django-bouncy."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ....database.old_tables import add_options, find_tables, read_batches
from ....processes.progress_bar import ProgressBar
from ... import bouncy
from ...models import Feedback
from ...recording import column_values


class Command(BaseCommand):
    """Copy rows, in batches."""

    help = (
        "Copy the bounces, complaints and deliveries of django-bouncy, which need not be "
        "installed. Nothing is sent or suppressed. What is here already is left alone, so it can "
        "be repeated, and what django-bouncy stored twice is copied once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_options(parser, "rows")

    def handle(self, **options: Any) -> None:
        """Copy each existing table, and print the number of rows.

        :raises django.core.management.base.CommandError: there is no such database, or none of
            the tables in it.
        """
        source, target = options["from_database"], options["database"]
        wanted = {old._meta.db_table for old in bouncy.MODELS}
        tables = find_tables(source, wanted, "django-bouncy")
        for old, new in bouncy.MODELS.items():
            if old._meta.db_table in tables:
                self.copy(old, new, source, target, max(options["batch_size"], 1))

    def copy(
        self, old: type[Any], new: type[Feedback], source: str, target: str, size: int
    ) -> None:
        """Copy one table.

        :param old: the model of django-bouncy.
        :param new: our model.
        :param source: the alias of the database to read.
        :param target: the alias of the database to write.
        :param size: rows at once.
        """
        name = str(new._meta.verbose_name_plural)
        total = old._default_manager.using(source).count()
        is_shown = self.verbosity > 0 and self.stdout.isatty()
        bar = ProgressBar(self.stdout, name, total, is_shown=is_shown)
        read = copied = 0
        for batch in read_batches(old, source, size):
            read += len(batch)
            copied += insert_missing(new, [to_row(new, values) for values in batch], target)
            bar.show(read)
        bar.end()
        if self.verbosity > 0:
            self.stdout.write(f"{name}: {copied} copied, {read - copied} were here already")

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run, as Django calls it."""
        self.verbosity: int = options["verbosity"]
        return super().execute(*args, **options)


def to_row(new: type[Feedback], values: dict[str, Any]) -> Feedback:
    """An unsaved row for a row of django-bouncy, which has no SES document."""
    return new(
        **column_values(new, {name: value for name, value in values.items() if name != "id"})
    )


def insert_missing(new: type[Feedback], rows: list[Feedback], target: str) -> int:
    """Insert the rows that are not there yet.

    :return: the number of inserted rows.
    """
    manager = new._default_manager.using(target)
    ids = {row.sns_messageid for row in rows}
    there = set(manager.filter(sns_messageid__in=ids).values_list("sns_messageid", "address_key"))
    missing: dict[tuple[str, str], Feedback] = {}
    for row in rows:
        key = (row.sns_messageid, row.address_key)
        if key not in there:
            missing.setdefault(key, row)
    # A webhook may be storing one of them at this moment.
    manager.bulk_create(missing.values(), ignore_conflicts=True, batch_size=500)
    return len(missing)
