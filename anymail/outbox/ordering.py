"""In which order the calls of messages are begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from itertools import count

from ..calls import ApiCall
from .models import Entry
from .posting import Sending


def in_order(
    sendings: Iterable[Sending],
    claimed: deque[Entry],
    prepare: Callable[[Entry], Sending | None],
) -> Iterator[tuple[Sending, ApiCall]]:
    """The calls that have not been begun, those of the most urgent messages first; of equally
    urgent messages one call of each, then the next one.

    :param sendings: messages with calls.
    :param claimed: messages without, the most urgent first; they are taken out as it is their turn.
    :param prepare: builds the calls of one; None if there are none.
    """
    numbers = count()
    heap = [
        (-one.entry.priority, 0, next(numbers), one)
        for one in sendings
        if one.next_call is not None
    ]
    heapify(heap)
    while heap or claimed:
        if claimed and (not heap or (-claimed[0].priority, 0) < heap[0][:2]):
            new = prepare(claimed.popleft())
            if new is not None:
                heappush(heap, (-new.entry.priority, 0, next(numbers), new))
            continue
        priority, taken, _, sending = heappop(heap)
        position = len(sending.answers) + taken
        yield sending, sending.calls[position]
        if position + 1 < len(sending.calls):
            heappush(heap, (priority, taken + 1, next(numbers), sending))
