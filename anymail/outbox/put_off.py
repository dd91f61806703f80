"""When there will be something to do again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

#: Seconds: the steps of the times at which tasks shall look again.
STEP = 10


class PutOff:
    """The moments at which something that was put off is due, each a little late."""

    def __init__(self) -> None:
        self.moments: set[datetime] = set()

    def until(self, moment: datetime) -> None:
        """Note that something is due.

        :param moment: when.
        """
        now = timezone.now()
        later = {one for one in self.moments if one > now}
        self.moments = {*later, _next_step(moment)}

    def for_seconds(self, seconds: float) -> None:
        """Note that something is due.

        :param seconds: from now on.
        """
        self.until(timezone.now() + timedelta(seconds=seconds))


def _next_step(moment: datetime) -> datetime:
    full = moment.replace(second=moment.second // STEP * STEP, microsecond=0)
    return full + timedelta(seconds=STEP)
