"""The sandbox's page, one request at a time; tests/sandbox/test_browser.py uses it as a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from html import unescape
from threading import Timer
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import quote

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import Client, SimpleTestCase, TestCase, override_settings
from django.urls import include, path

from anymail import signals, testing
from anymail.exceptions import AnymailAPIError
from anymail.feedback.models import Suppression
from anymail.message import AnymailMessage, AnymailRecipientStatus
from anymail.sandbox import SandboxError, own_site, samples
from anymail.sandbox.aws.sns.subscription import Subscription
from anymail.sandbox.journal import (
    Attempt,
    Journal,
    Post,
    ReceivedMail,
    SentMail,
    SesEvent,
    now,
)
from anymail.sandbox.page import previews, sending
from anymail.sandbox.page.apps import connect, version
from anymail.sandbox.page.contents import content_of
from anymail.sandbox.page.fields import AddressesField
from anymail.sandbox.page.forms import ComposeForm
from anymail.sandbox.page.rendering import VERSION_HEADER
from anymail.sandbox.page.templatetags.anymail_sandbox import linked
from anymail.sandbox.page.views_mails import PAGE_LENGTH

from ..clock import cpu_growth
from ..hostile_mail import mutations
from ..ses import CREDENTIALS

TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
WEBHOOK = "http://127.0.0.1:8025/anymail/amazon_ses/tracking/"
PASSED = dict.fromkeys(("spam", "virus", "spf", "dkim", "dmarc"), "PASS")
PAGES = ("/", "/compose/", "/outbox/", "/inbox/", "/inbox/receive/", "/settings/")
POSTS = (
    *("/compose/", "/compose/sample/", "/outbox/crash/", "/inbox/receive/", "/inbox/sample/"),
    "/settings/empty/",
)
SUPPRESSIONS = 'href="/admin/anymail_feedback/suppression/"'
VIEWS = ("html", "text", "headers", "source", "files")
PNG = (samples.FOLDER / "cup.png").read_bytes()
TEST_BACKEND = "anymail.backends.test.EmailBackend"


class LocalAws:
    """What the page needs of the Amazon side, with nothing behind it."""

    url = "http://127.0.0.1:8026"
    sites: Sequence[str] | None = None
    outbox: Any = None
    settings_text = 'ANYMAIL = {"AMAZON_SES_CLIENT_PARAMS": {}}'

    def __init__(self) -> None:
        self.journal = Journal()
        self.templates: list[str] = []
        self.subscriptions: list[SimpleNamespace] = []
        self.received: list[tuple[bytes, dict[str, Any]]] = []
        self.refusal: str | None = None

    @property
    def sns(self) -> LocalAws:
        return self

    def webhooks(self) -> list[SimpleNamespace]:
        return self.subscriptions

    def client(self, service: str) -> LocalAws:
        return self

    def list_templates(self, **_params: Any) -> dict[str, Any]:
        return {"TemplatesMetadata": [{"Name": name} for name in self.templates]}

    def describe_active_receipt_rule_set(self) -> dict[str, Any]:
        return {"Rules": [{"Name": "s3", "Enabled": True}, {"Name": "off", "Enabled": False}]}

    def receive(
        self, raw: bytes, *, sender: str, recipients: Sequence[str], **options: Any
    ) -> ReceivedMail:
        if self.refusal:
            raise SandboxError(self.refusal)
        self.received.append((raw, {"sender": sender, "recipients": recipients, **options}))
        return add_received(self.journal, raw, sender=sender, recipients=list(recipients))


@override_settings(
    INSTALLED_APPS=[*settings.INSTALLED_APPS, "anymail.sandbox.page"],
    MIDDLEWARE=own_site.MIDDLEWARE,
    ROOT_URLCONF="anymail.sandbox.urls",
)
class PageTestCase(TestCase):
    def setUp(self) -> None:
        self.amazon = LocalAws()
        self.journal = self.amazon.journal
        connect(self.amazon)
        self.addCleanup(connect, None)
        apps.get_app_config("anymail_sandbox").ready()
        self.addCleanup(signals.tracking.disconnect, dispatch_uid="anymail.sandbox.page")
        self.addCleanup(signals.inbound.disconnect, dispatch_uid="anymail.sandbox.page")

    def get(self, url: str, status: int = 200) -> str:
        response = self.client.get(url)
        self.assertEqual(response.status_code, status)
        return response.content.decode()

    def text(self, url: str, part: str = "main") -> str:
        """What can be read on a page, on one line."""
        return readable(element(self.get(url), part))

    @contextmanager
    def sending(self, answer: Any = None) -> Iterator[None]:
        """Both APIs put messages into the outbox, or answer as the test backend is told to."""
        backends = mock.patch.dict(sending.BACKENDS, v1=TEST_BACKEND, v2=TEST_BACKEND)
        response = mock.patch.object(AnymailMessage, "anymail_test_response", answer, create=True)
        with backends, response:
            yield


class FakeSubscription(SimpleNamespace):
    url, trouble = Subscription.url, Subscription.trouble


def subscription(
    url: str, *, is_confirmed: bool = True, last_attempt: Attempt | None = None
) -> SimpleNamespace:
    topic = SimpleNamespace(name=TOPIC.rpartition(":")[2])
    return FakeSubscription(
        topic=topic, endpoint=url, is_confirmed=is_confirmed, last_attempt=last_attempt
    )


def element(html: str, part: str) -> str:
    """An element by its name or ``#id``, to the end of the page."""
    found = re.search(rf'id="{part[1:]}"' if part.startswith("#") else f"<{part}", html)
    assert found, f"there is no {part}"
    return html[html.rindex("<", 0, found.end()) :]


def readable(html: str) -> str:
    """The text of HTML, on one line."""
    html = re.sub(r"</?(?:a|b|bdi|code|i|span)\b[^>]*>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def source(
    html: str = "", *, text: str = "Hello", subject: str = "A subject", **headers: str
) -> bytes:
    message = AnymailMessage(subject, text, "Tea Shop <orders@tea.example>", ["ann@example.com"])
    message.extra_headers.update(headers)
    if html:
        message.attach_alternative(html, "text/html")
    return message.message().as_bytes()


def add_sent(journal: Journal, raw: bytes | None = None, **fields: Any) -> SentMail:
    sent = SentMail(
        **{
            "id": f"mail-{len(journal.sent())}",
            "operation": "SendRawEmail",
            "region": "us-east-1",
            "source": "orders@tea.example",
            "recipients": ["ann@example.com"],
            "raw": source() if raw is None else raw,
            **fields,
        }
    )
    journal.add_sent(sent)
    return sent


def add_received(journal: Journal, raw: bytes | None = None, **fields: Any) -> ReceivedMail:
    received = ReceivedMail(
        **{
            "id": f"received-{len(journal.received())}",
            "sender": "zoe@example.net",
            "recipients": ["support@tea.example"],
            "raw": source() if raw is None else raw,
            "rule": "s3",
            "action": "S3",
            "verdicts": PASSED,
            **fields,
        }
    )
    journal.add_received(received)
    return received


def happen(
    journal: Journal, to: SentMail, kind: str, recipient: Any = None, **detail: Any
) -> SesEvent:
    """An event that SES published, and that nobody has heard of yet."""
    document = testing.ses_event(kind, recipient=recipient or to.recipients, **detail)
    document["mail"]["destination"] = to.recipients
    event = SesEvent(kind=document["eventType"], document=document, topic_arns=[TOPIC])
    journal.add_event(to, event)
    return event


def badges(html: str, of: SentMail) -> list[str]:
    listed = element(html, f"#b-{of.id}").partition("</ul>")[0]
    return [readable(badge) for badge in re.findall(r"<li class=.badge.*?</li>", listed)]


def attached(kind: str, content: bytes, disposition: str = 'attachment; filename="x"') -> bytes:
    """A mail with one attachment."""
    head = f"Content-Type: {kind}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\ntext\r\n"
        b"--b\r\n" + head + content + b"\r\n--b--\r\n"
    )


class SecurityTests(PageTestCase):
    def test_every_page_has_a_strict_policy(self):
        User.objects.create_superuser("sandbox")
        for url in (*PAGES, "/admin/", "/nothing/"):
            with self.subTest(url):
                response = self.client.get(url)
                policy = response["Content-Security-Policy"]
                self.assertIn("default-src 'self';", policy)
                self.assertIn("frame-ancestors 'none'", policy)
                self.assertNotIn("unsafe", policy)
                self.assertEqual(response["X-Content-Type-Options"], "nosniff")
                self.assertEqual(response["Cross-Origin-Resource-Policy"], "same-origin")

    def test_no_page_needs_inline_scripts_or_styles(self):
        sent = add_sent(self.journal, source("<p style='color: red' onclick='x()'>HTML</p>"))
        happen(self.journal, sent, "send")
        for url in (*PAGES, "/messages/mail-0/", "/messages/mail-0/?show=files"):
            with self.subTest(url):
                html = self.get(url)
                self.assertNotRegex(html, r"<script(?![^>]* src=)|<style|<[^>]+ (style|on\w+)=")
                self.assertNotRegex(html, r'(src|href)="(https?:)?//')

    @override_settings(ALLOWED_HOSTS=["127.0.0.1"])
    def test_other_host_names_are_refused(self):
        response = self.client.get("/", headers={"host": "evil.example"})
        self.assertEqual(response.status_code, 400)

    def test_every_change_needs_a_token(self):
        client = Client(enforce_csrf_checks=True)
        for url in POSTS:
            with self.subTest(url):
                response = client.post(url)
                self.assertEqual(response.status_code, 403)
                self.assertContains(response, "The form has expired", status_code=403)

    def test_every_form_has_the_token(self):
        add_sent(self.journal)
        Suppression.objects.suppress(["ann@example.com"])
        for url in PAGES:
            for form in re.findall(r'<form[^>]*method="post".*?</form>', self.get(url), re.DOTALL):
                self.assertIn("csrfmiddlewaretoken", form, url)

    def test_looking_changes_nothing(self):
        for url in set(POSTS) - set(PAGES):
            self.get(url, status=405)

    def test_the_visitor_is_logged_in_to_the_admin(self):
        User.objects.create_superuser("sandbox")
        self.assertIn("suppressed addresses", self.get("/admin/").lower())


