"""``python -m anymail.sandbox``, in a process of its own as people start it."""

from __future__ import annotations

import ast
import io
import json
import os
import signal
import socket
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from django.test import SimpleTestCase

from anymail.sandbox import SandboxError, samples
from anymail.sandbox.__main__ import CtrlC, main
from anymail.sandbox.aws.sns.signing_key import SigningKey
from anymail.sandbox.aws.sns.subscription import Subscription
from anymail.sandbox.journal import Attempt, Journal, Post, SentMail, SesEvent
from anymail.sandbox.options import Options
from anymail.sandbox.output import JsonOutput, TextOutput
from anymail.sandbox.run import check_options
from anymail.sandbox.servers import host_of, is_loopback, serve, url_of
from anymail.sandbox.webhooks import WebhookWatch, endpoints
from anymail.testing import tracking_event

from ..test_logging import log_calls
from . import (
    ANY_PORT,
    COMMAND,
    ROOT,
    TIMEOUT,
    Running,
    environment,
    run,
    run_command,
    running_sandbox,
    start,
    wait_until_ready,
)

CLICK = "click@simulator.amazonses.com"
BOUNCE = r"bounce\+\w+@simulator.amazonses.com"
COMPLAINT = r"complaint\+\w+@simulator.amazonses.com"
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


class OnceTests(SimpleTestCase):
    """``--once``: the whole loop in a terminal."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.result = run("--once", **HOSTILE)

    def test_it_works_from_any_folder_whatever_the_environment_says(self):
        self.assertEqual((self.result.returncode, self.result.stderr), (0, ""))

    def test_it_shows_what_was_sent(self):
        for text in ("Zoë Müller <zoe@example.net>", "Frühling", "order: 1042"):
            self.assertIn(text, self.result.stdout)

    def test_it_shows_the_status_of_each_recipient(self):
        self.assertIn("message.anymail_status", self.result.stdout)
        for address in (samples.CUSTOMER, CLICK, BOUNCE, COMPLAINT):
            self.assertRegex(self.result.stdout, rf"{address}: queued\n")

    def test_it_shows_the_source_of_what_ses_made_of_it(self):
        for text in ("From: =?utf-8?q?Tea_Shop=2C_Ky=C5=8Dto?=", "Content-Type: text/csv"):
            self.assertIn(text, self.result.stdout)

    def test_it_shows_one_line_of_base64(self):
        self.assertRegex(self.result.stdout, r"\n +iVBORw0KGgo\S{65}\n +…\n +\n +--=")

    def test_it_shows_what_became_of_each_recipient(self):
        for word, address in (
            ("sent", samples.CUSTOMER),
            ("delivered", samples.CUSTOMER),
            ("clicked", f"perhaps {CLICK}"),
            ("bounced", BOUNCE),
            ("complained", COMPLAINT),
        ):
            self.assertRegex(self.result.stdout, rf"\n  {word} +{address}")

    def test_it_shows_a_received_mail(self):
        for text in ("Re: Zoë, your tea is on its way", "Täßchen.png"):
            self.assertIn(text, self.result.stdout)

    def test_it_uses_no_colours_when_it_is_not_on_a_terminal(self):
        self.assertNotIn("\x1b", self.result.stdout)


class JsonTests(SimpleTestCase):
    """``--once --json``: what a script sees."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        with tempfile.TemporaryDirectory() as home:
            cls.result = run("--once", "--json", HOME=home)
            cls.left = os.listdir(home)
        cls.lines = [json.loads(line) for line in cls.result.stdout.splitlines()]
        [demo] = [line["demo"] for line in cls.lines if "demo" in line]
        [cls.accepted], [cls.status] = demo["accepted"], demo["anymail_status"]
        cls.tracking, [cls.inbound] = demo["tracking"], demo["inbound"]

    def test_it_leaves_nothing_behind(self):
        self.assertEqual(self.left, [])

    def test_nothing_else_is_printed(self):
        self.assertEqual((self.result.returncode, self.result.stderr), (0, ""))

    def test_it_says_what_it_is_doing(self):
        self.assertGreaterEqual(len([line for line in self.lines if "doing" in line]), 4)

    def test_ses_accepted_what_was_sent(self):
        accepted = self.accepted
        self.assertEqual(accepted["id"], self.status["message_id"])
        self.assertEqual(accepted["source"], samples.SENDER)
        everybody = [samples.CUSTOMER, CLICK, BOUNCE, COMPLAINT]
        for address, expected in zip(accepted["recipients"], everybody, strict=True):
            self.assertRegex(address, f"^{expected}$")
        self.assertIn("X-Tag: order-confirmation\r\n", accepted["raw"])

    def test_every_event_reaches_the_signal_with_tags_and_metadata(self):
        everybody = self.accepted["recipients"]
        customer, click, bounce, complaint = everybody
        found = [(event["event_type"], event["recipient"]) for event in self.tracking]
        self.assertCountEqual(
            found,
            [
                *[("sent", address) for address in everybody],
                ("delivered", customer),
                ("delivered", click),
                *[("clicked", address) for address in everybody],  # nobody knows which
                ("bounced", bounce),
                ("delivered", complaint),
                ("complained", complaint),
            ],
        )
        sent = samples.order()
        for event in self.tracking:
            self.assertEqual((event["tags"], event["metadata"]), (sent.tags, sent.metadata))
            self.assertEqual(event["message_id"], self.accepted["id"])

    def test_the_mail_in_s3_reaches_the_signal(self):
        mail = self.inbound
        self.assertEqual(mail["subject"], "Re: Zoë, your tea is on its way")
        self.assertEqual(mail["envelope_recipients"], [samples.SUPPORT])
        self.assertEqual(mail["attachments"], ["Täßchen.png"])
        self.assertIs(mail["spam_detected"], False)


