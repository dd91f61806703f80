"""How fast a worker may send, and how fast it does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..amazon_ses.quota import rate_limit_key
from ..conf import Reserve
from . import pacing
from .claiming import MAX_CLAIM
from .logs import OwnLogger
from .models import Pace
from .pacing import COMMON, RESERVED, Line
from .quotas import Quotas, daily_limit, is_known

logger: OwnLogger = OwnLogger(__name__)

#: Seconds that a claim is to last: so long an urgent message waits at most.
CLAIM_SECONDS = 0.5
#: Seconds' worth of recipients that one worker reserves at most: urgent messages of the others wait
#: for it.
GROUP_SECONDS = 0.5
#: Seconds without sending after SES has refused a call for the rate.
SLOW_DOWN = 0.5
#: Seconds. What takes the reserve longer does not use it.
LONGEST_CALL = 30.0
#: Seconds between two looks whether SES has told its quota.
QUOTA_PAUSE = 0.1
#: The part of the day's quota that has to be free, at least, before bulk messages go on.
DAILY_ROOM = 0.01


class Stretch:
    """The stretch of time that this worker has reserved in a line.

    :param column: the line, as in :class:`.pacing.Line`.
    """

    def __init__(self, column: str) -> None:
        self.column = column
        #: When it goes on, in monotonic time.
        self.turn: float = 0.0
        #: For how many recipients it is left, and until when: SES grants only a second's worth.
        self._left, self._valid_until = 0, 0.0
        self._rate = math.inf

    def begin(self, seconds: float, recipients: int, rate: float) -> None:
        """Note that one has been reserved.

        :param seconds: from now on.
        :param rate: recipients per second.
        """
        now = time.monotonic()
        self.turn, self._left, self._rate = now + seconds, recipients, rate
        self._valid_until = max(now, self.turn) + recipients / rate + pacing.BURST

    def has(self, recipients: int) -> bool:
        """Whether there is enough of it."""
        return recipients <= self._left and time.monotonic() <= self._valid_until

    @property
    def wait(self) -> float:
        """Seconds until it is near; 0 if it is."""
        return max(0.0, self.turn - time.monotonic() - pacing.AHEAD)

    def take(self, recipients: int) -> float:
        """Use some of it; gives the monotonic time."""
        turn = self.turn
        self._left -= recipients
        self.turn += recipients / self._rate
        return turn


class SendRate:
    """The rate of an account, which all workers keep together.

    :param mailer: its name.
    :param backend: sends through Amazon SES, unless there is no rate.
    :param wanted: recipients per second; ``"account"`` for what SES grants; None for no limit. If a
        cache keeps it, only bulk messages are paced here.
    :param reserve: what bulk messages leave.
    :param submit: runs a function in a thread.
    """

    def __init__(
        self,
        mailer: str,
        backend: Any,
        wanted: float | str | None,
        reserve: Reserve,
        submit: Callable[[Callable[[], Any]], Future[Any]],
    ) -> None:
        self._mailer, self._backend = mailer, backend
        self._wanted, self._reserve = wanted, reserve
        self._quotas = Quotas(submit)
        self._owner, self._pace = "", Pace()
        self._common, self._reserved = Stretch(COMMON), Stretch(RESERVED)
        #: How many recipients had no room in what is left of the day for bulk messages.
        self._refused = 0

    def refresh(self) -> None:
        """Find out whose rate it is; the backend is open.

        :raises AnymailAPIError: there are no credentials, which identify the account.
        """
        if self._wanted is not None:
            self._owner = rate_limit_key(self._backend.client, self._backend.settings)

    def wait(self, *, is_urgent: bool) -> float:
        """Seconds until a turn is near; 0 if it is, or there is no limit.

        :param is_urgent: whether the next message may use the reserve.
        """
        if not self._is_limited(is_urgent):
            return 0.0
        stretches = self._stretches(is_urgent)
        if any(one.has(1) and not one.wait for one in stretches):
            return 0.0
        self._look(is_urgent)
        if not self._is_known(is_urgent):
            return QUOTA_PAUSE
        lines = [self._line(one.column) for one in stretches if not one.has(1)]
        waits = [pacing.wait(self._pace, line) for line in lines]
        return min([*waits, *(one.wait for one in stretches if one.has(1))])

    def take(self, recipients: int, expected: int, *, is_urgent: bool) -> float | None:
        """When the next call may be posted.

        A stretch of time is reserved for several calls at once, in a transaction of its own.

        :param recipients: how many the call has.
        :param expected: how many the calls have that this worker is going to post.
        :param is_urgent: as for :meth:`wait`.
        :return: a monotonic time; None if it is not near.
        """
        if not self._is_limited(is_urgent):
            return time.monotonic()
        stretches = self._stretches(is_urgent)
        near = [one for one in stretches if one.has(recipients) and not one.wait]
        stretch = min(near, key=lambda one: one.turn, default=None)
        if stretch is None:
            free = [one for one in stretches if not one.has(recipients)]
            stretch = self._begin_one(free, recipients, expected, is_urgent)
        return None if stretch is None else stretch.take(recipients)

    @property
    def holds_bulk(self) -> bool:
        """Whether bulk messages wait for the next day."""
        return bool(self._refused)

    def may_send_bulk(self) -> bool:
        """Look again whether bulk messages wait for the next day."""
        if not self._refused:
            return True
        self._look(is_urgent=False)
        limit = daily_limit(self._pace, self._reserve)
        if limit is not None:
            room = max(self._refused, limit * DAILY_ROOM)
            if self._pace.sent_today + room > limit:
                return False
        self._refused = 0
        logger.warning(
            "The outbox goes on with bulk messages: the day's quota has room again",
            extra={"anymail_mailer": self._mailer},
        )
        return True

    def slow_down(self) -> None:
        """Send nothing for a moment: SES has refused a call for the rate."""
        if self._wanted is not None:
            pacing.slow_down(self._owner, SLOW_DOWN)

    def _is_limited(self, is_urgent: bool) -> bool:
        if self._wanted is None:
            return False
        is_kept_elsewhere = self._backend.settings.rate_limit_cache is not None
        return not (is_urgent and is_kept_elsewhere)

    def _stretches(self, is_urgent: bool) -> list[Stretch]:
        has_both = is_urgent and self._reserve.rate
        return [self._common, self._reserved] if has_both else [self._common]

    def _look(self, is_urgent: bool) -> None:
        asks = self._wanted == "account" or (not is_urgent and self._reserve.daily > 0)
        self._pace = self._quotas.read(self._owner, self._backend.client, asks=asks)

    def _is_known(self, is_urgent: bool) -> bool:
        needs_answer = self._wanted == "account" or (not is_urgent and self._reserve.daily > 0)
        return is_known(self._pace) or not needs_answer

    def _line(self, column: str) -> Line:
        granted: Any = self._pace.rate if self._wanted == "account" else self._wanted
        whole = granted or math.inf
        share = self._reserve.rate if column == RESERVED else 1 - self._reserve.rate
        return Line(column=column, rate=whole * share, whole=whole)

    def _begin_one(
        self, stretches: list[Stretch], recipients: int, expected: int, is_urgent: bool
    ) -> Stretch | None:
        """Reserve time in the first line of which the next stretch is near."""
        if not self._is_known(is_urgent):
            self._look(is_urgent)
        if not self._is_known(is_urgent):
            return None
        limit = None if is_urgent else daily_limit(self._pace, self._reserve)
        if limit is not None and self._pace.sent_today + recipients > limit:
            self._wait_for_the_day(recipients, limit)
            return None
        for stretch in stretches:
            line = self._line(stretch.column)
            if line.column == RESERVED and recipients / line.rate > LONGEST_CALL:
                continue
            room = math.inf if limit is None else limit - self._pace.sent_today
            most = int(min(expected, line.rate * GROUP_SECONDS, room))
            size = max(recipients, most)
            seconds = pacing.reserve(self._owner, line, size, limit=limit)
            if seconds is not None:
                stretch.begin(seconds, size, line.rate)
                return stretch
        return None

    def _wait_for_the_day(self, recipients: int, limit: float) -> None:
        self._refused = recipients
        logger.warning(
            "Bulk messages of the outbox wait: of %.0f recipients that they may have in 24 hours, "
            "%.0f were sent to. What is left of the quota is for others, as OUTBOX_RESERVE says",
            limit,
            self._pace.sent_today,
            extra={"anymail_mailer": self._mailer},
        )


class Share:
    """How many messages to claim: what this worker gets done while a claim is to last.

    :param first: how many while that is not known.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self.reset()

    def reset(self) -> None:
        """Forget what is known: there was nothing to do."""
        self._per_second: float | None = None
        self._done, self._since = 0, time.monotonic()

    def note(self, done: int) -> None:
        """Note that messages are done.

        :param done: how many.
        """
        self._done += done
        passed = time.monotonic() - self._since
        if passed >= CLAIM_SECONDS:
            self._per_second = self._done / passed
            self._done, self._since = 0, time.monotonic()

    @property
    def size(self) -> int:
        """How many to claim."""
        if self._per_second is None:
            return min(MAX_CLAIM, self._first)
        return max(1, min(MAX_CLAIM, math.ceil(self._per_second * CLAIM_SECONDS)))
