"""What became of recipients is written down for them, and for nobody else.

Also with ``--db postgres`` and ``--db mariadb``.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from django.db import connection
from django.test.utils import CaptureQueriesContext

from anymail.database.columns import ADDRESS_LENGTH, address_key, truncate
from anymail.outbox.models import Entry, Recipient
from anymail.outbox.outcomes import Result, Verdict
from anymail.outbox.results import MAX_RECIPIENTS, record_results

from . import OutboxTestCase


class RecordingTests(OutboxTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.message = Entry._default_manager.create(mailer="ses", recipients_count=1)

    def add(self, addresses: Iterable[str]) -> None:
        Recipient._default_manager.bulk_create(
            Recipient(
                entry=self.message,
                kind="to",
                address=truncate(address, ADDRESS_LENGTH),
                address_key=address_key(address),
            )
            for address in addresses
        )

    def accept(self, addresses: Iterable[str]) -> None:
        record_results(
            self.message,
            {
                address: Result(verdict=Verdict.ACCEPTED, message_id=f"id of {address[:9]}")
                for address in addresses
            },
        )

    def found(self) -> list[str]:
        rows = Recipient._default_manager.order_by("pk").exclude(status="")
        return [message_id for message_id, _ in groupby(rows.values_list("message_id", flat=True))]

    def test_addresses_that_databases_take_for_equal(self) -> None:
        twins = ["1@strasse.example", "2@straße.example", "2@strasse.example", "1@straße.example"]
        self.add(twins)
        self.accept(twins[:2])
        self.assertEqual(self.found(), [f"id of {address[:9]}" for address in twins[:2]])

    def test_an_address_that_does_not_fit(self) -> None:
        address = f"{'x' * ADDRESS_LENGTH}@example.com"
        self.add([address])
        self.accept([address])
        self.assertEqual(self.found(), ["id of xxxxxxxxx"])

    def test_very_many(self) -> None:
        addresses = [f"{number:04}@example.com" for number in range(2 * MAX_RECIPIENTS + 1)]
        self.add(addresses)
        with CaptureQueriesContext(connection) as queries:
            self.accept(addresses)
        self.assertEqual(len(queries), 3)
        self.assertEqual(self.found(), [f"id of {address[:9]}" for address in addresses])
