from __future__ import annotations

import io
import json
import os
import tempfile
import time
from contextlib import redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from django.core.management import call_command
from django.core.management.base import CommandError

from anymail.amazon_ses.timestamps import utc_now
from anymail.consumer.starting import Stop
from anymail.sandbox.aws.defaults import REGION

from . import ConsumerTestCase, event_body


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class CommandTests(ConsumerTestCase):
    def call(self, *args: str, out: Any = None) -> str:
        out = out or io.StringIO()
        call_command("anymail_consume", *args, stdout=out, skip_checks=True)
        return out.getvalue()

    def refused(self, *args: str) -> CommandError:
        with self.assertRaises(CommandError) as caught:
            self.call(*args)
        return caught.exception

    def queue(self) -> str:
        return self.sqs.create_queue(max_receives=50)


class ConsumeTests(CommandTests):
    def test_it_prints_nothing_without_a_terminal(self):
        name = self.queue()
        self.sqs.send(name, event_body(), event_body())
        with self.receiving() as received:
            self.assertEqual(self.call(name, "--max-messages", "2"), "")
        self.assertEqual((len(received), self.sqs.count(name)), (2, 0))

    def test_on_a_terminal_it_shows_how_it_gets_on(self):
        name = self.queue()
        self.sqs.send(name, event_body())
        with self.receiving():
            text = self.call(name, "--exit-when-empty", out=Terminal())
        self.assertIn(f"Consuming {name}: 1 message waiting.", text)
        self.assertIn("1 handled · ", text)
        self.assertIn("Handled 1 message (1 event) in ", text)
        with self.receiving():
            text = self.call(name, "--exit-when-empty", "--verbosity", "0", out=Terminal())
        self.assertEqual(text, "")

    def test_json_has_all_that_was_counted(self):
        name = self.queue()
        self.sqs.send(name, event_body(), "poison")
        with self.receiving(), self.assertLogs("anymail", "ERROR"):
            line = self.call(name, "--max-messages", "2", "--json")
        found = json.loads(line)
        self.assertGreater(found.pop("lag"), 0)
        self.assertEqual(
            found,
            {
                "queues": [name],
                "received": 2,
                "handled": 1,
                "events": 1,
                "failed": 0,
                "poison": 1,
                "returned": 0,
                "in_hand": 0,
            },
        )

    def test_the_queues_of_the_settings_are_the_default(self):
        name = self.queue()
        self.sqs.send(name, event_body())
        anymail = self.sqs.settings(AMAZON_SES_QUEUES=[name])
        with self.settings(ANYMAIL=anymail), self.receiving() as received:
            self.call("--max-messages", "1")
        self.assertEqual(len(received), 1)

    def test_without_a_queue_it_says_what_to_type(self):
        err = self.refused()
        self.assertEqual(err.returncode, 2)
        self.assertIn("manage.py anymail_consume my-queue", str(err))

    def test_what_sqs_refuses_ends_it_with_2_and_what_to_type(self):
        err = self.refused("no-such-queue")
        self.assertEqual(err.returncode, 2)
        self.assertIn("aws sqs list-queues", str(err))
        name = self.queue()
        self.sqs.fault = lambda operation, parameters: (
            (400, "AccessDenied") if operation == "ReceiveMessage" else None
        )
        err = self.refused(name)
        self.assertEqual(err.returncode, 2)
        self.assertIn(f"needs the permission sqs:ReceiveMessage on {name}", str(err))

    def test_a_fifo_queue_is_refused(self):
        self.assertEqual(self.refused("events.fifo").returncode, 2)

    def test_a_health_file_that_cannot_be_written_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            err = self.refused(self.queue(), "--health-file", str(Path(folder) / "no" / "file"))
        self.assertIn("--health-file cannot be written", str(err))

    def test_numbers_out_of_range_are_refused(self):
        for option, value in (
            ("--threads", "0"),
            ("--wait", "21"),
            ("--max-messages", "x"),
            ("--grace", "nan"),
            ("--grace", "inf"),
            ("--grace", "-1"),
            ("--max-seconds", "inf"),
            ("--max-seconds", "1e12"),
        ):
            with self.subTest(option, value=value):
                self.assertIn("must be ", str(self.refused("x", f"{option}={value}")))

    def test_it_ends_when_its_time_is_over(self):
        start = time.monotonic()
        self.call(self.queue(), "--max-seconds", "0.5")
        self.assertLess(time.monotonic() - start, 10)

    def test_it_warns_of_a_queue_whose_dead_letters_are_lost_or_come_soon(self):
        logger = "anymail.management.commands.anymail_consume"
        for max_receives, text in (
            (None, "has no dead-letter queue"),
            (1, "maxReceiveCount 1: a message"),
            (10, "goes to the dead-letter queue after 17 min"),
        ):
            name = self.sqs.create_queue(max_receives=max_receives)
            with self.subTest(text), self.assertLogs(logger, "WARNING") as logs:
                self.call(name, "--exit-when-empty")
            self.assertIn(text, logs.output[0])
            self.assertIn("RedrivePolicy", logs.output[0])
            self.assertIn("50", logs.output[0])

    def test_it_does_not_warn_of_a_queue_that_has_what_it_recommends(self):
        with self.assertNoLogs("anymail", "WARNING"):
            self.call(self.queue(), "--exit-when-empty")


