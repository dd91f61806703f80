"""What became of messages, until it is written down and everything that follows is done."""

from __future__ import annotations

from collections import deque

from .followup import Ended, FollowUp
from .logs import OwnLogger
from .recording import record

logger: OwnLogger = OwnLogger(__name__)


class Endings:
    """Outcomes that are kept in memory while the database is away.

    :param follow_up: does what follows.
    :param keeps_content: as for :func:`.recording.record`.
    """

    def __init__(self, follow_up: FollowUp, *, keeps_content: bool) -> None:
        self._follow_up, self._keeps_content = follow_up, keeps_content
        #: Those that are not written down yet.
        self.unwritten: list[Ended] = []
        #: Those that are, and of which nothing else is done yet.
        self._written: deque[Ended] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether everything is done."""
        return not (self.unwritten or self._written)

    @property
    def unwritten_calls(self) -> int:
        """How many calls have been begun without an answer that is written down."""
        return sum(one.sending.unwritten for one in self.unwritten if one.sending is not None)

    def write_down(self) -> list[Ended]:
        """Write down what is not written yet, all or none of it.

        :return: what has been written.
        """
        written = self.unwritten
        if written:
            outcomes = [(one.entry, one.outcome) for one in written]
            record(outcomes, keeps_content=self._keeps_content)
            self._written.extend(written)
            self.unwritten = []
        return written

    def follow_up(self) -> None:
        """Do what follows from what is written down."""
        while self._written:
            self._follow_up.on(self._written[0])
            self._written.popleft()

    def give_up(self) -> None:
        """Forget what cannot be written down: others find the messages in doubt, and events end
        that."""
        for ended in self.unwritten:
            logger.error(
                "The message %s in the outbox is %s, but that cannot be written down",
                ended.entry.pk,
                ended.outcome.state.replace("_", " "),
                extra={"anymail_outbox_id": str(ended.entry.pk)},
            )
        self.unwritten = []
