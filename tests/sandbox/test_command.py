"""``manage.py anymail_sandbox`` in a project of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from argparse import ArgumentError, ArgumentParser
from collections.abc import Callable
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urljoin, urlsplit

import boto3
import requests
from django.test import SimpleTestCase, override_settings

from anymail.conf import AmazonSESSettings
from anymail.management.commands.anymail_sandbox import run
from anymail.sandbox.aws.defaults import CREDENTIALS
from anymail.sandbox.aws.sns.signing_key import SigningKey
from anymail.sandbox.options import add_arguments, command_line
from anymail.sandbox.settings import BACKEND, MAILERS, anymail_settings, settings_snippet

from ..local_sns import PATIENCE, reserved_port, wait_until
from . import ROOT, TIMEOUT, Running, environment, start, wait_until_ready

SETTINGS = """
SECRET_KEY = "tests"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "shop"
INSTALLED_APPS = ["anymail"]
DEFAULT_FROM_EMAIL = "orders@tea.example"
USE_TZ = True
"""
OUTBOX = """
from pathlib import Path
import django
INSTALLED_APPS = [*INSTALLED_APPS, "anymail.outbox"]
NAME = Path(__file__).with_name("db.sqlite3")
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": NAME}}
ANYMAIL["OUTBOX_BELL"] = "command"
USE_TZ, TIME_ZONE = False, "Asia/Tokyo"
STORES = "anymail.backends.outbox.EmailBackend"
if django.VERSION >= (6, 1):
    ses = MAILERS["default"]
    MAILERS = {"default": {"BACKEND": STORES, "OPTIONS": {"mailer": "ses"}}, "ses": ses}
else:
    ANYMAIL["OUTBOX_BACKEND"], EMAIL_BACKEND = EMAIL_BACKEND, STORES
"""
SHOP = """
import json
from pathlib import Path
from django.dispatch import receiver
from django.urls import include, path
from anymail.signals import inbound, tracking

urlpatterns = [path("hooks/", include("anymail.urls"))]

@receiver([tracking, inbound])
def write(event, **kwargs):
    message = getattr(event, "message", None)
    heard = [event.event_type, message.subject if message else event.recipient]
    with Path(__file__).with_name("heard.txt").open("a") as file:
        print(json.dumps(heard), file=file)