class ServingTests(SimpleTestCase):
    """Without ``--once`` it stays, until Ctrl-C."""

    def test_text_for_people_names_the_address_until_ctrl_c_ends_everything(self):
        process = start([*COMMAND, *ANY_PORT])
        self.addCleanup(process.kill)
        page = ""
        for line in process.stdout:
            if "ready" in line:
                page = line.split()[-1]
            if "Ctrl-C" in line:
                break
        with urlopen(page) as response:
            self.assertEqual(response.status, 200)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, errors), (0, ""))
        with self.assertRaises(ProcessLookupError):  # the group is empty: no child is left
            os.killpg(process.pid, 0)
        with socket.create_server(("127.0.0.1", urlsplit(page).port)):  # nor anything on the port
            pass

    def test_a_port_that_is_taken_is_left_to_who_has_it(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with running_sandbox(f"--port={port}", f"--amazon-port={port}") as sandbox:
                ports = [
                    url.rstrip("/").rpartition(":")[2]
                    for url in (sandbox.page, sandbox.ready["amazon"])
                ]
                self.assertEqual(len({str(port), *ports}), 3)

    def test_all_that_is_left_is_the_key_with_which_settings_stay_valid(self):
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as folder:
            kept = Path(home, ".cache/django-anymail-ses/sandbox.pem")
            key = SigningKey.load_or_create(kept)
            sandbox = self.ready_at(home, folder)
            self.assertNotEqual(os.listdir(folder), [])
            self.end(sandbox)
            self.assertEqual(os.listdir(folder), [])
            self.assertEqual([path for path in Path(home).rglob("*") if path.is_file()], [kept])
        found = sandbox.ready["anymail"]
        self.assertEqual(found["AMAZON_SES_SNS_CERTIFICATES"], key.certificates)
        self.assertEqual(found["WEBHOOK_SECRET"], key.secret)

    def test_where_no_key_can_be_kept_it_runs_all_the_same_and_says_so(self):
        with tempfile.NamedTemporaryFile() as no_folder:
            sandbox = self.ready_at(no_folder.name, tempfile.gettempdir())
            self.end(sandbox)
        said = " ".join(sandbox.doing)
        self.assertIn("a key for this run only", said)

    def ready_at(self, home: str, folder: str) -> Running:
        """A sandbox that was started with a home folder, and one for temporary files."""
        surroundings = environment(HOME=home, TMPDIR=folder)
        process = start([*COMMAND, "--json", *ANY_PORT], env=surroundings)
        self.addCleanup(process.kill)
        return wait_until_ready(process)

    def end(self, sandbox: Running) -> None:
        sandbox.process.terminate()
        sandbox.process.communicate(timeout=TIMEOUT)

    def test_hostile_requests_get_an_answer_and_print_nothing(self):
        with running_sandbox() as sandbox:
            self.check_paths(sandbox.page)
            self.check_hosts(sandbox.page)
            self.check_requests(sandbox.page)
            sandbox.process.terminate()
            _, errors = sandbox.process.communicate(timeout=TIMEOUT)
        self.assertEqual(errors, "")

    def check_paths(self, page: str) -> None:
        """Paths that lead nowhere are not found."""
        with urlopen(page + "static/anymail_sandbox/sandbox.css") as response:
            self.assertEqual(response.headers["Content-Type"], "text/css")
        for path in ("static/../../x", "static/%2e%2e/%2e%2e/x", "static//etc/passwd",
                     "static/..%2f..%2fetc%2fpasswd", "static/%00", "static/a%00b/../x",
                     "static/admin/", "static/", "static/..\\x", f"static/{'x' * 5000}",
                     "../x", "%00", "messages/%00/", "messages/..%2f..%2fx/",
                     "inbox/%ff%fe/", "messages/x/files/99999999999999999999/",
                     "admin/%00/", "anymail/../../x"):  # fmt: skip
            with self.subTest(path), self.assertRaises(HTTPError) as caught:
                urlopen(page + path)
            caught.exception.close()
            self.assertEqual(caught.exception.code, 404)

    def check_hosts(self, page: str) -> None:
        """A web site elsewhere cannot pretend to be here (DNS rebinding)."""
        for host, status in (("attacker.example", 400), ("localhost", 200)):
            try:
                with urlopen(Request(page, headers={"Host": host})) as response:
                    found = response.status
            except HTTPError as err:
                with err:
                    found = err.code
            self.assertEqual(found, status, host)

    def check_requests(self, page: str) -> None:
        """What is not HTTP, or not quite."""
        address = urlsplit(page)
        for request in (
            b"\x16\x03\x01\x00\xa5\x01\x00",
            b"GET / HTTP/9.9",
            b"GET http://[::1/ HTTP/1.1",
            b"POST /compose/ HTTP/1.1\r\nContent-Length: x",
            b"POST /compose/ HTTP/1.1\r\nContent-Length: " + b"9" * 5_000,
            b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 300,
        ):
            with socket.create_connection((address.hostname, address.port), TIMEOUT) as client:
                client.sendall(request + b"\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
                found = client.makefile("rb").read().decode()
            self.assertRegex(found, r"^HTTP/1\.1 4|Error code: [45]0[05]\b", request)


#: Starts the sandbox, and prints what was imported when its page had answered.
FIRST_PAGE = """
import sys, urllib.request
from anymail.sandbox.options import Options
from anymail.sandbox.run import run_sandbox

def doing(text):
    if text.startswith("The page is at "):
        urllib.request.urlopen(text.split()[4].rstrip(".")).read()
        print(sorted({"boto3", "moto"} & sys.modules.keys()))

with run_sandbox(Options(once=True, port=0, amazon_port=0), doing):
    pass
"""


class FirstPageTests(SimpleTestCase):
    def test_the_page_answers_before_moto_and_boto3_are_imported(self):
        done = run_command([sys.executable, "-c", FIRST_PAGE])
        self.assertEqual((done.stdout, done.stderr), ("[]\n", ""))


class BindTests(SimpleTestCase):
    def test_every_address_of_this_machine_will_do(self):
        bind, host = ("::1", "[::1]") if has_ipv6_loopback() else ("127.0.0.2", "127.0.0.2")
        with running_sandbox(f"--bind={bind}") as sandbox, urlopen(sandbox.page) as page:
            self.assertTrue(sandbox.page.startswith(f"http://{host}:"), sandbox.page)
            self.assertEqual(page.status, 200)


def has_ipv6_loopback() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


class EndTests(SimpleTestCase):
    """However it ends, it ends cleanly."""

    def assert_interrupted(self, after: str) -> None:
        process = start([*COMMAND, *ANY_PORT, "--once"])
        self.addCleanup(process.kill)
        for line in process.stdout:
            if after in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, errors), (130, "Interrupted.\n"))
        with self.assertRaises(ProcessLookupError):
            os.killpg(process.pid, 0)

    def test_ctrl_c_while_it_starts(self):
        self.assert_interrupted("Starting the page")

    def test_ctrl_c_while_servers_run(self):
        self.assert_interrupted("What SES made of it")

    def test_ctrl_c_is_only_noted_until_it_is_to_be_immediate(self):
        ctrl_c = CtrlC()
        ctrl_c.check()
        ctrl_c()
        with self.assertRaises(KeyboardInterrupt):
            ctrl_c.check()
        ctrl_c.immediate = True
        with self.assertRaises(KeyboardInterrupt):
            ctrl_c()

    def test_no_thread_and_no_child_is_left(self):
        script = (
            "import threading, time; from anymail.sandbox.__main__ import main\n"
            "print(main(['--once', '--json', '--port=0', '--amazon-port=0']))\n"
            "end = time.monotonic() + 30  # those that end at the moment\n"
            "while threading.active_count() > 1 and time.monotonic() < end: time.sleep(0.01)\n"
            "print(threading.enumerate())"
        )
        result = run_command([sys.executable, "-X", "dev", "-c", script])
        self.assertRegex(result.stdout, r"\n0\n\[<_MainThread\(MainThread, started \d+\)>\]\n$")
        self.assertNotIn("ResourceWarning", result.stderr)

    def test_a_reader_that_goes_away_is_no_error_message(self):
        process = start([*COMMAND, *ANY_PORT, "--once"])
        self.addCleanup(process.kill)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual((process.stderr.read(), process.wait(TIMEOUT)), ("", 1))
        process.stderr.close()

    def test_without_moto_it_names_the_command_that_installs_it(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "sitecustomize.py").write_text("import sys; sys.modules['moto'] = None")
            result = run("--once", PYTHONPATH=f"{folder}{os.pathsep}{ROOT}")
        self.assertEqual(result.returncode, 1)
        [line] = result.stderr.splitlines()
        self.assertTrue(line.endswith('python -m pip install "django-anymail-ses[sandbox]"'))

    def test_an_error_is_one_line_and_exit_code_1(self):
        with mock.patch("sys.stderr", io.StringIO()) as errors:
            self.assertEqual(main(["--bind=192.0.2.1"]), 1)
        said = r"^The sandbox stopped\. [^\n]+ --allow-remote\.\n$"
        self.assertRegex(errors.getvalue(), said)

    def test_an_unexpected_error_is_named(self):
        with (
            mock.patch("anymail.sandbox.__main__._run", side_effect=LookupError("what?")),
            mock.patch("sys.stderr", io.StringIO()) as errors,
        ):
            self.assertEqual(main([]), 1)
        self.assertEqual(errors.getvalue(), "The sandbox stopped. LookupError: what?\n")

    def test_help_says_what_it_does(self):
        with mock.patch("sys.stdout", io.StringIO()) as out, self.assertRaises(SystemExit):
            main(["--help"])
        self.assertIn("no account, no network access and no configuration", out.getvalue())

    def test_arguments_that_make_no_sense_are_refused(self):
        with (
            mock.patch("sys.stderr", io.StringIO()) as errors,
            self.assertRaises(SystemExit) as caught,
        ):
            main(["--latency=5000"])
        self.assertEqual(caught.exception.code, 2)
        self.assertIn("argument --latency: '5000' is not a number from 0 to", errors.getvalue())


