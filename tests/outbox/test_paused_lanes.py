"""Claims do not read again and again what waits in paused lanes, and forget nothing for it."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from anymail.message import AnymailMessage
from anymail.outbox import paused_lanes
from anymail.outbox.claiming import Wanted, claim
from anymail.outbox.ledger import entries
from anymail.outbox.paused_lanes import INTERVAL, MARGIN, PausedLanes

from . import OutboxTestCase, use_outbox

HOUR = 3600.0


@use_outbox()
class PausedLanesTests(OutboxTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.lanes = PausedLanes()
        self.now = 1000.0
        clock = mock.patch.object(paused_lanes, "time", self)
        clock.start()
        self.addCleanup(clock.stop)
        for number in range(3):
            self.store(f"paused{number}", "bad.example", age=HOUR)

    def monotonic(self) -> float:
        return self.now

    def store(self, subject: str, domain: str, age: float, **kwargs: int) -> None:
        """Store a message that was due some seconds ago."""
        due = timezone.now() - timedelta(seconds=age)
        sender = f"from@{domain}"
        AnymailMessage(subject, "Text", sender, ["to@example.com"], send_at=due, **kwargs).send()

    def claim(self, *without: str, size: int = 50, lane: str | None = None) -> list[str]:
        wanted = Wanted(
            mailer=entries().values_list("mailer", flat=True)[0],
            size=size,
            worker="worker",
            lease=60,
            lane=lane,
            without=without,
        )
        return [entry.subject for entry in claim(wanted, self.lanes)]

    def test_what_is_in_a_paused_lane_is_read_once(self) -> None:
        self.store("other", "good.example", age=HOUR / 2)
        self.assertEqual(self.claim("bad.example"), ["other"])
        with CaptureQueriesContext(connection) as queries:
            self.assertEqual(self.claim("bad.example"), [])
        reads = [query["sql"] for query in queries if "LIMIT 50" in query["sql"]]
        reads = [sql for sql in reads if "expires_at" in sql]  # of messages
        self.assertEqual(['not_before" >= ' in sql.replace("`", '"') for sql in reads], [True])

    def test_what_has_just_become_due_is_found_at_once(self) -> None:
        self.assertEqual(self.claim("bad.example"), [])
        self.store("late", "good.example", age=MARGIN - 10)
        self.assertEqual(self.claim("bad.example"), ["late"])

    def test_the_rest_is_found_after_what_was_claimed_before(self) -> None:
        for number in range(3):
            self.store(f"good{number}", "good.example", age=HOUR / 2 - number)
        found = [self.claim("bad.example", size=1) for _ in range(4)]
        self.assertEqual(found, [["good0"], ["good1"], ["good2"], []])

    def test_what_was_put_in_front_is_found_soon(self) -> None:
        self.assertEqual(self.claim("bad.example"), [])
        self.store("front", "good.example", age=2 * HOUR)
        self.assertEqual(self.claim("bad.example"), [])
        self.now += INTERVAL + 1
        self.assertEqual(self.claim("bad.example"), ["front"])

    def test_everything_is_found_when_other_lanes_are_paused(self) -> None:
        self.store("other", "worse.example", age=2 * HOUR)
        self.assertEqual(self.claim("bad.example", "worse.example"), [])
        self.assertEqual(self.claim("bad.example"), ["other"])
        self.assertEqual(len(self.claim()), 3)

    def test_a_probe_finds_its_lane(self) -> None:
        self.assertEqual(self.claim("bad.example"), [])
        self.assertEqual(self.claim(size=1, lane="bad.example"), ["paused0"])

    def test_each_priority_has_a_time_of_its_own(self) -> None:
        self.assertEqual(self.claim("bad.example"), [])
        self.store("urgent", "good.example", age=2 * HOUR, priority=50)
        self.assertEqual(self.claim("bad.example"), ["urgent"])