"""


class Project:
    """A Django project in a folder.

    :param folder: which.
    :param site: the port of the site.
    :param amazon: the port of the Amazon side.
    """

    def __init__(self, folder: Path, site: int, amazon: int) -> None:
        self.folder = folder
        self.site = site
        self.amazon = amazon
        self.settings = folder / "shop_settings.py"
        self.settings.write_text(SETTINGS)
        (folder / "shop.py").write_text(SHOP)

    @property
    def surroundings(self) -> dict[str, str]:
        return environment(
            DJANGO_SETTINGS_MODULE="shop_settings",
            HOME=str(self.folder),
            PYTHONPATH=os.pathsep.join([str(self.folder), str(ROOT)]),
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "django", *arguments]

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            check=False,
            cwd=self.folder,
            encoding="utf-8",
            env=self.surroundings,
            timeout=TIMEOUT,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start(self.command(*arguments), cwd=self.folder, env=self.surroundings)

    def printed_settings(self) -> str:
        result = self.manage("anymail_sandbox", "--print-settings", f"--amazon-port={self.amazon}")
        assert result.returncode == 0, result.stderr
        return result.stdout

    def heard(self) -> list[list[str]]:
        """What the project's receivers heard: event type, and recipient or subject."""
        file = self.folder / "heard.txt"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class ProjectTests(SimpleTestCase):
    def setUp(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        site, amazon = (stack.enter_context(reserved_port()) for _ in range(2))
        self.project = Project(Path(folder), site, amazon)

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        process = self.project.start(*arguments)

        def end() -> None:
            process.terminate()
            process.communicate(timeout=TIMEOUT)

        self.addCleanup(end)
        return process

    def start_sandbox(self) -> Running:
        process = self.project.start(
            "anymail_sandbox",
            "--json",
            "--port=0",
            f"--amazon-port={self.project.amazon}",
            f"--site=http://127.0.0.1:{self.project.site}",
        )
        self.addCleanup(self.assert_ctrl_c_ends, process)
        return wait_until_ready(process)

    def assert_ctrl_c_ends(self, process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, 0, errors)
        with self.assertRaises(ProcessLookupError):  # the group is empty: no child is left
            os.killpg(process.pid, 0)

    def start_site(self) -> None:
        self.started("runserver", "--noreload", f"127.0.0.1:{self.project.site}")
        wait_until(self.site_answers)

    def site_answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.project.site)) == 0

    def lines_until(
        self, sandbox: Running, is_last: Callable[[dict[str, Any]], bool]
    ) -> list[dict[str, Any]]:
        """What a sandbox that is ready prints. It ends if the last line does not come."""
        found = []
        patience = threading.Timer(PATIENCE, sandbox.process.terminate)
        self.addCleanup(patience.cancel)
        patience.start()
        for line in sandbox.process.stdout or ():
            found.append(json.loads(line))
            if is_last(found[-1]):
                patience.cancel()
                return found
        raise AssertionError(found)

    def subscriptions(self, sandbox: Running) -> list[dict[str, Any]]:
        sns = boto3.session.Session(**CREDENTIALS).client(
            "sns", endpoint_url=sandbox.ready["amazon"]
        )
        found = sns.list_subscriptions()["Subscriptions"]
        return [subscription for subscription in found if subscription["Protocol"] != "sqs"]

    def subscribed_ports(self, sandbox: Running) -> list[int | None]:
        return [urlsplit(found["Endpoint"]).port for found in self.subscriptions(sandbox)]

    def subscribed(self, sandbox: Running) -> bool:
        """Whether the site's two webhooks have confirmed."""
        found = [
            subscription["SubscriptionArn"]
            for subscription in self.subscriptions(sandbox)
            if f":{self.project.site}/hooks/" in subscription["Endpoint"]
        ]
        return len(found) == 2 and "PendingConfirmation" not in found

    def test_a_project_hears_of_what_it_sends(self):
        with self.project.settings.open("a") as file:
            file.write(self.project.printed_settings())
        sandbox = self.start_sandbox()
        self.assertIs(sandbox.ready["paste"], False)
        self.start_site()  # after the sandbox, which keeps trying
        wait_until(lambda: self.subscribed(sandbox))
        site = f"http://127.0.0.1:{self.project.site}"
        told = self.lines_until(
            sandbox, lambda line: line == {"site": {"url": site, "waits_for": ""}}
        )
        self.assertIn({"site": {"url": site, "waits_for": "Nothing listens there"}}, told)
        result = self.project.manage("sendtestemail", "bounce@simulator.amazonses.com")
        self.assertEqual(result.returncode, 0, result.stderr)
        bounce = ["bounced", "bounce@simulator.amazonses.com"]
        wait_until(lambda: bounce in self.project.heard())

    def test_the_outbox_of_a_project_is_shown(self):
        with self.project.settings.open("a") as file:
            file.write(self.project.printed_settings())
            file.write(OUTBOX)
        self.assertEqual(self.project.manage("migrate", "--verbosity=0").stderr, "")
        result = self.project.manage("sendtestemail", "zoe@example.net")
        self.assertEqual(result.returncode, 0, result.stderr)
        sandbox = self.start_sandbox()

        def shown() -> str:
            return requests.get(f"{sandbox.page}outbox/", timeout=PATIENCE).text

        self.assertIn("zoe@example.net", shown())
        self.assertIn("Waiting", shown())
        self.assertNotIn("Crash", shown())
        result = self.project.manage("anymail_deliver", "--once")
        self.assertEqual(result.returncode, 0, result.stderr)
        wait_until(lambda: ">Sent</h3>" in shown())

    def test_a_project_without_an_outbox_is_told_how(self):
        shown = requests.get(f"{self.start_sandbox().page}outbox/", timeout=PATIENCE).text
        self.assertIn("INSTALLED_APPS", shown)

    def test_a_project_consumes_the_queue(self):
        with self.project.settings.open("a") as file:
            file.write(self.project.printed_settings())
        sandbox = self.start_sandbox()
        addresses = [f"{name}@simulator.amazonses.com" for name in ("bounce", "success")]
        result = self.project.manage("sendtestemail", *addresses)
        self.assertEqual(result.returncode, 0, result.stderr)
        sqs = boto3.session.Session(**CREDENTIALS).client(
            "sqs", endpoint_url=sandbox.ready["amazon"]
        )
        queue = sqs.get_queue_url(QueueName="ses-events")["QueueUrl"]
        wanted = {("sent", "bounce"), ("bounced", "bounce"), ("delivered", "success")}
        wanted = {(kind, f"{name}@simulator.amazonses.com") for kind, name in wanted}
        wait_until(lambda: self.waiting(sqs, queue) >= 4)  # with SES's first one to the topic
        result = self.project.manage("anymail_consume", "--exit-when-empty", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertLessEqual(wanted, {(kind, who) for kind, who in self.project.heard()})
        self.assertEqual(self.waiting(sqs, queue), 0)
        self.assertIn("consumed", self.timeline_of(sandbox, "bounce"))

    def waiting(self, sqs: Any, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))

    def timeline_of(self, sandbox: Running, text: str) -> str:
        """The page of the message that a search finds."""
        listed = requests.get(sandbox.page, {"q": text}, timeout=PATIENCE).text
        [path] = set(re.findall(r"/messages/[\w-]+/", listed))
        return requests.get(urljoin(sandbox.page, path), timeout=PATIENCE).text

    def test_settings_that_are_printed_stay_valid(self):
        self.assertEqual(self.project.printed_settings(), self.project.printed_settings())

    def test_the_key_is_kept_where_only_its_owner_reads_it(self):
        self.project.printed_settings()
        [file] = self.project.folder.rglob("sandbox.pem")
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)

    def test_printed_settings_are_short_and_say_how_the_sandbox_was_started(self):
        site = "http://127.0.0.1:9000"
        text = self.project.manage(
            "anymail_sandbox", "--print-settings", f"--site={site}", "--amazon-port=9026"
        ).stdout
        self.assertIn(f"anymail_sandbox --site={site} --amazon-port=9026\n", text)
        self.assertIn('"http://127.0.0.1:9026"', text)
        self.assertLess(len(text.splitlines()), 12)

    def test_printed_settings_may_follow_those_of_a_project_with_a_mail_host(self):
        for more in ('EMAIL_HOST = "localhost"\n', self.project.printed_settings):
            with self.project.settings.open("a") as file:
                file.write(more if isinstance(more, str) else more())
        result = self.project.manage("check")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_printed_settings_leave_the_outbox_in_place(self):
        with self.project.settings.open("a") as file:
            file.write(self.project.printed_settings())
            file.write(OUTBOX)
        printed = self.project.printed_settings()
        self.assertNotIn("BACKEND", printed)
        self.assertIn("ANYMAIL = sandboxed(", printed)

    def test_printed_settings_have_a_url_for_ipv6(self):
        result = self.project.manage("anymail_sandbox", "--print-settings", "--bind=::1")
        self.assertIn('"http://[::1]:8026"', result.stdout)

    def test_a_project_without_our_urls_is_told(self):
        (self.project.folder / "shop.py").write_text("urlpatterns = []")
        result = self.project.manage("anymail_sandbox", "--site=http://192.0.2.1:8000")
        self.assertIn('include("anymail.urls")', result.stderr)

    def test_and_told_again_when_the_sandbox_is_ready(self):
        (self.project.folder / "shop.py").write_text("urlpatterns = []")
        lines = self.lines_until(self.start_sandbox(), lambda line: "problem" in line)
        self.assertIn('include("anymail.urls")', lines[-1]["problem"])

    def test_settings_that_are_not_there_yet_are_printed(self):
        sandbox = self.start_sandbox()
        self.assertIs(sandbox.ready["paste"], True)
        self.assertNotIn("own", " ".join(sandbox.doing))
        # Its own webhooks are not: nobody takes what they hear for what the project hears.
        self.assertEqual({*self.subscribed_ports(sandbox)}, {self.project.site})

    def test_settings_that_have_another_sandbox_are_named(self):
        with self.project.settings.open("a") as file:
            file.write(self.project.printed_settings())
        process = self.started("anymail_sandbox", "--port=0", "--amazon-port=0")
        patience = threading.Timer(PATIENCE, process.terminate)
        self.addCleanup(patience.cancel)
        patience.start()
        text = "".join(takewhile(lambda line: "Ctrl-C" not in line, process.stdout or ()))
        address = f"http://127.0.0.1:{self.project.amazon}"
        self.assertIn(f"Your settings lead to {address}, not to this sandbox", text)
        [port] = re.findall(r"ANYMAIL = .*:(\d+)\"\)", text)
        self.assertIn(f" --amazon-port={port}\n", text)

    def test_a_site_that_was_not_named_is_missed(self):
        process = self.started(
            "anymail_sandbox", "--json", "--port=0", f"--amazon-port={self.project.amazon}"
        )
        sandbox = wait_until_ready(process)
        lines = self.lines_until(sandbox, lambda line: "problem" in line)
        self.assertIn("--site http://127.0.0.1:8000", lines[-1]["problem"])
        self.assertEqual(self.subscribed_ports(sandbox), [])

    def test_a_site_elsewhere_is_refused(self):
        result = self.project.manage("anymail_sandbox", "--site=http://192.0.2.1:8000")
        self.assertEqual(result.returncode, 1)
        self.assertIn("--allow-remote", result.stderr)


