#!/usr/bin/env python
"""Run the tests: ``python runtests.py [labels] [--db sqlite|postgres|mariadb] [--tag TAG] ...``

Other arguments are those of ``manage.py test``. With SQLite, the tests run in as many processes as
there are cores; ``--parallel 1`` runs them in this one, for a debugger. PostgreSQL and MariaDB are
the servers on loopback, see tests/settings.py.
"""

import argparse
import os
import socket
import sys
import warnings

#: Where the databases are that have a server.
SERVERS = {"postgres": ("127.0.0.1", 5432), "mariadb": ("127.0.0.1", 3306)}


def choose_database(arguments: list[str]) -> list[str]:
    """Take ``--db`` out of the arguments, and tell tests/settings.py about it.

    Exits if there is no such database, or if its server does not answer.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--db", choices=["sqlite", *SERVERS], default="sqlite")
    options, rest = parser.parse_known_args(arguments)
    if options.db in SERVERS:
        host, port = SERVERS[options.db]
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError as err:
            sys.exit(f"--db {options.db}: no server answers on {host}:{port} ({err})")
    os.environ["ANYMAIL_TEST_DB"] = options.db
    # Tests kill workers, never the server: what is committed need not wait for its disk.
    os.environ.setdefault("PGOPTIONS", "-c synchronous_commit=off")
    # Several runs at the same time do not meet.
    os.environ.setdefault("ANYMAIL_TEST_DB_NAME", f"anymail_{os.getpid()}")
    return rest


def main(arguments: list[str]) -> None:
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    sys.path.insert(0, os.getcwd())
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    arguments = choose_database(arguments)

    from django.core.management import execute_from_command_line
    from django.utils import deprecation

    for name in ("RemovedInNextVersionWarning", "RemovedAfterNextVersionWarning"):
        warnings.simplefilter("error", getattr(deprecation, name))

    labels = [argument for argument in arguments if argument.partition(".")[0] == "tests"]
    # To copy a database for each process, Django needs the server's own tools.
    processes = "auto" if os.environ["ANYMAIL_TEST_DB"] == "sqlite" else "1"
    defaults = [f"--parallel={processes}", *([] if labels else ["tests"])]
    execute_from_command_line(["runtests.py", "test", *defaults, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
