"""``manage.py anymail_suppression``: the suppression list here, and Amazon's."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from ....amazon_ses.suppression_list import AmazonSuppressionList, amazon_list
from ....amazon_ses.timestamps import utc_now
from ....database.columns import address_key
from ....exceptions import AnymailConfigurationError, AnymailError
from ....processes.options import duration
from ....processes.progress import REWRITE, TERMINAL_INTERVAL
from ...comparing import amazon_copy
from ...descriptions import amazon_lines, here_lines, moment
from ...models import Reason, Suppression
from ...pulling import OVERLAP, REASONS, Pulled, last_pull, pull
from ...pushing import Pushed, push
from ...suppression import enabled_reasons, reasons_in_force
from ...syncing import is_two_way, remove_at_amazon, spellings_of

#: Seconds for which a call is repeated: the command waits rather than fails.
PATIENCE = 120.0

T = TypeVar("T")


class Command(BaseCommand):
    """Brings the two lists together, and shows and lifts one address."""

    help = (
        "Compares the suppression list here with the one that Amazon SES keeps for your account, "
        "brings them together, or shows or lifts one address."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the actions, each with its options."""
        actions = parser.add_subparsers(dest="verb", metavar="ACTION", required=True)
        for verb, text in (
            ("pull", "put on the list here what Amazon has put on its own since the last pull"),
            ("push", "put on Amazon's list what is on the list here"),
            ("diff", "print the addresses that are on one of the lists only"),
            ("show", "say what both lists know about an address"),
            ("lift", "take an address off both lists"),
        ):
            action = actions.add_parser(verb, help=text, description=f"{text.capitalize()}.")
            ADD_OPTIONS[verb](action)
            action.add_argument("--mailer", metavar="ALIAS", help="an entry of MAILERS")
            action.add_argument("--tenant", metavar="NAME", help="the list of a tenant")
            action.add_argument(
                "--database",
                choices=tuple(connections),
                help="the database's alias (default: the one that the routers name)",
            )

    def handle(self, **options: Any) -> None:
        """Do it.

        :raises CommandError: SES refuses or does not answer, or a setting is wrong (exit code 1).
        """
        using = options["database"] or Suppression.objects.db
        try:
            listed = amazon_list(options["mailer"], tenant=options["tenant"], patience=PATIENCE)
            self._do(options["verb"], listed, using, options)
        except (AnymailError, AnymailConfigurationError) as err:
            raise CommandError(str(err)) from err

    def _do(
        self, verb: str, listed: AmazonSuppressionList, using: str, options: Mapping[str, Any]
    ) -> None:
        if verb == "pull":
            self._pull(listed, using, options)
        elif verb == "push":
            self._push(listed, using, options)
        elif verb == "diff":
            self._diff(listed, using, is_json=options["json"])
        elif verb == "show":
            self._show(listed, using, options["address"])
        else:
            self._lift(listed, using, options["address"], is_here_only=options["here"])

    def _pull(self, listed: AmazonSuppressionList, using: str, options: Mapping[str, Any]) -> None:
        start = _start(listed, using, options)
        since = "all of it" if start is None else f"from {moment(start)} on"
        self.stdout.write(f"Amazon's list in {listed.region}, {since}")
        wanted = options["reasons"]
        found = pull(
            listed,
            using,
            start=start,
            reasons=[theirs for theirs, ours in REASONS.items() if ours in wanted]
            if wanted
            else (),
            is_dry_run=options["dry_run"],
        )
        total = self._last(found, lambda one: f"{one.read:,} read") or Pulled()
        added = "would be added" if options["dry_run"] else "added"
        self.stdout.write(
            f"{_addresses(total.read)}: {total.added:,} {added}, {total.known:,} here already, "
            f"{total.lifted:,} lifted here since"
        )
        missing = [one for one in REASONS.values() if one not in enabled_reasons()]
        if missing and total.read:
            self.stderr.write(
                'ANYMAIL["FEEDBACK_SUPPRESS"] does not name '
                f"{' and '.join(missing)}: addresses with only that reason get mail all the same."
            )

    def _push(self, listed: AmazonSuppressionList, using: str, options: Mapping[str, Any]) -> None:
        found = push(listed, using, _pushed_reasons(options), is_dry_run=options["dry_run"])
        how_far = "{0.read:,} read, {0.put:,} put".format
        total = self._last(found, how_far) or Pushed()
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(
            f"Amazon's list in {listed.region} has {_addresses(total.read)}: {total.put:,} {would}"
            f"put there, {total.removed:,} {would}taken off"
        )
        if total.refused:
            self.stderr.write(f"{_addresses(total.refused)} refused: SES takes them for none.")

    def _diff(self, listed: AmazonSuppressionList, using: str, *, is_json: bool) -> None:
        counts = {True: 0, False: 0}
        with amazon_copy() as copy:
            self._last(copy.fill(listed.list()), "{:,} read".format)
            for one in copy.differences(Suppression.objects.using(using).active()):
                counts[one.is_here] += 1
                where = "here" if one.is_here else "amazon"
                found = {"only": where, "address": one.address, "reason": one.reason}
                text = (
                    json.dumps(found) if is_json else f"only {where:6}  {one.address}  {one.reason}"
                )
                self.stdout.write(text)
            if not is_json:
                self.stdout.write(
                    f"{counts[True]:,} only here, {counts[False]:,} only at Amazon, "
                    f"{copy.distinct() - counts[False]:,} on both"
                )

    def _show(self, listed: AmazonSuppressionList, using: str, address: str) -> None:
        entries = Suppression.objects.using(using).filter(address=address_key(address))
        for line in here_lines(address, list(entries), reasons_in_force()):
            self.stdout.write(line)
        found = listed.get(*spellings_of(address, using))
        for line in amazon_lines(found, listed.region):
            self.stdout.write(line)
        self.stdout.write("SES's global list cannot be asked.")

    def _lift(
        self, listed: AmazonSuppressionList, using: str, address: str, *, is_here_only: bool
    ) -> None:
        was_there = not is_here_only and remove_at_amazon(address, using, listed)
        keys = [address_key(address)]
        count = Suppression.objects.using(using).lift_keys(keys, at_amazon=False)
        here = f"lifted here ({count})" if count else "not on the list here"
        there = "taken off Amazon's list" if was_there else "not on Amazon's list"
        self.stdout.write(f"{address}: {here}" if is_here_only else f"{address}: {here}, {there}")

    def _last(self, found: Iterable[T], text: Callable[[T], str]) -> T | None:
        """The last of them; meanwhile a line on a terminal says how far it is."""
        is_shown, shown_at, last = self.stderr.isatty(), time.monotonic(), None
        for last in found:
            if is_shown and time.monotonic() - shown_at >= TERMINAL_INTERVAL:
                self.stderr.write(REWRITE + text(last), ending="")
                self.stderr.flush()
                shown_at = time.monotonic()
        if is_shown:
            self.stderr.write(REWRITE, ending="")
        return last


