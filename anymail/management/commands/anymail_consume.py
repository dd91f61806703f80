"""``manage.py anymail_consume``: receives from SQS queues what SES reports."""

from __future__ import annotations

import json
import logging
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...amazon_ses import sqs
from ...amazon_ses.sqs import Queue
from ...conf import AmazonSESSettings
from ...consumer import Consumer
from ...consumer.progress import TerminalProgress, json_progress
from ...consumer.starting import Stop, find_queues
from ...consumer.status import as_dict, as_table, read_status
from ...consumer.timing import time_to_last_try
from ...exceptions import AnymailAPIError, AnymailConfigurationError
from ...processes.health import check_health_file, touch
from ...processes.options import add_process_options, number
from ...processes.progress import NoProgress, Progress, shown
from ...processes.questions import agrees
from ...processes.stopping import stop_on_signals, time_limit
from ...processes.wording import counted, spoken

logger: logging.Logger = logging.getLogger(__name__)

#: A failing message is to be tried at least as long, in seconds, as SNS tries a webhook.
MIN_TRIED = 3600
ASK = "Move {messages} from {dead} back to where they came from, to be handled again? [y/N] "


class Command(BaseCommand):
    """Consumes queues, shows their status, or redrives their dead letters."""

    help = (
        "Receives from Amazon SQS queues what Amazon SES reports about your mail, and received "
        "mail, and calls the same receivers as the webhooks."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to consume, how, and until when."""
        parser.add_argument(
            "queues",
            nargs="*",
            metavar="QUEUE",
            help='name, URL or ARN of a queue; default: ANYMAIL["AMAZON_SES_QUEUES"]',
        )
        parser.add_argument(
            "--threads",
            type=number(int, 1),
            default=4,
            metavar="N",
            help="receivers that run at once; 1 runs in the main thread (default: 4)",
        )
        parser.add_argument(
            "--wait",
            type=number(int, 0, 20),
            default=0,
            metavar="S",
            help="seconds that a request waits for a message, up to 20 (default: 0, which asks an "
            "empty queue once a second). More costs less, but SIGTERM takes that long",
        )
        add_process_options(parser)
        _add_limits(parser)
        _add_other_tasks(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the options say.

        :raises CommandError: a setting is wrong, or AWS refuses for good (exit code 2).
        """
        try:
            settings = AmazonSESSettings.load()
            names = list(dict.fromkeys(options["queues"] or settings.queues))
            if not names:
                raise CommandError(
                    "There is no queue to consume. Name it: manage.py anymail_consume my-queue, "
                    'or set ANYMAIL["AMAZON_SES_QUEUES"] to its name or URL.',
                    returncode=2,
                )
            if options["status"]:
                self.show_status(names, settings, as_json=options["json"])
            elif options["redrive"]:
                self.redrive(names, settings, asks=options["interactive"])
            else:
                self.consume(names, settings, options)
        except (AnymailAPIError, AnymailConfigurationError) as err:
            raise CommandError(str(err), returncode=2) from err

    def consume(
        self, names: Iterable[str], settings: AmazonSESSettings, options: Mapping[str, Any]
    ) -> None:
        """Consume until a signal comes, or a limit is reached."""
        health_file: Path | None = options["health_file"]
        check_health_file(health_file)
        stop = Stop()
        with stop_on_signals(stop.request), time_limit(options["max_seconds"], stop.request):
            queues = find_queues(
                names,
                settings,
                stops=stop.is_requested,
                on_failure=partial(touch, health_file),
            )
            if queues is None:
                return
            for queue in queues:
                _warn_of_dead_letters(queue)
            consumer = Consumer(
                queues,
                settings,
                threads=options["threads"],
                wait=options["wait"],
                grace=options["grace"],
                max_messages=options["max_messages"],
                ends_when_empty=options["exit_when_empty"],
                health_file=health_file,
            )
            stop.pass_to(consumer)
            with shown(self.progress(consumer, options)):
                consumer.run()

    def progress(self, consumer: Consumer, options: Mapping[str, Any]) -> Progress:
        """What to print meanwhile."""
        if options["json"]:
            return json_progress(consumer, self.stdout)
        if options["verbosity"] > 0 and self.stdout.isatty():
            return TerminalProgress(consumer, self.stdout)
        return NoProgress()

    def show_status(
        self, names: Iterable[str], settings: AmazonSESSettings, *, as_json: bool
    ) -> None:
        """Print how full the queues are."""
        found = [read_status(sqs.find_queue(name, settings), settings) for name in names]
        if as_json:
            self.stdout.write(json.dumps([as_dict(status) for status in found]))
            return
        for line in as_table(found):
            self.stdout.write(line)

    def redrive(self, names: Iterable[str], settings: AmazonSESSettings, *, asks: bool) -> None:
        """Have SQS move dead letters back to the queues."""
        arns = [_dead_letter_arn(sqs.find_queue(name, settings)) for name in names]
        for arn in dict.fromkeys(arns):
            dead = sqs.find_queue(arn, settings)
            messages = counted(dead.depth, "message")
            if not dead.depth:
                self.stdout.write(f"{dead.name} is empty.")
            elif not asks or agrees(ASK.format(messages=messages, dead=dead.name)):
                sqs.start_redrive(dead, settings)
                self.stdout.write(f"SQS moves {messages} out of {dead.name}.")


def _dead_letter_arn(queue: Queue) -> str:
    if queue.dead_letter_arn is None:
        raise CommandError(
            f"{queue.name} has no dead-letter queue. Name a queue that has one: "
            "manage.py anymail_consume --redrive my-queue"
        )
    return queue.dead_letter_arn


def _warn_of_dead_letters(queue: Queue) -> None:
    if queue.dead_letter_arn is None:
        logger.warning(
            "The SQS queue %s has no dead-letter queue: what cannot be handled comes again until "
            "the queue's retention period ends, and is lost then. Set its RedrivePolicy, for "
            'example to {"deadLetterTargetArn": "%s-dead", "maxReceiveCount": "50"}',
            queue.name,
            queue.arn,
            extra={"anymail_queue": queue.name},
        )
    elif queue.max_receives and (tried := time_to_last_try(queue.max_receives)) < MIN_TRIED:
        logger.warning(
            "The SQS queue %s has the maxReceiveCount %d: a message that fails goes to the "
            "dead-letter queue after %s. Set it to 50 in the queue's RedrivePolicy, which is about "
            "10 hours",
            queue.name,
            queue.max_receives,
            spoken(tried),
            extra={"anymail_queue": queue.name},
        )


def _add_limits(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--max-messages", type=number(int, 1), metavar="N", help="stop after N messages"
    )
    parser.add_argument(
        "--exit-when-empty", action="store_true", help="stop when there is nothing to receive"
    )


def _add_other_tasks(parser: ArgumentParser) -> None:
    tasks = parser.add_mutually_exclusive_group()
    tasks.add_argument(
        "--status",
        action="store_true",
        help="show how full the queues are; with --json, as JSON",
    )
    tasks.add_argument(
        "--redrive",
        action="store_true",
        help="move the messages in the dead-letter queues back to the queues",
    )
    parser.add_argument(
        "--noinput",
        "--no-input",
        action="store_false",
        dest="interactive",
        help="do not ask before --redrive",
    )
