"""The AWS account that is set up: who we are, and how it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...amazon_ses import aws
from ...amazon_ses.aws_errors import api_errors
from ...amazon_ses.installed_botocore import partition_of, unknown_region
from ...conf import AmazonSESSettings
from ...exceptions import AnymailAPIError, AnymailConfigurationError
from ..actions import REFUSALS, actions_of
from .resources import Place
from .steps import Call, call


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Makes calls: a function of one argument.

    :param settings: for boto3.
    :param region: of SES, and of everything that it uses.
    """

    settings: AmazonSESSettings
    region: str

    def __call__(self, made: Call) -> Mapping[str, Any]:
        """Make a call.

        :raises AnymailAPIError: AWS refuses, or cannot be reached; the text names the IAM action
            if that is missing.
        """
        with api_errors(
            f"{made.service}:{made.operation} failed", advise=partial(_advise, made.service)
        ):
            client = aws.client(made.service, self.settings, region_name=self.region)
            answer: Mapping[str, Any] = getattr(client, made.operation)(**made.params)
            return answer


def find_place(settings: AmazonSESSettings, region: str | None, account: str | None) -> Place:
    """Where resources are to be.

    :param region: an option; None for that of the settings, or of boto3.
    :param account: its id; None asks AWS STS, which is the only call that this makes.
    :raises AnymailAPIError: boto3 knows no region, or STS does not answer.
    :raises AnymailConfigurationError: no such region answers.
    """
    region = region or settings.client_params.get("region_name")
    if region and account:  # a client looks for credentials, which there may be none of
        return Place(account=account, region=region, partition=partition_of(region))
    overrides: dict[str, Any] = {"region_name": region} if region else {}
    client = aws.client("sesv2", settings, **overrides)
    region = str(client.meta.region_name)
    if account is None:
        caller = Caller(settings=settings, region=region)
        try:
            account = str(caller(call("sts", "get_caller_identity"))["Account"])
        except AnymailAPIError as err:
            if err.error_code == "EndpointConnectionError" and unknown_region(client):
                raise AnymailConfigurationError(
                    f"AWS does not answer in the region {region}, and botocore knows no Amazon SES "
                    "there. Set another one with --region, or in "
                    'ANYMAIL["AMAZON_SES_CLIENT_PARAMS"] = {"region_name": "eu-central-1"}.'
                ) from err
            raise
    return Place(account=account, region=region, partition=partition_of(region))


def _advise(service: str, operation: str, code: str) -> str | None:
    if code not in REFUSALS:
        return None
    actions = " and ".join(actions_of(service, operation))
    return f"These credentials need the IAM permission {actions}."
