"""How fast a client may send."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import Any
from unittest import mock

from django.core.cache import caches
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses import aws, delivery, pacing
from anymail.amazon_ses.pacing import ConcurrencyLimiter, TokenBucket
from anymail.amazon_ses.shared_rate import SharedRateLimiter
from anymail.backends.amazon_ses import EmailBackend
from anymail.backends.amazon_sesv1 import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.conf import AmazonSESSettings

from ..fake_clock import Clock, ClockTestCase
from ..local_sns import PATIENCE
from ..ses import send, simple_message, stubbed
from .test_quota import FakeAccount, real_client


class TokenBucketTests(ClockTestCase):
    def test_a_burst_then_evenly_spread(self) -> None:
        rate_limiter = TokenBucket(10)
        waits = [rate_limiter.acquire(1) for _ in range(12)]
        self.assertEqual(waits[:9], [0.0] * 9)
        for wait, expected in zip(waits[9:], (0.1, 0.2, 0.3), strict=True):
            self.assertAlmostEqual(wait, expected)

    def test_recipients_count_not_calls(self) -> None:
        rate_limiter = TokenBucket(10)
        self.assertEqual(rate_limiter.acquire(50), 0)
        self.assertAlmostEqual(rate_limiter.acquire(1), 5 - pacing.BURST)

    def test_what_was_not_used_is_not_saved(self) -> None:
        rate_limiter = TokenBucket(10)
        rate_limiter.acquire(1)
        self.clock.now += 3600
        waits = [rate_limiter.acquire(1) for _ in range(10)]
        self.assertGreater(waits[-1], 0)


class ConcurrencyLimiterTests(ClockTestCase):
    def allowed(self, limiter: ConcurrencyLimiter) -> int:
        """How many calls it lets run at once."""
        inside: list[int] = []
        release = threading.Event()

        def call() -> None:
            with limiter.slot(1, threading.Event()):
                inside.append(1)
                release.wait(PATIENCE)

        threads = [threading.Thread(target=call) for _ in range(limiter.limit)]
        for thread in threads:
            thread.start()
        waiting: Any = limiter._changed
        while len(inside) + len(waiting._waiters) < len(threads):
            time.sleep(0.001)
        most = len(inside)
        release.set()
        for thread in threads:
            thread.join()
        return most

    def test_throttling_halves_how_many_run_at_once(self) -> None:
        limiter = ConcurrencyLimiter(8, None)
        self.assertEqual(self.allowed(limiter), 8)
        limiter.throttled()
        self.assertEqual(self.allowed(limiter), 4)

    def test_several_refusals_of_one_moment_count_once(self) -> None:
        limiter = ConcurrencyLimiter(8, None)
        for _ in range(8):
            limiter.throttled()
        self.assertEqual(self.allowed(limiter), 4)

    def test_it_never_stops_and_recovers_step_by_step(self) -> None:
        limiter = ConcurrencyLimiter(4, None)
        for _ in range(10):
            self.clock.now += 1
            limiter.throttled()
        self.assertEqual(self.allowed(limiter), 1)
        limiter.accepted()
        self.assertEqual(self.allowed(limiter), 2)
        for _ in range(20):
            limiter.accepted()
        self.assertEqual(self.allowed(limiter), 4)


class SettingTests(SimpleTestCase):
    def test_both_apis_tell_the_rate_of_the_account(self) -> None:
        quota: dict[str, Any] = {
            "Max24HourSend": 200.0,
            "MaxSendRate": 14.0,
            "SentLast24Hours": 0.0,
        }
        for backend, service, operation, answer in (
            (EmailBackend, "ses", "get_send_quota", quota),
            (V2Backend, "sesv2", "get_account", {"SendQuota": quota}),
        ):
            with self.subTest(service), stubbed(service) as stub:
                stub.add_response(operation, answer)
                send = "send_raw_email" if service == "ses" else "send_email"
                stub.add_response(send, {"MessageId": "m"})
                sender = backend(max_send_rate="account")
                self.assertEqual(sender.send_messages([simple_message()]), 1)
                limiter = delivery.limiter_for(stub.client, sender.settings)
                assert limiter.rate_limiter is not None
                self.assertEqual(limiter.rate_limiter.rate, 14)

    def test_a_client_that_cannot_be_a_key_works(self) -> None:
        class Double(dict[str, Any]):
            def send_raw_email(self, **params: Any) -> dict[str, str]:
                return {"MessageId": "m"}

        with mock.patch.object(aws, "client", return_value=Double()):
            self.assertEqual(EmailBackend().send_messages([simple_message()]), 1)

    def test_one_client_has_one_limiter_for_all_threads(self) -> None:
        settings = AmazonSESSettings.load({"max_send_rate": 5})
        client = mock.Mock()
        found = {id(delivery.limiter_for(client, settings)) for _ in range(3)}
        self.assertEqual(len(found), 1)

    def test_clients_that_nobody_uses_any_more_are_freed(self) -> None:
        settings = AmazonSESSettings.load({"max_send_rate": "account"})
        client = FakeAccount()
        self.assertIsNotNone(delivery.limiter_for(client, settings).rate_limiter)
        freed = weakref.ref(client)
        del client
        gc.collect()
        self.assertIsNone(freed())

    def test_backends_with_another_concurrency_keep_to_the_same_rate(self) -> None:
        client = mock.Mock()
        rate_limiters = [
            delivery.limiter_for(
                client, AmazonSESSettings.load({"max_send_rate": 5, "max_concurrency": limit})
            ).rate_limiter
            for limit in (1, 10)
        ]
        self.assertIs(rate_limiters[0], rate_limiters[1])

    @override_settings(ANYMAIL={"AMAZON_SES_RATE_LIMIT_CACHE": "default"})
    def test_processes_of_one_account_count_together_and_those_of_others_do_not(self) -> None:
        caches["default"].clear()
        with Clock().in_use():
            waits: dict[str, list[float]] = {"a": [], "b": []}
            for _ in range(2):  # processes, which know nothing of each other
                for account, found in waits.items():
                    delivery._process_limits.get().rate_limiters.clear()
                    settings = AmazonSESSettings.load({"max_send_rate": 10})
                    with mock.patch.object(delivery, "rate_limit_key", return_value=account):
                        rate_limiter = delivery.limiter_for(mock.Mock(), settings).rate_limiter
                    assert rate_limiter is not None
                    found += [rate_limiter.acquire(1) for _ in range(10)]
        for found in waits.values():
            self.assertAlmostEqual(max(found), 2, delta=0.3)

    def test_both_apis_keep_to_one_rate_together(self) -> None:
        settings = AmazonSESSettings.load({"max_send_rate": 5})
        clients = real_client("ses"), real_client("sesv2")
        one, two = (delivery.limiter_for(client, settings) for client in clients)
        self.assertIs(one.rate_limiter, two.rate_limiter)
        self.assertIsNot(one, two)

    @override_settings(ANYMAIL={"AMAZON_SES_RATE_LIMIT_CACHE": "default"})
    def test_everybody_who_gets_a_message_counts(self) -> None:
        """With a template, each ``to`` has copies of its own."""
        to, cc, bcc = ["a@example.com", "b@example.com"], ["c@example.com"], ["d@example.com"]
        template = {"subject": "", "body": "", "template_id": "welcome"}
        for backend in (V1Backend, V2Backend):
            for content, count in (({}, 4), (template, 6)):
                caches["default"].clear()
                delivery._process_limits.get().rate_limiters.clear()
                with self.subTest(backend, **content), Clock().in_use():
                    message = simple_message(to=to, cc=cc, bcc=bcc, **content)
                    send(message, backend, max_send_rate=1)
                    settings = AmazonSESSettings.load({"max_send_rate": 1})
                    client = real_client(backend.fixed_api.SERVICE)
                    rate_limiter = delivery.limiter_for(client, settings).rate_limiter
                    self.assertAlmostEqual(rate_limiter.acquire(1), count, delta=0.2)

    @override_settings(ANYMAIL={"AMAZON_SES_RATE_LIMIT_CACHE": "default"})
    def test_the_cache_of_the_setting_is_used(self) -> None:
        settings = AmazonSESSettings.load({"max_send_rate": 5})
        rate_limiter = delivery.limiter_for(mock.Mock(), settings).rate_limiter
        self.assertIsInstance(rate_limiter, SharedRateLimiter)
