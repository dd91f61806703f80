"""What became of a message, on its page in the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import RequestFactory, TestCase, modify_settings
from django.test.utils import CaptureQueriesContext

from anymail.feedback.models import Suppression
from anymail.outbox.history import mail_page
from anymail.outbox.models import Entry, EntryTag, Recipient, State, Step, StepKind

from ..test_admin import stored, url
from .rows import ANN, NOON, add_events, add_feedback


class MailPageTests(TestCase):
    entry: Entry
    root: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.root = User.objects.create_superuser("root")
        times = {"created_at": NOON, "posted_at": NOON, "done_at": NOON, "attempt": 1}
        cls.entry = stored(State.SENT, status="sent", message_id="m1", **times)

    def page(self, user: User | None = None) -> str:
        self.client.force_login(user or self.root)
        response = self.client.get(url(Entry, "change", self.entry.pk))
        self.assertEqual(response.status_code, 200)
        return response.content.decode()

    def test_it_says_what_became_of_each_recipient_and_when(self) -> None:
        add_feedback("delivery", NOON + timedelta(seconds=2), smtpResponse="250 fine")
        add_events("open", NOON + timedelta(seconds=9))
        Step._default_manager.create(entry=self.entry, kind=StepKind.PUT_OFF, text="too fast")
        EntryTag._default_manager.create(entry=self.entry, tag="receipt")
        page = self.page()
        for text in ("Delivered after 1.4 s", "250 fine", "Opened", "too fast", "receipt"):
            self.assertIn(text, page)
        self.assertIn('<time datetime="2026-06-01T', page)

    def test_a_bounce_says_what_to_do_and_whether_the_address_is_suppressed(self) -> None:
        add_feedback("bounce", NOON + timedelta(seconds=2))
        Suppression.objects.suppress([ANN])
        page = self.page()
        self.assertIn("bounced for good", page)
        self.assertIn("on the suppression list here", page)

    def test_what_strangers_write_stays_text(self) -> None:
        add_events("click", link="javascript:alert(1)", userAgent="<script>alert(2)</script>")
        add_events("open", userAgent="x" * 20_000)
        page = self.page()
        self.assertNotIn("<script>alert", page)
        self.assertNotIn('href="javascript', page)
        self.assertNotIn("x" * 600, page)

    def test_only_who_may_see_addresses_is_led_to_them(self) -> None:
        user = User.objects.create_user("eve", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_entry"))
        self.assertNotIn("/address/?q=", self.page(user))

    def test_it_reads_a_bounded_number_of_rows_however_many_there_are(self) -> None:
        Recipient._default_manager.bulk_create(
            Recipient(entry=self.entry, kind="to", address=f"{n}@example.com", message_id="m1")
            for n in range(150)
        )
        Entry._default_manager.filter(pk=self.entry.pk).update(recipients_count=151)
        for number in range(5):
            at = NOON + timedelta(minutes=number)
            add_feedback("delivery_delay", at, recipient=[f"{n}@example.com" for n in range(50)])
        with CaptureQueriesContext(connection) as captured:
            page = self.page()
        self.assertIn("and 51 more", page)
        self.assertEqual(page.count("<time "), mail_page.MAX_MOMENTS)
        self.assertIn(f"and {253 - mail_page.MAX_MOMENTS} more", page)
        tables = ("outbox_event", "outbox_step", "outbox_recipient", "feedback_", "entrytag")
        asked: list[Any] = [query["sql"] for query in captured.captured_queries]
        asked = [one for one in asked if any(table in one for table in tables)]
        self.assertLess(len(asked), 10)
        self.assertTrue(all("LIMIT" in one or "document" in one for one in asked), asked)

    @modify_settings(INSTALLED_APPS={"remove": "tests.feedback.DisconnectedFeedback"})
    def test_without_the_feedback_app(self) -> None:
        add_events("bounce", NOON + timedelta(seconds=2))
        request: Any = RequestFactory().get("/")
        request.user = self.root
        context = mail_page.mail_context("admin", request, self.entry)
        self.assertIn("bounced for good", context["harm_advice"][0])
