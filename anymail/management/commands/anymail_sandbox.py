"""``manage.py anymail_sandbox``: a local Amazon SES for the project."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from argparse import Action, ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.urls import NoReverseMatch, reverse

from ...conf import AmazonSESSettings, WebhookSettings, django_setting
from ...sandbox import SandboxError
from ...sandbox.options import PROJECT_VARIABLE, add_arguments, command_line, project_command
from ...sandbox.servers import url_of
from ...sandbox.settings import backend_lines, settings_snippet
from ...sandbox.webhooks import NO_WEBHOOKS

#: The webhooks' URL names, and what the sandbox calls their paths.
WEBHOOKS = {
    "tracking_path": "anymail:amazon_ses_tracking_webhook",
    "inbound_path": "anymail:amazon_ses_inbound_webhook",
}


class Command(BaseCommand):
    """Run the sandbox next to this project."""

    help = (
        "Run a local Amazon SES for this project, with a page that shows every message. "
        "Its settings are printed until the project has them."
    )
    requires_system_checks: list[str] = []  # the settings may be those that are about to be pasted

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options of ``python -m anymail.sandbox``, and ``--print-settings``."""
        self.shared: list[Action] = add_arguments(parser)
        parser.add_argument(
            "--print-settings", action="store_true", help="print the settings to paste, and exit"
        )

    def handle(self, **options: Any) -> None:
        """Become the sandbox, or print what to paste.

        :raises CommandError: the key cannot be kept.
        """
        if options["print_settings"]:
            self.stdout.write(self.settings_to_paste(options), ending="")
            return
        arguments, project = command_line(self.shared, options), describe_project()
        if options["site"] and not project["paths"]:
            self.stderr.write(NO_WEBHOOKS)
        environment = {**os.environ, PROJECT_VARIABLE: json.dumps(project, default=str)}
        run([sys.executable, "-m", "anymail.sandbox", *arguments], environment)

    def settings_to_paste(self, options: Mapping[str, Any]) -> str:
        """The settings of a project that uses the sandbox when it gets the ports it wants."""
        from ...sandbox.aws.sns.signing_key import SigningKey, default_key_file

        try:
            SigningKey.load_or_create(options["key_file"] or default_key_file())
        except SandboxError as err:
            raise CommandError(str(err)) from err
        return settings_snippet(
            url_of(options["bind"], options["amazon_port"]),
            command=project_command(options),
            backend=backend_lines(),
            key_file=options["key_file"],
            empty=options["empty"],
        )


def describe_project() -> dict[str, Any]:
    """The project's webhooks and settings, as the sandbox needs them."""
    settings = AmazonSESSettings.load()
    return {
        "backend": backend_lines(),
        "secret": next(iter(WebhookSettings.load().webhook_secret), None),
        "endpoint": settings.client_params.get("endpoint_url"),
        "certificates": settings.sns_certificates,
        "outbox": _outbox_database(),
        "paths": {name: path for name, url in WEBHOOKS.items() if (path := _path(url))},
    }


def run(command: list[str], environment: Mapping[str, str]) -> None:
    """Become another program; on Windows, which cannot, run it and wait."""
    if os.name == "posix":
        sys.stdout.flush()
        os.execve(command[0], command, dict(environment))  # noqa: S606
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # both get Ctrl-C: the sandbox handles it
    sys.exit(subprocess.call(command, env=dict(environment)))  # noqa: S603


def _outbox_database() -> dict[str, Any] | None:
    """Where the project's outbox is, and the time zone of its columns; None if it has none."""
    if not apps.is_installed("anymail.outbox"):
        return None
    from ...outbox.ledger import database

    given = connections[database()].settings_dict
    zone = None if django_setting("USE_TZ") else django_setting("TIME_ZONE")
    kept = {name: value for name, value in given.items() if name != "TEST"}
    return {**kept, "ATOMIC_REQUESTS": False, "TIME_ZONE": given["TIME_ZONE"] or zone}


def _path(url_name: str) -> str | None:
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return None