class EmptyTests(PageTestCase):
    def test_pages_are_there_before_anything_happened(self):
        for url in PAGES:
            with self.subTest(url):
                self.assertRegex(self.get(url), "<h1>.+</h1>")

    def test_the_list_says_what_to_do_next(self):
        html = self.get("/")
        self.assertIn("No messages yet", html)
        self.assertIn('href="/compose/"', element(html, "main"))
        self.assertIn('action="/compose/sample/"', html)
        self.assertIn(self.amazon.settings_text, unescape(html))

    def test_the_inbox_says_what_to_do_next(self):
        html = self.get("/inbox/")
        self.assertIn('href="/inbox/receive/"', html)
        self.assertIn('action="/inbox/sample/"', html)


class ListTests(PageTestCase):
    def test_a_row_says_what_who_and_when(self):
        raw = source(subject="Grüße", **{"X-Tag": "spring"})
        recipients = ["a@example.com", "b@example.com", "c@example.com"]
        at = datetime(2026, 3, 4, 5, 6, 7).astimezone()
        add_sent(self.journal, raw, recipients=recipients, at=at)
        row = self.text("/", "#rows")
        for said in ("Grüße", "Tea Shop", "a@example.com, b@example.com", "and 1 more", "spring"):
            self.assertIn(said, row)
        self.assertIn("05:06:07", row)

    def test_the_newest_comes_first(self):
        add_sent(self.journal, source(subject="first"))
        add_sent(self.journal, source(subject="second"))
        html = self.get("/")
        self.assertLess(html.index("second"), html.index("first"))

    def test_a_message_without_a_subject_can_be_opened(self):
        add_sent(self.journal, b"From: a@example.com\r\n\r\nHello")
        self.assertIn("No subject", element(self.get("/"), 'a href="/messages/mail-0/"'))

    def test_a_template_that_was_not_rendered_is_named(self):
        add_sent(self.journal, b"", template="welcome")
        self.assertIn("Template “welcome” was not rendered", self.text("/"))

    def test_each_outcome_has_a_badge(self):
        sent = add_sent(self.journal, recipients=["a@x.example", "b@x.example", "c@x.example"])
        self.assertEqual(badges(self.get("/"), sent), ["3 accepted"])
        happen(self.journal, sent, "send")
        happen(self.journal, sent, "delivery", "a@x.example")
        happen(self.journal, sent, "bounce", "B@x.example")
        self.assertEqual(badges(self.get("/"), sent), ["sent", "delivered", "bounced"])

    def test_what_comes_later_does_not_hide_what_matters(self):
        sent = add_sent(self.journal)
        happen(self.journal, sent, "complaint")
        happen(self.journal, sent, "open")
        self.assertEqual(badges(self.get("/"), sent), ["complained"])

    def test_an_automatic_reply_is_no_bounce(self):
        sent = add_sent(self.journal)
        happen(self.journal, sent, "delivery")
        auto = {"bounceType": "Transient", "bounceSubType": "General", "reportingMTA": None}
        happen(self.journal, sent, "bounce", **auto)
        self.assertEqual(badges(self.get("/"), sent), ["auto-reply"])

    def test_an_open_that_could_be_anybodys_is_nobodys(self):
        sent = add_sent(self.journal, recipients=["a@x.example", "b@x.example"])
        happen(self.journal, sent, "delivery")
        happen(self.journal, sent, "open")
        self.assertEqual(badges(self.get("/"), sent), ["2 delivered", "opened"])

    def test_search_needs_every_word_in_any_place(self):
        add_sent(self.journal, source(subject="Spring offer"), recipients=["zoe@example.net"])
        add_sent(self.journal, source(subject="Spring cleaning"))
        found = self.text("/?q=SPRING+zoe@")
        self.assertIn("Spring offer", found)
        self.assertNotIn("Spring cleaning", found)
        self.assertIn("Nothing found for “winter”", self.text("/?q=winter"))

    def test_search_finds_what_is_in_the_text_and_in_the_html(self):
        add_sent(self.journal, source(text="Your code is 4711", subject="Code"))
        add_received(self.journal, source("<p>Grüne <b>Tasse</b></p>", text="x", subject="Tea"))
        self.assertIn("Code", self.text("/?q=4711", "#rows"))
        self.assertIn("Tea", self.text("/inbox/?q=grüne+tasse", "#rows"))

    def test_long_lists_have_pages(self):
        for number in range(PAGE_LENGTH + 1):
            add_sent(self.journal, source(subject=f"number {number}."))
        first, second = self.get("/"), self.get("/?page=2")
        self.assertNotIn("number 0.", first)
        self.assertIn("number 0.", second)
        self.assertNotIn(f"number {PAGE_LENGTH}.", second)
        self.assertIn("page=2", first)

    def test_the_script_gets_no_page_while_nothing_happens(self):
        for url in PAGES:
            response = self.client.get(url, headers={VERSION_HEADER: version()})
            self.assertEqual((response.status_code, response.content), (204, b""), url)

    def test_the_script_gets_the_page_when_something_happened(self):
        before = version()
        sent = add_sent(self.journal)
        for url in ("/", "/messages/mail-0/"):
            response = self.client.get(url, headers={VERSION_HEADER: before})
            self.assertContains(response, f'data-version="{version()}"')
        before = version()
        happen(self.journal, sent, "send")
        self.assertEqual(self.client.get("/", headers={VERSION_HEADER: before}).status_code, 200)

    def test_what_happens_while_a_page_is_made_is_news_for_the_next(self):
        sent = add_sent(self.journal)
        before = version()

        def wants_images(_request: HttpRequest) -> bool:
            happen(self.journal, sent, "send")
            return False

        with mock.patch("anymail.sandbox.page.views_mails.wants_images", wants_images):
            html = self.get("/messages/mail-0/")
        self.assertIn("Waiting for the first event", html)
        self.assertIn(f'data-version="{before}"', html)

    def test_a_restarted_sandbox_has_other_versions(self):
        before = version()
        connect(LocalAws())
        self.assertNotEqual(version(), before)


class TimelineTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.sent = add_sent(self.journal)
        self.event = happen(self.journal, self.sent, "bounce", bounceSubType="NoEmail")

    def timeline(self) -> str:
        return self.text("/messages/mail-0/", "#timeline")

    def post(self, *attempts: Attempt, state: Any = "delivered", url: str = WEBHOOK) -> Post:
        post = Post(sns_id="sns-1", topic_arn=TOPIC, url=url)
        self.journal.add_post(self.event, post)
        for attempt in attempts:
            self.journal.add_attempt(post, attempt, state)
        return post

    def test_an_event_says_what_happened_to_whom(self):
        for said in ("Bounce", "ann@example.com", "Permanent: NoEmail"):
            self.assertIn(said, self.timeline())

    def test_an_event_says_how_much_later_it_was(self):
        object.__setattr__(self.event, "at", self.sent.at + timedelta(seconds=1.24))
        self.assertIn("+1.2 s", self.timeline())

    def test_an_open_of_several_recipients_says_one_of_them(self):
        self.sent.recipients.append("bob@example.com")
        happen(self.journal, self.sent, "open")
        self.assertIn("One of ann@example.com, bob@example.com", self.timeline())

    def test_a_queue_says_what_consumers_did(self):
        self.journal.add_published(self.event, "sns-1")
        for deleted, said in (
            (False, "Queue ses-events received, not deleted yet"),
            (False, "Queue ses-events received 2 times, not deleted yet"),
            (True, "Queue ses-events consumed"),
        ):
            self.journal.add_consumed("ses-events", "sns-1", deleted=deleted)
            self.assertIn(said, self.timeline())

    def test_a_webhook_that_asks_for_the_password_is_no_trouble(self):
        self.post(Attempt(status=200, challenged=True))
        self.assertRegex(self.timeline(), "Webhook 127.0.0.1:8025 200 webhook " + WEBHOOK)
        self.assertIn("200, asked for the password first", self.timeline())

    def test_a_webhook_that_knows_another_password_says_so(self):
        self.post(Attempt(status=401, challenged=True, error="Wrong."), state="failed")
        self.assertIn("401, asked for the password first: Wrong.", self.timeline())

    def test_without_the_script_there_is_a_way_to_see_more(self):
        self.assertIn('<noscript><p class="reload"><a href="">', self.get("/messages/mail-0/"))

    def test_retries_are_one_badge_and_listed_below_it(self):
        refused = Attempt(status=None, error="Connection refused")
        self.post(Attempt(status=503), refused, Attempt(status=200))
        self.assertEqual(self.get("/messages/mail-0/").count('<span class="badge '), 1)
        self.assertIn("Webhook 127.0.0.1:8025 200 at attempt 3", self.timeline())
        self.assertIn("no answer: Connection refused", self.timeline())

    def test_posts_say_what_comes_next(self):
        self.post(state="retrying")
        self.assertIn("on its way", self.timeline())
        self.post(Attempt(status=500), state="retrying")
        self.assertIn("500, will retry", self.timeline())
        self.post(*[Attempt(status=503)] * 7, state="failed")
        self.assertIn("503 (7 times), gave up", self.timeline())

    def test_events_that_nobody_hears_say_so(self):
        self.assertIn("Published; no webhook is subscribed.", self.timeline())
        self.amazon.sites = ["http://127.0.0.1:8000"]
        self.assertIn("Published; no webhook had confirmed", self.timeline())
        self.event.topic_arns.clear()
        self.assertIn("Not published", self.timeline())

    def test_the_signal_of_the_own_webhook_is_shown(self):
        self.post(Attempt(status=200))
        event = testing.tracking_event("bounced", event_id="sns-1", metadata={"order": 7})
        signals.tracking.send(sender=None, event=event, esp_name="Amazon SES")
        shown = self.timeline()
        self.assertIn("tracking signal: bounced", shown)
        self.assertIn("metadata {'order': 7}", shown)
        self.assertNotIn("click_url", shown)  # it says nothing

    def test_signals_without_a_local_amazon_are_nobodys_business(self):
        connect(None)
        signals.tracking.send(sender=None, event=testing.tracking_event(), esp_name="Amazon SES")

    def test_the_document_is_shown(self):
        self.assertIn('"bounceSubType": "NoEmail"', self.timeline())

    def test_long_texts_in_documents_are_cut(self):
        self.event.document["content"] = "x" * 100_000
        self.assertIn("characters)", self.timeline())
        self.assertLess(len(self.get("/messages/mail-0/")), 50_000)

    def test_what_cannot_be_encoded_breaks_no_page(self):
        self.event.document["content"] = "half a pair: \ud800"
        self.get("/messages/mail-0/")

    def test_hostile_documents_break_no_page(self):
        deep: Any = []
        for _ in range(500):
            deep = [deep]
        marked = {"<b>?</b>": "<b>?</b>"}
        for document in (
            {},
            {"mail": 3},
            {"eventType": "Bounce", "bounce": []},
            {"x": deep},
            marked,
        ):
            event = SesEvent(kind="<b>?</b>", document=document, topic_arns=[TOPIC])
            self.journal.add_event(self.sent, event)
        self.assertNotIn("<b>?</b>", self.get("/messages/mail-0/"))


class MessageTests(PageTestCase):
    def test_details(self):
        add_sent(
            self.journal,
            source(**{"X-Tag": "welcome", "X-Metadata": '{"order": 7}'}),
            id="0100-id",
            operation="v2 SendEmail",
            configuration_set="sandbox",
            template="hello",
            parameters={"TenantName": "acme", "OpenTrackingEnabled": "DISABLED"},
            message_tags={"campaign": ["spring", "summer"]},
            notes=["Nobody hears of the events."],
        )
        shown = self.text("/messages/0100-id/")
        for said in (
            *("0100-id", "v2 SendEmail in us-east-1", "Envelope sender orders@tea.example"),
            *("Envelope recipients ann@example.com", "Configuration set sandbox"),
            "Parameters TenantName acme OpenTrackingEnabled DISABLED",
            *("Template hello", "Tags welcome", "Metadata order 7", "campaign spring, summer"),
            "Nobody hears of the events.",
        ):
            self.assertIn(said, shown)
        self.assertRegex(shown, r"Time \d\d \w{3} \d{4}, \d\d:\d\d:\d\d \w+")

    def test_metadata_that_is_no_object_breaks_no_page(self):
        add_sent(self.journal, source(**{"X-Metadata": "[1, 2]"}))
        self.assertIn("Metadata [1, 2]", self.text("/messages/mail-0/"))

    def test_the_html_is_shown_first_if_there_is_any(self):
        add_sent(self.journal, source("<p>HTML</p>"))
        add_sent(self.journal, source())
        frame = f'<iframe sandbox="{previews.SANDBOX}" src="/messages/mail-0/preview/"'
        self.assertIn(frame, self.get("/messages/mail-0/"))
        self.assertNotIn("<iframe", self.get("/messages/mail-1/"))
        self.assertIn("Hello", self.text("/messages/mail-1/", "#text"))

    def test_tabs_are_links(self):
        add_sent(self.journal, source("<p>HTML</p>"))
        html = self.get("/messages/mail-0/?show=headers")
        for view in VIEWS:
            self.assertIn(f'href="?show={view}#content"', html)
        self.assertRegex(html, r'<a href="\?show=headers#content"[^>]* aria-current="true"')

    def test_an_unknown_tab_is_the_first(self):
        add_sent(self.journal, source("<p>HTML</p>"))
        self.assertIn("<iframe", self.get("/messages/mail-0/?show=nonsense"))

    def test_urls_in_the_text_are_links(self):
        text = "See https://a.example/?a=1&b=2. Not b.example, (http://c.example/d_(e)) <b>"
        add_sent(self.journal, source(text=text))
        shown = element(self.get("/messages/mail-0/"), "#text").partition("</pre>")[0]
        self.assertEqual(
            re.findall(r"<a (.*?)>(.*?)</a>", shown),
            [
                (f'href="{url}" target="_blank" rel="noopener noreferrer"', url)
                for url in ("https://a.example/?a=1&amp;b=2", "http://c.example/d_(e)")
            ],
        )
        self.assertEqual(readable(shown), text.replace("<b>", "<b>").strip())

    def test_hostile_urls_in_the_text_stay_text(self):
        for text in (
            'https://"onx=x',
            "https://<script>",
            "https://",
            "javascript:x",
            "http://.",
        ):
            self.assertEqual(linked(text).count("<a "), 0, text)
            self.assertEqual(unescape(linked(text)), text)
        self.assertNotIn("<script>", linked("<script> https://a.example/<script>"))
        linked("https://" + ")" * 200_000)
        linked("http" * 200_000)

    def test_words_from_right_to_left_stay_apart(self):
        hebrew = source(subject="\u05e9\u05dc\u05d5\u05dd \u202eabc")
        add_sent(self.journal, hebrew)
        add_received(self.journal, hebrew)
        for url in ("/messages/mail-0/", "/inbox/received-0/"):
            html = self.get(url)
            self.assertRegex(html, '<h1 dir="auto">[^<]*\u202e')
            self.assertRegex(html, "<title>&#x2068;[^<]*\u202eabc&#x2069; · ")
            self.assertIn(
                '<pre class="mail-text" id="text" tabindex="0" aria-label="Text" dir', html
            )
        for url in ("/", "/inbox/"):
            html = self.get(url)
            self.assertRegex(html, '<h2 dir="auto"><a [^>]*>[^<]*\u202e')
            self.assertIn("<bdi>Tea Shop</bdi>", html)

    def test_an_empty_body_says_so(self):
        add_sent(self.journal, source(" \n"))
        self.assertIn("The HTML is empty.", self.text("/messages/mail-0/"))

    def test_sender_and_recipients_are_words_of_their_own(self):
        add_sent(self.journal)
        add_received(self.journal)
        for url in ("/", "/messages/mail-0/", "/inbox/", "/inbox/received-0/"):
            self.assertIn("Tea Shop → to ", self.text(url))

    def test_headers_are_decoded(self):
        add_sent(self.journal, source(subject="Grüße aus Köln"))
        headers = self.text("/messages/mail-0/?show=headers", "#headers")
        self.assertIn("Subject Grüße aus Köln", headers)

    def test_the_source_is_as_it_was_sent(self):
        raw = b"Subject: caf\xe9 <b>\r\n\r\nHello"
        add_sent(self.journal, raw)
        self.assertIn(r"Subject: caf\xe9 <b>", self.source_tab())
        response = self.client.get("/messages/mail-0/source/")
        self.assertEqual(response.content, raw)
        self.assertEqual(response["Content-Disposition"], 'attachment; filename="mail-0.eml"')

    def source_tab(self) -> str:
        html = element(self.get("/messages/mail-0/?show=source"), "#source")
        return unescape(html.partition("</pre>")[0])

    def test_a_long_source_is_cut(self):
        add_sent(self.journal, source(text="x" * 900 + "\n") * 400)
        self.assertLess(len(self.source_tab()), 300_000)
        self.assertIn("There is more: download it.", self.text("/messages/mail-0/?show=source"))

    def test_a_message_that_is_not_there(self):
        for url in ("/messages/none/", "/messages/none/preview/", "/inbox/none/source/"):
            self.assertIn("no longer kept", self.get(url, status=404))


