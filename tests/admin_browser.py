"""Pages of the admin in a real browser, under a strict Content-Security-Policy."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.test import modify_settings, tag

from . import accessibility
from .browser import browser, why_not
from .class_context import enter_class_context

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1280, "height": 720}
#: How people look at pages: the size of the window, and the colors.
VIEWS: tuple[tuple[dict[str, int], str], ...] = ((LAPTOP, "light"), (PHONE, "dark"))
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
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
_ROOT = {"defaults": {"is_staff": True, "is_superuser": True}}


def strict_policy(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware: no page may have inline scripts or styles."""

    def respond(request: Any) -> Any:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return respond


@tag("browser")
@modify_settings(MIDDLEWARE={"prepend": "tests.admin_browser.strict_policy"})
class AdminInBrowserTestCase(StaticLiveServerTestCase):
    """With one browser for all tests."""

    browser: Browser

    @classmethod
    def setUpClass(cls) -> None:
        if reason := why_not() or accessibility.why_not():
            raise SkipTest(reason)
        super().setUpClass()
        # While Playwright runs, Django takes this thread for an asynchronous one.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        cls.addClassCleanup(os.environ.pop, "DJANGO_ALLOW_ASYNC_UNSAFE")
        cls.browser = enter_class_context(cls, browser())

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
        """Remember what the console says, but that the site has no icon.

        Tests may type before Chromium puts the cursor where ``autofocus`` is.
        """
        is_icon = message.location["url"].endswith("/favicon.ico")
        if not is_icon and not message.text.startswith("Autofocus processing was blocked"):
            self.complaints.append(message.text)

    def open(self, page: Any, address: str) -> None:
        page.goto(self.live_server_url + address)

    def check(self, page: Any) -> None:
        """The page is not wider than the window, and says what everything is."""
        page.wait_for_load_state()
        self.check_width(page)
        with self.subTest(page.url, viewport=page.viewport_size):
            self.assertEqual(page.evaluate(FAULTS), [])
            self.assertEqual(page.locator("h1").count(), 1)

    def check_width(self, page: Any) -> None:
        """The page is not wider than the window."""
        with self.subTest(page.url, viewport=page.viewport_size):
            wide = page.evaluate("document.documentElement.scrollWidth")
            self.assertLessEqual(wide, page.viewport_size["width"])

    def check_with_axe(self, page: Any) -> None:
        """axe-core finds nothing but what Django's own pages have, and nothing is too wide."""
        page.wait_for_load_state()
        self.check_width(page)
        with self.subTest(page.url, viewport=page.viewport_size):
            self.assertEqual(accessibility.violations(page), [])
