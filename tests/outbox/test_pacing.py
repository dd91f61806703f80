"""All workers together keep the account's rate, and bulk messages leave a part of it to others."""

from __future__ import annotations

import time
from dataclasses import replace
from unittest import mock

from anymail import outbox
from anymail.conf import Reserve
from anymail.message import AnymailMessage
from anymail.outbox import pacing
from anymail.outbox.models import Entry, Pace, State
from anymail.outbox.pacing import COMMON, RESERVED, Line

from ..ses import V1
from . import OutboxTransactionTestCase, use_outbox
from .loopback import LIMITS, FaultTestCase
from .processes import settings_for
from .ses_process import ses_process

BULK = -50
LIMITS_WITH_RESERVE = replace(LIMITS, reserve=Reserve(min_priority=0, rate=0.2, daily=0.1))
NOW = 1_000_000.0
WHOLE = Line(column=COMMON, rate=10, whole=10)
MOST, REST = Line(column=COMMON, rate=8, whole=10), Line(column=RESERVED, rate=2, whole=10)


class LineTests(OutboxTransactionTestCase):
    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.object(pacing, "seconds_since_1970", return_value=NOW)
        patch.start()
        self.addCleanup(patch.stop)
        pacing.pace_of("account")

    def wait(self, line: Line = WHOLE) -> float:
        return pacing.wait(pacing.pace_of("account"), line)

    def test_each_group_of_calls_has_a_stretch_of_time_of_its_own(self) -> None:
        turns = [pacing.reserve("account", WHOLE, recipients) for recipients in (5, 2, 5)]
        expected = [-pacing.BURST, 0.5 - pacing.BURST, 0.7 - pacing.BURST]
        for turn, wanted in zip(turns, expected, strict=True):
            assert turn is not None
            self.assertAlmostEqual(turn, wanted)

    def test_time_is_given_out_only_when_it_is_near(self) -> None:
        self.assertEqual(self.wait(), 0)
        pacing.reserve("account", WHOLE, 25)
        self.assertAlmostEqual(self.wait(), 2.5 - pacing.BURST - pacing.AHEAD)
        self.assertIsNone(pacing.reserve("account", WHOLE, 1))

    def test_a_wrong_clock_of_another_machine_stops_nobody(self) -> None:
        Pace._default_manager.update(free_at=2 * NOW)
        self.assertEqual(self.wait(), 0)
        self.assertEqual(pacing.reserve("account", WHOLE, 5), 0)

    def test_a_large_call_at_a_low_rate_holds_up_the_next_one_all_the_same(self) -> None:
        slow = Line(column=COMMON, rate=0.2, whole=0.25)
        turns = [pacing.reserve("account", slow, 50) for _ in range(2)]
        self.assertEqual(turns, [-pacing.BURST, None])
        self.assertAlmostEqual(self.wait(slow), 250 - pacing.BURST - pacing.AHEAD)

    def test_the_reserve_is_free_when_everything_else_is_given_out(self) -> None:
        Pace._default_manager.update(free_at=NOW + 60)
        self.assertIsNone(pacing.reserve("account", MOST, 1))
        self.assertEqual(pacing.reserve("account", REST, 1), -pacing.BURST)

    def test_a_call_to_more_than_ses_grants_at_once_holds_up_the_other_line(self) -> None:
        pacing.reserve("account", MOST, 50)
        self.assertAlmostEqual(self.wait(REST), 50 / 10 - pacing.CALL_BURST - pacing.AHEAD)
        Pace._default_manager.update(free_at=0.0, reserve_free_at=0.0)
        pacing.reserve("account", MOST, 8)
        self.assertEqual(self.wait(REST), 0)

    def test_a_call_that_ses_refused_for_the_rate_holds_up_both_lines(self) -> None:
        pacing.slow_down("account", 3)
        self.assertEqual([self.wait(MOST), self.wait(REST)], [3 - pacing.AHEAD] * 2)

    def test_no_more_is_given_out_in_a_day_than_the_limit(self) -> None:
        Pace._default_manager.update(sent_today=6)
        turns = [pacing.reserve("account", WHOLE, 2, limit=9) for _ in range(2)]
        self.assertEqual([turn is None for turn in turns], [False, True])
        self.assertEqual(pacing.pace_of("account").sent_today, 8)