class PreviewTests(PageTestCase):
    def preview(self, html: str) -> str:
        return previews.preview_of(source(html))

    def test_nothing_runs_and_nothing_is_loaded(self):
        add_sent(self.journal, source("<p>HTML</p>"))
        response = self.client.get("/messages/mail-0/preview/")
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in response["Content-Security-Policy"].split(";")
        )
        self.assertEqual(
            policy,
            {
                "default-src": "'none'",
                "img-src": "data:",
                "font-src": "data:",
                "style-src": "'unsafe-inline'",
                "base-uri": "'none'",
                "form-action": "'none'",
                "frame-ancestors": "'self'",
                "sandbox": "allow-popups allow-popups-to-escape-sandbox",
            },
        )
        self.assertEqual(response["X-Frame-Options"], "SAMEORIGIN")
        self.assertEqual(response["X-DNS-Prefetch-Control"], "off")
        self.assertEqual(response["X-Content-Type-Options"], "nosniff")
        self.assertEqual(response["Content-Type"], "text/html; charset=utf-8")

    def test_a_large_mail_is_prepared_once(self):
        add_sent(self.journal, source("<p>large</p>" * 1_000))
        with mock.patch.object(previews, "_with_images", return_value="HTML") as prepare:
            for _ in range(2):
                self.get("/messages/mail-0/preview/")
        self.assertEqual(prepare.call_count, 1)

    def test_embedded_images_are_shown(self):
        message = AnymailMessage("s", "t", "a@example.com", ["b@example.com"])
        cid = message.attach_inline_image(PNG, "cup.png", "png")
        message.attach_alternative(f'<img src="cid:{cid}"><img src="cid:other">', "text/html")
        add_sent(self.journal, message.message().as_bytes())
        html = self.get("/messages/mail-0/preview/")
        self.assertIn('<img src="data:image/png;base64,iVBOR', html)
        self.assertIn('<img src="cid:other">', html)

    def test_remote_images_are_loaded_for_who_asks(self):
        html = '<img src="https://a.example/1.png"><script src="https://a.example/1.js"></script>'
        add_sent(
            self.journal, source(f"{html}<p style='background: url(https://a.example/2.png)'>")
        )
        self.assertIn('href="?images=1&amp;show=html#content"', self.get("/messages/mail-0/"))
        page = self.get("/messages/mail-0/?images=1")
        self.assertIn('src="/messages/mail-0/preview/?images=1"', page)
        shown = "Remote images are loaded. Block remote images"
        self.assertIn(shown, readable(page))
        frame = self.client.get("/messages/mail-0/preview/?images=1")
        self.assertContains(frame, "https://a.example/1.png")
        self.assertContains(frame, "url(https://a.example/2.png)")
        policy = frame["Content-Security-Policy"].split("; ")
        self.assertIn("img-src data: http: https:", policy)
        self.assertEqual([rule for rule in policy if "http" in rule], [policy[1]])

    def test_remote_images_are_mentioned_only_if_there_are_any(self):
        for html, mentioned in (
            ('<img alt="" src="https://a.example/1.png">', True),
            ("<img src = '//a.example/1.png'>", True),
            ("<IMG SRC=HTTP://a.example/1.png>", True),
            ('<img src="x.png" srcset="cid:1 1x, https://a.example/2.png 2x">', True),
            ('<td background="http://a.example/1.png">', True),
            ("<p style='background: url( \"https://a.example/1.png\" )'>", True),
            ("<style>p { background: url(//a.example/1.png) }</style>", True),
            ('<a href="https://a.example/">https://a.example/1.png</a>', False),
            ('<img src="cid:1"><a href="https://a.example/">', False),
            ('<img src="data:image/png;base64,aa//aa==">', False),
            ("<p>src=</p>//<p>", False),
        ):
            with self.subTest(html):
                mail = add_sent(self.journal, source(html))
                shown = self.text(f"/messages/{mail.id}/")
                self.assertEqual("Remote images are blocked. Show" in shown, mentioned)
                self.assertIn("Full size", shown)

    def test_a_web_site_elsewhere_cannot_ask_for_remote_images(self):
        add_sent(self.journal, source('<img src="https://remote.example/1.png">'))
        for url in ("/messages/mail-0/?images=1", "/messages/mail-0/preview/?images=1"):
            answer = self.client.get(url, headers={"sec-fetch-site": "cross-site"})
            self.assertNotContains(answer, "preview/?images")
            self.assertNotIn("http:", answer["Content-Security-Policy"])

    def test_links_open_windows_that_know_nothing_of_the_mail(self):
        for tag, rest in (
            ("a", ' href="https://a.example/"'),
            ("A", "\nclass='x' HREF = https://a.example/"),
            ("a", ' target="_top" rel="opener" href="https://a.example/"'),
            ("a", ' title="2 > 1" href="https://a.example/?a<b"'),
            ("a", '/href="https://a.example/#part"'),
            ("area", ' data-href="#" href="https://a.example/"'),
            ("a", ' title="2 < 3" href="https://a.example/"'),
            ("a", f' href="https://a.example/{"x" * 3000}"'),
            ("a", ' xlink:href="https://a.example/"'),
        ):
            html = self.preview(f"<{tag}{rest}>link</{tag}>")
            self.assertIn(f"<{tag} target=_blank rel=noreferrer {rest}>", html)

    def test_links_to_a_place_in_the_mail_stay_in_the_mail(self):
        for rest in (' href="#part"', " HREF = ' #part'", " class=x href=#"):
            html = self.preview(f'<base target="_blank"><a{rest}>link</a>')
            self.assertIn(f"<a target=_self rel=noreferrer {rest}>", html)

    def test_links_that_are_scripts_open_no_window(self):
        self.assertIn("<a target=_self", self.preview('<a href="JavaScript:x()">link</a>'))

    def test_what_only_looks_like_a_link_breaks_nothing(self):
        html = self.preview('<img alt="<a href=x>" title=y><abbr href=x>')
        self.assertIn('<img alt="<a target=_blank rel=noreferrer  href=x>" title=y>', html)
        self.assertIn("<abbr href=x>", html)

    def test_the_doctype_stays_first(self):
        html = self.preview("\n<!DOCTYPE html>\n<p>HTML</p>")
        self.assertRegex(html, r"^\s*<!DOCTYPE html>")

    def test_a_mail_without_html_has_no_preview(self):
        add_sent(self.journal, source())
        self.get("/messages/mail-0/preview/", status=404)
        self.assertIn("This message has no HTML.", self.text("/messages/mail-0/?show=html"))

    def test_the_same_for_received_mail(self):
        add_received(self.journal, source("<script>x</script>"))
        response = self.client.get("/inbox/received-0/preview/")
        self.assertEqual(response["Content-Security-Policy"], previews.POLICY)

    def test_hostile_html_takes_no_more_than_linear_time(self):
        pieces = ("<a", "<a ", "href", " href=", "<img src=", "a-", "url(", "@import", "cid:")
        quoted = ('<img src="', '<a x="', "<a b='<a b=\"' c='\"")
        frames = [
            (f"<{piece}", piece, "") for piece in (*pieces, *quoted, "src=//", "url(//", "<a x=y ")
        ]
        for begin, end in (
            ("<img src", ">"),
            ("<a ", "href=#>"),
            ("<a href", "=#>"),
            ("<img src=", ">"),
            ("<img src='", ">"),
            ("url(", ")"),
        ):
            frames.append((begin, " ", end))
        for begin, unit, end in frames:
            with self.subTest(begin=begin, unit=unit):
                for read in (self.preview, previews.has_remote_images):
                    growth = cpu_growth(
                        lambda text, a=begin, b=end, f=read: f(a + text + b), unit, 10_000
                    )
                    self.assertLess(growth, 10)


