"""Asks SES about messages, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from ..amazon_ses.aws_errors import api_errors
from ..amazon_ses.notifications import SesNotification
from ..exceptions import AnymailAPIError
from .insights import insights_notifications
from .tally import Tally

#: Waits for so many seconds, or less if the command is to end: then it gives True.
Wait = Callable[[float], object]

#: Seconds from one call to the next: SES allows one a second (API v2 Reference,
#: "GetMessageInsights").
INTERVAL = 1.0
#: Seconds for which a call is repeated.
PATIENCE = 60.0
#: Seconds. A pause before that is anything up to 1, 2, 4, 8.
FIRST_PAUSE, LONGEST_PAUSE = 1, 8
NOT_KNOWN = "not known to message insights"


def ask_insights(
    message_ids: Iterable[str | None], client: Any, tally: Tally, *, wait: Wait
) -> Iterator[SesNotification | None]:
    """What SES would have published about messages, each of which is asked about once.

    :param message_ids: None where there is none yet.
    :param client: boto3's, for ``sesv2``.
    :return: None where there is no event.
    :raises AnymailAPIError: SES refuses for good, or does not answer.
    """
    next_at = time.monotonic()
    asked: set[str] = set()
    for message_id in message_ids:
        if message_id is None or message_id in asked:
            yield None
            continue
        asked.add(message_id)
        wait(max(next_at - time.monotonic(), 0))
        next_at = time.monotonic() + INTERVAL
        answer = _insights(message_id, client, wait)
        if answer is None:
            tally.skipped[NOT_KNOWN] += 1
            yield None
        else:
            yield from insights_notifications(answer)


def call(client: Any, operation: str, wait: Wait, **params: Any) -> Mapping[str, Any]:
    """Call SES, and again for a while if it throttles, or does not answer.

    :param operation: as boto3's clients have it.
    :raises AnymailAPIError: SES refuses for good, or does not answer, or the command is to end.
    """
    ends, is_late = False, stop_after_delay(PATIENCE)

    def sleep(seconds: float) -> None:
        nonlocal ends
        ends = bool(wait(seconds))

    def gives_up(state: RetryCallState) -> bool:
        return ends or is_late(state)

    retrying = Retrying(
        retry=retry_if_exception(_passes),
        wait=wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        stop=gives_up,
        sleep=sleep,
        reraise=True,
    )
    for attempt in retrying:
        with attempt, api_errors(f"Amazon SES {operation}"):
            answer: Mapping[str, Any] = getattr(client, operation)(**params)
            return answer
    raise AssertionError  # tenacity returns or raises


def _insights(message_id: str, client: Any, wait: Wait) -> Mapping[str, Any] | None:
    try:
        return call(client, "get_message_insights", wait, MessageId=message_id)
    except AnymailAPIError as err:
        if err.error_code != "NotFoundException":
            raise
    return None


def _passes(error: BaseException) -> bool:
    return isinstance(error, AnymailAPIError) and error.is_transient
