"""Runs ApiCalls: repeats those that SES surely did not accept, and no others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from ..conf import AmazonSESSettings
from ..exceptions import AnymailAPIError
from .aws import api_errors
from .calls import ApiCall

logger = logging.getLogger(__name__)

#: For errors that pass in a moment or not at all: no connection, 503.
MAX_ATTEMPTS = 3
#: Seconds. The pause before attempt n is anything up to 0.5 * 2**n ("full jitter", AWS
#: Architecture Blog, "Exponential Backoff And Jitter").
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10


def run(call: ApiCall, client: Any, settings: AmazonSESSettings) -> Mapping[str, Any]:
    """Post one call, and return the response.

    SES has no idempotency key, so by default a call is repeated only when it was throttled, when
    SES answered 503, or when no connection was made; with ``AMAZON_SES_RETRY_TIMEOUTS`` also when
    the outcome is not known.

    :param client: the boto3 client.
    :raises AnymailAPIError: what the last attempt failed with.
    """
    retrying = Retrying(
        retry=retry_if_exception(lambda err: _may_repeat(err, settings)),
        wait=wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        stop=lambda state: _is_over(state, settings),
        before_sleep=_log_pause,
        reraise=True,
    )
    response: Mapping[str, Any] = retrying(_post, call, client)
    return response


def _post(call: ApiCall, client: Any) -> Any:
    with api_errors(f"Amazon SES {call.operation}"):
        return getattr(client, call.operation)(**call.params)


def _may_repeat(error: BaseException, settings: AmazonSESSettings) -> bool:
    if not isinstance(error, AnymailAPIError) or not error.is_transient:
        return False
    return error.is_unsent or settings.retry_timeouts


def _is_over(state: RetryCallState, settings: AmazonSESSettings) -> bool:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, AnymailAPIError) and error.is_throttled:
        waited = (state.seconds_since_start or 0) + state.upcoming_sleep
        return waited > settings.throttle_timeout or not settings.throttle_timeout
    return state.attempt_number >= MAX_ATTEMPTS


def _log_pause(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    code = getattr(error, "error_code", None)
    logger.info(
        "Amazon SES: %s, trying again in %.1f seconds",
        code,
        state.upcoming_sleep,
        extra={"anymail_error_code": code, "anymail_attempt": state.attempt_number},
    )
