"""AMAZON_SES_ROLE_ARN, with a loopback server that is STS, SES and SNS."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import tempfile
import threading
import traceback
import unittest
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses import aws, sqs
from anymail.amazon_ses.quota import rate_limit_key
from anymail.amazon_ses.timestamps import iso_time
from anymail.backends.amazon_ses import EmailBackend
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailAPIError, AnymailConfigurationError
from anymail.testing.requests import signing_key

from ..ses import CREDENTIALS, Request, loopback_server, simple_message, v1_error, v1_success

ROLE = "arn:aws:iam::123456789012:role/mail"
#: The configuration for SES counts for STS, too.
ONCE = {"config": {"retries": {"total_max_attempts": 1}}}
TENANT = "arn:aws:iam::210987654321:role/tenants/ann"
Answer = tuple[int, bytes]


def assumed(number: int, lifetime: float = 3600) -> Answer:
    """What STS answers; the key's name is that of the answer."""
    expires = iso_time(datetime.now(timezone.utc) + timedelta(seconds=lifetime))
    return 200, (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
        "<AssumedRoleUser><AssumedRoleId>A:anymail</AssumedRoleId>"
        "<Arn>arn:aws:sts::123456789012:assumed-role/mail/anymail</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>ROLEKEY{number}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        f"<SessionToken>t{number}</SessionToken><Expiration>{expires}</Expiration></Credentials>"
        "</AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
        "</AssumeRoleResponse>"
    ).encode()


def denied(*_args: Any) -> Answer:
    return 403, v1_error(
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/web is not authorized to perform: sts:AssumeRole on "
        f"resource: {ROLE}",
    )


class Aws:
    """The calls that the server got."""

    def __init__(self, server: Any) -> None:
        self.url: str = server.url
        self._requests: list[Request] = server.requests

    @property
    def roles(self) -> list[dict[str, str]]:
        """The parameters of each AssumeRole."""
        return [one.form for one in self._requests if one.form.get("Action") == "AssumeRole"]

    @property
    def assuming_keys(self) -> list[str]:
        """The access key of each AssumeRole."""
        return [key(one) for one in self._requests if one.form.get("Action") == "AssumeRole"]

    @property
    def sending_keys(self) -> list[str]:
        """The access key of each other call."""
        return [key(one) for one in self._requests if one.form.get("Action") != "AssumeRole"]


def tls_context() -> ssl.SSLContext:
    """Of a server whose certificate nobody knows."""
    key, certificate = signing_key()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "server.pem")
        path.write_bytes(pem + certificate.encode())
        context.load_cert_chain(path)
    return context


def key(request: Request) -> str:
    match = re.search(r"Credential=(\w+)/", request.headers["Authorization"])
    assert match
    return match[1]


