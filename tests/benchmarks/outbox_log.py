"""What the log of direct sends costs.

``python -m tests.benchmarks.outbox_log --db postgres`` sends messages directly to an SES on
loopback, with ``OUTBOX_LOG`` and without in turn. It prints the medians of both in milliseconds,
CPU time of the sender and all in all, their ratios, and the queries of a message. Exits with 1 if
there are more than the two INSERTs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from statistics import median
from typing import Any

import django

ROUNDS = 15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=["sqlite", "postgres", "mariadb"], default="sqlite")
    parser.add_argument("--messages", type=int, default=40, help="of a round")
    options = parser.parse_args()
    os.environ["ANYMAIL_TEST_DB"] = options.db
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.db import connection

    from tests.outbox import connect

    from .fake_ses import fake_ses

    connect()
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        with fake_ses() as server:
            inserts = queries(server.url)
            print(f"{options.db}: {inserts} INSERTs", flush=True)
            for latency in (0.0, 0.03):
                server.set(latency=latency)
                measure(server.url, options, latency)
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)
    return int(inserts > 2)


def measure(url: str, options: argparse.Namespace, latency: float) -> None:
    """Send with the log and without."""
    samples: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for number in range(ROUNDS + 1):
        for is_logged, sample in samples.items():
            taken = milliseconds(url, options.messages, is_logged=is_logged)
            sample += [taken] if number else []  # the first is a warm-up
    for name, *both in zip(
        ("CPU", "all in all"),
        *(zip(*sample, strict=True) for sample in samples.values()),
        strict=True,
    ):
        without, with_log = map(median, both)
        print(
            f"{options.db}, SES answers after {latency * 1000:.0f} ms, {name}: {without:.2f} ms "
            f"without the log, {with_log:.2f} ms with it, ratio {with_log / without:.2f}",
            flush=True,
        )


def milliseconds(url: str, count: int, *, is_logged: bool) -> tuple[float, float]:
    """How long a message takes: CPU time, and all in all."""
    from django.test import override_settings

    with override_settings(ANYMAIL={"OUTBOX_LOG": is_logged}):
        started, cpu_before = time.perf_counter(), time.thread_time()
        for _ in range(count):
            send(url)
        cpu, wall = time.thread_time() - cpu_before, time.perf_counter() - started
    return cpu / count * 1000, wall / count * 1000


def queries(url: str) -> int:
    """How many INSERTs a message takes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as found:
        send(url)
    return sum(query["sql"].startswith("INSERT") for query in found)


def send(url: str) -> Any:
    """Send a message directly."""
    from .sending import V2, backend, message

    assert backend(V2, url).send_messages([message()]) == 1


if __name__ == "__main__":
    sys.exit(main())
