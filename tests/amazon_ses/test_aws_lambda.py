"""What AWS Lambda passes to the handler, and what it is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.db import connection
from django.test import SimpleTestCase, TestCase, override_settings

from anymail import testing
from anymail.amazon_ses.aws_lambda import LambdaHandler, handler
from anymail.exceptions import AnymailAPIError, AnymailWebhookValidationFailure
from anymail.signals import account_changed, tracking

from ..log_guard import recorded
from .test_carriers import DISABLED, POISON, QUEUE, in_eventbridge, in_s3, in_sns
from .test_every_carrier import sqs_record

LOGGER = "anymail.amazon_ses"


class BrokenReceiverError(Exception):
    """What a receiver of the tests raises."""


class LambdaTestCase(SimpleTestCase):
    def setUp(self) -> None:
        self.events: list[Any] = []
        self.senders: set[Any] = set()
        for signal in (tracking, account_changed):
            signal.connect(self.receive)
            self.addCleanup(signal.disconnect, self.receive)

    def receive(self, sender: Any, event: Any, **kwargs: Any) -> None:
        self.senders.add(sender)
        if getattr(event, "recipient", None) == "broken@example.com":
            raise BrokenReceiverError
        self.events.append(event)

    def batch(self, *bodies: str) -> dict[str, Any]:
        records = [sqs_record(body, f"sqs-{number}") for number, body in enumerate(bodies)]
        return {"Records": records}

    def bounce(self, recipient: str = "ann@example.com") -> str:
        return json.dumps(in_sns(testing.ses_event("bounce", recipient=recipient)))

    def failed(self, *bodies: str) -> list[str]:
        """The ids of the messages that SQS is to deliver again."""
        with recorded(LOGGER) as self.records:
            answer = handler(self.batch(*bodies), None)
        assert answer is not None
        self.assertEqual(list(answer), ["batchItemFailures"])
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


class BatchTests(LambdaTestCase):
    def test_a_batch_that_was_handled_has_no_failures(self):
        self.assertEqual(self.failed(self.bounce(), self.bounce()), [])
        self.assertEqual((len(self.events), self.senders), (2, {LambdaHandler}))

    def test_only_the_message_whose_receiver_failed_comes_again(self):
        broken = self.bounce("broken@example.com")
        self.assertEqual(self.failed(self.bounce(), broken, self.bounce()), ["sqs-1"])
        self.assertEqual(len(self.events), 2)
        [record] = self.records
        self.assertIn("sqs-1", record.getMessage())
        self.assertIs(record.exc_info[0], BrokenReceiverError)
        self.assertEqual(record.anymail_queue, "ses-events")
        self.assertEqual(record.anymail_sqs_id, "sqs-1")

    def test_what_is_no_exception_fails_as_well(self):
        def leave(**kwargs: Any) -> None:
            sys.exit(0)

        tracking.connect(leave)
        self.addCleanup(tracking.disconnect, leave)
        self.assertEqual(self.failed(self.bounce()), ["sqs-0"])

    def test_a_message_without_events_is_done(self):
        setup = "Successfully validated SNS topic for Amazon SES event publishing."
        test = '{"Service": "Amazon S3", "Event": "s3:TestEvent"}'
        self.assertEqual(self.failed(json.dumps(in_sns(setup)), setup, test), [])
        self.assertEqual(self.events, [])

    def test_poison_is_logged_once_and_kept(self):
        bodies = [str(body) for body in POISON.values() if isinstance(body, str)]
        failed = self.failed(self.bounce(), *bodies, self.bounce())
        self.assertEqual(failed, [f"sqs-{number + 1}" for number in range(len(bodies))])
        self.assertEqual(len(self.events), 2)
        self.assertEqual([record.anymail_sqs_id for record in self.records], failed)
        self.assertEqual({(r.levelname, r.exc_info) for r in self.records}, {("ERROR", None)})

    def test_poison_is_logged_once_however_often_it_had_come_before(self):
        again = sqs_record("{}", str(uuid.uuid4()))
        with recorded(LOGGER) as records:
            for count in ("2", "3"):
                again["attributes"]["ApproximateReceiveCount"] = count
                answer = handler({"Records": [again]}, None)
                failures = [{"itemIdentifier": again["messageId"]}]
                self.assertEqual(answer, {"batchItemFailures": failures})
        self.assertEqual([record.levelname for record in records], ["ERROR"])

    def test_what_is_away_for_the_moment_is_a_warning(self):
        error = AnymailAPIError("S3 is away.", is_transient=True)
        with mock.patch("anymail.amazon_ses.queued.handle", side_effect=error):
            self.assertEqual(self.failed(self.bounce()), ["sqs-0"])
        self.assertEqual([(r.levelname, r.exc_info) for r in self.records], [("WARNING", None)])

    @override_settings(ANYMAIL={"AMAZON_SES_QUEUE_POISON": "delete"})
    def test_poison_is_logged_and_deleted_if_the_setting_says_so(self):
        self.assertEqual(self.failed("{}", self.bounce("broken@example.com")), ["sqs-1"])
        self.assertEqual(self.records[0].anymail_sqs_id, "sqs-0")

    def test_raw_messages_have_the_id_and_time_of_sqs(self):
        self.failed(json.dumps(testing.ses_event("bounce")))
        [event] = self.events
        self.assertEqual((event.event_id, event.queue_arn), ("sqs-0", QUEUE))
        sent = datetime(2025, 3, 4, 5, 6, 8, 123000, tzinfo=timezone.utc)
        self.assertEqual(event.timestamp, sent)


class InvocationTests(LambdaTestCase):
    def test_other_invocations_return_nothing(self):
        for event in (
            {"Records": [{"EventSource": "aws:sns", "Sns": json.loads(self.bounce())}]},
            in_eventbridge(testing.ses_event("bounce")),
            in_s3("a", eventName="ObjectRemoved:Delete"),
            DISABLED,
        ):
            with self.subTest(event):
                self.assertIsNone(handler(event, None))
        self.assertEqual(len(self.events), 3)

    def test_a_receiver_that_fails_makes_lambda_try_again(self):
        document = testing.ses_event("bounce", recipient="broken@example.com")
        with self.assertRaises(BrokenReceiverError):
            handler(in_eventbridge(document), None)

    def test_poison_is_raised_so_that_it_reaches_the_destination_for_failures(self):
        for event in ({}, {"Records": []}, {"Records": None}, {"key1": "value1"}):
            with (
                self.subTest(event),
                recorded(LOGGER) as records,
                self.assertRaises(AnymailWebhookValidationFailure),
            ):
                handler(event, None)
            self.assertEqual(len(records), 1)

    @override_settings(ANYMAIL={"AMAZON_SES_QUEUE_POISON": "delete"})
    def test_poison_is_only_logged_if_the_setting_says_so(self):
        with recorded(LOGGER) as records:
            context = SimpleNamespace(aws_request_id="request-1")
            self.assertIsNone(handler({"key1": "value1"}, context))
        self.assertEqual(records[0].anymail_lambda_request, "request-1")
        self.assertEqual(len(records), 1)

    @override_settings(ANYMAIL={"AMAZON_SES_QUEUE_TRUST": "signature"})
    def test_unsigned_events_are_refused_if_signatures_are_required(self):
        with (
            recorded(LOGGER),
            self.assertRaisesMessage(AnymailWebhookValidationFailure, "AMAZON_SES_QUEUE_TRUST"),
        ):
            handler(in_eventbridge(testing.ses_event("bounce")), None)
        self.assertEqual(self.events, [])


class ConnectionTests(TestCase):
    """Lambda freezes a process between invocations, and the database hangs up in the meantime."""

    def test_connections_are_checked_around_each_message(self):
        messages = [sqs_record("{}", str(number)) for number in range(3)]
        with (
            recorded(LOGGER),
            mock.patch.object(connection, "close_if_unusable_or_obsolete") as check,
        ):
            handler({"Records": messages}, None)
        self.assertEqual(check.call_count, 6)


class SetUpTests(SimpleTestCase):
    def test_the_handler_sets_django_up(self):
        """In a process that knows nothing but DJANGO_SETTINGS_MODULE, as Lambda starts it."""
        code = (
            "from anymail.amazon_ses.aws_lambda import handler\n"
            "import json, sys\n"
            "from anymail.signals import tracking\n"
            "found = []\n"
            "tracking.connect(lambda event, **kwargs: found.append(event.event_type), weak=False)\n"
            "answer = handler(json.load(sys.stdin), None)\n"
            "from django.apps import apps\n"
            "print(json.dumps([answer, found, apps.ready]))\n"
        )
        event = {"Records": [sqs_record(json.dumps(testing.ses_event("bounce")))]}
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(event),
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout), [{"batchItemFailures": []}, ["bounced"], True])
