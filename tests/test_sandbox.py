"""anymail.sandbox: the whole loop, in a process of its own as people start it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock
from urllib.parse import urlencode
from urllib.request import urlopen

from django.test import SimpleTestCase

from anymail.message import AnymailRecipientStatus
from anymail.sandbox import letters, report
from anymail.sandbox.__main__ import main
from anymail.sandbox.amazon import ReceivedMail, SandboxError, received_mail
from anymail.sandbox.events import published_events
from anymail.sandbox.loop import Arrived, Doing, Received, Sent, Tracked, anymail_setting
from anymail.sandbox.site import serve
from anymail.sandbox.sns import LocalSns, post, topic_arn
from anymail.signals import AnymailInboundEvent
from anymail.testing import sns_notification, tracking_event

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "anymail.sandbox"]
#: Enough for a slow machine; the sandbox needs about three seconds.
TIMEOUT = 120
#: What the sandbox must not care about.
HOSTILE = {
    "AWS_PROFILE": "no-such-profile",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9/",
    "AWS_DEFAULT_REGION": "eu-north-1",
    "DJANGO_SETTINGS_MODULE": "no.such.settings",
    "HTTP_PROXY": "http://127.0.0.1:9/",
    "http_proxy": "http://127.0.0.1:9/",
    "MOTO_ACCOUNT_ID": "000000000001",
}


def environment(**more: str) -> dict[str, str]:
    """Nothing of ours but the way to the package; coverage measures through its variables."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {
        **kept,
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        **more,
    }


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the sandbox in an empty folder."""
    return run_command([*COMMAND, *arguments], **more)


def run_command(command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            command,
            capture_output=True,
            check=False,
            cwd=folder,
            encoding="utf-8",
            env=environment(HOME=folder, **more),
            timeout=TIMEOUT,
        )


class CommandTests(SimpleTestCase):
    """What a person sees."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.result = run(**HOSTILE)

    def test_it_works_from_any_folder_whatever_the_environment_says(self):
        self.assertEqual((self.result.returncode, self.result.stderr), (0, ""))

    def test_it_shows_what_was_sent(self):
        for text in ('"Zoë Müller" <zoe@example.net>', "Frühling", '"order": 1042', "🍵"):
            self.assertIn(text, self.result.stdout)

    def test_it_shows_the_status_of_each_recipient(self):
        self.assertIn("message.anymail_status", self.result.stdout)
        for address in (letters.CUSTOMER, letters.BOUNCE, letters.COMPLAINT):
            self.assertRegex(self.result.stdout, rf"queued +{address}\n")

    def test_it_shows_the_structure_and_the_source_of_what_ses_received(self):
        for text in (
            "    multipart/mixed\n    ├── multipart/alternative\n    │   ├── text/plain, utf-8",
            "└── text/csv, utf-8, quoted-printable",
            "From           " + '"Tee & Töpfe, the tea shop" <orders@tea.example>',
            "│ From: =?utf-8?q?Tee_=26_T=C3=B6pfe",
            f"to {letters.BOUNCE}  bcc: in no header",
        ):
            self.assertIn(text, self.result.stdout)

    def test_it_shows_what_became_of_each_recipient(self):
        for word, address in (
            ("sent", letters.CUSTOMER),
            ("delivered", letters.CUSTOMER),
            ("bounced", letters.BOUNCE),
            ("complained", letters.COMPLAINT),
        ):
            self.assertRegex(self.result.stdout, rf"\n  {word} +{address}")

    def test_it_shows_a_received_mail(self):
        for text in ("Re: Your tea is on its way 🍵", "Töpfchen.png, image/png, 69 bytes"):
            self.assertIn(text, self.result.stdout)

    def test_it_uses_no_colours_when_it_is_not_on_a_terminal(self):
        self.assertNotIn("\x1b", self.result.stdout)


