"""``manage.py anymail_import_mailer``: take over the queue of django-mailer."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ...taking_over.command import add_options, run
from ...taking_over.mailer import MailerQueue


class Command(BaseCommand):
    """Takes over the messages that wait."""

    help = (
        "Take over the messages that wait in django-mailer, which need not be installed. Stop "
        "everything first that sends them: send_mail, runmailer, retry_deferred. Each is stored in "
        "the outbox once, however often this runs and is interrupted, and its row is deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_options(parser)
        parser.add_argument(
            "--deferred",
            action="store_true",
            help="also take over messages that have failed and wait for retry_deferred, however "
            "old they are",
        )
        parser.add_argument(
            "--trust-pickles",
            action="store_true",
            help="also take over messages with objects of other classes than those of Django and "
            "Python's email; whoever can write to the table can then run anything",
        )

    def handle(self, **options: Any) -> None:
        """Take them over.

        :raises django.core.management.base.CommandError: some cannot be (exit code 1), there is no
            such database or table, or a setting is wrong.
        """
        queue = MailerQueue(
            options["from_database"],
            takes_deferred=options["deferred"],
            trusts_pickles=options["trust_pickles"],
        )
        run(self, queue, options)
