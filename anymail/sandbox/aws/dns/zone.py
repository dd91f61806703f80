"""What the DNS says: records that SES asks for, which tests may change, and servers that fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Record(NamedTuple):
    """A DNS record.

    :param name: without the dot at its end; case does not matter.
    :param kind: ``"CNAME"``, ``"MX"``, ``"TXT"``.
    :param value: as it is in a zone file; a TXT without its quotation marks.
    """

    name: str
    kind: str
    value: str


#: The values of each kind, of each name in lower case.
Zone = dict[str, dict[str, list[str]]]


@dataclass(kw_only=True)
class Dns:
    """The DNS of the whole world, as far as SES has asked for records.

    :param zone: can be changed at any time.
    :param failing: what servers answer, by the name in lower case that they are for, with all
        below it (empty: for every name): an RCODE such as ``"SERVFAIL"``; empty: nothing at all.
    """

    zone: Zone = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)

    def publish(self, *records: Record) -> None:
        """Add records, unless they are there already. A name with an alias has nothing else."""
        for name, kind, value in records:
            values = self.zone.setdefault(name.lower(), {}).setdefault(kind, [])
            if value not in values:
                values.append(value)

    def replace(self, name: str, kind: str, *values: str) -> None:
        """The records of this kind are these, from now on; without a value, there are none."""
        self.zone.setdefault(name.lower(), {}).pop(kind, None)
        self.publish(*(Record(name, kind, value) for value in values))
        if not self.zone[name.lower()]:
            del self.zone[name.lower()]

    def find(self, name: str) -> Mapping[str, list[str]] | None:
        """The records of a name; None if neither it nor a name below it exists."""
        wanted = name.lower()
        if (found := self.zone.get(wanted)) is not None:
            return found
        return {} if any(known.endswith(f".{wanted}") for known in list(self.zone)) else None

    def failure(self, name: str) -> str | None:
        """How the servers of a name fail; None if they do not."""
        wanted = f".{name.lower()}"
        failures = list(self.failing.items())
        return next((how for top, how in failures if not top or wanted.endswith(f".{top}")), None)

    def problem(self, record: Record) -> str | None:
        """Why a record is not seen, in SES's words; None if it is (SES API reference v2,
        "VerificationInfo")."""
        if self.failure(record.name) is not None:
            return "DNS_SERVER_ERROR"
        if (found := self.find(record.name)) is None:
            return "HOST_NOT_FOUND"
        if not (values := found.get(record.kind)):
            return "TYPE_NOT_FOUND"
        return None if record.value.lower() in map(str.lower, values) else "INVALID_VALUE"
