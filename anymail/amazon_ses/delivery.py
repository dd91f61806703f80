"""Runs ApiCalls: within the rate limits, repeated only if SES surely did not accept them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from django.core.cache import caches
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    wait_random_exponential,
)

from ..calls import ApiCall
from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError
from .aws_errors import api_errors
from .error_codes import NEVER_CONNECTED
from .error_meanings import code_and_text, narrow_scope
from .installed_botocore import unknown_region
from .pacing import ConcurrencyLimiter, RateLimiter, TokenBucket
from .process_local import ProcessLocal
from .quota import AccountRate, account_send_rate, rate_limit_key
from .shared_rate import SharedRateLimiter

logger: logging.Logger = logging.getLogger(__name__)

#: For errors that pass in a moment or not at all: no connection, 503.
MAX_ATTEMPTS = 3
#: Seconds. A pause is anything up to 0.25, 0.5, 1, 2 … ("full jitter", AWS Architecture Blog,
#: "Exponential Backoff And Jitter"); no longer, since SES grants by the second.
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2


@dataclass(frozen=True, kw_only=True)
class ClientLimits:
    """The limits of one client's calls, by the settings that ask for them."""

    account_rate: AccountRate = field(default_factory=AccountRate)
    limiters: dict[Any, ConcurrencyLimiter] = field(default_factory=dict)


class ProcessLimits:
    """The limits that the calls of one process share."""

    def __init__(self) -> None:
        self.lock: threading.Lock = threading.Lock()
        self.by_client: WeakKeyDictionary[Any, ClientLimits] = WeakKeyDictionary()
        #: By account, rate and cache; for as long as a limiter uses them.
        self.rate_limiters: WeakValueDictionary[Any, RateLimiter] = WeakValueDictionary()


_process_limits = ProcessLocal(ProcessLimits)


def run(call: ApiCall, client: Any, settings: AmazonSESSettings) -> Mapping[str, Any]:
    """Post one call, and return the response. Nothing more is posted once it is cancelled.

    SES has no idempotency key, so by default a call is repeated only when it was throttled, when
    SES answered 503, or when no connection was made; with ``AMAZON_SES_RETRY_TIMEOUTS`` also when
    the outcome is not known.

    :param call: one that a send API built.
    :param client: the boto3 client.
    :param settings: for Amazon SES.
    :return: the dict that boto3 returned.
    :raises AnymailAPIError: what the last attempt failed with.
    """
    limiter = limiter_for(client, settings)
    retrying = Retrying(
        retry=retry_if_exception(lambda err: _may_repeat(err, settings)),
        wait=wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        stop=lambda state: call.cancelled.is_set() or _gives_up(state, settings),
        sleep=sleep_using_event(call.cancelled),
        before_sleep=_log_pause,
        reraise=True,
    )
    response: Mapping[str, Any] = retrying(_post, call, client, limiter)
    return response


def limiter_for(client: Any, settings: AmazonSESSettings) -> ConcurrencyLimiter:
    """The limiter of a client's calls.

    Calls at once are limited for each client by itself; the rate is limited for all clients of an
    account and region together.

    :param client: the boto3 client.
    :param settings: ``max_concurrency``, ``max_send_rate`` and ``rate_limit_cache`` count.
    :raises AnymailAPIError: there are no credentials, which identify the account.
    """
    limits = _limits_of(client)
    rate: Any = settings.max_send_rate
    if rate == "account":
        rate = limits.account_rate.get(lambda: account_send_rate(client))
    key = (settings.max_concurrency, rate, settings.rate_limit_cache)
    if key not in limits.limiters:
        rate_limiter = _rate_limiter_for(client, settings, rate) if rate and rate > 0 else None
        limits.limiters.setdefault(key, ConcurrencyLimiter(settings.max_concurrency, rate_limiter))
    return limits.limiters[key]


def _limits_of(client: Any) -> ClientLimits:
    shared = _process_limits.get()
    with shared.lock:
        try:
            return shared.by_client.setdefault(client, ClientLimits())
        except TypeError:  # a test double that cannot be a key
            return ClientLimits()


def _rate_limiter_for(client: Any, settings: AmazonSESSettings, rate: float) -> RateLimiter:
    key = rate_limit_key(client, settings)  # may have to fetch credentials
    alias = settings.rate_limit_cache
    shared = _process_limits.get()
    with shared.lock:
        rate_limiter = shared.rate_limiters.get((key, rate, alias))
        if rate_limiter is None:
            rate_limiter = (
                TokenBucket(rate)
                if alias is None
                else SharedRateLimiter(rate, lambda: caches[alias], key)
            )
            shared.rate_limiters[key, rate, alias] = rate_limiter
        return rate_limiter


def _post(call: ApiCall, client: Any, limiter: ConcurrencyLimiter) -> Any:
    with limiter.slot(call.weight, call.cancelled):
        if call.cancelled.is_set():
            raise AnymailAPIError("Sending was interrupted.", is_transient=True, is_unsent=True)
        try:
            with api_errors(f"Amazon SES {call.operation}"):
                response = getattr(client, call.operation)(**call.params)
        except AnymailAPIError as err:
            if err.is_throttled:
                limiter.throttled()
            if err.error_code in NEVER_CONNECTED and (region := unknown_region(client)):
                raise AnymailAPIError(
                    f"Amazon SES cannot be reached in the region {region!r}, and botocore knows of "
                    'none by that name. Correct "region_name" in '
                    'ANYMAIL["AMAZON_SES_CLIENT_PARAMS"], or the environment variable '
                    "AWS_DEFAULT_REGION; for a new region, upgrade boto3.",
                    error_code="UnknownRegion",
                    is_unsent=True,
                    scope="account",
                ) from err.__cause__
            _narrow_scope(err, call)
            raise
        limiter.accepted()
        return response


def _narrow_scope(error: AnymailAPIError, call: ApiCall) -> None:
    if error.response:
        _, text = code_and_text(error.response)
        recipients = [recipient.addr_spec for recipient in call.recipients]
        error.scope = narrow_scope(error.scope, text, recipients, call.senders)


def _may_repeat(error: BaseException, settings: AmazonSESSettings) -> bool:
    if not isinstance(error, AnymailAPIError) or not error.is_transient:
        return False
    return error.is_unsent or settings.retry_timeouts


def _gives_up(state: RetryCallState, settings: AmazonSESSettings) -> bool:
    error = state.outcome.exception() if state.outcome else None
    if state.attempt_number == 1:  # waiting for a slot is not being throttled
        state.start_time = state.outcome_timestamp or state.start_time
    if isinstance(error, AnymailAPIError) and error.is_throttled:
        waited = (state.seconds_since_start or 0) + state.upcoming_sleep
        return waited > settings.throttle_timeout or not settings.throttle_timeout
    return state.attempt_number >= MAX_ATTEMPTS


def _log_pause(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    code, scope = getattr(error, "error_code", None), getattr(error, "scope", None)
    logger.info(
        "Amazon SES: %s, trying again in %.1f seconds",
        code,
        state.upcoming_sleep,
        extra={
            "anymail_error_code": code,
            "anymail_error_scope": scope,
            "anymail_attempt": state.attempt_number,
        },
    )
