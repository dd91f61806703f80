"""The admin of the suppression list, and what it asks Amazon and tells it."""

from __future__ import annotations

from typing import Any
from unittest import mock

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import transaction
from django.urls import reverse

from anymail import testing
from anymail.feedback.models import Bounce, Lift, Suppression
from anymail.feedback.recording import record
from anymail.sandbox.aws.defaults import REGION

from . import wait_for_amazon
from .test_anymail_suppression import ADDRESS, BothTests, SyncTestCase

URL = "admin:anymail_feedback_suppression_"
LIST = "ses:DeleteSuppressedDestination"


class SuppressionAdminTestCase(SyncTestCase):
    bounce: Bounce

    @classmethod
    def setUpTestData(cls) -> None:
        cls.user = User.objects.create_superuser("root")
        event = testing.tracking_event("bounced", recipient="Ann@example.net")
        [row] = record(event)
        assert isinstance(row, Bounce)
        cls.bounce = row

    def setUp(self) -> None:
        super().setUp()
        cache.clear()
        wait_for_amazon(self)
        self.client.force_login(self.user)
        Suppression.objects.suppress([ADDRESS], "hard_bounce", event_id=self.bounce.sns_messageid)
        self.entry = Suppression.objects.get()
        self.amazon.state.suppression.add(
            REGION, "Ann@example.net", "BOUNCE", MessageId="message-1", FeedbackId="feedback-1"
        )

    def act(self, action: str, *entries: Suppression, **data: Any) -> Any:
        chosen = [entry.pk for entry in entries or [self.entry]]
        data = {"action": action, "_selected_action": chosen, **data}
        return self.client.post(reverse(f"{URL}changelist"), data, follow=True)

    def page(self, name: str) -> Any:
        return self.client.get(reverse(f"{URL}{name}", args=[self.entry.pk]))


class PageTests(SuppressionAdminTestCase):
    def test_an_entry_shows_the_bounce_behind_it_and_asks_nobody(self) -> None:
        self.amazon.faults.denied.add("ses:GetSuppressedDestination")
        page = self.page("change")
        link = reverse("admin:anymail_feedback_bounce_change", args=[self.bounce.pk])
        self.assertContains(page, link)
        self.assertContains(page, reverse(f"{URL}amazon", args=[self.entry.pk]))

    def test_amazon_is_asked(self) -> None:
        page = self.page("amazon")
        for text in ("message-1", "at Amazon: bounce", self.bounce.mail_id):
            self.assertContains(page, text)
        self.entries.clear()
        self.assertContains(self.page("amazon"), "Its global list cannot be asked")

    def test_lifting_here_only_says_that_the_entry_at_amazon_stays(self) -> None:
        text = "own suppression list stays as it is"
        self.assertContains(self.act("lift"), text)
        self.assertNotContains(self.act("lift_everywhere"), text)
        with self.changed(FEEDBACK_SUPPRESS_SYNC="both"):
            self.assertNotContains(self.act("lift"), text)

    def test_if_amazon_refuses_the_page_says_why(self) -> None:
        self.amazon.faults.denied.add("ses:GetSuppressedDestination")
        self.assertContains(self.page("amazon"), "ses:GetSuppressedDestination")

    def test_whoever_may_not_see_the_entry_asks_nothing(self) -> None:
        self.client.force_login(User.objects.create_user("staff", is_staff=True))
        self.assertEqual(self.page("amazon").status_code, 403)
        self.client.force_login(self.user)
        Suppression.objects.all().delete()
        self.assertEqual(self.page("amazon").status_code, 404)


class LiftEverywhereTests(SuppressionAdminTestCase):
    def test_it_asks_first_and_shows_why_the_address_is_suppressed(self) -> None:
        page = self.act("lift_everywhere")
        for text in (ADDRESS, self.bounce.mail_id, "message-1", 'value="lift_everywhere"'):
            self.assertContains(page, text)
        self.assertEqual((len(self.entries), len(self.here())), (1, 1))

    def test_it_lifts_on_both_lists_and_keeps_the_note(self) -> None:
        page = self.act("lift_everywhere", lift="yes", note="asked by phone")
        self.assertContains(page, "1 address gets mail again.")
        self.assertEqual((self.at_amazon(), self.here()), ({}, []))
        notes = set(LogEntry.objects.values_list("change_message", flat=True))
        self.assertEqual(notes, {"asked by phone", "At Amazon: asked by phone"})

    def test_if_amazon_refuses_nothing_changes(self) -> None:
        self.amazon.faults.denied.add(LIST)
        page = self.act("lift_everywhere", lift="yes", note="?")
        self.assertContains(page, LIST)
        self.assertContains(page, "Nothing was lifted")
        self.assertEqual((len(self.entries), len(self.here())), (1, 1))
        self.assertFalse(LogEntry.objects.exists())

    def test_it_takes_the_permission(self) -> None:
        staff = User.objects.create_user("staff", is_staff=True)
        names = ["view_suppression", "change_suppression"]
        staff.user_permissions.set(Permission.objects.filter(codename__in=names))
        self.client.force_login(staff)
        self.act("lift_everywhere", lift="yes", note="?")
        self.assertNotContains(self.page("amazon"), "lift_everywhere")
        self.assertEqual((len(self.entries), len(self.here())), (1, 1))

    def test_not_too_many_at_once(self) -> None:
        Suppression.objects.suppress(f"{number}@example.net" for number in range(11))
        page = self.act("lift_everywhere", *Suppression.objects.all(), lift="yes", note="?")
        self.assertContains(page, "Choose at most 10 addresses")
        self.assertEqual(len(self.here()), 12)


