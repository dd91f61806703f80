"""How fast a process may send."""

from __future__ import annotations

import gc
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import weakref
from contextlib import suppress
from typing import Any
from unittest import mock, skipUnless

import boto3
from botocore.config import Config
from botocore.exceptions import CredentialRetrievalError
from django.core.cache import caches
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses import aws, delivery, pacing, quota
from anymail.amazon_ses.pacing import (
    AccountRate,
    ConcurrencyLimiter,
    SharedRateLimiter,
    TokenBucket,
)
from anymail.backends.amazon_ses import EmailBackend
from anymail.backends.amazon_sesv1 import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailAPIError

from ..local_sns import PATIENCE, reserved_port, wait_until
from ..ses import CREDENTIALS, Sent, accepting, send, simple_message, stubbed


class Clock:
    """Time that only tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic


class ClockTestCase(SimpleTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        patch = mock.patch.object(pacing, "time", self.clock)
        patch.start()
        self.addCleanup(patch.stop)


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


class SharedRateLimiterTests(ClockTestCase):
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
                self.assertLessEqual(len(at_once), 50 / pacing.PERIODS_PER_SECOND + 1)
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
        with self.assertLogs("anymail.amazon_ses.pacing", "WARNING") as logs:
            waits = [rate_limiter.acquire(1) for _ in range(20)]
            self.clock.now += pacing.CACHE_PAUSE + 1
            rate_limiter.acquire(1)
        self.assertEqual(len(logs.output), 1)
        self.assertGreater(waits[-1], 1)
        self.assertEqual(cache.add.call_count, 2)

    def test_when_the_cache_is_back_slots_given_out_without_it_come_first(self) -> None:
        away = mock.MagicMock()
        away.add.side_effect = ConnectionError("away")
        found = [away]
        limiter = SharedRateLimiter(10, lambda: found[0], "owner")
        with self.assertLogs("anymail.amazon_ses.pacing", "WARNING"):
            limiter.acquire(150)
        self.clock.now += pacing.CACHE_PAUSE + 1
        found[0] = caches["default"]
        waits = [limiter.acquire(1) for _ in range(20)]
        self.assertAlmostEqual(waits[0], 15 - pacing.CACHE_PAUSE - 1, delta=0.2)
        self.assertAlmostEqual(waits[-1] - waits[0], 2, delta=0.2)

    def test_a_cache_that_counts_nonsense_is_left_alone(self) -> None:
        cache = mock.MagicMock()
        cache.incr.return_value = 10**9
        limiter = SharedRateLimiter(10, lambda: cache, "owner")
        with self.assertLogs("anymail.amazon_ses.pacing", "WARNING") as logs:
            limiter.acquire(1)
        self.assertIn("TimeoutError", logs.output[0])


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


class AccountRateTests(ClockTestCase):
    def test_it_is_asked_once_per_hour(self) -> None:
        ask = mock.Mock(return_value=14.0)
        rate = AccountRate()
        self.assertEqual([rate.get(ask), rate.get(ask)], [14.0, 14.0])
        self.assertEqual(ask.call_count, 1)
        self.clock.now += 3601
        rate.get(ask)
        self.assertEqual(ask.call_count, 2)

    def test_without_the_permission_there_is_no_limit_and_one_warning(self) -> None:
        rate, ask = AccountRate(), mock.Mock(side_effect=PermissionError)
        with self.assertLogs("anymail.amazon_ses.pacing", "WARNING") as logs:
            self.assertIsNone(rate.get(ask))
            self.clock.now += 3601
            self.assertIsNone(rate.get(ask))
        self.assertEqual(len(logs.output), 1)
        self.assertIn("ses:GetSendQuota", logs.output[0])

    def test_threads_wait_for_the_answer_instead_of_sending_without_a_limit(self) -> None:
        rate, asked = AccountRate(), threading.Barrier(2)
        found: list[float | None] = []

        def ask() -> float:
            asked.wait(PATIENCE)
            time.sleep(0.05)
            return 14.0

        threads = [threading.Thread(target=lambda: found.append(rate.get(ask))) for _ in range(4)]
        for thread in threads:
            thread.start()
        asked.wait(PATIENCE)
        found.append(rate.get(ask))
        for thread in threads:
            thread.join()
        self.assertEqual(found, [14.0] * 5)


def answers(port: int) -> bool:
    """Whether a server listens on loopback."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


REDIS = "django.core.cache.backends.redis.RedisCache"
MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"


