"""boto3's clients: cached and shared, configured so that nothing is sent twice."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoRegionError,
    ProfileNotFound,
    ReadTimeoutError,
)
from django.test import SimpleTestCase, override_settings

from anymail import __version__
from anymail.amazon_ses import aws
from anymail.amazon_ses.aws_errors import api_errors
from anymail.amazon_ses.client_cache import MAX_CLIENTS
from anymail.backends.amazon_ses import EmailBackend
from anymail.conf import AmazonSESSettings
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailImproperlyInstalled,
)

from ..ses import CREDENTIALS, Request, loopback_server, simple_message, v1_error, v1_success

OUR_AGENT = f"django-anymail/{__version__}-amazon-ses"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:topic"


def ses_settings(**client_params: Any) -> AmazonSESSettings:
    return AmazonSESSettings.load({"client_params": {**CREDENTIALS, **client_params}})


class Double:
    """Stands for a client."""


def make_client(service: str, session_params: dict[str, Any], client_params: dict[str, Any]) -> Any:
    """A client factory."""
    return (service, session_params, client_params)


@contextlib.contextmanager
def no_aws_environment():
    """As on a machine that knows nothing of AWS."""
    names = {name: "" for name in os.environ if name.startswith("AWS_")}
    with mock.patch.dict(os.environ):
        for name in names:
            del os.environ[name]
        os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/nonexistent"
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        yield


class CacheTestCase(SimpleTestCase):
    def setUp(self):
        aws.clear_clients()
        self.addCleanup(aws.clear_clients)


class CacheTests(CacheTestCase):
    def test_the_same_parameters_give_the_same_client(self):
        self.assertIs(aws.client("ses", ses_settings()), aws.client("ses", ses_settings()))

    def test_other_parameters_give_another_client(self):
        one = aws.client("ses", ses_settings())
        self.assertIsNot(one, aws.client("ses", ses_settings(region_name="eu-west-1")))
        self.assertIsNot(one, aws.client("ses", ses_settings(config={"read_timeout": 5})))
        self.assertIsNot(one, aws.client("sesv2", ses_settings()))

    def test_other_session_parameters_give_another_client(self):
        params = {"client_params": {"region_name": "us-east-1"}}
        one, two = (
            AmazonSESSettings.load(
                {"session_params": {"aws_access_key_id": key} | secret, **params}
            )
            for key, secret in (
                ("a", {"aws_secret_access_key": "x"}),
                ("b", {"aws_secret_access_key": "x"}),
            )
        )
        self.assertIsNot(aws.client("ses", one), aws.client("ses", two))

    def test_backends_with_another_concurrency_have_connections_of_their_own(self):
        def client(concurrency):
            params = {"client_params": CREDENTIALS, "max_concurrency": concurrency}
            return aws.client("ses", AmazonSESSettings.load(params))

        self.assertIs(client(5), client(5))
        for concurrency in (5, 20):
            config = client(concurrency).meta.config
            self.assertEqual(config.max_pool_connections, concurrency)

    def test_overrides_count(self):
        settings = ses_settings()
        sns = aws.client("sns", settings, region_name="eu-west-1")
        self.assertEqual(sns.meta.region_name, "eu-west-1")
        self.assertIs(aws.client("sns", settings, region_name="eu-west-1"), sns)
        self.assertEqual(aws.client("sns", settings).meta.region_name, "us-east-1")

    def test_the_order_of_parameters_does_not_count(self):
        one = AmazonSESSettings.load({"client_params": CREDENTIALS})
        two = AmazonSESSettings.load({"client_params": dict(reversed(CREDENTIALS.items()))})
        self.assertIs(aws.client("ses", one), aws.client("ses", two))

    def test_dicts_and_lists_inside_of_parameters_count(self):
        def client(connect_timeout):
            config = {"connect_timeout": connect_timeout, "proxies": {"https": "http://127.0.0.1"}}
            return aws.client("ses", ses_settings(config=config))

        self.assertIs(client(1), client(1))
        self.assertIsNot(client(1), client(2))

    def test_one_config_object_gives_one_client(self):
        config = Config(read_timeout=5)
        one = aws.client("ses", ses_settings(config=config))
        self.assertIs(aws.client("ses", ses_settings(config=config)), one)
        self.assertEqual(one.meta.config.read_timeout, 5)

    def test_threads_share_one_client(self):
        barrier = threading.Barrier(8)
        found = []

        def get():
            barrier.wait()
            found.append(aws.client("ses", ses_settings()))

        with mock.patch.object(aws, "create_client", wraps=slow(aws.create_client)) as create:
            threads = [threading.Thread(target=get) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(len(found), 8)
        self.assertEqual(len(set(map(id, found))), 1)
        self.assertEqual(create.call_count, 1)

    def test_a_client_that_could_not_be_made_is_tried_again(self):
        settings = AmazonSESSettings.load({"client_params": {}})
        with no_aws_environment():
            for _ in range(2):
                with self.assertRaises(AnymailAPIError):
                    aws.client("ses", settings)
            os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
            self.assertEqual(aws.client("ses", settings).meta.region_name, "eu-west-1")

    def test_a_change_of_settings_empties_the_cache(self):
        settings = ses_settings()
        one = aws.client("ses", settings)
        with override_settings(ANYMAIL={}):
            self.assertIsNot(aws.client("ses", settings), one)

    def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago(self):
        with mock.patch.object(aws, "create_client", side_effect=lambda *args: Double()):
            settings = [ses_settings(verify=f"{n}.pem") for n in range(MAX_CLIENTS + 1)]
            first, second, *_rest = (aws.client("ses", s) for s in settings[:-1])
            self.assertIs(aws.client("ses", settings[0]), first)
            aws.client("ses", settings[-1])
            self.assertIs(aws.client("ses", settings[0]), first)
            self.assertIsNot(aws.client("ses", settings[1]), second)
            self.assertLessEqual(len(aws._clients.get()), MAX_CLIENTS)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_process_has_an_empty_cache(self):
        """A client's open connections must not be shared by two processes."""
        aws.client("ses", ses_settings())
        self.assertEqual(len(aws._clients.get()), 1)
        self.assertEqual(in_fork(lambda: str(len(aws._clients.get()))), "0")
        self.assertEqual(len(aws._clients.get()), 1)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_process_is_not_blocked_by_a_thread_of_its_parent(self):
        holding, done = threading.Event(), threading.Event()

        def hold():
            with aws._clients.get()._lock:
                holding.set()
                done.wait(20)

        thread = threading.Thread(target=hold)
        thread.start()
        holding.wait(20)
        try:
            self.assertEqual(
                in_fork(lambda: str(aws._clients.get()._lock.acquire(timeout=2))), "True"
            )
        finally:
            done.set()
            thread.join()

    def test_the_parameters_of_the_user_are_never_changed(self):
        params = {**CREDENTIALS, "config": {"read_timeout": 5}}
        before = copy.deepcopy(params)
        with override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": params}):
            aws.client("ses", AmazonSESSettings.load(), region_name="eu-west-1")
        self.assertEqual(params, before)


