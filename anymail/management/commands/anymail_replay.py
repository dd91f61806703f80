"""``manage.py anymail_replay``: one receiver again, over stored events."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...conf import AmazonSESSettings
from ...conf.values import import_callable
from ...exceptions import AnymailConfigurationError
from ...outage.command import add_span, finish, progress, span
from ...outage.replay import Rebuilder, replay
from ...outage.stored import Wanted, installed_tables, read_rows
from ...outage.tally import Tally, iso
from ...processes.progress import shown
from ...processes.stopping import stop_on_signals
from ...signals import EventType


class Command(BaseCommand):
    """Calls a receiver for the events that the installed apps have stored."""

    help = (
        "Calls one receiver of the tracking signal again for events that are stored, in the order "
        "in which they came: after a bug in it was mended, or for a new receiver. No other "
        "receiver is called, and nothing is stored again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare which receiver, and which events."""
        parser.add_argument(
            "--receiver",
            required=True,
            metavar="PATH",
            help="dotted path of a receiver, for example shop.receivers.tell",
        )
        add_span(parser, "stored")
        parser.add_argument(
            "--event-type",
            action="append",
            default=[],
            choices=EventType.values,
            metavar="TYPE",
            help="only events of this type, for example bounced; can be repeated",
        )
        parser.add_argument("--recipient", default="", metavar="ADDRESS", help="only about it")
        parser.add_argument("--message-id", default="", metavar="ID", help="only of this message")
        parser.add_argument(
            "--verified",
            action="store_true",
            help="vouch for all of them: is_verified is True, which the tables do not say",
        )
        parser.add_argument(
            "--stop-on-error", action="store_true", help="end when the receiver raises an exception"
        )
        parser.add_argument("--dry-run", action="store_true", help="only count the events")

    def handle(self, **options: Any) -> None:
        """Call the receiver, and print how often.

        :raises CommandError: there is no such receiver, or no table of events (exit code 2).
        """
        if not installed_tables():
            raise CommandError(
                'No installed app stores events. Add "anymail.feedback" or "anymail.outbox" to '
                "INSTALLED_APPS if you have their tables.",
                returncode=2,
            )
        try:
            receiver = import_callable(options["receiver"], "--receiver")
            rebuilder = Rebuilder(AmazonSESSettings.load(), is_vouched=options["verified"])
        except AnymailConfigurationError as err:
            raise CommandError(str(err), returncode=2) from err
        tally, stop = Tally(), Event()
        with stop_on_signals(stop.set), shown(progress(self, tally, options)):
            is_complete = replay(
                read_rows(wanted(options)),
                rebuilder,
                receiver,
                tally,
                event_types=options["event_type"],
                stops=stop.is_set,
                stops_on_error=options["stop_on_error"],
                is_rehearsal=options["dry_run"],
            )
        finish(self, tally, options, "replayed")
        if not is_complete and tally.position is not None:
            self.stderr.write(f"Not all of them. Go on with: --since {iso(tally.position)}")
        if tally.failed:
            sys.exit(1)


def wanted(options: Mapping[str, Any]) -> Wanted:
    """Which rows the options ask for."""
    since, until = span(options)
    return Wanted(
        since=since,
        until=until,
        event_types=options["event_type"],
        address=options["recipient"],
        message_id=options["message_id"],
    )
