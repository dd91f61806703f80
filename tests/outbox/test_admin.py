"""The admin of the outbox, through Django's test client."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from html import unescape
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl
from uuid import uuid4

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.storage import InMemoryStorage
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from anymail import outbox
from anymail.admin_lists import changelist
from anymail.database.columns import address_key
from anymail.message import AnymailMessage
from anymail.outbox import asking, attachments, entry_filters, page_context, preview, searching
from anymail.outbox.entry_admin import EntryAdmin
from anymail.outbox.freezing import freeze
from anymail.outbox.history import mail_page
from anymail.outbox.ids import tag_value
from anymail.outbox.models import Entry, EntryTag, Pause, Recipient, State

from .batches.rows import make_batch

#: What everybody needs who looks at the lists.
VIEW = ("view_entry", "view_pause")
#: The name of an intervention in URLs, a state in which it is possible, and the permission.
INTERVENTIONS = (
    ("cancel", "cancel", State.WAITING, "cancel_entry"),
    ("send-again", "send_again", State.FAILED, "send_again_entry"),
    ("release", "release", State.IN_DOUBT, "release_entry"),
    ("mark-sent", "mark_sent", State.IN_DOUBT, "release_entry"),
)


def url(model: Any, page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:anymail_outbox_{model._meta.model_name}_{page}", args=args)


def intervention_url(name: str) -> str:
    return reverse("admin:anymail_outbox_entry_intervene", args=[name])


def stored(
    state: str = State.WAITING,
    message: EmailMessage | None = None,
    *,
    status: str = "",
    message_id: str = "",
    **columns: Any,
) -> Entry:
    """A message in some state."""
    message = message or EmailMessage("Hello", "Hello, world.", None, ["ann@example.com"])
    if state in (State.SENT, State.FAILED, State.CANCELLED, State.EXPIRED):
        columns.setdefault("done_at", timezone.now())
    entry = Entry(state=state, recipients_count=len(message.recipients()), **columns)
    entry.mailer = entry.mailer or "default"
    entry.subject = str(message.subject)
    frozen = freeze(message)
    names = attachments.save_parts(entry.pk, frozen.parts) if frozen.parts else ()
    if "content" not in columns:
        entry.content = frozen.as_json(names)
    entry.save(force_insert=True)
    Recipient._default_manager.bulk_create(
        Recipient(
            entry=entry,
            kind="to",
            address=address,
            address_key=address_key(address),
            status=status,
            message_id=message_id,
        )
        for address in message.recipients()
    )
    return entry


def state_of(entry: Entry) -> str:
    return Entry._default_manager.get(pk=entry.pk).state


class AdminTestCase(TestCase):
    user: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.user = User.objects.create_superuser("root")

    def setUp(self) -> None:
        self.client.force_login(self.user)

    def login_with(self, *permissions: str) -> None:
        user, _ = User.objects.get_or_create(username="staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        self.client.force_login(user)

    def found(self, **params: Any) -> set[Any]:
        response = self.client.get(url(Entry), params)
        self.assertEqual(response.status_code, 200)
        return {row.pk for row in response.context["cl"].result_list}

    def page(self, entry: Entry) -> Any:
        return self.client.get(url(Entry, "change", entry.pk))

    def ask(self, name: str, *entries: Entry, **data: str) -> Any:
        """Choose messages, and get the page that asks."""
        chosen = " ".join(str(entry.pk) for entry in entries)
        return self.client.post(intervention_url(name), {"chosen": chosen, **data})

    def answer(self, page: Any) -> Any:
        """Press the button of the page that asks."""
        content = page.content.decode()
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', content))
        [target] = re.findall(r'<form method="post" action="([^"]+/(?:chosen|resume)/)"', content)
        return self.client.post(target, hidden, follow=True)


class ListTests(AdminTestCase):
    def test_a_row_says_what_it_is_and_how_it_stands(self) -> None:
        message = EmailMessage("Receipt", "", None, ["ann@example.com", "b@x.test", "c@x.test"])
        stored(State.FAILED, message, error_code="MessageRejected", priority=7, mailer="ses")
        page = self.client.get(url(Entry))
        row = page.content.decode().partition('id="result_list"')[2]
        for text in ("Receipt", "ann@example.com and 2 more", "Failed", "MessageRejected", "ses"):
            self.assertIn(text, row)

    def test_a_message_without_a_subject_can_be_opened(self) -> None:
        entry = stored(message=EmailMessage("", "Hello", None, ["ann@example.com"]))
        self.assertContains(
            self.client.get(url(Entry)),
            f'<a href="{url(Entry, "change", entry.pk)}">(no subject)</a>',
            html=True,
        )

    def test_every_state_is_a_filter(self) -> None:
        entries = {state: stored(state) for state in State.values}
        for state, entry in entries.items():
            self.assertEqual(self.found(state__exact=state), {entry.pk})

    def test_filters_by_mailer_and_by_creation_time(self) -> None:
        old = timezone.now() - timedelta(days=800)
        one, two = stored(mailer="ses"), stored(mailer="bulk", created_at=old)
        self.assertEqual(self.found(mailer="ses"), {one.pk})
        self.assertEqual(self.found(created_at__year=str(old.year)), {two.pk})

    def test_the_filter_by_priority_shows_waiting_messages(self) -> None:
        urgent, other = stored(priority=50), stored(priority=50, mailer="bulk")
        stored(priority=0)
        stored(State.SENT, priority=50)
        self.assertEqual(self.found(priority="50"), {urgent.pk, other.pk})
        page = self.client.get(url(Entry))
        self.assertEqual(
            set(re.findall(r'"\?priority=(-?\d+)"', page.content.decode())), {"0", "50"}
        )

    def test_filters_that_have_no_common_index_are_not_combined(self) -> None:
        stored(mailer="ses")
        stored(mailer="bulk", priority=5)
        for params in ({"state__exact": "waiting"}, {"mailer": "ses"}, {"priority": "5"}):
            page = self.client.get(url(Entry), {"q": "Hello", **params})
            hrefs = re.findall(r'<a href="\?([^"]*)"', page.content.decode())
            for link in [dict(parse_qsl(unescape(href))) for href in hrefs]:
                chosen = link.keys() & {"state__exact", "mailer", "priority"}
                self.assertLessEqual(len(chosen), 1, link)

    def test_filters_by_batch_and_by_its_states(self) -> None:
        batch, other = make_batch("June"), make_batch("July")
        waiting, sent = stored(batch=batch), stored(State.SENT, batch=batch)
        stored(batch=other)
        stored()
        self.assertEqual(self.found(batch=batch.pk), {waiting.pk, sent.pk})
        self.assertEqual(self.found(batch=batch.pk, state__exact="sent"), {sent.pk})
        self.assertEqual(self.found(batch=batch.pk + 1_000), set())

    def test_a_filter_by_batch_stays_when_a_state_is_chosen(self) -> None:
        batch = make_batch("June")
        stored(batch=batch, mailer="ses")
        page = self.client.get(url(Entry), {"batch": batch.pk}).content.decode()
        self.assertIn(f"?batch={batch.pk}&amp;state__exact=sent", page)
        self.assertIn('"?mailer=ses"', page)

    def test_the_filter_offers_the_newest_batches_and_the_chosen_one(self) -> None:
        old = make_batch("Old", created_at=timezone.now() - timedelta(days=9))
        make_batch("New")
        with mock.patch.object(entry_filters, "MAX_BATCHES", 1):
            page = self.client.get(url(Entry))
            self.assertContains(page, "New</a>")
            self.assertNotContains(page, "Old</a>")
            self.assertContains(self.client.get(url(Entry), {"batch": old.pk}), "Old</a>")

    def test_a_batch_is_found_although_clocks_differ(self) -> None:
        batch = make_batch("June", stored_at=timezone.now())
        early, late = (timezone.now() + timedelta(hours=hours) for hours in (-1, 1))
        entries = {stored(batch=batch, created_at=moment).pk for moment in (early, late)}
        self.assertEqual(self.found(batch=batch.pk), entries)

    def test_nonsense_in_the_filter_by_batch_is_no_error(self) -> None:
        make_batch("June")
        for value in ("x", "", "-1", "9" * 30, "\u0663"):
            response = self.client.get(url(Entry), {"batch": value})
            self.assertIn(response.status_code, (200, 302), value)

    def test_filters_by_what_was_sent_twice(self) -> None:
        twice = stored(State.SENT, doubled_count=1)
        stored(State.SENT)
        self.assertEqual(self.found(doubled_count__gt="0"), {twice.pk})
        self.assertContains(self.client.get(url(Entry)), '"?doubled_count__gt=0"')

    def test_lists_and_pages_are_read_only(self) -> None:
        entry = stored()
        self.assertEqual(self.client.get(url(Entry, "add")).status_code, 403)
        self.assertNotContains(self.page(entry), 'value="Save"')
        response = self.client.post(url(Entry, "change", entry.pk), {"state": "sent"})
        self.assertEqual(response.status_code, 403)

    def test_who_may_not_look_sees_nothing(self) -> None:
        entry = stored()
        self.login_with("cancel_entry", "pause_sending")
        for address in (url(Entry), url(Entry, "change", entry.pk), url(Pause)):
            self.assertEqual(self.client.get(address).status_code, 403)
        self.assertEqual(self.ask("cancel", entry).status_code, 403)

    def test_what_is_stored_cannot_inject_html(self) -> None:
        hostile = "<script>alert(1)</script>"
        message = AnymailMessage(hostile, hostile, None, [f"{hostile}@example.com"])
        message.attach_alternative(hostile, "text/html")
        message.attach(f"{hostile}.txt", "x", "text/plain")
        message.metadata = {"x": hostile}
        message.extra_headers = {"X-Test": hostile}
        columns = {"error_code": hostile, "error": hostile, "lane": hostile}
        entry = stored(State.FAILED, message, message_id=hostile, **columns)
        outbox.pause("default", lane=hostile, reason=hostile, by=hostile)
        for page in (self.client.get(url(Entry)), self.page(entry), self.client.get(url(Pause))):
            self.assertNotContains(page, "<script>alert")
        self.assertNotContains(self.ask("send-again", entry), "<script>alert")


class SearchTests(AdminTestCase):
    entry: Entry

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        message = EmailMessage("Your Receipt", "", None, ["Ann@Example.com", "bob@example.com"])
        cls.entry = stored(State.SENT, message, message_id="0102-abc-000000")
        stored(message=EmailMessage("Other", "", None, ["other@example.com"]))

    def test_by_whole_address_in_whatever_spelling(self) -> None:
        for term in ("ann@example.com", " BOB@example.com ", "Ann <ann@EXAMPLE.com>"):
            self.assertEqual(self.found(q=term), {self.entry.pk})
        self.assertEqual(self.found(q="nn@example.com"), set())

    def test_by_message_id(self) -> None:
        self.assertEqual(self.found(q="0102-abc-000000"), {self.entry.pk})

    def test_by_id_in_the_outbox_and_by_message_tag(self) -> None:
        pk = self.entry.pk
        for term in (str(pk), pk.hex, tag_value(pk, 3)):
            self.assertEqual(self.found(q=term), {pk})
        self.assertEqual(self.found(q=str(uuid4())), set())

    def test_by_a_part_of_the_subject(self) -> None:
        for term in ("Your Receipt", "receipt"):
            self.assertEqual(self.found(q=term), {self.entry.pk})

    def test_subjects_are_searched_in_the_newest_messages_only(self) -> None:
        later = timezone.now() + timedelta(seconds=1)
        newer = stored(message=EmailMessage("Receipt 2", "", None, ["a@x.test"]), created_at=later)
        with mock.patch.object(searching, "MAX_SEARCHED", 1):
            self.assertEqual(self.found(q="receipt"), {newer.pk})
            self.assertEqual(self.found(q="receipt", state__exact="sent"), {self.entry.pk})

    def test_of_an_address_the_newest_messages_are_found(self) -> None:
        newer = stored(message=EmailMessage("New", "", None, ["ann@example.com"]))
        self.assertEqual(self.found(q="ann@example.com"), {self.entry.pk, newer.pk})
        with mock.patch.object(searching, "MAX_FOUND", 1):
            self.assertEqual(self.found(q="ann@example.com"), {newer.pk})

    def test_for_what_no_database_can_hold(self) -> None:
        for term in ("%00", "%00@x.test", "x" * 5_000, "%ED%A0%80", "%ED%A0%80@x", "-", "a-b"):
            self.assertEqual(self.client.get(f"{url(Entry)}?q={term}").status_code, 200)


class BoundedTests(AdminTestCase):
    """No query reads the whole table, and their number does not depend on its size."""

    def queries(self, address: str, **params: str) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            self.assertEqual(self.client.get(address, params).status_code, 200)
        return [query["sql"] for query in queries]

    def test_every_query_of_a_list_is_limited(self) -> None:
        for _ in range(3):
            stored(State.SENT, message_id="0102")
        EntryTag._default_manager.create(entry=stored(mailer="bulk", priority=3), tag="welcome")
        batch = make_batch("June")
        stored(batch=batch)
        outbox.pause("default", reason="a reason")
        names = [model._meta.db_table for model in (Entry, EntryTag, Recipient)]
        searches = ("", "hello", "ann@example.com", "0102", "tag:welcome", str(uuid4()))
        filters: Iterable[dict[str, str]] = (
            {},
            {"state__exact": "sent"},
            {"mailer": "bulk"},
            {"priority": "3"},
            {"batch": str(batch.pk)},
            {"doubled_count__gt": "0"},
            {"tag": "welcome"},
            {"happened": "bounced"},
            *({"q": term} for term in searches),
        )
        for params in filters:
            with self.subTest(**params), mock.patch.object(EntryAdmin, "list_per_page", 1):
                for sql in self.queries(url(Entry), **params):
                    if any(name in sql for name in names):
                        self.assertNotIn("DISTINCT", sql)
                        is_bounded = re.search(r"LIMIT|MIN\(", sql.rpartition("WHERE")[0] + sql)
                        self.assertTrue(is_bounded, sql)

    def test_the_content_is_not_read_for_lists(self) -> None:
        entry = stored()
        content = connection.ops.quote_name("content")
        for sql in self.queries(url(Entry)):
            self.assertNotIn(content, sql)
        with CaptureQueriesContext(connection) as queries:
            self.ask("cancel", entry)
        self.assertFalse([query for query in queries if content in query["sql"]])

    def test_as_many_queries_for_one_row_as_for_a_hundred(self) -> None:
        entry = stored()
        outbox.pause("default", reason="a reason")
        addresses = (url(Entry), url(Entry, "change", entry.pk), url(Pause))
        self.page(entry)  # finds the content types
        before = [len(self.queries(address)) for address in addresses]
        for number in range(99):
            message = EmailMessage("Hello", "", None, [f"{n}@x.test" for n in range(3)])
            stored(message=message)
            Recipient._default_manager.create(entry=entry, kind="cc", address=f"{number}@x.test")
            outbox.pause("default", lane=f"{number}.example", reason="a reason")
        self.assertEqual([len(self.queries(address)) for address in addresses], before)
        self.assertEqual(before, [18, 8, 5])

    def test_a_long_list_says_that_there_is_more(self) -> None:
        for _ in range(3):
            stored()
        self.assertNotContains(self.client.get(url(Entry)), "Only the newest")
        with mock.patch.object(changelist, "MAX_COUNT", 2):
            self.assertContains(self.client.get(url(Entry)), "Only the newest 2")


class PageTests(AdminTestCase):
    """The page of a message."""

    def test_it_shows_the_recipients_and_what_became_of_them(self) -> None:
        entry = stored(State.SENT, status="queued", message_id="0102-abc")
        page = self.page(entry)
        for text in ("ann@example.com", "Sent</span>", "0102-abc", str(entry.pk)):
            self.assertContains(page, text)

    def test_it_shows_the_first_of_many_recipients(self) -> None:
        entry = stored(message=EmailMessage("", "", None, [f"{n}@x.test" for n in range(5)]))
        with mock.patch.object(mail_page, "MAX_RECIPIENTS", 2):
            page = self.page(entry)
        self.assertContains(page, "1@x.test")
        self.assertNotContains(page, "2@x.test")
        self.assertContains(page, "and 3 more")

    def test_it_shows_the_content_as_text(self) -> None:
        message = EmailMultiAlternatives("Hi", "The text.", "shop@example.com", ["ann@example.com"])
        message.attach_alternative("<p>The <b>HTML</b>.</p>", "text/html")
        message.attach("report.txt", "12345", "text/plain")
        page = self.page(stored(message=message))
        self.assertContains(page, "The text.")
        self.assertContains(page, "&lt;p&gt;The &lt;b&gt;HTML")
        self.assertContains(page, "report.txt, text/plain, 5\xa0bytes")
        self.assertContains(page, "shop@example.com")

    def test_reading_the_content_needs_a_permission_of_its_own(self) -> None:
        """It may have a link that resets a password."""
        entry = stored(message=EmailMessage("Hi", "SECRET", None, ["ann@example.com"]))
        self.login_with(*VIEW)
        page = self.page(entry)
        self.assertNotContains(page, "SECRET")
        self.assertContains(page, "You need the permission to read")
        self.login_with(*VIEW, "read_entry")
        self.assertContains(self.page(entry), "SECRET")

    def test_content_that_is_deleted_or_damaged_is_no_error(self) -> None:
        for content, text in ((None, "It was deleted."), ("{", "It is damaged")):
            self.assertContains(self.page(stored(State.SENT, content=content)), text)

    def test_large_attachments_are_not_read(self) -> None:
        message = EmailMessage("Hi", "", None, ["ann@example.com"])
        message.attach("large.bin", b"x" * 100_000, "application/octet-stream")
        files = InMemoryStorage()
        with mock.patch.object(attachments, "storage", return_value=files):
            entry = stored(message=message)
        with mock.patch.object(attachments, "storage", side_effect=AssertionError):
            self.assertContains(self.page(entry), "large.bin, application/octet-stream, 97.7\xa0KB")

    def test_it_says_what_to_do(self) -> None:
        soon = timezone.now() + timedelta(hours=1)
        for entry, text in (
            (stored(), "anymail_deliver"),
            (stored(not_before=soon), "It waits for its time."),
            (stored(not_before=soon, error="Throttled."), "It will be tried again."),
            (stored(State.IN_DOUBT), "An event from SES ends the doubt"),
            (stored(State.FAILED, scope="message"), "correct it where it is made"),
            (stored(State.FAILED, error_code="x"), "Remove the cause"),
            (stored(State.EXPIRED), "too late"),
            (stored(State.SENT, content=None), "OUTBOX_KEEP_CONTENT"),
        ):
            with self.subTest(text):
                self.assertContains(self.page(entry), text)
        outbox.pause("default", lane="example.com", reason="a reason")
        self.assertContains(self.page(stored(lane="example.com")), "until the pause is over")
        self.assertNotContains(self.page(stored(lane="example.org")), "until the pause is over")

    def test_it_links_to_the_feedback_of_each_message_id(self) -> None:
        entry = stored(State.SENT, status="queued", message_id="0102 abc")
        link = f'<a href="{reverse("admin:anymail_feedback_bounce_changelist")}?q=0102%20abc">'
        self.assertContains(self.page(entry), link)
        self.login_with(*VIEW)
        self.assertNotContains(self.page(entry), "anymail_feedback")
        self.login_with(*VIEW, "view_bounce")
        self.assertContains(self.page(entry), link)

    def test_it_needs_no_feedback_app(self) -> None:
        entry = stored(State.SENT, status="queued", message_id="0102")
        link = f"{reverse('admin:anymail_feedback_bounce_changelist')}?q=0102"
        self.assertContains(self.page(entry), link)
        with mock.patch.object(page_context.apps, "is_installed", return_value=False):
            self.assertNotContains(self.page(entry), link)

    def test_it_offers_what_is_possible_and_allowed(self) -> None:
        def offered(entry: Entry) -> set[str]:
            return set(re.findall(r"entry/([\w-]+)/chosen/", self.page(entry).content.decode()))

        entries = [stored(state) for state in (State.WAITING, State.SENT, State.IN_DOUBT)]
        expected = [{"cancel"}, {"send-again"}, {"release", "mark-sent"}]
        self.assertEqual([offered(entry) for entry in entries], expected)
        self.assertEqual(offered(stored(State.SENT, content=None)), set())
        self.assertEqual(offered(stored(State.POSTING)), set())
        self.login_with(*VIEW, "cancel_entry")
        self.assertEqual([offered(entry) for entry in entries], [{"cancel"}, set(), set()])


class InterventionTests(AdminTestCase):
    def test_nothing_is_done_before_it_is_confirmed(self) -> None:
        for name, _, state, _ in INTERVENTIONS:
            with self.subTest(name):
                entry = stored(state)
                page = self.ask(name, entry)
                self.assertContains(page, "Hello")
                self.assertContains(page, "ann@example.com")
                self.assertEqual(state_of(entry), state)

    def test_it_is_done_and_logged_when_it_is_confirmed(self) -> None:
        for name, expected, text in (
            ("cancel", State.CANCELLED, "1 message was cancelled."),
            ("send-again", State.WAITING, "1 message will be sent again."),
            ("release", State.WAITING, "1 message was released from doubt."),
            ("mark-sent", State.SENT, "1 message counts as sent."),
        ):
            with self.subTest(name):
                [state] = [state for one, _, state, _ in INTERVENTIONS if one == name]
                entry = stored(state, status="unknown" if state == State.IN_DOUBT else "")
                self.assertContains(self.answer(self.ask(name, entry)), text)
                self.assertEqual(state_of(entry), expected)
                log = LogEntry.objects.get(object_id=str(entry.pk))
                self.assertEqual(log.user, self.user)

    def test_each_is_an_action_of_the_list(self) -> None:
        for name, action, state, _ in INTERVENTIONS:
            with self.subTest(name):
                entry = stored(state)
                data = {"action": action, "_selected_action": [str(entry.pk)]}
                page = self.client.post(url(Entry), data)
                self.assertEqual(state_of(entry), state)
                self.answer(page)
                self.assertNotEqual(state_of(entry), state)

    def test_each_needs_its_permission(self) -> None:
        everything = {permission for *_, permission in INTERVENTIONS}
        for name, action, state, permission in INTERVENTIONS:
            with self.subTest(name):
                entry = stored(state)
                self.login_with(*VIEW, *(everything - {permission}))
                for more in ({}, {"confirmed": "yes"}):
                    self.assertEqual(self.ask(name, entry, **more).status_code, 403)
                data = {"action": action, "_selected_action": [str(entry.pk)]}
                self.assertEqual(self.client.post(url(Entry), data).status_code, 302)
                self.assertEqual(state_of(entry), state)
                self.login_with(*VIEW, permission)
                self.answer(self.ask(name, entry))
                self.assertNotEqual(state_of(entry), state)

    def test_only_post_does_anything(self) -> None:
        entry = stored()
        data = {"chosen": str(entry.pk), "confirmed": "yes"}
        response = self.client.get(intervention_url("cancel"), data)
        self.assertEqual(response.status_code, 405)
        checked = self.client_class(enforce_csrf_checks=True)
        checked.force_login(self.user)
        self.assertEqual(checked.post(intervention_url("cancel"), data).status_code, 403)
        self.assertEqual(state_of(entry), State.WAITING)

    def test_what_is_not_possible_is_counted_and_left_out(self) -> None:
        waiting, sent = stored(), stored(State.SENT)
        page = self.ask("cancel", waiting, sent)
        self.assertContains(page, "1 message will not be sent:")
        self.assertContains(page, "This is not possible with 1 of the chosen messages")
        Entry._default_manager.filter(pk=sent.pk).update(state=State.WAITING)
        self.assertContains(self.answer(page), "1 message was cancelled.")
        self.assertEqual(state_of(sent), State.WAITING)

    def test_without_anything_possible_there_is_no_button(self) -> None:
        self.assertNotContains(
            self.ask("cancel", stored(State.SENT)), 'type="submit" class="default"'
        )

    def test_who_comes_too_late_is_told_so(self) -> None:
        entries = [stored(), stored()]
        page = self.ask("cancel", *entries)
        Entry._default_manager.filter(pk=entries[0].pk).update(state=State.POSTING)
        result = self.answer(page)
        self.assertContains(result, "1 message was cancelled. It was too late for 1")
        self.assertEqual(LogEntry.objects.count(), 1)

    def test_messages_that_came_afterwards_are_not_included(self) -> None:
        """What was confirmed is done, and nothing else."""
        stored()
        data = {"action": "cancel", "select_across": "1", "_selected_action": ["x"]}
        page = self.client.post(f"{url(Entry)}?state__exact=waiting", data)
        later = stored()
        self.assertContains(self.answer(page), "1 message was cancelled.")
        self.assertEqual(state_of(later), State.WAITING)

    def test_only_so_many_at_once(self) -> None:
        for _ in range(3):
            stored()
        data = {"action": "cancel", "select_across": "1", "_selected_action": ["x"]}
        with mock.patch.object(asking, "MAX_CHOSEN", 2):
            page = self.client.post(url(Entry), data)
        self.assertContains(page, "2 messages will not be sent:")
        self.assertContains(page, "Only the newest 2 messages were taken.")

    def test_the_question_names_a_few_of_many(self) -> None:
        entries = [stored() for _ in range(3)]
        with mock.patch.object(asking, "MAX_NAMED", 1):
            page = self.ask("cancel", *entries)
        self.assertContains(page, "3 messages will not be sent:")
        self.assertContains(page, "and 2 more")

    def test_from_the_page_of_a_message_one_comes_back_to_it(self) -> None:
        entry = stored()
        response = self.answer(self.ask("cancel", entry, from_page="yes"))
        self.assertEqual(response.redirect_chain, [(url(Entry, "change", entry.pk), 302)])

    def test_the_risk_of_a_release_is_explained(self) -> None:
        self.assertContains(self.ask("release", stored(State.IN_DOUBT)), "get them twice")

    def test_nonsense_is_no_error(self) -> None:
        for chosen in ("", "nonsense", "\0", f"{uuid4()} x", "1" * 5_000):
            data = {"chosen": chosen}
            page = self.client.post(intervention_url("cancel"), data)
            self.assertEqual(page.status_code, 200)
            data["confirmed"] = data["from_page"] = "yes"
            self.assertEqual(self.client.post(intervention_url("cancel"), data).status_code, 302)
        self.assertEqual(self.client.post(intervention_url("no-such")).status_code, 404)


class DeletionTests(AdminTestCase):
    def test_only_what_has_come_to_an_end_can_be_deleted(self) -> None:
        ended = {State.SENT, State.FAILED, State.EXPIRED, State.CANCELLED}
        for state in State.values:
            entry = stored(state)
            self.client.post(url(Entry, "delete", entry.pk), {"post": "yes"})
            is_deleted = not Entry._default_manager.filter(pk=entry.pk).exists()
            self.assertEqual(is_deleted, state in ended, state)

    def test_the_list_deletes_nothing_if_one_of_them_waits(self) -> None:
        entries = [stored(State.SENT), stored()]
        data = {"action": "delete_selected", "post": "yes"}
        ids = [str(entry.pk) for entry in entries]
        self.client.post(url(Entry), {**data, "_selected_action": ids})
        self.assertEqual(Entry._default_manager.count(), 2)
        self.client.post(url(Entry), {**data, "_selected_action": ids[:1]})
        self.assertEqual(Entry._default_manager.get(), entries[1])

    def test_what_is_sent_again_in_the_meantime_is_not_deleted(self) -> None:
        entry = stored(State.SENT)
        model_admin = admin.site._registry[Entry]
        Entry._default_manager.update(state=State.WAITING)
        model_admin.delete_model(mock.Mock(), entry)
        self.assertEqual(Entry._default_manager.get(), entry)

    def test_stored_attachments_go_with_it(self) -> None:
        message = EmailMessage("Hi", "", None, ["ann@example.com"])
        message.attach("large.bin", b"x" * 100_000, "application/octet-stream")
        files = InMemoryStorage()
        with mock.patch.object(attachments, "storage", return_value=files):
            entry = stored(State.FAILED, message)
            self.assertTrue(files.exists(f"anymail-outbox/{entry.pk.hex}/0"))
            with self.captureOnCommitCallbacks(execute=True):
                self.client.post(url(Entry, "delete", entry.pk), {"post": "yes"})
        self.assertFalse(files.exists(f"anymail-outbox/{entry.pk.hex}/0"))

    def test_deleting_needs_djangos_permission(self) -> None:
        entry = stored(State.SENT)
        self.login_with(*VIEW)
        response = self.client.post(url(Entry, "delete", entry.pk), {"post": "yes"})
        self.assertEqual(response.status_code, 403)


class PauseTests(AdminTestCase):
    form = reverse("admin:anymail_outbox_pause_sending")
    data = {"mailer": "default", "lane": "", "reason": "wrong template"}

    def setUp(self) -> None:
        super().setUp()
        stored()

    def resume(self, *pauses: Pause) -> Any:
        data = {"action": "resume", "_selected_action": [pause.pk for pause in pauses]}
        return self.client.post(url(Pause), data)

    def test_people_pause_and_are_named(self) -> None:
        page = self.client.post(self.form, self.data, follow=True)
        self.assertContains(page, "Sending is paused for default,")
        pause = Pause._default_manager.get()
        self.assertEqual((pause.by, pause.reason, pause.until), ("root", "wrong template", None))
        self.assertEqual(LogEntry.objects.get().change_message, "wrong template")

    def test_a_lane_can_be_paused(self) -> None:
        self.client.post(self.form, {**self.data, "lane": "example.com"})
        self.assertEqual(Pause._default_manager.get().lane, "example.com")

    def test_the_page_of_a_message_leads_to_the_form_for_its_lane(self) -> None:
        lane = "example.com, configuration set a&b"
        page = self.page(stored(lane=lane)).content.decode()
        [link] = re.findall(rf'href="({re.escape(self.form)}\?[^"]*)"', page)
        form = self.client.get(unescape(link)).context["form"]
        self.assertEqual((form["lane"].value(), form["mailer"].value()), (lane, "default"))

    def test_a_pause_that_the_outbox_made_becomes_a_persons(self) -> None:
        Pause._default_manager.create(mailer="default", scope="account", until=timezone.now())
        page = self.client.post(self.form, self.data, follow=True)
        self.assertContains(page, "Sending was paused for default before.")
        self.assertIsNone(Pause._default_manager.get().until)

    def test_mailers_that_are_not_known_are_refused(self) -> None:
        page = self.client.post(self.form, {**self.data, "mailer": "no-such"})
        self.assertContains(page, "Select a valid choice")
        self.assertFalse(Pause._default_manager.exists())

    def test_mailers_of_waiting_messages_are_known(self) -> None:
        stored(mailer="removed")
        self.client.post(self.form, {**self.data, "mailer": "removed"})
        self.assertEqual(Pause._default_manager.get().mailer, "removed")

    def test_the_list_says_why_and_until_when(self) -> None:
        outbox.pause("default", lane="example.com", reason="wrong template", by="Zoe")
        Pause._default_manager.create(mailer="ses", error_code="AccountPaused", reason="At AWS.")
        page = self.client.get(url(Pause))
        for text in ("example.com", "wrong template", "Zoe", "until somebody resumes"):
            self.assertContains(page, text)
        self.assertContains(page, "AccountPaused: At AWS.")

    def test_the_list_of_messages_says_what_is_paused_and_how_many_wait(self) -> None:
        self.assertNotContains(self.client.get(url(Entry)), "Sending is paused")
        outbox.pause("default", reason="wrong template", by="Zoe")
        page = self.client.get(url(Entry))
        for text in ("Sending is paused", "wrong template", "Zoe", "Messages that wait: 1."):
            self.assertContains(page, text)

    def test_waiting_messages_are_counted_up_to_a_limit(self) -> None:
        outbox.pause("default")
        stored()
        with mock.patch.object(page_context, "MAX_COUNT", 1):
            self.assertContains(self.client.get(url(Entry)), "more than 1.")

    def test_resuming_asks_first_and_is_logged(self) -> None:
        outbox.pause("default", reason="wrong template")
        page = self.resume(Pause._default_manager.get())
        self.assertContains(page, "<li>default: 1</li>", html=True)
        self.assertTrue(Pause._default_manager.exists())
        self.assertContains(self.answer(page), "1 pause is over.")
        self.assertFalse(Pause._default_manager.exists())
        self.assertEqual(LogEntry.objects.get().change_message, "Resumed.")

    def test_a_pause_that_is_over_by_then_is_not_counted(self) -> None:
        outbox.pause("default")
        page = self.resume(Pause._default_manager.get())
        outbox.resume("default")
        self.assertContains(self.answer(page), "0 pauses are over.")
        self.assertFalse(LogEntry.objects.exists())

    def test_pausing_and_resuming_have_permissions_of_their_own(self) -> None:
        resume = reverse("admin:anymail_outbox_pause_resume")
        self.login_with(*VIEW, "resume_sending")
        for response in (self.client.get(self.form), self.client.post(self.form, self.data)):
            self.assertEqual(response.status_code, 403)
        self.assertNotContains(self.client.get(url(Pause)), "Pause sending")
        self.login_with(*VIEW, "pause_sending")
        self.client.post(self.form, self.data)
        pause = Pause._default_manager.get()
        self.assertNotContains(self.resume(pause), "Resume sending")
        self.assertEqual(self.client.post(resume, {"chosen": pause.pk}).status_code, 403)
        self.assertTrue(Pause._default_manager.exists())
        self.assertEqual(self.client.get(resume).status_code, 405)

    def test_pauses_are_neither_added_nor_changed_nor_deleted(self) -> None:
        outbox.pause("default")
        pause = Pause._default_manager.get()
        self.assertEqual(self.client.get(url(Pause, "add")).status_code, 403)
        for page in ("change", "delete"):
            response = self.client.post(url(Pause, page, pause.pk), {"post": "yes"})
            self.assertEqual(response.status_code, 403)


class PreviewTests(AdminTestCase):
    """:mod:`anymail.outbox.preview`."""

    def shown(self, message: EmailMessage) -> preview.Preview:
        found = preview.preview(freeze(message).as_json())
        assert found is not None
        return found

    def test_attributes_without_a_value_are_not_shown(self) -> None:
        found = self.shown(AnymailMessage("S", "b", to=["a@example.com"], tags=["x"], tenant=None))
        self.assertEqual(found.attributes, {"tags": ["x"]})

    def test_sizes_are_those_of_the_contents(self) -> None:
        message = EmailMessage("Hi", "", None, ["a@x.test"])
        contents = ["é", b"1", b"12", b"123", b"x" * 100_000, "y" * 100_000]
        for content in contents:
            message.attach("a.bin", content, "application/octet-stream")
        inner = EmailMessage("Inner", "", None, ["a@x.test"])
        message.attach("inner.eml", inner, "message/rfc822")
        sizes = [one.size for one in self.shown(message).attachments]
        self.assertEqual(sizes, [2, 1, 2, 3, 100_000, 100_000, None])

    def test_long_texts_are_cut(self) -> None:
        with mock.patch.object(preview, "MAX_SHOWN", 3):
            [text] = self.shown(EmailMessage("Hi", "12345", None, ["a@x.test"])).texts
        self.assertEqual((text.text, text.more), ("123", 2))

    def test_what_cannot_be_shown_is_replaced(self) -> None:
        message = AnymailMessage("Hi", "a\ud800\0b", None, ["a@x.test"])
        message.attach("\ud800.txt", "x", "text/plain")
        message.metadata = {"x": "\ud800"}
        page = self.page(stored(message=message))
        self.assertContains(page, "a\ufffd\ufffdb")

    def test_whatever_is_stored_is_no_error(self) -> None:
        for content in (
            "",
            "null",
            "[]",
            "{}",
            '{"from_email": 1, "attachments": [{}]}',
            "[" * 9999,
        ):
            self.assertIsNone(preview.preview(content))