def slow(function):
    def call(*args):
        time.sleep(0.05)
        return function(*args)

    return call


def in_fork(function) -> str:
    """What a function returns in a forked process."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        result = "error"
        try:
            result = function()
        finally:
            os.write(writing, result.encode())
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()


class PatchTests(CacheTestCase):
    PATHS = (
        "anymail.backends.amazon_ses.boto3.session.Session",
        "anymail.webhooks.amazon_ses.boto3.session.Session",
    )

    def test_a_patched_session_gives_a_fresh_client_each_time(self):
        """Existing projects' tests patch it at these paths."""
        settings = ses_settings()
        for path in self.PATHS:
            for attempt in range(2):
                with self.subTest(path=path, attempt=attempt), mock.patch(path) as session:
                    found = aws.client("ses", settings)
                    self.assertIs(found, session.return_value.client.return_value)
                    session.return_value.client.assert_called_once()

    def test_after_the_patch_there_is_a_real_client_again(self):
        settings = ses_settings()
        one = aws.client("ses", settings)
        with mock.patch(self.PATHS[0]):
            self.assertIsNot(aws.client("ses", settings), one)
        self.assertIs(aws.client("ses", settings), one)

    def test_a_patched_session_sees_session_and_client_parameters(self):
        settings = AmazonSESSettings.load(
            {
                "session_params": {"profile_name": "p"},
                "client_params": {"region_name": "us-east-1", "config": {"read_timeout": 5}},
            }
        )
        with mock.patch(self.PATHS[0]) as session:
            aws.client("ses", settings)
        session.assert_called_once_with(profile_name="p")
        (service,), params = session.return_value.client.call_args
        self.assertEqual((service, params["region_name"]), ("ses", "us-east-1"))
        self.assertIsInstance(params["config"], Config)
        self.assertEqual(params["config"].read_timeout, 5)
        self.assertEqual(params["config"].user_agent_extra, OUR_AGENT)

    def test_so_does_a_patched_method_that_makes_clients(self):
        settings = ses_settings()
        real = aws.client("ses", settings)
        with mock.patch("boto3.session.Session.client") as method:
            self.assertIs(aws.client("ses", settings), method.return_value)
        self.assertIs(aws.client("ses", settings), real)


