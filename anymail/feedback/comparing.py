"""What is on one of the two suppression lists, here and at Amazon, and not on the other.

Amazon tells its list in no order that is documented, so it is written to a temporary file first:
this takes as much memory for a million addresses as for a thousand.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from ..amazon_ses.suppression_list import SuppressedDestination
from ..database.columns import address_key
from .models import Suppression
from .querysets import batches

#: Rows that are looked up at once.
BATCH = 1_000


@dataclass(frozen=True, kw_only=True)
class Difference:
    """An address that is on one of the lists only.

    :param address: as that list spells it.
    :param reason: why it is there, in the words of that list.
    :param is_here: it is on ours; otherwise on Amazon's.
    """

    address: str
    reason: str
    is_here: bool


class AmazonCopy:
    """A copy of Amazon's list in a temporary file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TABLE listed (key TEXT PRIMARY KEY, address TEXT, reason TEXT)")
        connection.execute("CREATE TABLE here (key TEXT PRIMARY KEY)")

    def fill(self, listed: Iterable[SuppressedDestination]) -> Iterator[int]:
        """Write down what Amazon lists, and say after every page how many addresses were read.

        :param listed: Amazon's list.
        """
        read = 0
        for page in batches(listed, BATCH):
            rows = [(address_key(one.address), one.address, one.reason) for one in page]
            self._connection.executemany("INSERT OR IGNORE INTO listed VALUES (?, ?, ?)", rows)
            read += len(page)
            yield read

    def distinct(self) -> int:
        """How many addresses Amazon lists; spellings of the same count once."""
        [[count]] = self._connection.execute("SELECT count(*) FROM listed")
        return int(count)

    def missing(self, entries: QuerySet[Suppression]) -> Iterator[Suppression]:
        """The entries of ours whose address is not on Amazon's list, one for each address. Once.

        :param entries: read in batches.
        """
        for batch in batches(_in_order(entries), BATCH):
            keys = [entry.address for entry in batch]
            known = self._known(keys)
            self._connection.executemany("INSERT INTO here VALUES (?)", [(key,) for key in keys])
            yield from (entry for entry in batch if entry.address not in known)

    def differences(self, entries: QuerySet[Suppression]) -> Iterator[Difference]:
        """What is on one of the lists only: ours first, then Amazon's.

        :param entries: those of ours that count.
        """
        for entry in self.missing(entries):
            yield Difference(address=entry.address, reason=entry.reason, is_here=True)
        rows = self._connection.execute(
            "SELECT address, reason FROM listed WHERE key NOT IN (SELECT key FROM here) "
            "ORDER BY key"
        )
        for address, reason in rows:
            yield Difference(address=address, reason=reason, is_here=False)

    def _known(self, keys: Sequence[str]) -> set[str]:
        rows: Iterable[Any] = self._connection.execute(
            "SELECT key FROM listed WHERE key IN (SELECT value FROM json_each(?))",
            [json.dumps(keys)],
        )
        return {key for (key,) in rows}


@contextmanager
def amazon_copy() -> Iterator[AmazonCopy]:
    """An empty copy, whose file is deleted afterwards (SQLite, "Temporary Databases")."""
    with closing(sqlite3.connect("")) as connection:
        yield AmazonCopy(connection)


def _in_order(entries: QuerySet[Suppression]) -> Iterator[Suppression]:
    """One entry for each address, by address, in batches: some drivers read a whole result at
    once."""
    rows = entries.only("address", "reason").order_by("address", "reason")
    last = ""
    while found := list(rows.filter(address__gt=last)[:BATCH]):
        yield from {entry.address: entry for entry in reversed(found)}.values()
        last = found[-1].address
