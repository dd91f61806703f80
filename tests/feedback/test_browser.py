"""The admin of the feedback app in a real browser, with an Amazon on loopback."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.test import override_settings

from anymail import testing
from anymail.feedback.models import Bounce, Suppression
from anymail.feedback.recording import record
from anymail.sandbox.aws.defaults import CREDENTIALS, REGION

from ..admin_browser import LAPTOP, VIEWS, AdminInBrowserTestCase
from ..class_context import enter_class_context
from ..local_ses import LocalSes, local_ses
from . import wait_for_amazon
from .test_admin import MODELS, url

#: Long values that cannot be broken: what makes lists wide.
ADDRESS = f"{'x' * 64}@{'y' * 60}.{'z' * 60}.example"
TEXT = "smtp;550-5.1.1_" + "w" * 300
LIFT = "Lift: send to these addresses again"
EVERYWHERE = "Lift here and at Amazon"


class AdminTests(AdminInBrowserTestCase):
    amazon: LocalSes

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.amazon = enter_class_context(cls, local_ses())

    def setUp(self) -> None:
        super().setUp()
        cache.clear()
        params = {**CREDENTIALS, "endpoint_url": self.amazon.url}
        reasons = ["hard_bounce", "complaint"]
        anymail = {"AMAZON_SES_CLIENT_PARAMS": params, "FEEDBACK_SUPPRESS": reasons}
        settings = override_settings(ANYMAIL=anymail)
        settings.enable()
        self.addCleanup(settings.disable)
        self.amazon.state.suppression.entries.clear()
        wait_for_amazon(self)

    def suppress(self) -> Suppression:
        """An address that is on both lists, with the bounce that caused it."""
        reports = [{"emailAddress": ADDRESS, "diagnosticCode": TEXT, "status": "5.1.1"}]
        event = testing.ses_event("bounce", recipient=ADDRESS, bouncedRecipients=reports)
        record(testing.tracking_event("bounced", recipient=ADDRESS, esp_event=event))
        self.amazon.state.suppression.add(
            REGION, ADDRESS, "BOUNCE", MessageId="m" * 60, FeedbackId="f" * 60
        )
        return Suppression.objects.get()

    def choose(self, page: Any, action: str) -> None:
        """Choose the only row of the list, and an action."""
        self.open(page, url(Suppression))
        page.locator("input.action-select").check()
        page.locator("select[name=action]").select_option(label=action)
        page.get_by_role("button", name="Go").click()

    def test_the_creation_time_is_in_view_however_long_the_other_values_are(self) -> None:
        for kind in ("bounced", "complained", "delivered", "rejected"):
            record(testing.tracking_event(kind, recipient=ADDRESS, mta_response=TEXT))
        Suppression.objects.suppress([ADDRESS], note=TEXT)
        page = self.page()
        for model in MODELS:
            with self.subTest(model.__name__):
                self.open(page, url(model))
                box = page.locator("#result_list .field-created_at").first.bounding_box()
                self.assertGreaterEqual(box["x"], 0)
                self.assertLessEqual(box["x"] + box["width"], LAPTOP["width"])

    def test_axe_finds_nothing_in_lists_and_on_the_page_of_an_event(self) -> None:
        entry = self.suppress()
        bounce = Bounce._default_manager.get()
        lists = (f"{url(Bounce)}?hard__exact=1", f"{url(Suppression)}?q={entry.address}")
        for viewport, scheme in VIEWS:
            page = self.page(viewport, color_scheme=scheme)
            for address in lists:
                self.open(page, address)
                page.get_by_role("button", name="Export these as CSV").wait_for()
                self.check_with_axe(page)
            self.open(page, url(Bounce, "change", bounce.pk))
            self.check_with_axe(page)

    def test_axe_finds_nothing_where_addresses_are_suppressed_and_lifted(self) -> None:
        entry = self.suppress()
        for viewport, scheme in VIEWS:
            page = self.page(viewport, color_scheme=scheme)
            self.open(page, url(Suppression, "add"))
            self.check_with_axe(page)
            page.get_by_role("button", name="Save", exact=True).click()
            page.get_by_text("This field is required.").first.wait_for()
            self.check_with_axe(page)
            self.open(page, url(Suppression, "change", entry.pk))
            self.check_with_axe(page)
            page.get_by_role("link", name="Ask Amazon").click()
            page.get_by_text("at Amazon: bounce").wait_for()
            self.check_with_axe(page)
            for action in (LIFT, EVERYWHERE):
                self.choose(page, action)
                self.check_with_axe(page)
                page.get_by_label("Note").fill(" ")
                page.get_by_role("button", name="Lift", exact=True).click()
                page.get_by_text("This field is required.").wait_for()
                self.check_with_axe(page)
            page.get_by_text("550-5.1.1").first.wait_for()
            page.get_by_text("at Amazon: bounce").wait_for()
