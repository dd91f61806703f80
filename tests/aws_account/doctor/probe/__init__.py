"""A project in processes of its own: a web server, and commands, against an account on loopback."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....command_processes import create_tables, end, environment, log, start
from ....local_ses import KEY, SENDER, Topic
from ....local_sns import PATIENCE, SECRET, reserved_port, wait_until
from ... import AwsAccountTestCase

#: Without a proxy, whatever the environment says.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SHARED = "django.core.cache.backends.filebased.FileBasedCache"
PRIVATE = "django.core.cache.backends.locmem.LocMemCache"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the processes of a project share.

    :param folder: for what they log, their database and their cache.
    """

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command: its name first."""
        return start(self.environment, *arguments)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command; gives its exit code, and what it printed."""
        code, output, _ = end(self.start(*arguments), PATIENCE)
        return code, output

    def probe(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run a probe; gives the command's exit code, and what it printed as JSON."""
        code, output = self.run("anymail_doctor", "--probe", "--json", *arguments)
        return code, json.loads(output)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """A web server of the project; gives its URL, with the secret of the webhooks."""
        with reserved_port() as port:
            url = f"http://127.0.0.1:{port}/"
            process = self.start("runserver", "--noreload", f"127.0.0.1:{port}")
            try:
                wait_until(lambda: process.poll() is not None or _answers(url))
                yield url.replace("//", f"//{SECRET}@")
            finally:
                process.kill()
                process.communicate()

    def log(self) -> str:
        """What was logged."""
        return log(self.folder)


class ProbeTestCase(AwsAccountTestCase):
    """Tests with an account whose events go to a topic."""

    def setUp(self) -> None:
        super().setUp()
        self.topic: Topic = self.amazon.topic()
        self.set = self.amazon.configuration_set(self.topic)

    @contextmanager
    def site(
        self,
        *apps: str,
        cache: str = SHARED,
        location: str = "",
        backend: str = "",
        **anymail: Any,
    ) -> Iterator[Site]:
        """A project that uses the account.

        :param apps: installed beside ``"anymail"``, before it if they are not ours.
        :param location: of the cache; empty for a folder.
        :param backend: the path of the default mailer; empty for Amazon SES.
        """
        settings = {
            **self.anymail(),
            "AMAZON_SES_SNS_CERTIFICATES": dict(KEY.certificates),
            "AMAZON_SES_CONFIGURATION_SET_NAME": self.set,
            "WEBHOOK_SECRET": SECRET,
            "OUTBOX_BELL": "command",
            **anymail,
        }
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            database = {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "db.sqlite3"),
                "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"},
            }
            variables = {
                **environment(f"{__name__}.settings", folder, database, settings),
                "SITE_APPS": json.dumps(apps),
                "SITE_CACHE": json.dumps(
                    {"BACKEND": cache, "LOCATION": location or str(folder / "cache")}
                ),
                "SITE_FROM": SENDER,
                "SITE_BACKEND": backend,
            }
            made = Site(folder=folder, environment=variables)
            if {"anymail.feedback", "anymail.outbox"} & set(apps):
                create_tables(folder / "db.sqlite3", variables, *apps)
            yield made

    def receive_mail(self, domain: str) -> None:
        """Have mail to a domain published to the topic."""
        ses = self.amazon.client("ses")
        ses.verify_domain_identity(Domain=domain)
        ses.create_receipt_rule_set(RuleSetName="mail")
        action = {"SNSAction": {"TopicArn": self.topic.arn, "Encoding": "Base64"}}
        rule = {"Name": "all", "Enabled": True, "ScanEnabled": True, "Actions": [action]}
        ses.create_receipt_rule(RuleSetName="mail", Rule={**rule, "Recipients": [domain]})
        ses.set_active_receipt_rule_set(RuleSetName="mail")

    def subscribe(self, url: str, path: str = "anymail/amazon_ses/") -> None:
        """Subscribe a webhook of a site to the topic."""
        self.amazon.client("sns").subscribe(
            TopicArn=self.topic.arn, Protocol="http", Endpoint=f"{url}{path}"
        )
        pending = self.amazon.client("sns").list_subscriptions_by_topic
        wait_until(
            lambda: (
                "PendingConfirmation" not in str(pending(TopicArn=self.topic.arn)["Subscriptions"])
            )
        )


def _answers(url: str) -> bool:
    try:
        OPENER.open(url, timeout=PATIENCE)
    except urllib.error.HTTPError:
        return True
    except OSError:
        time.sleep(0.05)
        return False
    return True
