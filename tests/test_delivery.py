"""What is repeated and what is not, counted on the server's side."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from django.test import SimpleTestCase

from anymail.amazon_ses import delivery
from anymail.amazon_ses.pacing import Pace
from anymail.backends.amazon_ses import EmailBackend
from anymail.exceptions import AnymailAPIError

from .local_sns import PATIENCE, wait_until
from .ses import CREDENTIALS, loopback_server, simple_message, v1_error, v1_success

Script = list[Any]


class DeliveryTests(SimpleTestCase):
    def setUp(self) -> None:
        patch = mock.patch.object(delivery, "FIRST_PAUSE", 0.001)
        patch.start()
        self.addCleanup(patch.stop)

    def send(self, script: Script, **options: Any) -> tuple[Any, AnymailAPIError | None, int]:
        """Answer requests by a script, whose last entry repeats; return message, error, count."""

        def answer(request: Any, number: int) -> Any:
            step = script[min(number, len(script)) - 1]
            return step() if isinstance(step, Callable) else step  # type: ignore[arg-type]

        message = simple_message()
        read_timeout = 0.6 if self.late in script else PATIENCE
        config = {"read_timeout": read_timeout, **options.pop("config", {})}
        with loopback_server(answer) as server:
            backend = EmailBackend(
                session_params=CREDENTIALS,
                client_params={"endpoint_url": server.url, "config": config},
                **options,
            )
            try:
                backend.send_messages([message])
            except AnymailAPIError as err:
                wait_until(lambda: server.requests)
                return message, err, len(server.requests)
            return message, None, len(server.requests)

    RATE = (400, v1_error("Throttling", "Maximum sending rate exceeded."))
    QUOTA = (400, v1_error("Throttling", "Daily message quota exceeded."))
    OK = (200, v1_success())

    @staticmethod
    def late() -> tuple[int, bytes]:
        time.sleep(PATIENCE)  # nobody waits for this thread
        return 200, v1_success()

    def test_a_throttled_call_is_repeated_until_it_is_accepted(self) -> None:
        message, error, count = self.send([self.RATE, self.RATE, self.RATE, self.RATE, self.OK])
        self.assertEqual((error, count), (None, 5))
        self.assertEqual(message.anymail_status.status, {"queued"})

    def test_it_is_given_up_after_the_throttle_timeout(self) -> None:
        _, error, count = self.send([self.RATE], throttle_timeout=0.05)
        assert error is not None
        self.assertTrue(error.is_throttled)
        self.assertTrue(error.is_transient)
        self.assertGreater(count, 1)

    def test_to_wait_for_the_first_turn_is_not_to_be_throttled(self) -> None:
        with mock.patch.object(Pace, "reserve", side_effect=[0.3, 0]):
            script = [self.RATE, self.OK]
            _, error, count = self.send(script, throttle_timeout=0.2, max_send_rate=1)
        self.assertEqual((error, count), (None, 2))

    def test_without_a_throttle_timeout_it_is_given_up_at_once(self) -> None:
        self.assertEqual(self.send([self.RATE], throttle_timeout=0)[2], 1)

    def test_a_daily_quota_is_not_repeated(self) -> None:
        _, error, count = self.send([self.QUOTA, self.OK])
        assert error is not None
        self.assertEqual(count, 1)
        self.assertTrue(error.is_throttled)
        self.assertFalse(error.is_transient)
        self.assertIn("quota", str(error))

    def test_503_is_repeated_a_few_times(self) -> None:
        busy = (503, v1_error("ServiceUnavailable", "busy"))
        _, error, count = self.send([busy, busy, self.OK])
        self.assertEqual((error, count), (None, 3))
        _, error, count = self.send([busy])
        self.assertEqual(count, delivery.MAX_ATTEMPTS)
        assert error is not None
        self.assertTrue(error.is_transient)

    def test_what_may_have_been_accepted_is_never_posted_again(self) -> None:
        for name, step in (
            ("read timeout", self.late),
            ("connection closed", None),
            ("500", (500, v1_error("InternalFailure", "x"))),
            ("502", (502, b"<html>bad gateway</html>")),
            ("504", (504, b"")),
            ("garbage", (200, b"<not xml")),
        ):
            with self.subTest(name):
                message, error, count = self.send([step, self.OK])
                self.assertEqual(count, 1)
                assert error is not None
                self.assertTrue(error.is_transient)
                self.assertIsNotNone(error.__cause__)
                self.assertIsNone(message.anymail_status.status)

    def test_not_even_when_botocore_is_told_to_retry(self) -> None:
        retries = {"retries": {"max_attempts": 5, "mode": "standard"}}
        self.assertEqual(self.send([self.late, self.OK], config=retries)[2], 1)

    def test_it_is_posted_again_when_the_setting_says_so(self) -> None:
        for step in (self.late, None, (500, v1_error("InternalFailure", "x"))):
            config = {"read_timeout": 3.0}  # also for the second answer
            _, error, count = self.send([step, self.OK], retry_timeouts=True, config=config)
            self.assertEqual((error, count), (None, 2))

    def test_a_refusal_is_not_repeated(self) -> None:
        _, error, count = self.send([(400, v1_error("MessageRejected", "no")), self.OK])
        assert error is not None
        self.assertEqual((error.error_code, count), ("MessageRejected", 1))
        self.assertFalse(error.is_transient)

    def test_a_connection_that_was_never_made_is_tried_again(self) -> None:
        client = mock.Mock(spec=["send_raw_email"])
        from botocore.exceptions import EndpointConnectionError

        client.send_raw_email.side_effect = [
            EndpointConnectionError(endpoint_url="x"),
            {"MessageId": "m"},
        ]
        with mock.patch("anymail.amazon_ses.aws.client", return_value=client):
            self.assertEqual(EmailBackend().send_messages([simple_message()]), 1)

    def test_refused_connections_end_in_a_transient_error(self) -> None:
        backend = EmailBackend(
            session_params=CREDENTIALS, client_params={"endpoint_url": "http://127.0.0.1:1"}
        )
        with self.assertRaises(AnymailAPIError) as caught:
            backend.send_messages([simple_message()])
        self.assertEqual(caught.exception.error_code, "EndpointConnectionError")
        self.assertTrue(caught.exception.is_transient)

    def test_a_pause_is_logged_without_addresses(self) -> None:
        with self.assertLogs("anymail.amazon_ses.delivery", "INFO") as logs:
            self.send([self.RATE, self.OK])
        self.assertIn("Throttling", logs.output[0])
        self.assertNotIn("@", logs.output[0])
