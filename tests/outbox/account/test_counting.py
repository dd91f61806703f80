"""The counts of days: which rows, which day, once and for good."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.core.management import call_command
from django.test import TestCase, override_settings
from django.utils import timezone

from anymail.feedback.models import Bounce, Complaint, Delivery
from anymail.outbox.account import counting
from anymail.outbox.account.counting import (
    KINDS,
    count_for_good,
    count_missing,
    kept,
    live,
    missing,
)
from anymail.outbox.account.days import day_of, is_over, last_days, start_of
from anymail.outbox.account.upkeep import Upkeep
from anymail.outbox.models import DailyCount, Entry, Event, State
from anymail.outbox.worker import Worker

from .. import OutboxTestCase

DAY = date(2026, 3, 10)
NOON = timedelta(hours=12)
LATER = timedelta(days=2)


def at(day: date, after: timedelta = NOON) -> datetime:
    return start_of(day) + after


def sent(
    moment: datetime, *, recipients: int = 1, state: str = State.SENT, refused: int = 0
) -> None:
    Entry._default_manager.create(
        state=state,
        mailer="ses",
        recipients_count=recipients,
        refused_count=refused,
        done_at=moment,
    )


def feedback(model: Any, moment: datetime, notification: str, **columns: Any) -> None:
    number = model._default_manager.count()
    model._default_manager.create(
        created_at=moment, sns_messageid=notification, address=f"{number}@example.com", **columns
    )


def event(moment: datetime, event_type: str, message_id: str, **document: Any) -> None:
    Event._default_manager.create(
        message_id=message_id,
        key=str(Event._default_manager.count()),
        event_type=event_type,
        address="ann@example.com",
        address_key="ann@example.com",
        created_at=moment,
        document=document,
    )


def count(day: date = DAY) -> dict[str, int]:
    """Count a day as if it were the first time."""
    DailyCount._default_manager.all().delete()
    for kind in KINDS:
        count_for_good(day, kind)
    return {kind: number for (_, kind), number in kept([day]).items()}


class DayTests(TestCase):
    def test_a_day_is_that_of_the_projects_time_zone(self) -> None:
        moment = datetime(2026, 3, 10, 2, tzinfo=ZoneInfo("UTC"))
        for zone, day in (("UTC", 10), ("America/New_York", 9), ("Asia/Tokyo", 10)):
            with override_settings(TIME_ZONE=zone), timezone.override("Asia/Tokyo"):
                self.assertEqual(day_of(moment), date(2026, 3, day))

    def test_days_follow_each_other_without_gaps_when_clocks_change(self) -> None:
        for zone in ("Europe/Berlin", "America/New_York", "Africa/Cairo", "Asia/Beirut"):
            with override_settings(TIME_ZONE=zone):
                day = date(2026, 1, 1)
                lengths = set()
                for _ in range(365):
                    following = day + timedelta(1)
                    start, end = (start_of(one).timestamp() for one in (day, following))
                    lengths.add(round(end - start) // 3600)
                    self.assertEqual(day_of(start_of(day)), day)
                    day = following
                self.assertEqual(lengths, {23, 24, 25})

    @override_settings(USE_TZ=False)
    def test_without_time_zones_moments_are_naive(self) -> None:
        self.assertEqual(start_of(DAY), datetime(2026, 3, 10))
        self.assertEqual(day_of(datetime(2026, 3, 10, 23, 59)), DAY)

    def test_a_day_is_over_some_minutes_after_midnight(self) -> None:
        midnight = start_of(DAY + timedelta(1))
        self.assertFalse(is_over(DAY, midnight + timedelta(minutes=9)))
        self.assertTrue(is_over(DAY, midnight + timedelta(minutes=10)))

    def test_the_last_days_end_with_today(self) -> None:
        days = last_days(at(DAY), 90)
        self.assertEqual((len(days), days[-1], days[0]), (90, DAY, DAY - timedelta(89)))


class CountingTests(TestCase):
    def test_recipients_of_sent_messages_are_counted(self) -> None:
        sent(at(DAY), recipients=50, refused=3)
        sent(at(DAY, timedelta(0)))
        sent(at(DAY), state=State.FAILED)
        sent(at(DAY + timedelta(1), timedelta(0)))
        sent(at(DAY, timedelta(seconds=-1)))
        self.assertEqual(count()["sent"], 48)

    def test_events_count_for_the_day_on_which_they_came(self) -> None:
        for moment in (at(DAY), at(DAY + timedelta(1), timedelta(0)), at(DAY, -NOON)):
            feedback(Delivery, moment, str(moment))
        self.assertEqual(count()["delivered"], 1)

    def test_only_bounces_for_good_count(self) -> None:
        for hard in (True, False, True):
            feedback(Bounce, at(DAY), f"{hard}", hard=hard)
        self.assertEqual(count()["bounced"], 2)

    def test_all_who_may_have_complained_are_one_complaint(self) -> None:
        for notification in ("a", "a", "b"):
            feedback(Complaint, at(DAY), notification)
        self.assertEqual(count()["complained"], 2)

    def test_without_feedback_the_outboxs_events_count(self) -> None:
        event(at(DAY), "delivered", "1")
        event(at(DAY), "opened", "1")
        event(at(DAY), "bounced", "2", bounce={"bounceType": "Permanent"})
        event(at(DAY), "bounced", "3", bounce={"bounceType": "Transient"})
        event(at(DAY), "bounced", "4")
        for message in ("5", "5", "6"):
            event(at(DAY), "complained", message)
        with mock.patch.object(counting.apps, "is_installed", return_value=False):
            found = count()
        self.assertEqual(found, {"sent": 0, "delivered": 1, "bounced": 1, "complained": 2})

    @override_settings(USE_TZ=False)
    def test_without_time_zones(self) -> None:
        sent(at(DAY))
        feedback(Delivery, at(DAY), "a")
        self.assertEqual(count(), {"sent": 1, "delivered": 1, "bounced": 0, "complained": 0})


class KeepingTests(TestCase):
    def test_a_day_is_counted_once(self) -> None:
        count_for_good(DAY, "sent")
        sent(at(DAY))
        count_for_good(DAY, "sent")
        self.assertEqual(kept([DAY]), {(DAY, "sent"): 0})

    def test_two_processes_that_count_at_once_leave_one_count(self) -> None:
        def count_meanwhile(day: date, kind: str) -> int:
            DailyCount._default_manager.create(day=day, kind=kind, count=7)
            return 7

        with mock.patch.object(counting, "_count", count_meanwhile):
            count_for_good(DAY, "sent")
        self.assertEqual(kept([DAY]), {(DAY, "sent"): 7})

    def test_days_that_go_on_are_not_counted_for_good(self) -> None:
        days = [DAY - timedelta(1), DAY]
        found = missing(days, at(DAY))
        self.assertEqual(found, [(DAY - timedelta(1), kind) for kind in KINDS])

    def test_what_is_missing_is_counted_from_the_newest_day_on(self) -> None:
        self.assertTrue(count_missing())
        today = day_of(timezone.now())
        days = last_days(timezone.now(), counting.MAX_DAYS)
        self.assertEqual(missing(days, timezone.now()), [])
        self.assertFalse(DailyCount._default_manager.filter(day=today).exists())

    def test_a_page_counts_for_some_time_only(self) -> None:
        self.assertFalse(count_missing(0.0))
        self.assertFalse(DailyCount._default_manager.exists())

    def test_today_is_counted_once_a_minute(self) -> None:
        cache.clear()
        today = day_of(timezone.now())
        self.assertEqual(live(today)["sent"], 0)
        sent(timezone.now())
        self.assertEqual(live(today)["sent"], 0)
        cache.clear()
        self.assertEqual(live(today)["sent"], 1)

    def test_nonsense_in_the_cache_is_not_shown(self) -> None:
        for value in ("x", {"sent": 1}, 7):
            with mock.patch.object(counting, "recall", return_value=value):
                self.assertEqual(live(DAY), dict.fromkeys(KINDS, 0))


class UpkeepTests(OutboxTestCase):
    def test_a_worker_counts_one_kind_at_a_time_until_all_is_counted(self) -> None:
        upkeep = Upkeep()
        upkeep.step()
        for number in range(1, 4):
            upkeep.step()
            self.assertEqual(DailyCount._default_manager.count(), number)

    def test_it_looks_again_when_a_day_is_over(self) -> None:
        count_missing()
        upkeep, tomorrow = Upkeep(), timezone.now() + timedelta(days=1)
        upkeep.step()
        with self.assertNumQueries(0):
            upkeep.step()
        before = DailyCount._default_manager.count()
        with mock.patch.object(timezone, "now", return_value=tomorrow):
            for _ in range(5):
                upkeep.step()
        self.assertEqual(DailyCount._default_manager.count(), before + 4)

    def test_a_worker_does_that(self) -> None:
        worker = Worker()
        for _ in range(2):
            worker._reap()
        self.assertEqual(DailyCount._default_manager.count(), 1)

    def test_days_are_counted_before_their_rows_are_deleted(self) -> None:
        day = day_of(timezone.now()) - timedelta(days=5)
        sent(at(day))
        feedback(Delivery, at(day), "a")
        call_command("anymail_prune", older_than=timedelta(days=2), stdout=StringIO())
        self.assertFalse(Delivery._default_manager.exists())
        self.assertFalse(Entry._default_manager.exists())
        found = kept([day])
        self.assertEqual((found[day, "sent"], found[day, "delivered"]), (1, 1))

    def test_a_dry_run_writes_nothing(self) -> None:
        call_command("anymail_prune", older_than=LATER, dry_run=True, stdout=StringIO())
        self.assertFalse(DailyCount._default_manager.exists())