class RoleTestCase(SimpleTestCase):
    @contextlib.contextmanager
    def at_work(
        self,
        assume: Callable[[int], Answer] = assumed,
        send: Callable[[], Answer] = lambda: (200, v1_success()),
        tls: ssl.SSLContext | None = None,
    ) -> Iterator[Aws]:
        """With a server, where boto3 finds it.

        :param assume: answers an AssumeRole, by its number.
        :param send: answers any other call.
        :param tls: for HTTPS.
        """
        count = 0
        lock = threading.Lock()

        def answer(request: Request, number: int) -> Answer:
            nonlocal count
            if request.form.get("Action") != "AssumeRole":
                return send()
            with lock:
                count += 1
                return assume(count)

        with loopback_server(answer, tls) as server:
            self.url = server.url
            environment = {"AWS_ENDPOINT_URL_STS": server.url, "AWS_ENDPOINT_URL": server.url}
            environment |= {
                "AWS_ACCESS_KEY_ID": "OWNKEY",
                "AWS_SECRET_ACCESS_KEY": "s",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            with mock.patch.dict(os.environ, environment):
                aws.clear_clients()
                yield Aws(server)
                aws.clear_clients()

    def send(self, **options: Any) -> None:
        EmailBackend(**{"role_arn": ROLE, **options}).send_messages([simple_message()])


class AssumeRoleTests(RoleTestCase):
    def test_mail_is_sent_with_the_credentials_of_the_role(self):
        with self.at_work() as server:
            self.send()
        self.assertEqual(server.assuming_keys, ["OWNKEY"])
        self.assertEqual(server.sending_keys, ["ROLEKEY1"])
        [request] = server.roles
        self.assertEqual((request["RoleArn"], request["RoleSessionName"]), (ROLE, "anymail"))

    def test_the_setting_counts(self):
        with self.at_work() as server, override_settings(ANYMAIL_AMAZON_SES_ROLE_ARN=ROLE):
            EmailBackend().send_messages([simple_message()])
        self.assertEqual(server.sending_keys, ["ROLEKEY1"])

    def test_the_parameters_are_passed_on(self):
        params = {
            "RoleSessionName": "shop",
            "ExternalId": "e-1",
            "DurationSeconds": 900,
            "Tags": [{"Key": "app", "Value": "shop"}],
        }
        with self.at_work() as server:
            self.send(role_params=params)
        [request] = server.roles
        self.assertEqual(request["RoleSessionName"], "shop")
        self.assertEqual(request["ExternalId"], "e-1")
        self.assertEqual(request["DurationSeconds"], "900")
        self.assertEqual(request["Tags.member.1.Value"], "shop")

    def test_keys_in_the_parameters_assume_the_role(self):
        for options in ({"session_params": CREDENTIALS}, {"client_params": CREDENTIALS}):
            with self.subTest(options), self.at_work() as server:
                self.send(**options)
                self.assertEqual(server.assuming_keys, ["test"])
                self.assertEqual(server.sending_keys, ["ROLEKEY1"])

    def test_the_profile_of_the_session_counts_for_all_clients(self):
        profile = (
            "[profile mail]\naws_access_key_id = PROFILEKEY\naws_secret_access_key = s\n"
            "retry_mode = adaptive\n"
        )
        options = {"role_arn": ROLE, "session_params": {"profile_name": "mail"}}
        with tempfile.TemporaryDirectory() as folder, self.at_work() as server:
            path = Path(folder, "config")
            path.write_text(profile)
            with mock.patch.dict(os.environ, {"AWS_CONFIG_FILE": str(path)}):
                client = aws.client("s3", AmazonSESSettings.load({**options}))
                self.send(**options)
        self.assertEqual(client.meta.config.retries["mode"], "adaptive")
        self.assertEqual(server.assuming_keys, ["PROFILEKEY"])
        self.assertEqual(server.sending_keys, ["ROLEKEY1"])

    def test_an_endpoint_of_ses_is_not_that_of_sts(self):
        elsewhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
        with self.at_work() as server, mock.patch.dict(os.environ, elsewhere):
            self.send(client_params={"endpoint_url": server.url})
        self.assertEqual(server.sending_keys, ["ROLEKEY1"])

    def test_the_region_stays(self):
        with self.at_work():
            settings = AmazonSESSettings.load(
                {"role_arn": ROLE, "client_params": {"region_name": "eu-west-1"}}
            )
            self.assertEqual(aws.client("ses", settings).meta.region_name, "eu-west-1")
            settings = AmazonSESSettings.load({"role_arn": ROLE})
            self.assertEqual(aws.client("ses", settings).meta.region_name, "us-east-1")

    def test_certificates_are_verified_as_for_ses(self):
        with self.at_work(tls=tls_context()):
            with self.assertRaises(AnymailAPIError) as caught:
                self.send(client_params=ONCE)
            self.assertEqual(caught.exception.error_code, "SSLError")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # urllib3's about what follows
                self.send(client_params={**ONCE, "verify": False})

    def test_the_account_of_the_role_has_the_rate(self):
        with self.at_work() as server:
            settings = [AmazonSESSettings.load({"role_arn": arn}) for arn in (ROLE, TENANT)]
            keys = {rate_limit_key(aws.client("ses", one), one) for one in settings}
            self.assertEqual((len(keys), server.roles), (2, []))


class SharingTests(RoleTestCase):
    def test_the_clients_of_all_services_share_the_credentials(self):
        with self.at_work() as server:
            settings = AmazonSESSettings.load({"role_arn": ROLE})
            for service in ("ses", "sesv2", "s3", "kms"):
                credentials = aws.client(service, settings)._request_signer._credentials
                self.assertEqual(credentials.get_frozen_credentials().access_key, "ROLEKEY1")
            topic = "arn:aws:sns:eu-west-1:123456789012:topic"
            with contextlib.suppress(AnymailAPIError):
                aws.confirm_subscription(topic, "token", settings)
        self.assertEqual(len(server.roles), 1)
        self.assertEqual(server.sending_keys, ["ROLEKEY1"])

    def test_threads_share_them(self):
        with self.at_work() as server, ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: self.send(), range(16)))
        self.assertEqual(len(server.roles), 1)
        self.assertEqual(len(server.sending_keys), 16)

    def test_each_role_has_its_own(self):
        with self.at_work() as server:
            self.send()
            self.send(role_arn=TENANT)
            self.send(role_params={"ExternalId": "e-1"})
            self.send(role_arn=TENANT)
        self.assertEqual(server.sending_keys, ["ROLEKEY1", "ROLEKEY2", "ROLEKEY3", "ROLEKEY2"])

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_a_forked_process_gets_its_own(self):
        with self.at_work() as server:
            self.send()
            if (child := os.fork()) == 0:
                try:
                    self.send()
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            self.send()
        self.assertEqual(server.sending_keys, ["ROLEKEY1", "ROLEKEY2", "ROLEKEY1"])


