"""What the commands share that take over messages."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from ...database.old_tables import add_source_option
from ...processes.progress_bar import ProgressBar
from ...processes.wording import counted
from ..mailers import default_mailer, deliverer
from .rows import OldQueue, Result, take_over


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of such a command."""
    parser.add_argument(
        "--dry-run", action="store_true", help="only say which messages could be taken over"
    )
    parser.add_argument(
        "--mailer",
        help="alias in MAILERS that is to send the messages (default: the one that sends what the "
        "default mailer stores)",
    )
    add_source_option(parser, "take them over")


def run(command: BaseCommand, queue: OldQueue, options: Mapping[str, Any]) -> None:
    """Take over what waits, and print how much, and what could not be.

    :raises CommandError: some could not be (exit code 1), or the settings are wrong (2).
    """
    mailer = _mailer(options["mailer"])
    row_ids = queue.waiting()
    results = take_over(queue, row_ids, mailer, is_rehearsal=options["dry_run"])
    problems = _shown(results, len(row_ids), command, options)
    if options["verbosity"] > 0:
        for line in queue.left():
            command.stdout.write(line)
    if problems:
        raise CommandError(
            f"{counted(problems, 'message')} cannot be taken over, see above. Nothing has changed "
            "about them."
        )


def _shown(
    results: Iterable[Result], total: int, command: BaseCommand, options: Mapping[str, Any]
) -> int:
    """Print results, also if they end early.

    :return: how many are problems.
    """
    is_shown = options["verbosity"] > 0 and command.stdout.isatty()
    bar = ProgressBar(command.stdout, "messages", total, is_shown=is_shown)
    taken, problems = 0, list[Result]()
    try:
        for done, result in enumerate(results, start=1):
            taken += result.is_taken
            problems += [result] if result.problem else []
            bar.show(done)
    finally:
        bar.end()
        if options["verbosity"] > 0:
            what = "can be taken over" if options["dry_run"] else "taken over"
            command.stdout.write(f"{counted(taken, 'message')} {what}")
        for result in problems:
            command.stderr.write(f"{result.row_id}: {result.problem}")
    return len(problems)


def _mailer(wanted: str | None) -> str:
    try:
        mailer = wanted or default_mailer()
        deliverer(mailer)
    except ImproperlyConfigured as err:
        raise CommandError(str(err), returncode=2) from err
    return mailer
