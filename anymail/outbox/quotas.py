"""What SES grants an account, and how much of its day is used up: asked for by one worker a minute,
for all of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from django.db.models import F, Value
from django.db.models.functions import Coalesce

from ..amazon_ses.quota import AccountQuota, account_quota
from ..conf import OutboxSettings, Reserve, current_settings
from .logs import OwnLogger
from .models import Pace
from .pacing import now_in_seconds, pace_of, paces

logger: OwnLogger = OwnLogger(__name__)

#: Seconds between two questions, and after one that nobody has answered.
ASK_INTERVAL, FIRST_ANSWER = 60.0, 5.0
#: Where SES sets no limit, and where it does not say.
NO_LIMIT = -1.0


class Quotas:
    """Asks for them.

    :param submit: runs a function in a thread: SES may take long to answer.
    """

    def __init__(self, submit: Callable[[Callable[[], Any]], Future[Any]]) -> None:
        self._submit = submit
        self._answer: Future[Any] | None = None
        #: As it was when SES was asked.
        self._asked = Pace()

    def read(self, owner: str, client: Any, *, asks: bool) -> Pace:
        """What is known about an account. It does not wait for SES.

        :param owner: as in :func:`.pacing.pace_of`.
        :param client: the boto3 client.
        :param asks: whether to ask SES, if that is due.
        """
        row = pace_of(owner)
        if self._answer is None and asks and _begins_to_ask(row):
            self._asked = row
            self._answer = self._submit(partial(account_quota, client))
        if self._answer is None or not self._answer.done():
            return row
        answer, self._answer = self._answer, None
        error = answer.exception()
        if error is None:
            _write(self._asked, answer.result())
        else:
            _write_failure(self._asked, error)
        return pace_of(owner)


def is_known(row: Pace) -> bool:
    """Whether SES has been asked: what it does not say has no limit."""
    return row.daily_quota is not None


def daily_limit(row: Pace, reserve: Reserve) -> float | None:
    """How many recipients there may be in 24 hours before bulk messages wait; None for no limit."""
    quota = row.daily_quota
    has_none = quota is None or quota < 0 or not reserve.daily
    return None if quota is None or has_none else quota * (1 - reserve.daily)


def is_day_used_up() -> bool:
    """Whether bulk messages wait for the next day, as ``OUTBOX_RESERVE`` says. With several
    accounts, those of one of them."""
    reserve = current_settings().get(OutboxSettings).outbox_reserve
    # Nobody has asked for long: there is no bulk message, or no worker.
    recent = paces().filter(asked_at__gt=now_in_seconds() - 2 * ASK_INTERVAL)
    limits = [(row.sent_today, daily_limit(row, reserve)) for row in recent]
    return any(limit is not None and sent >= limit for sent, limit in limits)


def _begins_to_ask(row: Pace) -> bool:
    """Whether this worker is the one to ask now."""
    now = now_in_seconds()
    passed = now - row.asked_at
    # Less than 0: written by a machine with a wrong clock.
    if 0 <= passed < (ASK_INTERVAL if is_known(row) else FIRST_ANSWER):
        return False
    return bool(paces().filter(pk=row.pk, asked_at=row.asked_at).update(asked_at=now))


def _write(asked: Pace, quota: AccountQuota) -> None:
    meanwhile = F("sent_today") - asked.sent_today
    paces().filter(pk=asked.pk).update(
        rate=quota.rate, daily_quota=quota.daily, sent_today=meanwhile + quota.sent
    )


def _write_failure(asked: Pace, error: BaseException) -> None:
    """Go on with what is known, if this may pass; otherwise without a limit."""
    if is_known(asked) and getattr(error, "is_transient", False):
        return
    rate = Coalesce(F("rate"), Value(0.0))
    paces().filter(pk=asked.pk).update(rate=rate, daily_quota=NO_LIMIT)
    if asked.daily_quota != NO_LIMIT:
        code = getattr(error, "error_code", None) or type(error).__name__
        logger.warning(
            "Amazon SES does not tell the outbox the account's quota (%s). So bulk messages may "
            "use up the day, and without AMAZON_SES_MAX_SEND_RATE there is no limit to the rate. "
            "The permission is ses:GetSendQuota, with the v2 API ses:GetAccount",
            code,
            extra={"anymail_error_code": code},
        )
