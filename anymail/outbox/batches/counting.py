"""What became of the recipients of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, Q, Sum

from ..ledger import batches, entries, recipients
from ..models import INVALID_ADDRESS, State

#: States of messages of which something will become by itself.
UNFINISHED = (State.WAITING, State.CLAIMED, State.POSTING)
#: Those in which some recipients may have got a message, and others not. Of a message that waits
#: again, SES may have refused a part for the rate.
MIXED = (*UNFINISHED, State.IN_DOUBT, State.EXPIRED, State.CANCELLED)
#: The name in :class:`Numbers` for the status of a recipient.
BY_STATUS = {
    "queued": "sent",
    "sent": "sent",
    "failed": "failed",
    "rejected": "failed",
    "invalid": "failed",
    "unknown": "in_doubt",
}
#: Those for the states of messages; recipients in doubt, of whom nothing was posted, still wait.
BY_STATE = {
    **dict.fromkeys((*UNFINISHED, State.IN_DOUBT), "waiting"),
    State.EXPIRED: "expired",
    State.CANCELLED: "cancelled",
}


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Recipients of a batch.

    :param waiting: nothing is known of them yet.
    :param sent: SES has accepted the message for them.
    :param failed: they were refused.
    :param in_doubt: nobody knows.
    :param expired: it was too late.
    :param cancelled: somebody did not want it any more.
    :param bounced: of those sent, for good.
    :param complained: of those sent.
    :param unfinished: how many messages are on their way.
    :param messages: how many there are, with those.
    """

    waiting: int = 0
    sent: int = 0
    failed: int = 0
    in_doubt: int = 0
    expired: int = 0
    cancelled: int = 0
    bounced: int = 0
    complained: int = 0
    unfinished: int = 0
    messages: int = 0

    def plus(self, name: str, count: int) -> Numbers:
        """With more of them."""
        return Numbers(**{**asdict(self), name: getattr(self, name) + count})

    @property
    def columns(self) -> dict[str, int]:
        """Those that the row of a batch has."""
        return {
            name: number
            for name, number in asdict(self).items()
            if name not in ("waiting", "unfinished", "messages")
        }


def count(batch: int) -> Numbers:
    """Count the recipients of a batch: one query, and one more if some of its messages have reached
    only a part of theirs.

    :param batch: its primary key.
    """
    rows = entries().filter(batch=batch).order_by().values("state")
    found = rows.annotate(
        messages=Count("pk"),
        all=Sum("recipients_count"),
        refused=Sum("refused_count"),
        untried=Sum("recipients_count", filter=Q(attempt=0)),
        bounced=Sum("bounced_count"),
        complained=Sum("complained_count"),
    )
    numbers, mixed = Numbers(), []
    for row in found:
        numbers = _with_state(numbers, row)
        if row["state"] in MIXED and row["all"] > (row["untried"] or 0):
            mixed.append(row["state"])
    for row in _by_status(batch, mixed) if mixed else ():
        name = BY_STATUS.get(row["status"]) or BY_STATE[row["entry__state"]]
        numbers = numbers.plus(name, row["found"])
    return numbers


def count_again(ids: Iterable[int | None], *, only_finished: bool = False) -> bool:
    """Have batches counted soon, because something has happened to messages of theirs that had come
    to an end.

    :param ids: their primary keys; those of messages in no batch are None.
    :param only_finished: leave alone those that are counted every few seconds anyway.
    :return: whether that is still to be done.
    """
    rows = batches().filter(pk__in={pk for pk in ids if pk is not None})
    if only_finished:
        rows = rows.filter(done_at__isnull=False)
    # Without a lock, unless there is something to change: send_many() may keep the row for long.
    found = list(rows.values_list("pk", "counted_at"))
    counted = [pk for pk, counted_at in found if counted_at is not None]
    if counted:
        batches().filter(pk__in=counted).update(counted_at=None)
    return bool(found)


def _with_state(numbers: Numbers, row: dict[str, Any]) -> Numbers:
    numbers = numbers.plus("bounced", row["bounced"]).plus("complained", row["complained"])
    numbers = numbers.plus("messages", row["messages"])
    state = row["state"]
    if state in UNFINISHED:
        numbers = numbers.plus("unfinished", row["messages"])
    if state == State.SENT:
        return numbers.plus("sent", row["all"] - row["refused"]).plus("failed", row["refused"])
    if state == State.FAILED:
        return numbers.plus("failed", row["all"])
    return numbers.plus(BY_STATE[state], row["untried"] or 0)


def _by_status(batch: int, states: list[str]) -> Iterable[dict[str, Any]]:
    """Recipients of messages that were tried, by the state of the message and their status."""
    tried = recipients().filter(entry__batch=batch, entry__state__in=states, entry__attempt__gt=0)
    # Addresses that are none do not count: they are no recipients.
    rows = tried.exclude(error_code=INVALID_ADDRESS)
    counted: Iterable[dict[str, Any]] = (
        rows.order_by().values("entry__state", "status").annotate(found=Count("pk"))
    )
    return counted
