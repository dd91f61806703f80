"""Asks SES about messages, one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..amazon_ses import repeated_calls
from ..amazon_ses.notifications import SesNotification
from ..amazon_ses.repeated_calls import Patience, Wait
from ..exceptions import AnymailAPIError
from .insights import insights_notifications
from .tally import Tally

#: Seconds from one call to the next: SES allows one a second (API v2 Reference,
#: "GetMessageInsights").
INTERVAL = 1.0
#: Nobody waits for a page.
PATIENCE = Patience(seconds=60, first_pause=1, longest_pause=8)
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
    return repeated_calls.call(client, operation, params, PATIENCE, wait)


def _insights(message_id: str, client: Any, wait: Wait) -> Mapping[str, Any] | None:
    try:
        return call(client, "get_message_insights", wait, MessageId=message_id)
    except AnymailAPIError as err:
        if err.error_code != "NotFoundException":
            raise
    return None