class LoopbackTests(SimpleTestCase):
    """Nobody else can reach it, and it posts nowhere else, unless told."""

    def test_what_is_this_machine(self):
        for host in ("127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"):
            self.assertTrue(is_loopback(host), host)
        for host in ("0.0.0.0", "192.0.2.1", "::", "no-such-host.invalid", ""):
            self.assertFalse(is_loopback(host), host)

    def test_other_addresses_are_refused(self):
        elsewhere = ["http://192.0.2.1:8000"]
        for options in (Options(bind="0.0.0.0"), Options(site=elsewhere)):
            with self.assertRaisesMessage(SandboxError, "--allow-remote"):
                check_options(options)

    def test_they_may_be_allowed(self):
        elsewhere = ["http://192.0.2.1:8000"]
        check_options(Options(bind="0.0.0.0", site=elsewhere, allow_remote=True))

    def test_the_error_says_what_would_happen(self):
        for options, text in (
            (Options(bind="0.0.0.0"), "has no passwords"),
            (Options(site=["http://192.0.2.1"]), "would post what is in your mail"),
            (Options(bind="no-such-host.invalid"), "cannot be found"),
            (Options(site=["http://no-such-host.invalid"]), "cannot be found"),
        ):
            with self.subTest(text), self.assertRaisesMessage(SandboxError, text):
                check_options(options)

    def test_what_is_no_url_is_refused_without_its_password(self):
        for url in ("user:pass@host:8000", "ftp://user:pass@host/", "http://"):
            with self.assertRaises(SandboxError) as caught:
                host_of(url)
            self.assertNotIn("pass", str(caught.exception))

    def test_the_secret_is_put_into_urls_that_have_none(self):
        found = endpoints("http://me:mine@127.0.0.1:8000", "sns:other").values()
        self.assertTrue(all(url.startswith("http://me:mine@127.0.0.1:8000/") for url in found))
        found = endpoints("http://127.0.0.1:8000/", "sns:p@ss/word", inbound_path="/in/")
        self.assertIn("http://sns:p%40ss%2Fword@127.0.0.1:8000/in/", found.values())

    def test_urls_lead_to_this_machine(self):
        for bind, url in (
            ("127.0.0.1", "http://127.0.0.1:8025"),
            ("::1", "http://[::1]:8025"),
            ("0.0.0.0", "http://127.0.0.1:8025"),
            ("::", "http://[::1]:8025"),
            ("192.0.2.1", "http://192.0.2.1:8025"),
        ):
            self.assertEqual(url_of(bind, 8025), url)

    def test_a_server_stops_with_its_block(self):
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"hello"]

        with serve(application, "127.0.0.1", 0) as url, urlopen(url) as response:
            self.assertEqual(response.read(), b"hello")
        with self.assertRaises(OSError):
            urlopen(url)


