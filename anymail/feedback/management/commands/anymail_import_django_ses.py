"""``manage.py anymail_import_django_ses``: import the blacklist of django-ses."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand

from ....database.columns import address_key
from ....database.old_tables import add_options, find_tables, read_batches
from ...django_ses import BlacklistedEmail
from ...models import Reason, Suppression
from ...suppression import enabled_reasons

NOTE = "From the blacklist of django-ses."


class Command(BaseCommand):
    """Copy addresses, in batches."""

    help = (
        "Copy the blacklist of django-ses, which need not be installed, to the suppression list. "
        "What is there already is left alone, so it can be repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--dry-run", action="store_true", help="only print the numbers")
        add_options(parser, "addresses")

    def handle(self, **options: Any) -> None:
        """Copy the addresses, and print how many.

        :raises django.core.management.base.CommandError: there is no such database, or no
            blacklist in it.
        """
        source, target = options["from_database"], options["database"]
        find_tables(source, {BlacklistedEmail._meta.db_table}, "django-ses")
        read = copied = 0
        for batch in read_batches(BlacklistedEmail, source, max(options["batch_size"], 1)):
            missing = missing_keys((row["email"] for row in batch), target)
            read, copied = read + len(batch), copied + len(missing)
            if not options["dry_run"]:
                Suppression.objects.using(target).suppress(missing, note=NOTE)
        if options["verbosity"] > 0:
            done = "would be copied" if options["dry_run"] else "copied"
            self.stdout.write(
                f"suppressed addresses: {copied} {done}, {read - copied} were here already"
            )
        if not enabled_reasons():
            self.stderr.write(
                'The suppression list is off: set ANYMAIL["FEEDBACK_SUPPRESS"] to '
                '["hard_bounce", "complaint"], as AWS_SES_USE_BLACKLIST was.'
            )


def missing_keys(addresses: Iterable[str], target: str) -> set[str]:
    """The keys of the addresses that are not on the list by hand yet.

    :param target: the alias of the database.
    """
    keys = {address_key(address) for address in addresses}
    entries = Suppression.objects.using(target).filter(address__in=keys, reason=Reason.MANUAL)
    return keys - set(entries.values_list("address", flat=True))