class StartTests(CommandTests):
    """Until AWS has told what the queues are."""

    def answer(self, *answers: tuple[int, str]) -> None:
        """Have SQS answer its first requests so."""
        left = iter(answers)
        self.sqs.fault = lambda operation, parameters: next(left, None)

    def test_it_goes_on_after_what_the_running_consumer_goes_on_after(self):
        for status, code in ((503, "Away"), (403, "ExpiredToken"), (400, "KmsThrottled")):
            name = self.queue()
            self.sqs.send(name, event_body())
            self.answer((status, code))
            with (
                self.subTest(code),
                self.receiving() as received,
                self.assertLogs("anymail.consumer", "WARNING") as logs,
            ):
                self.call(name, "--max-messages", "1")
                self.assertIn("Trying again in 1 s", logs.output[0])
                self.assertEqual(len(received), 1)

    def test_it_waits_for_credentials(self):
        settings = self.sqs.settings(AMAZON_SES_SESSION_PARAMS={"region_name": REGION})
        environ = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
        with (
            self.settings(ANYMAIL=settings),
            mock.patch.dict("os.environ", environ, clear=True),
            self.assertLogs("anymail.consumer", "WARNING") as logs,
        ):
            self.call("events", "--max-seconds", "1")
        self.assertIn("credentials", logs.output[0])

    def test_without_a_region_it_ends_with_2(self):
        environ = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
        with self.settings(ANYMAIL={}), mock.patch.dict("os.environ", environ, clear=True):
            self.assertEqual(self.refused("events").returncode, 2)

    def test_its_time_is_counted_from_its_first_request(self):
        name, start = self.queue(), time.monotonic()
        self.sqs.fault = lambda operation, parameters: (503, "Away")
        with self.assertLogs("anymail.consumer", "WARNING"):
            self.call(name, "--max-seconds", "2")
        self.assertLess(time.monotonic() - start, 20)

    def test_it_touches_the_health_file_meanwhile(self):
        name, seen = self.queue(), []

        def away_twice(operation: str, parameters: Any) -> tuple[int, str] | None:
            if len(seen) == 2:
                return None
            seen.append(path.stat().st_mtime)
            os.utime(path, (0, 0))
            return 503, "Away"

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "healthy"
            self.sqs.fault = away_twice
            with self.assertLogs("anymail.consumer", "WARNING"):
                self.call(name, "--exit-when-empty", "--health-file", str(path))
        self.assertGreater(min(seen), 0)

    def test_no_consumer_begins_after_it_was_told_to_stop(self):
        stop = Stop()
        stop.request()
        name = self.queue()
        self.sqs.send(name, event_body())
        consumer = self.consumer(name, max_messages=1)
        stop.pass_to(consumer)
        with self.receiving() as received:
            consumer.run()
        self.assertEqual((received, self.sqs.count(name)), ([], 1))


