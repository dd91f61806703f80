"""What the outbox costs and keeps, with an SES on loopback: ``python -m tests.benchmarks.outbox``.

``kills``
    Workers that are killed with SIGKILL again and again: which mail is lost, which is sent twice.
``two``
    Two workers that share nothing but the database.
``rate``
    Four workers at the account's rate, kept by the database and by Redis: the time that it takes as
    a ratio to the ideal one, and the calls that SES refused.
``urgent``
    How long urgent mail takes while very much other mail waits.
``cpu``
    CPU time per mail, stored and delivered, as a ratio to the backend that sends directly.
``queries``
    The queries of ``send()``, and those of the worker per mail.

The outbox is in the database that ``--db`` says, as for ``runtests.py``. ``outbox_claims`` measures
claims, and ``outbox_admin`` the admin, with a million messages.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

WRONG = ("lost", "twice", "not sent", "without the id", "not resolved")
APIS = {
    1: "anymail.backends.amazon_ses.EmailBackend",
    2: "anymail.backends.amazon_sesv2.EmailBackend",
}


@contextmanager
def outbox(options: argparse.Namespace, url: str, **anymail: Any) -> Iterator[Any]:
    """A project with an empty outbox, in this process and for others; gives the site."""
    from tests.outbox import connect, disconnect, use_outbox
    from tests.outbox.processes import settings_for, site

    path = APIS[options.api]
    made = settings_for(url, path, **{"OUTBOX_LEASE": 3, **anymail})
    with use_outbox(path, **made), site(made) as project:
        connect()
        try:
            yield project
        finally:
            disconnect()
            empty()


def empty() -> None:
    """Delete everything."""
    from django.core.management.color import no_style
    from django.db import connection

    from anymail.outbox.models import Batch, Entry, Pace, Recipient

    tables = [model._meta.db_table for model in (Recipient, Entry, Batch, Pace)]
    flush = connection.ops.sql_flush(no_style(), tables, reset_sequences=True)
    connection.ops.execute_sql_flush(flush)


@contextmanager
def running_workers(project: Any, count: int) -> Iterator[Any]:
    """Workers that are ready, for the length of a block."""
    from tests.outbox.processes import Workers

    workers = Workers(project, 0)
    try:
        for number in range(count):
            workers.running.append(
                project.start("--health-file", str(project.folder / f"health{number}"))
            )
        wait_until(lambda: len(list(project.folder.glob("health*"))) == count)
        yield workers
        workers.end()
    finally:
        workers.kill()


def wait_until(is_so: Callable[[], bool], patience: float = 600.0, pause: float = 0.02) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < deadline, "Waited in vain."
        time.sleep(pause)


def kills(options: argparse.Namespace) -> None:
    """Kill workers, and compare what SES has with what it should have."""
    from tests.outbox.kills import Plan, run
    from tests.outbox.ses_process import ses_process

    plan = Plan(messages=options.messages, kills=options.kills, seed=options.seed)
    with (
        ses_process(latency=0.05, jitter=0.1, granted=options.rate) as ses,
        outbox(options, ses.url) as project,
    ):
        found = run(ses, project, plan)
        log = project.log()
    for what, count in found.items():
        print(f"{options.db}: {what}: {count:,}")
    lines = (re.sub(r"[\w.:/-]*\d[\w.:/-]*", "…", line) for line in log.splitlines())
    for line, count in Counter(lines).most_common(8):
        print(f"{options.db}: logged {count:,} times: {line[:100]}")
    if any(count for what, count in found.items() if any(word in what for word in WRONG)):
        sys.exit("That is wrong.")


def two(options: argparse.Namespace) -> None:
    """Two workers."""
    from tests.outbox.kills import compare, store
    from tests.outbox.ses_process import ses_process

    with ses_process(latency=0.03, jitter=0.03) as ses, outbox(options, ses.url) as project:
        with running_workers(project, 2):
            start = time.monotonic()
            to = store(options.messages)
            stored = time.monotonic() - start
            wait_until(lambda: ses.count() >= options.messages)
            seconds = time.monotonic() - start
            time.sleep(2)  # for those that are sent twice
        for what, count in compare(to, ses.accepted()).items():
            print(f"{options.db}: {what}: {count:,}")
    print(
        f"{options.db}: {options.messages:,} mails, stored in {stored:.1f} s, the last accepted "
        f"after {seconds:.1f} s"
    )


def rate(options: argparse.Namespace) -> None:
    """Four workers at a rate."""
    print(f"{'':44}{'mails':>7}{'seconds':>9}{'ideal':>8}{'ratio':>8}{'later':>8}{'refused':>9}")
    for per_second, count in ((14, 200), (50, 600)):
        for cache in (None, "redis"):
            for given in (per_second, "account"):
                taken, later, refused = at_rate(options, per_second, count, given, cache)
                # SES grants a second's worth at once.
                ideal = (count - per_second) / per_second
                label = f"{per_second}/s ({given}), kept by {cache or options.db}"
                numbers = f"{taken:9.1f}{ideal:8.1f}{taken / ideal:8.2f}{later:8.2f}{refused:9}"
                print(f"{label:44}{count:7}{numbers}", flush=True)


def at_rate(
    options: argparse.Namespace, per_second: float, count: int, given: Any, cache: str | None
) -> tuple[float, float, int]:
    """Seconds that four workers take; the ratio to the ideal after the first quarter; how many
    calls SES refused."""
    from django.db import transaction

    from tests.outbox.kills import store
    from tests.outbox.ses_process import ses_process

    anymail = {"AMAZON_SES_MAX_SEND_RATE": given, "AMAZON_SES_RATE_LIMIT_CACHE": cache}
    with (
        ses_process(latency=0.03, jitter=0.03, rate=per_second) as ses,
        outbox(options, ses.url, **anymail) as project,
        running_workers(project, 4),
    ):
        with transaction.atomic():
            store(count)
        start = time.monotonic()
        wait_until(lambda: ses.count() == count)
        taken = time.monotonic() - start
        at = [one.at for one in ses.accepted()][count // 4 :]
        later = (at[-1] - at[0]) * per_second / (len(at) - 1)
        return taken, later, ses.errors()["throttled"]


def urgent(options: argparse.Namespace) -> None:
    """Urgent mail while other mail waits, beside as much that is sent."""
    from anymail.message import AnymailMessage
    from tests.outbox.ses_process import ses_process

    from .outbox_claims import stored
    from .outbox_rows import fill

    with (
        ses_process(latency=0.05, jitter=0.05, rate=50) as ses,
        outbox(options, ses.url) as project,
    ):
        fill("default", stored(), {"sent": options.messages, "waiting": options.messages})
        with running_workers(project, 4):
            wait_until(lambda: ses.count() > 100)
            began: dict[str, float] = {}
            for number in range(options.urgent):
                to = f"urgent{number}@example.com"
                message = AnymailMessage("Now", "Text", "from@example.com", [to], priority=50)
                began[to] = time.time()
                message.send()
                time.sleep(1.03)
            wait_until(lambda: began.keys() <= {one.to[0] for one in ses.accepted()}, patience=30)
            at = {one.to[0]: one.at for one in ses.accepted()}
        seconds = sorted(at[to] - moment for to, moment in began.items())
        print(
            f"{options.db}: urgent mail while {options.messages:,} wait at 50/s: median "
            f"{statistics.median(seconds):.2f} s, p95 {seconds[int(len(seconds) * 0.95)]:.2f} s, "
            f"longest {seconds[-1]:.2f} s; {ses.errors()['throttled']} refused calls"
        )


def cpu(options: argparse.Namespace) -> None:
    """Compare with sending directly."""
    from django.core import mail
    from django.utils.module_loading import import_string

    from anymail import outbox as anymail_outbox
    from tests.outbox.ses_process import ses_process

    count = options.messages

    def deliver() -> None:
        counts = anymail_outbox.deliver(until_empty=True)
        assert counts.sent == count, counts

    def directly() -> None:
        assert import_string(APIS[options.api])().send_messages(messages(count)) == count

    def stored_together() -> None:
        assert mail.get_connection().send_messages(messages(count)) == count
        deliver()

    def stored_one_by_one() -> None:
        for message in messages(count):
            message.send()
        deliver()

    ways = [directly, stored_together, stored_one_by_one]
    for latency in (0.0, 0.03):
        times: dict[str, list[float]] = {way.__name__: [] for way in ways}
        with ses_process(latency=latency) as ses, outbox(options, ses.url):
            for number in range(options.rounds + 1):
                for way in ways:
                    gc.collect()
                    start = time.process_time()
                    way()
                    if number:  # the first one is warming up
                        times[way.__name__].append(time.process_time() - start)
                    empty()
        for name, samples in times.items():
            ratios = [mine / bare for mine, bare in zip(samples, times["directly"], strict=True)]
            print(
                f"{options.db}: {latency * 1000:.0f} ms latency: {name}: "
                f"{statistics.median(samples) / count * 1000:.2f} ms of CPU per mail: "
                f"{statistics.median(ratios):.2f} times as much",
                flush=True,
            )


def messages(count: int) -> list[Any]:
    """Usual messages."""
    from .sending import message

    return [message("html") for _ in range(count)]


def queries(options: argparse.Namespace) -> None:
    """Count queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from anymail import outbox as anymail_outbox
    from tests.outbox.ses_process import ses_process

    def counted(captured: CaptureQueriesContext) -> dict[str, int]:
        words = Counter(query["sql"].split(" ", 1)[0] for query in captured.captured_queries)
        return dict(words.most_common())

    with ses_process(latency=0.03) as ses, outbox(options, ses.url):
        with CaptureQueriesContext(connection) as captured:
            messages(1)[0].send()
        print(f"{options.db}: send(): {counted(captured)}")
        for message in messages(options.messages - 1):
            message.send()
        # Workers have connections of their own, except this one, in this thread.
        with CaptureQueriesContext(connection) as captured:
            anymail_outbox.deliver(until_empty=True)
        print(f"{options.db}: deliver() of {options.messages} mails: {counted(captured)}")


TASKS = {
    "kills": kills,
    "two": two,
    "rate": rate,
    "urgent": urgent,
    "cpu": cpu,
    "queries": queries,
}
MESSAGES = {
    "kills": 10_000,
    "two": 10_000,
    "urgent": 1_000_000,
    "cpu": 1000,
    "queries": 500,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--messages", type=int, help=str(MESSAGES))
    parser.add_argument("--api", type=int, default=1, choices=APIS)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0, help="of kills: the account's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--urgent", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--db", default="postgres", choices=["postgres", "mariadb"])
    options = parser.parse_args()
    options.messages = options.messages or MESSAGES.get(options.task)
    os.environ["ANYMAIL_TEST_DB"] = options.db
    os.environ.setdefault("ANYMAIL_TEST_DB_NAME", f"anymail_{os.getpid()}")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    with ExitStack() as stack:
        databases = setup_databases(verbosity=0, interactive=False)
        stack.callback(teardown_databases, databases, verbosity=0)
        TASKS[options.task](options)


if __name__ == "__main__":
    main()