def key_in_use(request: Request) -> str:
    """The access key that a request is signed with."""
    return request.headers["Authorization"].partition("Credential=")[2].partition("/")[0]


class ChangingCredentialsTests(CacheTestCase):
    """What boto3 reads by itself may change while a process runs."""

    REFUSED = (403, v1_error("InvalidClientTokenId", "The security token is invalid."))
    ACCEPTED = (200, v1_success())

    def setUp(self):
        super().setUp()
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.stack.enter_context(no_aws_environment())
        self.answers = [self.ACCEPTED]
        self.server = self.stack.enter_context(
            loopback_server(lambda request, n: self.answers[min(n, len(self.answers)) - 1])
        )

    def send(self, backend: EmailBackend | None = None) -> None:
        client_params = {"region_name": "us-east-1", "endpoint_url": self.server.url}
        (backend or EmailBackend(client_params=client_params)).send_messages([simple_message()])

    def keys(self) -> list[str]:
        return [key_in_use(request) for request in self.server.requests]

    def write_credentials(self, key: str) -> None:
        Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(
            f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n"
        )

    def use_environment(self, key: str) -> None:
        os.environ.update(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY="secret")

    def test_in_the_environment(self):
        for key in ("TENANT1", "TENANT2", "TENANT1"):
            self.use_environment(key)
            self.send()
        self.assertEqual(self.keys(), ["TENANT1", "TENANT2", "TENANT1"])

    def test_in_a_file(self):
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.path.join(folder, "credentials")
        for key in ("BEFORE", "ROTATED"):
            self.write_credentials(key)
            self.send()
        self.assertEqual(self.keys(), ["BEFORE", "ROTATED"])

    def test_a_client_whose_credentials_are_refused_is_made_anew(self):
        script = "import json, os, time\nprint(json.dumps({'Version': 1, 'SecretAccessKey': 's', "
        script += "'AccessKeyId': 'KEY' + str(time.monotonic_ns())}))"
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        (program := Path(folder, "keys.py")).write_text(script)
        (config := Path(folder, "config")).write_text(
            f"[default]\ncredential_process = {sys.executable} {program}\n"
        )
        os.environ["AWS_CONFIG_FILE"] = str(config)
        self.answers = [self.ACCEPTED, self.ACCEPTED, self.REFUSED, self.ACCEPTED]
        for _ in range(2):
            self.send()
        with self.assertRaises(AnymailAPIError):
            self.send()
        self.send()
        first, second, third, fourth = self.keys()
        self.assertEqual({first}, {second, third})
        self.assertNotEqual(fourth, first)

    def test_a_backend_that_stays_open_takes_the_new_client(self):
        client_params = {"region_name": "us-east-1", "endpoint_url": self.server.url}
        self.use_environment("KEY")
        backend = EmailBackend(client_params=client_params)
        self.answers = [self.REFUSED, self.ACCEPTED]
        backend.open()
        before = backend.client
        with self.assertRaises(AnymailAPIError):
            self.send(backend)
        self.send(backend)
        self.assertIsNot(backend.client, before)

    def test_a_backend_that_stays_open_uses_rotated_credentials(self):
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.path.join(folder, "credentials")
        self.write_credentials("BEFORE")
        client_params = {"region_name": "us-east-1", "endpoint_url": self.server.url}
        with EmailBackend(client_params=client_params) as backend:
            for key in ("BEFORE", "BEFORE", "ROTATED"):
                self.write_credentials(key)
                self.send(backend)
                self.assertIsNotNone(backend.client)
            self.use_environment("TENANT")
            self.send(backend)
        self.assertEqual(self.keys(), ["BEFORE", "BEFORE", "ROTATED", "TENANT"])

    def test_a_client_of_ones_own_stays_although_credentials_change(self):
        client_params = {"region_name": "us-east-1", "endpoint_url": self.server.url}
        settings = AmazonSESSettings.load({"client_params": client_params})
        self.use_environment("OWN")
        backend = EmailBackend(client_params=client_params)
        backend.client = aws.client("ses", settings)
        self.use_environment("ANOTHER")
        self.send(backend)
        self.assertEqual(self.keys(), ["OWN"])

    def test_a_client_that_found_no_credentials_is_made_anew(self):
        client_params = {"region_name": "us-east-1", "endpoint_url": self.server.url}
        before = aws.client("ses", AmazonSESSettings.load({"client_params": client_params}))
        with self.assertRaisesMessage(AnymailAPIError, "Unable to locate credentials"):
            self.send()
        after = aws.client("ses", AmazonSESSettings.load({"client_params": client_params}))
        self.assertIsNot(after, before)

    def test_whatever_refuses_the_credentials_drops_the_client(self):
        self.use_environment("KEY")
        client_params = {"region_name": "us-east-1", "endpoint_url": self.server.url}
        settings = AmazonSESSettings.load({"client_params": client_params})
        for code in ("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken"):
            self.answers = [(403, v1_error(code, "no"))]
            before = aws.client("ses", settings)
            with self.subTest(code):
                with self.assertRaises(AnymailAPIError):
                    self.send()
                self.assertIsNot(aws.client("ses", settings), before)

    def test_any_other_refusal_leaves_the_client(self):
        self.use_environment("KEY")
        client_params = {"region_name": "us-east-1", "endpoint_url": self.server.url}
        settings = AmazonSESSettings.load({"client_params": client_params})
        before = aws.client("ses", settings)
        self.answers = [(400, v1_error("MessageRejected", "no"))]
        with self.assertRaises(AnymailAPIError):
            self.send()
        self.assertIs(aws.client("ses", settings), before)


