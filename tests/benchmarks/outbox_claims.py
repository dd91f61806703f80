"""Is a worker as fast while a million messages wait as with ten thousand?

``python -m tests.benchmarks.outbox_claims --db postgres`` fills two databases of its own, and
measures both in turn. Two shapes: as many messages, or one batch with 50 recipients in each of its
messages; and each time as much that is sent beside them. Then a part of the large one is claimed
and sent, and it is measured again before anything is vacuumed. Exits with 1 if a median of the
large one is more than 1.5 times that of the small one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import django

from .feedback import ROUTER, SIZES, TARGET, setup

CLAIM = 50
Measure = Callable[[], float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=["postgres", "mariadb"], required=True)
    parser.add_argument("--shape", choices=["single", "batch"], action="append")
    parser.add_argument("--large", type=int, default=SIZES["large"], help="recipients that wait")
    parser.add_argument("--repeat", type=int, default=60)
    parser.add_argument("--sent", type=int, default=100_000, help="recipients, before vacuuming")
    parser.add_argument("--explain", action="store_true")
    options = parser.parse_args()
    setup(options.db)
    from tests.outbox import use_outbox

    with use_outbox("anymail.backends.amazon_ses.EmailBackend"):
        return sum(measured(options, shape) for shape in options.shape or ["single", "batch"])


def measured(options: argparse.Namespace, shape: str) -> int:
    """Fill and measure; gives how often the goal was missed."""
    from django.db import connections

    sizes = {**SIZES, "large": options.large}
    for alias in sizes:
        connections[alias].creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        for alias, size in sizes.items():
            seconds = load(alias, size, shape)
            print(
                f"{options.db}, {shape}: {2 * size:,} recipients made in {seconds:.0f} s",
                flush=True,
            )
        if options.explain:
            explain("large")
        missed = report(options.repeat)
        began = time.perf_counter()
        send(options.sent // (50 if shape == "batch" else 1))
        print(
            f"after {options.sent:,} were claimed and sent in {time.perf_counter() - began:.0f} s"
        )
        return missed + report(options.repeat)
    finally:
        for alias in sizes:
            name = connections[alias].settings_dict["NAME"]
            connections[alias].creation.destroy_test_db(name.replace("test_", "", 1), verbosity=0)


def load(alias: str, size: int, shape: str) -> float:
    """Half of the recipients wait, the others got their messages; gives the seconds it took."""
    from .outbox_rows import fill

    ROUTER.current = alias
    if shape == "single":
        return fill(alias, stored(), {"sent": size, "waiting": size})
    count = size // 50
    return sum(fill(alias, in_batch(name), {name: count}) for name in ("sent", "waiting"))


def stored() -> UUID:
    """A message to be copied."""
    from django.core import mail

    from anymail.message import AnymailMessage

    from .outbox_rows import ADDRESS

    message: Any = AnymailMessage("Hello", "Text", "from@example.com", [ADDRESS.format(0)])
    mail.get_connection().send_messages([message])
    found: UUID = message.outbox_id
    return found


def in_batch(name: str) -> UUID:
    """The only message of a new batch, to be copied."""
    from anymail import outbox
    from anymail.message import AnymailMessage

    from .outbox_rows import ADDRESS

    message = AnymailMessage(from_email="from@example.com", template_id="news")
    to = ((ADDRESS.format(number), {"number": number}) for number in range(50))
    batch = outbox.send_many(message, to, name=name)
    found: UUID = batch.entries.get().pk
    return found


def claim() -> list[Any]:
    """Claim from the database that is being measured."""
    from anymail.outbox.claiming import Wanted, claim

    mailer = "ses" if django.VERSION >= (6, 1) else "default"
    claimed = claim(Wanted(mailer=mailer, size=CLAIM, worker="benchmark", lease=60))
    assert len(claimed) == CLAIM
    return claimed


def claim_seconds() -> float:
    """What a claim takes; it is given back."""
    from anymail.outbox.claiming import give_back

    started = time.perf_counter()
    claimed = claim()
    taken = time.perf_counter() - started
    give_back(claimed)
    return taken


def mailers_seconds() -> float:
    """What it takes to find out which mailers have something to do."""
    from anymail.outbox.claiming import waiting_mailers

    started = time.perf_counter()
    assert list(waiting_mailers())
    return time.perf_counter() - started


def reap_seconds() -> float:
    """What it takes to look for what is over."""
    from anymail.outbox.reaping import reap

    started = time.perf_counter()
    reap(lease=60, max_attempts=3)
    return time.perf_counter() - started


MEASURES: dict[str, Measure] = {
    f"claim of {CLAIM}": claim_seconds,
    "mailers that have messages": mailers_seconds,
    "look for what is over": reap_seconds,
}


def send(count: int) -> None:
    """Claim and send messages of the large database; only the calls are left out."""
    from django.utils import timezone

    from anymail.outbox.claiming import begin_posting
    from anymail.outbox.ledger import entries
    from anymail.outbox.models import State
    from anymail.outbox.results import ended

    ROUTER.current = "large"
    for _ in range(count // CLAIM):
        claimed = claim()
        begin_posting(claimed, lease=60)
        rows = entries().filter(pk__in=[entry.pk for entry in claimed])
        rows.update(**ended(State.SENT, timezone.now(), keeps_content=False))


def report(repeat: int) -> int:
    """Print medians; gives how many miss the goal."""
    missed = 0
    print(f"{'medians in ms':40} {'small':>9} {'large':>9} {'ratio':>6}")
    for name, measure in MEASURES.items():
        times: dict[str, list[float]] = {alias: [] for alias in SIZES}
        for turn in range(repeat + 3):
            for alias in SIZES:
                ROUTER.current = alias
                taken = measure()
                if turn >= 3:
                    times[alias].append(taken)
        small, large = (statistics.median(times[alias]) * 1000 for alias in SIZES)
        missed += large / small > TARGET
        print(f"{name:40} {small:9.2f} {large:9.2f} {large / small:6.2f}", flush=True)
    return missed


def explain(alias: str) -> None:
    """The plan of each query of a claim."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    ROUTER.current = alias
    for measure in MEASURES.values():
        with CaptureQueriesContext(connections[alias]) as queries:
            measure()
        for query in queries:
            print(f"\n{query['time']} s\n{query['sql'][:60]} … {query['sql'][-600:]}")
            if query["sql"].startswith(("SELECT", "UPDATE")):
                with connections[alias].cursor() as cursor:
                    cursor.execute(f"EXPLAIN {query['sql']}")
                    print(*cursor.fetchall(), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
