"""Is a million rows as fast as ten thousand? ``python -m tests.benchmarks.feedback --db postgres``

Fills two databases of its own, with 10,000 and with 1,000,000 bounces and as many suppressed
addresses, and measures both in turn, so that whatever else the machine does hits both. Exits with 1
if a median of the large one is more than 1.5 times that of the small one.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import django

SIZES = {"default": 10_000, "large": 1_000_000}
TARGET = 1.5
#: Turns before it counts. What sends all day has the index of addresses in memory.
WARM_UP = {"look up": 1_000, "": 3}
#: Filters that exclude each other: whatever index is used, nothing is found until its end.
NO_TARGET = "admin: of types that never meet"

SELECT = {
    "postgres": """
        SELECT now() - (2 * n) * interval '365 days' / {size}, now(), 'arn:aws:sns:eu-west-1:1:t',
            gen_random_uuid()::text, now(), '0102' || lpad(({size} - n)::text, 12, '0') || '-mail',
            'shop@example.org', 'user' || n || '@example' || n % 97 || '.com',
            'user' || n || '@example' || n % 97 || '.com', gen_random_uuid()::text, now(),
            '{event}', n % 10 < 8, {word}, {subword}, 'dns; mx.example', {action}, '5.1.1',
            'smtp; 550 5.1.1 user unknown'
        FROM generate_series(1, {size}) AS n""",
    "mariadb": """
        SELECT now(6) - INTERVAL floor(63072000.0 * seq / {size}) SECOND, now(6),
            'arn:aws:sns:eu-west-1:1:t', uuid(), now(6),
            concat('0102', lpad({size} - seq, 12, '0'), '-mail'), 'shop@example.org',
            concat('user', seq, '@example', seq % 97, '.com'),
            concat('user', seq, '@example', seq % 97, '.com'), uuid(), now(6),
            '{event}', seq % 10 < 8, {word}, {subword}, 'dns; mx.example', {action}, '5.1.1',
            'smtp; 550 5.1.1 user unknown'
        FROM seq_1_to_{size}""",
}
INSERT = """
    INSERT INTO anymail_feedback_bounce (created_at, modified_at, sns_topic, sns_messageid,
        mail_timestamp, mail_id, mail_from, address, address_key, feedback_id, feedback_timestamp,
        event, hard, bounce_type, bounce_subtype, reporting_mta, action, status, diagnostic_code)
    """
SUPPRESS = """
    INSERT INTO anymail_feedback_suppression (address, reason, event_id, created_at, note)
    SELECT address_key, CASE WHEN id % 10 = 0 THEN 'complaint' ELSE 'hard_bounce' END,
        sns_messageid, created_at, '' FROM anymail_feedback_bounce
    """


class Router:
    """Sends every query to the database that is being measured."""

    current = "default"

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return self.current

    db_for_write = db_for_read

    def allow_relation(self, *args: Any, **hints: Any) -> bool:
        return True


ROUTER = Router()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=["postgres", "mariadb"], required=True)
    parser.add_argument("--repeat", type=int, default=40)
    options = parser.parse_args()
    setup(options.db)

    from django.db import connections

    for alias in SIZES:
        connections[alias].creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        for alias, size in SIZES.items():
            load(options.db, alias, size)
        return report(measure(options.repeat))
    finally:
        for alias in SIZES:
            name = connections[alias].settings_dict["NAME"]
            connections[alias].creation.destroy_test_db(name.replace("test_", "", 1), verbosity=0)


def setup(db: str) -> None:
    os.environ["ANYMAIL_TEST_DB"] = db
    os.environ["ANYMAIL_TEST_DB_NAME"] = "anymail_benchmark"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    from django.conf import settings

    databases = settings.DATABASES
    databases["large"] = {**databases["default"], "NAME": "anymail_benchmark_large"}
    settings.DATABASE_ROUTERS = [ROUTER]
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.ANYMAIL = {"FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"]}
    django.setup()


def load(db: str, alias: str, size: int) -> None:
    """Make rows inside of the server."""
    import json

    from django.contrib.auth.models import User
    from django.db import connections

    from anymail.testing import ses_event

    started = time.perf_counter()
    number = "n" if db == "postgres" else "seq"
    sql = (INSERT + SELECT[db]).format(
        size=size,
        event=json.dumps(ses_event("bounce")),
        word=f"CASE WHEN {number} % 10 < 8 THEN 'Permanent' WHEN {number} % 1000 = 9 "
        "THEN 'Undetermined' ELSE 'Transient' END",
        subword=f"CASE WHEN {number} % 5 = 0 THEN 'NoEmail' WHEN {number} % 7 = 0 "
        "THEN 'MailboxFull' ELSE 'General' END",
        action=f"CASE WHEN {number} % 10 < 8 THEN 'failed' WHEN {number} % 100 = 9 "
        "THEN 'delayed' END",
    )
    with connections[alias].cursor() as cursor:
        # "%" is an operator here, so no parameters.
        cursor.execute(sql)
        cursor.execute(SUPPRESS)
        tables = "anymail_feedback_bounce, anymail_feedback_suppression"
        cursor.execute(f"{'ANALYZE' if db == 'postgres' else 'ANALYZE TABLE'} {tables}")
        if db == "mariadb":
            cursor.fetchall()
        else:
            cursor.execute("CHECKPOINT")
    ROUTER.current = alias
    User.objects.create_superuser("root")
    print(f"{size:>9,} rows loaded in {time.perf_counter() - started:.0f} s", flush=True)


def measure(repeat: int) -> dict[str, dict[str, list[float]]]:
    """Seconds by task and database."""
    results: dict[str, dict[str, list[float]]] = {}
    tasks = {alias: make_tasks(alias) for alias in SIZES}
    for name in tasks["default"]:
        times = results[name] = {alias: [] for alias in SIZES}
        warm_up = next(turns for start, turns in WARM_UP.items() if name.startswith(start))
        for turn in range(repeat + warm_up):
            for alias in SIZES:
                ROUTER.current = alias
                started = time.perf_counter()
                tasks[alias][name]()
                if turn >= warm_up:
                    times[alias].append(time.perf_counter() - started)
        print(".", end="", flush=True)
    print()
    return results


def make_tasks(alias: str) -> dict[str, Callable[[], Any]]:
    """What is measured, for one database."""
    from django.contrib.auth.models import User
    from django.test import Client

    from anymail.feedback.models import Suppression
    from anymail.feedback.recording import record
    from anymail.testing import tracking_event

    size, choose = SIZES[alias], random.Random(1)
    ROUTER.current = alias
    client = Client()
    client.force_login(User.objects.get(username="root"))

    def known() -> str:
        number = choose.randrange(1, size)
        return f"user{number}@example{number % 97}.com"

    def page(model: str, query: str) -> Callable[[], None]:
        def get() -> None:
            response = client.get(f"/admin/anymail_feedback/{model}/{query}")
            assert response.status_code == 200, response

        return get

    def insert() -> None:
        for _ in range(20):
            recipient = f"{uuid.uuid4().hex}@example.com"
            assert record(tracking_event("bounced", recipient=recipient))

    def look_up(count: int, listed: int) -> Callable[[], None]:
        def ask() -> None:
            addresses = {known() for _ in range(listed)}
            others = {f"{known()}.example" for _ in range(count - listed)}
            asked = [*addresses, *others]
            found = Suppression.objects.blocked(asked, ["hard_bounce", "complaint", "manual"])
            assert len(found) == len(addresses)

        return ask

    def search() -> None:
        page("bounce", f"?q={known()}")()

    return {
        "record 20 bounces": insert,
        "look up 1 recipient": look_up(1, 0),
        "look up 50 recipients, 5 on the list": look_up(50, 5),
        "look up 50 recipients, all on the list": look_up(50, 50),
        "admin: bounces": page("bounce", ""),
        "admin: bounces, page 100": page("bounce", "?p=100"),
        "admin: bounces of one type": page("bounce", "?bounce_type=Transient"),
        "admin: of one type and subtype": page(
            "bounce", "?bounce_type=Transient&bounce_subtype=General"
        ),
        "admin: soft bounces": page("bounce", "?hard__exact=0"),
        "admin: of a rare action": page("bounce", "?action=delayed"),
        NO_TARGET: page("bounce", "?bounce_type=Transient&bounce_subtype=NoEmail"),
        "admin: bounces of an address": search,
        "admin: suppressed addresses": page("suppression", ""),
        "admin: complainers": page("suppression", "?reason__exact=complaint"),
    }


def report(results: dict[str, dict[str, list[float]]]) -> int:
    missed = 0
    print(f"{'medians in ms':40} {'10,000':>9} {'1,000,000':>9} {'ratio':>6}")
    for name, times in results.items():
        small, large = (statistics.median(times[alias]) * 1000 for alias in SIZES)
        ratio = large / small
        missed += ratio > TARGET and name != NO_TARGET
        print(f"{name:40} {small:9.2f} {large:9.2f} {ratio:6.2f}")
    for alias, size in SIZES.items():
        seconds = statistics.median(results["record 20 bounces"][alias])
        print(f"with {size:,} rows: {20 / seconds:.0f} notifications stored per second")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