class FailingCredentialsTests(CacheTestCase):
    """Credentials that are fetched when a request is signed: nothing has been posted then."""

    EXPIRED = {
        "access_key": "KEY",
        "secret_key": "secret",
        "token": "token",
        "expiry_time": "2020-01-01T00:00:00+00:00",
    }

    def send(self, refresh: Callable[[], Any], **options: Any) -> Exception | None:
        """Send through a client whose credentials have to be refreshed first."""

        def make(service, session_params, client_params):
            session = botocore.session.get_session()
            session._credentials = RefreshableCredentials.create_from_metadata(
                self.EXPIRED, refresh_using=refresh, method="test"
            )
            return session.create_client(service, region_name="us-east-1", **client_params)

        message = simple_message()
        with loopback_server(lambda request, n: (200, v1_success())) as server:
            backend = EmailBackend(
                client_factory=make, client_params={"endpoint_url": server.url}, **options
            )
            try:
                backend.send_messages([message])
            except AnymailAPIError as err:
                self.assertEqual(server.requests, [])
                return err
        return None

    def failing(self, error: Exception) -> Callable[[], Any]:
        def refresh():
            raise error

        return refresh

    def test_those_that_are_still_expired_are_a_transient_error(self):
        error = self.send(lambda: self.EXPIRED)
        self.assertIn("still expired", str(error))
        self.assertEqual((error.is_transient, error.is_unsent), (True, True))

    def test_they_are_silent_with_fail_silently(self):
        self.assertIsNone(self.send(lambda: self.EXPIRED, fail_silently=True))

    def test_a_metadata_service_that_is_down_is_a_transient_error(self):
        for kind in ("retrieval", "metadata"):
            down = {
                "retrieval": CredentialRetrievalError(provider="iam-role", error_msg="timeout"),
                "metadata": MetadataRetrievalError(error_msg="timeout"),
            }[kind]
            with self.subTest(kind):
                error = self.send(self.failing(down))
                self.assertEqual((error.is_transient, error.is_unsent), (True, True))

    def test_nothing_is_sent_when_another_service_does_not_answer(self):
        """AWS STS may be late with an answer; to SES nothing was posted."""
        late = ReadTimeoutError(endpoint_url="https://sts.amazonaws.com", error=None)
        fault = ClientError(
            {"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": 500}}, "AssumeRole"
        )
        for cause in (late, fault):
            with self.subTest(type(cause).__name__):
                error = self.send(self.failing(cause))
                self.assertEqual((error.is_transient, error.is_unsent), (True, True))

    def test_whatever_a_refresh_raises_is_an_api_error(self):
        error = self.send(self.failing(KeyError("AccessKeyId")))
        self.assertEqual((error.is_transient, error.is_unsent), (False, True))
        self.assertEqual(error.error_code, "KeyError")