class StatusTests(CommandTests):
    def test_a_table_for_people(self):
        name = self.queue()
        self.sqs.send(name, *["x"] * 3)
        self.sqs.send(f"{name}-dead", "x")
        header, row = self.call(name, "--status").splitlines()
        self.assertEqual(header.split()[:2], ["queue", "waiting"])
        self.assertEqual(row.split(), [name, "3", "0", "0", "?", "1", "in", f"{name}-dead"])

    def test_json_for_scripts(self):
        name = self.queue()
        self.sqs.send(f"{name}-dead", "x", "y")
        [found] = json.loads(self.call(name, "--status", "--json"))
        self.assertEqual(found["queue"], name)
        self.assertEqual((found["waiting"], found["dead_letters"]), (0, 2))
        self.assertEqual(found["dead_letter_queue"], f"{name}-dead")
        self.assertEqual(found["visibility_timeout"], 30)

    def test_the_age_is_from_cloudwatch(self):
        name = self.queue()
        self.sqs.send(name, "x")
        self.sqs.client("cloudwatch").put_metric_data(
            Namespace="AWS/SQS",
            MetricData=[
                {
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": [{"Name": "QueueName", "Value": name}],
                    "Value": 7200,
                    "Timestamp": utc_now() - timedelta(minutes=2),
                }
            ],
        )
        self.assertIn("2 h", self.call(name, "--status"))
        [found] = json.loads(self.call(name, "--status", "--json"))
        self.assertEqual(found["oldest_seconds"], 7200)

    def test_a_queue_without_dead_letters_says_so(self):
        text = self.call(self.sqs.create_queue(), "--status")
        self.assertIn("no dead-letter queue", text)

    def test_what_is_refused_is_unknown(self):
        name = self.queue()
        self.sqs.fault = lambda operation, parameters: (
            (400, "AccessDenied") if "dead" in str(parameters) else None
        )
        self.assertIn(f"? in {name}-dead", self.call(name, "--status"))


class RedriveTests(CommandTests):
    def redrive(self, answer: str, *options: str) -> tuple[str, str]:
        self.name = self.queue()
        self.sqs.send(f"{self.name}-dead", "x", "y")
        with mock.patch("builtins.input", return_value=answer) as asked:
            text = self.call(self.name, "--redrive", *options)
        return text, asked.call_args.args[0] if asked.called else ""

    def test_it_moves_dead_letters_back(self):
        text, question = self.redrive("y")
        self.assertIn(f"Move 2 messages from {self.name}-dead", question)
        self.assertIn("SQS moves 2 messages", text)
        self.assertEqual((self.sqs.count(self.name), self.sqs.count(f"{self.name}-dead")), (2, 0))

    def test_it_does_nothing_without_a_yes(self):
        text, _ = self.redrive("")
        self.assertEqual((text, self.sqs.count(f"{self.name}-dead")), ("", 2))

    def test_it_asks_nobody_with_noinput(self):
        _, question = self.redrive("n", "--noinput")
        self.assertEqual((question, self.sqs.count(self.name)), ("", 2))

    def test_where_nobody_can_answer_it_says_what_to_add(self):
        name = self.queue()
        self.sqs.send(f"{name}-dead", "x")
        for stdin in (None, io.StringIO()):
            with (
                self.subTest(stdin),
                mock.patch("sys.stdin", stdin),
                redirect_stdout(io.StringIO()),
            ):
                self.assertIn("--noinput", str(self.refused(name, "--redrive")))

    def test_it_says_if_there_is_nothing_to_move(self):
        name = self.queue()
        self.assertIn(f"{name}-dead is empty.", self.call(name, "--redrive"))

    def test_a_queue_without_dead_letters_is_an_error(self):
        name = self.sqs.create_queue()
        err = self.refused(name, "--redrive")
        self.assertEqual(err.returncode, 1)
        self.assertIn(f"{name} has no dead-letter queue", str(err))

    def test_what_sqs_refuses_is_an_error(self):
        for operation in ("GetQueueAttributes", "StartMessageMoveTask"):
            name = self.queue()
            self.sqs.send(f"{name}-dead", "x")
            self.sqs.fault = lambda found, parameters, operation=operation: (
                (400, "AccessDenied") if found == operation and "-dead" in str(parameters) else None
            )
            with self.subTest(operation):
                err = self.refused(name, "--redrive", "--noinput")
                self.assertEqual(err.returncode, 2)
                self.assertIn(f"sqs:{operation} on", str(err))
                self.assertIn(f"{name}-dead", str(err))
            self.sqs.fault = lambda operation, parameters: None

    def test_dead_letters_that_two_queues_share_are_moved_once(self):
        name = self.queue()
        other = self.sqs.create_queue(max_receives=50, dead_letters=f"{name}-dead")
        self.sqs.send(f"{name}-dead", "x")
        self.sqs.fault = lambda operation, parameters: (
            {"TaskHandle": "task"} if operation == "StartMessageMoveTask" else None
        )
        self.call(name, other, "--redrive", "--noinput")
        self.assertEqual(self.sqs.operations().count("StartMessageMoveTask"), 1)
