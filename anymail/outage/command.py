"""What the two commands share: the span of time, progress, and the last lines."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ..processes.options import moment
from ..processes.progress import REWRITE, NoProgress, Progress
from .tally import LineProgress, Tally, describe, summary


def add_span(parser: ArgumentParser, what: str) -> None:
    """Declare ``--since`` and ``--until``.

    :param what: what events did in that time, for the help.
    """
    parser.add_argument(
        "--since",
        type=moment,
        required=True,
        metavar="6h",
        help=f"events that were {what} since then: so long ago (6h, 2d), or a time "
        "(2026-11-30T14:00)",
    )
    parser.add_argument("--until", type=moment, metavar="2h", help="and before then (default: now)")


def span(options: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """From when to when; aware.

    :raises CommandError: it ends before it begins (exit code 2).
    """
    since: datetime = options["since"]
    until: datetime = options["until"] or datetime.now(timezone.utc)
    if until <= since:
        raise CommandError("--until must be later than --since.", returncode=2)
    return since, until


def progress(command: BaseCommand, tally: Tally, options: Mapping[str, Any]) -> Progress:
    """What a command prints while it runs."""
    if options["verbosity"] < 1:
        return NoProgress()
    line = partial(describe, tally, time.monotonic())
    return LineProgress(line, command.stderr, is_terminal=command.stderr.isatty())


def teller(command: BaseCommand, options: Mapping[str, Any]) -> Callable[[str], object]:
    """What prints a line between those of :func:`progress`."""

    def tell(line: str) -> None:
        start = REWRITE if command.stderr.isatty() else ""
        if options["verbosity"] > 0:
            command.stderr.write(f"{start}{line}")

    return tell


def finish(command: BaseCommand, tally: Tally, options: Mapping[str, Any], verb: str) -> None:
    """Print what was done.

    :param verb: what was done with the events, for example ``"replayed"``.
    """
    if options["verbosity"] > 0:
        done = f"would be {verb}" if options["dry_run"] else verb
        for line in summary(tally, done):
            command.stdout.write(line)
