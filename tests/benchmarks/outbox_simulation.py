"""Fifty million recipients, scaled down: ``python -m tests.benchmarks.outbox_simulation``.

A PostgreSQL of its own has a batch of which a half is sent. Workers send the other half at a rate
that the account would have, to an SES on loopback, for some minutes. Then it is told what the
tables weigh, what is written for each recipient, what the queries take, what is dead and what
autovacuum does; how fast old messages are deleted; and what that makes for fifty million.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import django

#: Recipients of a message, and of the whole that is extrapolated to.
CHUNK, WHOLE = 50, 50_000_000
#: Of the server: what a small one has, and a module that notes what each query takes.
SERVER = {"shared_buffers": "2GB", "max_wal_size": "4GB", "max_connections": "100"}
NOTES = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
TABLES = ("anymail_outbox_entry", "anymail_outbox_recipient")
SIZES = """
    SELECT c.relname, pg_relation_size(c.oid) + coalesce(pg_total_relation_size(t.oid), 0)
    FROM pg_class AS c LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
    WHERE c.relname = ANY(%s) OR c.oid IN
        (SELECT indexrelid FROM pg_index WHERE indrelid = ANY(%s::regclass[]))
    ORDER BY 1
    """
ACTIVITY = """
    SELECT relname, n_tup_upd, n_tup_hot_upd, n_dead_tup, autovacuum_count, seq_scan
    FROM pg_stat_user_tables WHERE relname = ANY(%s) ORDER BY 1
    """
SERVED = """
    SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, xact_commit,
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())
    FROM pg_stat_database WHERE datname = current_database()
    """
QUERIES = """
    SELECT calls, mean_exec_time, total_exec_time, left(regexp_replace(query, '\\s+', ' ', 'g'), 70)
        || ' … ' || right(regexp_replace(query, '\\s+', ' ', 'g'), 70)
    FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 12
    """


class Moment(NamedTuple):
    """What the server has counted.

    :param tables: by name: rows updated, of those within their page, dead rows, autovacuums, scans
        of the whole table.
    :param wal: bytes written ahead.
    """

    at: float
    tables: dict[str, tuple[int, ...]]
    wal: int
    commits: int
    connections: int
    sizes: dict[str, int]
    accepted: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=5_000_000)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--prune", type=int, default=500_000, help="recipients to delete")
    options = parser.parse_args()
    with ExitStack() as stack:
        stack.enter_context(own_database())
        from tests.outbox.ses_process import ses_process

        from .outbox import outbox

        ses = stack.enter_context(
            ses_process(latency=0.3, jitter=0.2, rate=options.rate * 1.02, granted=options.rate)
        )
        vars(options).update(db="postgres", api=2)
        project = stack.enter_context(outbox(options, ses.url, OUTBOX_LEASE=60))
        fill(options.recipients)
        simulate(options, project, ses)
        prune(options.prune)


@contextmanager
def own_database() -> Any:
    """A server, and an empty database in it."""
    from .servers import server

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["ANYMAIL_TEST_DB"] = "postgres"
    with server("postgres", SERVER | NOTES):
        django.setup()
        from django.db import connection
        from django.test.utils import setup_databases, teardown_databases

        databases = setup_databases(verbosity=0, interactive=False)
        try:
            with connection.cursor() as cursor:
                cursor.execute("CREATE EXTENSION pg_stat_statements")
            yield
        finally:
            teardown_databases(databases, verbosity=0)


def fill(recipients: int) -> None:
    """A batch: a half of it is sent, the other waits."""
    from .outbox_claims import in_batch
    from .outbox_rows import fill as copy

    half = recipients // CHUNK // 2
    seconds = copy("default", in_batch("news"), {"sent": half, "waiting": half})
    print(f"{recipients:,} recipients made in {seconds:.0f} s", flush=True)
    rows = {TABLES[0]: recipients / CHUNK, TABLES[1]: recipients}
    print_sizes(sizes(), rows)


def simulate(options: argparse.Namespace, project: Any, ses: Any) -> None:
    """Let workers work."""
    from .outbox import running_workers, wait_until

    with running_workers(project, options.workers):
        wait_until(lambda: ses.count() > 5 * options.rate)  # they have begun
        query("SELECT pg_stat_statements_reset()")
        began = moment(ses)
        samples: dict[str, list[float]] = {}
        while time.monotonic() < began.at + options.seconds:
            for name, measure in measures().items():
                samples.setdefault(name, []).append(measure())
            time.sleep(2)
        ended = moment(ses)
        slow = query(QUERIES)
    print_work(began, ended, ses)
    for name, taken in samples.items():
        p95 = sorted(taken)[int(len(taken) * 0.95)]
        print(f"{name}: median {statistics.median(taken) * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms")
    seconds = ended.at - began.at
    for calls, mean, total, sql in slow:
        print(f"{calls / seconds:7.1f}/s {mean:8.2f} ms {total / seconds / 10:5.1f} %  {sql}")


def measures() -> dict[str, Callable[[], float]]:
    """What takes longer the larger the batch is, and what an operator looks at."""
    from anymail.outbox.batches.counting import count
    from anymail.outbox.models import Batch

    batch = Batch._default_manager.get()

    def counting() -> float:
        started = time.perf_counter()
        count(batch.pk)
        return time.perf_counter() - started

    return {f"count a batch of {batch.recipients_count:,}": counting}


def query(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask the server."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall())


def sizes() -> dict[str, int]:
    """Bytes of tables and indexes."""
    return dict(query(SIZES, list(TABLES), list(TABLES)))


def moment(ses: Any) -> Moment:
    """What the server has counted by now."""
    ((wal, commits, connections),) = query(SERVED)
    tables = {name: tuple(numbers) for name, *numbers in query(ACTIVITY, list(TABLES))}
    return Moment(
        at=time.monotonic(),
        tables=tables,
        wal=int(wal),
        commits=commits,
        connections=connections,
        sizes=sizes(),
        accepted=ses.count(),
    )


def print_sizes(found: dict[str, int], rows: dict[str, float]) -> None:
    """Per row, and for fifty million."""
    total = 0.0
    for name, size in found.items():
        table = TABLES[0] if "entry" in name and not name.startswith(TABLES[1]) else TABLES[1]
        whole = WHOLE / CHUNK if table == TABLES[0] else WHOLE
        each = size / rows[table]
        total += each * whole
        numbers = f"{size / 1e6:9.1f} MB {each:8.1f} bytes a row {each * whole / 1e9:7.2f} GB"
        print(f"{name:50}{numbers}")
    print(f"{'all, for fifty million':50}{total / 1e9:41.2f} GB", flush=True)


def print_work(began: Moment, ended: Moment, ses: Any) -> None:
    """What was done in between, each second and for each recipient."""
    seconds, sent = ended.at - began.at, ended.accepted - began.accepted
    print(
        f"{sent:,} recipients in {seconds:.0f} s: {sent / seconds:.0f}/s; calls refused: "
        f"{dict(ses.errors())}; {ended.connections} connections to the database"
    )
    wal = ended.wal - began.wal
    print(
        f"WAL {wal / seconds / 1e6:.2f} MB/s, {wal / sent:.0f} bytes a recipient, "
        f"{wal / sent * WHOLE / 1e9:.0f} GB in all; "
        f"{(ended.commits - began.commits) / seconds:.0f} transactions/s"
    )
    for table in TABLES:
        then, now = began.tables[table], ended.tables[table]
        updated, hot = now[0] - then[0], now[1] - then[1]
        print(
            f"{table}: {updated / seconds:.0f} updates/s, {updated / sent:.2f} a recipient, "
            f"{hot / max(1, updated):.0%} of them in the page; dead {then[2]:,} -> {now[2]:,}; "
            f"{now[3] - then[3]} autovacuums; {now[4] - then[4]} scans of the whole table"
        )
    for name, size in ended.sizes.items():
        grown = (size - began.sizes[name]) / sent
        print(f"{name:50} grew by {grown:7.1f} bytes for each recipient that was sent to")


def prune(recipients: int) -> None:
    """Delete messages as ``anymail_prune`` does."""
    from django.utils import timezone

    from anymail.outbox.ledger import entries
    from anymail.outbox.models import State
    from anymail.outbox.pruning import prunable

    sent = entries().filter(state=State.SENT).order_by("done_at")
    old = sent[recipients // CHUNK].done_at
    messages = prunable(timezone.now() - old)[0]
    started = time.perf_counter()
    count = messages.prune(None, 500)
    seconds = time.perf_counter() - started
    speed = count * CHUNK / seconds
    print(
        f"{count:,} messages with {count * CHUNK:,} recipients pruned in {seconds:.0f} s: "
        f"{speed:,.0f} recipients/s, {WHOLE / speed / 60:.0f} minutes for all"
    )


if __name__ == "__main__":
    main()
