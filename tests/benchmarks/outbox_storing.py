"""How fast ``send_many()`` stores, and in how much memory.

``python -m tests.benchmarks.outbox_storing --db postgres`` stores batches of 10,000 recipients and
of ``--large``, with a template and without, and prints recipients per second, and the memory of
each as a ratio. Exits with 1 if the larger one takes more than 1.2 times the memory.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import django

SMALL = 10_000
MAX_RATIO = 1.2
V2 = "anymail.backends.amazon_sesv2.EmailBackend"
MESSAGES: dict[str, dict[str, Any]] = {
    "template": {"template_id": "news"},
    "text": {"subject": "News", "body": "Text " * 200},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=["sqlite", "postgres", "mariadb"], default="sqlite")
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--message", choices=MESSAGES, action="append")
    options = parser.parse_args()
    os.environ["ANYMAIL_TEST_DB"] = options.db
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.db import connection

    from tests.outbox import use_outbox

    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        with use_outbox(V2):
            ratios = [measured(kind, options) for kind in options.message or MESSAGES]
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)
    return int(max(ratios) > MAX_RATIO)


def measured(kind: str, options: argparse.Namespace) -> float:
    """Store both sizes; gives the ratio of their memory."""
    store(kind, SMALL, "warm-up")
    sizes = (SMALL, options.large)
    for size in sizes:
        started = time.perf_counter()
        store(kind, size, "timed")
        seconds = time.perf_counter() - started
        print(f"{options.db}, {kind}: {size:,} at {size / seconds:,.0f} recipients/s", flush=True)
    small, large = (peak(kind, size) for size in sizes)
    print(
        f"{options.db}, {kind}: {small / 1e6:.1f} MB, and {large / small:.2f} times that for "
        f"{options.large / SMALL:.0f} times the recipients",
        flush=True,
    )
    return large / small


def peak(kind: str, size: int) -> int:
    """The most memory that Python took for it, in bytes."""
    tracemalloc.start()
    try:
        store(kind, size, "traced")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def store(kind: str, size: int, run: str) -> None:
    """Store a batch to new addresses."""
    from anymail import outbox
    from anymail.message import AnymailMessage

    def to() -> Iterator[tuple[str, dict[str, str]] | str]:
        for number in range(size):
            address = f"to{number}-{run}@example.com"
            yield (address, {"name": f"Reader {number}"}) if kind == "template" else address

    message = AnymailMessage(from_email="news@example.com", **MESSAGES[kind])
    batch = outbox.send_many(message, to(), name=f"{kind}/{run}/{size}")
    assert batch.recipients_count == size


if __name__ == "__main__":
    sys.exit(main())
