"""Is the admin of the outbox as fast with a million messages, and 1,000 batches, as with ten
thousand, and ten batches?

``python -m tests.benchmarks.outbox_admin --db postgres`` fills two databases of its own, and
measures both in turn, as ``tests.benchmarks.feedback`` does. ``--explain`` shows how the large one
does the slowest query of each page. Exits with 1 if a median of the large one is more than 1.5
times that of the small one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from .feedback import ROUTER, SIZES, TARGET, setup

#: The oldest hundredth is of a mailer that is not used any more. Of each thousand, 800 are a batch.
ENTRY = """
    INSERT INTO anymail_outbox_entry (id, state, priority, not_before, worker, attempt,
        sent_again_after, failures, deaths, is_split, done_at, mailer, lane, on_doubt, fingerprint,
        recipients_count, refused_count, doubled_count, bounced_count, complained_count, batch_id,
        subject, content, error_code, error, scope, created_at)
    SELECT {id}, {state}, CASE WHEN n % 5000 = 0 THEN 77 WHEN n % 3 = 0 THEN 50 ELSE 0 END,
        {created}, '', 1, 0, 0, 0, false, CASE WHEN n % 50 < 2 THEN NULL ELSE {created} END,
        CASE WHEN n > {size} - {size} / 100 THEN 'old' WHEN n % 10 = 0 THEN 'bulk' ELSE 'ses' END,
        'example.com', 'hold', '', 2, 0, CASE WHEN n % 2500 = 7 THEN 1 ELSE 0 END, 0, 0,
        CASE WHEN n % 5 = 0 THEN NULL ELSE {number_of_batch} END, concat('Your receipt ', n),
        CASE WHEN n % 5 = 0 THEN repeat('x', 1500) END, '', '', '', {created}
    FROM {numbers}
    """
BATCH = """
    INSERT INTO anymail_outbox_batch (id, name, name_digest, state, reason, {by}, mailer, lane,
        priority, subject, content, fingerprint, created_at, stored_at, counted_at, chunks,
        recipients_count, repeated, invalid, sent, failed, in_doubt, expired, cancelled, bounced,
        complained, forgiven_sent, forgiven_bounced, forgiven_complained)
    SELECT {number_of_batch}, concat('news/', n), concat('news/', n),
        CASE WHEN n < 3000 THEN 'running' WHEN n % 9000 = 0 THEN 'cancelled' ELSE 'done' END, '',
        '', 'ses', 'example.com', -50, concat('News ', n), repeat('x', 20000), '',
        {stored_first}, {created}, {created}, 800, 1600, 0, 0, 1500, 1, 0, 0, 0, 1, 0, 0, 0, 0
    FROM {numbers} WHERE n % 1000 = 1
    """
STATE = """CASE WHEN n % 50 < 2 THEN 'waiting' WHEN n % 1000 = 2 THEN 'failed'
    WHEN n % 10000 = 3 THEN 'in_doubt' ELSE 'sent' END"""
RECIPIENT = """
    INSERT INTO anymail_outbox_recipient (entry_id, kind, address, address_key, message_id,
        second_message_id, status, error_code, event)
    SELECT {id}, 'to', concat('user', n, '@example.com'), concat('user', n, '@example.com'),
        concat('0102-', n), '', 'queued', '', '' FROM {numbers}
    UNION ALL
    SELECT {id}, 'cc', 'team@example.com', 'team@example.com', concat('0102-', n), '', 'queued', '',
        ''
    FROM {numbers} WHERE n % 3 = 0
    """
#: The newest has the number 1.
DIALECTS = {
    "postgres": {
        "id": "concat(lpad(to_hex({size} - n), 12, '0'), '70008000', "
        "lpad(to_hex(n), 12, '0'))::uuid",
        "created": "now() - n * interval '365 days' / {size}",
        "stored_first": "now() - (n + 1000) * interval '365 days' / {size}",
        "number_of_batch": "1 + (n - 1) / 1000",
        "by": '"by"',
        "numbers": "generate_series(1, {size}) AS n",
    },
    "mariadb": {
        "id": "concat(lpad(hex({size} - n), 12, '0'), '70008000', lpad(hex(n), 12, '0'))",
        "created": "now(6) - INTERVAL floor(31536000.0 * n / {size}) SECOND",
        "stored_first": "now(6) - INTERVAL floor(31536000.0 * (n + 1000) / {size}) SECOND",
        "number_of_batch": "1 + (n - 1) DIV 1000",
        "by": "`by`",
        "numbers": "(SELECT seq AS n FROM seq_1_to_{size}) AS numbers",
    },
}
PAGES = {
    "all": "",
    "page 100": "?p=100",
    "sent": "?state__exact=sent",
    "waiting": "?state__exact=waiting",
    "in doubt": "?state__exact=in_doubt",
    "one mailer": "?mailer=ses",
    "a mailer of old messages": "?mailer=old",
    "a usual priority": "?priority=50",
    "a rare priority": "?priority=77",
    "a day": "?created_at__year={year}&created_at__month={month}&created_at__day=1",
    "failed in a month": "?state__exact=failed&created_at__year={year}&created_at__month={month}",
    "an address": "?q=user77@example.com",
    "an address of many messages": "?q=team@example.com",
    "an address in the sent ones": "?q=team@example.com&state__exact=sent",
    "a message id": "?q=0102-77",
    "a part of a subject": "?q=receipt",
    "a subject that does not exist": "?q=nothing-of-the-kind",
    "sent twice": "?doubled_count__gt=0",
    "a new batch": "?batch=1",
    "an old batch": "?batch={old}",
    "page 8 of an old batch": "?batch={old}&p=8",
    "failed in an old batch": "?batch={old}&state__exact=failed",
}
BATCHES = {
    "batches": "",
    "batches that run": "?state__exact=running",
    "batches by name": "?q=news/3001",
    "one batch": "{old}/change/",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=["postgres", "mariadb"], required=True)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--explain", action="store_true")
    options = parser.parse_args()
    setup(options.db)

    from django.db import connections

    for alias in SIZES:
        connections[alias].creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        for alias, size in SIZES.items():
            load(options.db, alias, size)
        if options.explain:
            explain()
        return report(options.repeat)
    finally:
        for alias in SIZES:
            name = connections[alias].settings_dict["NAME"]
            connections[alias].creation.destroy_test_db(name.replace("test_", "", 1), verbosity=0)


def load(db: str, alias: str, size: int) -> None:
    """Make rows inside of the server."""
    from django.contrib.auth.models import User
    from django.db import connections

    from anymail.outbox.models import Pause

    started = time.perf_counter()
    words = {name: text.format(size=size) for name, text in DIALECTS[db].items()}
    with connections[alias].cursor() as cursor:
        for sql in (BATCH, ENTRY, RECIPIENT):
            cursor.execute(sql.format(size=size, state=STATE, **words))
        tables = "anymail_outbox_batch, anymail_outbox_entry, anymail_outbox_recipient"
        cursor.execute(f"{'VACUUM ANALYZE' if db == 'postgres' else 'ANALYZE TABLE'} {tables}")
        if db == "mariadb":
            cursor.fetchall()
    ROUTER.current = alias
    User.objects.create_superuser("root")
    Pause._default_manager.create(mailer="ses", reason="A reason.")
    print(f"{size:>9,} messages loaded in {time.perf_counter() - started:.0f} s", flush=True)


def make_pages(alias: str) -> dict[str, Callable[[], Any]]:
    """Each gets a page of one database."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import timezone

    from anymail.outbox.models import Entry

    ROUTER.current = alias
    client = Client()
    client.force_login(User.objects.get(username="root"))
    month = {"year": timezone.now().year, "month": timezone.now().month}
    newest = Entry._default_manager.order_by("-created_at")[0].pk
    words = {**month, "old": SIZES[alias] // 1_000 - 1}

    def page(model: str, query: str) -> Callable[[], None]:
        def get() -> None:
            ROUTER.current = alias
            response = client.get(f"/admin/anymail_outbox/{model}/{query.format(**words)}")
            assert response.status_code == 200, response

        return get

    pages = {name: page("entry", query) for name, query in PAGES.items()}
    pages |= {name: page("batch", query) for name, query in BATCHES.items()}
    return {**pages, "one message": page("entry", f"{newest}/change/")}


def explain() -> None:
    """The plan of the slowest query of each page."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    large = connections["large"]
    for name, get in make_pages("large").items():
        get()
        with CaptureQueriesContext(large) as queries:
            get()
        slowest = max(queries, key=lambda query: float(query["time"]))
        print(f"\n## {name}: {slowest['time']} s\n{slowest['sql'][-900:]}")
        with large.cursor() as cursor:
            cursor.execute(f"EXPLAIN {slowest['sql']}")
            print(*cursor.fetchall(), sep="\n")


def report(repeat: int) -> int:
    missed = 0
    pages = {alias: make_pages(alias) for alias in SIZES}
    print(f"{'medians in ms':40} {'10,000':>9} {'1,000,000':>9} {'ratio':>6}")
    for name in pages["large"]:
        times: dict[str, list[float]] = {alias: [] for alias in SIZES}
        for turn in range(repeat + 3):
            for alias in SIZES:
                started = time.perf_counter()
                pages[alias][name]()
                if turn >= 3:
                    times[alias].append(time.perf_counter() - started)
        small, large = (statistics.median(times[alias]) * 1000 for alias in SIZES)
        missed += large / small > TARGET
        print(f"{name:40} {small:9.2f} {large:9.2f} {large / small:6.2f}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
