"""What SES grants an account, and the key that identifies the account."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..conf import AmazonSESSettings
from .aws_errors import api_errors
from .installed_botocore import is_botocore_client
from .roles import CREDENTIALS

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds for which the account's send rate is kept.
ACCOUNT_RATE_LIFETIME = 3600


@dataclass(frozen=True, kw_only=True)
class AccountQuota:
    """What SES grants an account in a region.

    :param rate: recipients per second; 0 for no limit.
    :param daily: recipients in 24 hours; -1 for no limit.
    :param sent: recipients in the last 24 hours.
    """

    rate: float
    daily: float
    sent: float


class AccountRate:
    """The send rate that SES grants the account, asked for once per hour."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = -math.inf
        self._rate: float | None = None
        self._has_warned = False

    def get(self, ask: Callable[[], float]) -> float | None:
        """Recipients per second; None if SES does not report it.

        :param ask: calls SES and returns recipients per second, or raises. Other threads wait for
            it, so that they do not send without a limit.
        """
        with self._lock:
            if time.monotonic() - self._asked_at > ACCOUNT_RATE_LIFETIME:
                self._rate = self._try(ask)
                self._asked_at = time.monotonic()
            return self._rate

    def _try(self, ask: Callable[[], float]) -> float | None:
        try:
            return ask()
        except Exception as err:
            if not self._has_warned:
                self._has_warned = True
                code = getattr(err, "error_code", None) or type(err).__name__
                logger.warning(
                    'ANYMAIL["AMAZON_SES_MAX_SEND_RATE"] is "account", and SES does not report '
                    "its rate (%s): sending without a limit. The permission is ses:GetSendQuota, "
                    "with the v2 API ses:GetAccount; or set a number.",
                    code,
                    extra={"anymail_error_code": code},
                )
            return None


def account_send_rate(client: Any) -> float:
    """The ``MaxSendRate`` of the account, in recipients per second; 0 for no limit.

    Source: SES API reference, "GetSendQuota"; v2 reference, "GetAccount".

    :param client: of ``ses`` or ``sesv2``.
    :raises AnymailAPIError: SES does not report it.
    """
    with api_errors("Cannot ask Amazon SES for the send rate"):
        return float(_send_quota(client)["MaxSendRate"])


def account_quota(client: Any) -> AccountQuota:
    """What SES grants the account.

    Source: as for :func:`account_send_rate`.

    :param client: likewise.
    :raises AnymailAPIError: SES does not report it.
    """
    with api_errors("Cannot ask Amazon SES for the send rate"):
        found = _send_quota(client)
        return AccountQuota(
            rate=float(found["MaxSendRate"]),
            daily=float(found["Max24HourSend"]),
            sent=float(found["SentLast24Hours"]),
        )


def _send_quota(client: Any) -> Mapping[str, Any]:
    is_v2 = client.meta.service_model.service_name == "sesv2"
    found: Mapping[str, Any] = (
        client.get_account()["SendQuota"] if is_v2 else client.get_send_quota()
    )
    return found


def rate_limit_key(client: Any, settings: AmazonSESSettings) -> str:
    """A hash that identifies the quota of a client: SES grants rates by account and region.

    The credentials identify the account, by its id where they know it, otherwise by the access key.
    Temporary keys differ from process to process: then the client's parameters identify it.

    Source: Amazon SES Developer Guide, "Service quotas in Amazon SES".

    :raises AnymailAPIError: the credentials cannot be refreshed.
    """
    meta = getattr(client, "meta", None)
    where = [getattr(meta, "region_name", ""), getattr(meta, "endpoint_url", "")]
    parts = [*(part for part in where if isinstance(part, str)), *_account(client, settings)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _account(client: Any, settings: AmazonSESSettings) -> list[str]:
    if settings.role_arn is not None and settings.client_factory is None:
        return ["account", settings.role_arn.split(":")[4]]
    # botocore has no public way to a client's credentials.
    signer = getattr(client, "_request_signer", None) if is_botocore_client(client) else None
    if credentials := getattr(signer, "_credentials", None):
        with api_errors("Cannot get credentials for Amazon SES", is_signing=True):
            frozen = credentials.get_frozen_credentials()
        if account := getattr(frozen, "account_id", None):
            return ["account", account]
        if not frozen.token:
            return ["key", frozen.access_key]
    factory = settings.client_factory
    name = factory if isinstance(factory, str) else getattr(factory, "__qualname__", "")
    given = {**settings.session_params, **settings.client_params}
    return [
        name,
        *(
            f"{key}={value}"
            for key, value in sorted(given.items())
            if isinstance(value, str) and key not in CREDENTIALS
        ),
    ]
