"""A batch of 100,000 recipients through everything that can go wrong: is it sent once to each?

``python -m tests.benchmarks.outbox_batch --db postgres`` has a database server of its own. While
``send_many()`` stores the batch it is killed, and called again. Four workers send it to an SES on
loopback, and are killed at random moments; the database server is killed twice and restarted; the
account is paused for a minute; the day's quota is used up for half a minute. In the end, messages
that are in doubt, and about which SES has said nothing for 30 s, are released by hand. Exits with 1
if a recipient got nothing, or got it twice.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import django

#: What has to be 0.
WRONG = ("lost", "twice", "not sent", "without the id")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=["postgres", "mariadb"], default="postgres")
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--pause", type=float, default=60.0, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.api = 2
    os.environ["ANYMAIL_TEST_DB"] = options.db
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    from .servers import server

    with ExitStack() as stack:
        own = stack.enter_context(server(options.db, {}))
        django.setup()
        from django.test.utils import setup_databases, teardown_databases

        databases = setup_databases(verbosity=0, interactive=False)
        stack.callback(teardown_databases, databases, verbosity=0)
        return survive(options, own)


def survive(options: argparse.Namespace, own: Any) -> int:
    """Do it all."""
    from tests.outbox.batches.survival import Plan, run
    from tests.outbox.ses_process import ses_process

    from .outbox import outbox

    usual = {"latency": 0.2, "jitter": 0.2, "rate": options.rate}
    with ses_process(**usual) as ses, outbox(options, ses.url) as project:

        def failing(error: str, seconds: float) -> Callable[[], None]:
            def fail() -> None:
                ses.behave(**usual, error=error)
                time.sleep(seconds)
                ses.behave(**usual)

            return fail

        paused, used_up = failing("paused", options.pause), failing("quota", options.pause / 2)
        found = run(
            ses,
            project,
            Plan(
                recipients=options.recipients,
                kills=options.kills,
                troubles=[restarting(own), paused, restarting(own), used_up],
                seed=options.seed,
            ),
        )
        print(f"{options.db}: refused calls: {dict(ses.errors())}")
    for what, count in found.items():
        print(f"{options.db}: {what}: {count:,}")
    return int(any(count for what, count in found.items() if any(word in what for word in WRONG)))


def restarting(own: Any) -> Callable[[], None]:
    """Kill the database server, and start it after a moment."""
    from django.db import connections

    def restart() -> None:
        own.kill()
        connections.close_all()
        time.sleep(3)
        own.start()

    return restart


if __name__ == "__main__":
    sys.exit(main())