class ConfigTests(CacheTestCase):
    def test_a_caller_has_the_last_word_about_the_configuration(self):
        users = ses_settings(config={"read_timeout": 30, "connect_timeout": 20})
        client = aws.client("ses", users, config={"read_timeout": 1})
        config = client.meta.config
        self.assertEqual((config.read_timeout, config.connect_timeout), (1, 20))
        self.assertIs(aws.client("ses", users, config={"read_timeout": 1}), client)
        self.assertEqual(aws.client("ses", users).meta.config.read_timeout, 30)

    def test_sending_is_never_repeated_by_botocore_whatever_the_user_says(self):
        configs: list[Any] = [
            None,
            {"retries": {"max_attempts": 10}},
            {"retries": {"total_max_attempts": 7, "mode": "adaptive"}},
            Config(retries={"max_attempts": 10, "mode": "legacy"}),
        ]
        for service in ("ses", "sesv2"):
            for config in configs:
                with self.subTest(service=service, config=config):
                    client = aws.client(service, ses_settings(config=config))
                    self.assertEqual(client.meta.config.retries["total_max_attempts"], 1)

    def test_the_environment_does_not_make_it_repeat_either(self):
        with mock.patch.dict(os.environ, AWS_MAX_ATTEMPTS="9", AWS_RETRY_MODE="legacy"):
            client = aws.client("ses", ses_settings())
        self.assertEqual(client.meta.config.retries["total_max_attempts"], 1)

    def test_on_the_wire_there_is_one_request_only(self):
        for status, body in (
            (500, v1_error("InternalFailure", "x")),
            (400, THROTTLED),
            (200, b"?"),
        ):
            with (
                self.subTest(status=status),
                loopback_server(lambda request, n, s=status, b=body: (s, b)) as server,
            ):
                client = aws.client("ses", ses_settings(endpoint_url=server.url))
                with self.assertRaises(AnymailAPIError), api_errors("Sending"):
                    client.send_raw_email(RawMessage={"Data": b"x"})
                self.assertEqual(len(server.requests), 1)

    def test_the_retries_of_other_services_are_the_users_own(self):
        retries = {"total_max_attempts": 7, "mode": "standard"}
        for service in ("sns", "s3", "kms"):
            with self.subTest(service=service):
                client = aws.client(service, ses_settings(config={"retries": dict(retries)}))
                self.assertEqual(client.meta.config.retries["total_max_attempts"], 7)
                default = aws.client(service, ses_settings())
                self.assertNotEqual(
                    (default.meta.config.retries or {}).get("total_max_attempts"), 1
                )

    def test_a_config_may_be_a_dict_or_an_object(self):
        for config in ({"read_timeout": 5}, Config(read_timeout=5)):
            with self.subTest(config=config):
                client = aws.client("ses", ses_settings(config=config))
                self.assertEqual(client.meta.config.read_timeout, 5)
                self.assertEqual(client.meta.config.user_agent_extra, OUR_AGENT)

    def test_a_config_that_is_something_else_is_a_configuration_error(self):
        for config in ("read_timeout=5", {"raed_timeout": 5}, 5):
            with (
                self.subTest(config=config),
                self.assertRaisesMessage(AnymailConfigurationError, "AMAZON_SES_CLIENT_PARAMS"),
            ):
                aws.client("ses", ses_settings(config=config))

    def agent(self, **client_params: Any) -> str:
        with loopback_server(lambda request, n: (200, v1_success())) as server:
            client = aws.client("ses", ses_settings(endpoint_url=server.url, **client_params))
            client.send_raw_email(RawMessage={"Data": b"x"})
        [request] = server.requests
        assert isinstance(request, Request)
        return request.headers["User-Agent"]

    def test_the_user_agent_names_this_package(self):
        self.assertIn(f" {OUR_AGENT}", self.agent())

    def test_the_documented_user_agent_does_not_change(self):
        """IAM policies have conditions on it."""
        self.assertRegex(aws.USER_AGENT, r"^django-anymail/\d+\.\d+\.\d+[^ ]*-amazon-ses$")

    def test_the_users_own_user_agent_wins(self):
        for config in ({"user_agent_extra": "shop/1"}, Config(user_agent_extra="shop/1")):
            with self.subTest(config=config):
                agent = self.agent(config=config)
                self.assertIn(" shop/1", agent)
                self.assertNotIn(OUR_AGENT, agent)


