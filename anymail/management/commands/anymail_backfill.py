"""``manage.py anymail_backfill``: events that did not come, from what Amazon SES can be asked."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from threading import Event
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from ...amazon_ses.notifications import SesNotification
from ...amazon_ses.suppression_list import (
    AmazonSuppressionList,
    amazon_list,
    is_no_address,
)
from ...exceptions import AnymailAPIError, AnymailConfigurationError
from ...outage.asking import ask_insights
from ...outage.backfill import backfill
from ...outage.backfilled import listed_notification
from ...outage.command import add_span, finish, progress, span, teller
from ...outage.exported_file import ExportError
from ...outage.exporting import DELIVERY, FEEDBACK, Exporter
from ...outage.stored import unheard_messages
from ...outage.tally import Tally, iso
from ...processes.options import MAX_SECONDS, number
from ...processes.progress import shown
from ...processes.stopping import stop_on_signals, time_limit

#: Seconds for which a call is repeated: SES allows about one a second.
PATIENCE = 60.0
BY_HAND = "put on Amazon's list by hand: no event"
NO_ADDRESS = "refused by SES, which cannot look up such an address: no event"


class Command(BaseCommand):
    """Gives events to the receivers of the tracking signal that they have missed."""

    help = (
        "After an outage: asks Amazon SES for the addresses that it has put on your account's "
        "suppression list, and gives the bounces and complaints behind them that are not stored "
        "yet to all receivers of the tracking signal. It can be repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the span of time, and what to do with what is found."""
        add_span(parser, "happened")
        parser.add_argument(
            "--mailer", metavar="ALIAS", help="an entry of MAILERS, for its settings"
        )
        parser.add_argument(
            "--ask-insights",
            action="store_true",
            help="also ask SES about each message of the outbox of which no event has come, one a "
            "second (needs Virtual Deliverability Manager)",
        )
        parser.add_argument(
            "--export",
            action="store_true",
            help="also have SES export which messages that were sent in that time have bounced or "
            "were complained about, and ask about each of them, one a second (likewise)",
        )
        parser.add_argument(
            "--deliveries",
            action="store_true",
            help="with --export: those that were delivered, too",
        )
        parser.add_argument(
            "--export-job",
            default="",
            metavar="ID",
            help="with --export: begin with this job, which the command began before",
        )
        parser.add_argument(
            "--max-seconds",
            type=number(float, 0, MAX_SECONDS),
            metavar="S",
            help="stop after S seconds",
        )
        parser.add_argument("--dry-run", action="store_true", help="only count the events")

    def handle(self, **options: Any) -> None:
        """Ask, call the receivers, and print how many events there were.

        :raises CommandError: a setting is wrong, or SES refuses (exit code 2).
        """
        since, until = span(options)
        check_options(options)
        tally, stop = Tally(), Event()
        try:
            amazon = amazon_list(options["mailer"], patience=PATIENCE)
        except (AnymailAPIError, AnymailConfigurationError) as err:
            raise CommandError(str(err), returncode=2) from err
        exporter = Exporter(
            client=amazon.client,
            events=[*FEEDBACK, *([DELIVERY] if options["deliveries"] else [])],
            tally=tally,
            wait=stop.wait,
            tell=teller(self, options),
        )
        messages = messages_to_ask_about(since, until, exporter, options)
        found = chain(
            listed(amazon, since, until, tally),
            ask_insights(messages, amazon.client, tally, wait=stop.wait),
        )
        try:
            with (
                stop_on_signals(stop.set),
                time_limit(options["max_seconds"], stop.set),
                shown(progress(self, tally, options)),
            ):
                backfill(
                    found,
                    amazon.settings,
                    tally,
                    stops=stop.is_set,
                    is_rehearsal=options["dry_run"],
                )
        except (AnymailAPIError, ExportError) as err:
            finish(self, tally, options, "given to receivers")
            raise CommandError(
                f"{err}{how_to_go_on(since, until, exporter)}", returncode=2
            ) from err
        finish(self, tally, options, "given to receivers")
        if stop.is_set():
            self.stderr.write(
                "Not all of them. Run it again: what is stored is known then."
                + how_to_go_on(since, until, exporter)
            )
        if tally.failed:
            sys.exit(1)


def messages_to_ask_about(
    since: datetime, until: datetime, exporter: Exporter, options: Mapping[str, Any]
) -> Iterator[str | None]:
    """The ids of messages; None where there is none yet."""
    if options["export"]:
        yield from exporter.message_ids(since, until, options["export_job"])
    if options["ask_insights"]:
        yield from unheard_messages(since, until)


def how_to_go_on(since: datetime, until: datetime, exporter: Exporter) -> str:
    """What to type for going on with an export job; empty if there is none."""
    if not exporter.job_id:
        return ""
    return (
        f"\nSES keeps the export job {exporter.job_id}. Go on with it, and with all after it: "
        f"--since {iso(since)} --until {iso(until)} --export --export-job {exporter.job_id}"
    )


def check_options(options: Mapping[str, Any]) -> None:
    """Check whether the options go together.

    :raises CommandError: they do not (exit code 2).
    """
    if options["ask_insights"] and not apps.is_installed("anymail.outbox"):
        raise CommandError(
            "--ask-insights asks about the messages in the outbox, which is not installed: add "
            '"anymail.outbox" to INSTALLED_APPS, or use --export, or leave the option out.',
            returncode=2,
        )
    if (options["deliveries"] or options["export_job"]) and not options["export"]:
        raise CommandError("--deliveries and --export-job need --export.", returncode=2)


def listed(
    amazon: AmazonSuppressionList, since: datetime, until: datetime, tally: Tally
) -> Iterator[SesNotification | None]:
    """What SES would have published when it put addresses on the list.

    :return: None for those that it did not put there itself, or that are off the list by now.
    """
    for summary in amazon.list(since, until):
        try:
            found = amazon.get(summary.address)
        except AnymailAPIError as err:
            if not is_no_address(err):
                raise
            tally.skipped[NO_ADDRESS] += 1
            continue
        mail = known_mail(found.message_id, found.address) if found is not None else {}
        notification = listed_notification(found, mail) if found is not None else None
        if notification is None:
            tally.skipped[BY_HAND] += 1
        yield notification


def known_mail(message_id: str, address: str) -> dict[str, Any]:
    """What the outbox knows of a message, if it is installed."""
    if not apps.is_installed("anymail.outbox"):
        return {}
    from ...outbox.origins import mail_of

    return mail_of(message_id, address)
