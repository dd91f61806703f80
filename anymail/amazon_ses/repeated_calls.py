"""Calls of SES that do no harm when they are repeated, and are, for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from ..exceptions import AnymailAPIError
from .aws_errors import api_errors

#: Waits for so many seconds, or less if no more is to be done: then it gives True.
Wait = Callable[[float], object]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a call is repeated that SES throttles, or does not answer.

    :param seconds: after which it is not repeated any more.
    :param first_pause: seconds. A pause is anything up to that, the next up to twice as long.
    :param longest_pause: seconds.
    """

    seconds: float
    first_pause: float
    longest_pause: float


def call(
    client: Any,
    operation: str,
    params: Mapping[str, Any],
    patience: Patience,
    wait: Wait = time.sleep,
) -> Mapping[str, Any]:
    """Call SES, and again for a while if it throttles, or does not answer.

    :param operation: as boto3's clients have it.
    :raises AnymailAPIError: SES refuses for good, or does not answer, or no more is to be done.
    """
    ends, is_late = False, stop_after_delay(patience.seconds)

    def sleep(seconds: float) -> None:
        nonlocal ends
        ends = bool(wait(seconds))

    def gives_up(state: RetryCallState) -> bool:
        return ends or is_late(state)

    retrying = Retrying(
        retry=retry_if_exception(_passes),
        wait=wait_random_exponential(multiplier=patience.first_pause, max=patience.longest_pause),
        stop=gives_up,
        sleep=sleep,
        reraise=True,
    )
    for attempt in retrying:
        with attempt, api_errors(f"Amazon SES {operation}"):
            answer: Mapping[str, Any] = getattr(client, operation)(**params)
            return answer
    raise AssertionError  # tenacity returns or raises


def _passes(error: BaseException) -> bool:
    return isinstance(error, AnymailAPIError) and error.is_transient