class JsonTests(SimpleTestCase):
    """What a script sees."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.result = run("--json")
        cls.document = json.loads(cls.result.stdout)

    def test_nothing_else_is_printed(self):
        self.assertEqual((self.result.returncode, self.result.stderr), (0, ""))

    def test_ses_received_what_was_sent(self):
        received = self.document["received"]
        self.assertEqual(received["id"], self.document["anymail_status"]["message_id"])
        self.assertEqual(received["source"], letters.SENDER)
        self.assertEqual(
            received["recipients"], [letters.CUSTOMER, letters.BOUNCE, letters.COMPLAINT]
        )
        self.assertIn("X-Tag: order-confirmation\r\n", received["raw"])

    def test_both_webhooks_asked_for_the_secret_and_confirmed_their_subscriptions(self):
        self.assertEqual(
            [(found["path"], found["challenged"]) for found in self.document["subscriptions"]],
            [("/anymail/amazon_ses/tracking/", True), ("/anymail/amazon_ses/inbound/", True)],
        )

    def test_signatures_are_checked(self):
        self.assertNotIn("AMAZON_SES_VERIFY_SNS_SIGNATURES", anymail_setting("", "", ""))

    def test_every_event_reaches_the_signal_with_tags_and_metadata(self):
        events = self.document["tracking"]
        everybody = [letters.CUSTOMER, letters.BOUNCE, letters.COMPLAINT]
        self.assertEqual(
            [(event["event_type"], event["recipient"]) for event in events],
            [
                *[("sent", address) for address in everybody],
                ("delivered", letters.CUSTOMER),
                ("bounced", letters.BOUNCE),
                ("delivered", letters.COMPLAINT),
                ("complained", letters.COMPLAINT),
            ],
        )
        sent = letters.order_confirmation()
        for event in events:
            self.assertEqual((event["tags"], event["metadata"]), (sent.tags, sent.metadata))
            self.assertEqual(event["message_id"], self.document["received"]["id"])

    def test_the_mail_in_s3_reaches_the_signal(self):
        [mail] = self.document["inbound"]
        self.assertEqual(mail["subject"], "Re: Your tea is on its way 🍵")
        self.assertEqual(mail["envelope_recipients"], [letters.SUPPORT])
        self.assertEqual(mail["attachments"], ["Töpfchen.png, image/png, 69 bytes"])
        self.assertIs(mail["spam_detected"], False)


class EndTests(SimpleTestCase):
    """However it ends, it ends cleanly."""

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            COMMAND,
            cwd=tempfile.gettempdir(),
            encoding="utf-8",
            env=environment(),
            start_new_session=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.kill)
        return process

    def assert_interrupted(self, after: str) -> None:
        process = self.start()
        for line in process.stdout:
            if after in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, errors), (130, "Interrupted.\n"))
        with self.assertRaises(ProcessLookupError):  # the group is empty: no child is left
            os.killpg(process.pid, 0)

    def test_ctrl_c_while_it_starts(self):
        self.assert_interrupted("Starting Amazon SES")

    def test_ctrl_c_while_servers_run(self):
        self.assert_interrupted("What Amazon SES received")

    def test_no_thread_and_no_child_is_left(self):
        script = (
            "import threading; from anymail.sandbox.__main__ import main\n"
            "print(main(['--json']), threading.enumerate())"
        )
        result = run_command([sys.executable, "-X", "dev", "-c", script])
        self.assertRegex(result.stdout, r"\n0 \[<_MainThread\(MainThread, started \d+\)>\]\n$")
        self.assertNotIn("ResourceWarning", result.stderr)

    def test_a_reader_that_goes_away_is_no_error_message(self):
        process = self.start()
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual((process.stderr.read(), process.wait(TIMEOUT)), ("", 1))
        process.stderr.close()

    def test_without_moto_it_names_the_command_that_installs_it(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "moto.py").write_text("raise ImportError('No module named moto')")
            result = run(PYTHONPATH=f"{folder}{os.pathsep}{ROOT}")
        self.assertEqual(result.returncode, 1)
        [line] = result.stderr.splitlines()
        self.assertTrue(line.endswith('python -m pip install "django-anymail-ses[sandbox]"'))

    def test_an_error_is_one_line_and_exit_code_1(self):
        script = (
            "import sys\n"
            "from anymail.sandbox import __main__, sns\n"
            "sns.post = lambda url, request: sns.Answer(500, False)\n"
            "sys.exit(__main__.main([]))"
        )
        result = run_command([sys.executable, "-c", script])
        self.assertEqual(result.returncode, 1)
        self.assertEqual(
            result.stderr,
            "The sandbox stopped. The webhook answered 500 to a message of "
            "arn:aws:sns:us-east-1:123456789012:ses-events.\n",
        )

    def test_an_unexpected_error_is_named(self):
        with (
            mock.patch("anymail.sandbox.__main__._run", side_effect=LookupError("what?")),
            mock.patch("sys.stderr", io.StringIO()) as errors,
        ):
            self.assertEqual(main([]), 1)
        self.assertEqual(errors.getvalue(), "The sandbox stopped. LookupError: what?\n")

    def test_help_says_what_it_does(self):
        result = run("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("no account, no network and no configuration", result.stdout)


class LocalSnsTests(SimpleTestCase):
    """SNS as the sandbox plays it is as strict as Amazon's."""

    topic = topic_arn("events")

    def serve(self, application) -> str:
        server = serve(application)
        self.addCleanup(server.__exit__, None, None, None)
        return server.__enter__()

    def webhook(self, statuses: list[str], seen: list[str | None]) -> str:
        """A webhook that answers with one status after the other."""

        def application(environ, start_response):
            seen.append(environ.get("HTTP_AUTHORIZATION"))
            start_response(statuses.pop(0), [("WWW-Authenticate", 'Basic realm="x"')])
            return [b""]

        return self.serve(application).replace("//", "//user:p%40ss@")

    def test_credentials_are_sent_only_after_a_challenge(self):
        seen: list[str | None] = []
        url = self.webhook(["401 Unauthorized", "200 OK"], seen)
        self.assertEqual(post(url, sns_notification()), (200, True))
        self.assertEqual(seen, [None, "Basic dXNlcjpwQHNz"])

    def test_no_credentials_are_sent_without_a_challenge(self):
        seen: list[str | None] = []
        url = self.webhook(["403 Forbidden"], seen)
        self.assertEqual(post(url, sns_notification()), (403, False))
        self.assertEqual(seen, [None])

    def test_a_webhook_that_does_not_confirm_is_an_error(self):
        url = self.webhook(["200 OK"], [])
        with self.assertRaisesMessage(SandboxError, "did not confirm"):
            LocalSns().subscribe(self.topic, url)

    def test_nothing_is_published_before_the_subscription_is_confirmed(self):
        with self.assertRaisesMessage(SandboxError, "No subscription"):
            LocalSns().publish(self.topic, {})

    def test_a_token_that_was_not_sent_confirms_nothing(self):
        sns = LocalSns()
        sns.tokens[self.topic] = "right"
        query = {"Action": "ConfirmSubscription", "TopicArn": self.topic}
        started = mock.Mock()
        for token, status in (("wrong", "400 Bad Request"), ("right", "200 OK")):
            body = urlencode({**query, "Token": token}).encode()
            environ = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
            sns(environ, started)
            self.assertEqual(started.call_args.args[0], status)
            self.assertEqual(self.topic in sns.confirmed, token == "right")

    def test_a_server_stops_with_its_block(self):
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"hello"]

        with serve(application) as url, urlopen(url) as response:
            self.assertEqual(response.read(), b"hello")
        with self.assertRaises(OSError):
            urlopen(url)


