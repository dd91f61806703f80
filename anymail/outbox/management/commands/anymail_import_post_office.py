"""``manage.py anymail_import_post_office``: take over the queue of django-post-office."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ...taking_over.command import add_options, run
from ...taking_over.post_office import DEFAULT_BACKEND, PostOfficeQueue


class Command(BaseCommand):
    """Takes over the e-mails that wait."""

    help = (
        "Take over the e-mails that are queued in django-post-office, which need not be installed. "
        "Stop everything first that sends them: send_queued_mail, and its Celery tasks. Each is "
        "stored in the outbox once, however often this runs and is interrupted; its row stays, "
        "with an empty status."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_options(parser)
        parser.add_argument(
            "--backend",
            default=DEFAULT_BACKEND,
            help='take over those for this alias in POST_OFFICE["BACKENDS"] (default: default)',
        )

    def handle(self, **options: Any) -> None:
        """Take them over.

        :raises django.core.management.base.CommandError: some cannot be (exit code 1), there is no
            such database or table, or a setting is wrong.
        """
        run(self, PostOfficeQueue(options["from_database"], options["backend"]), options)