THROTTLED = v1_error("Throttling", "Maximum sending rate exceeded.")


class ServiceParamsTests(CacheTestCase):
    def test_sns_s3_and_kms_use_the_parameters_of_ses(self):
        """The endpoint too: local stand-ins rely on it."""
        settings = ses_settings(endpoint_url="http://127.0.0.1:1")
        for service in ("ses", "sns", "s3", "kms"):
            with self.subTest(service=service):
                client = aws.client(service, settings)
                self.assertEqual(client.meta.endpoint_url, "http://127.0.0.1:1")

    def test_each_can_have_its_own_instead(self):
        for service in ("sns", "s3", "kms"):
            with self.subTest(service=service):
                own = {**CREDENTIALS, "region_name": "eu-west-1"}
                settings = AmazonSESSettings.load(
                    {
                        "client_params": {**CREDENTIALS, "endpoint_url": "http://127.0.0.1:1"},
                        f"{service}_client_params": own,
                    }
                )
                client = aws.client(service, settings)
                self.assertEqual(client.meta.region_name, "eu-west-1")
                self.assertNotIn("127.0.0.1", client.meta.endpoint_url)
                self.assertEqual(aws.client("ses", settings).meta.region_name, "us-east-1")

    def test_empty_ones_are_not_the_same_as_none(self):
        settings = AmazonSESSettings.load(
            {"client_params": CREDENTIALS, "s3_client_params": {}, "client_factory": make_client}
        )
        self.assertNotIn("region_name", aws.client("s3", settings)[2])


class FactoryTests(CacheTestCase):
    def settings(self, factory: Any, **client_params: Any) -> AmazonSESSettings:
        return AmazonSESSettings.load(
            {
                "client_factory": factory,
                "session_params": {"profile_name": "p"},
                "client_params": {"region_name": "us-east-1", **client_params},
            }
        )

    def test_it_is_called_instead_of_boto3(self):
        with mock.patch("boto3.session.Session") as session:
            service, session_params, client_params = aws.client("ses", self.settings(make_client))
        session.assert_not_called()
        self.assertEqual((service, session_params), ("ses", {"profile_name": "p"}))
        self.assertEqual(client_params["region_name"], "us-east-1")
        self.assertEqual(client_params["config"].user_agent_extra, OUR_AGENT)
        self.assertEqual(client_params["config"].retries["total_max_attempts"], 1)

    def test_it_may_be_a_dotted_path(self):
        found = aws.client("ses", self.settings(f"{__name__}.make_client"))
        self.assertEqual(found[0], "ses")

    def test_its_clients_are_cached_too(self):
        factory = mock.Mock()
        one = aws.client("ses", self.settings(factory))
        self.assertIs(aws.client("ses", self.settings(factory)), one)
        factory.assert_called_once()
        self.assertIsNot(aws.client("ses", self.settings(mock.Mock())), one)

    def test_a_path_that_cannot_be_imported_is_a_configuration_error(self):
        with self.assertRaisesMessage(AnymailConfigurationError, "AMAZON_SES_CLIENT_FACTORY"):
            aws.client("ses", self.settings("nowhere.make_client"))

    def test_a_path_to_something_else_than_a_function_is_a_configuration_error(self):
        with self.assertRaisesMessage(
            AnymailConfigurationError, 'ANYMAIL["AMAZON_SES_CLIENT_FACTORY"] is not callable.'
        ):
            aws.client("ses", self.settings("os.path.sep"))

    def test_its_own_mistakes_are_not_blamed_on_the_settings(self):
        error = TypeError("a mistake")
        with self.assertRaises(TypeError) as caught:
            aws.client("ses", self.settings(mock.Mock(side_effect=error)))
        self.assertIs(caught.exception, error)

    def test_errors_of_boto_are_translated(self):
        factory = mock.Mock(side_effect=NoRegionError())
        with self.assertRaises(AnymailAPIError):
            aws.client("ses", self.settings(factory))


