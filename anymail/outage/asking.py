"""Asks SES about messages, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from ..amazon_ses.aws_errors import api_errors
from ..amazon_ses.notifications import SesNotification
from ..exceptions import AnymailAPIError
from .insights import insights_notifications
from .tally import Tally

OPERATION = "get_message_insights"
#: Seconds from one call to the next: SES allows one a second (API v2 Reference,
#: "GetMessageInsights").
INTERVAL = 1.0
#: Seconds for which a call is repeated.
PATIENCE = 60.0
#: Seconds. A pause before that is anything up to 1, 2, 4, 8.
FIRST_PAUSE, LONGEST_PAUSE = 1, 8
NOT_KNOWN = "not known to message insights"


def ask_insights(
    message_ids: Iterable[str], client: Any, tally: Tally, *, wait: Callable[[float], object]
) -> Iterator[SesNotification]:
    """What SES would have published about messages.

    :param client: boto3's, for ``sesv2``.
    :param wait: waits for so many seconds, or less if the command is to end.
    :raises AnymailAPIError: SES refuses for good, or does not answer.
    """
    next_at = time.monotonic()
    for message_id in message_ids:
        wait(max(next_at - time.monotonic(), 0))
        next_at = time.monotonic() + INTERVAL
        answer = _insights(message_id, client, wait)
        if answer is None:
            tally.skipped[NOT_KNOWN] += 1
        else:
            yield from insights_notifications(answer)


def _insights(
    message_id: str, client: Any, wait: Callable[[float], object]
) -> Mapping[str, Any] | None:
    def sleep(seconds: float) -> None:
        wait(seconds)

    retrying = Retrying(
        retry=retry_if_exception(_passes),
        wait=wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        stop=stop_after_delay(PATIENCE),
        sleep=sleep,
        reraise=True,
    )
    try:
        for attempt in retrying:
            with attempt, api_errors(f"Amazon SES {OPERATION}"):
                answer: Mapping[str, Any] = getattr(client, OPERATION)(MessageId=message_id)
                return answer
    except AnymailAPIError as err:
        if err.error_code != "NotFoundException":
            raise
    return None


def _passes(error: BaseException) -> bool:
    return isinstance(error, AnymailAPIError) and error.is_transient
