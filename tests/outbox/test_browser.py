"""The admin of the outbox in a real browser."""

from __future__ import annotations

from unittest import mock

from django.core.mail import EmailMultiAlternatives
from django.urls import reverse
from django.utils import timezone

from anymail import outbox, testing
from anymail.feedback import amazon_answer
from anymail.feedback.models import Suppression
from anymail.feedback.recording import record
from anymail.outbox.models import Account, Batch, BatchState, Entry, Pause, State
from anymail.suppressions import AmazonAnswer, AmazonListing

from ..admin_browser import LAPTOP, PHONE, VIEWS, AdminInBrowserTestCase
from ..local_ses import local_ses
from .account.test_page import project as account_project
from .batches.rows import add_entry, make_batch
from .history.rows import NOON, add_events, add_feedback
from .test_admin import stored, url

#: What cannot be broken makes pages wide.
LONG = "w_" * 150


class AdminTests(AdminInBrowserTestCase):
    def state_of(self, entry: Entry) -> str:
        return Entry._default_manager.get(pk=entry.pk).state

    def test_each_thing_that_people_do_on_the_page_of_a_message(self) -> None:
        page = self.page()
        for button, confirm, before, after in STEPS:
            with self.subTest(button):
                entry = stored(before, status="unknown" if before == State.IN_DOUBT else "")
                self.open(page, url(Entry, "change", entry.pk))
                page.get_by_role("button", name=f"{button}…").click()
                self.assertEqual(self.state_of(entry), before)
                page.get_by_role("button", name=confirm).click()
                page.wait_for_selector(".messagelist .success")
                self.assertEqual(self.state_of(entry), after)
                self.assertIn(str(entry.pk), page.url)

    def test_each_thing_that_people_do_in_the_list_without_javascript(self) -> None:
        page = self.page(java_script_enabled=False)
        for action, confirm, before, after in STEPS:
            with self.subTest(action):
                entry = stored(before)
                self.open(page, url(Entry))
                page.locator(f'input[value="{entry.pk}"]').check()
                page.locator("select[name=action]").select_option(label=action)
                page.get_by_role("button", name="Go").click()
                page.get_by_role("button", name=confirm).click()
                page.wait_for_selector(".messagelist .success")
                self.assertEqual(self.state_of(entry), after)

    def test_a_batch_is_paused_resumed_and_cancelled(self) -> None:
        batch = make_batch("June news")
        add_entry(batch)
        for javascript in (True, False):
            page = self.page(java_script_enabled=javascript)
            for verb, reason, state in BATCH_STEPS:
                with self.subTest(verb, javascript=javascript):
                    self.open(page, url(Batch))
                    page.get_by_role("link", name="June news").click()
                    page.get_by_role("button", name=f"{verb}…").click()
                    if reason:
                        page.get_by_label("Reason").fill(reason)
                    page.get_by_role("button", name=f"{verb} batches").click()
                    page.wait_for_selector(".messagelist .success")
                    batch.refresh_from_db()
                    self.assertEqual((batch.state, batch.reason), (state, reason))
            Batch._default_manager.update(state=BatchState.RUNNING)

    def test_the_page_of_a_batch_leads_to_its_messages(self) -> None:
        batch = make_batch("June news", failed=2)
        failed, _ = add_entry(batch, State.FAILED), add_entry(batch)
        page = self.page()
        self.open(page, url(Batch, "change", batch.pk))
        page.get_by_role("link", name="Messages: Failed").click()
        page.wait_for_selector("#result_list")
        self.assertEqual(page.locator("#result_list tbody tr").count(), 1)
        self.assertEqual(page.locator(f'input[value="{failed.pk}"]').count(), 1)

    def test_doing_nothing_does_nothing(self) -> None:
        entry = stored()
        page = self.page()
        self.open(page, url(Entry, "change", entry.pk))
        page.get_by_role("button", name="Cancel…").click()
        page.get_by_role("link", name="Do nothing").click()
        page.wait_for_selector("#result_list")
        self.assertEqual(self.state_of(entry), State.WAITING)

    def test_pausing_and_resuming(self) -> None:
        stored(mailer="default", lane="example.com")
        page = self.page()
        self.open(page, url(Entry))
        page.get_by_role("link", name="Pause sending").click()
        page.get_by_label("Mailer").select_option("default")
        page.get_by_label("Lane").fill("example.com")
        page.get_by_label("Reason").fill("wrong template")
        page.get_by_role("button", name="Pause sending").click()
        page.wait_for_selector(".messagelist .success")
        self.assertEqual(Pause._default_manager.get().by, "root")
        page.locator("input.action-select").check()
        page.locator("select[name=action]").select_option(label="Resume sending")
        page.get_by_role("button", name="Go").click()
        page.get_by_role("button", name="Resume sending").click()
        page.wait_for_selector(".messagelist .success")
        self.assertFalse(Pause._default_manager.exists())

    def test_pages_fit_on_a_phone_and_everything_has_a_name(self) -> None:
        message = EmailMultiAlternatives(LONG[:150], LONG, None, [f"{LONG[:60]}@example.com"])
        message.attach_alternative(f"<p>{LONG}</p>", "text/html")
        message.attach(f"{LONG}.txt", "x", "text/plain")
        message.extra_headers = {"X-Long": LONG}
        columns = {"error": LONG, "error_code": LONG[:100], "lane": LONG[:250]}
        entry = stored(State.FAILED, message, message_id=LONG[:200], status="failed", **columns)
        outbox.pause("default", lane=LONG[:250], reason=LONG, by=LONG[:250])
        pause_form = url(Pause, "sending")
        names = {"subject": LONG, "reason": LONG, "by": LONG, "lane": LONG, "mailer": LONG}
        batch = make_batch(LONG[:250], state=BatchState.STOPPED, **names)
        inside = add_entry(batch)
        addresses = [url(Entry), url(Entry, "change", entry.pk), url(Pause), pause_form]
        addresses += [url(Entry, "change", inside.pk), url(Batch), url(Batch, "change", batch.pk)]
        for viewport in (PHONE, LAPTOP):
            page = self.page(viewport)
            for address in addresses:
                self.open(page, address)
                self.check(page)
            self.open(page, url(Entry, "change", entry.pk))
            page.get_by_role("button", name="Send again…").click()
            self.check(page)
            self.open(page, url(Batch, "change", batch.pk))
            page.get_by_role("button", name="Resume…").click()
            self.check(page)
            self.open(page, url(Pause))
            page.locator("input.action-select").check()
            page.locator("select[name=action]").select_option(label="Resume sending")
            page.get_by_role("button", name="Go").click()
            page.wait_for_selector("input[name=chosen]", state="attached")
            self.check(page)

    def test_axe_finds_nothing(self) -> None:
        entry = stored(State.SENT, message_id="m1", status="sent", posted_at=NOON, attempt=1)
        for kind in ("bounce", "delivery_delay", "complaint"):
            add_feedback(kind, NOON)
        add_events("click", recipient=["ann@example.com", "bob@example.com"])
        outbox.pause("default", lane="example.com", reason="wrong template", by="zoe")
        batch = make_batch("June news", failed=2)
        add_entry(batch)
        addresses = [url(Entry), f"{url(Entry)}?q=ann@example.com", url(Pause), url(Batch)]
        addresses += [url(Entry, "change", entry.pk), url(Batch, "change", batch.pk)]
        addresses.append(url(Pause, "sending"))
        for viewport, scheme in VIEWS:
            page = self.page(viewport, color_scheme=scheme)
            for address in addresses:
                self.open(page, address)
                self.check_with_axe(page)

    def test_axe_finds_nothing_where_people_are_asked(self) -> None:
        entry, batch = stored(State.FAILED), make_batch("June news")
        outbox.pause("default", lane="example.com", reason="wrong template", by="zoe")
        for viewport, scheme in VIEWS:
            page = self.page(viewport, color_scheme=scheme)
            self.open(page, url(Entry, "change", entry.pk))
            page.get_by_role("button", name="Send again…").click()
            self.check_with_axe(page)
            self.open(page, url(Batch, "change", batch.pk))
            page.get_by_role("button", name="Pause…").click()
            self.check_with_axe(page)
            self.open(page, url(Pause))
            page.locator("input.action-select").check()
            page.locator("select[name=action]").select_option(label="Resume sending")
            page.get_by_role("button", name="Go").click()
            page.wait_for_selector("input[name=chosen]", state="attached")
            self.check_with_axe(page)

    def test_who_has_only_an_address_finds_everything_with_two_clicks(self) -> None:
        message = EmailMultiAlternatives("Your receipt", "Thanks", None, ["ann@example.com"])
        posted = {"posted_at": timezone.now(), "attempt": 1}
        stored(State.SENT, message, message_id="m1", status="sent", **posted)
        record(testing.tracking_event("bounced", recipient="ann@example.com", message_id="m1"))
        Suppression.objects.suppress(["ann@example.com"], "hard_bounce", note=LONG)
        listing = AmazonListing(reason="bounce", message_id=LONG)
        answer = mock.patch.object(
            amazon_answer, "_asked", return_value=AmazonAnswer(listing=listing)
        )
        answer.start()
        self.addCleanup(answer.stop)
        for viewport, scheme in VIEWS:
            page = self.page(viewport, color_scheme=scheme)
            self.open(page, reverse("admin:index"))
            page.get_by_role("link", name="Addresses", exact=True).click()
            page.get_by_label("Address").fill("ANN@example.com")
            page.get_by_role("button", name="Search").click()
            for told in ("bounced on", "Suppressed here", "Suppressed at Amazon", "Send again…"):
                page.get_by_text(told).first.wait_for()
            for action in ("Lift here…", "Lift here and at Amazon…"):
                page.get_by_role("link", name=action, exact=True).wait_for()
            box = page.get_by_role("button", name="Send again…").first.bounding_box()
            self.assertLessEqual(box["x"] + box["width"], viewport["width"])
            self.check(page)
            self.check_with_axe(page)
        page.get_by_role("link", name="Lift here…", exact=True).click()
        page.get_by_label("Note").fill("has a new mailbox")
        page.get_by_role("button", name="Lift").click()
        page.get_by_role("link", name="Suppress…").wait_for()
        page.get_by_role("button", name="Send again…").click()
        page.get_by_role("button", name="Send again").click()
        page.wait_for_selector(".messagelist .success")

    def test_the_page_of_the_account(self) -> None:
        with local_ses() as amazon, account_project(amazon.url):
            for viewport, scheme in VIEWS:
                page = self.page(viewport, color_scheme=scheme)
                self.open(page, f"{url(Account)}?days=90")
                page.get_by_text("The same in numbers").click()
                self.check(page)
                self.check_with_axe(page)
                page.get_by_role("link", name="14 days").click()
                self.check(page)


#: The button, the button that confirms, the state before and after.
STEPS = (
    ("Cancel", "Cancel messages", State.WAITING, State.CANCELLED),
    ("Send again", "Send again", State.FAILED, State.WAITING),
    ("Release from doubt", "Send at this risk", State.IN_DOUBT, State.WAITING),
    ("Mark as sent", "Mark as sent", State.IN_DOUBT, State.SENT),
)
#: The verb, the reason that is given, the state after it.
BATCH_STEPS = (
    ("Pause", "Wrong price", BatchState.PAUSED),
    ("Resume", "", BatchState.RUNNING),
    ("Cancel", "", BatchState.CANCELLED),
)