class DownloadTests(PageTestCase):
    def download(self, kind: str, disposition: str = 'attachment; filename="x"') -> HttpResponse:
        sent = add_sent(self.journal, attached(kind, b"<script>x</script>", disposition))
        response = self.client.get(f"/messages/{sent.id}/files/1/")
        self.assertEqual(response.status_code, 200)
        return response

    def test_what_could_run_is_just_bytes(self):
        for kind in ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "x/y"):
            with self.subTest(kind):
                response = self.download(kind)
                self.assertEqual(response["Content-Type"], "application/octet-stream")
                self.assertTrue(response["Content-Disposition"].startswith("attachment"))
                self.assertIn("sandbox", response["Content-Security-Policy"])
                self.assertEqual(response["X-Content-Type-Options"], "nosniff")

    def test_harmless_types_stay(self):
        for kind in ("image/png", "text/csv", "application/pdf"):
            response = self.download(kind)
            self.assertEqual(response["Content-Type"], kind)
            self.assertTrue(response["Content-Disposition"].startswith("attachment"))

    def test_the_content_is_decoded(self):
        add_sent(self.journal, attached("text/plain\r\nContent-Transfer-Encoding: base64", b"dGVh"))
        response = self.client.get("/messages/mail-0/files/1/")
        self.assertEqual(response.content, b"tea")

    def test_file_names_are_made_safe(self):
        for name, safe in {
            'filename="../../etc/passwd"': 'attachment; filename="passwd"',
            "filename*=utf-8''%C3%BC.txt": "attachment; filename*=utf-8''%C3%BC.txt",
            "filename*=utf-8''a%0D%0AX-Y%3A%20z": 'attachment; filename="a X-Y: z"',
        }.items():
            response = self.download("text/plain", f"attachment; {name}")
            self.assertEqual(response["Content-Disposition"], safe)

    def test_attachments_are_listed(self):
        add_sent(self.journal, attached("text/html", b"<b>", 'attachment; filename="<b>.html"'))
        listed = element(self.get("/messages/mail-0/?show=files"), "#files")
        self.assertIn("&lt;b&gt;.html", listed)
        self.assertIn("text/html", listed)
        self.assertNotIn("<img", listed.partition("</ul>")[0])

    def test_only_images_that_cannot_run_are_shown(self):
        add_sent(self.journal, attached("image/svg+xml", b"<svg>"))
        add_sent(self.journal, attached("image/png", PNG))
        for id, is_shown in (("mail-0", False), ("mail-1", True)):
            shown = f'<img src="/messages/{id}/files/1/"' in self.get(f"/messages/{id}/?show=files")
            self.assertEqual(shown, is_shown)

    def test_an_attached_message_is_one_file(self):
        inner = attached("text/plain", b"x").replace(b"boundary=b", b"boundary=i")
        inner = inner.replace(b"--b", b"--i")
        add_sent(self.journal, attached("message/rfc822", inner))
        [file] = content_of(self.journal.sent()[0].raw).files
        self.assertEqual(file.content_type, "message/rfc822")

    def test_long_names_keep_their_extension(self):
        for name, expected in (
            (f"{'x' * 300}.pdf", f"{'x' * 196}.pdf"),
            ("x" * 300, "x" * 200),
        ):
            raw = attached("text/plain", b"x", f'attachment; filename="{name}"')
            self.assertEqual([file.name for file in content_of(raw).files], [expected])

    def test_a_number_that_no_mail_reaches_is_not_there(self):
        add_sent(self.journal)
        add_received(self.journal)
        for url in ("/messages/mail-0", "/inbox/received-0"):
            self.get(f"{url}/files/{'9' * 20}/", status=404)

    def test_the_body_is_no_attachment(self):
        add_sent(self.journal, attached("text/plain", b"x"))
        self.get("/messages/mail-0/files/0/", status=404)
        self.get("/messages/mail-0/files/2/", status=404)

    def test_the_same_for_received_mail(self):
        add_received(self.journal, attached("text/html", b"<script>"))
        response = self.client.get("/inbox/received-0/files/1/")
        self.assertEqual(response["Content-Type"], "application/octet-stream")


class HostileMailTests(PageTestCase):
    def look(self, raw: bytes) -> None:
        sent = add_sent(self.journal, raw)
        received = add_received(self.journal, raw)
        for view in VIEWS:
            self.get(f"/messages/{sent.id}/?show={view}")
            self.get(f"/inbox/{received.id}/?show={view}")
        self.client.get(f"/messages/{sent.id}/preview/")
        for file in content_of(raw).files[:3]:
            self.get_bytes(f"/messages/{sent.id}/files/{file.number}/")

    def get_bytes(self, url: str) -> None:
        self.assertEqual(self.client.get(url).status_code, 200)

    def test_mutations(self):
        for raw in mutations(seed=8, count=40):
            self.look(raw)
        self.get("/")
        self.get("/inbox/")

    def test_a_mail_of_nothing(self):
        for raw in (b"", b"\r\n\r\n", b"\x00", b"\xff\xfe", b":", b"Subject\r\n\r\nx"):
            self.look(raw)

    def test_bytes_that_are_no_text(self):
        raw = b"Subject: \xff\xfe\x00\r\nFrom: \xe9 <a@b>\r\nTo: =?x?q?=?=\r\n\r\n\xff\x00\x1b"
        self.look(raw)
        self.get("/")

    def test_thousands_of_parts(self):
        part = b"--b\r\nContent-Type: image/png\r\nContent-ID: <%d>\r\n\r\nx\r\n"
        parts = b"".join(part % number for number in range(10_000))
        self.look(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts)
        shown = self.text("/messages/mail-0/?show=files")
        self.assertRegex(shown, r"And \d+ more parts")

    def test_huge_headers(self):
        self.look(b"Subject: " + b"x" * 500_000 + b"\r\n" + b"X: y\r\n" * 20_000 + b"\r\nHello")
        self.assertLess(len(self.get("/messages/mail-0/?show=headers")), 200_000)
        self.assertLess(len(self.get("/")), 20_000)

    def test_html_in_headers_is_text(self):
        raw = b"Subject: <script>x</script>\r\nFrom: <script>y</script>\r\nX-Tag: <b>\r\n\r\n"
        self.look(raw)
        for url in ("/", "/messages/mail-0/?show=headers", "/inbox/", "/inbox/received-0/"):
            self.assertNotRegex(self.get(url), "<script>|<b>[^s]")


