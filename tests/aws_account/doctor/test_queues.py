"""Queues, and who empties them: D19 and D20."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from io import StringIO
from unittest import mock

from django.core.management import call_command

from anymail.amazon_ses import aws
from anymail.aws_account.doctor.findings import FixKind, Status
from anymail.aws_account.policies import allow_sns_to_send, document

from . import fixes
from .events import QUEUE, TOPIC, EventsTestCase

RETENTION = {"MessageRetentionPeriod": "1209600"}
POLICY = json.dumps(document(allow_sns_to_send(QUEUE, [TOPIC])))
REDRIVE = json.dumps({"deadLetterTargetArn": f"{QUEUE}-dead", "maxReceiveCount": "50"})
GOOD = {**RETENTION, "Policy": POLICY, "RedrivePolicy": REDRIVE}


class QueueTestCase(EventsTestCase):
    """The settings name a queue, whose dead-letter queue exists."""

    def setUp(self):
        super().setUp()
        self.use(AMAZON_SES_QUEUES=["events"])
        sqs = self.amazon.client("sqs")
        self.dead = sqs.create_queue(QueueName="events-dead", Attributes=RETENTION)["QueueUrl"]

    def create_queue(self, **changes):
        found = {**GOOD, **changes}
        given = {name: value for name, value in found.items() if value is not None}
        return super().create_queue(**given)

    def put(self, url: str) -> None:
        self.amazon.client("sqs").send_message(QueueUrl=url, MessageBody="{}")

    def assert_fixed(self, status: Status, text: str) -> None:
        result = self.check("D19")
        self.assert_status(status, result, text)
        self.fix(result)
        self.assertNotIn(text, str(self.check("D19").findings))
        self.fix(self.check("D19"))  # moto forgets a policy when another attribute is set
        self.assert_status(Status.OK, self.check("D19"))


class QueueTests(QueueTestCase):
    def test_none_is_used(self):
        self.use(AMAZON_SES_QUEUES=None)
        self.assert_status(Status.NOT_USED, self.check("D19"))
        self.assert_status(Status.NOT_USED, self.check("D20"))

    def test_a_good_one(self):
        self.create_queue()
        self.assert_status(Status.OK, self.check("D19"))

    def test_one_that_does_not_exist(self):
        result = self.check("D19")
        self.assert_status(Status.ERROR, result, "there is no queue events")
        self.fix(result)
        while (result := self.check("D19")).status is not Status.OK:
            self.assertTrue(list(fixes(result, FixKind.COMMAND)), result)
            self.fix(result)

    def test_a_policy_that_does_not_let_sns_in(self):
        self.create_queue(Policy=None)
        self.assert_fixed(Status.ERROR, "does not allow sns.amazonaws.com")

    def test_a_policy_for_another_topic(self):
        other = document(allow_sns_to_send(QUEUE, [f"{TOPIC}-old"]))
        self.create_queue(Policy=json.dumps(other))
        self.assert_fixed(Status.ERROR, "does not allow sns.amazonaws.com")

    def test_a_policy_for_everybody(self):
        open_to_all = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": QUEUE}
        self.create_queue(Policy=json.dumps(document(open_to_all)))
        self.assert_status(Status.ERROR, self.check("D19"), "every AWS account may put messages")

    def test_no_dead_letter_queue(self):
        self.create_queue(RedrivePolicy=None)
        self.assert_fixed(Status.WARNING, "events has no dead-letter queue")

    def test_a_dead_letter_queue_that_was_deleted(self):
        self.create_queue()
        self.amazon.client("sqs").delete_queue(QueueUrl=self.dead)
        self.assert_fixed(Status.ERROR, "the dead-letter queue of events does not exist")

    def test_messages_that_are_given_up_soon(self):
        redrive = REDRIVE.replace("50", "3")
        self.create_queue(RedrivePolicy=redrive)
        self.assert_fixed(Status.WARNING, "gives a message up after 3 tr")

    def test_messages_that_are_kept_for_a_short_time(self):
        self.create_queue(MessageRetentionPeriod="345600")
        self.assert_fixed(Status.WARNING, "events keeps a message for 4 days only")

    def test_messages_that_come_again_at_once(self):
        self.create_queue(VisibilityTimeout="0")
        self.assert_fixed(Status.WARNING, "events gives a message out again after 0 s")

    def test_dead_letters(self):
        self.create_queue()
        self.put(self.dead)
        self.assert_status(Status.WARNING, self.check("D19"), "1 message could not be handled")

    def test_a_key_that_sns_may_not_use(self):
        kms = self.amazon.client("kms")
        root = {"AWS": "arn:aws:iam::123456789012:root"}
        own = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
        key = kms.create_key(Policy=json.dumps(document(own)))["KeyMetadata"]["KeyId"]
        self.create_queue(KmsMasterKeyId=key)
        self.assert_fixed(Status.ERROR, "the policy of the key of events does not allow")


class ConsumerTests(QueueTestCase):
    def test_nothing_waits(self):
        self.create_queue()
        self.assert_status(Status.OK, self.check("D20"), "nothing waits in events")

    def test_nobody_handles_what_waits(self):
        self.put(self.create_queue(RedrivePolicy=None))
        result = self.check("D20")
        self.assert_status(Status.WARNING, result, "1 message in events, and nobody handles")
        [fix] = fixes(result, FixKind.COMMAND)
        *_, name = fix.text.split()
        call_command(name, "--exit-when-empty", "--wait", "0", stdout=StringIO(), stderr=StringIO())

    def test_what_waits_for_long_is_an_error(self):
        self.put(self.create_queue())
        point = {"Timestamp": datetime.now(timezone.utc), "Maximum": 3600.0}
        client = aws.client

        def with_cloudwatch(service, *args, **kwargs):
            if service != "cloudwatch":
                return client(service, *args, **kwargs)
            from botocore.stub import Stubber

            made = client(service, *args, **kwargs)
            stubber = Stubber(made)
            stubber.add_response("get_metric_statistics", {"Datapoints": [point]})
            stubber.activate()
            self.addCleanup(stubber.deactivate)
            return made

        with mock.patch("anymail.aws_account.doctor.context.aws.client", with_cloudwatch):
            self.assert_status(Status.ERROR, self.check("D20"), "for up to 60 min")
