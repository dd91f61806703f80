"""Processes that share a send rate through a cache."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from typing import Any
from unittest import mock, skipUnless

from django.core.cache import caches
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses import shared_rate
from anymail.amazon_ses.shared_rate import SharedRateLimiter
from anymail.backends.amazon_ses import EmailBackend

from ..fake_clock import Clock, ClockTestCase
from ..local_sns import PATIENCE, reserved_port, wait_until
from ..ses import Sent, accepting, simple_message

REDIS = "django.core.cache.backends.redis.RedisCache"
MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"


class SharedRateLimiterTests(ClockTestCase):
    def setUp(self) -> None:
        super().setUp()
        # The cache is waited for in real time: on a busy machine a second may pass.
        patient = mock.patch.object(shared_rate, "CACHE_TIMEOUT", PATIENCE)
        patient.start()
        self.addCleanup(patient.stop)

    def test_two_processes_share_the_rate(self) -> None:
        cache = caches["default"]
        cache.clear()
        one, two = (
            SharedRateLimiter(50, lambda: cache, "owner"),
            SharedRateLimiter(50, lambda: cache, "owner"),
        )
        waits = [rate_limiter.acquire(1) for _ in range(100) for rate_limiter in (one, two)]
        self.assertAlmostEqual(max(waits), 4, delta=0.4)
        for second in range(4):
            in_second = [wait for wait in waits if second <= wait < second + 1]
            self.assertAlmostEqual(len(in_second), 50, delta=6)

    def test_at_most_one_short_period_of_the_rate_goes_at_once(self) -> None:
        """However long nobody has sent, and whatever the number of processes."""
        caches["default"].clear()
        rate_limiters = [
            SharedRateLimiter(50, lambda: caches["default"], "owner") for _ in range(4)
        ]
        for _ in range(2):
            waits = [rate_limiter.acquire(1) for _ in range(10) for rate_limiter in rate_limiters]
            for start in waits:
                at_once = [wait for wait in waits if start <= wait < start + 0.0999]
                self.assertLessEqual(len(at_once), 50 / shared_rate.PERIODS_PER_SECOND + 1)
            self.clock.now += 3600

    def test_any_rate(self) -> None:
        for rate in (0.5, 1, 14, 50, 333.3):
            cache = caches["default"]
            cache.clear()
            rate_limiter = SharedRateLimiter(rate, lambda: caches["default"], "owner")
            waits = [rate_limiter.acquire(1) for _ in range(100)]
            with self.subTest(rate):
                self.assertAlmostEqual(max(waits) / (100 / rate), 1, delta=0.12)

    def test_large_calls_take_several_periods(self) -> None:
        cache = caches["default"]
        cache.clear()
        rate_limiter = SharedRateLimiter(14, lambda: cache, "owner")
        rate_limiter.acquire(50)
        self.assertAlmostEqual(rate_limiter.acquire(1), 50 / 14, delta=0.2)

    def test_calls_that_do_not_fit_into_a_period_leave_no_gap(self) -> None:
        for recipients in (2, 3, 4, 7):
            caches["default"].clear()
            rate_limiter = SharedRateLimiter(50, lambda: caches["default"], "owner")
            waits = [rate_limiter.acquire(recipients) for _ in range(100)]
            with self.subTest(recipients):
                self.assertAlmostEqual(max(waits) / (100 * recipients / 50), 1, delta=0.1)

    def test_without_the_cache_the_process_keeps_its_own_pace_and_warns_once(self) -> None:
        cache = mock.MagicMock()
        cache.add.side_effect = ConnectionError("away")
        rate_limiter = SharedRateLimiter(10, lambda: cache, "owner")
        with self.assertLogs("anymail.amazon_ses.shared_rate", "WARNING") as logs:
            waits = [rate_limiter.acquire(1) for _ in range(20)]
            self.clock.now += shared_rate.CACHE_PAUSE + 1
            rate_limiter.acquire(1)
        self.assertEqual(len(logs.output), 1)
        self.assertGreater(waits[-1], 1)
        self.assertEqual(cache.add.call_count, 2)

    def test_when_the_cache_is_back_slots_given_out_without_it_come_first(self) -> None:
        away = mock.MagicMock()
        away.add.side_effect = ConnectionError("away")
        found = [away]
        limiter = SharedRateLimiter(10, lambda: found[0], "owner")
        with self.assertLogs("anymail.amazon_ses.shared_rate", "WARNING"):
            limiter.acquire(150)
        self.clock.now += shared_rate.CACHE_PAUSE + 1
        found[0] = caches["default"]
        waits = [limiter.acquire(1) for _ in range(20)]
        self.assertAlmostEqual(waits[0], 15 - shared_rate.CACHE_PAUSE - 1, delta=0.2)
        self.assertAlmostEqual(waits[-1] - waits[0], 2, delta=0.2)

    def test_a_cache_that_counts_nonsense_is_left_alone(self) -> None:
        cache = mock.MagicMock()
        cache.incr.return_value = 10**9
        limiter = SharedRateLimiter(10, lambda: cache, "owner")
        with self.assertLogs("anymail.amazon_ses.shared_rate", "WARNING") as logs:
            limiter.acquire(1)
        self.assertIn("TimeoutError", logs.output[0])


def answers(port: int) -> bool:
    """Whether a server listens on loopback."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


