"""The outbox on the sandbox's page, its worker, and the outbox of a project."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from html import unescape
from http.cookiejar import CookieJar
from typing import Any
from unittest import mock
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

from django.conf import settings
from django.db import DatabaseError
from django.test import SimpleTestCase, override_settings
from django.utils import timezone

from anymail.outbox import cancel
from anymail.outbox.models import Entry, State
from anymail.sandbox.journal import Step
from anymail.sandbox.outbox_worker import note_changes

from ..class_context import enter_class_context
from ..local_sns import wait_until
from . import Running, running_sandbox
from .test_page import PageTestCase, element, readable

BACKEND = "anymail.backends.test.EmailBackend"
FORM = {"from_email": "a@tea.example", "to": "zoe@example.net", "subject": "Tea", "text": "Hello"}
INSTALLED = [*settings.INSTALLED_APPS, "anymail.sandbox.page"]


@override_settings(ANYMAIL={"OUTBOX_BACKEND": BACKEND})
class OutboxPageTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.amazon.outbox = mock.Mock()

    def stored(self, **fields: Any) -> Entry:
        """What the form stores."""
        mailers = {"sesv2": {"BACKEND": BACKEND}}
        with override_settings(**({"MAILERS": mailers} if hasattr(settings, "MAILERS") else {})):
            response = self.client.post("/compose/", {**FORM, "api": "outbox", **fields})
        self.assertRedirects(response, "/outbox/")
        return Entry._default_manager.latest("created_at")

    def act(self, entry: Entry, action: str) -> str:
        self.client.post(f"/outbox/{entry.pk}/", {"action": action})
        entry.refresh_from_db()
        return entry.state

    def test_the_form_stores_a_message_and_starts_the_worker(self):
        entry = self.stored(wait=60, priority=7)
        self.assertEqual((entry.state, entry.priority), ("waiting", 7))
        self.assertAlmostEqual(
            entry.not_before, timezone.now() + timedelta(seconds=60), delta=timedelta(seconds=30)
        )
        self.amazon.outbox.start.assert_called_once_with()

    def test_a_message_without_the_outbox_cannot_wait(self):
        response = self.client.post("/compose/", {**FORM, "api": "v1", "wait": 60})
        self.assertContains(response, "send_at")

    def test_the_list(self):
        entry = self.stored()
        Entry._default_manager.update(
            state=State.IN_DOUBT, attempt=3, error_code="LeaseOver", error="It <died>."
        )
        self.journal.add_step(entry.pk.hex, Step(state="killed", text="kill -9"))
        text = self.text("/outbox/")
        for shown in ("Tea", "zoe@example.net", "3 attempts", "In doubt", "LeaseOver It <died>."):
            self.assertIn(shown, text)
        self.assertIn("Killed kill -9", text)

    def test_what_can_be_done_depends_on_the_state(self):
        entry = self.stored()
        self.assertEqual(self.act(entry, "cancel"), "cancelled")
        self.assertEqual(self.act(entry, "send_again"), "waiting")
        for action, state in (("release", "waiting"), ("mark_sent", "sent")):
            Entry._default_manager.update(state=State.IN_DOUBT)
            self.assertEqual(self.act(entry, action), state)
        self.assertNotIn('value="cancel"', self.get("/outbox/"))

    def test_without_its_content_a_message_is_not_offered_again(self):
        self.stored()
        Entry._default_manager.update(state=State.SENT, content=None)
        self.assertNotIn("Send again", self.text("/outbox/"))

    def test_what_came_too_late_is_said(self):
        entry = self.stored()
        Entry._default_manager.update(state=State.SENT)
        self.assertEqual(self.act(entry, "cancel"), "sent")
        self.assertIn("It was too late", self.text("/outbox/"))

    def test_other_actions_do_not_exist(self):
        response = self.client.post(f"/outbox/{self.stored().pk}/", {"action": "__init__"})
        self.assertEqual(response.status_code, 404)

    def test_beside_a_project_there_is_nothing_to_crash_and_nothing_to_store(self):
        self.amazon.outbox, self.amazon.sites = None, []
        self.assertIn("What your project sends", self.text("/outbox/"))
        self.assertEqual(self.client.post("/outbox/crash/").status_code, 404)
        self.assertNotIn("outbox", self.text("/compose/", "form"))

    def test_where_the_app_is_missing_the_page_says_how(self):
        self.amazon.outbox, self.amazon.sites = None, []
        installed = [name for name in INSTALLED if "outbox" not in name.lower()]
        with self.settings(INSTALLED_APPS=installed):
            self.assertIn('Add "anymail.outbox" to the INSTALLED_APPS', self.text("/outbox/"))
            self.amazon.sites = None
            self.assertIn("not a part of this installation", self.text("/outbox/"))

    def test_where_the_tables_are_missing_the_page_says_so(self):
        with mock.patch("anymail.outbox.ledger.entries", side_effect=DatabaseError("no table")):
            self.assertIn("Run python manage.py migrate", self.text("/outbox/"))

    def test_changes_are_noted_and_the_page_has_news(self):
        entry, id = self.stored(), Entry._default_manager.get().pk.hex
        seen = note_changes(self.journal, None)
        version = self.journal.version
        cancel(entry.pk)
        seen = note_changes(self.journal, note_changes(self.journal, seen))
        self.assertEqual([step.state for step in self.journal.steps[id]], ["cancelled"])
        self.assertGreater(self.journal.version, version)

    def test_a_claim_is_noted_even_if_nobody_has_looked_in_time(self):
        seen = note_changes(self.journal, None)
        entry = self.stored()
        for attempt, state in enumerate((State.SENT, State.WAITING, State.POSTING), 1):
            Entry._default_manager.update(state=state, attempt=attempt, worker="")
            seen = note_changes(self.journal, seen)
        self.assertEqual(
            [(step.state, step.text) for step in self.journal.steps[entry.pk.hex]],
            [
                ("claimed", "Attempt 1, by a worker"),
                ("sent", ""),
                ("claimed", "Attempt 2, by a worker"),
                ("waiting", ""),
                ("claimed", "Attempt 3, by a worker"),
                ("posting", "Attempt 3, by a worker"),
            ],
        )


class Visitor:
    """A person at the page of a sandbox that runs."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def html(self) -> str:
        """The list."""
        with self._opener.open(f"{self._page}outbox/") as response:
            return unescape(response.read().decode())

    def row(self, subject: str) -> str:
        """What the list says about a message."""
        rows = element(self.html(), "#list").split('<li class="row"')
        return next((readable(f"<li{row}") for row in rows if subject in row), "")

    def post(self, path: str, **data: str) -> None:
        token = self.html().partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
        body = urlencode({**data, "csrfmiddlewaretoken": token}).encode()
        headers = {"Referer": self._page}
        self._opener.open(Request(self._page + path, body, headers)).close()