class OutputTests(SimpleTestCase):
    def test_colours(self):
        event = asdict(tracking_event("bounced", recipient="bob@example.com"))
        shown_as = {True: "\x1b[31mbounced    \x1b[0m bob", False: "  bounced     bob"}
        for color, shown in shown_as.items():
            out = io.StringIO()
            TextOutput(out, color=color).demo([("tracking", event)])
            self.assertIn(shown, out.getvalue())
            self.assertEqual("\x1b" in out.getvalue(), color)


class FakeSubscription(SimpleNamespace):
    trouble = Subscription.trouble


class WatchTests(SimpleTestCase):
    """Who waits for a site hears of each new answer, once."""

    def setUp(self) -> None:
        self.tracking = FakeSubscription(is_confirmed=False, last_attempt=None)
        self.inbound = FakeSubscription(is_confirmed=True, last_attempt=Attempt(status=200))
        self.watch = WebhookWatch(
            {"http://sns:s3cr3t@127.0.0.1:8000/": [self.tracking, self.inbound]}
        )

    def seen(self, *attempts: Attempt | None) -> list[str]:
        found = []
        for self.tracking.last_attempt in attempts:
            found += [waits_for or "connected" for _, waits_for in self.watch.changes()]
        return found

    def test_each_new_answer(self):
        away, refused = Attempt(status=None, error="Nothing listens there."), Attempt(status=502)
        found = self.seen(None, away, away, refused, refused, away)
        waits = "Nothing listens there"
        self.assertEqual(found, [waits, "it answered 502", waits])

    def test_an_answer_comes_with_what_it_may_mean(self):
        for status, text in (
            (200, "AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS"),
            (401, "WEBHOOK_SECRET"),
            (500, "address of this sandbox"),
            (503, "settings"),
        ):
            with self.subTest(status):
                self.assertIn(text, *self.seen(Attempt(status=status)))

    def test_when_both_webhooks_have_confirmed(self):
        self.seen(Attempt(status=503))
        self.tracking.is_confirmed, self.inbound.is_confirmed = True, False
        self.inbound.last_attempt = Attempt(status=404)
        self.assertEqual(
            self.seen(Attempt(status=200)), ["it answered 404: does it have webhooks?"]
        )
        self.inbound.is_confirmed, self.inbound.last_attempt = True, Attempt(status=200)
        self.assertEqual(self.seen(Attempt(status=200)), ["connected"])
        self.assertEqual(self.seen(Attempt(status=200)), [])

    def test_when_a_site_goes_down_and_comes_back(self):
        self.tracking.is_confirmed = True
        up, down = Attempt(status=200), Attempt(status=None, error="Nothing listens there.")
        found = self.seen(up, down, down, up)
        self.assertEqual(found, ["connected", "Nothing listens there", "connected"])

    def test_both_outputs_tell_it_without_the_password(self):
        self.tracking.last_attempt = Attempt(status=503)
        [state] = self.watch.changes()
        text, data = io.StringIO(), io.StringIO()
        for url, waits_for in (state, ("http://127.0.0.1:9000", "")):
            TextOutput(text, color=False).site(url, waits_for)
        JsonOutput(data).site(*state)
        waiting, confirmed = text.getvalue().splitlines()
        self.assertTrue(waiting.startswith("· Waiting for http://127.0.0.1:8000/: it answered 503"))
        self.assertEqual(confirmed, "· http://127.0.0.1:9000 is connected")
        site = json.loads(data.getvalue())["site"]
        self.assertEqual(site["url"], "http://127.0.0.1:8000/")
        self.assertIn("it answered 503", site["waits_for"])


