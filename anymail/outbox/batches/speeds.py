"""How fast batches are being sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db.models import Min, Sum
from django.utils import timezone

from ..ledger import entries
from ..models import Batch, State

#: Seconds over which the speed is measured: it takes that long to send 50 recipients at 1/s.
SPAN = 60.0
#: What has only just begun is measured over so many seconds at least.
MIN_SPAN = 5.0


def speeds(batches: Iterable[Batch]) -> Mapping[int, float]:
    """How many recipients of each batch were sent per second in the last minute, by primary key.

    Time before the first of them does not count: the batch had not begun then, or was paused. It is
    one query, which reads what was sent in that minute, and no more.
    """
    now = timezone.now()
    since = now - timedelta(seconds=SPAN)
    keys = [one.pk for one in batches]
    recent = entries().filter(done_at__gt=since, batch__in=keys, state=State.SENT).order_by()
    sums = recent.values_list("batch").annotate(Sum("recipients_count"), Min("done_at"))
    return {
        key: number / max(MIN_SPAN, (now - first).total_seconds()) for key, number, first in sums
    }
