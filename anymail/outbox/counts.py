"""What became of the messages that a worker took."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Numbers of messages.

    :param claimed: taken from the table.
    :param sent: accepted by SES.
    :param postponed: to be tried again: SES was too busy, could not be reached, or is paused.
    :param in_doubt: posted, and nobody knows whether SES accepted them.
    :param failed: refused for good.
    :param expired: too late.
    :param cancelled: by a receiver of ``pre_send``, or by ``cancel()`` after they were claimed.
    """

    claimed: int = 0
    sent: int = 0
    postponed: int = 0
    in_doubt: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})