class CreationErrorTests(CacheTestCase):
    def test_a_missing_region_comes_with_a_hint(self):
        with no_aws_environment(), self.assertRaises(AnymailAPIError) as caught:
            aws.client("ses", AmazonSESSettings.load({"client_params": {}}))
        error = caught.exception
        self.assertIsInstance(error.__cause__, NoRegionError)
        self.assertEqual(error.error_code, "NoRegionError")
        self.assertEqual((error.is_transient, error.is_unsent), (False, True))
        self.assertIn('ANYMAIL["AMAZON_SES_CLIENT_PARAMS"] = {"region_name"', str(error))
        self.assertIn("AWS_DEFAULT_REGION", str(error))
        self.assertIsNone(error.response)

    def test_a_missing_profile_comes_with_a_hint(self):
        settings = AmazonSESSettings.load(
            {"session_params": {"profile_name": "nobody"}, "client_params": {}}
        )
        with no_aws_environment(), self.assertRaises(AnymailAPIError) as caught:
            aws.client("ses", settings)
        self.assertIsInstance(caught.exception.__cause__, ProfileNotFound)
        self.assertIn("profile_name", str(caught.exception))
        self.assertIn("AMAZON_SES_SESSION_PARAMS", str(caught.exception))

    def test_missing_credentials_come_with_a_hint_when_they_are_needed(self):
        with no_aws_environment():
            settings = AmazonSESSettings.load({"client_params": {"region_name": "us-east-1"}})
            client = aws.client("ses", settings)
            with self.assertRaises(AnymailAPIError) as caught, api_errors("Sending"):
                client.send_raw_email(RawMessage={"Data": b"x"})
        self.assertEqual(caught.exception.error_code, "NoCredentialsError")
        self.assertIn("AWS_ACCESS_KEY_ID", str(caught.exception))

    def test_an_unknown_parameter_is_a_configuration_error(self):
        for overrides in (
            {"client_params": {**CREDENTIALS, "regoin": "us-east-1"}},
            {"session_params": {"regoin": "us-east-1"}, "client_params": CREDENTIALS},
            {"client_params": {**CREDENTIALS, "endpoint_url": "nonsense"}},
        ):
            with self.subTest(overrides=overrides):
                with self.assertRaises(AnymailConfigurationError) as caught:
                    aws.client("ses", AmazonSESSettings.load(overrides))
                self.assertIn("boto3 does not accept", str(caught.exception))
                self.assertIsInstance(caught.exception.__cause__, (TypeError, ValueError))

    def test_a_secret_key_is_in_no_error(self):
        with self.assertRaises(AnymailConfigurationError) as caught:
            aws.client("ses", ses_settings(aws_secret_access_key="hush", regoin="x"))
        self.assertNotIn("hush", str(caught.exception))

    def test_boto3_that_is_not_installed_comes_with_the_command(self):
        with (
            mock.patch.dict(sys.modules, {"boto3": None}),
            self.assertRaisesMessage(AnymailImproperlyInstalled, "python -m pip install"),
        ):
            aws.client("ses", ses_settings())


class ApiErrorsTests(SimpleTestCase):
    RESPONSE = {
        "Error": {"Code": "MessageRejected", "Message": "Not verified: ann@x.com"},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "r-1"},
    }

    def caught(self, error: Exception) -> AnymailAPIError:
        with self.assertRaises(AnymailAPIError) as caught, api_errors("Doing it"):
            raise error
        self.assertIs(caught.exception.__cause__, error)
        return caught.exception

    def test_an_answer_of_aws_is_kept_and_described(self):
        error = self.caught(ClientError(self.RESPONSE, "SendRawEmail"))
        self.assertEqual(error.response, self.RESPONSE)
        self.assertEqual(error.error_code, "MessageRejected")
        self.assertEqual(
            (error.is_transient, error.is_throttled, error.is_unsent), (False, False, True)
        )
        self.assertIsNone(error.status_code)

    def test_the_text_says_what_was_tried_and_masks_addresses(self):
        text = str(self.caught(ClientError(self.RESPONSE, "SendRawEmail")))
        self.assertTrue(text.startswith("Doing it: "))
        self.assertIn("Not verified: ***@x.com", text)
        self.assertNotIn("ann@", text)

    def test_an_answer_without_details_is_an_api_error_too(self):
        self.assertEqual(self.caught(ClientError({}, "SendRawEmail")).error_code, "")

    def test_what_boto_itself_raises_is_translated(self):
        error = self.caught(BotoCoreError())
        self.assertEqual(error.error_code, "BotoCoreError")
        self.assertIsNone(error.response)

    def test_an_answer_that_cannot_be_parsed_is_translated(self):
        """A proxy may answer with a page of HTML and status 200."""
        with loopback_server(lambda request, n: (200, b"<html>proxy")) as server:
            client = boto3.session.Session().client("ses", endpoint_url=server.url, **CREDENTIALS)
            with self.assertRaises(AnymailAPIError) as caught, api_errors("Sending"):
                client.send_raw_email(RawMessage={"Data": b"x"})
        self.assertEqual(caught.exception.error_code, "ResponseParserError")
        self.assertEqual((caught.exception.is_transient, caught.exception.is_unsent), (True, False))

    def test_everything_else_passes_through(self):
        with self.assertRaises(ZeroDivisionError), api_errors("Doing it"):
            raise ZeroDivisionError


