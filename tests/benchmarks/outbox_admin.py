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

from django.db import DatabaseError

from .feedback import ROUTER, SIZES, TARGET, setup
from .history_rows import address, load, message_id

#: Of the list of messages. The mails 4, 8 and 12 have been opened, 3 has bounced.
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
    "an address": "?q={address}",
    "an address of many messages": "?q=team@example.com",
    "an address in the sent ones": "?q=team@example.com&state__exact=sent",
    "a message id": "?q={message_id}",
    "a part of a subject": "?q=receipt",
    "a subject that does not exist": "?q=nothing-of-the-kind",
    "a usual tag": "?q=tag:receipt",
    "a rare tag": "?q=tag:rare",
    "a tag of old messages": "?q=tag:old",
    "a tag of one message": "?q=tag:order-100",
    "filtered by a tag": "?tag=welcome",
    "a tag in the failed ones": "?tag=receipt&state__exact=failed",
    "sent without the outbox": "?happened=direct",
    "bounced": "?happened=bounced",
    "complained": "?happened=complained",
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
    parser.add_argument("--rows", type=int, default=1_000_000, help="mails in the large database")
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--keep", action="store_true", help="the databases, for another run")
    parser.add_argument("--fill", action="store_true", help="nothing else; it implies --keep")
    options = parser.parse_args()
    SIZES["large"] = options.rows
    setup(options.db)

    from django.db import connections

    for alias, size in SIZES.items():
        connections[alias].settings_dict["NAME"] = f"anymail_history_{size}"
    made = [alias for alias in SIZES if prepare(options.db, alias)]
    try:
        if options.explain:
            explain()
        return 0 if options.fill else report(options.repeat)
    finally:
        for alias in [] if options.keep or options.fill else made:
            name = connections[alias].settings_dict["NAME"]
            connections[alias].creation.destroy_test_db(name.replace("test_", "", 1), verbosity=0)


def prepare(db: str, alias: str) -> bool:
    """Use the database that an earlier run has kept, or make and fill it."""
    from django.db import connections

    connection = connections[alias]
    name = connection.settings_dict["NAME"]
    if is_filled(connection, f"test_{name}"):
        return False
    connection.settings_dict["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    fill(db, alias, SIZES[alias])
    return True


def is_filled(connection: Any, name: str) -> bool:
    """Whether the database is there, with all its rows: the pause was the last of them."""
    connection.settings_dict["NAME"] = name
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM anymail_outbox_pause")
            return bool(cursor.fetchall())
    except DatabaseError:
        return False
    finally:
        connection.close()


def fill(db: str, alias: str, size: int) -> None:
    """Make the rows, and who looks at them."""
    from django.contrib.auth.models import User
    from django.db import connections

    from anymail.outbox.models import Pause

    started = time.perf_counter()
    ROUTER.current = alias
    load(db, connections[alias], size)
    User.objects.create_superuser("root")
    Pause._default_manager.create(mailer="ses", reason="A reason.")
    print(f"{size:>10,} mails loaded in {time.perf_counter() - started:.0f} s", flush=True)


#: Other pages about a mail, an address, or the account.
ANSWERS = {
    "a mail that was opened": "outbox/entry/{opened}/change/",
    "a mail that has bounced": "outbox/entry/{bounced}/change/",
    "a mail to two": "outbox/entry/{to_two}/change/",
    "the page of an address": "outbox/address/?q={address}",
    "the page of team@example.com": "outbox/address/?q=team@example.com",
    "the page of an unknown address": "outbox/address/?q=nobody@example.com",
    "the account": "outbox/account/",
    "bounces": "feedback/bounce/",
    "deliveries of an address": "feedback/delivery/?q={address}",
    "deliveries to team@example.com": "feedback/delivery/?q=team@example.com",
    "deliveries of a mail": "feedback/delivery/?q={message_id}",
    "suppressed addresses": "feedback/suppression/",
}


def make_pages(alias: str) -> dict[str, Callable[[], Any]]:
    """Each gets a page of one database."""
    from django.contrib.auth.models import User
    from django.test import Client

    ROUTER.current = alias
    client = Client()
    client.force_login(User.objects.get(username="root"))
    known = page_words(SIZES[alias])

    def page(path: str) -> Callable[[], None]:
        def get() -> None:
            ROUTER.current = alias
            response = client.get(f"/admin/anymail_{path.format(**known)}")
            assert response.status_code == 200, response

        return get

    pages = {name: page(f"outbox/entry/{query}") for name, query in PAGES.items()}
    pages |= {name: page(f"outbox/batch/{query}") for name, query in BATCHES.items()}
    return pages | {name: page(path) for name, path in ANSWERS.items()}


def page_words(size: int) -> dict[str, Any]:
    """What the addresses of pages leave open."""
    from django.utils import timezone

    from anymail.outbox.models import Entry

    def entry(number: int) -> Any:
        subject = f"Your receipt {number}"
        newest = Entry._default_manager.order_by("-created_at")[:200]
        return next(one.pk for one in newest if one.subject == subject)

    return {
        "year": timezone.now().year,
        "month": timezone.now().month,
        "old": size // 1_000 - 1,
        "address": address(size, 44),
        "message_id": message_id(size, 44),
        "opened": entry(44),
        "bounced": entry(53),
        "to_two": entry(60),
    }


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
    sizes = " ".join(f"{size:>10,}" for size in SIZES.values())
    print(f"{'medians in ms':40} {sizes} {'ratio':>6}")
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
        print(f"{name:40} {small:10.2f} {large:10.2f} {large / small:6.2f}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
