"""``python -m tests.outbox.batches.storing_process FIRST LAST``: stores a batch, not too fast.

Its environment is that of :func:`tests.outbox.processes.site`. With ``FIRST`` greater than
``LAST``, it begins at the end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import django

#: Seconds for 100 recipients.
SECONDS = 0.03


def recipients(first: int, last: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Addresses with merge data."""
    step = 1 if first <= last else -1
    for number in range(first, last, step):
        if number % 100 == 0:
            time.sleep(SECONDS)
        yield f"to{number}@example.com", {"number": number}


if __name__ == "__main__":
    django.setup()
    from . import send

    send(recipients(int(sys.argv[1]), int(sys.argv[2])))