class RefreshTests(RoleTestCase):
    def test_credentials_are_renewed_before_they_expire(self):
        """Less than ten minutes before, botocore renews them; the client stays."""
        with self.at_work(lambda number: assumed(number, 60 if number == 1 else 3600)) as server:
            backend = EmailBackend(role_arn=ROLE)
            backend.open()
            client = backend.client
            for _ in range(3):
                backend.send_messages([simple_message()])
            self.assertIs(backend.client, client)
        self.assertEqual(server.sending_keys, ["ROLEKEY1", "ROLEKEY2", "ROLEKEY2"])

    def test_roles_are_assumed_again_when_settings_change(self):
        with self.at_work() as server:
            self.send()
            with override_settings(ANYMAIL={"WEBHOOK_SECRET": "a:b"}):
                self.send()
        self.assertEqual(server.sending_keys, ["ROLEKEY1", "ROLEKEY2"])

    def test_refused_credentials_are_not_used_again(self):
        answers = iter([(403, v1_error("ExpiredToken", "The token is expired"))])
        with self.at_work(send=lambda: next(answers, (200, v1_success()))) as server:
            with self.assertRaises(AnymailAPIError):
                self.send()
            self.send()
        self.assertEqual(server.sending_keys, ["ROLEKEY1", "ROLEKEY2"])


