"""A second database for a class of tests."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.db import connections
from django.test import TransactionTestCase


def add_database(cls: type[TransactionTestCase], alias: str, **options: Any) -> None:
    """Have a database until the tests of a class are over: SQLite in a file.

    Django looks for all databases that a class names, so name it afterwards.

    :param alias: its name in ``DATABASES``.
    :param options: its ``OPTIONS``.
    """
    folder = TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    connections.settings[alias] = {
        **connections.settings["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(folder.name, f"{alias}.sqlite3"),
        "OPTIONS": options,
    }
    cls.addClassCleanup(connections.settings.pop, alias)
    cls.addClassCleanup(connections.__delitem__, alias)
    cls.addClassCleanup(connections[alias].close)