class SettingsTests(SimpleTestCase):
    """The text to paste goes below a project's own settings."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.key_file = Path(folder.name, "sandbox's.pem")
        self.key = SigningKey.load_or_create(self.key_file)
        self.anymail = anymail_settings(
            "http://127.0.0.1:8026", certificates=self.key.certificates, secret=self.key.secret
        )

    def pasted(self, *, mailers: bool, **before: Any) -> dict[str, Any]:
        text = settings_snippet(
            "http://127.0.0.1:8026",
            command="x",
            backend=MAILERS if mailers else BACKEND,
            key_file=self.key_file,
        )
        exec(text, before)
        return before

    def test_what_the_project_has_set_stays_but_for_the_way_to_amazon(self):
        own = {"FEEDBACK_SUPPRESS": ["complaint"], "SEND_DEFAULTS": {"tags": ["shop"]}}
        before = {**own, "AMAZON_SES_SNS_CLIENT_PARAMS": {"a": "b"}}
        for mailers in (True, False):
            found = self.pasted(mailers=mailers, ANYMAIL=before)["ANYMAIL"]
            self.assertEqual(found, {**own, **self.anymail, "WEBHOOK_SECRET": [self.key.secret]})

    def test_the_webhooks_take_the_secret_of_the_project_and_that_of_the_sandbox(self):
        for own, secrets in (("a:b", ["a:b"]), (["new:one", "old:two"], ["new:one", "old:two"])):
            found = self.pasted(mailers=False, ANYMAIL={"WEBHOOK_SECRET": own})["ANYMAIL"]
            self.assertEqual(found["WEBHOOK_SECRET"], [*secrets, self.key.secret])

    def test_nothing_that_leads_elsewhere_is_left(self):
        elsewhere = {
            "AMAZON_SES_CLIENT_FACTORY": "shop.amazon",
            "AMAZON_SES_S3_CLIENT_PARAMS": {"endpoint_url": "https://s3.example"},
            "AMAZON_SES_INBOUND_KMS_KEY_ID": "arn:aws:kms:eu-west-1:1:key/1",
            "AMAZON_SES_ROLE_ARN": "arn:aws:iam::123456789012:role/mail",
            "AMAZON_SES_ROLE_PARAMS": {"ExternalId": "shop"},
            "AMAZON_SES_ENDPOINT_ID": "abcdef12.g3h",
        }
        found = self.pasted(mailers=True, ANYMAIL=elsewhere)["ANYMAIL"]
        with override_settings(ANYMAIL=found):
            settings = AmazonSESSettings.load()
        self.assertEqual(
            (settings.client_factory, settings.s3_client_params, settings.inbound_kms_key_id),
            (None, None, None),
        )
        self.assertEqual(
            (settings.role_arn, settings.role_params, settings.endpoint_id), (None, {}, None)
        )

    def test_other_mailers_stay(self):
        found = self.pasted(mailers=True, MAILERS={"default": {"BACKEND": "a"}, "news": {}})
        backend = {"BACKEND": "anymail.backends.amazon_ses.EmailBackend"}
        self.assertEqual(found["MAILERS"], {"default": backend, "news": {}})

    def test_it_works_where_there_is_nothing_yet(self):
        found = self.pasted(mailers=True)
        self.assertEqual({*found["ANYMAIL"]}, {*self.anymail})
        self.assertEqual([*found["MAILERS"]], ["default"])
        self.assertIn("EMAIL_BACKEND", self.pasted(mailers=False))


class WindowsTests(SimpleTestCase):
    def test_ctrl_c_is_left_to_the_sandbox(self):
        self.addCleanup(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        seen = []

        def call(*_args: object, **_kwargs: object) -> int:
            seen.append(signal.getsignal(signal.SIGINT))
            return 3

        with (
            mock.patch("anymail.management.commands.anymail_sandbox.os.name", "nt"),
            mock.patch("subprocess.call", call),
            self.assertRaises(SystemExit) as caught,
        ):
            run(["python"], {})
        self.assertEqual((seen, caught.exception.code), ([signal.SIG_IGN], 3))


class CommandLineTests(SimpleTestCase):
    def test_arguments_reach_the_sandbox_as_they_were_given(self):
        parser = ArgumentParser()
        actions = add_arguments(parser)
        given = [
            "--site=http://127.0.0.1:8000",
            "--site=http://127.0.0.1:9000",
            "--port=0",
            "--allow-remote",
            "--domain=-odd.example",
            "--latency=0.25",
            "--json",
        ]
        values = parser.parse_args(given)
        again = parser.parse_args(command_line(actions, vars(values)))
        self.assertEqual(again, values)

    def test_values_that_make_no_sense_are_refused_with_a_reason(self):
        parser = ArgumentParser(exit_on_error=False)
        add_arguments(parser)
        for argument, text in (
            ("--port=x", "is not a number from 0 to 65535"),
            ("--port=65536", "is not a number"),
            ("--port=-1", "is not a number"),
            ("--latency=nan", "is not a number"),
            ("--latency=-1", "is not a number"),
            ("--latency=60.1", "is not a number from 0 to 60"),
            ("--max-send-rate=0", "is not a number from 0.1"),
        ):
            with self.subTest(argument), self.assertRaisesRegex(ArgumentError, text):
                parser.parse_args([argument])

    def test_values_that_make_sense_are_taken(self):
        parser = ArgumentParser(exit_on_error=False)
        add_arguments(parser)
        given = ["--latency=60", "--domain=xn--bcher-kva.example", "--domain=localhost"]
        given += ["--verified=example.org", "--verified=me+tag@example.org"]
        found = parser.parse_args([*given, "--configuration-set=My_set-1"])
        self.assertEqual(found.latency, 60)
        self.assertEqual(found.domain, ["xn--bcher-kva.example", "localhost"])
        self.assertEqual(found.verified, ["example.org", "me+tag@example.org"])
        self.assertEqual(found.configuration_set, ["My_set-1"])

    def test_what_was_not_given_stays_away(self):
        parser = ArgumentParser()
        actions = add_arguments(parser)
        words = command_line(actions, vars(parser.parse_args([])))
        self.assertNotIn("--json", words)
        self.assertFalse([word for word in words if word.startswith(("--site", "--key-file"))])
