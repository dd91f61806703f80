"""Is a recipient as cheap among thousands as among ten? ``python -m tests.benchmarks.recipients``

Posts bounces of 1 to 4,000 recipients to the tracking webhook, with ``anymail.feedback`` and its
suppression list, and prints CPU per recipient and queries per notification. Exits with 1 if
50 or more recipients cost more than 1.5 times what 10 cost, each, or if 50 recipients take more
than 12 queries.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from typing import Any

import django

#: Recipients of a notification, and how often it is posted in one turn.
SIZES = {1: 20, 10: 10, 50: 4, 200: 2, 1_000: 1, 4_000: 1}
TARGET = 1.5
#: As many recipients as SES takes for a message, and the queries that they may take.
USUAL_MOST, MAX_QUERIES = 50, 12
TRACKING_URL = "/anymail/amazon_ses/tracking/"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=["sqlite", "postgres", "mariadb"], default="sqlite")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--most", type=int, default=max(SIZES), help="leave out larger ones")
    options = parser.parse_args()
    setup(options.db)

    from django.db import connection

    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        return report(measure(options.repeat, [n for n in SIZES if n <= options.most]))
    finally:
        name = connection.settings_dict["NAME"]
        connection.creation.destroy_test_db(name.replace("test_", "", 1), verbosity=0)


def setup(db: str) -> None:
    os.environ["ANYMAIL_TEST_DB"] = db
    os.environ["ANYMAIL_TEST_DB_NAME"] = f"anymail_recipients_{os.getpid()}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    from django.conf import settings

    from anymail.testing.sns import DEFAULT_TOPIC

    settings.ALLOWED_HOSTS = ["testserver"]
    settings.ANYMAIL = {
        "FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"],
        "AMAZON_SES_SNS_TOPIC_ARNS": [DEFAULT_TOPIC],
    }
    django.setup()


def measure(repeat: int, sizes: list[int]) -> dict[int, tuple[list[float], int]]:
    """By number of recipients: seconds of CPU for each of them, and queries of a notification."""
    from tests.feedback import connect, disconnect

    connect()
    results: dict[int, tuple[list[float], int]] = {}
    try:
        post(10, 3)
        queries = {size: count_queries(size) for size in sizes}
        times: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(repeat):
            for size in sizes:
                times[size].append(post(size, SIZES[size]) / SIZES[size] / size)
        results = {size: (times[size], queries[size]) for size in sizes}
    finally:
        disconnect()
    return results


def post(size: int, count: int) -> float:
    """Post notifications, and say how much CPU time that took."""
    from django.test import Client

    from anymail import testing

    recipients = [f"user{number}@example{number % 97}.com" for number in range(size)]
    client = Client()
    with testing.trusted_sns():
        requests: list[dict[str, Any]] = [
            testing.sns_notification("bounce", recipient=recipients) for _ in range(count)
        ]
        started = time.process_time()
        for request in requests:
            response = client.post(TRACKING_URL, **request)
            assert response.status_code == 200, response
        return time.process_time() - started


def count_queries(size: int) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        post(size, 1)
    return len(queries)


def report(results: dict[int, tuple[list[float], int]]) -> int:
    missed = 0
    base = statistics.median(results[10][0])
    print(f"{'recipients':>10} {'CPU in ms':>10} {'for each':>9} {'ratio':>6} {'queries':>8}")
    for size, (times, queries) in results.items():
        each = statistics.median(times)
        missed += size >= USUAL_MOST and each / base > TARGET
        missed += size == USUAL_MOST and queries > MAX_QUERIES
        ratio, each_ms = each / base, each * 1000
        print(f"{size:10,} {each_ms * size:10.1f} {each_ms:9.3f} {ratio:6.2f} {queries:8}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
