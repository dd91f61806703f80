"""``manage.py anymail_backfill``: events that did not come, from what Amazon SES can be asked."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping
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
from ...outage.command import add_span, finish, progress, span
from ...outage.stored import unheard_messages
from ...outage.tally import Tally
from ...processes.progress import shown
from ...processes.stopping import stop_on_signals

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
        parser.add_argument("--dry-run", action="store_true", help="only count the events")

    def handle(self, **options: Any) -> None:
        """Ask, call the receivers, and print how many events there were.

        :raises CommandError: a setting is wrong, or SES refuses (exit code 2).
        """
        since, until = span(options)
        check_insights(options)
        tally, stop = Tally(), Event()
        try:
            amazon = amazon_list(options["mailer"], patience=PATIENCE)
            found: Iterable[SesNotification | None] = listed(amazon, since, until, tally)
            if options["ask_insights"]:
                messages = unheard_messages(since, until)
                found = chain(found, ask_insights(messages, amazon.client, tally, wait=stop.wait))
            with stop_on_signals(stop.set), shown(progress(self, tally, options)):
                backfill(
                    found,
                    amazon.settings,
                    tally,
                    stops=stop.is_set,
                    is_rehearsal=options["dry_run"],
                )
        except AnymailConfigurationError as err:
            raise CommandError(str(err), returncode=2) from err
        except AnymailAPIError as err:
            finish(self, tally, options, "given to receivers")
            raise CommandError(str(err), returncode=2) from err
        finish(self, tally, options, "given to receivers")
        if stop.is_set():
            self.stderr.write("Not all of them. Run it again: what is stored is known then.")
        if tally.failed:
            sys.exit(1)


def check_insights(options: Mapping[str, Any]) -> None:
    """Check whether there are messages to ask about, if that is wanted.

    :raises CommandError: there are none (exit code 2).
    """
    if options["ask_insights"] and not apps.is_installed("anymail.outbox"):
        raise CommandError(
            "--ask-insights asks about the messages in the outbox, which is not installed: add "
            '"anymail.outbox" to INSTALLED_APPS, or leave the option out.',
            returncode=2,
        )


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