class ComposeTests(PageTestCase):
    FORM = {"from_email": "orders@tea.example", "to": "ann@example.com", "api": "v1"}

    def compose(self, **fields: Any) -> Any:
        return self.client.post("/compose/", {**self.FORM, **fields})

    def problems(self, **fields: Any) -> str:
        response = self.compose(**fields)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(getattr(mail, "outbox", []), [])
        return readable(element(response.content.decode(), "#problem"))

    def test_hostile_addresses_take_no_more_than_linear_time(self):
        def look(text: str) -> None:
            with suppress(ValidationError):
                AddressesField(required=False).clean(text + "x")

        for unit in (",", " ", ";", '"', " ,"):
            with self.subTest(unit):
                self.assertLess(cpu_growth(look, unit, 5_000), 10)

    def test_everything_that_was_written_is_sent(self):
        file = SimpleUploadedFile("tea.csv", b"a;b", "text/csv")
        other = SimpleUploadedFile("cup.png", PNG, "image/png")
        with self.sending():
            response = self.compose(
                to='"Töpfe, Tee; &" <ann@example.com>, bob@example.com,eve@example.com,',
                cc="cc@example.com",
                bcc="bcc@example.com",
                subject="Hello",
                text="one\r\ntwo",
                html="<p>HTML</p>",
                attachments=[file, other],
                tags="a, b,",
                metadata='{"order": "7", "name": "Ann"}',
            )
        self.assertRedirects(response, "/", fetch_redirect_response=False)
        [message] = mail.outbox
        to = ['"Töpfe, Tee; &" <ann@example.com>', "bob@example.com", "eve@example.com"]
        self.assertEqual(message.to, to)
        self.assertEqual((message.cc, message.bcc), (["cc@example.com"], ["bcc@example.com"]))
        self.assertEqual((message.subject, message.body), ("Hello", "one\ntwo"))
        self.assertEqual(message.alternatives[0], ("<p>HTML</p>", "text/html"))
        names = [(attachment[0], attachment[2]) for attachment in message.attachments]
        self.assertEqual(names, [("tea.csv", "text/csv"), ("cup.png", "image/png")])
        self.assertEqual(
            (message.tags, message.metadata), (["a", "b"], {"order": "7", "name": "Ann"})
        )

    def test_a_template_and_its_data_are_sent(self):
        self.amazon.templates = ["welcome"]
        with self.sending():
            self.compose(
                template_id="welcome",
                merge_data='{"ann@example.com": {"name": "Ann"}}',
                merge_global_data='{"shop": "Tea"}',
                metadata='{"nested": {"x": 1}}',
            )
        [message] = mail.outbox
        self.assertEqual(message.template_id, "welcome")
        self.assertEqual(message.merge_data, {"ann@example.com": {"name": "Ann"}})
        self.assertEqual(message.merge_global_data, {"shop": "Tea"})
        self.assertEqual(message.metadata, {"nested": {"x": 1}})

    def test_the_api_chooses_the_backend(self):
        for api, name in {"v1": "SES", "v2": "SESv2"}.items():
            other = "anymail.backends.console.EmailBackend"
            backends = {**dict.fromkeys(sending.BACKENDS, other), api: TEST_BACKEND}
            with mock.patch.dict(sending.BACKENDS, backends), self.subTest(name):
                mail.outbox = []
                self.compose(api=api)
                self.assertEqual(len(mail.outbox), 1)
        self.assertIn("amazon_sesv2", sending.BACKENDS["v2"])

    def test_an_attachment_may_be_empty(self):
        with self.sending():
            self.compose(attachments=[SimpleUploadedFile("nothing.txt", b"", "text/plain")])
        [message] = mail.outbox
        [attachment] = message.attachments
        self.assertEqual(tuple(attachment)[:2], ("nothing.txt", ""))

    def test_afterwards_the_message_is_shown(self):
        add_sent(self.journal, id="0")  # the id that the test backend gives
        with self.sending():
            response = self.compose()
        self.assertRedirects(response, "/messages/0/")

    def test_somebody_has_to_get_it(self):
        self.assertIn("To: Enter at least one recipient.", self.problems(to=" , "))

    def test_only_bcc_is_enough(self):
        with self.sending():
            self.compose(to="", bcc="ann@example.com")
        self.assertEqual(len(mail.outbox), 1)

    def test_what_cannot_be_understood_is_named(self):
        for field, value, problem in (
            ("to", "no address", "To: "),
            ("metadata", "just text", "Metadata: Enter a valid JSON."),
            ("metadata", '{"a": }', "Enter a valid JSON."),
            ("merge_data", "[1]", "Enter a JSON object"),
            ("merge_data", '{"ann@example.com": 1}', "Each address needs an object"),
            ("merge_global_data", "{", "Enter a valid JSON."),
            ("metadata", "[" * 100_000, "Enter a valid JSON."),
            *(
                ("metadata", f'{{"a": {number}}}', "Enter a valid JSON.")
                for number in ("NaN", "-Infinity", "1e999", "9" * 5_000)
            ),
            ("api", "v3", "API: "),
            ("from_email", "", "From: "),
        ):
            with self.subTest(field=field, value=value[:20]):
                self.assertIn(problem, self.problems(**{field: value}))

    def test_more_than_anybody_writes_into_a_line_is_refused_at_once(self):
        for name in ("to", "subject", "tags", "metadata"):
            with self.subTest(name):
                response = self.client.post("/compose/", {name: "ä," * 100_001})
                self.assertContains(response, "at most 200000 characters")

    def test_what_was_written_is_kept(self):
        response = self.compose(to="", cc="", subject="My <subject>", metadata="x")
        html = unescape(response.content.decode())
        self.assertIn('value="My <subject>"', html)
        self.assertIn(">\nx</textarea>", html)

    def test_an_error_of_the_backend_is_shown_next_to_the_form(self):
        error = AnymailAPIError("Daily quota exceeded.", error_code="Throttling")
        with self.sending(error):
            problem = self.problems(subject="Kept")
        self.assertIn("The message was not sent Throttling Daily quota exceeded.", problem)
        with self.sending(error):
            self.assertContains(self.compose(subject="Kept"), 'value="Kept"')

    @override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": CREDENTIALS})
    def test_a_line_break_in_a_header_is_an_error_like_others(self):
        self.assertIn("can't contain newlines", self.problems(subject="a\nb"))

    def test_recipients_that_were_left_out_are_named(self):
        status = {
            "ann@example.com": AnymailRecipientStatus("0", "sent"),
            "bob@example.com": AnymailRecipientStatus(
                None, "rejected", "Suppressed", "On the suppression list (complaint)."
            ),
        }
        answer = {"recipient_status": status}
        with self.sending(answer):
            response = self.compose(to="ann@example.com, bob@example.com")
        html = self.get(response.url)
        self.assertIn("bob@example.com On the suppression list (complaint).", readable(html))
        self.assertIn(SUPPRESSIONS, html)

    def test_a_message_that_goes_to_nobody_says_why(self):
        refused = AnymailRecipientStatus(None, "rejected", "Suppressed", "On the list.")
        answer = {"recipient_status": {"ann@example.com": refused}}
        with self.sending(answer):
            html = self.compose().content.decode()
        problem = element(html, "#problem")
        self.assertIn("ann@example.com On the list.", readable(problem))
        self.assertIn(SUPPRESSIONS, problem)

    def test_links_can_fill_the_form_in(self):
        html = self.get("/compose/?to=ann@example.com&from_email=eve@example.com")
        self.assertIn('value="ann@example.com"', html)
        self.assertNotIn("eve@example.com", html)

    def test_what_is_wrong_is_the_first_thing_that_is_read(self):
        for url, fields in (
            ("/compose/", {**self.FORM, "to": ""}),
            ("/inbox/receive/", {"to": ""}),
        ):
            html = self.client.post(url, fields).content.decode()
            self.assertIn("<title>Error: ", html)
            self.assertRegex(html, '<div [^>]*id="problem" tabindex="-1" autofocus')
            self.assertNotIn("Error: ", self.get(url))

    def test_a_sample_is_offered_beside_the_form(self):
        for url, action in {
            "/compose/": "/compose/sample/",
            "/inbox/receive/": "/inbox/sample/",
        }.items():
            self.assertIn(f'<form method="post" action="{action}"', self.get(url))

    def test_every_field_has_a_label(self):
        for url in ("/compose/", "/inbox/receive/", "/settings/"):
            html = self.get(url)
            ids = re.findall(r'<(?:input|textarea|select)[^>]* id="(id_\w+)"', html)
            wrapped = re.findall(r'<label><input[^>]* id="(id_\w+)"', html)
            for id in set(ids) - set(wrapped):
                self.assertIn(f'<label for="{id}">', html)

    def test_a_sample_has_everything(self):
        with self.sending():
            self.client.post("/compose/sample/")
        [message] = mail.outbox
        self.assertTrue(message.tags and message.metadata and message.attachments and message.bcc)

    def test_a_sample_that_is_refused_says_why(self):
        error = AnymailAPIError("Throttled.")
        with self.sending(error):
            response = self.client.post("/compose/sample/", follow=True)
        self.assertContains(response, "The sample was not sent. Throttled.")

    def test_a_sample_template_can_be_tried(self):
        self.amazon.templates = ["other", "welcome"]
        html = unescape(self.get("/compose/?template"))
        for filled in ('<option value="welcome" selected>', "the tea shop"):
            self.assertIn(filled, html)

    def test_a_sample_template_is_filled_in_for_everybody(self):
        fields = ComposeForm(templates=[]).fields
        data = fields["merge_global_data"].clean(samples.TEMPLATE_DATA["merge_global_data"])
        used = set(re.findall(r"{{(\w+)}}", "".join(samples.TEMPLATE.values())))
        self.assertEqual(set(data), used)


class AnswerTests(PageTestCase):
    """A form that is filled in when a recipient answers a message."""

    def form(self, url: str) -> dict[str, str]:
        """What the form says, as a browser would post it unless somebody changes it."""
        form = self.client.get(url).context["form"]
        return {field.name: field.value() or "" for field in form if field.name != "attachments"}

    def headers(self, raw: bytes) -> dict[str, str]:
        return {name: str(value) for name, value in content_of(raw).message.items()}

    def test_a_recipient_answers_and_the_answer_arrives(self):
        raw = source(
            text="How was it?\n\nBob",
            subject="Your tea",
            **{"Message-ID": "<2@ses>", "References": "<1@ses>", "Reply-To": "help@tea.example"},
        )
        add_sent(self.journal, raw)
        self.assertIn('href="/inbox/receive/?reply=mail-0"', self.get("/messages/mail-0/"))
        fields = self.form("/inbox/receive/?reply=mail-0")
        self.client.post("/inbox/receive/", {**fields, "text": "Good!" + fields["text"]})
        [(received, envelope)] = self.amazon.received
        self.assertEqual(envelope["sender"], "ann@example.com")
        self.assertEqual(envelope["recipients"], ["help@tea.example"])
        headers = self.headers(received)
        self.assertEqual(headers["In-Reply-To"], "<2@ses>")
        self.assertEqual(headers["References"], "<1@ses> <2@ses>")
        self.assertEqual(headers["Subject"], "Re: Your tea")
        text = content_of(received).text or ""
        self.assertRegex(text, r"^Good!\s+On .* Tea Shop .* wrote:\s+> How was it\?\s+>\s+> Bob")

    def test_what_is_no_longer_kept_cannot_be_answered(self):
        self.get("/inbox/receive/?reply=x", status=404)

    def test_headers_that_are_none_are_refused(self):
        response = self.client.post("/inbox/receive/", {"headers": "no header"})
        self.assertContains(response, "Enter one Name: value per line.")

    def test_any_message_can_be_answered(self):
        for raw in (b"", b"\xff\x00", b"From: <<\r\nSubject: =?x?q?\r\n\r\n", source("<b" * 50)):
            self.get(f"/inbox/receive/?reply={add_sent(self.journal, raw).id}")


