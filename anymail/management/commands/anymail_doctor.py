"""``manage.py anymail_doctor``: checks an AWS account, and proves that mail and its events work."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...aws_account.dns.lookups import DnsLookups
from ...aws_account.doctor import simulated_events
from ...aws_account.doctor.check import STATUSES, Check, Result, run_checks
from ...aws_account.doctor.checks import CHECKS
from ...aws_account.doctor.context import Context, Options
from ...aws_account.doctor.findings import Status
from ...aws_account.doctor.principals import principal_arn
from ...aws_account.doctor.probe import command as probe
from ...aws_account.doctor.report import Paint, as_json, as_text
from ...checks.mailers import amazon_ses_backend
from ...conf import AmazonSESSettings, django_setting
from ...exceptions import AnymailConfigurationError
from ...processes.progress_bar import ProgressBar
from ...processes.questions import agrees

#: With ``--fail-on``: what is as bad as that.
FAILURES = {
    word: STATUSES[: STATUSES.index(status) + 1]
    for word, status in (
        ("error", Status.ERROR),
        ("warning", Status.WARNING),
        ("not-checked", Status.NOT_CHECKED),
    )
}


class Command(BaseCommand):
    """Checks the account, the settings and DNS."""

    help = (
        "Checks whether your AWS account, DNS and settings are ready to send mail with Amazon SES, "
        "and to receive its events. Says what to do about what is not. Changes nothing."
    )
    requires_system_checks: list[str] = []  # it is called when something is wrong

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to check, and how to print."""
        parser.add_argument(
            "checks", nargs="*", metavar="ID", help="only these checks, for example D05 D06"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--fail-on",
            choices=sorted(FAILURES),
            default="error",
            help="the least that makes the exit code 1 (default: error)",
        )
        parser.add_argument(
            "--from",
            action="append",
            default=[],
            dest="from_emails",
            metavar="ADDRESS",
            help="another From address to check; can be repeated",
        )
        parser.add_argument(
            "--principal",
            type=principal_arn,
            metavar="ARN",
            help="the role or user of your application, if it is not the one that runs this",
        )
        parser.add_argument(
            "--mailer", metavar="ALIAS", help="an entry of MAILERS (default: default)"
        )
        parser.add_argument(
            "--nameserver",
            metavar="ADDRESS[:PORT]",
            help="ask this DNS server (default: those of this machine)",
        )
        parser.add_argument("--url", help="of your site: its webhooks are tried from here")
        parser.add_argument(
            "--unsubscribe-url",
            metavar="URL",
            help="of a message to a test address: it is unsubscribed, as with one click (D29)",
        )
        probe.add_arguments(parser)
        simulated_events.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks, and print what they find.

        :raises CommandError: a setting has the wrong type, or there is no such check (exit code 2).
        """
        try:
            is_well = self._task(options)(options)
        except AnymailConfigurationError as err:
            raise CommandError(str(err), returncode=2) from err
        if not is_well:
            sys.exit(1)

    def _task(self, options: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
        if options["simulate"]:
            return self.simulate
        return self.probe if options["probe"] else self.run_checks

    def simulate(self, options: Mapping[str, Any]) -> bool:
        """Post an event to a webhook of the project; gives whether the webhook took it.

        :raises AnymailConfigurationError: there is no such kind, or no such webhook.
        :raises CommandError: there is nobody to ask.
        """
        kind, address = options["simulate"]
        simulated_events.check_kind(kind)
        asks = options["interactive"] and not django_setting("DEBUG")
        if asks and not agrees(simulated_events.QUESTION.format(kind=kind)):
            return False
        found = simulated_events.simulate(kind, address, options["url"])
        self.stdout.write(json.dumps(asdict(found)) if options["json"] else str(found))
        return found.is_accepted

    def probe(self, options: Mapping[str, Any]) -> bool:
        """Send a probe; gives whether all of its events came.

        :raises AnymailConfigurationError: it cannot be sent, or its events cannot be heard of.
        """
        is_complete, lines = probe.run(options, _context(options))
        for line in lines:
            self.stdout.write(line)
        return is_complete

    def run_checks(self, options: Mapping[str, Any]) -> bool:
        """Run checks; gives whether none of them fails the command.

        :raises AnymailConfigurationError: a setting has the wrong type, or there is no such mailer.
        :raises CommandError: there is no such check.
        """
        wanted = {name.upper() for name in options["checks"]}
        if unknown := wanted - {check.id for check in CHECKS}:
            text = f"There is no check {', '.join(sorted(unknown))}."
            raise CommandError(text, returncode=2)
        context = _context(options)
        checks = [check for check in CHECKS if not wanted or check.id in wanted]
        results = self._run(checks, context, is_watched=not options["json"])
        if options["json"]:
            self.stdout.write(json.dumps(as_json(results)))
        else:
            self.stdout.write("\n".join(as_text(results, self._paints())))
        failures = FAILURES[options["fail_on"]]
        return not any(result.status in failures for result in results)

    def _run(
        self, checks: Sequence[Check], context: Context, *, is_watched: bool
    ) -> Sequence[Result]:
        """The results, with a bar on a terminal meanwhile: each question takes its time."""
        is_shown = is_watched and self.stderr.isatty()
        bar = ProgressBar(self.stderr, "Checking", len(checks), is_shown=is_shown)
        results = []
        for number, result in enumerate(run_checks(checks, context), 1):
            results.append(result)
            bar.show(number, f" {result.check.title}")
        bar.end()
        return results

    def _paints(self) -> Mapping[Status, Paint]:
        """Colors, which Django leaves out where the output is no terminal."""
        return {
            Status.ERROR: self.style.ERROR,
            Status.WARNING: self.style.WARNING,
            Status.OK: self.style.SUCCESS,
        }


def _context(options: Mapping[str, Any]) -> Context:
    told = Options(
        from_emails=options["from_emails"],
        url=options["url"],
        unsubscribe_url=options["unsubscribe_url"],
        principal=options["principal"],
    )
    dns = DnsLookups(nameserver=options["nameserver"])
    try:
        backend = amazon_ses_backend(options["mailer"])
    except AnymailConfigurationError:
        if options["mailer"] is not None:
            raise
        settings = AmazonSESSettings.load()
        version = settings.api_version
        return Context(
            settings=settings, api_version=version, has_backend=False, options=told, dns=dns
        )
    version = 1 if backend.api.SERVICE == "ses" else 2
    return Context(settings=backend.settings, api_version=version, options=told, dns=dns)
