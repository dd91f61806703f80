"""What is repeated and what is not, counted on the server's side."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from django.test import SimpleTestCase

from anymail.amazon_ses import aws, delivery, pacing
from anymail.amazon_ses.pacing import ConcurrencyLimiter, TokenBucket
from anymail.backends.amazon_ses import EmailBackend
from anymail.calls import ApiCall
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailAPIError

from ..fake_clock import Clock
from ..local_sns import PATIENCE, wait_until
from ..ses import CREDENTIALS, loopback_server, simple_message, v1_error, v1_success

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
        with mock.patch.object(TokenBucket, "acquire", side_effect=[0.3, 0]):
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
                self.assertEqual(message.anymail_status.status, {"unknown"})

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

    def test_texts_do_not_speak_of_retries_that_are_not_wanted(self) -> None:
        _, error, _ = self.send([(503, v1_error("ServiceUnavailable", "busy"))])
        self.assertIn("busy", str(error))
        self.assertNotIn("max retries", str(error))

    def test_a_region_that_does_not_exist_is_told(self) -> None:
        params = {**CREDENTIALS, "region_name": "eu-west-99"}
        with (
            mock.patch("socket.getaddrinfo", side_effect=socket.gaierror("no such name")),
            self.assertRaisesMessage(AnymailAPIError, "the region 'eu-west-99'") as caught,
        ):
            EmailBackend(client_params=params).send_messages([simple_message()])
        self.assertIs(caught.exception.is_transient, False)
        self.assertIs(caught.exception.is_unsent, True)
        self.assertEqual(caught.exception.scope, "account")

    def test_a_region_that_exists_is_not_blamed(self) -> None:
        with (
            mock.patch("socket.getaddrinfo", side_effect=socket.gaierror("no such name")),
            self.assertRaisesMessage(AnymailAPIError, "Could not connect") as caught,
        ):
            EmailBackend(client_params=CREDENTIALS).send_messages([simple_message()])
        self.assertIs(caught.exception.is_transient, True)

    def test_a_pause_is_logged_without_addresses(self) -> None:
        with self.assertLogs("anymail.amazon_ses.delivery", "INFO") as logs:
            self.send([self.RATE, self.OK])
        self.assertIn("Throttling", logs.output[0])
        self.assertNotIn("@", logs.output[0])


class Pauses(threading.Event):
    """Stands for a call's ``cancelled``: notes what is waited for, and moves the clock instead."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        self.clock.now += timeout + 2 * pacing.THROTTLE_WINDOW
        return False


class PauseTests(SimpleTestCase):
    """What ``run()`` does between its attempts, against an SES that throttles."""

    def run_throttled(self, times: int) -> tuple[list[float], ConcurrencyLimiter]:
        """The pauses after so many throttled calls, and the limiter after the one that is not."""
        clock = Clock()
        answers = [(400, v1_error("Throttling", "Maximum sending rate exceeded."))] * times
        answers.append((200, v1_success()))
        call = ApiCall(
            operation="send_raw_email", params={"RawMessage": {"Data": b"x"}}, recipients=()
        )
        pauses = Pauses(clock)
        object.__setattr__(call, "cancelled", pauses)
        with (
            loopback_server(lambda request, number: answers[number - 1]) as server,
            clock.in_use(),
        ):
            settings = AmazonSESSettings.load(
                {
                    "client_params": {**CREDENTIALS, "endpoint_url": server.url},
                    "max_concurrency": 8,
                    "throttle_timeout": 600,
                }
            )
            client = aws.client("ses", settings)
            delivery.run(call, client, settings)
            self.assertEqual(len(server.requests), times + 1)
            return pauses.seconds, delivery.limiter_for(client, settings)

    def test_pauses_are_by_chance_and_grow_up_to_two_seconds(self) -> None:
        pauses, _ = self.run_throttled(6)
        self.assertEqual(len(pauses), 6)
        for pause, longest in zip(pauses, (0.25, 0.5, 1, 2, 2, 2), strict=True):
            self.assertGreater(pause, 0)
            self.assertLessEqual(pause, longest)

    def test_two_runs_do_not_pause_alike(self) -> None:
        self.assertNotEqual(self.run_throttled(5)[0], self.run_throttled(5)[0])

    def test_the_limiter_is_told_of_each_refusal_and_each_success(self) -> None:
        _, limiter = self.run_throttled(2)
        self.assertEqual(limiter.allowed, 8 / 2 / 2 + 1 / 2)

    def test_backends_of_one_client_share_the_limit_of_calls_at_once(self) -> None:
        busy, most, lock, go_on = 0, 0, threading.Lock(), threading.Event()

        def answer(request: Any, number: int) -> Any:
            nonlocal busy, most
            with lock:
                busy += 1
                most = max(most, busy)
            if number <= 2:
                go_on.wait(PATIENCE)
            with lock:
                busy -= 1
            return (200, v1_success())

        with loopback_server(answer) as server:
            settings = AmazonSESSettings.load(
                {
                    "client_params": {**CREDENTIALS, "endpoint_url": server.url},
                    "max_concurrency": 2,
                }
            )
            client = aws.client("ses", settings)
            calls = [
                ApiCall(
                    operation="send_raw_email", params={"RawMessage": {"Data": b"x"}}, recipients=()
                )
                for _ in range(6)
            ]
            threads = [
                threading.Thread(target=delivery.run, args=(call, client, settings))
                for call in calls
            ]
            for thread in threads:
                thread.start()
            limiter = delivery.limiter_for(client, settings)
            waiting: Any = limiter._changed
            wait_until(lambda: busy + len(waiting._waiters) == len(threads) or busy > 2)
            go_on.set()
            for thread in threads:
                thread.join()
        self.assertEqual(most, 2)