class TurnTests(OutboxTransactionTestCase):
    def test_a_message_can_be_cancelled_until_its_turn_is_near(self) -> None:
        with ses_process(granted=10) as ses, use_outbox(V1, **settings_for(ses.url)):
            message = AnymailMessage("Hello", "Text", "from@example.com", ["to@example.com"])
            message.send()
            outbox.deliver(until_empty=True)
            later = time.time() + 30
            Pace._default_manager.update(free_at=later, reserve_free_at=later)
            message.send()
            outbox.deliver(max_seconds=1)
            self.assertEqual(ses.count(), 1)
            waiting = Entry._default_manager.get(state=State.WAITING)
        self.assertIsNone(waiting.posted_at)
        self.assertTrue(outbox.cancel(waiting.pk))

    def test_bulk_messages_leave_a_part_of_the_rate(self) -> None:
        messages = [
            AnymailMessage("Hello", "Text", "from@example.com", ["a@example.com"], priority=BULK)
            for _ in range(60)
        ]
        reserve = {"min_priority": 0, "rate": 0.5}
        with (
            ses_process(granted=20) as ses,
            use_outbox(V1, **settings_for(ses.url, OUTBOX_RESERVE=reserve)),
        ):
            for message in messages:
                message.send()
            outbox.deliver(max_seconds=2)
            # Without a reserve: 20 * (2 + BURST) = 50.
            self.assertLessEqual(ses.count(), 10 * (2 + pacing.BURST + pacing.AHEAD) + 1)
            self.assertGreater(ses.count(), 0)


class UrgentTests(FaultTestCase):
    """The time that is open to all is given out for the next half a minute."""

    anymail = {"AMAZON_SES_MAX_SEND_RATE": 14}

    def setUp(self) -> None:
        super().setUp()
        self.send("first@example.com")
        self.deliver()
        self.give_out(30)

    def give_out(self, seconds: float) -> None:
        Pace._default_manager.update(free_at=time.time() + seconds)

    def recipients(self) -> list[str]:
        return [address for call in self.ses.accepted[1:] for address in call.to]

    def test_an_urgent_message_takes_the_reserve_and_bulk_waits(self) -> None:
        self.send("bulk@example.com", priority=BULK)
        self.send("urgent@example.com")
        outbox.deliver(max_seconds=1)
        self.assertEqual(self.recipients(), ["urgent@example.com"])

    def test_a_worker_with_bulk_that_waits_for_its_turn_takes_urgent_messages(self) -> None:
        self.send("bulk@example.com", priority=BULK)
        worker = self.claimed(limits=LIMITS_WITH_RESERVE)
        self.send("urgent@example.com")
        self.wait_until(lambda: worker.step(may_claim=True) and bool(self.recipients()))
        self.assertEqual(self.recipients(), ["urgent@example.com"])

    def test_everybody_may_use_all_of_the_rate_without_a_reserve(self) -> None:
        self.give_out(0.3)
        for number in range(3):
            self.send(f"bulk{number}@example.com", priority=BULK)
        with self.settings(ANYMAIL=self.with_anymail(OUTBOX_RESERVE=None)):
            self.deliver()
        self.assertEqual(len(self.recipients()), 3)
        self.assertEqual(pacing.pace_of(Pace._default_manager.get().pk).reserve_free_at, 0)

    def test_urgent_messages_use_the_whole_rate(self) -> None:
        for number in range(14):
            self.send(f"to{number}@example.com")
        self.give_out(0)
        self.deliver()
        self.assertGreater(Pace._default_manager.get().reserve_free_at, time.time() - 10)

    def test_one_to_very_many_leaves_the_reserve_to_others(self) -> None:
        with self.settings(ANYMAIL=self.with_anymail(AMAZON_SES_MAX_SEND_RATE=1)):
            self.send(*[f"to{number}@example.com" for number in range(40)])
            outbox.deliver(max_seconds=0.5)
            self.assertEqual(self.recipients(), [])


class CacheTests(FaultTestCase):
    """A cache keeps the rate."""

    anymail = {"AMAZON_SES_MAX_SEND_RATE": 14, "AMAZON_SES_RATE_LIMIT_CACHE": "default"}

    def test_only_bulk_messages_are_paced_in_the_table_too(self) -> None:
        self.send("urgent@example.com")
        self.deliver()
        self.assertFalse(Pace._default_manager.exists())
        self.send("bulk@example.com", priority=BULK)
        self.deliver()
        row = Pace._default_manager.get()
        self.assertGreater(row.free_at, 0)
        self.assertEqual((row.reserve_free_at, len(self.ses.accepted)), (0, 2))