class KilledWorkerTests(SimpleTestCase):
    """Real processes, killed for real."""

    sandbox: Running

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.sandbox = enter_class_context(cls, running_sandbox())

    def setUp(self) -> None:
        self.visitor = Visitor(self.sandbox.page)

    def test_what_ses_accepted_is_proven_by_its_event_and_not_sent_twice(self):
        self.visitor.post("outbox/crash/", when="after")
        subject = "The worker dies after"
        wait_until(lambda: " An event of SES proves it." in self.visitor.row(subject))
        row = self.visitor.row(subject)
        self.assertRegex(row, "Killed kill -9, after .* In doubt .* Sent An event of SES")
        with urlopen(f"{self.sandbox.page}api/messages?subject=dies+after") as response:
            self.assertEqual(len(json.load(response)["messages"]), 1)
        pid = int(re.findall(r"by [^:]+:(\d+):", row)[0])
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)

    def test_what_ses_did_not_accept_stays_in_doubt_until_a_person_releases_it(self):
        self.visitor.post("outbox/crash/", when="before")
        subject = "The worker dies before"
        wait_until(lambda: "Release: send it again" in self.visitor.row(subject))
        rows = self.visitor.html().split('<li class="row"')
        [row] = [row for row in rows if subject in row]
        path = re.findall(r'action="/(outbox/[0-9a-f-]+/)"', row)[0]
        self.visitor.post(path, action="release")
        wait_until(lambda: re.search("Attempt 2, .* Sent", self.visitor.row(subject)))

    def test_the_worker_ends_with_the_sandbox_even_if_that_is_killed(self):
        with running_sandbox() as sandbox:
            visitor = Visitor(sandbox.page)
            visitor.post("outbox/crash/", when="before")
            wait_until(lambda: "Claimed Attempt" in visitor.row("dies before"))
            sandbox.process.kill()
            sandbox.process.wait()
            wait_until(lambda: not is_alive(sandbox.process.pid))


def is_alive(group: int) -> bool:
    """Whether a process group has a process."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
