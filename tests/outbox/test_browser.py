"""The admin of the outbox in a real browser, under a strict Content-Security-Policy."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from unittest import SkipTest, addModuleCleanup, mock

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.core.mail import EmailMultiAlternatives
from django.test import modify_settings
from django.urls import reverse
from django.utils import timezone

from anymail import outbox, testing
from anymail.feedback import amazon_answer
from anymail.feedback.models import Suppression
from anymail.feedback.recording import record
from anymail.outbox.models import Account, Batch, BatchState, Entry, Pause, State
from anymail.suppressions import AmazonAnswer, AmazonListing

from .. import accessibility
from ..browser import browser, why_not
from ..local_ses import local_ses
from .account.test_page import project as account_project
from .batches.rows import add_entry, make_batch
from .history.rows import NOON, add_events, add_feedback
from .test_admin import stored, url

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1280, "height": 720}
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
#: What cannot be broken makes pages wide.
LONG = "w_" * 150
#: Controls without a name, tables without headers, ids that are not unique.
FAULTS = """() => {
    const named = (one) => one.labels?.length || one.textContent.trim() || one.value
        || one.getAttribute('aria-label') || one.title;
    const controls = document.querySelectorAll(
        'main :is(input:not([type=hidden]), select, textarea, button, a[href])');
    const labelled = (one) => ['INPUT', 'SELECT', 'TEXTAREA'].includes(one.tagName)
        && one.type != 'submit' ? one.labels.length || one.getAttribute('aria-label') : named(one);
    const faults = [...controls].filter((one) => !labelled(one)).map((one) => one.outerHTML);
    for (const table of document.querySelectorAll('main table')) {
        if (!table.querySelector('th[scope=col]')) faults.push('no headers: ' + table.outerHTML);
    }
    const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
    return faults.concat(ids.filter((id, n) => ids.indexOf(id) != n).map((id) => 'twice: ' + id));
}"""


def strict_policy(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware: no page may have inline scripts or styles."""

    def respond(request: Any) -> Any:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return respond


def setUpModule() -> None:
    """One browser for all tests."""
    if reason := why_not() or accessibility.why_not():
        raise SkipTest(reason)
    with ExitStack() as stack:
        AdminTests.browser = stack.enter_context(browser())
        # While Playwright runs, Django takes this thread for an asynchronous one.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        stack.callback(os.environ.pop, "DJANGO_ALLOW_ASYNC_UNSAFE")
        addModuleCleanup(stack.pop_all().close)


@modify_settings(MIDDLEWARE={"prepend": "tests.outbox.test_browser.strict_policy"})
class AdminTests(StaticLiveServerTestCase):
    browser: Browser

    def setUp(self) -> None:
        self.complaints: list[str] = []
        self.addCleanup(lambda: self.assertEqual(self.complaints, []))

    def page(self, viewport: Any = LAPTOP, **options: Any) -> Any:
        """A window of somebody who is logged in. What the console says fails the test."""
        context = self.browser.new_context(viewport=viewport, **options)
        self.addCleanup(context.close)
        self.client.force_login(User.objects.get_or_create(username="root", **_ROOT)[0])
        session = self.client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.live_server_url}]
        )
        page = context.new_page()
        page.on("console", self.listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def listen(self, message: Any) -> None:
        """Remember what the console says, but that the site has no icon."""
        if not message.location["url"].endswith("/favicon.ico"):
            self.complaints.append(message.text)

    def open(self, page: Any, address: str) -> None:
        page.goto(self.live_server_url + address)

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
                self.check(page, viewport["width"])
            self.open(page, url(Entry, "change", entry.pk))
            page.get_by_role("button", name="Send again…").click()
            self.check(page, viewport["width"])
            self.open(page, url(Batch, "change", batch.pk))
            page.get_by_role("button", name="Resume…").click()
            self.check(page, viewport["width"])
            self.open(page, url(Pause))
            page.locator("input.action-select").check()
            page.locator("select[name=action]").select_option(label="Resume sending")
            page.get_by_role("button", name="Go").click()
            page.wait_for_selector("input[name=chosen]", state="attached")
            self.check(page, viewport["width"])

    def test_axe_finds_nothing(self) -> None:
        entry = stored(State.SENT, message_id="m1", status="sent", posted_at=NOON, attempt=1)
        for kind in ("bounce", "delivery_delay", "complaint"):
            add_feedback(kind, NOON)
        add_events("click", recipient=["ann@example.com", "bob@example.com"])
        outbox.pause("default", lane="example.com", reason="wrong template", by="zoe")
        batch = make_batch("June news", failed=2)
        add_entry(batch)
        addresses = [url(Entry), url(Entry, "change", entry.pk), url(Pause)]
        addresses.append(url(Batch, "change", batch.pk))
        for viewport, scheme in ((LAPTOP, "light"), (PHONE, "dark")):
            page = self.page(viewport, color_scheme=scheme)
            for address in addresses:
                self.open(page, address)
                with self.subTest(address, scheme=scheme):
                    self.assertEqual(accessibility.violations(page), [])

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
        self.enterContext(answer)
        for viewport, scheme in ((LAPTOP, "light"), (PHONE, "dark")):
            page = self.page(viewport, color_scheme=scheme)
            self.open(page, reverse("admin:index"))
            page.get_by_role("link", name="Addresses", exact=True).click()
            page.get_by_label("Address").fill("ANN@example.com")
            page.get_by_role("button", name="Search").click()
            for told in ("bounced on", "Suppressed here", "Suppressed at Amazon", "Send again…"):
                page.get_by_text(told).first.wait_for()
            for action in ("Lift here…", "Lift here and at Amazon…"):
                page.get_by_role("link", name=action, exact=True).wait_for()
            self.check(page, viewport["width"])
            with self.subTest(scheme=scheme):
                self.assertEqual(accessibility.violations(page), [])
        page.get_by_role("link", name="Lift here…", exact=True).click()
        page.get_by_label("Note").fill("has a new mailbox")
        page.get_by_role("button", name="Lift").click()
        page.get_by_role("link", name="Suppress…").wait_for()
        page.get_by_role("button", name="Send again…").click()
        page.get_by_role("button", name="Send again").click()
        page.wait_for_selector(".messagelist .success")

    def test_the_page_of_the_account(self) -> None:
        with local_ses() as amazon, account_project(amazon.url):
            for viewport, scheme in ((LAPTOP, "light"), (PHONE, "dark")):
                page = self.page(viewport, color_scheme=scheme)
                self.open(page, f"{url(Account)}?days=90")
                page.get_by_text("The same in numbers").click()
                self.check(page, viewport["width"])
                with self.subTest(scheme=scheme):
                    self.assertEqual(accessibility.violations(page), [])
                page.get_by_role("link", name="14 days").click()
                self.check(page, viewport["width"])

    def check(self, page: Any, width: int) -> None:
        """The page is not wider than the window, and says what everything is."""
        page.wait_for_load_state()
        with self.subTest(page.url, width=width):
            wide = page.evaluate("document.documentElement.scrollWidth")
            self.assertLessEqual(wide, width)
            self.assertEqual(page.evaluate(FAULTS), [])
            self.assertEqual(page.locator("h1").count(), 1)


_ROOT = {"defaults": {"is_staff": True, "is_superuser": True}}
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
