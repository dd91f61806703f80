from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from html import unescape
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from anymail import testing
from anymail.admin_lists import changelist, details
from anymail.feedback.admin import ListAdmin
from anymail.feedback.models import Bounce, Complaint, Delivery, MailEvent, Suppression
from anymail.feedback.recording import record

from . import events

MODELS = (Bounce, Complaint, Delivery, MailEvent, Suppression)


def url(model: Any, page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:anymail_feedback_{model._meta.model_name}_{page}", args=args)


class AdminTestCase(TestCase):
    user: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.user = User.objects.create_superuser("root")
        for number in range(3):
            record(testing.tracking_event("bounced", recipient=f"Ann{number}@example.com"))
        soft = testing.ses_event("bounce", bounceType="Transient", bounceSubType="MailboxFull")
        record(testing.tracking_event("bounced", esp_event=soft, message_id="soft-1"))
        record(testing.tracking_event("complained", recipient="ann1@example.com"))
        record(testing.tracking_event("delivered", recipient="ann1@example.com"))
        record(testing.tracking_event("rejected", recipient="ann1@example.com"))
        Suppression.objects.suppress(["Ann1@example.com"], "hard_bounce", note="a note")
        Suppression.objects.suppress(["ann1@example.com"], "complaint")
        Suppression.objects.suppress(["bob@example.com"])

    def setUp(self) -> None:
        self.client.force_login(self.user)

    def login_with(self, *permissions: str) -> None:
        user = User.objects.create_user("staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        self.client.force_login(user)

    def found(self, model: Any, **params: str) -> set[str]:
        response = self.client.get(url(model), params)
        self.assertEqual(response.status_code, 200)
        return {row.address for row in response.context["cl"].result_list}


class ListTests(AdminTestCase):
    def test_every_list_and_every_page_opens(self) -> None:
        for model in MODELS:
            with self.subTest(model.__name__):
                self.assertEqual(self.client.get(url(model)).status_code, 200)
                for row in model.objects.all():
                    page = self.client.get(url(model, "change", row.pk))
                    self.assertContains(page, escape(row.address))

    def test_lists_are_read_only(self) -> None:
        for model in (Bounce, Complaint, Delivery, MailEvent):
            self.assertEqual(self.client.get(url(model, "add")).status_code, 403)
            row = model.objects.all()[0]
            page = self.client.get(url(model, "change", row.pk))
            self.assertNotContains(page, 'type="submit" value="Save"')
            response = self.client.post(url(model, "change", row.pk), {"address": "x@x.test"})
            self.assertEqual(response.status_code, 403)

    def test_search_is_for_the_whole_address_in_whatever_spelling(self) -> None:
        for term in ("ann1@example.com", " ANN1@Example.com ", "Ann <ann1@example.com>"):
            self.assertEqual(self.found(Bounce, q=term), {"Ann1@example.com"})
        self.assertEqual(self.found(Bounce, q="nn1@example.com"), set())

    def test_search_for_a_message_or_a_notification(self) -> None:
        soft = Bounce.objects.get(mail_id="soft-1")
        self.assertEqual(self.found(Bounce, q="soft-1"), {soft.address})
        one = Bounce.objects.get(address="Ann0@example.com")
        self.assertEqual(self.found(Bounce, q=one.sns_messageid), {"Ann0@example.com"})

    def test_search_for_what_no_database_can_hold(self) -> None:
        for term in ("%00", "%00@x.test", "x" * 5_000, "%ED%A0%80", "%ED%A0%80@x"):
            self.assertEqual(self.client.get(f"{url(Bounce)}?q={term}").status_code, 200)

    def test_filters(self) -> None:
        both = {"bounce_type": "Permanent", "bounce_subtype": "General"}
        self.assertEqual(len(self.found(Bounce, **both)), 3)
        self.assertEqual(len(self.found(Bounce, bounce_type="Transient")), 1)
        self.assertEqual(len(self.found(Bounce, bounce_subtype="MailboxFull")), 1)
        self.assertEqual(len(self.found(Complaint, feedback_type="abuse")), 1)
        self.assertEqual(self.found(Suppression, reason__exact="manual"), {"bob@example.com"})

    def test_filters_for_hard_bounces_and_for_the_action(self) -> None:
        Bounce.objects.filter(mail_id="soft-1").update(action="delayed")
        soft = {Bounce.objects.get(mail_id="soft-1").address}
        self.assertEqual(self.found(Bounce, hard__exact="0"), soft)
        self.assertEqual(len(self.found(Bounce, hard__exact="1")), 3)
        self.assertEqual(self.found(Bounce, action="delayed"), soft)

    def test_filters_that_have_no_common_index_are_not_combined(self) -> None:
        Bounce.objects.filter(mail_id="soft-1").update(action="delayed")

        def links(**params: str) -> list[dict[str, str]]:
            page = self.client.get(url(Bounce), {"q": "Ann1@example.com", **params})
            hrefs = re.findall(r'<a href="\?([^"]*)"', page.content.decode())
            return [dict(parse_qsl(unescape(href))) for href in hrefs]

        q = {"q": "Ann1@example.com"}
        of_type = links(bounce_type="Transient")
        self.assertIn({**q, "bounce_type": "Transient", "bounce_subtype": "General"}, of_type)
        self.assertIn({**q, "hard__exact": "0"}, of_type)
        self.assertIn({**q, "action": "delayed"}, of_type)
        for chosen in ({"hard__exact": "0"}, {"action": "delayed"}):
            self.assertIn({**q, "bounce_type": "Transient"}, links(**chosen))

    def test_there_is_an_index_for_every_filter(self) -> None:
        for model in MODELS:
            indexed = {index.fields[0] for index in model._meta.indexes}
            for item in admin.site.get_model_admin(model).list_filter:
                self.assertIn(item if isinstance(item, str) else item[0], indexed)

    def test_filters_offer_what_there_is(self) -> None:
        page = self.client.get(url(Bounce))
        for word in ("Permanent", "Transient", "General", "MailboxFull"):
            self.assertContains(page, f'">{word}</a>')
        self.assertNotContains(page, "Undetermined")
        Complaint.objects.update(feedback_type=None)
        self.assertContains(self.client.get(url(Complaint)), "feedback_type__isnull=True")

    def test_dates_can_be_chosen(self) -> None:
        old = datetime(2024, 2, 28, 12, tzinfo=timezone.utc)
        Bounce.objects.filter(mail_id="soft-1").update(created_at=old)
        page = self.client.get(url(Bounce))
        self.assertContains(page, "?created_at__year=2024")
        for params in (
            {"created_at__year": "2024"},
            {"created_at__year": "2024", "created_at__month": "2"},
            {"created_at__year": "2024", "created_at__month": "2", "created_at__day": "28"},
        ):
            response = self.client.get(url(Bounce), params)
            self.assertEqual(
                [row.mail_id for row in response.context["cl"].result_list], ["soft-1"]
            )

    def test_lists_without_rows_open(self) -> None:
        for model in MODELS:
            model.objects.all().delete()
            self.assertEqual(self.client.get(url(model)).status_code, 200)

    def test_what_is_stored_cannot_inject_html(self) -> None:
        hostile = "<script>alert(1)</script>@example.com"
        record(testing.tracking_event("bounced", recipient=hostile))
        row = Bounce.objects.latest("id")
        for page in (url(Bounce), url(Bounce, "change", row.pk)):
            self.assertNotContains(self.client.get(page), "<script>alert")

    def test_the_time_is_in_the_first_column(self) -> None:
        """It is in view however long the addresses are."""
        for model in MODELS:
            row = model._default_manager.all()[:1].get()
            page = self.client.get(url(model)).content.decode()
            cells = re.findall(r'<t[dh] class="field-(\w+)', page)
            self.assertEqual(cells[:2], ["created_at", "address"])
            self.assertRegex(page, rf'field-address[^"]*"><a href="[^"]*/{row.pk}/change/')

    def test_an_uncertain_recipient_is_marked(self) -> None:
        document = testing.ses_event("bounce", recipient="mallory@evil.example")
        document["bounce"]["bouncedRecipients"] = [{"emailAddress": "victim@bank.example"}]
        record(events(document)[0])
        row = Bounce.objects.get(address="victim@bank.example")
        page = self.client.get(url(Bounce), {"q": row.address})
        self.assertContains(page, "Recipient uncertain")
        self.assertContains(page, "icon-yes")
        page = self.client.get(url(Bounce, "change", row.pk))
        self.assertContains(page, "icon-yes")


class BoundedTests(AdminTestCase):
    """No query reads the whole table."""

    def queries_of_list(self, model: Any) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            self.client.get(url(model))
        return [q["sql"] for q in queries if model._meta.db_table in q["sql"]]

    def test_no_query_of_a_list_counts_or_collects_everything(self) -> None:
        for kind in ("complained", "delivered", "rejected"):
            for _ in range(2):
                record(testing.tracking_event(kind))
        for model in MODELS:
            with self.subTest(model.__name__), mock.patch.object(ListAdmin, "list_per_page", 1):
                for sql in self.queries_of_list(model):
                    self.assertNotIn("DISTINCT", sql)
                    bounded = "LIMIT" in sql or "MIN(" in sql
                    self.assertTrue(bounded, f"neither limited nor an end of an index: {sql}")

    def test_the_document_is_not_read_for_lists(self) -> None:
        for sql in self.queries_of_list(Delivery):
            self.assertNotIn(connection.ops.quote_name("event"), sql)

    def test_a_long_list_says_that_there_is_more(self) -> None:
        self.assertNotContains(self.client.get(url(Bounce)), "Only the newest")
        with mock.patch.object(changelist, "MAX_COUNT", 2):
            self.assertContains(self.client.get(url(Bounce)), "Only the newest 2")

    def test_filters_that_have_too_many_values_end_somewhere(self) -> None:
        with mock.patch.object(changelist, "MAX_VALUES", 1):
            words = changelist.distinct_values(Bounce.objects.all(), "bounce_subtype")
        self.assertEqual(list(words), ["General"])


class KnownTests(AdminTestCase):
    """A row links to everything known of its address and of its message."""

    def test_address_and_message(self) -> None:
        row = Bounce.objects.get(address="Ann1@example.com")
        page = self.client.get(url(Bounce, "change", row.pk))
        term = "Ann1%40example.com"
        counts = ((Bounce, 1), (Complaint, 1), (Delivery, 1), (MailEvent, 1), (Suppression, 2))
        for model, count in counts:
            name = model._meta.verbose_name_plural
            link = f'<a href="{url(model)}?q={term}">{name} ({count})</a>'
            self.assertContains(page, link, html=True)
            self.assertEqual(
                {address.lower() for address in self.found(model, q=row.address)},
                {"ann1@example.com"},
            )
        self.assertContains(page, f"{url(Delivery)}?q={row.mail_id}")

    def test_the_document_is_shown(self) -> None:
        row = Bounce.objects.get(mail_id="soft-1")
        page = self.client.get(url(Bounce, "change", row.pk))
        self.assertContains(page, "&quot;bounceSubType&quot;: &quot;MailboxFull&quot;")

    def test_counts_of_links_are_bounded(self) -> None:
        row = Bounce.objects.get(address="Ann1@example.com")
        with mock.patch.object(details, "MAX_LINKED", 1):
            page = self.client.get(url(Bounce, "change", row.pk))
        self.assertContains(page, "bounces (1+)")


class SuppressionAdminTests(AdminTestCase):
    def lift(self, address: str, **answer: str) -> Any:
        chosen = Suppression.objects.filter(address=address)[:1].get()
        data = {"action": "lift", "_selected_action": [chosen.pk], **answer}
        return self.client.post(url(Suppression), data, follow=True)

    def test_lifting_asks_for_a_note_first(self) -> None:
        self.login_with("view_suppression", "lift_suppression")
        for answer in ({}, {"lift": "yes", "note": "  "}):
            page = self.lift("ann1@example.com", **answer)
            self.assertContains(page, "1 address will get mail again")
            self.assertContains(page, "<li>ann1@example.com</li>", html=True)
            self.assertEqual("This field is required." in page.content.decode(), bool(answer))
            self.assertEqual(Suppression.objects.count(), 3)
        hidden = r'<input type="hidden" name="(\w+)" value="(\w+)"'
        form = dict(re.findall(hidden, page.content.decode()))
        form["note"] = "asked by phone"
        self.client.post(url(Suppression), form)
        self.assertEqual(Suppression.objects.count(), 1)

    def test_the_question_names_a_few_of_many_addresses(self) -> None:
        Suppression.objects.suppress([f"{number}@x.test" for number in range(30)])
        pks = list(Suppression.objects.values_list("pk", flat=True))
        data = {"action": "lift", "_selected_action": pks}
        page = self.client.post(url(Suppression), data)
        self.assertContains(page, "32 addresses will get mail again")
        self.assertContains(page, "and 12 more")

    def test_lifting_removes_every_entry_of_the_address_and_is_logged(self) -> None:
        self.login_with("view_suppression", "lift_suppression")
        response = self.lift("ann1@example.com", lift="yes", note="asked by phone")
        self.assertContains(response, "1 address gets mail again.")
        self.assertEqual(
            list(Suppression.objects.values_list("address", flat=True)), ["bob@example.com"]
        )
        self.assertEqual(
            [entry.change_message for entry in LogEntry.objects.all()], ["asked by phone"] * 2
        )

    def test_ending_a_suppression_earlier_needs_the_permission_to_lift(self) -> None:
        entry = Suppression.objects.get(address="bob@example.com")

        def change(expires: str) -> datetime | None:
            data = {"note": "n", "expires_at_0": expires, "expires_at_1": expires and "00:00:00"}
            self.client.post(url(Suppression, "change", entry.pk), data)
            entry.refresh_from_db()
            return entry.expires_at

        self.login_with("view_suppression", "change_suppression")
        for expires in ("2020-01-01", "2999-01-01"):
            self.assertIsNone(change(expires))
        page = self.client.post(
            url(Suppression, "change", entry.pk),
            {"note": "n", "expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"},
        )
        self.assertContains(page, "You need the permission to lift suppressions")
        until = datetime(2990, 1, 1, 6, tzinfo=timezone.utc)  # midnight in the tests' time zone
        Suppression.objects.update(expires_at=until + timedelta(microseconds=5))
        self.assertEqual(change("2990-01-01"), until)
        self.assertEqual(change("2989-12-31"), until)
        later = change("2991-01-01")
        assert later is not None
        self.assertEqual(later.year, 2991)
        self.assertIsNone(change(""))
        User.objects.get(username="staff").user_permissions.add(
            Permission.objects.get(codename="lift_suppression")
        )
        self.assertIsNotNone(change("2020-01-01"))

    def test_deleting_an_entry_needs_the_permission_to_lift(self) -> None:
        entry = Suppression.objects.get(address="bob@example.com")
        self.login_with("view_suppression", "delete_suppression")
        self.client.post(url(Suppression, "delete", entry.pk), {"post": "yes"})
        data = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
        self.client.post(url(Suppression), data)
        self.assertEqual(Suppression.objects.count(), 3)
        User.objects.get(username="staff").user_permissions.add(
            Permission.objects.get(codename="lift_suppression")
        )
        self.client.post(url(Suppression, "delete", entry.pk), {"post": "yes"})
        self.assertEqual(Suppression.objects.count(), 2)

    def test_what_is_not_an_address_is_refused(self) -> None:
        data = {"reason": "manual", "note": "", "expires_at_0": "", "expires_at_1": ""}
        for address in ("nonsense", "ann@", "@x.test", "a@x.test, b@x.test", "Ann <ann@>", "@"):
            page = self.client.post(url(Suppression, "add"), {**data, "address": address})
            self.assertContains(page, "Enter a valid email address.")
        self.assertEqual(Suppression.objects.count(), 3)
        self.client.post(url(Suppression, "add"), {**data, "address": "Ann <Ann@bücher.example>"})
        self.assertTrue(Suppression.objects.filter(address="ann@xn--bcher-kva.example").exists())

    def test_an_entry_with_an_odd_address_can_be_changed(self) -> None:
        """Bounces are suppressed as they come."""
        Suppression.objects.suppress(["odd"], "hard_bounce")
        entry = Suppression.objects.get(address="odd")
        data = {"note": "new", "expires_at_0": "", "expires_at_1": ""}
        self.client.post(url(Suppression, "change", entry.pk), data)
        entry.refresh_from_db()
        self.assertEqual(entry.note, "new")

    def test_lifting_needs_the_permission(self) -> None:
        self.login_with("view_suppression", "change_suppression", "delete_suppression")
        self.lift("ann1@example.com", lift="yes", note="n")
        self.assertEqual(Suppression.objects.count(), 3)

    def test_who_may_only_look_cannot_lift(self) -> None:
        self.login_with("view_suppression")
        self.lift("ann1@example.com", lift="yes", note="n")
        self.assertEqual(Suppression.objects.count(), 3)
        self.assertNotContains(self.client.get(url(Suppression)), "Lift")

    def test_addresses_can_be_added_by_hand(self) -> None:
        data = {"address": " Eve@Example.com", "reason": "manual", "note": "asked by phone"}
        data |= {"expires_at_0": "", "expires_at_1": ""}
        self.client.post(url(Suppression, "add"), data)
        self.assertTrue(Suppression.objects.filter(address="eve@example.com").exists())
        again = self.client.post(url(Suppression, "add"), data)
        self.assertContains(again, "already exists")

    def test_only_expiry_and_note_can_be_changed(self) -> None:
        entry = Suppression.objects.get(address="bob@example.com")
        data = {"address": "x@x.test", "reason": "complaint", "note": "new"}
        data |= {"expires_at_0": "2030-01-02", "expires_at_1": "03:04:05"}
        self.client.post(url(Suppression, "change", entry.pk), data)
        entry.refresh_from_db()
        self.assertEqual(
            (entry.address, entry.reason, entry.note), ("bob@example.com", "manual", "new")
        )
        assert entry.expires_at is not None
        self.assertEqual(entry.expires_at.year, 2030)

    def test_an_entry_links_to_what_is_known_of_its_address(self) -> None:
        entry = Suppression.objects.filter(address="ann1@example.com")[:1].get()
        page = self.client.get(url(Suppression, "change", entry.pk))
        link = f'<a href="{url(Bounce)}?q=ann1%40example.com">bounces (1)</a>'
        self.assertContains(page, link, html=True)

    def test_search(self) -> None:
        self.assertEqual(self.found(Suppression, q="BOB@example.com"), {"bob@example.com"})
