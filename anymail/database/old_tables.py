"""Reading the tables of other packages, which need not be installed."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Collection, Iterator
from typing import Any

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections


def add_source_option(parser: ArgumentParser, verb: str) -> None:
    """Declare ``--from-database`` of a command that reads such tables.

    :param verb: what it does with their rows, for the help.
    """
    parser.add_argument(
        "--from-database", default=DEFAULT_DB_ALIAS, help=f"alias of the database to {verb} from"
    )


def add_options(parser: ArgumentParser, rows: str) -> None:
    """Declare the options of a command that copies from such tables.

    :param rows: what it copies, for the help.
    """
    add_source_option(parser, "copy")
    parser.add_argument(
        "--database", default=DEFAULT_DB_ALIAS, help="alias of the database to copy to"
    )
    parser.add_argument(
        "--batch-size", type=int, default=1_000, help=f"{rows} to copy at once (default: 1000)"
    )


def find_tables(alias: str, wanted: Collection[str], package: str) -> set[str]:
    """The names of the wanted tables that a database has.

    :param alias: the database's, in ``DATABASES``.
    :param wanted: names of tables.
    :param package: to which they belong, for the error.
    :raises django.core.management.base.CommandError: there is no such database, or none of the
        tables in it.
    """
    if alias not in connections:
        raise CommandError(f"There is no database {alias!r} in your settings.")
    found = set(connections[alias].introspection.table_names()).intersection(wanted)
    if not found:
        names = ", ".join(sorted(wanted))
        raise CommandError(f"The database {alias!r} has no table of {package}: {names}.")
    return found


def read_batches(model: type[Any], alias: str, size: int) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table in the order of their ids, in lists of at most ``size``."""
    last = 0
    while True:
        rows = model._default_manager.using(alias).filter(id__gt=last).order_by("id")
        batch = list(rows.values()[:size])
        if not batch:
            return
        last = batch[-1]["id"]
        yield batch