class RealCacheTests(SimpleTestCase):
    def check(self, backend: str, location: str) -> None:
        caches_setting = {"default": {"BACKEND": backend, "LOCATION": location}}
        with (
            override_settings(CACHES=caches_setting),
            mock.patch.object(pacing, "time", Clock()),
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
        with self.assertLogs("anymail.amazon_ses.pacing", "WARNING"):
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
        with mock.patch.object(pacing, "time", clock):
            self.send_for_three_seconds(rate_limiters, clock)
            self.assertEqual([rate_limiter.processes for rate_limiter in rate_limiters], [2, 2])
            redis.kill()
            redis.wait()
            self.check_share(rate_limiters)

    def test_a_redis_that_is_stopped_is_not_waited_for(self) -> None:
        redis, location = self.start_redis()
        rate_limiters = self.limiters_of_two_processes(location)
        clock = Clock()
        with mock.patch.object(pacing, "time", clock):
            self.send_for_three_seconds(rate_limiters, clock)
            redis.send_signal(signal.SIGSTOP)
            self.addCleanup(redis.send_signal, signal.SIGCONT)
            started = time.monotonic()
            self.check_share(rate_limiters)
            self.assertLess(time.monotonic() - started, PATIENCE)
            redis.send_signal(signal.SIGCONT)
            clock.now += pacing.CACHE_PAUSE + 1
            self.assertLess(rate_limiters[0].acquire(1), 1)
            self.assertIsNone(rate_limiters[0]._own)

    def test_a_socket_that_never_answers_is_waited_for_once(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            [rate_limiter, _] = self.limiters_of_two_processes(
                f"redis://127.0.0.1:{listening.getsockname()[1]}/0?socket_timeout=120"
            )
            with self.assertLogs("anymail.amazon_ses.pacing", "WARNING") as logs:
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
            self.assertLogs("anymail.amazon_ses.pacing", "WARNING") as logs,
        ):
            backend = EmailBackend(max_send_rate=100, rate_limit_cache="default")
            self.assertEqual(backend.send_messages(messages()), 60)
        self.assertEqual(len(sent.calls), 60)
        self.assertEqual(len(logs.output), 1)


class FakeAccount:
    """A client that tells its rate."""

    meta = mock.Mock()

    def get_send_quota(self) -> dict[str, float]:
        return {"MaxSendRate": 14.0}


def real_client(service: str = "ses", **params: Any) -> Any:
    return boto3.client(service, **{**CREDENTIALS, **params})


class QuotaOwnerTests(SimpleTestCase):
    """SES grants rates to an account in each region."""

    def owner(self, client: Any, **settings: Any) -> str:
        return quota.rate_limit_key(client, AmazonSESSettings.load(settings))

    def test_accounts_and_regions_differ_and_apis_do_not(self) -> None:
        owners = {
            self.owner(client)
            for client in (
                real_client(),
                real_client(region_name="eu-west-1"),
                real_client(aws_access_key_id="other"),
                real_client(endpoint_url="http://127.0.0.1:1"),
            )
        }
        self.assertEqual(len(owners), 4)
        self.assertEqual(self.owner(real_client("sesv2")), self.owner(real_client("ses")))

    def test_another_set_of_parameters_is_still_the_same_account(self) -> None:
        one = self.owner(real_client(config=Config(read_timeout=5)), max_concurrency=3)
        self.assertEqual(one, self.owner(real_client(aws_secret_access_key="rotated")))

    def test_keys_of_an_account_that_is_known_count_together(self) -> None:
        owners = {
            self.owner(real_client(aws_access_key_id=key, aws_account_id=account))
            for key, account in (("a", "1" * 12), ("b", "1" * 12), ("c", "2" * 12))
        }
        self.assertEqual(len(owners), 2)

    def test_temporary_keys_of_a_role_count_together_and_roles_do_not(self) -> None:
        def owner(key: str, role: str) -> str:
            client = real_client(aws_access_key_id=key, aws_session_token="token")
            return self.owner(client, client_factory="x.y", session_params={"role_arn": role})

        self.assertEqual(owner("ASIA1", "arn:1"), owner("ASIA2", "arn:1"))
        self.assertNotEqual(owner("ASIA1", "arn:1"), owner("ASIA1", "arn:2"))

    def test_it_tells_nothing_secret_and_fits_into_every_cache(self) -> None:
        with mock.patch.object(quota, "hashlib") as hashed:
            for token in (None, "a-token"):
                self.owner(
                    real_client(aws_secret_access_key="a-secret", aws_session_token=token),
                    session_params={"aws_secret_access_key": "a-secret"},
                    client_params={"aws_session_token": "a-token"},
                )
        self.assertEqual(hashed.sha256.call_count, 2)
        for call in hashed.sha256.call_args_list:
            self.assertNotIn(b"a-secret", call.args[0])
            self.assertNotIn(b"a-token", call.args[0])
        owner = self.owner(real_client(aws_access_key_id="AKIAEXAMPLE"))
        self.assertRegex(owner, r"\A[0-9a-f]{32}\Z")

    def test_a_double_has_the_settings_for_an_owner(self) -> None:
        params = {"region_name": "eu-west-1"}
        owners = {self.owner(object(), client_params=params) for _ in range(2)}
        self.assertEqual(owners - {self.owner(object())}, owners)
        self.assertEqual(len(owners), 1)

    def test_credentials_that_cannot_be_fetched_are_an_error_of_sending(self) -> None:
        client = real_client()
        credentials = mock.Mock()
        credentials.get_frozen_credentials.side_effect = CredentialRetrievalError(
            provider="x", error_msg="y"
        )
        with (
            mock.patch.object(client._request_signer, "_credentials", credentials),
            self.assertRaises(AnymailAPIError),
        ):
            self.owner(client)


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
        with mock.patch.object(pacing, "time", Clock()):
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
                with self.subTest(backend, **content), mock.patch.object(pacing, "time", Clock()):
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
