"""The admin of the feedback app in a real browser."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from unittest import SkipTest, addModuleCleanup

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.testing import StaticLiveServerTestCase

from anymail import testing
from anymail.feedback.models import Suppression
from anymail.feedback.recording import record

from ..browser import browser, why_not
from .test_admin import MODELS, url

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LAPTOP = {"width": 1280, "height": 720}
#: Long values that cannot be broken: what makes lists wide.
ADDRESS = f"{'x' * 64}@{'y' * 60}.{'z' * 60}.example"
TEXT = "smtp;550-5.1.1_" + "w" * 300


def setUpModule() -> None:
    """One browser for all tests."""
    if reason := why_not():
        raise SkipTest(reason)
    with ExitStack() as stack:
        AdminTests.browser = stack.enter_context(browser())
        # While Playwright runs, Django takes this thread for an asynchronous one.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        stack.callback(os.environ.pop, "DJANGO_ALLOW_ASYNC_UNSAFE")
        addModuleCleanup(stack.pop_all().close)


class AdminTests(StaticLiveServerTestCase):
    browser: Browser

    def page(self) -> Any:
        """A window of somebody who is logged in."""
        context = self.browser.new_context(viewport=LAPTOP)
        self.addCleanup(context.close)
        self.client.force_login(User.objects.create_superuser("root"))
        session = self.client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.live_server_url}]
        )
        return context.new_page()

    def test_the_creation_time_is_in_view_however_long_the_other_values_are(self) -> None:
        for kind in ("bounced", "complained", "delivered", "rejected"):
            record(testing.tracking_event(kind, recipient=ADDRESS, mta_response=TEXT))
        Suppression.objects.suppress([ADDRESS], note=TEXT)
        page = self.page()
        for model in MODELS:
            with self.subTest(model.__name__):
                page.goto(self.live_server_url + url(model))
                box = page.locator("#result_list .field-created_at").first.bounding_box()
                self.assertGreaterEqual(box["x"], 0)
                self.assertLessEqual(box["x"] + box["width"], LAPTOP["width"])
