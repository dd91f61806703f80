"""What a worker has claimed and not finished, of one mailer."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from ..calls import ApiCall
from .models import Entry
from .ordering import in_order
from .posting import Sending


class Hand:
    """Messages that wait for their turn, and those with calls."""

    def __init__(self) -> None:
        #: Those without calls, the most urgent first.
        self.claimed: deque[Entry] = deque()
        #: Those whose calls are built.
        self.sendings: list[Sending] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing."""
        return not (self.claimed or self.sendings)

    @property
    def entries(self) -> list[Entry]:
        """All messages."""
        return [*self.claimed, *(one.entry for one in self.sendings)]

    @property
    def unbegun(self) -> list[Entry]:
        """Those of which no call has been begun."""
        return [*self.claimed, *(one.entry for one in self.sendings if not one.answers)]

    @property
    def done(self) -> list[Sending]:
        """The messages whose calls have all ended."""
        return [one for one in self.sendings if one.answers and one.is_done]

    @property
    def unwritten(self) -> int:
        """How many calls have been begun without an answer that is written down."""
        return sum(one.unwritten for one in self.sendings)

    @property
    def posted(self) -> int:
        """How many calls are not answered yet."""
        return sum(not answer.done() for one in self.sendings for answer in one.answers)

    @property
    def next_priority(self) -> int | None:
        """That of the most urgent message with something to begin; None if there is none."""
        priorities = [one.entry.priority for one in self.sendings if one.next_call is not None]
        priorities += [self.claimed[0].priority] if self.claimed else []
        return max(priorities, default=None)

    def add(self, claimed: Iterable[Entry]) -> None:
        """Add messages that have been claimed."""
        both = sorted([*self.claimed, *claimed], key=attrgetter("priority"), reverse=True)
        self.claimed = deque(both)

    def calls(
        self, prepare: Callable[[Entry], Sending | None]
    ) -> Iterator[tuple[Sending, ApiCall]]:
        """The calls to begin, in their order.

        :param prepare: builds those of a message that has none yet; None if it needs none.
        """

        def prepared(entry: Entry) -> Sending | None:
            sending = prepare(entry)
            if sending is not None:
                self.sendings.append(sending)
            return sending

        return in_order(list(self.sendings), self.claimed, prepared)

    def coming(self, is_urgent: Callable[[int], bool]) -> Counter[bool]:
        """How many recipients are going to be sent to, by whether the message is urgent.

        :param is_urgent: whether a priority is.
        """
        coming: Counter[bool] = Counter()
        for entry in self.claimed:
            coming[is_urgent(entry.priority)] += entry.recipients_count
        for sending in self.sendings:
            coming[is_urgent(sending.entry.priority)] += sending.unbegun_weight
        return coming

    def drop(self, is_meant: Callable[[Entry], bool]) -> int:
        """Forget messages, and begin no more calls of them.

        :return: how many; not those with calls that have begun, whose answers are waited for.
        """
        held = len(self.claimed) + len(self.sendings)
        for sending in self.sendings:
            if is_meant(sending.entry):
                sending.stop()
        self.sendings = [one for one in self.sendings if one.answers or not is_meant(one.entry)]
        self.claimed = deque(entry for entry in self.claimed if not is_meant(entry))
        return held - len(self.claimed) - len(self.sendings)