def _add_pull(parser: ArgumentParser) -> None:
    _add_reasons(parser)
    parser.add_argument(
        "--since",
        type=duration,
        metavar="6h",
        help="what Amazon put there in this time: a number with h, d or w",
    )
    parser.add_argument("--full", action="store_true", help="the whole list")


def _add_push(parser: ArgumentParser) -> None:
    _add_reasons(parser)
    parser.add_argument(
        "--manual", action="store_true", help="also what people have suppressed, as a bounce"
    )


def _add_reasons(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only print the numbers")
    parser.add_argument(
        "--reason",
        action="append",
        default=[],
        dest="reasons",
        choices=list(REASONS.values()),
        help="only addresses with this reason (can be repeated)",
    )


def _add_diff(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON object for each address")


def _add_show(parser: ArgumentParser) -> None:
    parser.add_argument("address", help="in any spelling; Amazon tells upper and lower case apart")


def _add_lift(parser: ArgumentParser) -> None:
    _add_show(parser)
    parser.add_argument("--here", action="store_true", help="leave Amazon's list as it is")


#: Adds the options of each action.
ADD_OPTIONS: dict[str, Callable[[ArgumentParser], None]] = {
    "pull": _add_pull,
    "push": _add_push,
    "diff": _add_diff,
    "show": _add_show,
    "lift": _add_lift,
}


def _start(
    listed: AmazonSuppressionList, using: str, options: Mapping[str, Any]
) -> datetime | None:
    """From when on Amazon's list is pulled; None for all of it.

    :raises CommandError: two options that exclude each other.
    """
    if options["full"] and options["since"]:
        raise CommandError("--full pulls all, --since only what is new: leave one of them out.")
    if options["since"]:
        start: datetime = utc_now() - options["since"]
        return start
    last = None if options["full"] else last_pull(listed, using)
    return None if last is None else last - OVERLAP


def _pushed_reasons(options: Mapping[str, Any]) -> list[str]:
    """The reasons of the entries to push.

    :raises CommandError: the settings name none, and the options do not either.
    """
    reasons = [*(options["reasons"] or enabled_reasons())]
    if not reasons:
        raise CommandError(
            'ANYMAIL["FEEDBACK_SUPPRESS"] is empty, so nothing is suppressed here. Set it, or name '
            "what to push: --reason hard_bounce --reason complaint"
        )
    has_manual = options["manual"] or (is_two_way() and not options["reasons"])
    return [*reasons, *([str(Reason.MANUAL)] if has_manual else [])]


def _addresses(count: int) -> str:
    return f"{count:,} address{'' if count == 1 else 'es'}"
