"""How long do others wait while ``manage.py migrate`` changes filled tables?

``python -m tests.benchmarks.migrations --db postgres`` makes a database of its own with the first
migrations, fills their tables with 1,000,000 rows each, and runs the later ones one after another.
Beside them, other connections store and read a row of each table every 20 ms, as a site does that
goes on working. It prints the longest time that one of these had to wait, and exits with 1 if that
is more than a second.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from .feedback import setup

APPS = ("anymail_feedback", "anymail_outbox")
#: In seconds.
PAUSE, TARGET = 0.02, 1.0
#: A value for the row n, by the beginning of the column's type.
VALUES = {
    "postgres": {
        "character": "left(concat('x', {n}), {length})",
        "text": "concat('x', {n})",
        "uuid": "lpad(to_hex({n}), 32, '0')::uuid",
        "boolean": "false",
        "json": "'{{}}'",
        "timestamp": "now()",
        "double": "0",
        "": "least({n}, 30000)",
    },
    "mariadb": {
        "varchar": "left(concat('x', {n}), {length})",
        "longtext": "'{{}}'",
        "uuid": "lpad(hex({n}), 32, '0')",
        "datetime": "now(6)",
        "tinyint": "0",
        "": "least({n}, 30000)",
    },
}
SERIES = {"postgres": "generate_series(1, {rows}) AS n", "mariadb": "seq_1_to_{rows}"}
NUMBER = {"postgres": "n", "mariadb": "seq"}
#: Of the columns that need a value.
COLUMNS = """
    SELECT column_name, data_type, coalesce(character_maximum_length, 0)
    FROM information_schema.columns
    WHERE table_schema = {schema} AND table_name = '{table}' AND is_nullable = 'NO'
        AND column_default IS NULL AND {is_own}
    """
DIALECT = {
    "postgres": {"schema": "current_schema()", "is_own": "is_identity = 'NO'"},
    "mariadb": {"schema": "database()", "is_own": "extra <> 'auto_increment'"},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=["postgres", "mariadb"], required=True)
    parser.add_argument("--rows", type=int, default=1_000_000, help="in each table")
    options = parser.parse_args()
    setup(options.db)

    from django.db import connection

    connection.settings_dict["NAME"] = "anymail_migrations"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        waits = [wait for app in APPS for wait in measure(options.db, app, options.rows)]
        return 1 if max(waits) > TARGET else 0
    finally:
        connection.creation.destroy_test_db("anymail_migrations", verbosity=0)


def measure(db: str, app: str, rows: int) -> Iterator[float]:
    """The longest waits during each migration but the first."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    first, *later = sorted(name for label, name in loader.disk_migrations if label == app)
    for name in ("zero", first):
        call_command("migrate", app, name, verbosity=0)
    tables = [name for name in connection.introspection.table_names() if name.startswith(app)]
    inserts = fill(db, tables, rows)
    with busy_site(db, inserts, rows) as waits:
        time.sleep(10)
    show(f"{app} without any migration", 10, waits)
    for name in later:
        with busy_site(db, inserts, rows) as waits:
            started = time.perf_counter()
            call_command("migrate", app, name, verbosity=0)
            seconds = time.perf_counter() - started
        show(f"{app}.{name}", seconds, waits)
        yield max(max(times) for times in waits.values())


def show(what: str, seconds: float, waits: dict[str, list[float]]) -> None:
    stored, read = (max(times) * 1000 for times in waits.values())
    print(
        f"{what}: {seconds:.2f} s; to store a row took up to {stored:.0f} ms, "
        f"to read one {read:.0f} ms ({len(waits['store'])} rows)",
        flush=True,
    )


def fill(db: str, tables: Sequence[str], rows: int) -> dict[str, str]:
    """Fill tables; by table, what inserts the row ``{n}``."""
    from django.db import connection

    inserts: dict[str, str] = {}
    with connection.cursor() as cursor:
        # Tables that others refer to come first.
        for table in sorted(tables, key=lambda name: (name.endswith("_recipient"), name)):
            cursor.execute(COLUMNS.format(table=table, **DIALECT[db]))
            columns = cursor.fetchall()
            names = ", ".join(connection.ops.quote_name(name) for name, *_ in columns)
            values = ", ".join(value(db, kind, length) for _, kind, length in columns)
            inserts[table] = f"INSERT INTO {table} ({names}) SELECT {values}"
            series = SERIES[db].format(rows=rows)
            cursor.execute(f"{inserts[table].format(n=NUMBER[db])} FROM {series}")
            cursor.execute(f"ANALYZE {'TABLE ' if db == 'mariadb' else ''}{table}")
            if db == "mariadb":
                cursor.fetchall()
    return inserts


def value(db: str, kind: str, length: int) -> str:
    """The SQL of a value for the row ``{n}``."""
    found = next(sql for start, sql in VALUES[db].items() if kind.startswith(start))
    return found.replace("{length}", str(length))


@contextmanager
def busy_site(db: str, inserts: dict[str, str], rows: int) -> Iterator[dict[str, list[float]]]:
    """Stores and reads rows until it is left; then, how many seconds each time took."""
    waits: dict[str, list[float]] = {"store": [0.0], "read": [0.0]}
    is_over = threading.Event()
    numbers = iter(range(int(time.time() * 1000), 1 << 62))

    def store() -> list[str]:
        number = next(numbers)
        return [sql.format(n=number) for sql in inserts.values()]

    def read() -> list[str]:
        return [f"SELECT * FROM {table} LIMIT 1" for table in inserts]

    def work(name: str, statements: Callable[[], list[str]]) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            while not is_over.is_set():
                for sql in statements():
                    started = time.perf_counter()
                    cursor.execute(sql)
                    if name == "read":
                        cursor.fetchall()
                    waits[name].append(time.perf_counter() - started)
                is_over.wait(PAUSE)
        connection.close()

    threads = [
        threading.Thread(target=work, args=args) for args in (("store", store), ("read", read))
    ]
    for thread in threads:
        thread.start()
    time.sleep(1)
    try:
        yield waits
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    sys.exit(main())
