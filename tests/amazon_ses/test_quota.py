"""The send rate of an account, and what identifies the account."""

from __future__ import annotations

import threading
import time
from typing import Any
from unittest import mock

import boto3
from botocore.config import Config
from botocore.exceptions import CredentialRetrievalError
from django.test import SimpleTestCase

from anymail.amazon_ses import quota
from anymail.amazon_ses.quota import AccountRate
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailAPIError

from ..fake_clock import ClockTestCase
from ..local_sns import PATIENCE
from ..ses import CREDENTIALS


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
        with self.assertLogs("anymail.amazon_ses.quota", "WARNING") as logs:
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