class PartTests(SimpleTestCase):
    mail = ReceivedMail(
        id="1",
        source="a@example.com",
        recipients=[letters.CUSTOMER],
        raw=b'X-Metadata: {"a":\r\n  "b"}\r\nTo: zoe@example.net\r\n\r\nHello\r\n',
    )

    def test_headers_are_reported_with_their_line_breaks_as_ses_does(self):
        [sent, delivery] = published_events(self.mail)
        self.assertEqual((sent["eventType"], delivery["eventType"]), ("Send", "Delivery"))
        self.assertEqual(
            sent["mail"]["headers"][0], {"name": "X-Metadata", "value": '{"a":\r\n  "b"}'}
        )

    def test_a_message_that_ses_does_not_have_is_an_error(self):
        with self.assertRaisesMessage(SandboxError, "no message with the id nonsense"):
            received_mail("nonsense")

    def shown(self, *steps, color: bool) -> str:
        out = io.StringIO()
        screen = report.Report(out, color=color)
        for step in steps:
            screen.show(step)
        screen.end()
        return out.getvalue()

    def test_colours(self):
        message = letters.order_confirmation()
        message.anymail_status.set_recipient_status(
            {letters.CUSTOMER: AnymailRecipientStatus("1", "queued")}
        )
        steps = (
            Doing(text="Waiting"),
            Sent(message=message),
            Received(mail=self.mail),
            Tracked(event=tracking_event("bounced", recipient=letters.BOUNCE)),
        )
        self.assertIn(
            f"\x1b[31mbounced    \x1b[0m  {letters.BOUNCE}", self.shown(*steps, color=True)
        )
        plain = self.shown(*steps, color=False)
        self.assertIn(f"bounced      {letters.BOUNCE}", plain)
        self.assertNotIn("\x1b", plain)

    def test_an_inbound_event_without_a_message_is_shown_without_fields(self):
        self.assertIn(
            "A mail that arrived", self.shown(Arrived(event=AnymailInboundEvent()), color=False)
        )

    def test_json_has_a_list_of_each_kind_even_when_nothing_happened(self):
        self.assertEqual(
            json.loads(report.as_json([])), {"subscriptions": [], "tracking": [], "inbound": []}
        )