class ConfirmTests(CacheTestCase):
    def test_the_call_goes_to_the_region_of_the_topic(self):
        with mock.patch.object(aws, "client") as client:
            aws.confirm_subscription(TOPIC, "token", settings := ses_settings())
        client.assert_called_once_with("sns", settings, region_name="eu-west-1")
        client.return_value.confirm_subscription.assert_called_once_with(
            TopicArn=TOPIC, Token="token", AuthenticateOnUnsubscribe="true"
        )

    def test_a_refusal_names_the_topic(self):
        with (
            loopback_server(lambda request, n: (400, v1_error("InvalidParameter", "x"))) as server,
            self.assertRaises(AnymailAPIError) as caught,
        ):
            aws.confirm_subscription(TOPIC, "token", ses_settings(endpoint_url=server.url))
        self.assertIn(TOPIC, str(caught.exception))
        self.assertEqual(caught.exception.error_code, "InvalidParameter")


class LazyNamesTests(SimpleTestCase):
    def test_boto3_is_an_attribute_of_two_modules(self):
        import anymail.backends.amazon_ses
        import anymail.webhooks.amazon_ses

        for module in (anymail.backends.amazon_ses, anymail.webhooks.amazon_ses):
            with self.subTest(module=module.__name__):
                self.assertIs(module.boto3, boto3)
                with self.assertRaisesMessage(AttributeError, "has no attribute 'nonsense'"):
                    _ = module.nonsense

    def test_the_base_errors_are_a_tuple_for_except(self):
        from anymail.backends import amazon_ses

        self.assertEqual(amazon_ses.BOTO_BASE_ERRORS, (BotoCoreError, ClientError, ConnectionError))

    def error(self) -> Any:
        from anymail.webhooks.amazon_ses import AnymailBotoClientAPIError

        client_error = ClientError(
            {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}},
            "GetObject",
        )
        return AnymailBotoClientAPIError("Cannot download", client_error=client_error)

    def test_the_client_error_of_webhooks_is_both(self):
        error = self.error()
        self.assertIsInstance(error, AnymailAPIError)
        self.assertIsInstance(error, ClientError)
        self.assertEqual(error.response["Error"]["Code"], "SlowDown")
        self.assertEqual(error.operation_name, "GetObject")
        self.assertEqual(error.error_code, "SlowDown")
        self.assertTrue(error.is_transient)
        self.assertEqual(str(error), "Cannot download")

    def test_the_client_error_of_webhooks_can_be_pickled_and_copied(self):
        error = self.error()
        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            self.assertIs(type(other), type(error))
            self.assertEqual((str(other), other.error_code), ("Cannot download", "SlowDown"))
            self.assertEqual(other.response, error.response)
            self.assertEqual(other.operation_name, "GetObject")


class EndpointTests(SimpleTestCase):
    VPC = "https://vpce-0a1b2c.email.eu-west-1.vpce.amazonaws.com"

    def endpoint(self, service: str, url: str) -> str:
        """Where a service is called if SES is at a URL."""
        settings = ses_settings(endpoint_url=url, region_name="eu-west-1")
        return str(aws.client(service, settings).meta.endpoint_url)

    def test_a_vpc_endpoint_of_ses_has_ses_only(self):
        self.assertEqual(self.endpoint("sesv2", self.VPC), self.VPC)
        found = self.endpoint("sts", self.VPC)
        self.assertEqual(found, "https://sts.eu-west-1.amazonaws.com")

    def test_a_stand_in_has_all_services(self):
        for service in ("sesv2", "sts", "cloudwatch"):
            self.assertEqual(self.endpoint(service, "http://stand-in:4566"), "http://stand-in:4566")
