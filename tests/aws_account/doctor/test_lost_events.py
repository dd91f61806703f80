"""Events that should have come: D31."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import TestCase, modify_settings
from django.utils import timezone

from anymail.aws_account.doctor.checks.lost_events import lost_events
from anymail.aws_account.doctor.context import Context
from anymail.aws_account.doctor.findings import Finding, Status
from anymail.feedback.models import Delivery, MailEvent
from anymail.outbox.models import Entry
from anymail.processes.options import moment

from .. import AwsAccountTestCase


class LostEventsTests(AwsAccountTestCase, TestCase):
    def test_nothing_was_sent(self):
        self.assertEqual(self.check().status, Status.NOT_USED)

    def test_events_came_after_the_mail(self):
        self.sent(hours=5)
        self.heard(hours=4)
        found = self.check()
        self.assertEqual((found.status, found.text), (Status.OK, "the last event came 4 h ago"))

    def test_mail_was_sent_and_nothing_came(self):
        self.sent(hours=5)
        found = self.check()
        self.assertEqual(found.status, Status.ERROR)
        self.assertEqual(found.text, "mail was sent 5 h ago, and no event has ever come")

    def test_events_stopped(self):
        self.heard(hours=72)
        self.sent(hours=3)
        found = self.check()
        self.assertEqual(found.status, Status.ERROR)
        self.assertEqual(found.text, "mail was sent 3 h ago, and the last event came 3 days ago")

    def test_what_was_missed_since_then_can_be_asked_for(self):
        self.heard(hours=72)
        self.sent(hours=3)
        *_, fix = self.check().fixes
        program, since = fix.text.split(" --since ")
        self.assertEqual(program, "python manage.py anymail_backfill")
        age = timezone.now() - moment(since)
        self.assertAlmostEqual(age, timedelta(hours=72), delta=timedelta(minutes=5))

    def test_an_event_may_take_an_hour(self):
        self.heard(hours=72)
        self.sent(hours=0.9)
        self.assertEqual(self.check().status, Status.OK)

    def test_every_kind_of_event_counts(self):
        self.sent(hours=5)
        self.heard(hours=4, model=MailEvent)
        self.assertEqual(self.check().status, Status.OK)

    def test_without_the_outbox_the_account_tells_that_mail_was_sent(self):
        self.amazon.client("sesv2").send_email(
            FromEmailAddress="shop@example.com",
            Destination={"ToAddresses": ["ann@example.net"]},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
        )
        found = self.check()
        self.assertEqual(found.status, Status.WARNING)
        self.assertIn("has sent 1 message in 24 hours, and no event has ever come", found.text)

    @modify_settings(INSTALLED_APPS={"remove": ["tests.feedback.DisconnectedFeedback"]})
    def test_without_the_app_nothing_is_known(self):
        self.assertEqual(self.check().status, Status.NOT_USED)

    def check(self) -> Finding:
        [found] = lost_events(Context(settings=self.settings_of()))
        return found

    def sent(self, *, hours: float) -> None:
        done_at = timezone.now() - timedelta(hours=hours)
        Entry.objects.create(state="sent", done_at=done_at, recipients_count=1)

    def heard(self, *, hours: float, model: Any = Delivery) -> None:
        created_at = timezone.now() - timedelta(hours=hours)
        model.objects.create(created_at=created_at, address="ann@example.net")
