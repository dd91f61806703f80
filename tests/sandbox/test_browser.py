"""The sandbox's page in Chromium, as a person uses it. Skipped where there is no Chromium."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from unittest import SkipTest, addModuleCleanup

from django.test import SimpleTestCase

from anymail.sandbox.servers import serve

from ..browser import browser, why_not
from ..docs_pages import blocks
from . import ROOT, Running, running_sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PHONE = {"width": 360, "height": 740}
BOUNCE = "bounce@simulator.amazonses.com"
#: Milliseconds that something may take: enough for a slow machine.
TIMEOUT = 120_000
#: What each page is, from the outside.
PAGES = (
    "",
    "compose/",
    "outbox/",
    "inbox/",
    "inbox/receive/",
    "settings/",
)
EML = (
    b"From: Bob <bob@example.net>\r\nTo: support@tea.example\r\nSubject: From a file\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n"
    b'--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="prices.csv"\r\n'
    b"\r\npot;12\r\n--b--\r\n"
)


def setUpModule() -> None:
    """One sandbox and one browser for all tests: to start them takes longer than most tests."""
    if reason := why_not():
        raise SkipTest(reason)
    with ExitStack() as stack:
        BrowserTestCase.sandbox = stack.enter_context(running_sandbox())
        BrowserTestCase.browser = stack.enter_context(browser())
        # While Playwright runs, Django takes this thread for an asynchronous one.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        stack.callback(os.environ.pop, "DJANGO_ALLOW_ASYNC_UNSAFE")
        addModuleCleanup(stack.pop_all().close)


def empty(page: Any) -> None:
    """Empty the sandbox; its settings are open."""
    page.locator("#empty summary").click()
    page.get_by_role("button", name="Delete all messages").click()
    page.get_by_text("No messages yet").wait_for()


#: The texts that do not stand out from what is behind them (WCAG 2.2, 1.4.3 and 1.4.11).
FAINT = """() => {
    const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
    const luminance = (color) => {
        const [r, g, b] = numbers(color).map((one) => one / 255).map((one) =>
            one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        return numbers(color)[3] === 0 ? behind(element.parentElement) : color;
    };
    const contrast = (one, other) => {
        const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    };
    const texts = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() &&
        [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
    const faint = texts.filter((one) => contrast(getComputedStyle(one).color, behind(one)) < 4.5);
    const edges = [...document.querySelectorAll("input, textarea, select")].filter((one) =>
        one.checkVisibility() &&
        contrast(getComputedStyle(one).borderTopColor, behind(one.parentElement)) < 3);
    return [...faint, ...edges].map((one) => one.outerHTML.slice(0, 120));
}"""


class BrowserTestCase(SimpleTestCase):
    """A fresh window for each test; what other tests sent and received is still there."""

    sandbox: Running
    browser: Browser

    def setUp(self) -> None:
        self.problems: list[str] = []
        self.requested: list[str] = []

    @cached_property
    def page(self) -> Any:
        """The window of most tests."""
        return self.window()

    def window(self, **options: Any) -> Any:
        """A new window, whose errors and requests are noted."""
        context = self.browser.new_context(**options)
        self.addCleanup(context.close)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("console", lambda said: said.type == "error" and self.problems.append(said.text))
        page.on("pageerror", lambda err: self.problems.append(str(err)))
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("requestfailed", self.forget_if_blocked)
        return page

    def forget_if_blocked(self, request: Any) -> None:
        """The browser tells of requests that the page's policy forbids, too, and makes none."""
        if "csp" in (request.failure or "").lower():
            self.requested.remove(request.url)

    def visit(self, path: str = "", page: Any = None) -> None:
        (page or self.page).goto(self.sandbox.page + path)

    def compose(self, to: str, subject: str = "Hello", **fields: str) -> None:
        """Fill the form in and send it; then the message's page is open."""
        self.visit("compose/")
        self.page.get_by_label("To", exact=True).fill(to)
        self.page.get_by_label("Subject").fill(subject)
        for label, value in fields.items():
            self.page.get_by_label(label, exact=True).fill(value)
        self.page.locator("#send").click()

    def entry(self, kind: str) -> Any:
        """The first event of a kind in the timeline."""
        kinds = self.page.locator("h3", has_text=re.compile(f"^{kind}$"))
        return self.page.locator("#timeline .entry").filter(has=kinds).first

    def timeline(self) -> list[str]:
        return self.page.locator("#timeline .entry h3").all_inner_texts()

    def wait_for(self, found: Any, condition: str) -> None:
        """Until a condition of an element holds; scripts of the page's own need not be allowed."""
        until = monotonic() + TIMEOUT / 1000
        while not found.evaluate(condition):
            self.assertLess(monotonic(), until, condition)
            self.page.wait_for_timeout(50)

    def assert_shown(self, text: str, where: str = "main") -> None:
        self.page.locator(where).get_by_text(text).first.wait_for()


class UsageTests(BrowserTestCase):
    """What people do. (One class: each may run in a process, with a sandbox, of its own.)"""

    def test_a_message_bounces(self):
        self.compose("bounce+1@simulator.amazonses.com", Text="Are you there?")
        self.entry("Bounce").wait_for()
        self.assertEqual(self.timeline(), ["Send", "Bounce"])
        self.assertEqual(self.problems, [])

    def test_every_event_shows_what_the_webhook_answered_and_what_the_receivers_got(self):
        self.compose("success@simulator.amazonses.com")
        entry = self.entry("Delivery")
        entry.locator(".signal b", has_text="delivered").wait_for()
        entry.locator(".post .badge", has_text="200").wait_for()
        self.assertEqual(entry.locator(".post .badge").all_inner_texts(), ["200"])
        entry.get_by_text("JSON from SES").click()
        self.assertIn('"eventType": "Delivery"', entry.locator("pre").inner_text())

    def test_what_was_opened_stays_open_and_focused_while_events_arrive(self):
        self.compose("click@simulator.amazonses.com", HTML="<a href='https://example.com/'>x</a>")
        details = self.page.locator("#timeline .entry details.json").first
        details.locator("summary").click()
        self.entry("Click").wait_for()
        self.assertTrue(details.evaluate("element => element.open"))
        focused = "document.activeElement.closest('details')?.id"
        self.assertEqual(self.page.evaluate(focused), details.get_attribute("id"))

    def test_the_list_fills_without_a_reload(self):
        watching = self.window()
        self.visit("", watching)
        self.compose("zoe@example.net", "Look, no reload")
        watching.locator("#rows").get_by_text("Look, no reload").wait_for()
        self.assertEqual(self.problems, [])

    def test_an_address_of_the_simulator_is_one_click_away(self):
        self.visit("compose/")
        self.page.get_by_role("button", name=re.compile("^ooto@")).click()
        self.assertEqual(
            self.page.get_by_label("To", exact=True).input_value(), "ooto@simulator.amazonses.com"
        )

    def test_an_address_of_the_simulator_is_added_once(self):
        self.visit("compose/?to=Bo+<bounce@simulator.amazonses.com>")
        for name in ("bounce", "open", "open"):
            self.page.get_by_role("button", name=re.compile(f"^{name}@")).click()
        self.assertEqual(
            self.page.get_by_label("To", exact=True).input_value(),
            "Bo <bounce@simulator.amazonses.com>, open@simulator.amazonses.com",
        )

    def test_an_attachment_tags_and_metadata(self):
        self.visit("compose/")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "Übersicht.txt")
            file.write_text("tea")
            self.page.get_by_label("Attachments").set_input_files(file)
            self.page.get_by_label("To", exact=True).fill("zoe@example.net")
            self.page.get_by_role("heading", name="Tags and metadata").click()
            self.page.get_by_label("Tags").fill("spring")
            self.page.get_by_label("Metadata").fill('{"order": 7}')
            self.page.locator("#send").click()
            self.page.locator("#tab-files").click()
            self.assert_shown("Übersicht.txt", "#files")
        entry = self.entry("Delivery")
        entry.locator(".signal summary").click()
        self.assertIn("order", entry.locator(".signal").inner_text())
        self.assertIn("spring", entry.locator(".signal").inner_text())

    def test_a_template_over_v2(self):
        self.visit("compose/")
        self.page.get_by_role("heading", name="Template").click()
        self.page.get_by_role("link", name="Try the sample").click()
        self.page.get_by_label("API").select_option("v2")
        self.page.locator("#send").click()
        self.page.locator("#timeline .entry").first.wait_for()
        self.assertIn("/messages/", self.page.url)

    def test_a_form_that_is_sent_twice_is_sent_once(self):
        self.visit("compose/")
        self.page.get_by_label("To", exact=True).fill("zoe@example.net")
        self.page.get_by_label("Subject").fill("Only once")
        self.page.evaluate("""() => new Promise((done) => {
            const button = document.querySelector("#send");
            button.click();
            setTimeout(() => done(button.click()));
        })""")
        self.entry("Delivery").wait_for()
        self.visit("?q=only+once")
        self.assertEqual(self.page.locator(".row").count(), 1)

    def test_a_form_to_which_one_comes_back_can_be_sent_again(self):
        self.visit("compose/")
        self.page.evaluate("addEventListener('submit', event => event.preventDefault())")
        self.page.locator("#send").click()
        self.page.locator("#send:disabled").wait_for()
        self.page.evaluate("dispatchEvent(new Event('pageshow'))")
        self.page.locator("#send:enabled").wait_for()

    def test_what_is_wrong_is_said_and_what_was_written_is_kept(self):
        self.compose("", "Nobody gets this")
        self.page.locator("#problem:focus").wait_for()
        self.assert_shown("Enter at least one recipient.")
        self.page.get_by_label("Text", exact=True).fill("Dear nobody")
        self.page.locator("#problem a").click()
        self.page.locator("#id_to:focus").wait_for()
        self.assertEqual(self.page.get_by_label("Subject").input_value(), "Nobody gets this")
        self.assertEqual(self.page.get_by_label("Text", exact=True).input_value(), "Dear nobody")

    def test_a_tab_is_open_at_once_and_the_way_back_leads_to_the_one_before(self):
        self.compose("success@simulator.amazonses.com", HTML="<p>HTML</p>")
        self.page.locator("#preview").wait_for()
        self.page.locator("#tab-source").click()
        self.page.locator("#source").wait_for()
        self.page.go_back()
        self.page.locator("#preview").wait_for()
        self.assertEqual(self.problems, [])

    def test_a_message_that_is_no_longer_kept_is_no_lost_connection(self):
        self.compose("success@simulator.amazonses.com")
        self.entry("Send").wait_for()
        other = self.window()
        self.visit("settings/", other)
        empty(other)
        self.page.locator("#connection", has_text="no longer kept").wait_for()

    def test_emptying_is_asked_twice_without_the_script_too(self):
        page = self.window(java_script_enabled=False)
        self.visit("settings/", page)
        self.assertFalse(page.get_by_role("button", name="Delete all messages").is_visible())
        empty(page)

    def test_a_link_in_the_text_opens_a_window_of_its_own(self):
        self.compose("zoe@example.net", Text=f"Look: {self.sandbox.page}settings/.")
        with self.page.context.expect_page() as opened:
            self.page.locator("#text a").click()
        opened.value.get_by_role("heading", name="Settings", exact=True).wait_for()
        self.assertIsNone(opened.value.evaluate("opener"))

    def test_what_many_signals_brought_takes_little_room(self):
        many = ", ".join(f"reader{number}@example.com" for number in range(40))
        self.compose(many)
        self.page.set_viewport_size(PHONE)
        heard = self.entry("Send").locator(".signal")
        heard.locator("summary", has_text="40").click()
        box = heard.get_by_role("region")
        self.assertLess(box.bounding_box()["height"], PHONE["height"] / 2)
        box.focus()
        self.page.keyboard.press("End")
        self.wait_for(box, "e => e.scrollTop > 0")

    # Suppression.

    def test_a_bounce_suppresses_until_somebody_lifts_it(self):
        self.compose(BOUNCE)
        self.entry("Bounce").locator(".signal").wait_for()
        self.compose(BOUNCE, "Once more")
        self.page.get_by_role("link", name="See the suppression list").click()
        self.page.locator("tr", has_text=BOUNCE).get_by_role("checkbox").check()
        self.page.locator("select[name=action]").select_option("lift")
        self.page.locator("button[name=index]").click()
        self.page.locator("#id_note").fill("They asked for it.")
        self.page.locator("[name=lift], [type=submit]").last.click()
        self.page.get_by_text("gets mail again").wait_for()
        self.compose(BOUNCE, "And again")
        self.entry("Bounce").wait_for()

    def test_what_is_stored_is_one_click_away_in_the_admin(self):
        self.visit()
        self.page.get_by_role("link", name="Feedback").click()
        self.page.get_by_role("link", name="Suppressed addresses").first.click()
        self.page.get_by_role("heading", name="Select suppressed address").wait_for()
        self.assertEqual(self.problems, [])

    # The outbox.

    def test_a_worker_dies_and_the_event_proves_what_it_did(self):
        self.visit("outbox/")
        self.page.get_by_role("button", name="Crash it after").click()
        row = self.page.locator(".row", has_text="The worker dies after").first
        row.locator(".badge", has_text="In doubt").wait_for()
        row.get_by_text("Timeline").click()
        row.locator(".badge", has_text="Sent").wait_for()
        row.get_by_text("An event of SES proves it.").wait_for()
        steps = row.locator(".entry h3").all_inner_texts()
        self.assertEqual(steps[-4:], ["Posting", "Killed", "In doubt", "Sent"])
        row.get_by_role("link").click()
        self.entry("Send").wait_for()
        self.assertEqual(self.problems, [])

    def test_a_message_waits_in_the_outbox_and_is_cancelled(self):
        self.visit("compose/?api=outbox&to=zoe@example.net&subject=Not+today")
        self.page.get_by_role("heading", name="Outbox").click()
        self.page.get_by_label("Wait").fill("3600")
        self.page.locator("#send").click()
        row = self.page.locator(".row", has_text="Not today")
        row.get_by_role("button", name="Cancel").click()
        row.locator(".badge", has_text="Cancelled").wait_for()
        self.assertEqual(self.problems, [])

    # Receiving.

    def receive(self) -> None:
        self.page.locator("#receive-it").click()
        self.page.locator("#timeline .signal").wait_for()

    def test_an_uploaded_mail_shows_its_attachment(self):
        for rule in ("s3", "sns", "s3-encrypted"):
            with self.subTest(rule):
                self.visit("inbox/receive/")
                self.page.get_by_label("File").set_input_files(
                    {"name": "mail.eml", "mimeType": "message/rfc822", "buffer": EML}
                )
                self.page.get_by_label("Receipt rule").select_option(rule)
                self.receive()
                self.page.locator("#tab-files").click()
                self.assert_shown("prices.csv", "#files")
                heard = self.page.locator("#timeline .signal summary").inner_text()
                self.assertIn("inbound signal", heard)
        self.visit("inbox/")
        self.assertEqual(self.page.get_by_text("From a file").count(), 3)
        self.assertEqual(self.problems, [])

    def test_a_verdict_reaches_the_signal(self):
        self.visit("inbox/receive/")
        self.page.get_by_label("Spam").select_option("FAIL")
        self.receive()
        self.page.locator("#timeline .signal summary").click()
        self.assertRegex(
            self.page.locator("#timeline .signal").inner_text(), r"spam_detected\s+True"
        )

    def test_a_reply_arrives(self):
        self.compose("zoe@example.net", "Your tea", Text="Did you like it?")
        self.page.get_by_role("link", name="Reply as recipient").click()
        self.receive()
        self.assert_shown("Re: Your tea")
        self.page.locator("#tab-text").click()
        self.assert_shown("> Did you like it?")
        self.page.locator("#tab-headers").click()
        self.page.locator("#headers").get_by_text("In-Reply-To").wait_for()
        self.assertEqual(self.problems, [])

    # The JSON API.

    def example(self, caption: str) -> str:
        """A block of code of the documentation."""
        found = blocks(ROOT / "docs" / "sandbox.rst")
        return next(block.text for block in found if block.caption == caption)

    def test_the_example_for_playwright_is_javascript(self):
        code = self.example("password.spec.js").partition("\n\n")[2]
        self.page.evaluate("code => { new Function('expect', 'test', code) }", code)

    def test_the_example_in_python_finds_the_message(self):
        self.compose(
            "ann@example.com",
            "Your password",
            Text="Somebody asked for a new password",
        )
        example = self.example("wait for a message")
        exec(example.replace("http://127.0.0.1:8025", self.sandbox.page.rstrip("/")), {})

    def test_a_web_site_elsewhere_is_refused(self):
        def site(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/html")])
            return [b"<p>elsewhere</p>"]

        self.compose("ann@example.com")
        with serve(site, "127.0.0.1", 0) as elsewhere:
            self.page.goto(elsewhere)
            for method in ("GET", "DELETE"):
                script = (
                    "([url, method]) => fetch(url, {method}).then(() => 'read', () => 'refused')"
                )
                url = f"{self.sandbox.page}api/messages"
                self.assertEqual(self.page.evaluate(script, [url, method]), "refused")
        self.visit()
        self.assert_shown("ann@example.com")


class HostileMailTests(BrowserTestCase):
    """A stranger's mail runs nothing, and tells nobody that it is read."""

    def setUp(self) -> None:
        super().setUp()
        self.hits: list[str] = []

        def tracker(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            self.hits.append(environ["PATH_INFO"])
            start_response("200 OK", [("Content-Type", "text/html")])
            return [b"<script>document.title = 'there'</script>"]

        server = serve(tracker, "127.0.0.1", 0)
        self.remote = server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)

    def html(self) -> str:
        remote = self.remote
        return f"""
            <meta http-equiv="refresh" content="0; url={remote}/refresh">
            <base href="{remote}/"><link rel="stylesheet" href="{remote}/link.css">
            <style>@import url({remote}/import.css); body {{ background: url({remote}/body.png) }}
            </style>
            <script>document.title = "owned"; parent.document.title = "owned"</script>
            <script src="{remote}/script.js"></script>
            <img src="{remote}/pixel.png" onerror="document.title='owned'">
            <img srcset="{remote}/2.png 2x">
            <iframe src="{remote}/frame"></iframe><object data="{remote}/object"></object>
            <video src="{remote}/video" poster="{remote}/poster.png" autoplay></video>
            <svg onload="parent.document.title='owned'"><image href="{remote}/svg.png"/></svg>
            <form action="{remote}/form"><button id="press">Press</button></form>
            <a id="leave" href="{remote}/top" target="_top" rel="opener" ping="{remote}/ping">
            Leave</a>
            <a id="script" href="javascript:parent.document.title='owned'">Run</a>
            <a id="hidden" href="java&#10;script:opener.document.title='owned'">Run</a>
            <a id="down" href="#end">Down</a>
            <p style="background: url('{remote}/style.png')">The text itself.</p>
            <p id="end" style="margin-top: 5000px">The end.</p>
        """

    def assert_harmless(self, page: Any) -> None:
        page.wait_for_timeout(500)
        self.assertEqual(self.hits, [])
        self.assertNotIn("owned", page.title())
        elsewhere = [url for url in self.requested if url.startswith(self.remote)]
        self.assertEqual(elsewhere, [])

    def test_in_the_message_page(self):
        self.compose("zoe@example.net", HTML=self.html())
        preview = self.page.frame_locator("#preview")
        preview.get_by_text("The text itself.").wait_for()
        self.assert_shown("blocked")
        self.assert_harmless(self.page)

    def preview(self) -> Any:
        """The mail in its frame."""
        self.compose("zoe@example.net", HTML=self.html())
        preview = self.page.frame_locator("#preview")
        preview.get_by_text("The text itself.").wait_for()
        return preview

    def full_size(self) -> Any:
        """The mail in a window of its own."""
        self.preview()
        with self.page.context.expect_page() as opened:
            self.page.get_by_role("link", name="Full size").click()
        opened.value.get_by_text("The text itself.").wait_for()
        return opened.value

    def test_remote_images_are_loaded_when_somebody_asks_and_nothing_else_is(self):
        self.preview()
        self.page.get_by_role("link", name="Show remote images").click()
        self.page.get_by_text("Block remote images").wait_for()
        self.page.frame_locator("#preview").get_by_text("The text itself.").wait_for()
        until = monotonic() + TIMEOUT / 1000
        while "/pixel.png" not in self.hits:
            self.assertLess(monotonic(), until)
            self.page.wait_for_timeout(50)
        self.page.wait_for_timeout(500)
        self.assertEqual([hit for hit in self.hits if not hit.endswith(".png")], [])
        self.assertNotIn("owned", self.page.title())
        self.hits.clear()
        self.preview()
        self.assertEqual(self.hits, [])  # the next mail is asked for by itself

    def test_forms_and_scripts_that_are_clicked_lead_nowhere(self):
        preview = self.preview()
        before = self.page.url
        for name in ("#press", "#script", "#hidden"):
            preview.locator(name).click()
        self.assert_harmless(self.page)
        self.assertEqual(self.page.url, before)

    def test_a_link_opens_a_window_that_knows_nothing_of_the_mail(self):
        for show in (self.preview, self.full_size):
            with self.subTest(show.__name__):
                shown = show()
                self.hits.clear()
                pages = [(page, page.url) for page in self.page.context.pages]
                with self.page.context.expect_page() as opened:
                    shown.locator("#leave").click()
                self.wait_for(opened.value.locator("title"), "e => e.textContent === 'there'")
                self.assertIsNone(opened.value.evaluate("opener"))
                self.assertEqual(opened.value.evaluate("document.referrer"), "")
                self.assertEqual([hit for hit in self.hits if hit != "/favicon.ico"], ["/top"])
                self.assertEqual([(page, page.url) for page, _ in pages], pages)

    def test_a_link_to_a_place_in_the_mail_goes_there(self):
        for show in (self.preview, self.full_size):
            with self.subTest(show.__name__):
                shown = show()
                pages = len(self.page.context.pages)
                shown.locator("#down").click()
                seen = "e => e.getBoundingClientRect().top < innerHeight"
                self.wait_for(shown.locator("#end"), seen)
                self.assertEqual(len(self.page.context.pages), pages)
                self.assert_harmless(self.page)

    def test_by_itself(self):
        self.compose("zoe@example.net", HTML=self.html())
        address = self.page.locator("#preview").evaluate("frame => frame.src")
        self.page.goto(address)
        self.page.get_by_text("The text itself.").wait_for()
        self.assert_harmless(self.page)

    def test_an_attachment_is_not_opened_in_the_page(self):
        self.visit("inbox/receive/")
        mail = EML.replace(b"text/csv", b"text/html").replace(b"prices.csv", b"page.html")
        mail = mail.replace(b"From a file", b"A page")
        mail = mail.replace(b"pot;12", b"<script>document.title='owned'</script>")
        self.page.get_by_label("File").set_input_files(
            {"name": "mail.eml", "mimeType": "message/rfc822", "buffer": mail}
        )
        self.page.locator("#receive-it").click()
        self.page.locator("#tab-files").click()
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name="page.html").click()
        self.assertEqual(download.value.suggested_filename, "page.html")
        self.assert_harmless(self.page)


class EveryPageTests(BrowserTestCase):
    """What holds for each page, empty and filled."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        page = cls.browser.new_page()
        page.set_default_timeout(TIMEOUT)
        page.goto(cls.sandbox.page + "settings/")
        empty(page)
        cls.filled: list[str] = []
        for path in ("", "inbox/"):
            page.goto(cls.sandbox.page + path)
            page.get_by_role("button", name="sample").click()
            page.locator("#timeline .signal").first.wait_for()
            cls.filled.append(page.url.removeprefix(cls.sandbox.page))
        page.close()

    def every_page(self) -> tuple[str, ...]:
        return (*PAGES, *self.filled, "no-such-page/")

    def test_nothing_is_wider_than_a_phone(self):
        page = self.window(viewport=PHONE)
        for path in self.every_page():
            with self.subTest(path):
                self.visit(path, page)
                page.wait_for_load_state()
                width = page.evaluate("document.scrollingElement.scrollWidth")
                self.assertLessEqual(width, PHONE["width"])

    def test_nothing_is_wrong_and_nothing_comes_from_elsewhere(self):
        for scheme in ("light", "dark"):
            page = self.window(color_scheme=scheme)
            for path in self.every_page():
                self.visit(path, page)
        wrong = [text for text in self.problems if "404" not in text and "Refused" not in text]
        self.assertEqual([text for text in wrong if "Content Security" not in text], [])
        elsewhere = [url for url in self.requested if not url.startswith(self.sandbox.page)]
        self.assertEqual([url for url in elsewhere if not url.startswith("data:")], [])

    def test_what_is_touched_is_large_enough(self):
        page = self.window(viewport={"width": 320, "height": 740}, has_touch=True)
        small = """[...document.querySelectorAll("button, summary, .button")].filter(
            e => e.offsetParent && !e.closest(".unseen") && e.getBoundingClientRect().height < 24
            ).map(e => e.textContent.trim())"""
        for path in self.every_page():
            with self.subTest(path):
                self.visit(path, page)
                self.assertEqual(page.evaluate(small), [])

    def test_on_a_phone_the_form_comes_before_the_simulator(self):
        page = self.window(viewport=PHONE)
        self.visit("compose/", page)
        above, below = (page.locator(one).bounding_box()["y"] for one in ("#send", ".simulator"))
        self.assertLess(above, below)

    def test_with_the_colours_of_the_visitor_it_is_told_where_one_is(self):
        page = self.window(forced_colors="active")
        self.visit(self.filled[0], page)
        edges = "all => all.map(e => getComputedStyle(e).borderBottomColor)"
        for links in (".tabs a", ".side nav a"):
            here = page.locator(f"{links}[aria-current]").evaluate_all(edges)
            elsewhere = page.locator(f"{links}:not([aria-current])").evaluate_all(edges)
            self.assertFalse({*here} & {*elsewhere}, links)
        dot = "e => getComputedStyle(e, '::before').backgroundColor"
        dots = {page.locator(f".entry .dot.{tone}").first.evaluate(dot) for tone in ("info", "bad")}
        self.assertEqual(len(dots), 2)

    def test_dark_is_dark(self):
        script = "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/)[0]"
        for scheme, is_dark in (("light", False), ("dark", True)):
            page = self.window(color_scheme=scheme)
            self.visit("", page)
            self.assertEqual(int(page.evaluate(script)) < 80, is_dark)

    def test_everything_stands_out_from_what_is_behind_it(self):
        for scheme in ("light", "dark"):
            page = self.window(color_scheme=scheme, reduced_motion="reduce")
            for path in self.every_page():
                with self.subTest(path, scheme=scheme):
                    self.visit(path, page)
                    page.evaluate(
                        "document.querySelectorAll('details').forEach(e => e.open = true)"
                    )
                    self.assertEqual(page.evaluate(FAINT), [])

    def test_the_keyboard_reaches_the_content_first(self):
        for path in self.every_page():
            with self.subTest(path):
                self.visit(path)
                self.page.keyboard.press("Tab")
                focused = self.page.evaluate("document.activeElement.textContent.trim()")
                self.assertEqual(focused, "Skip to the content")
                self.page.keyboard.press("Enter")
                self.page.locator("#main:focus").wait_for()

    def test_every_field_has_a_name_and_every_page_a_heading(self):
        unnamed = """[...document.querySelectorAll(
            "input:not([type=hidden]), select, textarea, button, a, iframe")].filter(
            e => !(e.labels?.length || e.textContent.trim() || e.title || e.ariaLabel)).length"""
        for path in self.every_page():
            with self.subTest(path):
                self.visit(path)
                self.assertEqual(self.page.evaluate(unnamed), 0)
                self.assertEqual(self.page.locator("h1").count(), 1)

    def test_a_page_of_an_error_asks_for_nothing(self):
        self.visit("no-such-page/")
        with self.page.expect_response("**/favicon.svg"):
            self.page.reload()
        self.requested.clear()
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.visit("")
        self.assertEqual([url for url in self.requested if "no-such-page" in url], [])

    def test_the_settings_can_be_copied(self):
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.visit("settings/")
        self.page.get_by_role("button", name="Copy").click()
        self.page.get_by_role("button", name="Copied").wait_for()
        copied = self.page.evaluate("navigator.clipboard.readText()")
        self.assertTrue(copied.startswith("# For development only"))
        self.assertIn("ANYMAIL = ", copied)

    def test_it_works_without_javascript(self):
        page = self.window(java_script_enabled=False)
        self.visit("compose/", page)
        page.get_by_label("To", exact=True).fill("zoe@example.net")
        page.locator("#send").click()
        page.locator("#tab-source").click()
        page.locator("#source").wait_for()
        self.assertIn("zoe@example.net", page.locator("#source").inner_text())
        while not page.locator("#timeline h3", has_text="Delivery").count():
            page.get_by_role("link", name="Reload").click()

    def test_a_sandbox_that_ended_is_noticed(self):
        self.visit("settings/")
        self.page.locator("#connection", has_text="Live").wait_for()
        self.page.route("**", lambda route: route.abort("connectionrefused"))
        self.page.locator("#connection", has_text="Disconnected").wait_for()