class RealCacheTests(SimpleTestCase):
    def check(self, backend: str, location: str) -> None:
        caches_setting = {"default": {"BACKEND": backend, "LOCATION": location}}
        with (
            override_settings(CACHES=caches_setting),
            Clock().in_use(),
        ):
            owner = secrets.token_hex()  # whom no other run of the tests counts
            rate_limiters = [
                SharedRateLimiter(50, lambda: caches["default"], owner) for _ in range(4)
            ]
            turns = [rate_limiter.acquire(1) for _ in range(50) for rate_limiter in rate_limiters]
            self.assertAlmostEqual(max(turns), 200 / 50, delta=0.2)
            for rate_limiter in rate_limiters:
                self.assertFalse(rate_limiter._has_warned)

    @skipUnless(answers(6379), "no Redis answers on 127.0.0.1:6379")
    def test_redis(self) -> None:
        self.check(REDIS, "redis://127.0.0.1:6379/5")

    @skipUnless(answers(11211), "no Memcached answers on 127.0.0.1:11211")
    def test_memcached(self) -> None:
        self.check(MEMCACHED, "127.0.0.1:11211")

    def start_redis(self) -> tuple[subprocess.Popen[bytes], str]:
        """A server of our own, and where it is."""
        if not shutil.which("redis-server"):
            self.skipTest("there is no redis-server to start and stop")
        reserved = reserved_port()
        port = reserved.__enter__()
        self.addCleanup(reserved.__exit__, None, None, None)
        arguments = ["--port", str(port), "--save", "", "--appendonly", "no", "--dir", "/tmp"]
        redis = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        self.addCleanup(redis.wait)
        self.addCleanup(redis.kill)
        wait_until(lambda: answers(port))
        location = f"redis://127.0.0.1:{port}/0?socket_timeout=120"
        with override_settings(CACHES={"default": {"BACKEND": REDIS, "LOCATION": location}}):
            caches["default"].get("x")  # imports the client library, which may take long
        return redis, location

    def limiters_of_two_processes(self, location: str, rate: float = 20) -> list[SharedRateLimiter]:
        caches_setting = {"default": {"BACKEND": REDIS, "LOCATION": location}}
        changed = override_settings(CACHES=caches_setting)
        changed.enable()
        self.addCleanup(changed.disable)
        return [SharedRateLimiter(rate, lambda: caches["default"], "owner") for _ in range(2)]

    def send_for_three_seconds(self, rate_limiters: list[SharedRateLimiter], clock: Clock) -> None:
        for _ in range(3):
            clock.now += 1
            for rate_limiter in rate_limiters:
                rate_limiter.acquire(1)

    def check_share(self, rate_limiters: list[SharedRateLimiter]) -> None:
        """After the cache went away: no burst, and all together keep to the rate."""
        with self.assertLogs("anymail.amazon_ses.shared_rate", "WARNING"):
            waits = [[rate_limiter.acquire(1) for _ in range(20)] for rate_limiter in rate_limiters]
        for found in waits:
            self.assertAlmostEqual(
                found[-1] - found[0], 19 / (rate_limiters[0].rate / 2), delta=0.2
            )
            self.assertLess(found[0], 0.5)

    def test_two_processes_keep_to_the_rate_while_redis_is_killed(self) -> None:
        redis, location = self.start_redis()
        rate_limiters = self.limiters_of_two_processes(location)
        clock = Clock()
        with clock.in_use():
            self.send_for_three_seconds(rate_limiters, clock)
            self.assertEqual([rate_limiter.processes for rate_limiter in rate_limiters], [2, 2])
            redis.kill()
            redis.wait()
            self.check_share(rate_limiters)

    def test_a_redis_that_is_stopped_is_not_waited_for(self) -> None:
        redis, location = self.start_redis()
        rate_limiters = self.limiters_of_two_processes(location)
        clock = Clock()
        with clock.in_use():
            self.send_for_three_seconds(rate_limiters, clock)
            redis.send_signal(signal.SIGSTOP)
            self.addCleanup(redis.send_signal, signal.SIGCONT)
            started = time.monotonic()
            self.check_share(rate_limiters)
            self.assertLess(time.monotonic() - started, PATIENCE)
            redis.send_signal(signal.SIGCONT)
            clock.now += shared_rate.CACHE_PAUSE + 1
            self.assertLess(rate_limiters[0].acquire(1), 1)
            self.assertIsNone(rate_limiters[0]._own)

    def test_a_socket_that_never_answers_is_waited_for_once(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            [rate_limiter, _] = self.limiters_of_two_processes(
                f"redis://127.0.0.1:{listening.getsockname()[1]}/0?socket_timeout=120"
            )
            with self.assertLogs("anymail.amazon_ses.shared_rate", "WARNING") as logs:
                before, started = threading.active_count(), time.monotonic()
                waits = [rate_limiter.acquire(1) for _ in range(30)]
            self.assertLess(time.monotonic() - started, PATIENCE)
            self.assertIn("TimeoutError", logs.output[0])
            self.assertGreater(waits[-1], 1)
            self.assertLessEqual(threading.active_count(), before + 1)

    def test_when_redis_goes_away_everything_is_still_sent_with_one_warning(self) -> None:
        redis, location = self.start_redis()

        def messages() -> Any:
            for number in range(60):
                if number == 30:
                    redis.kill()
                    redis.wait()
                yield simple_message()

        with (
            override_settings(CACHES={"default": {"BACKEND": REDIS, "LOCATION": location}}),
            accepting(sent := Sent()),
            self.assertLogs("anymail.amazon_ses.shared_rate", "WARNING") as logs,
        ):
            backend = EmailBackend(max_send_rate=100, rate_limit_cache="default")
            self.assertEqual(backend.send_messages(messages()), 60)
        self.assertEqual(len(sent.calls), 60)
        self.assertEqual(len(logs.output), 1)
