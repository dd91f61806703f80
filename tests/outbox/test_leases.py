"""What was claimed is posted only as long as the lease lasts, whatever a call waits for."""

from __future__ import annotations

import time
from typing import Any

from botocore.exceptions import ClientError
from django.test import SimpleTestCase

from anymail.amazon_ses import delivery
from anymail.calls import ApiCall
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailAPIError
from anymail.outbox.leases import Lease, Revoked, Unposted, post_in_turn


def end(lease: Lease) -> None:
    """What the worker finds when it was stopped for too long."""
    boot, now = lease.now()
    lease.renewed((boot - lease.seconds - 1, now - lease.seconds - 1))


class BusySES:
    """Answers 503; meanwhile a lease ends."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.posted = 0

    def send_raw_email(self) -> None:
        self.posted += 1
        end(self.lease)
        response: Any = {
            "Error": {"Code": "ServiceUnavailable", "Message": ""},
            "ResponseMetadata": {"HTTPStatusCode": 503},
        }
        raise ClientError(response, "SendRawEmail")


class LeaseTests(SimpleTestCase):
    def setUp(self) -> None:
        self.lease = Lease(60)
        self.call = ApiCall(
            operation="send_raw_email", params={}, recipients=(), cancelled=Revoked(self.lease)
        )

    def post(self, run: Any) -> Any:
        return post_in_turn(self.call, time.monotonic(), run)

    def test_a_call_is_posted_while_the_lease_lasts(self) -> None:
        self.assertEqual(self.post(lambda call: {"MessageId": "1"}), {"MessageId": "1"})

    def test_a_call_is_not_posted_after_the_lease(self) -> None:
        end(self.lease)
        with self.assertRaises(Unposted):
            self.post(lambda call: self.fail("posted"))

    def test_a_call_that_was_cancelled_is_not_posted(self) -> None:
        self.call.cancelled.set()
        with self.assertRaises(Unposted):
            self.post(lambda call: self.fail("posted"))

    def test_a_call_is_not_repeated_after_the_lease(self) -> None:
        ses = BusySES(self.lease)
        settings = AmazonSESSettings.load({"AMAZON_SES_MAX_SEND_RATE": None})
        with self.assertRaises(Unposted):
            self.post(lambda call: delivery.run(call, ses, settings))
        self.assertEqual(ses.posted, 1)

    def test_a_call_without_an_answer_is_not_said_to_be_unposted(self) -> None:
        def run(call: ApiCall) -> Any:
            call.cancelled.set()
            raise AnymailAPIError("no answer", is_unsent=False)

        with self.assertRaises(AnymailAPIError):
            self.post(run)
