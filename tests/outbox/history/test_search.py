"""Searching and filtering the list of messages by what became of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

from django.core.mail import EmailMessage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from anymail.outbox import entry_filters, searching
from anymail.outbox.models import Entry, EntryTag, State

from ..test_admin import AdminTestCase, stored, url


def tagged(*tags: str, subject: str = "Hello", **columns: Any) -> Entry:
    message = EmailMessage(subject, "", None, ["ann@example.com"])
    entry = stored(columns.pop("state", State.SENT), message, **columns)
    EntryTag._default_manager.bulk_create(EntryTag(entry=entry, tag=tag) for tag in tags)
    return entry


class TagTests(AdminTestCase):
    welcome: Entry
    receipt: Entry

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        cls.welcome = tagged("welcome", "shop", subject="Hello, Ann")
        cls.receipt = tagged("receipt", subject="Welcome back")

    def test_a_tag_is_found_whole_and_no_part_of_one(self) -> None:
        self.assertEqual(self.found(q="tag:welcome"), {self.welcome.pk})
        self.assertEqual(self.found(q=" tag: shop "), {self.welcome.pk})
        for term in ("tag:welc", "tag:", "tag:%00", "tag:" + "x" * 5_000):
            self.assertEqual(self.found(q=term), set(), term)

    def test_of_a_tag_the_newest_messages_are_found(self) -> None:
        newer = tagged("welcome")
        self.assertEqual(self.found(q="tag:welcome"), {self.welcome.pk, newer.pk})
        with mock.patch.object(searching, "MAX_FOUND", 1):
            self.assertEqual(self.found(q="tag:welcome"), {newer.pk})

    def test_a_part_of_a_subject_that_is_a_tag_leads_to_the_tag(self) -> None:
        page = self.client.get(url(Entry), {"q": "welcome"})
        self.assertEqual([row.pk for row in page.context["cl"].result_list], [self.receipt.pk])
        link = '<a href="?q=tag%3Awelcome">Messages with the tag “welcome”</a>'
        self.assertContains(page, link, html=True)
        for term in ("hello", "tag:welcome", ""):
            self.assertNotContains(self.client.get(url(Entry), {"q": term}), "with the tag")

    def test_the_filter_offers_the_tags_of_the_newest_messages_and_the_chosen_one(self) -> None:
        with mock.patch.multiple(entry_filters, MAX_TAGS_READ=2, MAX_TAGS=1):
            page = self.client.get(url(Entry), {"tag": "welcome"})
        [one] = [spec for spec in page.context["cl"].filter_specs if spec.title == "tag"]
        self.assertEqual(one.lookup_choices, [("receipt", "receipt"), ("welcome", "welcome")])
        self.assertEqual(self.found(tag="welcome"), {self.welcome.pk})

    def test_what_a_search_finds_is_not_asked_for_its_dates(self) -> None:
        for params in ({"q": "tag:welcome"}, {"q": "hello"}, {"tag": "welcome"}):
            with CaptureQueriesContext(connection) as queries:
                self.found(**params)
            self.assertFalse([one for one in queries if "MIN(" in one["sql"]], params)

    def test_nonsense_in_the_filters_is_no_error(self) -> None:
        for value in ("", "\0", "x" * 5_000, "\ud800"):
            for name in ("tag", "happened"):
                response = self.client.get(url(Entry), {name: value.encode("utf-8", "ignore")})
                self.assertEqual(response.status_code, 200, value)


class HappenedTests(AdminTestCase):
    def test_what_has_no_index_is_looked_for_in_the_newest_messages_of_the_list(self) -> None:
        old = timezone.now() - timedelta(days=400)
        for name, columns in {
            "direct": {"attempt": 0},
            "bounced": {"bounced_count": 1},
            "complained": {"complained_count": 1},
        }.items():
            with self.subTest(name):
                Entry._default_manager.all().delete()
                older = tagged(created_at=old, **{"attempt": 1, **columns})
                other, hit = tagged(attempt=1), tagged(**{"attempt": 1, **columns})
                self.assertEqual(self.found(happened=name), {older.pk, hit.pk})
                with mock.patch.object(entry_filters, "MAX_SEARCHED", 2):
                    self.assertEqual(self.found(happened=name), {hit.pk})
                    in_year = {"happened": name, "created_at__year": old.year}
                    self.assertEqual(self.found(**in_year), {older.pk})
                self.assertNotEqual(other.pk, hit.pk)

    def test_what_waits_for_its_first_attempt_was_not_sent_directly(self) -> None:
        tagged(state=State.WAITING, attempt=0)
        self.assertEqual(self.found(happened="direct"), set())


class LinkTests(AdminTestCase):
    def links(self, term: str) -> Any:
        return self.client.get(url(Entry), {"q": term}).context["search_links"]

    def test_an_address_leads_to_its_page(self) -> None:
        self.assertEqual(self.links("hello"), [])
        [(text, href)] = self.links("Ann+news@example.com")
        self.assertEqual(text, "Everything about Ann+news@example.com")
        self.assertTrue(href.endswith("/address/?q=Ann%2Bnews%40example.com"), href)

    def test_nobody_is_led_to_a_page_that_is_forbidden(self) -> None:
        self.login_with("view_entry")
        self.assertEqual(self.links("ann@example.com"), [])
