"""What tests of set-up and doctor share: an AWS account on loopback that is empty at first."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import django
from django.test import SimpleTestCase, override_settings
from moto.backends import get_backend

from anymail.conf import AmazonSESSettings
from anymail.sandbox.aws.defaults import CREDENTIALS

from ..local_ses import LocalSes, local_ses
from ..steady_server import kept_clients
from .aws_cli import run_aws

REGION = CREDENTIALS["region_name"]
BACKEND = "anymail.backends.amazon_ses.EmailBackend"
#: Services whose state is forgotten between tests: it is that of the process.
SERVICES = ("kms", "s3", "ses")


def empty_account() -> None:
    """Forget what moto has, in all accounts and regions."""
    for service in SERVICES:
        for account in get_backend(service).values():
            for backend in account.values():
                backend.reset()
    for service in ("sns", "sqs"):  # the sandbox has some of its own, which moto cannot reset
        for account in get_backend(service).values():
            account.clear()


class AwsAccountTestCase(SimpleTestCase):
    """Tests with an account of their own, empty for each of them."""

    amazon: LocalSes

    def setUp(self) -> None:
        super().setUp()
        empty_account()
        with ExitStack() as stack:
            stack.enter_context(kept_clients())
            self.amazon = stack.enter_context(local_ses())
            self.addCleanup(stack.pop_all().close)

    def anymail(self, **settings: Any) -> dict[str, Any]:
        """``ANYMAIL`` for a project that uses this account."""
        params = {"endpoint_url": self.amazon.url}
        return {
            "AMAZON_SES_SESSION_PARAMS": CREDENTIALS,
            "AMAZON_SES_CLIENT_PARAMS": params,
            **settings,
        }

    def project(self, **settings: Any) -> Any:
        """The Django settings of such a project, for the length of a ``with`` block."""
        anymail = self.anymail(**settings)
        if django.VERSION < (6, 1):
            return override_settings(ANYMAIL=anymail, EMAIL_BACKEND=BACKEND)
        return override_settings(ANYMAIL=anymail, MAILERS={"default": {"BACKEND": BACKEND}})

    def settings_of(self, **settings: Any) -> AmazonSESSettings:
        """The settings of such a project."""
        with override_settings(ANYMAIL=self.anymail(**settings)):
            return AmazonSESSettings.load()

    def aws(self, command: str) -> Any:
        """Run a command of the ``aws`` tool; gives the answer."""
        return run_aws(command, self.amazon.client)
