"""``manage.py anymail_deliver``: sends what is in the outbox."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ....exceptions import AnymailConfigurationError
from ....processes.health import check_health_file
from ....processes.options import add_process_options
from ....processes.progress import JsonProgress, NoProgress, Progress, shown
from ....processes.stopping import stop_on_signals
from ...progress import TerminalProgress
from ...worker import Worker


class Command(BaseCommand):
    """Runs a worker."""

    help = (
        "Sends the messages in the outbox, until it is told to stop. Any number of these may run "
        "at the same time, on any number of machines."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add until when, and what to print."""
        parser.add_argument(
            "--once",
            action="store_true",
            help="stop when nothing is due, for example in a cron job",
        )
        add_process_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Send.

        :raises CommandError: a setting is wrong (exit code 2).
        """
        check_health_file(options["health_file"])
        try:
            worker = Worker(grace=options["grace"], health_file=options["health_file"])
        except AnymailConfigurationError as err:
            raise CommandError(str(err), returncode=2) from err
        try:
            with stop_on_signals(worker.stop), shown(self.progress(worker, options)):
                worker.run(max_seconds=options["max_seconds"], until_empty=options["once"])
        except AnymailConfigurationError as err:
            raise CommandError(str(err), returncode=2) from err

    def progress(self, worker: Worker, options: Mapping[str, Any]) -> Progress:
        """What to print meanwhile."""
        if options["json"]:
            return JsonProgress(lambda: asdict(worker.counts), self.stdout)
        if options["verbosity"] > 0 and self.stdout.isatty():
            return TerminalProgress(worker, self.stdout)
        return NoProgress()
