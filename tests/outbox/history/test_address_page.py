"""The page of an address in the admin."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any
from unittest import mock

from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.db import connection
from django.test import TestCase, modify_settings, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse
from django.utils import timezone

from anymail import testing
from anymail.feedback import amazon_answer
from anymail.feedback.models import Bounce, Suppression
from anymail.feedback.recording import record
from anymail.outbox.history import mail_to
from anymail.outbox.history.address_admin import AddressAdmin
from anymail.outbox.models import Address, Entry, EntryTag, Event, Recipient, State
from anymail.suppressions import AmazonAnswer, AmazonListing

from ...ses import stubbed
from ..test_admin import stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.stub import Stubber

PAGE = reverse("admin:anymail_outbox_address_changelist")
REMOVE = "delete_suppressed_destination"
#: What the tests of Amazon's list do not ask for.
NOT_LISTED = AmazonAnswer()


def sent(
    subject: str, address: str, message_id: str, state: str = State.SENT, **columns: Any
) -> Entry:
    """A mail that SES has accepted."""
    now = timezone.now()
    message = EmailMessage(subject, "Hello", None, [address])
    return stored(
        state, message, status="sent", message_id=message_id, **{"posted_at": now, **columns}
    )


def report(kind: str, address: str, message_id: str, **details: Any) -> None:
    """Store an event of SES, as the apps do."""
    document = testing.ses_event({"bounced": "bounce"}[kind], **details) if details else None
    fields = {} if document is None else {"esp_event": document}
    record(testing.tracking_event(kind, recipient=address, message_id=message_id, **fields))


class AddressPageTestCase(TestCase):
    user: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.user = User.objects.create_superuser("root")
        cls.receipt = sent("Your receipt", "Ann@example.com", "ann-1")
        report("delivered", "Ann@example.com", "ann-1")
        Event._default_manager.create(
            message_id="ann-1",
            key="1",
            event_type="opened",
            address="Ann@example.com",
            address_key="ann@example.com",
        )
        EntryTag._default_manager.create(entry=cls.receipt, tag="receipt")
        cls.reset = sent("Reset your password", "bob@example.com", "bob-1", content=None)
        report("bounced", "bob@example.com", "bob-1")
        bounce = Bounce.objects.get(mail_id="bob-1")
        Suppression.objects.suppress(
            ["bob@example.com"], "hard_bounce", event_id=bounce.sns_messageid, note="a note"
        )
        report("complained", "carl@example.com", "gone")

    receipt: Entry
    reset: Entry

    def setUp(self) -> None:
        self.client.force_login(self.user)
        patch = mock.patch.object(amazon_answer, "_asked", return_value=NOT_LISTED)
        self.amazon = patch.start()
        self.addCleanup(patch.stop)
        settings = override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["hard_bounce"]})
        settings.enable()
        self.addCleanup(settings.disable)
        cache.clear()

    def login_with(self, *permissions: str) -> None:
        user, _ = User.objects.get_or_create(username="staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        self.client.force_login(user)

    def page(self, address: str, **params: Any) -> Any:
        response = self.client.get(PAGE, {"q": address, **params})
        self.assertEqual(response.status_code, 200)
        return response

    def subjects(self, page: Any) -> list[str]:
        return [mail.row.entry.subject for mail in page.context["page"].mails]


class AnswerTests(AddressPageTestCase):
    def test_the_index_leads_to_it(self) -> None:
        self.login_with("view_address")
        index = self.client.get(reverse("admin:index"))
        self.assertContains(index, f'<a href="{PAGE}">Addresses</a>', html=True)
        self.assertContains(self.client.get(PAGE), 'name="q"')

    def test_it_needs_a_permission(self) -> None:
        self.login_with("view_entry")
        self.assertEqual(self.client.get(PAGE, {"q": "ann@example.com"}).status_code, 403)

    def test_an_address_is_found_in_every_spelling(self) -> None:
        sent("Umlaut", "jörg@bücher.example", "4")
        sent("Quoted", '"a b"@example.com', "5")
        for spelling, subject in (
            (" ann@EXAMPLE.com ", "Your receipt"),
            ("Ann Smith <ANN@example.com>", "Your receipt"),
            ("ann@example.com.", "Your receipt"),
            ("JÖRG@xn--bcher-kva.example", "Umlaut"),
            ('"A B"@example.com', "Quoted"),
        ):
            with self.subTest(spelling):
                self.assertEqual(self.subjects(self.page(spelling)), [subject])

    def test_the_first_sentence_says_what_became_of_the_last_mail(self) -> None:
        for address, text in (
            ("ann@example.com", "^The last mail, “Your receipt”, was delivered .+ was opened on"),
            ("bob@example.com", "^The last mail, “Reset your password”, bounced on .+: Permanent"),
            ("carl@example.com", "^No mail to it is in the log"),
            ("nobody@example.com", "^Nobody has sent anything to it"),
        ):
            with self.subTest(address):
                self.assertRegex(str(self.page(address).context["sentence"]), text)

    def test_what_people_ask_for_is_answered_at_a_glance(self) -> None:
        def answers(address: str) -> dict[str, bool]:
            return {
                str(one.name): one.at is not None for one in self.page(address).context["facts"]
            }

        self.assertEqual(
            answers("ann@example.com"),
            {
                "Last sent": True,
                "Last delivered": True,
                "Last opened": True,
                "Last bounced": False,
                "Last reported as spam": False,
                "Suppressed here": False,
                "Suppressed at Amazon": False,
            },
        )
        self.assertTrue(answers("bob@example.com")["Last bounced"])
        self.assertTrue(answers("bob@example.com")["Suppressed here since"])
        self.assertTrue(answers("carl@example.com")["Last reported as spam"])

    def test_what_no_address_is_gives_a_hint(self) -> None:
        for term in ("ann", "x" * 10_000, "@" * 10_000, "\x00", "%_"):
            self.assertContains(self.client.get(PAGE, {"q": term}), "Enter one whole address")

    def test_hostile_terms_are_no_error(self) -> None:
        for term in ("%00@x.test", "%ED%A0%80@x.test", "%25_@%25", "a@" + "b." * 300, "<b>@x.test"):
            with self.subTest(term):
                page = self.client.get(
                    f"{PAGE}?q={term}&before=1&events-before=2026-99-99T00:00&amazon=x"
                )
                self.assertEqual(page.status_code, 200)
                self.assertNotContains(page, "<b>@")

    def test_wildcards_of_sql_find_only_themselves(self) -> None:
        self.assertEqual(self.subjects(self.page("%@example.com")), [])
        self.assertEqual(self.subjects(self.page("_nn@example.com")), [])

    def test_an_address_has_no_pages_that_change_it(self) -> None:
        for page in ("add/", "1/", "1/change/", "1/delete/", "1/history/"):
            self.assertEqual(self.client.get(PAGE + page).status_code, 404)
        self.assertEqual(self.client.post(PAGE, {"action": "delete_selected"}).status_code, 405)

    @override_settings(USE_TZ=False)
    def test_without_time_zones(self) -> None:
        self.assertContains(self.page("ann@example.com"), "Your receipt")


class MailTests(AddressPageTestCase):
    def test_a_mail_has_its_details_and_leads_to_its_page(self) -> None:
        page = self.page("ann@example.com")
        url = reverse("admin:anymail_outbox_entry_change", args=[self.receipt.pk])
        self.assertContains(page, f'<a href="{url}">Your receipt</a>', html=True)
        for text in ("to, mailer default", "receipt", "Delivered", "Opened"):
            self.assertContains(page, text)

    def test_who_may_not_see_messages_sees_no_subject_and_no_link(self) -> None:
        self.login_with("view_address")
        page = self.page("ann@example.com")
        self.assertNotContains(page, "receipt")
        self.assertNotContains(page, str(self.receipt.pk))
        self.assertContains(page, "The last mail was delivered on")

    def test_a_mail_can_be_sent_again_if_its_content_is_stored(self) -> None:
        self.assertNotContains(self.page("bob@example.com"), "Send again…")
        self.assertContains(self.page("bob@example.com"), "Its content is not stored.")
        page = self.page("ann@example.com").content.decode()
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        [target] = re.findall(r'<form method="post" action="([^"]+/send-again/chosen/)"', page)
        self.assertContains(self.client.post(target, hidden), "1 message will be sent again")

    def test_sending_again_needs_a_permission(self) -> None:
        self.login_with("view_address", "view_entry")
        self.assertNotContains(self.page("ann@example.com"), "Send again")

    def test_older_mail_is_on_further_pages_each_once(self) -> None:
        entries = [sent(f"Mail {number}", "dora@example.com", f"d{number}") for number in range(7)]
        twice = {"entry": entries[4], "kind": "bcc", "status": "sent"}
        both = {"address": "Dora@example.com", "address_key": "dora@example.com"}
        Recipient._default_manager.create(**twice, **both)
        shown: list[str] = []
        params: dict[str, str] = {}
        with mock.patch.object(mail_to, "PAGE", 3):
            while True:
                page = self.page("dora@example.com", **params)
                shown += self.subjects(page)
                older = re.findall(r"before=([0-9a-f-]+)\"", page.content.decode())
                if not older:
                    break
                params = {"before": older[0]}
        expected = [f"Mail {number}" for number in (6, 5, 4, 4, 3, 2, 1, 0)]
        self.assertEqual(shown, expected)
        self.assertContains(page, "Everything about this address")

    def test_as_many_queries_for_one_mail_as_for_fifty(self) -> None:
        def count(**params: str) -> int:
            with CaptureQueriesContext(connection) as queries:
                self.page("ann@example.com", **params)
            for query in queries:
                self.assertNotIn("COUNT(", query["sql"])
            return len(queries)

        report("bounced", "ann@example.com", "other")
        Suppression.objects.suppress(["ann@example.com"], event_id="unknown")
        count()
        before = count()
        for number in range(60):
            entry = sent("Hi", "ann@example.com", f"m{number}")
            EntryTag._default_manager.create(entry=entry, tag=f"tag {number}")
            report("delivered", "ann@example.com", f"m{number}")
            report("bounced", "ann@example.com", f"other{number}")
        self.assertLessEqual(count(), before)
        self.assertLessEqual(before, 20)

    def test_what_became_of_it_for_somebody_else_is_not_told(self) -> None:
        message = EmailMessage("Both", "Hi", None, ["ann@example.com", "eve@example.com"])
        stored(State.SENT, message, status="sent", message_id="both")
        report("bounced", "eve@example.com", "both")
        self.assertIn("“Both”, was sent on", self.page("ann@example.com").context["sentence"])
        self.assertIn("“Both”, bounced on", self.page("eve@example.com").context["sentence"])

    def test_the_content_is_not_read(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            self.page("ann@example.com")
        read = [query["sql"].partition("FROM")[0] for query in queries]
        content = f"{connection.ops.quote_name('content')},"
        self.assertFalse([sql for sql in read if content in sql and "AS" not in sql])


class EventTests(AddressPageTestCase):
    def test_events_are_shown_the_newest_first(self) -> None:
        report("bounced", "ann@example.com", "elsewhere")
        events = self.page("ann@example.com").context["events"]
        times = [one.happening.at for one in events]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual({one.happening.kind for one in events}, {"bounced", "opened", "delivered"})

    def test_an_event_of_a_mail_in_the_log_leads_to_it(self) -> None:
        events = self.page("bob@example.com").context["events"]
        self.assertEqual([one.link.entry_id for one in events], [self.reset.pk])
        with mock.patch.object(mail_to, "PAGE", 1):
            sent("Newer", "bob@example.com", "bob-2")
            page = self.page("bob@example.com")
        self.assertEqual(self.subjects(page), ["Newer"])
        self.assertEqual([one.link.entry_id for one in page.context["events"]], [self.reset.pk])

    def test_an_event_of_a_mail_that_is_not_there_has_its_id(self) -> None:
        self.assertContains(self.page("carl@example.com"), "<td>gone</td>", html=True)

    def test_every_event_can_be_reached(self) -> None:
        for number in range(4):
            report("bounced", "ann@example.com", f"e{number}")
        pages: list[list[str]] = []
        older = ""
        with mock.patch("anymail.outbox.history.address_page.EVENTS", 2):
            for _ in range(3):
                page = self.client.get(f"{PAGE}?q=ann@example.com{older}")
                pages.append([one.happening.message_id for one in page.context["events"]])
                found = re.search('&amp;events-before=[^"]+', page.content.decode())
                older = unescape(found[0]) if found else ""
        self.assertEqual(older, "")
        self.assertEqual(
            sorted(one for shown in pages for one in shown),
            ["ann-1", "ann-1", "e0", "e1", "e2", "e3"],
        )
        self.assertEqual([len(one) for one in pages], [2, 2, 2])
        self.assertNotContains(page, "Mail to it")

    def test_the_last_bounce_is_known_however_much_came_after_it(self) -> None:
        for number in range(4):
            report("delivered", "bob@example.com", f"e{number}")
        with mock.patch("anymail.outbox.history.address_page.EVENTS", 2):
            page = self.page("bob@example.com")
        self.assertNotIn("bounced", [one.happening.kind for one in page.context["events"]])
        [bounced] = [one for one in page.context["facts"] if one.name == "Last bounced"]
        self.assertTrue(bounced.at)


class SuppressionTests(AddressPageTestCase):
    def test_since_when_and_why_it_is_suppressed_here(self) -> None:
        page = self.page("bob@example.com")
        [(listing, link)] = page.context["listings"]
        self.assertEqual((listing.cause, link.entry_id), ("Permanent, General", self.reset.pk))
        for text in ("a note", "hard bounce: Permanent, General", "somebody lifts it"):
            self.assertContains(page, text)
        self.assertContains(page, "No mail is sent to it")

    def test_an_entry_without_effect_is_shown_as_such(self) -> None:
        past = timezone.now() - timedelta(days=1)
        Suppression.objects.suppress(["ann@example.com"], expires_at=past)
        Suppression.objects.suppress(["carl@example.com"], "complaint")
        for address, text in (
            ("ann@example.com", "It has expired."),
            ("carl@example.com", "does not name this reason"),
        ):
            page = self.page(address)
            self.assertContains(page, text)
            self.assertNotContains(page, "No mail is sent to it")
        with override_settings(ANYMAIL={}):
            self.assertContains(self.page("bob@example.com"), "FEEDBACK_SUPPRESS is empty")

    def test_since_when_and_why_it_is_suppressed_at_amazon(self) -> None:
        since = timezone.now() - timedelta(days=400)
        for message_id, shown in (("bob-1", "Reset your password"), ("other-1", "other-1")):
            listing = AmazonListing(reason="bounce", since=since, message_id=message_id)
            self.amazon.return_value = AmazonAnswer(listing=listing)
            cache.clear()
            page = self.page("bob@example.com")
            section = page.content.decode().partition("At Amazon</th>")[2].partition("</tr>")[0]
            self.assertIn(shown, section)
            self.assertIn(str(since.year), section)
            self.assertContains(page, "Amazon SES accepts mail to it, and then")

    def test_amazon_is_asked_for_the_spelling_that_mail_was_sent_to(self) -> None:
        self.page("ann@EXAMPLE.com")
        self.amazon.assert_called_once_with(["Ann@example.com"])

    def test_why_amazon_has_not_answered(self) -> None:
        self.amazon.return_value = AmazonAnswer(problem="Amazon is away.")
        page = self.page("ann@example.com")
        self.assertContains(page, "Amazon is away.")
        self.assertContains(page, "not known")

    def test_that_its_global_list_cannot_be_asked(self) -> None:
        self.assertContains(self.page("ann@example.com"), "global suppression list cannot be asked")
        report(
            "bounced", "ann@example.com", "5", bounceType="Permanent", bounceSubType="Suppressed"
        )
        self.assertContains(self.page("ann@example.com"), "A bounce of the subtype Suppressed")

    def test_who_may_not_see_the_list_does_not_ask(self) -> None:
        self.login_with("view_address")
        page = self.page("bob@example.com")
        self.assertNotContains(page, "Suppress")
        self.amazon.assert_not_called()

    def test_an_address_is_suppressed_there(self) -> None:
        page = self.page("ann@example.com")
        [(name, link)] = page.context["suppression_actions"]
        self.assertEqual(name, "suppress")
        self.assertContains(self.client.get(link), 'value="Ann@example.com"')
        form = {"address": "Ann@example.com", "reason": "manual", "note": "asked by phone"}
        done = self.client.post(link, form, follow=True)
        self.assertContains(done, "asked by phone")
        self.assertContains(done, "No mail is sent to it")
        self.assertEqual(LogEntry.objects.get().user, self.user)

    def test_a_suppression_is_lifted_there(self) -> None:
        [(name, link)] = self.page("bob@example.com").context["suppression_actions"]
        self.assertEqual(name, "lift")
        asked = self.client.get(link)
        self.assertContains(asked, "<li>bob@example.com</li>", html=True)
        self.assertContains(self.client.post(link, {"note": ""}), "This field is required.")
        self.assertTrue(Suppression.objects.exists())
        done = self.client.post(link, {"note": "has a new mailbox"}, follow=True)
        self.assertEqual(done.context["address"], "bob@example.com")
        self.assertNotContains(done, "No mail is sent to it")
        self.assertEqual(LogEntry.objects.get().change_message, "has a new mailbox")

    def lift_everywhere(self, stub_removal: Callable[[Stubber], None]) -> Any:
        """Click through it."""
        self.amazon.return_value = AmazonAnswer(listing=AmazonListing(reason="bounce"))
        actions = self.page("bob@example.com").context["suppression_actions"]
        self.assertEqual([name for name, _ in actions], ["lift-everywhere", "lift"])
        link = dict(actions)["lift-everywhere"]
        self.assertContains(self.client.get(link), "Amazon's suppression list", html=False)
        self.amazon.return_value = NOT_LISTED
        with stubbed("sesv2") as stub:
            stub_removal(stub)
            return self.client.post(link, {"note": "has a new mailbox"}, follow=True)

    def test_a_suppression_is_lifted_here_and_at_amazon(self) -> None:
        done = self.lift_everywhere(lambda stub: stub.add_response(REMOVE, {}))
        self.assertContains(done, "1 address gets mail again.")
        self.assertFalse(Suppression.objects.filter(address="bob@example.com").exists())
        self.assertEqual(
            sorted(LogEntry.objects.values_list("object_repr", "change_message")),
            [
                ("bob@example.com", "At Amazon: has a new mailbox"),
                ("bob@example.com (hard bounce)", "has a new mailbox"),
            ],
        )
        self.assertIsNone(done.context["amazon_listing"])  # Amazon was asked again

    def test_if_amazon_refuses_nothing_is_lifted(self) -> None:
        refused = ("AccessDeniedException", "not authorized", 403)
        done = self.lift_everywhere(lambda stub: stub.add_client_error(REMOVE, *refused))
        self.assertContains(done, "Nothing was lifted, because")
        self.assertTrue(Suppression.objects.filter(address="bob@example.com").exists())
        self.assertFalse(LogEntry.objects.exists())

    def test_what_is_done_there_needs_permissions(self) -> None:
        self.login_with("view_address", "view_suppression")
        link = f"{reverse('admin:anymail_feedback_suppression_lift')}?address=bob@example.com"
        for address in ("ann@example.com", "bob@example.com"):
            self.assertEqual(self.page(address).context["suppression_actions"], [])
        self.assertEqual(self.client.post(link, {"note": "x"}).status_code, 403)
        self.login_with("view_address", "view_suppression", "lift_suppression")
        self.assertEqual(self.client.post(link, {"note": "x"}).status_code, 302)

    def test_nobody_is_sent_to_another_site(self) -> None:
        link = reverse("admin:anymail_feedback_suppression_lift")
        query = {"address": "bob@example.com", "next": "https://evil.example/"}
        done = self.client.post(link, {"note": "x"}, query_params=query)
        self.assertEqual(done.url, reverse("admin:anymail_feedback_suppression_changelist"))

    def test_lifting_needs_an_address(self) -> None:
        link = reverse("admin:anymail_feedback_suppression_lift")
        for address in ("", "bob", "\x00"):
            self.assertEqual(self.client.get(link, {"address": address}).status_code, 404)


class LinkTests(AddressPageTestCase):
    """Other pages lead there."""

    def test_from_a_bounce_and_from_a_suppressed_address(self) -> None:
        for row in (Bounce.objects.get(), Suppression.objects.get()):
            name = f"admin:anymail_feedback_{row._meta.model_name}_change"
            page = self.client.get(reverse(name, args=[row.pk]))
            self.assertContains(page, f'href="{PAGE}?q=bob%40example.com"')

    def test_from_a_search_for_messages(self) -> None:
        messages = reverse("admin:anymail_outbox_entry_changelist")
        page = self.client.get(messages, {"q": "ann@example.com"})
        self.assertContains(page, f'href="{PAGE}?q=ann%40example.com"')
        self.assertNotContains(self.client.get(messages, {"q": "ann"}), f"{PAGE}?q=")

    def test_only_for_those_who_may_see_it(self) -> None:
        self.login_with("view_entry")
        messages = reverse("admin:anymail_outbox_entry_changelist")
        self.assertNotContains(self.client.get(messages, {"q": "ann@example.com"}), f"{PAGE}?q=")


other_site = AdminSite(name="other")
other_site.register(Address, AddressAdmin)
urlpatterns = [path("other/", other_site.urls)]


@override_settings(ROOT_URLCONF="tests.outbox.history.test_address_page")
class OtherSiteTests(AddressPageTestCase):
    """A site of the project's own, that has this page only."""

    def test_the_page_works(self) -> None:
        page = self.client.get("/other/anymail_outbox/address/", {"q": "bob@example.com"})
        self.assertContains(page, "The last mail bounced on")
        self.assertContains(page, "a note")
        self.assertEqual(page.context["suppression_actions"], [])

    @modify_settings(INSTALLED_APPS={"remove": "tests.feedback.DisconnectedFeedback"})
    def test_it_works_without_the_feedback_app(self) -> None:
        page = self.client.get("/other/anymail_outbox/address/", {"q": "bob@example.com"})
        self.assertContains(page, "was sent on")
        self.assertNotContains(page, "Suppress")
