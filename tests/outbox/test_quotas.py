"""What SES grants the account is asked for by one worker for all, and bulk messages leave a part of
the day's quota to others."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from anymail import outbox
from anymail.outbox import quotas
from anymail.outbox.ledger import entries
from anymail.outbox.models import Pace, State
from anymail.outbox.quotas import ASK_INTERVAL, Quotas, is_day_used_up

from ..ses import v1_error
from .loopback import PATIENCE, Answer, FaultTestCase, quota_answer
from .test_pacing import BULK, LIMITS_WITH_RESERVE

LOGGERS = ("anymail.outbox.rates", "anymail.outbox.quotas")


class QuotaTestCase(FaultTestCase):
    def grant(self, **quota: float) -> None:
        self.ses.quota = lambda: quota_answer(**quota)

    def send_bulk(self, count: int, **kwargs: Any) -> None:
        for number in range(count):
            self.send(f"bulk{number}@example.com", priority=BULK, **kwargs)

    def next_minute(self) -> None:
        self.clock.pass_by(ASK_INTERVAL + 1)

    def sent_to(self) -> list[str]:
        return sorted(address for call in self.ses.accepted for address in call.to)

    def states(self) -> Sequence[str]:
        return sorted(entries().values_list("state", flat=True))


class DayTests(QuotaTestCase):
    """SES grants 100 recipients a day: bulk messages may use 90 of them."""

    def test_bulk_waits_when_its_part_of_the_day_is_used_up_and_others_go_on(self) -> None:
        self.grant(daily=100, sent=88)
        self.send_bulk(5)
        with self.assertLogs(LOGGERS[0], "WARNING") as logs:
            self.deliver()
        self.assertEqual(self.states(), [State.SENT] * 2 + [State.WAITING] * 3)
        self.assertIn("90 recipients", logs.output[0])
        self.assertNotIn("@", logs.output[0])
        self.send("urgent@example.com")
        with self.assertLogs(LOGGERS[0], "WARNING"):
            self.deliver()
        self.assertEqual(
            self.sent_to(), ["bulk0@example.com", "bulk1@example.com", "urgent@example.com"]
        )
        self.assertEqual(entries().filter(state=State.WAITING, worker="").count(), 3)

    def test_a_worker_says_once_that_bulk_waits_and_once_that_it_goes_on(self) -> None:
        self.grant(daily=100, sent=90)
        self.send_bulk(3)
        worker = self.channel(limits=LIMITS_WITH_RESERVE)
        with self.assertLogs(LOGGERS[0], "WARNING") as logs:
            self.wait_until(lambda: self.step(worker) or bool(logs.output))
            for _ in range(20):
                self.step(worker)
            self.assertEqual((len(logs.output), self.sent_to()), (1, []))
            self.grant(daily=100, sent=50)
            self.next_minute()
            self.wait_until(lambda: self.step(worker) or len(self.ses.accepted) == 3)
        self.assertEqual(len(logs.output), 2)
        self.assertIn("goes on", logs.output[1])

    @staticmethod
    def step(worker: Any) -> bool:
        worker.step(may_claim=True)
        return False

    def test_a_message_that_does_not_fit_waits_as_a_whole(self) -> None:
        self.grant(daily=100, sent=80)
        self.send(*[f"to{number}@example.com" for number in range(11)], priority=BULK)
        with self.assertLogs(LOGGERS[0], "WARNING"):
            self.deliver()
        self.assertEqual((self.states(), self.ses.accepted), ([State.WAITING], []))

    def test_what_workers_have_sent_since_counts(self) -> None:
        self.grant(daily=100, sent=0)
        self.send_bulk(1)
        self.deliver()
        self.assertEqual(Pace._default_manager.get().sent_today, 1)
        self.send("urgent@example.com", "another@example.com")
        self.deliver()
        self.assertEqual(Pace._default_manager.get().sent_today, 3)

    def test_the_task_that_delivers_looks_again_in_a_minute(self) -> None:
        self.grant(daily=100, sent=90)
        self.send_bulk(1)
        worker = outbox.worker.Worker()
        with self.assertLogs(LOGGERS[0], "WARNING"):
            worker.run(until_empty=True)
        seconds = [(moment - self.clock.now()).total_seconds() for moment in worker.put_off]
        self.assertEqual([50 < one < 80 for one in seconds], [True])

    def test_no_quota_and_no_reserve_hold_up_nobody(self) -> None:
        for daily, sent, reserve in ((-1, 10**6, {"daily": 0.1}), (100, 99, None)):
            with (
                self.subTest(daily=daily),
                self.settings(ANYMAIL=self.with_anymail(OUTBOX_RESERVE=reserve)),
            ):
                self.grant(daily=daily, sent=sent)
                self.send_bulk(3)
                self.deliver()
                self.assertEqual(set(self.states()), {State.SENT})

    def test_pages_can_tell(self) -> None:
        self.grant(daily=100, sent=90)
        self.assertFalse(is_day_used_up())
        self.send_bulk(1)
        with self.assertLogs(LOGGERS[0], "WARNING"):
            self.deliver()
        self.assertTrue(is_day_used_up())
        self.clock.pass_by(3 * ASK_INTERVAL)
        self.assertFalse(is_day_used_up())


class AskingTests(QuotaTestCase):
    def test_nobody_asks_where_there_is_no_bulk(self) -> None:
        self.ses.quota = self.fail
        self.send("urgent@example.com")
        self.deliver()
        self.assertEqual(self.states(), [State.SENT])

    def test_without_the_permission_bulk_may_use_up_the_day_and_there_is_one_line(self) -> None:
        self.send_bulk(1)
        with self.assertLogs(LOGGERS[1], "WARNING") as logs:
            self.deliver()
            self.next_minute()
            self.send_bulk(1)
            self.deliver()
        self.assertEqual((self.states(), len(logs.output)), ([State.SENT] * 2, 1))
        self.assertIn("ses:GetSendQuota", logs.output[0])

    def test_trouble_that_may_pass_changes_nothing_that_is_known(self) -> None:
        self.grant(daily=100, sent=90)
        self.send_bulk(1)
        with self.assertLogs(LOGGERS[0], "WARNING"):
            self.deliver()
        self.ses.quota = lambda: (503, v1_error("ServiceUnavailable", "Unavailable."))
        self.next_minute()
        with self.assertLogs(LOGGERS[0], "WARNING"):
            self.deliver()
        self.assertEqual(Pace._default_manager.get().daily_quota, 100)

    def test_a_worker_does_other_things_while_ses_does_not_answer(self) -> None:
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def late() -> Answer:
            go_on.wait(PATIENCE)
            return quota_answer(daily=100)

        self.ses.quota = late
        self.send_bulk(1)
        worker = self.channel(limits=LIMITS_WITH_RESERVE)
        began = time.monotonic()
        for _ in range(5):
            worker.step(may_claim=True)
        self.send("urgent@example.com")
        self.wait_until(lambda: worker.step(may_claim=True) and bool(self.ses.accepted))
        self.assertLess(time.monotonic() - began, PATIENCE / 2)
        self.assertEqual(self.sent_to(), ["urgent@example.com"])
        go_on.set()
        self.work(worker)
        self.assertEqual(self.states(), [State.SENT] * 2)


class AccountRateTests(QuotaTestCase):
    anymail = {"AMAZON_SES_MAX_SEND_RATE": "account"}

    def test_nothing_is_sent_before_the_rate_is_known(self) -> None:
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def late() -> Answer:
            go_on.wait(PATIENCE)
            return quota_answer(rate=1000)

        self.ses.quota = late
        self.send()
        worker = self.channel()
        for _ in range(5):
            worker.step(may_claim=True)
        self.assertEqual(self.ses.accepted, [])
        go_on.set()
        self.work(worker)
        self.assertEqual(Pace._default_manager.get().rate, 1000)
        self.assertEqual(self.states(), [State.SENT])

    def test_without_the_permission_there_is_no_limit(self) -> None:
        for number in range(30):
            self.send(f"to{number}@example.com")
        with self.assertLogs(LOGGERS[1], "WARNING"):
            self.deliver()
        self.assertEqual((set(self.states()), Pace._default_manager.get().rate), ({State.SENT}, 0))


class OneForAllTests(QuotaTestCase):
    """Several workers, and answers that the test gives."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[Future[Any]] = []

    def submit(self, function: Any) -> Future[Any]:
        self.asked.append(Future())
        return self.asked[-1]

    def read(self, worker: Quotas) -> Pace:
        return worker.read("account", None, asks=True)

    def test_one_worker_asks_each_minute(self) -> None:
        workers = [Quotas(self.submit), Quotas(self.submit)]
        for worker in workers:
            self.read(worker)
        self.assertEqual(len(self.asked), 1)
        self.asked[0].set_result(quotas.AccountQuota(rate=14, daily=100, sent=7))
        self.assertEqual([self.read(worker).sent_today for worker in workers], [7, 7])
        self.next_minute()
        for worker in reversed(workers):
            self.read(worker)
        self.assertEqual(len(self.asked), 2)

    def test_another_asks_if_the_first_one_died(self) -> None:
        self.read(Quotas(self.submit))
        self.clock.pass_by(quotas.FIRST_ANSWER + 1)
        self.read(Quotas(self.submit))
        self.assertEqual(len(self.asked), 2)

    def test_what_is_sent_while_ses_is_asked_counts_too(self) -> None:
        worker = Quotas(self.submit)
        self.read(worker)
        Pace._default_manager.update(sent_today=5)
        self.asked[0].set_result(quotas.AccountQuota(rate=14, daily=100, sent=40))
        self.assertEqual(self.read(worker).sent_today, 45)