class ErrorTests(RoleTestCase):
    def error(self, assume: Callable[[int], Answer], **options: Any) -> AnymailAPIError:
        with self.at_work(assume), self.assertRaises(AnymailAPIError) as caught:
            self.send(client_params=ONCE, throttle_timeout=0, **options)
        return caught.exception

    def test_a_denied_role_says_what_to_do(self):
        error = self.error(denied)
        self.assertEqual((error.error_code, error.scope), ("AccessDenied", "account"))
        self.assertEqual((error.is_unsent, error.is_transient), (True, False))
        self.assertIn("sts:AssumeRole on resource", str(error))
        self.assertIn("trust policy", str(error))
        self.assertIn('ANYMAIL["AMAZON_SES_ROLE_PARAMS"] = {"ExternalId": "…"}', str(error))

    def test_a_role_that_is_denied_to_a_consumer_needs_no_permission_of_sqs(self):
        settings = AmazonSESSettings.load({"role_arn": ROLE, "client_params": ONCE})
        with self.at_work(denied), self.assertRaises(AnymailAPIError) as caught:
            sqs.find_queue("ses-events", settings)
        self.assertIn("trust policy", str(caught.exception))
        self.assertNotIn("sqs:", str(caught.exception))

    def test_sts_that_throttles_has_sent_nothing(self):
        error = self.error(lambda number: (400, v1_error("Throttling", "Rate exceeded")))
        self.assertTrue(error.is_throttled)
        self.assertTrue(error.is_unsent)

    def test_an_answer_of_sts_that_makes_no_sense_says_whose_it_is(self):
        whole = assumed(1)[1]
        for answer in (
            b"",
            b"<html><body>It works!</body></html>",
            re.sub(b"<Expiration>.*</Expiration>", b"<Expiration>soon</Expiration>", whole),
            re.sub(b"<Credentials>.*</Credentials>", b"<Credentials/>", whole),
        ):
            with self.subTest(answer):
                error = self.error(lambda number, answer=answer: (200, answer))
                self.assertRegex(str(error), "AWS STS.*AssumeRole")
                self.assertEqual((error.is_transient, error.is_unsent), (True, True))
                self.assertEqual(error.scope, "account")

    def test_keys_in_a_broken_answer_of_sts_are_not_shown(self):
        broken = assumed(1)[1].removesuffix(b"</AssumeRoleResponse>")
        error = self.error(lambda number: (200, broken))
        shown = "".join(traceback.format_exception(error))
        self.assertIn("AssumeRole made no sense (ResponseParserError)", shown)
        self.assertNotIn("ROLEKEY1", shown)

    def test_sts_that_fails_has_sent_nothing(self):
        error = self.error(lambda number: (500, b"?"))
        self.assertTrue(error.is_unsent)

    def test_parameters_that_sts_does_not_take(self):
        error = self.error(assumed, role_params={"DurationSeconds": "long"})
        self.assertIn("DurationSeconds", str(error))
        self.assertTrue(error.is_unsent)

    def test_without_credentials_nothing_can_be_assumed(self):
        with self.at_work() as server:
            environment = {
                "AWS_CONFIG_FILE": "/nonexistent",
                "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            with mock.patch.dict(os.environ, environment):
                del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
                with self.assertRaises(AnymailAPIError) as caught:
                    self.send()
        self.assertEqual(caught.exception.error_code, "NoCredentialsError")
        self.assertIn("AWS_ACCESS_KEY_ID", str(caught.exception))
        self.assertEqual(server.roles, [])

    def test_a_policy_that_is_not_json(self):
        with self.at_work(), self.assertRaisesRegex(AnymailConfigurationError, "ROLE_PARAMS"):
            self.send(role_params={"Policy": "x"})

    def test_what_is_no_arn_of_a_role_is_refused_at_once(self):
        for arn in ("mail", "arn:aws:iam::1:role/mail", "arn:aws:iam::123456789012:user/mail"):
            with self.subTest(arn), self.assertRaisesRegex(AnymailConfigurationError, "like"):
                AmazonSESSettings.load({"role_arn": arn})
        arn = "arn:aws-us-gov:iam::123456789012:role/a/b_c+d=e,f.g@h-i"
        self.assertEqual(AmazonSESSettings.load({"role_arn": arn}).role_arn, arn)

    def test_parameters_for_people_are_refused_at_once(self):
        for name in ("SerialNumber", "TokenCode", "RoleArn", "Duration"):
            with self.subTest(name), self.assertRaisesRegex(AnymailConfigurationError, name):
                AmazonSESSettings.load({"role_params": {name: "x"}})

    def test_the_parameters_are_in_no_repr(self):
        settings = AmazonSESSettings.load({"role_arn": ROLE, "role_params": {"ExternalId": "e-17"}})
        self.assertNotIn("e-17", repr(settings))


class FactoryTests(RoleTestCase):
    def test_a_factory_makes_the_clients_without_the_role(self):
        made = mock.Mock()
        made.send_raw_email.return_value = {"MessageId": "m"}
        with self.at_work() as server:
            self.send(client_factory=lambda service, session_params, client_params: made)
        self.assertEqual(made.send_raw_email.call_count, 1)
        self.assertEqual(server.roles, [])
