"""``manage.py anymail_prune``: deletes what is old."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from ...database.pruning import Prunable, before_pruning, prunable_apps
from ...processes.options import duration, number


class Command(BaseCommand):
    """Delete old rows, in batches."""

    help = (
        "Delete old rows of the installed apps: of anymail.feedback, bounces, complaints, "
        "deliveries and other events, and suppressions that expired as long ago. "
        "Suppressions that have not expired are never deleted. Of anymail.outbox, messages that "
        "came to an end, with their recipients, and events."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--older-than",
            type=duration,
            metavar="90d",
            help="how old: a number with h, d or w for hours, days or weeks (default: what the "
            "settings of an app say; nothing is deleted of an app without such settings)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only print the numbers")
        parser.add_argument(
            "--batch-size",
            type=number(int, 1),
            default=1_000,
            metavar="N",
            help="rows to delete at once (default: 1000)",
        )
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="the database's alias (default: for each table, the one that the routers name)",
        )

    def handle(self, **options: Any) -> None:
        """Delete, and print the number of rows of each table.

        :raises CommandError: there is nothing that could be deleted.
        """
        database, batch_size = options["database"], options["batch_size"]
        prunable = find_prunable(options["older_than"])
        if not options["dry_run"]:
            before_pruning.send(sender=None)
        for found in prunable:
            if options["dry_run"]:
                line = f"{found.name}: {found.count(database)} would be deleted"
            else:
                line = f"{found.name}: {found.prune(database, batch_size)} deleted"
            if options["verbosity"] > 0:
                self.stdout.write(line)


def find_prunable(older_than: timedelta | None) -> list[Prunable]:
    """What the installed apps allow to delete.

    :raises CommandError: they allow nothing.
    """
    apps = prunable_apps()
    if not apps:
        raise CommandError(
            'No installed app has rows to delete. Tables are those of the apps "anymail.feedback" '
            'and "anymail.outbox": add them to INSTALLED_APPS if you have them.'
        )
    found = [prunable for app in apps for prunable in app.anymail_prunable(older_than)]
    if not found:
        raise CommandError(
            "How old is what you want to delete? Type for example: "
            "manage.py anymail_prune --older-than 90d"
        )
    return found
