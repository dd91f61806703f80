"""``manage.py anymail_setup``: makes in an AWS account what mail needs."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from ...amazon_ses.installed_botocore import botocore_version
from ...aws_account.dns.records import (
    DnsRecord,
    dmarc_record,
    identity_records,
    receiving_record,
)
from ...aws_account.permissions.row import Holder
from ...aws_account.setup.account import Caller, find_place
from ...aws_account.setup.applying import apply
from ...aws_account.setup.desired import build_desired
from ...aws_account.setup.formats import awscli, cloudformation, terraform
from ...aws_account.setup.formats.iam import policy
from ...aws_account.setup.lookups import Run, find_identity, find_present
from ...aws_account.setup.missing_settings import missing_settings
from ...aws_account.setup.names import Names, read_names
from ...aws_account.setup.options import add_arguments, read_request
from ...aws_account.setup.plan import make_plan
from ...aws_account.setup.report import (
    dns_lines,
    next_lines,
    plan_lines,
    question,
    settings_lines,
    summary,
)
from ...aws_account.setup.request import SetupRequest
from ...aws_account.setup.resources import Desired, Identity, Place, Present
from ...aws_account.setup.steps import Context
from ...checks.mailers import amazon_ses_backend
from ...conf import AmazonSESSettings
from ...exceptions import AnymailConfigurationError, AnymailError
from ...processes.questions import agrees

#: By the name of the option: each makes a text.
FORMATS: Mapping[str, Callable[[Desired], str]] = {
    "awscli": awscli.script,
    "cloudformation": cloudformation.template,
    "terraform": terraform.configuration,
}


class Command(BaseCommand):
    """Plans, applies, or prints what is needed as code."""

    help = (
        "Shows what your AWS account lacks to send mail with Amazon SES and to receive its "
        "events, and creates it with --apply. Deletes and replaces nothing."
    )
    requires_system_checks: list[str] = []  # the settings that they ask for are still to come

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to set up, and how."""
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the options say.

        :raises CommandError: a setting or an option is wrong, AWS refuses, or something is there
            about which a person has to decide.
        """
        try:
            self.set_up(options)
        except (AnymailError, AnymailConfigurationError) as err:
            raise CommandError(str(err)) from err

    def set_up(self, options: Mapping[str, Any]) -> None:
        """Look, show, and with ``--apply`` add what is missing."""
        settings, api_version = _settings(options["mailer"])
        request = read_request(options, settings)
        place = find_place(settings, options["region"], _account(options))
        names = read_names(settings, request.name, place)
        if options["format"] == "iam":
            text = policy(
                request,
                names,
                place,
                settings,
                Holder(options["holder"] or "application"),
                api_version=api_version,
                has_outbox=apps.is_installed("anymail.outbox"),
                has_feedback=apps.is_installed("anymail.feedback"),
            )
            self.stdout.write(text)
        elif options["format"]:
            desired = build_desired(request, names, place, Present())
            self.stdout.write(FORMATS[options["format"]](desired))
        else:
            run = Caller(settings=settings, region=place.region)
            is_done = self.plan(request, names, run, place, options)
            self.print(settings_lines(list(missing_settings(request, names, settings))))
            self.print(next_lines(request, is_done=is_done))

    def plan(
        self,
        request: SetupRequest,
        names: Names,
        run: Run,
        place: Place,
        options: Mapping[str, Any],
    ) -> bool:
        """Show what is missing, and make it if asked to. Gives whether nothing is missing then."""
        present = find_present(
            run,
            names.queue_arn if "queue" in request.parts else None,
            receives="inbound" in request.parts,
        )
        desired = build_desired(request, names, place, present)
        context = Context(place=place, tags=desired.tags, secret=request.secret)
        plan = make_plan(run, desired, context)
        self.print([*plan_lines(plan, place), summary(plan)])
        if plan.blocking:
            raise CommandError("Nothing was changed.")
        if options["apply"] and plan.steps:
            if options["interactive"]:
                if not agrees(question(plan, place)):
                    raise CommandError("Nothing was changed.")
                # A policy is written as a whole: what others have added to it must not be lost.
                if make_plan(run, desired, context).steps != plan.steps:
                    raise CommandError(
                        "The account has changed since the plan was made. Type the command again, "
                        "and look at the new plan."
                    )
            apply(plan.steps, run, self.stdout.write)
        self.print(dns_lines(_dns_records(run, desired, request.receive_domains)))
        return options["apply"] or not plan.steps

    def print(self, lines: Iterable[str]) -> None:
        """Print lines."""
        for line in lines:
            self.stdout.write(line)


def _settings(mailer: str | None) -> tuple[AmazonSESSettings, int]:
    """The settings of the backend that sends, and the version of its API.

    Where there is no such backend yet, those of the project.
    """
    try:
        backend = amazon_ses_backend(mailer)
    except AnymailConfigurationError:
        if mailer is not None:
            raise
        settings = AmazonSESSettings.load()
        return settings, settings.api_version
    return backend.settings, 1 if backend.api.SERVICE == "ses" else 2


def _account(options: Mapping[str, Any]) -> str | None:
    """The account in the options, which only printing takes from there.

    :raises AnymailConfigurationError: something would be changed in the account of the credentials.
    """
    account: str | None = options["account"]
    if account and not options["format"]:
        raise AnymailConfigurationError(
            "--account is only for --format: the credentials decide which account is set up."
        )
    return account


def _dns_records(
    run: Run, desired: Desired, receiving: Collection[str]
) -> dict[str, list[DnsRecord]]:
    """The records for what is there by now, by domain.

    :param receiving: the domains that receive mail.
    :raises AnymailConfigurationError: botocore is too old to tell them.
    """
    region, records = desired.place.region, {}
    for one in desired.resources:
        spec = one.spec
        if isinstance(spec, Identity) and spec.is_domain:
            answer = find_identity(run, spec) or {}
            _check_zone(answer.get("DkimAttributes", {}))
            found = [*identity_records(spec.name, answer, region=region)]
            found += [dmarc_record(spec.name)] if found else []
            found += [receiving_record(spec.name, region=region)] * (spec.name in receiving)
            records[spec.name] = found
    return {domain: found for domain, found in records.items() if found}


def _check_zone(dkim: Mapping[str, Any]) -> None:
    if dkim.get("Tokens") and "SigningHostedZone" not in dkim:
        raise AnymailConfigurationError(
            f"botocore {botocore_version()} is too old to tell the DKIM records to publish. "
            "python -m pip install --upgrade boto3 botocore, and type the command again."
        )