class LogTests(SimpleTestCase):
    def test_everything_that_is_logged_has_structured_details(self):
        count = 0
        for path in (ROOT / "anymail/sandbox/aws").rglob("*.py"):
            for call in log_calls(ast.parse(path.read_text(encoding="utf-8"))):
                count += 1
                names = [keyword.arg for keyword in call.keywords]
                self.assertIn("extra", names, f"{path}:{call.lineno}")
        self.assertGreater(count, 0)


class JournalTests(SimpleTestCase):
    def sent(self, id: str, raw: bytes = b"") -> SentMail:
        return SentMail(
            id=id, operation="SendRawEmail", region="r", source="", recipients=[], raw=raw
        )

    def test_the_newest_come_first_and_the_oldest_are_forgotten(self):
        journal = Journal(keep=2)
        for id in "123":
            journal.add_sent(self.sent(id))
        self.assertEqual([mail.id for mail in journal.sent()], ["3", "2"])
        self.assertIsNone(journal.sent_mail("1"))

    def test_large_mails_are_forgotten_sooner_but_for_the_newest(self):
        journal = Journal(keep_bytes=10)
        for id, size in (("1", 5), ("2", 5), ("3", 1), ("4", 100)):
            journal.add_sent(self.sent(id, b"x" * size))
            if id == "3":
                self.assertEqual([mail.id for mail in journal.sent()], ["3", "2"])
        self.assertEqual([mail.id for mail in journal.sent()], ["4"])

    def test_what_happened_to_a_forgotten_mail_is_forgotten(self):
        journal = Journal(keep=1)
        event = SesEvent(kind="Send", document={})
        mail = self.sent("1")
        journal.add_sent(mail)
        journal.add_event(mail, event)
        journal.add_post(event, Post(sns_id="sns", topic_arn="t", url="u"))
        journal.add_sent(self.sent("2"))
        journal.add_signal(tracking_event(event_id="sns"))
        self.assertEqual(event.signals, [])

    def test_everything_that_happens_changes_the_version(self):
        journal = Journal()
        before = journal.version
        journal.add_sent(self.sent("1"))
        self.assertGreater(journal.version, before)