class TwoWayTests(SuppressionAdminTestCase):
    """With ``FEEDBACK_SUPPRESS_SYNC`` ``"both"``."""

    settings = BothTests.settings

    def test_what_is_added_is_put_at_amazon(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            data = {"address": "bob@example.net", "reason": "manual", "note": ""}
            self.client.post(reverse(f"{URL}add"), {**data, "expires_at_0": "", "expires_at_1": ""})
        self.assertEqual(self.at_amazon()["bob@example.net"], "BOUNCE")

    def test_an_added_complaint_is_one_at_amazon(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            data = {"address": "bob@example.net", "reason": "complaint", "note": ""}
            self.client.post(reverse(f"{URL}add"), {**data, "expires_at_0": "", "expires_at_1": ""})
        self.assertEqual(self.at_amazon()["bob@example.net"], "COMPLAINT")

    def test_what_is_to_expire_is_taken_off_and_put_there_again_for_good(self) -> None:
        for end, listed in ((("2100-01-01", "12:00"), 0), (("", ""), 1)):
            with self.captureOnCommitCallbacks(execute=True):
                data = {"note": "", "expires_at_0": end[0], "expires_at_1": end[1]}
                self.client.post(reverse(f"{URL}change", args=[self.entry.pk]), data)
            self.assertEqual((len(self.here()), len(self.entries)), (1, listed))

    def test_a_note_changes_nothing_at_amazon(self) -> None:
        with self.captureOnCommitCallbacks() as called:
            data = {"note": "new", "expires_at_0": "", "expires_at_1": ""}
            self.client.post(reverse(f"{URL}change", args=[self.entry.pk]), data)
        self.assertEqual(called, [])

    def test_the_user_is_told_if_amazon_does_not_do_it(self) -> None:
        self.amazon.faults.denied.update({LIST, "ses:PutSuppressedDestination"})
        data = {"address": "bob@example.net", "reason": "manual", "note": ""}
        data |= {"expires_at_0": "", "expires_at_1": ""}
        with (
            mock.patch.object(transaction, "on_commit", lambda do, **options: do()),
            self.assertLogs("anymail.feedback.syncing", "WARNING"),
        ):
            pages = [
                self.client.post(reverse(f"{URL}add"), data, follow=True),
                self.act("lift", lift="yes", note="?"),
                self.act("delete_selected", Suppression.objects.get(), post="yes"),
            ]
        for page in pages:
            self.assertContains(page, "still to be changed for 1 address: ")

    def test_deleting_an_entry_lifts_it_unless_there_is_another_one(self) -> None:
        Suppression.objects.suppress([ADDRESS], "complaint")
        for left in (1, 0):
            with self.captureOnCommitCallbacks(execute=True):
                entry = Suppression.objects.order_by("pk")[0]
                url = reverse(f"{URL}delete", args=[entry.pk])
                self.client.post(url, {"post": "yes"})
            self.assertEqual((len(self.here()), len(self.entries)), (left, left))
            self.assertEqual(Lift._default_manager.count(), 1 - left)

    def test_deleting_all_entries_keeps_the_spelling_that_one_of_them_has(self) -> None:
        Suppression.objects.suppress([ADDRESS], "complaint")
        newest = Suppression.objects.filter(reason="complaint")
        newest.update(amazon_address="ANN@example.net")
        self.act("delete_selected", *Suppression.objects.all(), post="yes")
        self.assertEqual(Lift._default_manager.get().amazon_address, "ANN@example.net")

    def test_the_plain_action_lifts_there_as_well(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            self.act("lift", lift="yes", note="?")
        self.assertEqual((self.at_amazon(), self.here()), ({}, []))