class ApiTests(PageTestCase):
    """Messages as JSON, for end-to-end tests."""

    def json(self, path: str, status: int = 200, **headers: str) -> Any:
        response = self.client.get(f"/api/messages{path}", headers=headers)
        self.assertEqual(response.status_code, status)
        return response.json()

    def ids(self, query: str) -> list[str]:
        return [found["id"] for found in self.json(f"?{query}")["messages"]]

    def test_messages_are_listed_and_filtered(self):
        add_sent(self.journal, source(subject="Reset"), at=now() - timedelta(hours=1))
        add_sent(self.journal, source(subject="Welcome"), recipients=["Bob@example.com", "c@x.org"])
        self.assertEqual(self.ids(""), ["mail-1", "mail-0"])
        self.assertEqual(self.ids("to=bob@example.COM"), ["mail-1"])
        self.assertEqual(self.ids("to=example.com"), [])
        self.assertEqual(self.ids("subject=reset"), ["mail-0"])
        since = (now() - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
        self.assertEqual(self.ids(f"since={since}"), ["mail-1"])
        self.assertEqual(self.json("")["dropped"], 0)

    def test_a_misspelt_filter_is_an_error(self):
        error = self.json("?recipient=bob@example.com", 400)["error"]
        self.assertEqual(error, "Unknown parameter: recipient. Use to, subject, since, timeout.")

    def test_a_message_has_everything(self):
        order = samples.order()
        order.extra_headers["X-Metadata"] = '{"order": 1042}'
        sent = add_sent(self.journal, order.message().as_bytes(), parameters={"TenantName": "acme"})
        happen(self.journal, sent, "bounce")
        found = self.json("/mail-0")
        self.assertEqual(found["parameters"], {"TenantName": "acme"})
        self.assertEqual(found["subject"], "Zoë, your tea is on its way")
        self.assertEqual(found["outcomes"], {"bounced": ["ann@example.com"]})
        self.assertEqual(found["metadata"], {"order": 1042})
        self.assertIn("Zoë", found["text"])
        self.assertIn("<", found["html"])
        self.assertIn(["Reply-To", "support@tea.example"], found["headers"])
        [event] = found["events"]
        self.assertEqual((event["type"], event["recipients"]), ("Bounce", ["ann@example.com"]))
        for url in (found["url"], found["source_url"], found["attachments"][0]["url"]):
            self.assertEqual(self.client.get(url).status_code, 200)

    def test_a_message_that_is_not_there(self):
        self.assertIn("no message with this ID", self.json("/no", 404)["error"])
        self.assertEqual(self.client.delete("/api/messages/no").status_code, 404)

    def test_one_is_forgotten_and_all_are(self):
        client = Client(enforce_csrf_checks=True)
        for number in range(3):
            add_sent(self.journal, id=f"mail-{number}")
        add_received(self.journal)
        self.assertEqual(client.delete("/api/messages/mail-1").status_code, 204)
        self.assertEqual(self.ids(""), ["mail-2", "mail-0"])
        self.assertEqual(client.delete("/api/messages").status_code, 204)
        self.assertEqual(self.ids(""), [])
        self.assertEqual(len(self.journal.received()), 1)

    def test_waiting_ends_when_the_message_comes(self):
        add_sent(self.journal, source(subject="Reset"), at=now() - timedelta(hours=1))
        since = quote(now().isoformat())

        def send() -> None:
            add_sent(self.journal, source(subject="Something else"))
            add_sent(self.journal, source(subject="Reset", text="The new one"))

        timer = Timer(0.2, send)
        timer.start()
        self.addCleanup(timer.join)
        found = self.json(f"/wait?subject=reset&since={since}&timeout=60")
        self.assertEqual(found["text"].strip(), "The new one")

    def test_waiting_ends_when_the_time_is_over(self):
        add_sent(self.journal)
        error = self.json("/wait?to=bob@example.com&timeout=0.05", 404)["error"]
        self.assertEqual(error, "No such message arrived in time (timeout=0.05).")

    def test_parameters_that_make_no_sense(self):
        for query in ("timeout=x", "timeout=61", "timeout=-1", "since=yesterday"):
            self.assertIn(query.partition("=")[0], self.json(f"/wait?{query}", 400)["error"])

    @override_settings(ALLOWED_HOSTS=["127.0.0.1", "testserver"])
    def test_web_sites_elsewhere_are_refused(self):
        add_sent(self.journal)
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": "http://127.0.0.1:8000"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            for end in ("", "/mail-0", "/wait?timeout=0"):
                self.assertIn("other web sites", self.json(end, 403, **headers)["error"])
            for url in ("/api/messages", "/api/messages/mail-0"):
                self.assertEqual(self.client.delete(url, headers=headers).status_code, 403)
        self.assertIn("host name", self.json("", 400, host="evil.example")["error"])
        self.assertEqual(len(self.journal.sent()), 1)
        self.json("", **{"origin": "http://testserver", "sec-fetch-site": "same-origin"})


class InboxTests(PageTestCase):
    def test_a_row_says_what_who_and_how(self):
        add_received(self.journal, source(subject="A question"), action="S3, encrypted")
        row = self.text("/inbox/", "#rows")
        for said in ("A question", "Tea Shop", "support@tea.example", "S3, encrypted"):
            self.assertIn(said, row)

    def test_verdicts_are_words(self):
        add_received(self.journal, verdicts={**PASSED, "virus": "PROCESSING_FAILED"})
        for url in ("/inbox/", "/inbox/received-0/"):
            self.assertIn("irus processing failed", self.text(url))

    def test_only_verdicts_that_need_attention_are_in_the_list(self):
        add_received(self.journal, verdicts={**PASSED, "spam": "FAIL", "dkim": "DISABLED"})
        row = self.text("/inbox/", "#rows")
        self.assertIn("Spam fail", row)
        self.assertNotIn("Virus", row)
        self.assertNotIn("DKIM", row)

    def test_all_verdicts_are_on_the_page(self):
        add_received(self.journal, verdicts={**PASSED, "spam": "FAIL", "dmarc": "GRAY"})
        shown = self.text("/inbox/received-0/", "#badges")
        self.assertTrue(
            shown.startswith("Spam fail Virus pass SPF pass DKIM pass DMARC gray"), shown[:80]
        )

    def test_what_the_inbound_signal_brought(self):
        received = add_received(self.journal)
        event = SesEvent(kind="Received", document={}, topic_arns=[TOPIC])
        self.journal.add_event(received, event)
        self.journal.add_post(event, Post(sns_id="sns-2", topic_arn=TOPIC, url=WEBHOOK))
        heard = testing.inbound_event(event_id="sns-2", spam_detected=True)
        signals.inbound.send(sender=None, event=heard, esp_name="Amazon SES")
        shown = self.text("/inbox/received-0/", "#timeline")
        for said in ("inbound signal: inbound", "envelope_sender bob@example.net"):
            self.assertIn(said, shown)
        self.assertIn("spam_detected True", shown)
        self.assertIn("subject Hello", shown)
        self.assertIn("attachments \u2013", shown)

    def test_search(self):
        add_received(self.journal, source(subject="Where is my tea?"))
        self.assertIn("Where is my tea?", self.text("/inbox/?q=TEA"))
        self.assertIn("Nothing found for “coffee”", self.text("/inbox/?q=coffee"))

    def test_a_bounce_has_no_sender(self):
        add_received(self.journal, sender="")
        self.assertIn("empty, as in a bounce", self.text("/inbox/received-0/"))


class ReceiveTests(PageTestCase):
    WRITTEN = {"from_email": "Zoë <zoe@example.net>", "to": "support@tea.example"}

    def receive(self, **fields: Any) -> Any:
        return self.client.post("/inbox/receive/", fields)

    def problem(self, response: Any) -> str:
        self.assertEqual(self.amazon.received, [])
        return readable(element(response.content.decode(), "#problem"))

    def test_a_written_mail(self):
        file = SimpleUploadedFile("tea.csv", b"a;b", "text/csv")
        fields = {**self.WRITTEN, "subject": "Grüße", "text": "Hello\r\n", "attachments": [file]}
        response = self.receive(**fields)
        self.assertRedirects(response, "/inbox/received-0/")
        [(raw, options)] = self.amazon.received
        content = content_of(raw)
        self.assertEqual(content.message.subject, "Grüße")
        self.assertEqual(str(content.message.from_email), "Zoë <zoe@example.net>")
        self.assertEqual(content.text.rstrip() if content.text else None, "Hello")
        self.assertEqual([file.name for file in content.files], ["tea.csv"])
        self.assertNotRegex(raw, rb"[^\r]\n")
        self.assertEqual(options["sender"], "zoe@example.net")
        self.assertEqual(options["recipients"], ["support@tea.example"])
        self.assertEqual((options["rule"], options["verdicts"]), (None, PASSED))

    def test_files_may_be_empty_but_mails_may_not(self):
        file = SimpleUploadedFile("nothing.txt", b"")
        response = self.receive(file=SimpleUploadedFile("x.eml", b""))
        self.assertIn("The submitted file is empty.", self.problem(response))
        self.receive(**{**self.WRITTEN, "attachments": [file]})
        [(raw, _)] = self.amazon.received
        [listed] = content_of(raw).files
        self.assertEqual((listed.name, listed.size), ("nothing.txt", 0))

    def test_line_breaks_in_a_written_header(self):
        self.receive(**{**self.WRITTEN, "subject": "a\r\nBcc: eve@example.com"})
        [(raw, _)] = self.amazon.received
        self.assertNotIn(b"\r\nBcc:", raw)

    def test_a_pasted_source(self):
        self.receive(source="\n\nFrom: a@x.example\r\nTo: B <b@x.example>\n\ncaf\u00e9")
        [(raw, options)] = self.amazon.received
        self.assertEqual(raw, b"From: a@x.example\r\nTo: B <b@x.example>\r\n\r\ncaf\xc3\xa9")
        self.assertEqual(
            (options["sender"], options["recipients"]), ("a@x.example", ["b@x.example"])
        )

    def test_an_uploaded_file_arrives_as_it_is(self):
        raw = b"To: b@x.example\nSubject: \xff\xfe\n\n\x00"
        self.receive(file=SimpleUploadedFile("x.eml", raw), source="not this")
        self.assertEqual(self.amazon.received[0][0], raw)

    def test_the_envelope_wins_over_headers(self):
        envelope = {"sender": "bounce@x.example", "recipients": "c@x.example, D <d@x.example>"}
        self.receive(**self.WRITTEN, **envelope)
        [(_, options)] = self.amazon.received
        self.assertEqual(options["sender"], "bounce@x.example")
        self.assertEqual(options["recipients"], ["c@x.example", "d@x.example"])

    def test_rule_and_verdicts(self):
        self.receive(**self.WRITTEN, rule="s3", spam="FAIL", dmarc="GRAY")
        [(_, options)] = self.amazon.received
        self.assertEqual(options["rule"], "s3")
        self.assertEqual(options["verdicts"], {**PASSED, "spam": "FAIL", "dmarc": "GRAY"})

    def test_only_active_rules_are_offered(self):
        html = self.get("/inbox/receive/")
        self.assertIn('<option value="s3">', html)
        self.assertNotIn('<option value="off">', html)
        self.assertIn("Receipt rule", self.problem(self.receive(**self.WRITTEN, rule="off")))

    def test_a_mail_that_no_rule_takes(self):
        self.amazon.refusal = "No receipt rule takes it."
        response = self.receive(**self.WRITTEN, subject="Kept")
        self.assertIn("No receipt rule takes it.", self.problem(response))
        self.assertContains(response, 'value="Kept"')

    def test_what_is_missing_is_named(self):
        for fields in ({"source": "From: a@x.example\n\nHello"}, {**self.WRITTEN, "to": ""}):
            problem = self.problem(self.receive(**fields))
            self.assertIn("Envelope recipients: Enter at least one", problem)

    def test_a_sample(self):
        response = self.client.post("/inbox/sample/")
        self.assertRedirects(response, "/inbox/received-0/")
        self.assertEqual(len(content_of(self.amazon.received[0][0]).files), 1)

    def test_a_sample_that_no_rule_takes(self):
        self.amazon.refusal = "No receipt rule takes it."
        response = self.client.post("/inbox/sample/", follow=True)
        self.assertContains(response, "The sample was not received. No receipt rule takes it.")


class ProjectTests(PageTestCase):
    """Beside a project, nothing that is the sandbox's own passes for the project's."""

    def setUp(self) -> None:
        super().setUp()
        self.amazon.sites = ["http://127.0.0.1:8000"]

    def test_the_suppression_list_of_the_sandbox_is_not_there(self):
        self.assertNotIn("Feedback", self.text("/", "nav"))
        self.amazon.sites = None
        self.assertIn('href="/admin/anymail_feedback/"', element(self.get("/"), "nav"))

    def test_the_form_does_not_send_as_the_project_does(self):
        self.assertIn("Sent by this page, not by your project", self.text("/compose/"))

    def test_a_project_whose_site_was_not_named_is_told(self):
        add_sent(self.journal)
        for url in ("/", "/inbox/"):
            self.assertNotIn("--site", self.text(url))
        self.amazon.sites = []
        for url in ("/", "/inbox/", "/settings/"):
            self.assertIn("--site", self.text(url))


class WebhookTests(PageTestCase):
    """A webhook that does not take what it is told is seen wherever one looks."""

    def setUp(self) -> None:
        super().setUp()
        self.sent = add_sent(self.journal)
        self.post = Post(sns_id="sns-1", topic_arn=TOPIC, url=WEBHOOK)
        self.journal.add_post(happen(self.journal, self.sent, "delivery"), self.post)
        self.amazon.subscriptions = [subscription(WEBHOOK)]

    def answer(self, state: Any, **attempt: Any) -> None:
        self.journal.add_attempt(self.post, Attempt(**attempt), state)
        self.amazon.subscriptions[0].last_attempt = Attempt(**attempt)

    def test_one_that_is_dead(self):
        self.answer("retrying", status=None, error="Nothing listens there.")
        self.assertEqual(badges(self.get("/"), self.sent), ["delivered", "webhook retrying"])
        self.assertIn("is not receiving events: Nothing listens", self.text("/"))
        self.assertIn("failing Nothing listens there", self.text("/settings/", "#webhooks"))

    def test_one_that_refuses(self):
        self.answer("failed", status=403)
        self.assertEqual(badges(self.get("/"), self.sent), ["delivered", "webhook failed"])
        self.assertIn("failing it answered 403", self.text("/settings/", "#webhooks"))

    def test_one_that_is_there_again(self):
        self.answer("retrying", status=503)
        self.answer("delivered", status=200)
        self.assertEqual(badges(self.get("/"), self.sent), ["delivered"])
        self.assertIn("confirmed", self.text("/settings/", "#webhooks"))

    def test_one_that_refuses_a_received_mail(self):
        received = add_received(self.journal)
        event = SesEvent(kind="Received", document={}, topic_arns=[TOPIC])
        self.journal.add_event(received, event)
        self.journal.add_post(event, self.post)
        self.answer("failed", status=500)
        for url in ("/inbox/", "/inbox/received-0/"):
            self.assertIn("webhook failed", self.text(url))


class DroppedTests(PageTestCase):
    def test_mails_that_are_no_longer_kept_are_counted(self):
        self.journal = self.amazon.journal = Journal(keep=2)
        for number in range(5):
            add_sent(self.journal, id=f"mail-{number}")
            add_received(self.journal, id=f"received-{number}")
        for url in ("/", "/inbox/"):
            self.assertIn("3 older ones were dropped", self.text(url))
        self.client.post("/settings/empty/")
        self.assertNotIn("dropped", self.text("/"))


class SettingsTests(PageTestCase):
    def test_the_settings_are_shown(self):
        html = self.get("/settings/")
        self.assertIn(self.amazon.settings_text, unescape(html))

    def test_webhooks_and_their_state(self):
        silent = Attempt(status=None, error="Nothing listens there.")
        self.amazon.subscriptions = [
            subscription("http://sns:secret@127.0.0.1:8025/hook/"),
            subscription("http://127.0.0.1:8000/hook/", is_confirmed=False, last_attempt=silent),
        ]
        shown = self.text("/settings/", "#webhooks")
        self.assertIn("http://127.0.0.1:8025/hook/ ses-events confirmed", shown)
        self.assertIn("not confirmed yet Nothing listens there", shown)
        self.assertNotIn("secret", shown)

    def test_nothing_is_emptied_with_one_click(self):
        html = self.get("/settings/")
        before = html[: html.index('action="/settings/empty/"')]
        self.assertGreater(before.count("<details"), before.count("</details"))

    def test_everything_can_be_emptied(self):
        sent = add_sent(self.journal)
        happen(self.journal, sent, "send")
        add_received(self.journal)
        before = version()
        self.client.post("/settings/empty/")
        self.assertEqual((self.journal.sent(), self.journal.received()), ([], []))
        self.assertNotEqual(version(), before)


def break_down(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


urlpatterns = [path("broken/", break_down), path("", include("anymail.sandbox.urls"))]


class ErrorTests(PageTestCase):
    def test_there_is_nothing_here(self):
        self.assertIn("404 There is nothing here", readable(self.get("/no/", status=404)))

    def test_something_broke(self):
        client = Client(raise_request_exception=False)
        with override_settings(ROOT_URLCONF=__name__), self.assertLogs("django.request", "ERROR"):
            response = client.get("/broken/")
        self.assertContains(response, "Something broke", status_code=500)
        self.assertNotContains(response, "on purpose", status_code=500)

    @override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1_000)
    def test_more_than_the_sandbox_takes(self):
        response = self.client.post("/compose/", {"text": "x" * 2_000})
        self.assertContains(response, "Upload a file instead of pasting", status_code=400)

    def test_forms_that_cannot_be_read(self):
        client, form = Client(enforce_csrf_checks=True), "multipart/form-data"
        headers = {"x-csrftoken": client.get("/compose/").cookies["csrftoken"].value}
        for kind, status in (
            (form, 400),
            (f"{form}; boundary=\xff", 400),
            (f"{form}; boundary=b; charset=hex", 200),
            ("application/x-www-form-urlencoded; charset=utf-7", 200),
        ):
            for url, expected in (("/compose/", status), ("/no/", 404)):
                with self.subTest(kind, url=url):
                    body = b'--b\r\nContent-Disposition: form-data; name="to"\r\n\r\nx\r\n--b--\r\n'
                    response = client.generic("POST", url, body, kind, headers=headers)
                    self.assertEqual(response.status_code, expected)

    def test_pages_without_a_local_amazon(self):
        connect(None)
        self.get("/no/", status=404)

    def test_the_icon_that_browsers_ask_for(self):
        self.assertIn("favicon.svg", self.client.get("/favicon.ico")["Location"])


class StaticFilesTests(SimpleTestCase):
    def test_static_files_ask_for_nothing_from_elsewhere(self):
        folder = samples.FOLDER.parent / "page" / "static" / "anymail_sandbox"
        for file in folder.iterdir():
            text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            self.assertNotRegex(text, r"https?:|@import|//\w+\.\w", file.name)
