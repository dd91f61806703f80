"""``manage.py anymail_batches``: shows batches, and pauses, resumes and cancels them."""

from __future__ import annotations

import argparse
import json
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from .... import outbox
from ....processes.progress import JSON_INTERVAL
from ....processes.progress_bar import ProgressBar
from ....processes.stopping import stop_on_signals
from ....processes.wording import counted
from ...batches.figures import Figures, as_json, figures
from ...batches.speeds import speeds
from ...batches.table import note, printable, table
from ...ledger import batches
from ...models import Batch, BatchState

#: Batches that are not over.
UNENDED = (BatchState.RUNNING, BatchState.PAUSED, BatchState.STOPPED)
#: How many of those that are over are listed without ``--all``.
MAX_ENDED = 20
#: Seconds between two looks at a batch.
INTERVAL = 1.0
#: Who has done it, in the admin and in logs.
BY = "manage.py anymail_batches"


class Command(BaseCommand):
    """Shows batches, and lets people do something with one."""

    help = (
        "Lists the batches in the outbox: those that are not over, and the newest of the others. "
        "Or watches one of them, pauses it, lets it go on, or cancels it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to do, and how to print."""
        as_lines = {"action": "store_true", "help": "print a JSON object for each batch"}
        parser.add_argument("--json", **as_lines)  # type: ignore[arg-type]
        parser.add_argument("--all", action="store_true", help="list all batches")
        actions = parser.add_subparsers(dest="verb", metavar="ACTION")
        for verb, text in (
            ("watch", "show how far a batch is, until it is over"),
            ("pause", "send no more of a batch until somebody resumes it"),
            ("resume", "let a batch go on that was paused, or has stopped itself"),
            ("cancel", "do not send what of a batch has not been posted"),
        ):
            action = actions.add_parser(verb, help=text, description=f"{text.capitalize()}.")
            action.add_argument("name", help="the name that send_many() got")
            if verb == "watch":
                as_lines["default"] = argparse.SUPPRESS
                action.add_argument("--json", **as_lines)  # type: ignore[arg-type]
            elif verb == "pause":
                action.add_argument("--reason", default="", help="for people")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it.

        :raises CommandError: there is no such batch, or its state does not allow it (exit code 1).
        """
        verb = options["verb"]
        if verb is None:
            self._list(is_json=options["json"], lists_all=options["all"])
            return
        try:
            batch = outbox.get_batch(options["name"])
        except Batch.DoesNotExist as err:
            text = f"{err} manage.py anymail_batches --all lists those that it has."
            raise CommandError(text) from None
        if verb == "watch":
            self._watch(batch, is_json=options["json"])
        elif verb == "pause":
            is_done = outbox.pause_batch(batch, reason=options["reason"], by=BY)
            self._tell(batch, is_done, "paused", BatchState.PAUSED)
        elif verb == "resume":
            self._tell(batch, outbox.resume_batch(batch), "resumed", BatchState.RUNNING)
        else:
            self._cancel(batch)

    def _list(self, *, is_json: bool, lists_all: bool) -> None:
        rows = batches().defer("content").order_by("-created_at")
        ended = rows.exclude(state__in=UNENDED)
        found = [*rows.filter(state__in=UNENDED), *(ended if lists_all else ended[:MAX_ENDED])]
        by_speed = speeds(found)
        shown = [(batch, figures(batch, by_speed.get(batch.pk, 0.0))) for batch in found]
        if is_json:
            for batch, its in shown:
                self._show_json(batch, its)
        elif shown:
            self.stdout.write("\n".join(table(shown)))
        else:
            self.stdout.write("There are no batches.")

    def _watch(self, batch: Batch, *, is_json: bool) -> None:
        is_bar = self.stdout.isatty() and not is_json
        show = self._show_json if is_json else self._show_bar if is_bar else self._show_line
        stopped, shown_at = threading.Event(), -JSON_INTERVAL
        with stop_on_signals(stopped.set):
            while not stopped.wait(0.0 if shown_at < 0 else INTERVAL):
                found = batches().defer("content").get(pk=batch.pk)
                is_over, now = found.state not in UNENDED, time.monotonic()
                if is_over or is_bar or now - shown_at >= JSON_INTERVAL:
                    show(found, figures(found, speeds([found]).get(found.pk, 0.0)))
                    shown_at = now
                if is_over:
                    break
        if is_bar:
            self.stdout.write("")

    def _show_json(self, batch: Batch, its: Figures) -> None:
        self.stdout.write(json.dumps(as_json(batch, its)))
        self.stdout.flush()

    def _show_bar(self, batch: Batch, its: Figures) -> None:
        bar = ProgressBar(self.stdout, printable(batch.name), its.total, is_shown=True)
        bar.show(its.done, f", {note(batch, its)}")

    def _show_line(self, batch: Batch, its: Figures) -> None:
        done = f"{its.percent}, {its.done:,} of {its.total:,}"
        self.stdout.write(f"{printable(batch.name)}: {done}, {note(batch, its)}")
        self.stdout.flush()

    def _cancel(self, batch: Batch) -> None:
        number = outbox.cancel_batch(batch)
        batch.refresh_from_db(fields=["state"])
        if batch.state != BatchState.CANCELLED:
            raise CommandError(
                f"The batch {batch.name!r} is {batch.state}: it cannot be cancelled."
            )
        do_not = "does not" if number == 1 else "do not"
        self.stdout.write(f"Cancelled: {counted(number, 'recipient')} {do_not} get it.")

    def _tell(self, batch: Batch, is_changed: bool, verb: str, wanted: str) -> None:
        batch.refresh_from_db(fields=["state"])
        if is_changed:
            self.stdout.write(f"{verb.capitalize()}.")
        elif batch.state == wanted:
            self.stdout.write(f"The batch was {wanted} before.")
        else:
            raise CommandError(f"The batch {batch.name!r} is {batch.state}: it cannot be {verb}.")
